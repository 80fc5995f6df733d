"""`payment.explain` as a shop's owner reads it: what happened, when, and by which rule.

Each ending is brought about by the real process against the simulator.
"""

import pytest

from tilld_testkit.shop import new_key, open_shop, sell, settled

TIMES = """
pay_answer_s = 30
answer_within_s = 10
inquiry_every_s = 10
acknowledge_within_s = 300
cancel_for_s = 60
pay_in_flight_max_s = 60
"""


@pytest.fixture
def terminal(tmp_path, simulator):
    how = {"scale": 0.05, "more": {"timing": TIMES}}
    with open_shop(tmp_path / "device", simulator, **how) as terminal:
        yield terminal


@pytest.fixture
def till(terminal):
    with terminal.till() as till:
        yield till


def explained(till, payment):
    return till.call("payment.explain", key=payment["key"])


def known(till, payment):
    return [step["known"] for step in explained(till, payment)["steps"]]


def in_order(steps, *beginnings):
    """Whether these begin steps, in this order."""
    found = iter(steps)
    return all(any(step.startswith(wanted) for step in found) for wanted in beginnings)


def approved(till, simulator, order_ref):
    payment = till.start(new_key(), order_ref, "EUR", 1250, code=simulator.fresh_code())
    return till.wait(payment)


def test_a_story_has_every_step_with_its_time_and_rule(till, simulator):
    paid = sell(till, simulator, 1250, "A-1")
    told = explained(till, paid)
    assert told["sentence"].startswith("12.50 EUR for A-1: paid; Antom took")
    assert all(step["at"] and step["rule"] for step in told["steps"])
    times = [step["at"] for step in told["steps"]]
    assert times == sorted(times)
    assert in_order(
        known(till, paid),
        "The till asked for 12.50 EUR, order A-1, with a code",
        "The intent was recorded on flash",
        "Sending the payment to Antom began; it is sent once.",
        f"Antom approved it; its number there is {paid['antom_payment_id']}",
        "The till acknowledged",
        "Decided paid, on flash",
    )


def test_a_code_is_told_by_two_digits_and_its_length(till, simulator):
    code = simulator.fresh_code()
    payment = till.wait(till.start(new_key(), "A-1", "EUR", 100, code=code))
    words = str(explained(till, payment))
    assert f"({code[:2]}…, {len(code)} digits)" in words
    assert code[:6] not in words
    till.acknowledge(payment)


def test_a_refusal_says_antoms_code(till, simulator):
    simulator.set_faults({"api": "pay", "fault": "result", "code": "USER_BALANCE_NOT_ENOUGH"})
    declined = sell(till, simulator, 1250, "A-1")
    assert "Antom refused it: USER_BALANCE_NOT_ENOUGH." in known(till, declined)
    assert known(till, declined)[-1].startswith("Decided not paid, on flash: The payment was ref")


def test_inquiries_are_one_step_that_counts_and_says_what_came_back(till, simulator):
    simulator.set_faults(
        {"api": "pay", "fault": "cut after the debit"},
        {"api": "inquiryPayment", "fault": "rate limit"},
    )
    lost = till.start(new_key(), "A-1", "EUR", 1250, code=simulator.fresh_code())
    ended = settled(till, till.wait(lost))
    (asked,) = [one for one in known(till, ended) if one.startswith("Antom was asked")]
    assert " 10 times, last at " in asked
    assert "what came back: REQUEST_TRAFFIC_EXCEED_LIMIT (" in asked
    assert in_order(
        known(till, ended),
        "Antom's answer leaves open what became of it",
        "Antom was asked what became of it",
        "The last of the inquiries brought no result either.",
        "Decided not paid, on flash: The result did not come in time.",
        "The cancel was sent to Antom",
        "Antom confirmed the cancel.",
        "The cancel is closed, on flash",
    )


