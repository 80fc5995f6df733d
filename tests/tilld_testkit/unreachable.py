"""Pairs that the tables ignore and that no run of one device in the `direct` model can hear.

They stay in the tables as the answer to a shell or an Antom that does worse than any known; each
group has the reason why the explorer never gets there.  A test holds that this list is exact.
"""

from __future__ import annotations

from tilld_core import payment, refund
from tilld_testkit.device import PAYMENT, REFUND

_CHECKS = (
    "check closed",
    "check returned",
    "check unknown",
    "window check success",
    "status check success",
)
_REFUSALS = ("window closed", "status refuses")
_CANCEL_ANSWERS = ("cancel done", "cancel unknown", "no such order", "cancel refused")

UNREACHABLE: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "Antom knew the payment, or had answered its pay: some byte of it had left",
        PAYMENT,
        (payment.APPROVED, payment.PAID, payment.FAILED, payment.REFUNDING, payment.RETURNED),
        ("not sent",),
    ),
    (
        "only the device cancels, and it does so after its decision; returned money is refunded",
        PAYMENT,
        (payment.APPROVED, payment.PAID, payment.RETURNED),
        ("closed",),
    ),
    (
        "with a cancel under way a payment is closed only because no byte of its pay had left, "
        "and then Antom knows neither a window nor a status of it",
        PAYMENT,
        (payment.CANCELLED,),
        (*_REFUSALS, *_CHECKS),
    ),
    (
        "the lane's own answer brought it here, so nothing of the lane is under way",
        PAYMENT,
        (payment.RETURNED,),
        ("try", *_CANCEL_ANSWERS, *_REFUSALS, *_CHECKS),
    ),
    (
        "the lane's own answer brought it here, and no cancel is owed until the refund ends",
        PAYMENT,
        (payment.REFUNDING,),
        ("try",),
    ),
    (
        "the refund that replaced the cancel was written off with it; of the running shell, whose "
        "refunds have lines of their own, its answer may come between the two",
        PAYMENT,
        (payment.WRITTEN_OFF,),
        ("refund done", "refund closed", "refund exceeds", "refund refused"),
    ),
    (
        "the lane's own answer ended it, so no try is due",
        REFUND,
        (refund.REFUNDED, refund.REFUSED),
        ("try",),
    ),
    (
        "its payment heard of that end, and owes no refund that could be written off; the running "
        "shell's lines may cross there too",
        REFUND,
        (refund.REFUNDED,),
        ("write off",),
    ),
)


def unreachable() -> set[tuple[str, str, str]]:
    """The pairs, each with its table."""
    return {
        (table, state, event)
        for _, table, states, events in UNREACHABLE
        for state in states
        for event in events
    }
