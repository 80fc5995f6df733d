"""What may happen next in the explorer's world.

The environment moves between events only: it commutes with the effects of a batch, which neither
read it nor wait for it, so nothing is lost by letting it wait until the device rests; power alone
may fail in between (device.py).  A move that needs no bad luck, nobody's decision and no news is
``quiet``: time passing, a request arriving, an answer coming back.  Those are what liveness may
lean on.

Timers fire in any order relative to answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tilld_core import payment, refund
from tilld_testkit import world as w
from tilld_testkit.device import PAYMENT, REFUND, darkness

if TYPE_CHECKING:
    from tilld_testkit.device import Device, End
    from tilld_testkit.world import Refund, World

Move = tuple[str, int, bool, "World"]  # what happened, effects before darkness, quiet, the world


class Scene(NamedTuple):
    """What kind of Antom stands at the other end."""

    tombstones: bool = False  # a cancel of an unknown id may close it (not confirmed by Antom)
    window: bool = True  # the cancel window may close
    wrong_amounts: bool = False  # a debit of another amount than asked for
    unknown_id: bool = False  # a refund begins without Antom's payment id
    order_code: bool = False  # the customer pays by a code that the till shows


class Around:
    """All moves of one device in one scene."""

    def __init__(self, device: Device, scene: Scene) -> None:
        self.device = device
        self.scene = scene
        self.moves: list[Move] = []

    def of(self, world: World) -> list[Move]:
        """Every move from this world. Raises Broken or IllegalEvent where one shows a fault;
        the moves before it are then in ``moves``, and what was tried in ``trying``."""
        self.moves = []
        self.trying = "restart"
        if world.state == w.OFF:
            self._add("power is back", True, self.device.restart(world))
            return self.moves
        if world.state != payment.NEW and world.left.cuts != 0:
            self.moves += [("power cut", 1, False, dark) for dark in darkness(world)]
        self._till(world)
        self._time(world)
        self._antom(world)
        self._pay(world)
        self._news(world)
        self._inquiry(world)
        self._lane(world)
        if world.refund is not None:
            self._refund(world, world.refund)
        return self.moves

    def _add(self, label: str, quiet: bool, ends: list[End]) -> None:
        self.moves += [(label, dark, quiet and dark == 0, after) for dark, after in ends]

    def _hear(self, world: World, event: str, *true: str, quiet: bool = True) -> None:
        self.trying = event
        self._add(event, quiet, self.device.hear(world, PAYMENT, event, *true))

    def _hear_if(self, kind: int, world: World, event: str) -> None:
        """The event, at the price of one more disturbance of this kind."""
        left = w.spend(world.left, kind)
        if left is not None:
            self._hear(world._replace(left=left), event, quiet=False)

    def _refund_hears(self, world: World, event: str, *true: str, quiet: bool = True) -> None:
        self.trying = f"refund: {event}"
        self._add(self.trying, quiet, self.device.hear(world, REFUND, event, *true))

    def _refund_hears_if(self, kind: int, world: World, event: str, *true: str) -> None:
        left = w.spend(world.left, kind)
        if left is not None:
            self._refund_hears(world._replace(left=left), event, *true, quiet=False)

    def _becomes(self, label: str, world: World, quiet: bool = False) -> None:
        self.moves.append((label, 0, quiet, world))

    # The till and the customer at the counter.

    def _till(self, world: World) -> None:
        state = world.state
        if state == payment.NEW:
            events: tuple[str, ...] = ("start", "start with code", "close key")
            if self.scene.order_code:
                events = ("start order code",)
        elif state == payment.WAITING:
            events = ("code", "till cancel", "till left")
        elif state == payment.APPROVED:
            events = ("acknowledge", "till cancel")
        elif state in (*payment.AT_RISK, payment.SHOWING):
            events = ("till cancel",)
        else:
            events = ()
            self._operator(world)
        for event in events:
            self._hear(world, event, quiet=False)
        if self.device.asked_for and world.refund is None:
            self._refund_start(world)

    def _operator(self, world: World) -> None:
        left = w.spend(world.left, w.WRITE_OFFS)
        if left is not None and world.state in (*payment.OWING, payment.REFUNDING):
            self._hear(world._replace(left=left), "write off", quiet=False)
        one = world.refund
        if left is not None and self.device.asked_for and one and one.state in refund.OPEN:
            signed = world._replace(left=left)
            self._refund_hears(signed, "write off", refund.TILLS_OWN, quiet=False)

    def _refund_start(self, world: World) -> None:
        located = not self.device.unknown_id
        asked = world._replace(refund=w.Refund(located=located))
        self._refund_hears(asked, "start", quiet=False)

    # Time.

    def _time(self, world: World) -> None:
        if world.deadline:
            event = payment.WAITS[world.deadline][0]
            left = (payment.INQUIRIES_LEFT,) if world.asked < w.INQUIRIES else ()
            over = world._replace(deadline="")
            self._hear(over, event, *left)
            if world.state == payment.SHOWING:
                self._hear(over, event, payment.CODE_LIVES)
        if world.socket == w.SHUT and world.state in payment.OWING:
            past = world._replace(socket=w.PAST, ghost_pay=False)
            self._becomes("no pay can arrive any more (I8)", past, quiet=True)
        if world.lane == "due":
            self._hear(world._replace(lane=""), "try")
        one = world.refund
        if one is not None and one.deadline:
            over = world._replace(refund=one._replace(deadline=""))
            self._refund_hears(over, "minute over")
        if one is not None and one.lane == "due":
            self._refund_hears(world._replace(refund=one._replace(lane="")), "try")

    # Antom by itself, the customer's wallet, the merchant's console, what is loose in the network.

    def _antom(self, world: World) -> None:
        antom = world.antom
        if world.ghost_pay:
            lands = w.PROCESSING if antom == w.NONE else antom
            self._becomes("the late pay lands", world._replace(ghost_pay=False, antom=lands), True)
        if world.ghost_cancel:
            lands = closed_by_cancel(antom)
            self._becomes(
                "the late cancel lands", world._replace(ghost_cancel=False, antom=lands), True
            )
        if antom == w.PROCESSING:
            self._becomes("the customer pays", world._replace(antom=w.SUCCESS))
            self._becomes("the wallet refuses", world._replace(antom=w.FAIL))
            self._becomes("the order expires", world._replace(antom=w.CANCELLED))
            if self.scene.wrong_amounts:
                self._becomes("another amount is debited", world._replace(antom=w.WRONG))
        elif antom == w.SUCCESS and self.scene.window:
            self._becomes("the cancel window closes", world._replace(antom=w.LATE))
        if world.flash in ("cancel", "queued", "attention", "refund"):
            self._console(world)

    def _console(self, world: World) -> None:
        left = w.spend(world.left, w.OTHERS)
        if left is not None and world.antom in (w.SUCCESS, w.LATE):
            after = world._replace(left=left)
            self._becomes("refunded in the console", after._replace(antom=w.REFUNDED))
            self._becomes("cancelled in the console", after._replace(antom=w.REVERSED))

    # The socket that carries `pay`.

    def _pay(self, world: World) -> None:
        if not world.pay:
            return
        shut = world._replace(pay="", socket=w.SHUT)
        if world.pay == "on its way":
            antom = w.PROCESSING if world.antom == w.NONE else world.antom
            there = world._replace(pay="there", antom=antom)
            self._becomes("pay arrives", there, True)
            left = w.spend(world.left, w.DUPLICATES)
            if left is not None:
                copied = there._replace(ghost_pay=True, left=left)
                self._becomes("pay arrives, a copy is loose", copied)
            self._hear_if(w.LOSSES, shut._replace(ghost_pay=True), "unknown")
            self._hear_if(w.LOSSES, shut, "not sent")
            return
        antom = world.antom
        if antom in (w.PROCESSING, w.WRONG):
            self._hear(shut, "unknown")
        else:
            self._hear_if(w.LOSSES, shut, "unknown")
        if self.scene.order_code and antom in (w.PROCESSING, *w.ONCE_SUCCESS):
            self._hear(shut, "code issued")
        elif antom in w.ONCE_SUCCESS:
            self._hear(shut, "success")
        if antom in (w.FAIL, *w.CLOSED):
            self._hear(shut, "refused")
        elif antom != w.WRONG:
            self._hear_if(w.LIES, shut._replace(lied=self._believes(world)), "refused")

    def _believes(self, world: World) -> bool:
        """A lie about a payment that is at risk: what it ends with is Antom's word."""
        return world.lied or world.state in (*payment.AT_RISK, payment.SHOWING)

    # Notifications: a verified S as often as it likes, from the debit on for ever; and others.

    def _news(self, world: World) -> None:
        if world.state in (payment.NEW, payment.WAITING):
            return
        if world.antom in w.ONCE_SUCCESS:
            self._hear_of(world, "success")
        if world.flash == "intent" or world.antom != w.NONE:
            self._hear_of(world, "notified other")

    def _hear_of(self, world: World, event: str) -> None:
        """News that a state ignores changes nothing, and is spared a move."""
        self.trying = event
        if self.device.row(PAYMENT, world.state, event, frozenset()) is not None:
            self._hear(world._replace(lied=False), event, quiet=False)

    def _inquiry(self, world: World) -> None:
        if not world.inquiry:
            return
        answered = world._replace(inquiry=False)
        antom = world.antom
        self._hear(answered, "undecided")  # lost, or PROCESSING, or ORDER_NOT_EXIST, or garbage
        if antom in w.ONCE_SUCCESS:
            self._hear(answered, "success")
        if antom == w.FAIL:
            self._hear(answered, "fail")
        elif antom in w.CLOSED:
            self._hear(answered, "closed")
        elif antom in (w.PROCESSING, *w.ONCE_SUCCESS):
            self._hear_if(w.LIES, answered._replace(lied=self._believes(world)), "fail")
        self._hear_if(w.ODDITIES, answered, "inquiry refused")

    # The lane: a cancel, or the question that follows its refusal.

    def _lane(self, world: World) -> None:
        lane = world.lane
        idle = world._replace(lane="")
        if lane.startswith("answer: "):
            event = lane[8:]
            if event == "no such order, late enough":
                self._hear(idle, "no such order", payment.NEVER_EXISTED)
            else:
                self._hear(idle, event)
            self._hear_if(w.LOSSES, idle, "cancel unknown")
        elif lane.startswith("cancel"):
            self._hear_if(w.LOSSES, idle, "cancel unknown")
            self._hear_if(w.LATES, idle._replace(ghost_cancel=True), "cancel unknown")
            self._cancel_arrives(world)
        elif lane in ("window check", "status check"):
            self._hear(idle, check_answer(world.antom, lane))
            self._hear_if(w.LOSSES, idle, "check unknown")
            if world.antom == w.SUCCESS:  # never by these books: the last resort of a wrong status
                self._hear_if(w.ODDITIES, idle, "check unknown")

    def _cancel_arrives(self, world: World) -> None:
        again = w.spend(world.left, w.DUPLICATES)
        for answer in cancel_answers(world.antom, self.scene.tombstones):
            closes = answer == "cancel done"
            after = world._replace(antom=_closed(world.antom) if closes else world.antom)
            if answer == "no such order" and world.lane == "cancel, late enough":
                answer = "no such order, late enough"
            after = after._replace(lane=f"answer: {answer}")
            self._becomes("the cancel arrives", after, True)
            if again is not None:
                after = after._replace(ghost_cancel=True, left=again)
                self._becomes("the cancel arrives, a copy is loose", after)
        odd = w.spend(world.left, w.ODDITIES)
        if odd is None:
            return
        for answer in ("cancel refused", "status refuses"):
            if answer == "cancel refused" or world.antom in (w.SUCCESS, w.LATE):
                after = world._replace(lane=f"answer: {answer}", left=odd)
                self._becomes(f"the cancel arrives, {answer}", after)

    # A refund's own wires.

    def _refund(self, world: World, one: Refund) -> None:
        if one.ghost:
            self._refund_arrives(world, one._replace(ghost=False), "the late refund lands")
        if one.antom == w.PROCESSING:
            self._refund_ends(world, one)
        lane = one.lane
        idle = world._replace(refund=one._replace(lane=""))
        if lane == "locate":
            self._locate(world, idle)
        elif lane == "refund":
            there = one._replace(lane="refund there")
            self._refund_arrives(world, there, "the refund arrives")
            again = w.spend(world.left, w.DUPLICATES)
            if again is not None:
                copied = there._replace(ghost=True)
                after = world._replace(left=again)
                self._refund_arrives(after, copied, "the refund arrives, a copy is loose", False)
            self._lost_refund(world, one, idle)
        elif lane == "refund there":
            self._refund_answered(world, one, idle)
        elif lane == "refund inquiry":
            self._refund_found(world, one, idle)

    def _refund_ends(self, world: World, one: Refund) -> None:
        done = world._replace(refund=one._replace(antom="done"), antom=self._paid_back(world))
        self._becomes("Antom ends the refund", done, True)
        left = w.spend(world.left, w.ODDITIES)
        if left is not None:
            failed = one._replace(antom="failed", code="refused")
            self._becomes("Antom's refund fails", world._replace(refund=failed, left=left))

    def _paid_back(self, world: World) -> str:
        return world.antom if self.device.asked_for else w.REFUNDED

    def _locate(self, world: World, idle: World) -> None:
        one = idle.refund
        assert one is not None
        if self.device.asked_for:  # the number may be another Antom's, or a typist's
            denied = one._replace(absent=min(refund.ABSENT_TIMES, one.absent + 1))
            thrice = (refund.DENIED_THRICE,) if denied.absent == refund.ABSENT_TIMES else ()
            missed = idle._replace(refund=denied)
            self._refund_hears_if(w.ODDITIES, missed, "no such payment", *thrice)
        if world.antom in (w.SUCCESS, w.LATE):
            self._refund_hears(idle._replace(refund=one._replace(absent=0)), "located")
            self._refund_hears_if(w.ODDITIES, idle, "not refundable")
        else:
            self._refund_hears(idle, "not refundable")
        self._refund_hears_if(w.LOSSES, idle, "locate unknown")

    def _lost_refund(self, world: World, one: Refund, idle: World) -> None:
        self._refund_hears_if(w.LOSSES, idle, "refund unknown")
        loose = world._replace(refund=one._replace(lane="", ghost=True))
        self._refund_hears_if(w.LATES, loose, "refund unknown")
        left = w.spend(world.left, w.LOSSES)
        if left is not None:
            first = one.tries == 1 and self.device.asked_for
            true = (refund.FIRST_AND_ASKED_FOR,) if first else ()
            unsent = idle._replace(left=left)
            self._refund_hears(unsent, "refund not sent", *true, quiet=False)

    def _refund_arrives(self, world: World, one: Refund, label: str, quiet: bool = True) -> None:
        after = world._replace(refund=one)
        if one.antom != w.NONE:
            self._becomes(label, after, quiet)
        elif world.antom in (w.SUCCESS, w.LATE):
            done = after._replace(refund=one._replace(antom="done"), antom=self._paid_back(world))
            self._becomes(label, done, quiet)
            slow = after._replace(refund=one._replace(antom=w.PROCESSING))
            self._becomes(f"{label}, Antom takes its time", slow, quiet)
            self._refund_refused(after, one, label)
        else:
            code = "exceeds" if world.antom == w.REFUNDED else "closed"
            refused = after._replace(refund=one._replace(antom="failed", code=code))
            self._becomes(label, refused, quiet)

    def _refund_refused(self, after: World, one: Refund, label: str) -> None:
        odd = w.spend(after.left, w.ODDITIES)
        if odd is None:
            return
        after = after._replace(left=odd)
        for code in ("refused", "exceeds"):
            refused = one._replace(antom="failed", code=code)
            self._becomes(f"{label}, refused", after._replace(refund=refused))
        if one.lane == "refund there":
            disputed = after._replace(refund=one._replace(lane=""))
            self._refund_hears(disputed, "refund disputed", quiet=False)

    def _refund_answered(self, world: World, one: Refund, idle: World) -> None:
        alone = one.asked or one.tries == 1
        true = (refund.NO_OTHER,) if alone else ()
        events = {"done": "refund done", "failed": "refund refused"}
        event = events.get(one.antom, "refund unknown")
        self._refund_hears(idle, event, *(true if event == "refund refused" else ()))
        if not alone:  # an F of a repeat, which says nothing of the try before it
            self._refund_hears_if(w.ODDITIES, idle, "refund refused")
        self._refund_hears_if(w.LOSSES, idle, "refund unknown")

    def _refund_found(self, world: World, one: Refund, idle: World) -> None:
        if one.antom == w.NONE:
            absent = min(refund.ABSENT_TIMES, one.absent + 1)
            thrice = (refund.ABSENT_THRICE,) if absent == refund.ABSENT_TIMES else ()
            missed = one._replace(lane="", absent=absent)
            self._refund_hears(idle._replace(refund=missed), "not found", *thrice)
        else:
            events = {"done": "found done", "failed": "found failed"}
            self._refund_hears(idle, events.get(one.antom, "found processing"))
        self._refund_hears_if(w.LOSSES, idle, "refund unknown")
        self._refund_hears_if(w.LOSSES, idle, "refund not sent")


def _closed(antom: str) -> str:
    return w.REVERSED if antom in w.DEBITED or antom == w.REVERSED else w.CANCELLED


def closed_by_cancel(antom: str) -> str:
    """What a cancel makes of Antom's side; unknown ids are forgotten again, the hostile reading."""
    return _closed(antom) if antom in (w.PROCESSING, w.SUCCESS, w.WRONG) else antom


def cancel_answers(antom: str, tombstones: bool) -> tuple[str, ...]:
    """What Antom may answer to a cancel (antom-api.md §5 and §16)."""
    if antom == w.NONE:
        return ("no such order", "cancel done") if tombstones else ("no such order",)
    if antom == w.LATE:
        return ("window closed",)
    if antom == w.FAIL:
        return ("cancel done", "status refuses")
    if antom == w.REFUNDED:
        return ("status refuses", "window closed")
    return ("cancel done",)


def check_answer(antom: str, which: str) -> str:
    """What the inquiry after a refused cancel says."""
    if antom in (w.SUCCESS, w.LATE):
        return f"{which} success"
    if antom == w.REFUNDED:
        return "check returned"
    if antom in (w.FAIL, *w.CLOSED):
        return "check closed"
    return "check unknown"
