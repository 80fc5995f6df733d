"""Why a payment stands where it stands: one sentence for people, and the steps with their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_core import money, payment, refund
from tilld_daemon.story import is_told_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_core.payment import Payment
    from tilld_core.refund import Refund
    from tilld_daemon.story import Step

    Told = dict[str, Any]
    Time = Callable[[int], str | None]

# How the story's own steps of these begin (story_words.py).
DECIDED = "Decided"
WRITTEN_OFF = "Written off"
NOT_KEPT = "What happened then is not kept; this is what flash says."


def explain(
    asked: Payment, told: Told, story: list[Step], refunds: list[Refund], time: Time
) -> Told:
    """``{payment, sentence, steps}``; a step is ``{at, known, rule}``, ``at`` nil when no record
    says. ``told`` is the payment as tills see it: nothing else may be said of its outcome (I4).
    ``story`` is what happened in this life; without its beginning, what flash knows comes first.
    """
    steps = [] if is_told_whole(story) else _from_flash(asked, told, story, refunds, time)
    steps += [_step(time(one.at_s), _known(one, time), one.rule) for one in story]
    return {"payment": asked.payment, "sentence": _sentence(asked, told), "steps": steps}


def _sentence(asked: Payment, told: Told) -> str:
    """What a shop's owner wants to know first."""
    about = ""
    if asked.currency:
        about = f"{money.show(asked.currency, asked.amount_minor)} for {asked.order_ref}: "
    said = str(told["prompt"]["message"])
    if told["reason"]:
        said = f"{said} {told['reason']['message']}"
    back = told["refunded"]
    if back and back["value"]:
        said = f"{said} {money.show(back['currency'], back['value'])} of it was refunded."
    if told["state"] == payment.PAID and told["paid_at"]:
        said = f"{said} Antom took the money at {told['paid_at']}."
    return about + said


def _known(one: Step, time: Time) -> str:
    """A step in words; one that repeats says how often, until when, and what came back."""
    if not one.times:
        return one.known
    known = one.known
    if one.times > 1:
        known += f" {one.times} times, last at {time(one.until_s)}"
    if one.said:
        counted = (
            f"{said} ({times} times)" if times > 1 else said for said, times in one.said.items()
        )
        known += f"; what came back: {', '.join(counted)}"
    return f"{known}."


def _from_flash(
    asked: Payment, told: Told, story: list[Step], refunds: list[Refund], time: Time
) -> list[Told]:
    """What the records say of a payment whose beginning is in no story any more."""
    begun = "The till closed this key before it was used."
    if asked.currency:
        amount = money.show(asked.currency, asked.amount_minor)
        begun = f"The till asked for {amount}, order {asked.order_ref}."
    steps = [_step(time(asked.created_at_s), f"{begun} {NOT_KEPT}", "I20")]
    if asked.antom_payment_id:
        known = f"Antom's number of it is {asked.antom_payment_id}."
        steps.append(_step(None, known, "rules.md §3"))
    if told["decided"] and not any(DECIDED in one.known for one in story):
        steps += _decision(asked, told, story, time)
    told_so = any(WRITTEN_OFF in one.known for one in story)
    if told["state"] == payment.WRITTEN_OFF and not told_so:
        known = f"{WRITTEN_OFF} by {asked.written_off_by} ({asked.written_off_why})"
        known += f", signed {asked.written_off_signed_by}."
        steps.append(_step(time(asked.written_off_at_s), known, "I15"))
    for one in refunds:
        if not any(one.refund in step.known for step in story):
            steps.append(_refund(one, time))
    return steps


def _decision(asked: Payment, told: Told, story: list[Step], time: Time) -> list[Told]:
    """A record of the end of a cancel has replaced the time of the decision that it belongs to."""
    reason = told["reason"]
    why = reason["message"] if reason else "The till acknowledged the approval."
    rule = reason["rule"] if reason else "rules.md §1, two-phase delivery"
    ended = asked.state in (payment.CANCELLED, payment.RETURNED)
    at = None if ended else time(asked.decided_at_s)
    steps = [_step(at, f"{DECIDED} {told['outcome'].replace('_', ' ')}: {why}", rule)]
    if ended and not story:
        steps.append(_step(time(asked.decided_at_s), "Since then nothing is owed any more.", "I15"))
    return steps


def _refund(one: Refund, time: Time) -> Told:
    shown = refund.SHOWN[one.state].replace("_", " ")
    known = f"Refund {one.refund} of {money.show(one.currency, one.amount_minor)}: {shown}."
    return _step(time(one.decided_at_s or one.created_at_s), known, "rules.md §4")


def _step(at: str | None, known: str, rule: str) -> Told:
    return {"at": at, "known": known, "rule": rule}
