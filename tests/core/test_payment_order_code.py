from tilld_core import payment
from tilld_core.ledger import entry_of
from tilld_core.limits import Timing
from tilld_testkit.walk import ANTOM_ID, Walk

TEXT = "https://gqr.alipay.com/281017040012"
ISSUED = ("code issued", {"order_code": TEXT, "antom_payment_id": ANTOM_ID, "pay_closed": True})
S = ("success", {"antom_payment_id": ANTOM_ID})


def asking(timing: "Timing | None" = None) -> Walk:
    sale = Walk(timing)
    sale.payment.by = payment.ORDER_CODE
    return sale.hear("start order code")


def showing() -> Walk:
    return asking().hear(ISSUED)


def test_an_order_code_is_durable_before_it_is_asked_for_and_needs_no_scanner() -> None:
    sale = asking()
    assert sale.state == payment.PAYING
    assert sale.done == ["note intent", "send pay", "wait answer", "tell till"]


def test_a_code_that_is_issued_is_shown_and_never_approves() -> None:
    for begun in (asking(), asking().deadline()):
        sale = begun.hear(ISSUED)
        assert sale.state == payment.SHOWING
        assert sale.payment.order_code == TEXT
        assert sale.done[-2:] == ["wait inquiry", "tell till"]
        assert sale.state in payment.UNDECIDED


def test_only_a_later_success_approves_and_the_code_is_taken_away() -> None:
    sale = showing().hear(S)
    assert sale.state == payment.APPROVED
    assert sale.payment.order_code == ""
    assert sale.hear("acknowledge").state == payment.PAID


def test_it_is_asked_for_every_three_seconds_until_the_codes_time_is_over() -> None:
    sale = asking().wait(1000).hear(ISSUED)
    told = sale.payment.revision
    while sale.state == payment.SHOWING:
        sale.deadline()
    assert sale.now_ms == 5000 + sale.timing.order_code_within_ms
    assert sale.inquiries() == 39  # at 4, 7, … 118 s; at 120 s it is given up
    assert (sale.state, sale.payment.reason) == (payment.CANCELLING, "no_answer")
    assert sale.payment.message == payment.NOBODY_PAID
    assert sale.payment.revision == told + 1  # no inquiry is news for the till


def test_the_time_left_is_the_codes_and_the_acknowledgements() -> None:
    sale = asking()
    assert sale.payment.code_until_ms == sale.now_ms + 120000
    assert sale.payment.decides_by_ms == sale.now_ms + 180000
    assert sale.payment.code_expires_s == sale.payment.created_at_s + 121
    sale.hear(ISSUED)
    assert sale.payment.decides_by_ms == sale.now_ms + 180000


def test_a_faster_clock_makes_the_codes_life_shorter() -> None:
    sale = asking(Timing().scaled(0.01))
    assert sale.payment.code_until_ms == sale.now_ms + 1200
    assert sale.payment.code_expires_s == sale.payment.created_at_s + 3


def test_a_shown_code_ends_each_way() -> None:
    for event, state, reason in (
        ("fail", payment.FAILED, "declined"),
        ("closed", payment.CANCELLED, "cancelled_by_gateway"),
        ("inquiry refused", payment.CANCELLING, "no_answer"),
        ("till cancel", payment.CANCELLING, "till_cancelled"),
    ):
        sale = showing().hear(event)
        assert (sale.state, sale.payment.reason) == (state, reason)
        assert sale.payment.order_code == ""


def test_news_that_decides_nothing_leaves_the_code_and_its_pace_alone() -> None:
    sale = showing()
    before_ms, told = sale.payment.deadline_ms, sale.payment.revision
    sale.wait(500).hear("undecided", "notified other")
    assert (sale.state, sale.payment.deadline_ms) == (payment.SHOWING, before_ms)
    assert sale.payment.revision == told


def test_a_restart_cancels_what_was_shown_and_flash_knows_no_code() -> None:
    sale = showing()
    assert TEXT not in str(sale.flash + sale.marks)
    assert TEXT not in str([entry_of(kind, sale.payment) for kind in ("intent", "cancel")])
    sale.power_cut()
    assert (sale.state, sale.payment.reason) == (payment.CANCELLING, "restarted")
    assert sale.payment.by == payment.ORDER_CODE


def test_a_code_whose_answer_is_lost_is_inquired_and_cancelled_without_being_shown() -> None:
    sale = asking().hear(("unknown", {"pay_closed": True})).inquire_to_the_last().deadline()
    assert (sale.state, sale.payment.reason) == (payment.CANCELLING, "no_answer")
    assert "wait inquiry" in sale.done
    assert sale.payment.order_code == ""


def test_a_code_that_is_issued_after_the_decision_is_not_shown() -> None:
    for begun in (asking().hear("till cancel"), asking().deadline().hear("fail")):
        state, told = begun.state, begun.payment.revision
        begun.hear(ISSUED)
        assert (begun.state, begun.payment.revision) == (state, told)
        assert begun.payment.order_code == ""


def test_a_payment_by_a_late_code_in_the_instant_of_the_cancel_is_cancelled() -> None:
    for first, second in ((S, "till cancel"), ("till cancel", S)):
        sale = showing().hear(first, second)
        assert (sale.state, sale.payment.reason) == (payment.CANCELLING, "till_cancelled")
        assert sale.next_try().hear("cancel done").state == payment.CANCELLED


def test_a_code_that_antom_has_named_is_never_proven_not_to_exist() -> None:
    sale = showing().hear("till cancel").wait(10**6).next_try().hear("no such order")
    assert sale.state == payment.CANCELLING
