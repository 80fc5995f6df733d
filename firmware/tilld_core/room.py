"""How much room of the journal a payment or refund may still need, at the worst (I22).

Counted from the records themselves, so that a field which is added is counted as well. What a
cancel writes beyond that (refused again and again) finds its room when the journal is written
anew, because its older records go then.
"""

from tilld_core import journal, packing
from tilld_core.ledger import entry_of
from tilld_core.limits import INT_MAX
from tilld_core.payment import Payment
from tilld_core.refund import Refund

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tilld_core.ledger import Entry

_LONG = "x" * 256  # longer than what any field of an answer keeps
_ID = "x" * 64
_TIME = "2026-11-22T18:30:06+01:00"
# The longest way of a payment from its intent on: decided, queued, refused by Antom, refunded
# instead, which is refused, and at last returned.
_WAY = ("cancel", "queued", "attention", "attention", "returned")
_REFUND_WAY = ("refund located", "refund queued", "refund attention", "refund refunded")


def payment_needs_bytes(payment: Payment) -> int:
    """From its first record to its last, a refund in place of its cancel included."""
    about = _cost(["serial", INT_MAX], entry_of("intent", payment))  # a start is as long
    return 2 * about + _PAYMENT_REST_BYTES


def refund_needs_bytes(refund: Refund) -> int:
    """From its request to its end, a write off included."""
    about = _cost(["serial", INT_MAX], entry_of("refund requested", refund))
    return about + _REFUND_REST_BYTES + _WRITTEN_OFF_BYTES


def _cost(*entries: "Entry") -> int:
    return journal.worst_cost_bytes(len(packing.pack(list(entries))))


def _worst_payment() -> Payment:
    worst = Payment(_ID, _ID, _ID, "EUR", INT_MAX, INT_MAX)
    worst.reason = worst.upstream_code = worst.antom_payment_id = _ID
    worst.message = _LONG
    worst.decided_at_s = worst.returned_in = INT_MAX
    return worst


def _worst_refund() -> Refund:
    worst = Refund(_ID, _ID, _ID, _ID, "EUR", INT_MAX, INT_MAX, "cancelled too late", True)
    worst.reason = worst.upstream_code = worst.antom_refund_id = _ID
    worst.message = _LONG
    worst.refunded_at = _TIME
    worst.decided_at_s = worst.number = worst.period = worst.written_off_at_s = INT_MAX
    worst.written_off_by = 2 * _ID
    worst.written_off_why = _LONG
    worst.written_off_signed_by = _ID
    return worst


_REFUND_REST_BYTES = sum(_cost(entry_of(kind, _worst_refund())) for kind in _REFUND_WAY)
_WRITTEN_OFF_BYTES = _cost(entry_of("refund written off", _worst_refund()))
_PAYMENT_REST_BYTES = sum(_cost(entry_of(kind, _worst_payment())) for kind in _WAY)
_PAYMENT_REST_BYTES += _cost(["serial", INT_MAX], entry_of("refund requested", _worst_refund()))
_PAYMENT_REST_BYTES += _REFUND_REST_BYTES
