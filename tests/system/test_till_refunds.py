"""Refunds as a till asks for them (till_socket.md §2 and §3, rules.md §4), real process."""

import pytest

from tilld_core.messages import REFUND_KEYS
from tilld_testkit.antomsim_process import merchant_of
from tilld_testkit.rpc import Rpc
from tilld_testkit.sales import paid
from tilld_testkit.shop import new_key, open_shop

STATES = {
    "refunding": ("pending", False),
    "refunded": ("refunded", True),
    "refused": ("not_refunded", True),
    "needs_attention": ("pending", False),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory, _one_simulator):
    folder = tmp_path_factory.mktemp("refunds") / "device"
    with open_shop(folder, _one_simulator, scale=0.05) as shop:
        yield shop


@pytest.fixture
def till(shop):
    with Rpc(shop.socket_path) as till:
        yield till


@pytest.fixture
def own_shop(tmp_path, simulator):
    more = {"timing": "cancel_for_s = 30\nback_off_first_s = 1\nback_off_max_s = 10"}
    with open_shop(tmp_path / "device", simulator, scale=0.05, more=more) as own_shop:
        yield own_shop


def eur(value):
    return {"currency": "EUR", "value": value}


def refund(till, done, key=None, **more):
    return till.ask("refund.start", key=key or new_key(), payment=done["payment"], **more)


def ended(till, told):
    """The refund when it is decided, every step checked."""
    check(told)
    while not told["decided"]:
        before = told["revision"]
        told = till.ask("refund.wait", key=told["key"], revision=before, timeout_s=20)
        assert told["revision"] > before, f"it stays {told['state']}"
        check(told)
    return told


def check(told):
    assert set(REFUND_KEYS) <= set(told)
    assert (told["outcome"], told["decided"]) == STATES[told["state"]]
    assert told["settled"] == told["decided"]
    if told["state"] == "refunded":
        assert told["refunded_at"][-6:] == "+01:00"
        assert told["antom_refund_id"]
    if told["state"] in ("refunded", "refused"):
        assert (told["reason"] is not None) == (told["state"] == "refused")
    else:
        assert told["reason"] is None or told["reason"]["code"] == "no_such_payment"


def returned(simulator, done):
    return simulator.payment(done["payment"])["returned"]


def test_a_refund_without_an_amount_gives_back_what_is_left(till, simulator):
    done = paid(till, simulator)
    first = ended(till, refund(till, done, amount=eur(250), reason="one was cold"))
    assert (first["state"], first["amount"]) == ("refunded", eur(250))
    assert till.ask("payment.get", key=done["key"])["refunded"] == eur(250)
    rest = ended(till, refund(till, done))
    assert rest["amount"] == eur(1000)
    told = till.ask("payment.get", key=done["key"])
    assert (told["state"], told["refunded"]) == ("paid", eur(1250))
    assert simulator.owed(done["payment"]) == 0


def test_a_refund_is_answered_at_once_and_waited_for(till, simulator):
    done = paid(till, simulator)
    begun = till.ask("refund.start", key=new_key(), payment_key=done["key"])
    assert (begun["state"], begun["payment"]) == ("refunding", done["payment"])
    told = till.ask("refund.wait", key=begun["key"], timeout_s=20)
    assert told["state"] == "refunded"
    assert till.ask("refund.get", refund=told["refund"]) == told
    assert till.ask("refund.wait", refund=told["refund"], revision=2**62, timeout_s=0) == told


def test_refunds_never_exceed_the_payment(till, simulator):
    done = paid(till, simulator)
    told = till.refused("refund.start", key=new_key(), payment=done["payment"], amount=eur(1251))
    assert (told["code"], told["payment"]) == ("refund_exceeds", done["payment"])
    assert "12.50 EUR" in told["message"]
    ended(till, refund(till, done, amount=eur(1000)))
    told = till.refused("refund.start", key=new_key(), payment=done["payment"], amount=eur(251))
    assert "2.50 EUR" in told["message"]
    ended(till, refund(till, done))
    assert till.refused("refund.start", key=new_key(), payment=done["payment"])["code"] == (
        "refund_exceeds"
    )


def test_an_open_refund_counts_against_the_amount(till, simulator):
    done = paid(till, simulator)
    simulator.set_faults({"api": "refund", "fault": "U for ever"})
    held = refund(till, done, amount=eur(1000))
    told = till.refused("refund.start", key=new_key(), payment=done["payment"], amount=eur(251))
    assert told["code"] == "refund_exceeds"
    simulator.set_faults()
    assert ended(till, held)["state"] == "refunded"


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ({"currency": "USD", "value": 1}, "bad_param"),
        ({"currency": "EUR", "value": 0}, "bad_param"),
        ({"currency": "EUR", "value": -1}, "bad_param"),
        ({"currency": "EUR", "value": 1.0}, "bad_param"),
    ],
)
def test_an_amount_that_cannot_be_refunded_is_bad_param(till, simulator, amount, code):
    done = paid(till, simulator)
    told = till.refused("refund.start", key=new_key(), payment=done["payment"], amount=amount)
    assert (told["code"], told["fields"]) == (code, ["amount"])


