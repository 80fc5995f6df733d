"""Payments, refunds and jobs as tills see them (till_socket.md §2): every listed key, always."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tilld_core import civil, payment, refund
from tilld_core.messages import ORDER_CODE_PROMPTS, PROMPTS, REASONS, REFUND_REASONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_core.ledger import Job, Ledger
    from tilld_core.payment import Payment
    from tilld_core.refund import Refund

_PROMPTS = {row[0]: {"code": row[1], "message": row[2]} for row in PROMPTS}
_PROMPTS_BY = {
    payment.PRESENTED_CODE: _PROMPTS,
    payment.ORDER_CODE: _PROMPTS
    | {row[0]: {"code": row[1], "message": row[2]} for row in ORDER_CODE_PROMPTS},
}
_REASONS = {row[0]: (row[1], row[2]) for row in REASONS}
_REFUND_REASONS = {row[0]: (row[1], row[2]) for row in REFUND_REASONS}

# These began with the till or the terminal: what Antom said last does not explain them.
NOT_ANTOMS = ("till_cancelled", "till_left", "not_acknowledged", "restarted")

_OUTCOMES = {payment.PAID: "paid"}
_REFUND_OUTCOMES = {refund.REFUNDED: "refunded", refund.REFUSED: "not_refunded"}


TIMES_KEPT = 256
_parsed = lru_cache(maxsize=TIMES_KEPT)(civil.parse_rfc3339)


class Views:
    """``offset_min(at_s)`` is the shop's offset from UTC at a time."""

    def __init__(self, ledger: Ledger, offset_min: Callable[[int], int]) -> None:
        self._ledger = ledger
        self._offset_min = offset_min
        # A till asks for the same few payments again and again.
        self.time = lru_cache(maxsize=TIMES_KEPT)(self._time)

    def _time(self, at_s: int) -> str | None:
        """RFC 3339 in the shop's offset; nil for a time that is not known."""
        return civil.rfc3339(at_s, self._offset_min(at_s)) if at_s else None

    def payment(self, paid_for: Payment, prompt: dict[str, str] | None = None) -> dict[str, Any]:
        """``prompt`` replaces the state's own while a code can't be read."""
        # NEW is a payment whose first record is still on its way to flash
        state = payment.WAITING if paid_for.state == payment.NEW else paid_for.state
        undecided = state in payment.UNDECIDED
        amount = _amount(paid_for.currency, paid_for.amount_minor)
        refunded_minor = self._ledger.refunded_minor(paid_for) if state == payment.PAID else 0
        return {
            "payment": paid_for.payment,
            "key": paid_for.key,
            "order_ref": paid_for.order_ref or None,
            "amount": amount,
            "by": paid_for.by,
            "state": state,
            "outcome": "pending" if undecided else _OUTCOMES.get(state, "not_paid"),
            "decided": not undecided,
            "settled": state in payment.SETTLED or state == payment.WAITING,
            "reason": _reason(_REASONS, paid_for),
            "prompt": prompt or _PROMPTS_BY[paid_for.by][state],
            "order_code": self._order_code(paid_for),
            "antom_payment_id": paid_for.antom_payment_id or None,
            "refunded": _amount(paid_for.currency, refunded_minor),
            "decides_in_s": None,
            "created_at": self.time(paid_for.created_at_s),
            "paid_at": self._paid_at(paid_for),
            "period": paid_for.period,
            "revision": paid_for.revision,
        }

    def _order_code(self, paid_for: Payment) -> dict[str, Any] | None:
        """What the customer is shown, while it is shown."""
        if paid_for.state != payment.SHOWING:
            return None
        return {"text": paid_for.order_code, "expires_at": self.time(paid_for.code_expires_s)}

    def _paid_at(self, paid_for: Payment) -> str | None:
        """Antom's time of payment in the shop's offset; without one, when it was recorded."""
        if paid_for.state != payment.PAID:
            return None
        return self.time(_parsed(paid_for.paid_at) or paid_for.decided_at_s)

    def refund(self, returned: Refund) -> dict[str, Any]:
        state = refund.SHOWN[returned.state]
        outcome = _REFUND_OUTCOMES.get(returned.state, "pending")
        if refund.was_never_sent(returned):
            state, outcome = refund.REFUSED, _REFUND_OUTCOMES[refund.REFUSED]
        refunded_s = _parsed(returned.refunded_at) or returned.decided_at_s
        return {
            "refund": returned.refund,
            "key": returned.key or None,
            "payment": returned.payment,
            "amount": _amount(returned.currency, returned.amount_minor),
            "state": state,
            "outcome": outcome,
            "decided": outcome != "pending",
            "settled": returned.state in refund.SETTLED,
            "reason": _reason(_REFUND_REASONS, returned),
            "antom_refund_id": returned.antom_refund_id or None,
            "refunded_at": self.time(refunded_s) if returned.state == refund.REFUNDED else None,
            "revision": returned.revision,
        }

    def job(self, job: Job) -> dict[str, Any]:
        return {"job": job.job, "state": job.state, "reason": job.reason or None}

    def entry(self, owed: Payment, now_ms: int, now_s: int) -> dict[str, Any]:
        """One line of queue.list: a cancel that is owed, from its durable decision on."""
        lane = owed.lane
        next_ms = lane.next_ms
        return {
            "payment": owed.payment,
            "amount": _amount(owed.currency, owed.amount_minor),
            "age_s": max(0, now_s - owed.decided_at_s),
            "attempts": lane.attempts,
            "next_try_in_s": None if next_ms is None else max(0, next_ms - now_ms) // 1000,
            "window_closes_at": self.time(lane.window_closes_s),
            "last_error": lane.last_error or None,
        }


def _amount(currency: str, minor: int) -> dict[str, Any] | None:
    return {"currency": currency, "value": minor} if currency else None


def _reason(words: dict[str, tuple[str, str]], thing: Payment | Refund) -> dict[str, Any] | None:
    """nil while there is nothing to explain."""
    if not thing.reason:
        return None
    rule, sentence = words[thing.reason]
    why = "" if thing.reason in NOT_ANTOMS else thing.message
    return {
        "code": thing.reason,
        "rule": rule,
        "message": f"{sentence} ({why})" if why else sentence,
        "upstream_code": thing.upstream_code or None,
    }