def test_a_cancel_that_is_not_confirmed_says_that_a_person_was_called(till, simulator):
    simulator.set_faults({"api": "cancel", "fault": "rate limit"})
    payment = approved(till, simulator, "A-1")
    queued = till.cancel(payment["key"])
    while queued["state"] != "cancel_queued":
        queued = till.call(
            "payment.wait", key=queued["key"], revision=queued["revision"], timeout_s=30
        )
    assert in_order(
        known(till, queued),
        "The till cancelled it.",
        "Decided not paid, on flash: The till cancelled the payment",
        "The cancel was sent to Antom",
        "The first minute brought no confirmation.",
        "A person was called.",
        "The cancel waits on flash",
    )
    simulator.set_faults()
    till.call("queue.flush")
    assert settled(till, queued)["state"] == "cancelled"


def test_money_that_goes_back_by_a_refund_is_one_story(till, simulator):
    simulator.set_faults({"api": "cancel", "fault": "cancel window closed"})
    payment = approved(till, simulator, "A-1")
    ended = settled(till, till.cancel(payment["key"]))
    assert ended["state"] == "returned"
    assert in_order(
        known(till, ended),
        "The cancel was sent to Antom; what came back: CANCEL_WINDOW_EXCEED.",
        "Antom was asked what it holds of the payment.",
        "The cancel window has closed, and Antom holds the money.",
        "The refund R",
        "The refund was sent to Antom.",
        "Antom confirmed the refund.",
        "Refunded 12.50 EUR, on flash.",
        "The money was returned, on flash",
    )


def test_a_refund_of_the_tills_own_stands_in_the_payments_story(till, simulator):
    paid = sell(till, simulator, 1250, "A-1")
    amount = {"currency": "EUR", "value": 500}
    refund = till.call("refund.start", key=new_key(), payment=paid["payment"], amount=amount)
    till.call("refund.wait", refund=refund["refund"], timeout_s=30)
    told = explained(till, paid)
    assert told["sentence"].endswith("; 5.00 EUR of it was refunded.")
    assert in_order(
        known(till, paid), "Decided paid", "The till asked for 5.00 EUR back", "Refunded 5.00 EUR"
    )


def test_what_happened_in_an_earlier_life_is_told_from_flash(terminal, till, simulator):
    paid = sell(till, simulator, 1250, "A-1")
    payment = approved(till, simulator, "A-2")
    terminal.kill()
    terminal.start()
    first, *_, last = known(till, paid)
    assert first == (
        "The till asked for 12.50 EUR, order A-1. "
        "What happened then is not kept; this is what flash says. "
        f"Antom's number of it is {paid['antom_payment_id']}."
    )
    assert all(step["at"] for step in explained(till, paid)["steps"])
    assert last == "Decided paid: The till acknowledged the approval."
    cancelled = settled(till, till.get(payment["key"]))
    assert in_order(
        known(till, cancelled),
        "The till asked for 12.50 EUR, order A-2. What happened then is not kept",
        "The terminal had restarted",
        "Decided not paid, on flash: The terminal restarted in the middle",
        "The cancel is closed, on flash",
    )
    terminal.kill()
    terminal.start()
    assert known(till, cancelled)[-1].startswith(
        "Decided not paid some time before, and now nothing was owed any more: The terminal rest"
    )
    assert all(step["at"] for step in explained(till, cancelled)["steps"])


def test_a_cancels_answers_are_the_cancels_alone(till, simulator):
    simulator.set_faults({"api": "cancel", "fault": "order status invalid"})
    payment = approved(till, simulator, "A-1")
    owed = till.cancel(payment["key"])
    while owed["state"] != "needs_attention":
        owed = till.call("payment.wait", key=owed["key"], revision=owed["revision"], timeout_s=30)
    for _ in range(2):
        till.call("queue.flush")
    sent = [one for one in known(till, owed) if one.startswith("The cancel was sent")]
    assert sent[0] == "The cancel was sent to Antom; what came back: ORDER_STATUS_INVALID."
    assert not any("SUCCESS" in one for one in sent)
    assert in_order(
        known(till, owed),
        "The cancel was sent",
        "Antom was asked what it holds of the payment; what came back: it holds the money",
    )
    simulator.set_faults()
    till.call("queue.flush")
    settled(till, owed)


def test_nothing_is_said_of_an_outcome_that_waits_for_the_till(till, simulator):
    payment = approved(till, simulator, "A-1")
    assert not any("Decided" in one for one in known(till, payment))
    till.acknowledge(payment)
