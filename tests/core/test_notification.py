from tilld_core.notification import Notification, answer, weigh

US = "5Y0000000000000001"


class Sale:
    """What a payment's intent says, as far as a notification is compared with it."""

    currency = "EUR"
    amount_minor = 500


def notice(
    genuine: bool = True,
    client_id: str = US,
    status: str = "S",
    currency: str = "EUR",
    amount_minor: "int | None" = 500,
) -> Notification:
    return Notification(
        genuine,
        client_id,
        "P1",
        status,
        currency,
        amount_minor,
        "A1",
        "2026-11-22T10:30:06-08:00",
        "SUCCESS",
        "words",
    )


def test_a_verified_yes_of_our_amount_is_success() -> None:
    weight = weigh(notice(), US, Sale())
    assert (weight.event, weight.alarm) == ("success", "")
    assert weight.facts == {"antom_payment_id": "A1", "paid_at": "2026-11-22T10:30:06-08:00"}


def test_what_cannot_be_believed_changes_nothing_and_is_an_alarm() -> None:
    cases = (
        (notice(genuine=False), Sale(), "signature"),
        (notice(client_id="5Y0000000000000002"), Sale(), "merchant"),
        (notice(client_id=""), Sale(), "merchant"),
        (notice(), None, "id"),
        (notice(amount_minor=501), Sale(), "amount"),
        (notice(amount_minor=None), Sale(), "amount"),
        (notice(currency="USD"), Sale(), "amount"),
        (notice(currency=""), Sale(), "amount"),
    )
    for received, payment, alarm in cases:
        weight = weigh(received, US, payment)
        assert (weight.event, weight.facts, weight.alarm) == ("", {}, alarm)
        assert weight.reason


def test_a_forged_one_is_called_forged_whatever_else_is_wrong_with_it() -> None:
    forged = notice(genuine=False, client_id="other", amount_minor=1)
    assert weigh(forged, US, None).alarm == "signature"


def test_a_word_that_is_not_yes_only_triggers_an_inquiry() -> None:
    for status in ("F", "U", ""):
        for amount_minor in (500, 501, None):
            weight = weigh(notice(status=status, amount_minor=amount_minor), US, Sale())
            assert (weight.event, weight.alarm) == ("notified other", "")
            assert weight.facts == {"upstream_code": "SUCCESS", "message": "words"}


def test_a_word_that_is_not_yes_about_another_payment_triggers_nothing() -> None:
    assert weigh(notice(status="F"), US, None).event == ""
    assert weigh(notice(status="F", genuine=False), US, Sale()).event == ""
    assert weigh(notice(status="F", client_id="other"), US, Sale()).event == ""


def test_a_replay_weighs_the_same() -> None:
    assert weigh(notice(), US, Sale()) == weigh(notice(), US, Sale())


def test_facts_that_are_not_known_are_not_there() -> None:
    bare = Notification(True, US, "P1", "S", "EUR", 500)
    assert weigh(bare, US, Sale()).facts == {}


def test_antom_hears_yes_only_when_the_effect_is_durable() -> None:
    believed = (weigh(notice(), US, Sale()), weigh(notice(status="F"), US, Sale()))
    for weight in believed:
        assert answer(weight, True) == "S"
        assert answer(weight, False) == "U"


def test_antom_never_hears_yes_to_what_was_not_believed() -> None:
    for weight in (
        weigh(notice(genuine=False), US, Sale()),
        weigh(notice(client_id="other"), US, Sale()),
        weigh(notice(), US, None),
        weigh(notice(amount_minor=501), US, Sale()),
    ):
        assert answer(weight, True) == "U"
