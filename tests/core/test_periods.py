"""Periods: what a report adds up, and the records that freeze it."""

from tilld_core import payment as payments
from tilld_core import refund as refunds
from tilld_core.ledger import Ledger, period_entries
from tilld_core.payment import Payment
from tilld_core.periods import Period, Tally
from tilld_core.refund import Refund

NOW_S = 1795390000

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def a_payment(state: str, period: int = 1, currency: str = "EUR", reason: str = "") -> Payment:
    made = Payment("P1", "key-1", "o-1", currency, 1250, NOW_S)
    made.state, made.period, made.reason = state, period, reason
    return made


def a_refund(state: str, period: int) -> Refund:
    made = Refund("R1", "refund-key-1", "P1", "A1", "EUR", 300, NOW_S)
    made.state, made.period = state, period
    return made


def moved(tally: Tally, currency: str = "EUR") -> "list[tuple[int, int]]":
    """Count and sum of paid, refunded and returned."""
    for row in tally.figures()["currencies"]:
        if row["currency"] == currency:
            return [(row[k]["count"], row[k]["sum"]) for k in ("paid", "refunded", "returned")]
    return []


def test_every_decided_payment_counts_once_in_the_period_of_its_start() -> None:
    tally = Tally(1)
    tally.payment(a_payment(payments.PAID))
    tally.payment(a_payment(payments.PAID))
    tally.payment(a_payment(payments.PAID, currency="JPY"))
    tally.payment(a_payment(payments.PAID, period=2))
    tally.payment(a_payment(payments.APPROVED))
    tally.payment(a_payment(payments.PAID), decided=False)
    tally.payment(a_payment(payments.FAILED, reason="declined"))
    tally.payment(a_payment(payments.CANCEL_QUEUED, reason="no_answer"))
    tally.payment(a_payment(payments.CANCELLED, reason="no_answer"))
    assert moved(tally) == [(2, 2500), (0, 0), (0, 0)]
    assert moved(tally, "JPY") == [(1, 1250), (0, 0), (0, 0)]
    assert tally.figures()["not_paid"] == [
        {"reason": "declined", "count": 1},
        {"reason": "no_answer", "count": 2},
    ]


def test_money_that_goes_back_counts_in_the_period_in_which_it_went() -> None:
    late = a_payment(payments.RETURNED, period=1, reason="refunded_instead")
    late.returned_in = 2
    in_place = a_refund(refunds.REFUNDED, 2)
    in_place.in_place_of_cancel = True
    first, second = Tally(1), Tally(2)
    for tally in (first, second):
        tally.payment(late)
        tally.refund(in_place)
        tally.refund(a_refund(refunds.REFUNDED, 2))
        tally.refund(a_refund(refunds.QUEUED, 0))
        tally.refund(a_refund(refunds.REFUSED, 2))
    assert moved(first) == []
    assert first.figures()["not_paid"] == [{"reason": "refunded_instead", "count": 1}]
    assert moved(second) == [(0, 0), (1, 300), (1, 1250)]
    assert second.figures()["not_paid"] == []


def figures(count: int) -> "dict[str, Any]":
    return {"currencies": [], "owed_cancels": [f"P{number}" for number in range(count)]}


def test_a_period_of_any_length_is_found_as_it_was_closed() -> None:
    for count in (0, 1, 12, 13, 500):
        held = Ledger()
        for entry in period_entries(Period(1, "close-key", 5, 9, figures(count))):
            held.replay(entry)
        assert held.periods[1].figures == figures(count)
        assert (held.period, held.opened_at_s, held.latest_s) == (2, 9, 9)
        assert held.keys["close-key"] is held.periods[1]


def test_what_a_lost_closing_has_left_does_no_harm() -> None:
    held = Ledger()
    for entry in period_entries(Period(1, "close-key", 5, 9, figures(40)))[:-1]:
        held.replay(entry)
    assert held.period == 1
    for entry in period_entries(Period(1, "close-key", 5, 9, figures(3))):
        held.replay(entry)
    assert held.periods[1].figures == figures(3)


def test_while_a_period_is_being_closed_money_moves_in_the_next_one() -> None:
    held = Ledger()
    assert held.counts_in == 1
    held.is_closing = True
    assert held.counts_in == 2
    held.add_period(Period(1, "close-key", 5, 9, {}))
    assert held.counts_in == 2


def test_a_snapshot_keeps_periods_and_what_was_counted() -> None:
    held = Ledger()
    held.add_payment(a_payment(payments.PAID))
    held.add_period(Period(1, "close-key", 5, 9, figures(30)))
    held.add_period(Period(2, "close-key-2", 9, 12, figures(0)))
    held.archive, held.archive_batches = "n1", 7
    again = Ledger()
    for entry in held.snapshot():
        again.replay(entry)
    assert again.since()[:4] == held.since()[:4]
    assert again.since()[5:] == held.since()[5:] == ["n1", 7]
    assert again.periods[1].figures == figures(30)
    assert again.payments["P1"].period == 1


def test_records_of_the_release_before_have_no_period_and_belong_to_the_open_one() -> None:
    """I35."""
    held = Ledger()
    about = ["P1", "key-1", "o-1", "EUR", 1250, NOW_S, "customer_code", False, "", 60000]
    held.replay(["intent"] + about)
    held.replay(["paid", "P1", "A1", "", NOW_S])
    held.replay(["refund requested", "R1", "key-2", "P1", "A1", "EUR", 300, NOW_S, "", False])
    held.replay(["refund refunded", "R1", "", "", "", NOW_S, "AR1", ""])
    assert (held.payments["P1"].period, held.payments["P1"].number) == (1, 1)
    assert held.refunds["R1"].number == 2
