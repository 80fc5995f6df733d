"""Order codes: the till shows, the customer pays with a wallet, and only Antom's later word counts.

The real process against the simulator; the customer acts by its control path (I33).
"""

from datetime import datetime

import pytest

from tilld_client import CallError
from tilld_testkit.comparison import at_rest
from tilld_testkit.shop import new_key, open_shop, settled

# A code lives for 6 s here, and is asked about every 0.5 s.
TIMES = """
pay_answer_s = 30
order_code_within_s = 120
inquiry_every_s = 10
answer_within_s = 10
acknowledge_within_s = 300
cancel_for_s = 60
pay_in_flight_max_s = 60
"""


@pytest.fixture
def terminal(tmp_path, simulator):
    how = {"scale": 0.05, "more": {"timing": TIMES}}
    with open_shop(tmp_path / "device", simulator, **how) as terminal:
        yield terminal


def asked(till, order_ref="A-1", key="", **more):
    return till.call(
        "payment.start",
        key=key or new_key(),
        order_ref=order_ref,
        amount={"currency": "EUR", "value": 1250},
        by="order_code",
        **more,
    )


def until(till, payment, *states):
    """The payment once it is in one of these states; each step is waited for."""
    while payment["state"] not in states:
        before = payment["revision"]
        payment = till.call("payment.wait", key=payment["key"], revision=before, timeout_s=30)
        assert payment["revision"] > before, f"it does not move on: {payment}"
    return payment


def shown(till, *args, **more):
    return until(till, asked(till, *args, **more), "showing_code")


def customer(simulator, payment, action, **more):
    body = {"action": action, "order_code": payment["order_code"]["text"], **more}
    return simulator.control("POST", "/_sim/customer", body)


def bodies(simulator, payment, api):
    return simulator.payment(payment["payment"])["bodies"].get(api, 0)


def test_a_code_that_the_customer_pays_by_is_approved_and_paid(terminal, simulator):
    with terminal.till() as till:
        payment = shown(till)
        assert (payment["outcome"], payment["decided"]) == ("pending", False)
        assert payment["settled"] is False
        assert payment["by"] == "order_code"
        assert payment["prompt"]["code"] == "show_code"
        assert payment["order_code"]["text"] == simulator.payment(payment["payment"])["orderCode"]
        customer(simulator, payment, "confirm")
        approved = till.wait(payment)
        assert (approved["state"], approved["order_code"]) == ("approved", None)
        paid = till.acknowledge(approved)
        assert (paid["state"], paid["outcome"]) == ("paid", "paid")
        assert paid["antom_payment_id"] == simulator.payment(payment["payment"])["paymentId"]
        assert at_rest(paid, simulator) == []


def test_a_code_that_is_issued_is_not_paid_however_long_it_is_shown(terminal, simulator):
    with terminal.till() as till:
        payment = shown(till)
        still = till.call("payment.wait", key=payment["key"], timeout_s=2)
        assert (still["state"], still["revision"]) == ("showing_code", payment["revision"])
        with pytest.raises(CallError, match="not_approved"):
            till.acknowledge(payment)
        assert bodies(simulator, payment, "inquiryPayment") >= 1
        assert settled(till, till.cancel(payment["key"]))["state"] == "cancelled"


def test_the_codes_end_is_told_to_antom_and_to_the_till(terminal, simulator):
    with terminal.till() as till:
        payment = shown(till)
        expires = datetime.fromisoformat(payment["order_code"]["expires_at"])
        at_antom = datetime.fromisoformat(simulator.payment(payment["payment"])["expiresAt"])
        assert expires == at_antom
        created = datetime.fromisoformat(payment["created_at"])
        assert (expires - created).total_seconds() == 7  # 6 s, to the next whole second
        assert 15 < payment["decides_in_s"] <= 6 + 15  # the acknowledgement's time comes after it


def test_nobody_pays_and_the_code_is_cancelled_at_its_end(terminal, simulator):
    with terminal.till() as till:
        payment = shown(till)
        customer(simulator, payment, "walk away")
        end = settled(till, payment)
        assert (end["state"], end["reason"]["code"]) == ("cancelled", "no_answer")
        assert "nobody paid" in end["reason"]["message"]
        assert end["order_code"] is None
        assert bodies(simulator, payment, "cancel") >= 1
        assert at_rest(end, simulator) == []


def test_a_customer_who_refuses_ends_it_at_once(terminal, simulator):
    with terminal.till() as till:
        payment = shown(till)
        customer(simulator, payment, "refuse")
        end = till.wait(payment)
        assert (end["state"], end["reason"]["code"]) == ("failed", "declined")
        assert bodies(simulator, payment, "cancel") == 0


def test_a_till_that_cancels_takes_the_code_back(terminal, simulator):
    with terminal.till() as till:
        payment = shown(till)
        cancelled = till.cancel(payment["key"])
        assert (cancelled["decided"], cancelled["outcome"]) == (True, "not_paid")
        assert cancelled["order_code"] is None
        end = settled(till, cancelled)
        assert (end["state"], end["reason"]["code"]) == ("cancelled", "till_cancelled")
        assert simulator.payment(payment["payment"])["status"] == "CANCELLED"