def test_the_same_key_is_the_same_refund(till, simulator):
    done = paid(till, simulator)
    key = new_key()
    first = ended(till, refund(till, done, key, amount=eur(250)))
    assert refund(till, done, key, amount=eur(250), reason="said otherwise") == first
    assert refund(till, done, key) == first
    again = till.ask("refund.start", key=key, payment=done["antom_payment_id"], amount=eur(250))
    assert again == first
    assert returned(simulator, done) == 250
    other = paid(till, simulator)
    for changes, fields in (
        ({"amount": eur(251), "payment": done["payment"]}, ["amount"]),
        ({"amount": eur(250), "payment": other["payment"]}, ["payment"]),
        ({"payment_key": other["key"]}, ["payment_key"]),
    ):
        told = till.refused("refund.start", key=key, **changes)
        assert (told["code"], told["fields"]) == ("key_mismatch", fields)


def test_only_a_paid_payment_can_be_refunded(till, simulator):
    key = new_key()
    till.ask("payment.cancel", key=key)
    assert till.refused("refund.start", key=new_key(), payment_key=key)["code"] == "not_paid"
    assert till.refused("refund.start", key=new_key(), payment_key=new_key())["code"] == "not_found"
    told = till.refused("refund.start", key=new_key())
    assert (told["code"], told["fields"]) == ("bad_param", ["payment", "payment_key"])


@pytest.mark.parametrize("call", ["get", "wait"])
def test_an_unknown_refund_is_not_found(till, call):
    assert till.refused(f"refund.{call}", key=new_key())["code"] == "not_found"
    assert till.refused(f"refund.{call}", refund="R1")["code"] == "not_found"
    assert till.refused(f"refund.{call}")["fields"] == ["refund", "key"]


def test_an_empty_balance_is_refused_and_a_new_key_may_try_again(till, simulator):
    done = paid(till, simulator)
    simulator.set_faults({"api": "refund", "fault": "merchant balance not enough", "times": 1})
    told = ended(till, refund(till, done))
    assert told["state"] == "refused"
    assert told["reason"]["upstream_code"] == "MERCHANT_BALANCE_NOT_ENOUGH"
    assert told["reason"]["message"].startswith("The refund was refused; no money went back.")
    assert refund(till, done, told["key"]) == told
    assert simulator.owed(done["payment"]) == 1250
    again = ended(till, refund(till, done))
    assert (again["state"], again["amount"]) == ("refunded", eur(1250))


def test_a_refund_of_which_nothing_was_sent_is_refused(own_shop, simulator):
    with Rpc(own_shop.socket_path) as till:
        done = paid(till, simulator)
    simulator.set_faults({"api": "*", "fault": "refuse connections"})
    own_shop.kill()  # so that no connection is left on which a byte could leave
    own_shop.start()
    with Rpc(own_shop.socket_path) as till:
        told = ended(till, refund(till, done))
        assert (told["state"], told["reason"]["code"]) == ("refused", "not_sent")
        simulator.control_by_socket("PUT", "/_sim/faults", [])
        assert ended(till, refund(till, done))["state"] == "refunded"
        assert simulator.owed(done["payment"]) == 0


def test_a_lost_answer_is_found_again_after_kill_9_and_refunded_once(own_shop, simulator):
    with Rpc(own_shop.socket_path) as till:
        done = paid(till, simulator)
        simulator.set_faults({"api": "refund", "fault": "answer lost after the debit"})
        begun = refund(till, done, amount=eur(300))
        wait = f"/_sim/payments?payment={done['payment']}"
        assert begun["state"] == "refunding"
        till.ask("events.subscribe", topics=["attention"])
        till.event(lambda event: event.get("refund") == begun["refund"])  # a person is called
        assert till.ask("refund.get", key=begun["key"])["state"] == "refunding"
        assert simulator.control("GET", wait)[0]["returned"] == 300
    own_shop.kill()
    own_shop.start()
    with Rpc(own_shop.socket_path) as till:
        told = ended(till, till.ask("refund.get", key=begun["key"]))
        assert (told["state"], told["refund"]) == ("refunded", begun["refund"])
        assert refund(till, done, begun["key"], amount=eur(300)) == told
        assert returned(simulator, done) == 300
        assert till.ask("payment.get", key=done["key"])["refunded"] == eur(300)


