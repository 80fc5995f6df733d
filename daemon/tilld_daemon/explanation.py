"""Why a payment stands where it stands: one sentence for people, and the steps with their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_core import money, payment, refund
from tilld_daemon.story import is_told_whole
from tilld_daemon.views import NOT_ANTOMS

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

# How a payment stands, and what follows from that for its money.
STANDS = {
    payment.WAITING: ("it waits for the customer's payment code", ""),
    payment.SHOWING: ("its code is shown", "nobody has paid by it yet"),
    payment.PAYING: ("it is on its way to Antom", ""),
    payment.INQUIRING: ("Antom is being asked what became of it", ""),
    payment.APPROVED: ("Antom approved it", "the till has not confirmed that yet"),
    payment.PAID: ("paid", ""),
    payment.FAILED: ("not paid", "nothing was charged"),
    payment.CANCELLING: ("not paid", "what may have been taken is being cancelled"),
    payment.CANCEL_QUEUED: (
        "not paid",
        "the cancel of what may have been taken is not confirmed yet",
    ),
    payment.NEEDS_ATTENTION: ("not paid", "returning the money needs a person"),
    payment.REFUNDING: ("not paid", "a refund is giving the money back"),
    payment.CANCELLED: ("not paid", "the customer is not charged"),
    payment.RETURNED: ("not paid", "a refund has given the money back"),
    payment.WRITTEN_OFF: ("not paid", "a person has closed it by hand"),
}
BECAUSE = {
    "declined": "it was refused",
    "not_sent": "it could not be sent",
    "scan_timeout": "no payment code was scanned in time",
    "till_cancelled": "the till cancelled it",
    "till_left": "the till left before a code was scanned",
    "cancelled_before_start": "the till closed its key before it was used",
    "no_answer": "its result did not come in time",
    "unverified_answer": "the answer could not be trusted",
    "not_acknowledged": "the till did not confirm in time",
    "restarted": "the terminal restarted in the middle of it",
    "refunded_instead": "it was given up when it was too late for a cancel",
    "cancelled_by_gateway": "it was cancelled upstream",
}


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
    """What a shop's owner wants to know first, in one sentence."""
    about = "A key without a payment: "
    if asked.currency:
        about = f"{money.show(asked.currency, asked.amount_minor)} for {asked.order_ref}: "
    stands, and_then = STANDS[told["state"]]
    parts = [stands]
    if told["reason"]:
        of_antom = told["reason"]["code"] not in NOT_ANTOMS
        code = told["reason"]["upstream_code"] if of_antom else ""
        parts[0] += f" because {BECAUSE[told['reason']['code']]}" + (f" ({code})" if code else "")
    if and_then:
        parts.append(and_then)
    if told["state"] == payment.PAID and told["paid_at"]:
        parts.append(f"Antom took the money at {told['paid_at']}")
    back = told["refunded"]
    if back and back["value"]:
        parts.append(f"{money.show(back['currency'], back['value'])} of it was refunded")
    return f"{about}{'; '.join(parts)}."


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
    begun = f"{begun} {NOT_KEPT}"
    if asked.antom_payment_id:
        begun += f" Antom's number of it is {asked.antom_payment_id}."
    steps = [_step(time(asked.created_at_s), begun, "I20")]
    if told["decided"] and not any(DECIDED in one.known for one in story):
        steps.append(_decision(asked, told, story, time))
    told_so = any(WRITTEN_OFF in one.known for one in story)
    if told["state"] == payment.WRITTEN_OFF and not told_so:
        known = f"{WRITTEN_OFF} by {asked.written_off_by} ({asked.written_off_why})"
        known += f", signed {asked.written_off_signed_by}."
        steps.append(_step(time(asked.written_off_at_s), known, "I15"))
    for one in refunds:
        if not any(one.refund in step.known for step in story):
            steps.append(_refund(one, time))
    return steps


def _decision(asked: Payment, told: Told, story: list[Step], time: Time) -> Told:
    """A record of the end of a cancel has replaced the time of the decision that it belongs to:
    by that end, or by the beginning of this life, it had been decided."""
    reason = told["reason"]
    why = reason["message"] if reason else "The till acknowledged the approval."
    rule = reason["rule"] if reason else "rules.md §1, two-phase delivery"
    known = f"{DECIDED} {told['outcome'].replace('_', ' ')}"
    if asked.state not in (payment.CANCELLED, payment.RETURNED):
        return _step(time(asked.decided_at_s), f"{known}: {why}", rule)
    if story:
        return _step(time(story[0].at_s), f"{known} some time before: {why}", rule)
    known = f"{known} some time before, and now nothing was owed any more: {why}"
    return _step(time(asked.decided_at_s), known, rule)


def _refund(one: Refund, time: Time) -> Told:
    shown = refund.SHOWN[one.state].replace("_", " ")
    known = f"Refund {one.refund} of {money.show(one.currency, one.amount_minor)}: {shown}."
    if one.written_off_by:
        known += f" {WRITTEN_OFF} by {one.written_off_by} ({one.written_off_why})"
        known += f", signed {one.written_off_signed_by}."
    return _step(time(one.decided_at_s or one.created_at_s), known, "rules.md §4")


def _step(at: str | None, known: str, rule: str) -> Told:
    return {"at": at, "known": known, "rule": rule}
