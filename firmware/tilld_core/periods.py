"""Numbered periods, closed by the till, and the figures of their reports (till_socket.md §3).

A payment belongs to the period in which it was started; closing waits for its decision, so every
paid sale is in exactly one report. A refund, and the refund in place of a cancel, belong to the
period in which they were confirmed: what happens later never changes a closed report.
"""

from tilld_core import payment as payments
from tilld_core import refund as refunds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tilld_core.payment import Payment
    from tilld_core.refund import Refund

    Figures = dict[str, Any]

PAID = "paid"
REFUNDED = "refunded"
RETURNED = "returned"
MOVES = (PAID, REFUNDED, RETURNED)  # of money, in the order in which a report shows them


class Period:
    """A closed period. ``figures`` are the lists of its report and never change; times are the
    wall's, 0 when unknown."""

    def __init__(
        self, number: int, key: str, opened_at_s: int, closed_at_s: int, figures: "Figures"
    ) -> None:
        self.number = number
        self.key = key
        self.opened_at_s = opened_at_s
        self.closed_at_s = closed_at_s
        self.figures = figures

    @property
    def id(self) -> str:
        """Its name among payments, refunds and jobs."""
        return period_id(self.number)


def period_id(number: int) -> str:
    return f"period:{number}"


class Tally:
    """Adds up a period, from rows of things that are alike and from single things."""

    def __init__(self, period: int) -> None:
        self._period = period
        self._moves: dict[str, dict[str, list[int]]] = {}
        self._not_paid: dict[str, int] = {}

    def payment(self, one: "Payment", decided: bool = True) -> None:
        """``decided`` as tills were told: what is not durable yet counts nowhere (I4)."""
        if one.period == self._period and decided and one.state not in payments.UNDECIDED:
            self.started(one.state, one.reason, one.currency, 1, one.amount_minor)
        if one.returned_in == self._period:
            self.moved(RETURNED, one.currency, 1, one.amount_minor)

    def refund(self, one: "Refund") -> None:
        confirmed = one.period == self._period and one.state == refunds.REFUNDED
        if confirmed and not one.in_place_of_cancel:
            self.moved(REFUNDED, one.currency, 1, one.amount_minor)

    def started(self, state: str, reason: str, currency: str, count: int, minor: int) -> None:
        """Decided payments of the period."""
        if state == payments.PAID:
            self.moved(PAID, currency, count, minor)
        else:
            self._not_paid[reason] = self._not_paid.get(reason, 0) + count

    def moved(self, move: str, currency: str, count: int, minor: int) -> None:
        """Money that was paid, refunded or returned (MOVES) in the period."""
        of_currency = self._moves.setdefault(currency, {})
        so_far = of_currency.get(move, [0, 0])
        of_currency[move] = [so_far[0] + count, so_far[1] + minor]

    def figures(self) -> "Figures":
        """``currencies`` and ``not_paid``, each in the order of its letters."""
        currencies = []
        for currency in sorted(self._moves):
            row: Figures = {"currency": currency}
            for move in MOVES:
                count, minor = self._moves[currency].get(move, [0, 0])
                row[move] = {"count": count, "sum": minor}
            currencies.append(row)
        reasons = sorted(self._not_paid)
        not_paid = [{"reason": reason, "count": self._not_paid[reason]} for reason in reasons]
        return {"currencies": currencies, "not_paid": not_paid}
