"""What tills do, well or badly, and what becomes of the money (till_socket.md §3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tilld_client import CallError
from tilld_testkit.comparison import at_rest
from tilld_testkit.listener import listening
from tilld_testkit.rpc import Refusal, Rpc
from tilld_testkit.sales import body
from tilld_testkit.shop import new_key, open_shop, sell, settled

TIMES = "acknowledge_within_s = 20\npay_in_flight_max_s = 60"
UNANSWERED = {"api": "pay", "fault": "answer lost after the debit"}


@pytest.fixture(scope="module")
def terminal(tmp_path_factory, _one_simulator):
    how = {"scale": 0.05, "more": {"timing": TIMES}, "scanner": True}
    with open_shop(tmp_path_factory.mktemp("device"), _one_simulator, **how) as terminal:
        yield terminal


@pytest.fixture
def till(terminal, simulator):
    with terminal.till() as till:
        yield till


@pytest.fixture
def listener(terminal, simulator):
    with listening(terminal.socket_path) as listener:
        yield listener


def approved(till, simulator, key):
    code = simulator.fresh_code()
    payment = till.wait(till.start(key, f"order {key}", "EUR", 1250, code=code))
    assert payment["state"] == "approved"
    return payment


def scan(terminal, simulator):
    terminal.scanner.send(f"{simulator.fresh_code()}\r\n".encode())


def test_an_approval_that_is_never_acknowledged_is_cancelled(till, simulator):
    key = new_key()
    end = settled(till, approved(till, simulator, key))
    assert (end["state"], end["reason"]["code"]) == ("cancelled", "not_acknowledged")
    assert at_rest(end, simulator) == []
    late = till.acknowledge(end)
    assert (late["state"], late["reason"]["code"]) == ("cancelled", "not_acknowledged")


def test_an_acknowledgement_may_be_repeated_and_says_the_same(till, simulator):
    key = new_key()
    payment = approved(till, simulator, key)
    assert till.acknowledge(payment) == till.acknowledge(payment) == till.get(key)
    assert at_rest(till.get(key), simulator) == []


def test_an_acknowledgement_counts_only_for_an_approval(till, terminal, simulator):
    key = new_key()
    waiting = till.start(key, "A-1", "EUR", 100)
    with pytest.raises(CallError, match="not_approved"):
        till.acknowledge(waiting)
    with pytest.raises(CallError, match="not_found"):
        till.acknowledge({"key": new_key()})
    simulator.set_faults(UNANSWERED)
    scan(terminal, simulator)
    before = till.call("payment.wait", key=key, revision=waiting["revision"], timeout_s=20)
    assert before["state"] in ("paying", "inquiring")
    with pytest.raises(CallError, match="not_approved"):
        till.acknowledge(before)
    assert till.wait(before)["state"] == "approved"
    assert settled(till, till.cancel(key))["state"] == "cancelled"


def test_a_cancel_while_it_waits_for_a_code_sends_nothing(till, simulator):
    key = new_key()
    waiting = till.start(key, "A-2", "EUR", 100)
    end = till.cancel(key)
    assert (end["state"], end["reason"]["code"]) == ("failed", "till_cancelled")
    assert end["settled"]
    assert simulator.payment(waiting["payment"]) == {}


def test_a_cancel_while_antom_is_asked_takes_back_what_was_charged(till, simulator):
    simulator.set_faults(UNANSWERED)
    key = new_key()
    payment = till.start(key, "A-3", "EUR", 100, code=simulator.fresh_code())
    assert payment["outcome"] == "pending"
    told = till.cancel(key)
    assert (told["outcome"], told["reason"]["code"]) == ("not_paid", "till_cancelled")
    end = settled(till, told)
    assert end["state"] == "cancelled"
    assert at_rest(end, simulator) == []


def test_a_cancel_of_an_approval_takes_it_back(till, simulator):
    key = new_key()
    payment = approved(till, simulator, key)
    end = settled(till, till.cancel(key))
    assert (end["state"], end["reason"]["code"]) == ("cancelled", "till_cancelled")
    assert simulator.payment(payment["payment"])["debited"] == 1250
    assert at_rest(end, simulator) == []
    assert till.cancel(key) == end


def test_a_paid_payment_is_not_cancelled_but_refunded(till, simulator):
    paid = sell(till, simulator)
    with pytest.raises(CallError, match="already_paid") as refused:
        till.cancel(paid["key"])
    assert refused.value.payment == paid["payment"]
    assert at_rest(till.get(paid["key"]), simulator) == []
    assert "cancel" not in simulator.payment(paid["payment"])["bodies"]


def test_a_cancel_that_overtakes_its_start_closes_the_key(till, simulator):
    key = new_key()
    closed = till.cancel(key)
    assert (closed["state"], closed["reason"]["code"]) == ("failed", "cancelled_before_start")
    started = till.start(key, "A-4", "EUR", 100, code=simulator.fresh_code())
    assert started["payment"] == closed["payment"]
    assert started["outcome"] == "not_paid"


def test_acknowledge_and_cancel_in_one_instant_give_one_answer(terminal, simulator):
    with (
        terminal.till() as one,
        terminal.till() as other,
        ThreadPoolExecutor(2) as together,
    ):
        for _ in range(5):
            payment = approved(one, simulator, new_key())
            accepted = together.submit(one.acknowledge, payment)
            refused = together.submit(_cancel, other, payment["key"])
            told = accepted.result()
            assert told["outcome"] == refused.result()
            assert at_rest(settled(one, told), simulator) == []


def _cancel(till, key):
    try:
        return till.cancel(key)["outcome"]
    except CallError as error:
        return {"already_paid": "paid"}[error.code]


def test_a_till_that_leaves_before_the_scan_gives_the_scanner_up(terminal, simulator, listener):
    with terminal.till() as leaver:
        waiting = leaver.start(new_key(), "A-5", "EUR", 100)
    end = listener.until_settled(waiting["payment"])[-1]
    assert (end["state"], end["reason"]["code"]) == ("failed", "till_left")
    assert simulator.payment(waiting["payment"]) == {}


def test_a_second_till_that_names_the_key_keeps_the_scanner_armed(terminal, simulator, till):
    key = new_key()
    with terminal.till() as leaver:
        leaver.start(key, "A-6", "EUR", 100)
        till.get(key)
    # twice the time after which a till that left gives it up
    waiting = till.call("payment.wait", key=key, timeout_s=1)
    assert waiting["state"] == "waiting_for_code"
    scan(terminal, simulator)
    assert till.acknowledge(till.wait(waiting))["outcome"] == "paid"


def test_a_till_that_leaves_after_the_scan_is_replaced_by_its_key(
    terminal, simulator, till, listener
):
    key = new_key()
    with terminal.till() as leaver:
        waiting = leaver.start(key, "A-7", "EUR", 100)
        scan(terminal, simulator)
        listener.until(lambda event: "paying" in listener.states(waiting["payment"]))
    taken_over = till.wait(till.start(key, "A-7", "EUR", 100))
    assert taken_over["payment"] == waiting["payment"]
    paid = till.acknowledge(taken_over)
    assert paid["outcome"] == "paid"
    assert at_rest(paid, simulator) == []


def test_a_till_that_leaves_after_the_scan_for_good_charges_nobody(terminal, simulator, listener):
    with terminal.till() as leaver:
        payment = approved(leaver, simulator, new_key())
    end = listener.until_settled(payment["payment"])[-1]
    assert (end["state"], end["reason"]["code"]) == ("cancelled", "not_acknowledged")
    assert at_rest(end, simulator) == []


def test_one_key_started_by_two_tills_at_once_is_one_payment(terminal, simulator):
    key = new_key()
    codes = [simulator.fresh_code(), simulator.fresh_code()]
    with terminal.till() as one, terminal.till() as other, ThreadPoolExecutor(2) as together:
        starts = [
            together.submit(till.start, key, "A-8", "EUR", 100, code=code)
            for till, code in zip((one, other), codes, strict=True)
        ]
        payments = {start.result()["payment"] for start in starts}
        assert len(payments) == 1
        paid = one.acknowledge(one.wait({"key": key}))
    assert at_rest(paid, simulator) == []


def test_a_key_with_another_body_is_refused_naming_what_differs(till, simulator):
    paid = sell(till, simulator, 1250, "A-9")
    with pytest.raises(CallError) as refused:
        till.start(paid["key"], "A-10", "EUR", 1251)
    assert (refused.value.code, refused.value.fields) == ("key_mismatch", ["order_ref", "amount"])


def test_an_order_is_paid_once_unless_the_till_splits_it(till, simulator):
    key = new_key()
    undecided = till.start(key, "A-11", "EUR", 600, code=simulator.fresh_code())
    with pytest.raises(CallError) as busy:
        till.start(new_key(), "A-11", "EUR", 600, code=simulator.fresh_code())
    assert (busy.value.code, busy.value.payment) == ("order_busy", undecided["payment"])
    assert till.acknowledge(till.wait(undecided))["outcome"] == "paid"
    with pytest.raises(CallError) as again:
        till.start(new_key(), "A-11", "EUR", 400, code=simulator.fresh_code())
    assert (again.value.code, again.value.payment) == ("order_paid", undecided["payment"])
    code = simulator.fresh_code()
    rest = till.wait(till.start(new_key(), "A-11", "EUR", 400, code=code, split=True))
    assert till.acknowledge(rest)["outcome"] == "paid"


def test_the_next_sale_may_start_while_a_cancel_is_owed(till, simulator):
    simulator.set_faults({"api": "cancel", "fault": "rate limit"})
    owing = till.cancel(approved(till, simulator, new_key())["key"])
    assert not owing["settled"]
    assert sell(till, simulator)["outcome"] == "paid"
    assert till.call("device.health")["owed"] == 1
    simulator.set_faults()
    till.call("queue.flush")
    assert settled(till, owing)["state"] == "cancelled"


def test_a_terminal_that_acknowledges_by_itself_is_paid_at_once(tmp_path, simulator):
    more = {"till": 'acknowledge = "auto"'}
    with open_shop(tmp_path / "auto", simulator, more=more) as terminal, terminal.till() as till:
        code = simulator.fresh_code()
        payment: dict[str, Any] = till.start(new_key(), "A-12", "EUR", 100, code=code)
        while not payment["decided"]:
            payment = till.call(
                "payment.wait", key=payment["key"], revision=payment["revision"], timeout_s=20
            )
        assert payment["outcome"] == "paid"
        assert till.acknowledge(payment) == payment
        assert at_rest(payment, simulator) == []


def test_one_code_shown_to_several_tills_at_once_pays_one_payment(terminal, simulator):
    code = simulator.fresh_code()
    with Rpc(terminal.socket_path) as till:
        asked = [
            till.send("payment.start", body(order_ref=f"order {number}", code=code))
            for number in range(4)
        ]
        errors = [_error(till, msgid) for msgid in asked]
    assert sorted(errors) == ["", "bad_code", "bad_code", "bad_code"]


def _error(till, msgid):
    try:
        till.answer(msgid)
    except Refusal as refusal:
        return refusal.code
    return ""
