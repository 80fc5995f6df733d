"""Whatever Antom's answers do, till and ledger agree in the end (I7), with the real process.

Timers run at a twentieth of rules.md §2. The cases are sold one after the other and end at the
same time, each under faults of its own, so that all of them take as long as the slowest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tilld_client import CallError
from tilld_testkit.comparison import at_rest, in_history
from tilld_testkit.listener import listening
from tilld_testkit.shop import new_key, open_shop, sell, settled

# Answers may take so long that a slow machine turns no approval into a cancel.
TIMES = """
answer_within_s = 10
inquiry_every_s = 10
acknowledge_within_s = 300
cancel_for_s = 30
back_off_first_s = 1
back_off_max_s = 10
pay_in_flight_max_s = 60
"""


def fault(api, name, times=1, **more):
    """An entry of /_sim/faults; ``times`` None lasts."""
    lasts = {} if times is None else {"times": times}
    return {"api": api, "fault": name, **lasts, **more}


LOST = fault("pay", "answer lost after the debit")

PAID_AFTER_ALL = {
    "answer lost after the debit": [LOST],
    "cut after the debit": [fault("pay", "cut after the debit")],
    "5xx after the debit": [fault("pay", "5xx after the debit")],
    "U after the debit": [fault("pay", "U after the debit")],
    "cut in the answer": [fault("pay", "cut in the answer")],
    "truncated answer": [fault("pay", "truncated answer")],
    "garbage answer": [fault("pay", "garbage answer")],
    "not HTTP": [fault("pay", "not HTTP")],
    "huge answer": [fault("pay", "huge answer")],
    "dripping answer": [fault("pay", "dripping answer")],
    "wrong amount": [fault("pay", "wrong amount")],
    "wrong currency": [fault("pay", "wrong currency")],
    "missing amount": [fault("pay", "missing amount")],
    "unsigned": [fault("pay", "unsigned")],
    "badly signed": [fault("pay", "badly signed")],
    "tampered": [fault("pay", "tampered")],
    "late, before the first inquiry": [fault("pay", "late answer", after_s=0.1)],
    "late, after inquiries that know nothing": [
        fault("pay", "late answer", after_s=1.2),
        fault("inquiryPayment", "rate limit", None),
    ],
    "SYSTEM_ERROR, then SUCCESS": [fault("pay", "SYSTEM_ERROR then SUCCESS", after_s=0.7)],
    "order unknown to the first inquiry": [
        fault("pay", "U after the debit"),
        fault("inquiryPayment", "order unknown"),
    ],
    "inquiries unanswered, unsigned, of another amount": [
        fault("pay", "U after the debit"),
        fault("inquiryPayment", "no answer"),
        fault("inquiryPayment", "unsigned"),
        fault("inquiryPayment", "wrong amount"),
        fault("inquiryPayment", "5xx"),
    ],
}

NO_ANSWER = {
    "never processed": [fault("pay", "no answer")],
    "cut before": [fault("pay", "cut connection")],
    "5xx": [fault("pay", "5xx")],
    "4xx": [fault("pay", "4xx")],
    "redirected": [fault("pay", "redirect")],
    "too busy": [fault("pay", "rate limit")],
    "U for ever": [fault("pay", "U for ever")],
    "it arrives after the first cancel": [fault("pay", "late request", after_s=6.5)],
    "the customer pays after the cancel was sent": [
        fault("pay", "PROCESSING then SUCCESS after the cancel was sent")
    ],
    "inquiries without answer": [LOST, fault("inquiryPayment", "no answer", None)],
    "inquiries cut": [LOST, fault("inquiryPayment", "cut connection", None)],
    "inquiries refused": [
        LOST,
        fault("inquiryPayment", "result", None, code="ACCESS_DENIED", status="F"),
    ],
    "order unknown for ever": [LOST, fault("inquiryPayment", "order unknown", None)],
}

UNTRUSTED = {
    f"inquiries {name}": [LOST, fault("inquiryPayment", name, None)]
    for name in ("wrong amount", "wrong currency", "missing amount", "unsigned", "tampered")
}

DECLINED = {"declined": [fault("pay", "result", code="USER_BALANCE_NOT_ENOUGH", status="F")]}

CANCELS_REPEATED = {
    "cancel's answer lost": [fault("cancel", "answer lost after the debit")],
    "cancel not answered": [fault("cancel", "no answer")],
    "cancel cut after": [fault("cancel", "cut after the debit")],
    "cancel 5xx after": [fault("cancel", "5xx after the debit")],
    "cancel U after": [fault("cancel", "U after the debit")],
    "cancel unsigned": [fault("cancel", "unsigned")],
    "cancel badly signed": [fault("cancel", "badly signed")],
    "cancel garbage": [fault("cancel", "garbage answer")],
    "cancel SYSTEM_ERROR": [fault("cancel", "result", code="SYSTEM_ERROR", status="F")],
    "cancel order unknown": [fault("cancel", "order unknown", 2)],
    "cancel cut before": [fault("cancel", "cut connection", 2)],
}

CANCELS_REFUSED = {
    "window closed": [fault("cancel", "cancel window closed", None)],
    "window closed, refund's answer lost": [
        fault("cancel", "cancel window closed", None),
        fault("refund", "answer lost after the debit"),
    ],
    "window closed, refund refused": [
        fault("cancel", "cancel window closed"),
        fault("refund", "merchant balance not enough"),
    ],
    "merchant balance not enough": [fault("cancel", "merchant balance not enough", 2)],
    "order status invalid": [fault("cancel", "order status invalid", 2)],
    "no cancel answered for a minute": [fault("cancel", "rate limit", 9)],
}

CANCELLED_BY_THE_TILL = CANCELS_REPEATED | CANCELS_REFUSED
CASES = PAID_AFTER_ALL | NO_ANSWER | UNTRUSTED | DECLINED | CANCELLED_BY_THE_TILL


class Ended(NamedTuple):
    payment: dict[str, Any]
    history: list[dict[str, Any]]
    attention: int

    @property
    def states(self):
        return [view["state"] for view in self.history]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory, _one_simulator):
    how = {"scale": 0.05, "more": {"timing": TIMES}, "scanner": True}
    with open_shop(tmp_path_factory.mktemp("device"), _one_simulator, **how) as terminal:
        yield terminal


@pytest.fixture(scope="module")
def ended(terminal, _one_simulator):
    """Every case, sold under its faults and waited for until nothing is owed."""
    sim = _one_simulator
    sim.set_faults()
    with terminal.till() as till, listening(terminal.socket_path) as listener:
        sold = {name: _begin(terminal, till, listener, sim, name) for name in CASES}
        for name, key in sold.items():
            _carry_on(till, name, key)
        ids = {name: till.get(key)["payment"] for name, key in sold.items()}
        histories = {name: listener.until_settled(one) for name, one in ids.items()}
        sim.set_faults()
        return {
            name: Ended(till.get(key), histories[name], listener.attentions(ids[name]))
            for name, key in sold.items()
        }


def _begin(terminal, till, listener, sim, name):
    """The payment's id is known while it waits for its code: then its faults are set."""
    key = new_key()
    payment = till.start(key, f"order {name}", "EUR", 1250)["payment"]
    kept = sim.control("GET", "/_sim/faults")
    for one in kept:
        del one["used"]
    sim.set_faults(*kept, *({**one, "payment": payment} for one in CASES[name]))
    terminal.scanner.send(f"{sim.fresh_code()}\r\n".encode())
    listener.until(lambda event: set(listener.states(payment)) - {"waiting_for_code"})
    return key