def test_a_customer_who_pays_in_the_instant_of_the_cancel_gets_the_money_back(terminal, simulator):
    with terminal.till() as till:
        payment = shown(till)
        customer(simulator, payment, "confirm")
        end = settled(till, till.cancel(payment["key"]))
        assert (end["outcome"], end["state"]) == ("not_paid", "cancelled")
        held = simulator.payment(payment["payment"])
        assert (held["debited"], held["returned"]) == (1250, 1250)


def test_a_payment_that_succeeds_while_the_cancel_is_on_its_way_is_returned(terminal, simulator):
    simulator.set_faults(
        {"api": "pay", "fault": "PROCESSING then SUCCESS after the cancel was sent"}
    )
    with terminal.till() as till:
        payment = until(till, asked(till), "showing_code", "inquiring")
        end = settled(till, till.cancel(payment["key"]))
        assert end["outcome"] == "not_paid"
        assert at_rest(end, simulator) == []


@pytest.mark.parametrize("how", ["kill -9", "SIGTERM"])
def test_a_restart_while_the_code_is_shown_cancels_it(terminal, simulator, how):
    with terminal.till() as till:
        payment = shown(till)
        if how == "SIGTERM":
            assert terminal.stop() == 0
        else:
            terminal.kill()
        terminal.start()
        end = till.get(payment["key"])
        assert (end["decided"], end["order_code"]) == (True, None)
        end = settled(till, end)
        assert (end["state"], end["reason"]["code"]) == ("cancelled", "restarted")
        assert at_rest(end, simulator) == []


def test_a_customer_who_pays_while_the_terminal_is_dead_gets_the_money_back(terminal, simulator):
    with terminal.till() as till:
        payment = shown(till)
        terminal.kill()
        customer(simulator, payment, "confirm")
        terminal.start()
        end = settled(till, till.get(payment["key"]))
        assert end["state"] == "cancelled"
        held = simulator.payment(payment["payment"])
        assert (held["debited"], held["returned"]) == (1250, 1250)


def test_a_code_that_was_paid_with_another_amount_is_not_said_to_be_unpaid(terminal, simulator):
    simulator.set_faults({"api": "inquiryPayment", "fault": "wrong amount"})
    with terminal.till() as till:
        payment = shown(till)
        customer(simulator, payment, "confirm")
        end = settled(till, payment, timeout_s=60)
        assert end["reason"]["code"] == "unverified_answer"
        assert "nobody paid" not in end["reason"]["message"]
        assert "amount" in end["reason"]["message"]


def test_a_code_whose_answer_is_lost_is_never_shown_and_cancelled_in_the_end(terminal, simulator):
    simulator.set_faults({"api": "pay", "fault": "cut after the debit"})
    with terminal.till() as till:
        payment = until(till, asked(till), "inquiring")
        assert payment["order_code"] is None
        assert payment["prompt"]["code"] == "please_wait"
        assert "code for the customer has not come" in payment["prompt"]["message"]
        assert simulator.payment(payment["payment"])["status"] == "PROCESSING"
        end = settled(till, payment)
        assert (end["state"], end["reason"]["code"]) == ("cancelled", "no_answer")
        assert at_rest(end, simulator) == []


def test_an_answer_without_antoms_signature_issues_no_code(terminal, simulator):
    simulator.set_faults({"api": "pay", "fault": "badly signed"})
    with terminal.till() as till:
        payment = until(till, asked(till), "inquiring")
        end = settled(till, till.cancel(payment["key"]))
        assert (end["state"], end["order_code"]) == ("cancelled", None)


def test_a_network_that_fails_while_the_code_is_shown_pays_nothing(terminal, simulator):
    with terminal.till() as till:
        payment = shown(till)
        simulator.set_faults({"api": "*", "fault": "refuse connections"})
        try:
            simulator.control_by_socket(
                "POST",
                "/_sim/customer",
                {"action": "confirm", "order_code": payment["order_code"]["text"]},
            )
            end = until(till, payment, "cancelling", "cancel_queued")
            assert (end["outcome"], end["settled"]) == ("not_paid", False)
        finally:
            simulator.control_by_socket("PUT", "/_sim/faults", [])
        end = settled(till, end, timeout_s=60)
        assert end["state"] == "cancelled"
        assert simulator.owed(payment["payment"]) == 0


def test_what_a_till_says_wrong_about_an_order_code_is_refused(terminal, simulator):
    with terminal.till() as till:
        code = simulator.fresh_code()
        with pytest.raises(CallError, match="bad_param"):
            asked(till, code=code)
        key = new_key()
        payment = shown(till, key=key)
        assert asked(till, key=key)["payment"] == payment["payment"]
        with pytest.raises(CallError, match="key_mismatch"):
            till.start(key, "A-1", "EUR", 1250, code=code)
        with pytest.raises(CallError, match="order_busy"):
            asked(till)
        till.cancel(key)


def test_any_number_of_codes_is_shown_at_once_and_none_needs_a_scanner(terminal, simulator):
    with terminal.till() as till:
        with pytest.raises(CallError, match="no_scanner"):
            till.start(new_key(), "A-9", "EUR", 100)
        codes = [shown(till, f"A-{n}") for n in range(3)]
        texts = {payment["order_code"]["text"] for payment in codes}
        assert len(texts) == 3
        customer(simulator, codes[1], "confirm")
        assert till.wait(codes[1])["state"] == "approved"
        assert till.get(codes[0]["key"])["state"] == "showing_code"
        for payment in codes:
            till.cancel(payment["key"])
