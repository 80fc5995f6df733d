"""Why a payment stands where it stands: one sentence for people, and the steps with their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_core import payment

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_core.payment import Payment

    Told = dict[str, Any]


def explain(asked: Payment, told: Told, time: Callable[[int], str | None]) -> Told:
    """``{payment, sentence, steps}``; a step is ``{at, known, rule}``, ``at`` nil when no record
    says. ``told`` is the payment as tills see it: nothing else may be said of its outcome (I4)."""
    reason = told["reason"]
    sentence = told["prompt"]["message"]
    if reason:
        sentence = f"{reason['message']} {sentence}"
    return {"payment": asked.payment, "sentence": sentence, "steps": _steps(asked, told, time)}


def _steps(asked: Payment, told: Told, time: Callable[[int], str | None]) -> list[Told]:
    steps = [_step(time(asked.created_at_s), "The till asked for the payment.", "rules.md §3")]
    if told["state"] == payment.WAITING:
        return [*steps, _step(None, "No code has been scanned yet.", "till_socket.md §3")]
    if asked.inquiries_sent:
        known = f"The answer was missing or unclear; Antom was asked {asked.inquiries_sent} times."
        steps.append(_step(None, known, "rules.md §2, inquiry"))
    if asked.antom_payment_id:
        steps.append(_step(None, f"Antom knows it as {asked.antom_payment_id}.", "rules.md §3"))
    if told["decided"]:
        why = told["reason"]["message"] if told["reason"] else "The till confirmed the approval."
        rule = told["reason"]["rule"] if told["reason"] else "rules.md §1, two-phase delivery"
        known = f"Decided {told['outcome'].replace('_', ' ')}: {why}"
        steps.append(_step(time(asked.decided_at_s), known, rule))
    if asked.lane.attempts:
        known = f"The cancel was sent {asked.lane.attempts} times."
        if asked.lane.last_error:
            known += f" The last answer: {asked.lane.last_error}."
        steps.append(_step(None, known, "I15"))
    if asked.refund:
        steps.append(_step(None, f"The money goes back by refund {asked.refund}.", "I16"))
    return steps


def _step(at: str | None, known: str, rule: str) -> Told:
    return {"at": at, "known": known, "rule": rule}