def _carry_on(till, name, key):
    payment = till.wait({"key": key})
    if payment["state"] == "approved":
        if name in CANCELLED_BY_THE_TILL:
            till.cancel(key)
        else:
            till.acknowledge(payment)


@pytest.mark.parametrize("name", CASES)
def test_till_and_ledger_agree_when_nothing_is_owed(ended, simulator, name):
    end = ended[name]
    assert at_rest(end.payment, simulator) == []
    assert in_history([*end.history, end.payment]) == []


@pytest.mark.parametrize("name", PAID_AFTER_ALL)
def test_an_answer_that_is_lost_or_wrong_is_found_by_inquiry(ended, name):
    assert (ended[name].payment["state"], ended[name].payment["outcome"]) == ("paid", "paid")


@pytest.mark.parametrize("name", ["wrong amount", "unsigned", "badly signed", "tampered"])
def test_an_answer_that_can_not_be_trusted_raises_an_alarm(ended, name):
    assert ended[name].attention


@pytest.mark.parametrize("name", NO_ANSWER)
def test_without_a_result_it_is_cancelled_and_nobody_is_charged(ended, name):
    assert ended[name].payment["state"] == "cancelled"
    assert ended[name].payment["reason"]["code"] == "no_answer"
    assert "approved" not in ended[name].states


@pytest.mark.parametrize("name", UNTRUSTED)
def test_inquiries_that_can_not_be_trusted_for_ever_end_in_a_cancel(ended, name):
    assert ended[name].payment["state"] == "cancelled"
    assert ended[name].payment["reason"]["code"] == "unverified_answer"
    assert "approved" not in ended[name].states
    assert ended[name].attention


