"""The words of a payment's story: one row an event or effect, a sentence and the rule behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_core import payment, refund
from tilld_core.payment import Payment

if TYPE_CHECKING:
    from tilld_core.refund import Refund

    Thing = Payment | Refund
    Words = tuple[str, str]

ASKED = "till_socket.md §2"  # the rule of a request, with which a story begins

LOST = ("Its record could not be written; the next start reads what flash says.", "I21")

NOTHING = "nothing more"  # an answer, or the lack of one, without any words

# Requests that repeat are one step, with what answered them.
INQUIRED = "Antom was asked what became of it"
CANCEL_SENT = "The cancel was sent to Antom"
CHECKED = "Antom was asked what it holds of the payment"
REFUND_SENT = "The refund was sent to Antom"
REFUND_ASKED = "Antom was asked what became of the refund"
LOCATED = "Antom was asked for its number of the payment"
REPEATED: dict[str, Words] = {
    "send inquiry": (INQUIRED, "rules.md §2, inquiry"),
    "send cancel": (CANCEL_SENT, "I14, I15"),
    "send window check": (CHECKED, "rules.md §3, cancel F"),
    "send status check": (CHECKED, "rules.md §3, cancel F"),
    "send refund": (REFUND_SENT, "rules.md §4"),
    "send refund inquiry": (REFUND_ASKED, "rules.md §4"),
    "send locate": (LOCATED, "rules.md §4"),
}
_ANSWERS = {
    "undecided": INQUIRED,
    "cancel unknown": CANCEL_SENT,
    "no such order": CANCEL_SENT,
    "window closed": CANCEL_SENT,
    "status refuses": CANCEL_SENT,
    "cancel refused": CANCEL_SENT,
    "check unknown": CHECKED,
    "status check success": CHECKED,
    "refund unknown": REFUND_SENT,
    "refund not sent": REFUND_SENT,
    "found processing": REFUND_ASKED,
    "not found": REFUND_ASKED,
    "locate unknown": LOCATED,
    "no such payment": LOCATED,
}

# What an answer says that brings no words of its own.
SAYS = {"status check success": "it holds the money", "found processing": "it is working on it"}

_EVENTS: dict[str, Words] = {
    "start": ("The till asked for {amount}, order {order}; the scanner waits.", ASKED),
    "start with code": (
        "The till asked for {amount}, order {order}, with a code that it had read ({code}).",
        ASKED,
    ),
    "start order code": ("The till asked for {amount}, order {order}, by an order code.", ASKED),
    "close key": ("The till closed this key before it was used.", ASKED),
    "code": ("A payment code was read ({code}).", "rules.md §6, payment code"),
    "code timeout": ("No payment code was read in the time that the till gave.", ASKED),
    "till cancel": ("The till cancelled it.", "till_socket.md §3"),
    "till left": ("No till asked for it any more.", "till_socket.md §3"),
    "restart": (
        "The terminal had restarted; an answer that was under way is lost.",
        "rules.md §3, restart",
    ),
    "success": ("Antom approved it; its number there is {number}.", "rules.md §3"),
    "code issued": ("Antom issued the order code. Nobody has paid by that.", "I33"),
    "unknown": ("Antom's answer leaves open what became of it: {said}.", "rules.md §3, unknown"),
    "refused": ("Antom refused it: {said}.", "rules.md §3, F on pay"),
    "not sent": ("Not a byte of it could be sent: {said}.", "rules.md §3"),
    "given up": ("It was cancelled before a byte of it was sent.", "rules.md §3"),
    "fail": ("Antom says that it failed: {said}.", "rules.md §3, inquiry"),
    "closed": ("Antom says that it is closed: {said}.", "rules.md §3, inquiry"),
    "inquiry refused": ("Antom refuses to say what became of it: {said}.", "rules.md §3, inquiry"),
    "acknowledge": ("The till acknowledged: it has stored the approval.", "rules.md §1, two-phase"),
    "acknowledge timeout": (
        "The till did not acknowledge the approval in time.",
        "rules.md §1, two-phase",
    ),
    "minute over": ("The first minute brought no confirmation.", "rules.md §2, cancel"),
    "cancel done": ("Antom confirmed the cancel.", "rules.md §3"),
    "check closed": ("Antom says that it holds no money of it: {said}.", "rules.md §3, cancel F"),
    "check returned": (
        "Antom says that refunds have given all of it back.",
        "rules.md §3, cancel F",
    ),
    "window check success": (
        "The cancel window has closed, and Antom holds the money.",
        "rules.md §3, cancel F",
    ),
}
_REFUND_EVENTS: dict[str, Words] = {
    "start": ("The till asked for {amount} back (refund {refund}).", "rules.md §4"),
    "restart": ("The terminal had restarted; the refund goes on.", "rules.md §4"),
    "located": ("Antom's number of the payment is {number}.", "rules.md §4"),
    "not refundable": ("Antom says that there is nothing to refund: {said}.", "rules.md §4"),
    "minute over": ("The first minute brought no confirmation of the refund.", "rules.md §4"),
    "refund done": ("Antom confirmed the refund.", "rules.md §4"),
    "found done": ("Antom has made the refund.", "rules.md §4"),
    "refund refused": ("Antom refused the refund: {said}.", "rules.md §4"),
    "found failed": ("Antom's refund failed: {said}.", "rules.md §4"),
    "refund disputed": (
        "Antom knows a refund of this id with another amount: {said}.",
        "rules.md §4",
    ),
}
_TWICE = "A person was called to see that the money was not given back twice."
_TOO_LATE: Words = (
    "Antom says that it took the money; the cancel that is owed gives it back.",
    "rules.md §3, late evidence",
)
_AFTER_A_NO: Words = (
    "Antom says that it took money after it was decided not paid.",
    "rules.md §3, late evidence",
)

_WRITTEN_OFF_BEFORE: Words = ("Antom confirmed the cancel, after it was written off.", "I15")

_DECIDED: Words = ("Decided not paid, on flash: {why}", "{rule}")
_CLOSED: Words = ("The cancel is closed, on flash: nothing is owed any more.", "I15")
_EFFECTS: dict[str, Words] = {
    "note intent": ("The intent was recorded on flash, before anything was sent.", "I1"),
    "send pay": ("Sending the payment to Antom began; it is sent once.", "I11"),
    "note failed": _DECIDED,
    "note paid": ("Decided paid, on flash: the goods are the customer's.", "rules.md §1"),
    "note returned": ("The money was returned, on flash: nothing is owed any more.", "I16"),
    "note queued": ("The cancel waits on flash and goes on until Antom confirms it.", "I15"),
    "note attention": (
        "Antom does not give the money back by itself: that needs a person. The tries go on.",
        "rules.md §3, cancel F",
    ),
    "note refund": ("The refund {refund} takes the cancel's place, on flash.", "I16"),
    "note written off": ("Written off by {signed}, signed {mark}, on flash.", "I15"),
    "call person": ("A person was called.", "I32"),
    "call about return": (_TWICE, "I32"),
}
_REFUND_EFFECTS: dict[str, Words] = {
    "note requested": ("The refund was recorded on flash, before anything was sent.", "I37"),
    "note refunded": ("Refunded {amount}, on flash.", "rules.md §4"),
    "note refused": ("The refund has ended without money, on flash.", "rules.md §4"),
    "note queued": ("The refund waits on flash and goes on.", "rules.md §4"),
    "note attention": ("The refund needs a person; the tries go on.", "rules.md §4"),
    "note written off": ("The refund was written off by {signed}, signed {mark}, on flash.", "I15"),
    "call person": ("A person was called.", "rules.md §4"),
    "call about return": (_TWICE, "I32"),
}


def of_event(thing: Thing, event: str, before: str) -> Words | None:
    """The row of an event that is news; None for what adds nothing to the story."""
    if not isinstance(thing, Payment):
        return _REFUND_EVENTS.get(event)
    if event == "silence":
        return _silence(thing, before)
    if event == "success" and before in (*payment.OWING, payment.REFUNDING):
        return _TOO_LATE
    if event == "success" and before in payment.SETTLED:
        return None if before == payment.PAID else _AFTER_A_NO
    if (before, event) == (payment.WRITTEN_OFF, "cancel done"):
        return _WRITTEN_OFF_BEFORE
    if before in payment.SETTLED or (event == "success" and before == payment.APPROVED):
        return None
    return _EVENTS.get(event)


def _silence(thing: Payment, before: str) -> Words | None:
    if before == payment.PAYING:
        return "There was no answer in time.", "rules.md §2, pay"
    if thing.state in payment.ASKED:
        return None
    if before == payment.SHOWING:
        return "The order code's time was over, and nobody had paid by it.", "rules.md §2"
    return "The last of the inquiries brought no result either.", "rules.md §2, inquiry"


def repeated(thing: Thing, effect: str) -> Words | None:
    """The row of a request that may be sent again and again."""
    hands_over = isinstance(thing, Payment) and effect == "send refund"
    return None if hands_over else REPEATED.get(effect)


def of_effect(thing: Thing, effect: str, before: str) -> Words | None:
    """The row of an effect that a person would want to know of."""
    if not isinstance(thing, Payment):
        return _REFUND_EFFECTS.get(effect)
    if effect == "send pay" and thing.by == payment.ORDER_CODE:
        return "Asking Antom for an order code began; it is asked once.", "I11"
    if effect == "note closed":
        return _DECIDED if before in payment.UNDECIDED else _CLOSED
    if effect == "note cancel" and before in payment.UNDECIDED:
        return f"{_DECIDED[0]} A cancel is owed from now on.", _DECIDED[1]
    if effect == "note cancel":
        return "Another cancel is owed, on flash.", "rules.md §3, late evidence"
    return _EFFECTS.get(effect)


def group_of(thing: Thing, event: str) -> str:
    """The repeated request that this answers without ending it; "" for other events."""
    if event in ("refund unknown", "refund not sent") and thing.state in refund.ASKING:
        return REFUND_ASKED
    return _ANSWERS.get(event, "")


_UNANSWERED = {
    "resolve": "no answer: the name has no address",
    "refused": "no answer: the connection was refused",
    "unreachable": "no answer: there was no way",
    "tls": "no answer: the connection can't be trusted",
    "timeout": "no answer in time",
}


def said(facts: dict[str, Any]) -> str:
    """An answer in few words: Antom's code, or why there was none."""
    if facts.get("alarm"):
        return f"an answer that can't be trusted ({facts['alarm']})"
    if facts.get("reason"):
        return _UNANSWERED.get(facts["reason"], "an answer that can't be read")
    return facts.get("upstream_code") or facts.get("message") or NOTHING