@pytest.mark.parametrize("refusal", ["order unknown", "order status invalid"])
def test_a_refused_repeat_is_no_refused_refund_while_the_first_may_have_been_done(
    own_shop, simulator, refusal
):
    with Rpc(own_shop.socket_path) as till:
        done = paid(till, simulator)
        simulator.set_faults(
            {"api": "refund", "fault": "U after the debit", "times": 1},
            {"api": "refund", "fault": refusal, "times": 1},
        )
        told = ended(till, refund(till, done, amount=eur(300)))
        assert told["state"] == "refunded"
        assert returned(simulator, done) == 300


def test_a_refund_without_an_answer_calls_a_person_and_goes_on_under_its_id(own_shop, simulator):
    with Rpc(own_shop.socket_path) as till:
        till.ask("events.subscribe", topics=["attention", "refund.changed"])
        done = paid(till, simulator)
        simulator.set_faults({"api": "refund", "fault": "rate limit"})
        begun = refund(till, done)
        called = till.event(lambda event: event["event"] == "attention")
        assert called["refund"] == begun["refund"]
        simulator.set_faults()
        told = ended(till, till.ask("refund.get", key=begun["key"]))
        assert told["state"] == "refunded"
        changed = till.event(
            lambda event: event["event"] == "refund.changed" and event["refund"]["decided"]
        )
        assert changed["refund"] == told
        assert returned(simulator, done) == 1250


def test_a_payment_of_another_device_is_inquired_first_and_needs_an_amount(till, simulator):
    with merchant_of(simulator) as elsewhere:
        request_id, answer = elsewhere.pay()
    told = till.refused("refund.start", key=new_key(), payment=request_id)
    assert (told["code"], told["fields"]) == ("bad_param", ["amount"])
    for named in (request_id, answer["paymentId"]):
        begun = till.ask("refund.start", key=new_key(), payment=named, amount=eur(400))
        assert begun["payment"] == named
        assert ended(till, begun)["state"] == "refunded"
    assert simulator.payment(request_id)["returned"] == 800
    begun = till.ask("refund.start", key=new_key(), payment=request_id, amount=eur(400))
    assert ended(till, begun)["reason"]["upstream_code"] == "REFUND_AMOUNT_EXCEED"


def test_refunds_are_listed_newest_first_by_payment_and_openness(till, simulator):
    done = paid(till, simulator)
    parts = [ended(till, refund(till, done, amount=eur(100)))["refund"] for _ in range(3)]
    page = till.ask("refund.list", payment=done["payment"], limit=2)
    assert [one["refund"] for one in page["refunds"]] == parts[:0:-1]
    rest = till.ask("refund.list", payment=done["antom_payment_id"], cursor=page["next"])
    assert [one["refund"] for one in rest["refunds"]] == parts[:1]
    assert rest["next"] is None
    assert till.ask("refund.list", payment=done["payment"], open=True)["refunds"] == []
    assert till.ask("refund.list", payment="nobody")["refunds"] == []


def test_a_refund_has_a_receipt_once_it_is_confirmed(till, simulator):
    done = paid(till, simulator)
    told = ended(till, refund(till, done, amount=eur(250)))
    receipt = till.ask("receipt.get", refund=told["refund"])
    assert (receipt["fields"]["kind"], receipt["fields"]["amount"]) == ("refund", "2.50 EUR")
    simulator.set_faults({"api": "refund", "fault": "merchant balance not enough", "times": 1})
    refused = ended(till, refund(till, done))
    assert till.refused("receipt.get", refund=refused["refund"])["code"] == "not_paid"


def test_a_refund_that_antom_disputes_needs_a_person_and_is_still_finished(own_shop, simulator):
    with Rpc(own_shop.socket_path) as till:
        done = paid(till, simulator)
        dispute = {"fault": "result", "code": "REPEAT_REQ_INCONSISTENT", "status": "F"}
        simulator.set_faults({"api": "refund", "times": 1, **dispute})
        till.ask("events.subscribe", topics=["refund.changed"])
        begun = refund(till, done)
        till.event(lambda event: event["refund"]["state"] == "needs_attention")
        told = ended(till, till.ask("refund.get", key=begun["key"]))
        assert told["state"] == "refused"  # Antom, asked, says that it has failed
        assert simulator.owed(done["payment"]) == 1250


def test_a_number_that_antom_does_not_know_is_said_at_once_and_refused_in_the_end(till, simulator):
    told = till.ask("refund.start", key=new_key(), payment="nothing", amount=eur(100))
    assert told["refund"] in till.ask("report.get")["open_refunds"]
    while not told["reason"]:
        seen = told["revision"]
        told = till.ask("refund.wait", key=told["key"], revision=seen, timeout_s=20)
        assert told["revision"] > seen
    assert (told["state"], told["reason"]["code"]) == ("refunding", "no_such_payment")
    assert told["reason"]["upstream_code"] == "ORDER_NOT_EXIST"
    told = ended(till, told)
    assert (told["state"], told["reason"]["code"]) == ("refused", "no_such_payment")
    assert told["refund"] not in till.ask("report.get")["open_refunds"]
