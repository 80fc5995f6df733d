"""The rules that concern one device, each as a sentence and a predicate over a world or an effect.

What the till is told, what leaves the device and what flash holds are checked at every effect;
what must be armed, at rest: when all effects of an event are done.  The sentence names its rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tilld_core import payment, refund
from tilld_testkit import world as w

if TYPE_CHECKING:
    from tilld_core.machine import Row
    from tilld_testkit.world import Refund, World


class Broken(Exception):
    """A rule does not hold; the text is its sentence."""


# A state may be told, and rests, on these records alone.
RECORDS = {
    payment.WAITING: ("start",),
    payment.PAYING: ("intent",),
    payment.INQUIRING: ("intent",),
    payment.SHOWING: ("intent",),
    payment.APPROVED: ("intent",),
    payment.PAID: ("paid",),
    payment.FAILED: ("failed",),
    payment.CANCELLING: ("cancel",),
    payment.CANCEL_QUEUED: ("queued",),
    payment.NEEDS_ATTENTION: ("attention",),
    payment.REFUNDING: ("refund",),
    payment.CANCELLED: ("closed",),
    payment.RETURNED: ("returned",),
    payment.WRITTEN_OFF: ("written off",),
}
REFUND_RECORDS = {
    refund.LOCATING: ("requested",),
    refund.SENDING: ("requested", "located"),
    refund.RESUMING: ("requested", "located"),
    refund.QUEUED: ("queued",),
    refund.NEEDS_ATTENTION: ("attention",),
    refund.REFUNDED: ("refunded",),
    refund.REFUSED: ("refused",),
    refund.WRITTEN_OFF: ("written off",),
}
SAYS = {payment.PAID: "paid"}
SAYS.update(dict.fromkeys([s for s in payment.SETTLED if s != payment.PAID], "settled"))
SAYS.update(dict.fromkeys((*payment.OWING, payment.REFUNDING), "not paid"))
OWED = ("cancel", "queued", "attention")

# I3: what may follow a record. The first is "nothing yet".
_OPEN = ("queued", "attention", "refund", "closed", "returned", "written off")
FOLLOWS = {
    "": ("intent", "failed"),
    "intent": ("failed", "cancel", "paid", "closed"),
    "failed": ("cancel",),
    "closed": ("cancel",),
    "cancel": _OPEN,
    "queued": _OPEN,
    "attention": _OPEN,
    "refund": ("attention", "closed", "returned", "written off"),
}


def on_note(world: World, what: str, event: str) -> None:
    """Before a record is written."""
    if what not in FOLLOWS.get(world.flash, ()):
        raise Broken(f"I3: the record {what} follows {world.flash or 'nothing'}")
    if what == "paid" and event != "acknowledge":
        raise Broken("I3: an approval is never paid without the till's acknowledgement")
    if what == "written off" and event != "write off":
        raise Broken("I15: a cancel is written off, and no operator has signed that")


def on_send(world: World, what: str) -> None:
    """Before a byte leaves."""
    if what == "pay" and world.flash != "intent":
        raise Broken("I1: no byte of pay before a durable intent")
    if what == "cancel" and world.flash not in OWED:
        raise Broken("I6: no cancel without a durable cancel decision")
    if what == "refund" and world.flash != "refund":
        raise Broken("I37: no refund in place of a cancel before its durable record")


def on_tell(world: World) -> str:
    """Before the till is shown a state; returns what it then has heard at most."""
    if world.flash not in RECORDS[world.state] and not (
        world.state == payment.WAITING and world.mark == "start"
    ):
        raise Broken(f"I4, I5: the till is told {world.state} before that is durable")
    says = SAYS.get(world.state, "")
    if world.told and (says == "paid") != (world.told == "paid"):
        raise Broken(f"I3, I5: the till heard {world.told}, then {world.state}")
    return says


def on_row(world: World, row: Row, true: frozenset[str]) -> None:
    """Before an event moves a payment."""
    state, event, _, after, effects = row
    gives_up = (state, event) == (payment.INQUIRING, "silence") and after != payment.INQUIRING
    if gives_up and world.asked < w.INQUIRIES:
        raise Broken("§2: given up before every inquiry was made")
    if (event, after) == ("silence", payment.INQUIRING) and world.asked >= w.INQUIRIES:
        raise Broken("§2: it is inquired for longer than the setting says")
    if after == payment.INQUIRING and "send inquiry" not in effects:
        raise Broken("§2: what is unknown is not asked about at once")
    if event == "code issued" and after != payment.SHOWING:
        raise Broken(f"I33: a code was issued, and the payment is {after}")
    if (state, event) == (payment.SHOWING, "silence"):
        _on_showing(row, payment.CODE_LIVES in true)
    if payment.NEVER_EXISTED in true and after in payment.OWING:
        raise Broken("I8: proven never to have existed, and the cancel is not closed")


def _on_showing(row: Row, lives: bool) -> None:
    """Before the wait for one more answer about an order code ends."""
    if lives and row[3] != payment.SHOWING:
        raise Broken("§2: an order code is given up while it may still be paid")
    if not lives and row[3] == payment.SHOWING:
        raise Broken("§2: an order code is shown for longer than the setting says")
    if lives and "send inquiry" not in row[4]:
        raise Broken("§2: nobody asks whether the order code was paid")


def on_refund_row(row: Row, true: frozenset[str]) -> None:
    """Before an event moves a refund."""
    state, event, _, after, _ = row
    nothing_left = event == "refund not sent" and refund.FIRST_AND_ASKED_FOR in true
    if state == refund.SENDING and nothing_left and after != refund.REFUSED:
        raise Broken("till_socket.md §3: nothing was sent, and the refund is not refused")
    ends = after == refund.REFUSED
    if event == "no such payment" and ends != (refund.DENIED_THRICE in true):
        raise Broken("§4: a payment is given up unless Antom denied it three times, or never")


def on_refund_send(one: Refund, what: str) -> None:
    if one.flash == "":
        raise Broken("I37: no refund byte before its durable record")
    if what == "refund" and one.state in refund.ASKING and one.absent < refund.ABSENT_TIMES:
        raise Broken("§4: a refund is repeated before Antom was asked for it three times")


def on_refund_tell(one: Refund) -> None:
    if one.flash not in REFUND_RECORDS[one.state]:
        raise Broken(f"I5: the till is told a refund is {one.state} before that is durable")


def anywhere(world: World) -> None:
    """What holds at every instant, power on or off."""
    flash = world.flash
    if flash == "paid":
        if world.antom not in (w.SUCCESS, w.LATE):
            raise Broken("I7, I10: paid is durable, and Antom does not hold the intent's money")
    elif flash in ("failed", "closed", "returned") and not world.lied and w.may_be_charged(world):
        raise Broken("I7: not paid and settled is durable, and the customer is or may be charged")
    one = world.refund
    if one is None:
        return
    if one.flash == "refunded" and one.antom != "done":
        raise Broken("I17: a refund is durable as done, and Antom has not done it")
    if one.flash == "refused" and (
        one.antom in ("done", w.PROCESSING) or (one.antom == w.NONE and one.ghost)
    ):
        raise Broken("I17: a refund is durable as refused, and the money goes back all the same")


def at_rest(world: World, asked_for: bool) -> None:
    """What holds when the effects of an event are done and the device waits.

    ``asked_for``: the refund is the till's own, so the till sees it.
    """
    if world.state != payment.NEW:
        _payment_at_rest(world)
    one = world.refund
    if one is not None:
        _refund_at_rest(world, one)
        if asked_for and one.shown != refund.SHOWN[one.state]:
            raise Broken(f"§4: the till was not told its refund is {one.state}")
    if world.state == payment.REFUNDING and not _moves_on(world):
        raise Broken("I15: the money is to be refunded and nothing will do it")


def _payment_at_rest(world: World) -> None:
    state = world.state
    if world.shown != state:
        raise Broken(f"§1: the till was not told {state}")
    if world.flash not in RECORDS[state] and world.mark not in RECORDS[state]:
        raise Broken(f"I23: after a restart the state would not be {state}")
    if world.alarm:
        raise Broken("§3, late evidence: money came after a no, and no person is called")
    if state in payment.OWING and not world.lane:
        raise Broken("I15: a cancel is owed and nothing will send it")
    if state in (payment.CANCEL_QUEUED, payment.NEEDS_ATTENTION) and not world.called:
        raise Broken("I32: a cancel is not confirmed and no person is called")
    if state in (*payment.UNDECIDED[1:], payment.CANCELLING) and not world.deadline:
        raise Broken(f"I2: {state} has no deadline")


def _moves_on(world: World) -> bool:
    one = world.refund
    return world.lane != "" or (one is not None and one.state in refund.OPEN)


def _refund_at_rest(world: World, one: Refund) -> None:
    if one.state in refund.OPEN and not one.lane:
        raise Broken("§4: a refund is open and nothing will send it")
    if one.state in (refund.SENDING, refund.RESUMING) and not one.deadline:
        raise Broken("§4: a refund's first minute has no end")
    if one.state == refund.LOCATING and not one.deadline and not world.called:
        raise Broken("§4: a refund's payment is not found and no person will be called")
    if one.state in (refund.QUEUED, refund.NEEDS_ATTENTION) and not world.called:
        raise Broken("§4: a refund is not confirmed and no person is called")
    if one.state != refund.NEW and one.flash not in REFUND_RECORDS[one.state]:
        raise Broken(f"I23: after a restart the refund would not be {one.state}")