def test_a_signed_refusal_is_final_and_says_why(ended):
    declined = ended["declined"].payment
    assert (declined["state"], declined["settled"]) == ("failed", True)
    assert declined["reason"]["code"] == "declined"
    assert declined["reason"]["upstream_code"] == "USER_BALANCE_NOT_ENOUGH"


@pytest.mark.parametrize("name", CANCELS_REPEATED)
def test_a_cancel_is_repeated_until_antom_signs_it(ended, simulator, name):
    assert ended[name].payment["state"] == "cancelled"
    assert ended[name].payment["reason"]["code"] == "till_cancelled"
    assert simulator.payment(ended[name].payment["payment"])["bodies"]["cancel"] >= 2


def test_a_cancel_too_late_becomes_a_refund_of_the_whole_amount(ended, simulator):
    end = ended["window closed"]
    assert end.payment["state"] == "returned"
    assert end.payment["reason"]["code"] == "refunded_instead"
    assert "refunding" in end.states
    held = simulator.payment(end.payment["payment"])
    assert [move["kind"] for move in held["movements"]] == ["debit", "credit"]


def test_a_refund_whose_answer_is_lost_is_repeated_under_its_own_id(ended, simulator):
    end = ended["window closed, refund's answer lost"]
    assert end.payment["state"] == "returned"
    held = simulator.payment(end.payment["payment"])
    assert len(held["refunds"]) == 1
    assert held["bodies"]["refund"] == 2


def test_a_refused_refund_needs_a_person_and_the_cancel_goes_on(ended):
    end = ended["window closed, refund refused"]
    assert end.attention == 1
    assert end.states[-3:] == ["refunding", "needs_attention", "cancelled"]


@pytest.mark.parametrize("name", ["merchant balance not enough", "order status invalid"])
def test_a_refused_cancel_calls_a_person_once_and_is_repeated(ended, name):
    assert ended[name].attention == 1
    assert ended[name].states[-3:] == ["cancelling", "needs_attention", "cancelled"]


def test_a_cancel_without_answer_for_a_minute_is_queued_and_a_person_is_called_once(ended):
    end = ended["no cancel answered for a minute"]
    assert end.states[-3:] == ["cancelling", "cancel_queued", "cancelled"]
    assert end.attention == 1


def test_without_a_network_nothing_is_charged_and_the_same_code_pays_later(terminal, simulator):
    with terminal.till() as till, listening(terminal.socket_path) as listener:
        assert sell(till, simulator)["outcome"] == "paid"
        code = simulator.fresh_code()
        simulator.set_faults(fault("*", "refuse connections", None))
        unsent = till.wait(till.start(new_key(), "no network", "EUR", 100, code=code))
        assert (unsent["state"], unsent["reason"]["code"]) == ("failed", "not_sent")
        assert unsent["settled"]
        with pytest.raises(CallError) as refused:
            till.start(new_key(), "no network", "EUR", 100, code=code)
        assert (refused.value.code, refused.value.changed) == ("not_ready", "no")
        simulator.control_by_socket("PUT", "/_sim/faults", [])
        listener.until(lambda event: event.get("ready") == "yes")
        paid = till.wait(till.start(new_key(), "no network", "EUR", 100, code=code))
        assert till.acknowledge(paid)["outcome"] == "paid"
    assert simulator.payment(unsent["payment"]) == {}


def test_a_network_lost_in_mid_sale_leaves_a_cancel_that_goes_out_later(terminal, simulator):
    with terminal.till() as till, listening(terminal.socket_path) as listener:
        key = new_key()
        simulator.set_faults(LOST)
        payment = till.start(key, "mid-sale", "EUR", 4711, code=simulator.fresh_code())
        listener.until(lambda event: "inquiring" in listener.states(payment["payment"]))
        simulator.control_by_socket("PUT", "/_sim/faults", [fault("*", "refuse connections", None)])
        told = till.cancel(key)
        assert (told["outcome"], told["settled"]) == ("not_paid", False)
        assert told["reason"]["code"] == "till_cancelled"
        owed = till.call("queue.list")["entries"]
        assert [entry["payment"] for entry in owed] == [payment["payment"]]
        assert till.call("device.health")["owed"] == 1
        simulator.control_by_socket("PUT", "/_sim/faults", [])
        till.call("queue.flush")
        assert settled(till, told)["state"] == "cancelled"
    assert simulator.payment(payment["payment"])["debited"] == 4711
    assert simulator.owed(payment["payment"]) == 0
