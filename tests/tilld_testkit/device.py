"""The device in the explorer's world: the two tables that run, and a shell of one effect a step.

It hears an event, takes the row that machine.pick gives, and carries out the effects one after the
other.  Power may fail between any two of them, so one event has many ends: the whole batch, and
every prefix of it followed by darkness.  What the shell owes beside the tables is written here too:
a refund's end is given to its payment, after a restart again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tilld_core import payment, refund
from tilld_core.machine import pick
from tilld_testkit import invariants
from tilld_testkit import world as w
from tilld_testkit.world import Refund, World

if TYPE_CHECKING:
    from tilld_core.machine import Row

PAYMENT, REFUND = "payment", "refund"
HEARS = "hears"  # an agenda item that is an event, not an effect
ENDED = "refund ended"  # becomes the event that says how, for the payment whose cancel it replaced

# Written off is what the payment did to its refund, and no news for it.
ENDS_OF_REFUNDS = (refund.REFUNDED, refund.REFUSED)

# Money that is heard of in one of these is a discrepancy, which a person must see.
ENDED_WITHOUT_MONEY = (payment.FAILED, payment.CANCELLED, payment.WRITTEN_OFF)

Agenda = list[tuple[str, str, str]]  # (which table, verb, object); for HEARS the event
End = tuple[int, World]  # effects done before the lights went out (0: all were done), the world


class Tables(NamedTuple):
    """The rows that are explored: the very ones that run, or a mutant of them."""

    payment_rows: tuple[Row, ...] = payment.ROWS
    payment_ignored: tuple[tuple[str, str], ...] = payment.IGNORED
    refund_rows: tuple[Row, ...] = refund.ROWS
    refund_ignored: tuple[tuple[str, str], ...] = refund.IGNORED

    def of(self, table: str) -> tuple[tuple[Row, ...], tuple[tuple[str, str], ...]]:
        if table == PAYMENT:
            return self.payment_rows, self.payment_ignored
        return self.refund_rows, self.refund_ignored


class Device:
    """Runs the tables.

    ``asked_for``: the refund is the till's own, of a paid payment. ``unknown_id``: a refund begins
    without Antom's payment id, which must first be asked for.
    """

    def __init__(self, tables: Tables, asked_for: bool = False, unknown_id: bool = False) -> None:
        self.tables = tables
        self.asked_for = asked_for
        self.unknown_id = unknown_id
        self.taken: set[tuple[str, Row]] = set()
        self.heard: set[tuple[str, str, str]] = set()
        self._picked: dict[tuple[str, str, str, frozenset[str]], Row | None] = {}

    def row(self, table: str, state: str, event: str, true: frozenset[str]) -> Row | None:
        """machine.pick with the guards in ``true`` holding; remembers what was taken and heard."""
        key = (table, state, event, true)
        if key not in self._picked:
            rows, ignored = self.tables.of(table)
            row = pick(rows, ignored, state, event, true.__contains__)
            self._picked[key] = row
            if row is None:
                self.heard.add((table, state, event))
            else:
                self.taken.add((table, row))
        return self._picked[key]

    def hear(self, world: World, table: str, event: str, *true: str) -> list[End]:
        """Every end of one event."""
        return self._run(world, [(table, HEARS, event)], frozenset(true))

    def restart(self, world: World) -> list[End]:
        """Power is back: the state is what flash says, and recovery is an event like any other."""
        found = world.mark or world.flash
        if not found:  # nothing was durable: to the device this payment never was
            return [(0, World(told=world.told, left=world.left))]
        state = w.RECOVERS[found]
        shown = state if state in payment.SETTLED else ""
        told = invariants.SAYS.get(shown, world.told)
        one = world.refund
        agenda: Agenda = [(PAYMENT, HEARS, "restart")]
        if one is not None:
            one = one._replace(state=w.REFUND_RECOVERS[one.mark or one.flash])
            if one.state in refund.SETTLED:
                one = one._replace(shown=refund.SHOWN[one.state])
            agenda += self._end_again(state, one)
        world = world._replace(state=state, shown=shown, told=told, refund=one)
        return self._run(world, agenda, frozenset())

    def _end_again(self, state: str, one: Refund) -> Agenda:
        again: Agenda = [(REFUND, HEARS, "restart")]
        if one.state in refund.SETTLED and state == payment.REFUNDING:
            again.append((PAYMENT, HEARS, ENDED))
        return again

    def _run(self, world: World, agenda: Agenda, true: frozenset[str]) -> list[End]:
        ends: list[End] = []
        event = agenda[0][2]
        after_dark = w.spend(world.left, w.CUTS)
        agenda.reverse()
        done = 0
        while agenda:
            table, verb, what = agenda.pop()
            if verb == HEARS:
                world, more = self._take(world, table, what, true)
                agenda.extend(reversed(more))
                continue
            world, more = self._do(world, table, verb, what, event)
            agenda.extend(reversed(more))
            done += 1
            if agenda and after_dark is not None and verb not in ("wait", "owe"):
                ends += [(done, dark) for dark in darkness(world)]
        invariants.at_rest(world, self.asked_for)
        ends.append((0, world))
        return ends

    def _take(
        self, world: World, table: str, event: str, true: frozenset[str]
    ) -> tuple[World, Agenda]:
        one = world.refund
        then: Agenda = []
        if table == REFUND:
            one = one or Refund()
            if one.located:
                true |= {refund.LOCATED}
            row = self.row(table, one.state, event, true)
            if row is None:
                return world, []
            invariants.on_refund_row(row, true)
            deadline = one.deadline if row[3] == one.state else ""
            again = one.state == refund.WRITTEN_OFF and event in ("refund done", "found done")
            world = world._replace(
                refund=one._replace(state=row[3], deadline=deadline), alarm=world.alarm or again
            )
            if row[3] in ENDS_OF_REFUNDS and not self.asked_for:
                then = [(PAYMENT, HEARS, ENDED)]
        else:
            if event == ENDED and one is not None:
                event = end_of(one)
            row = self.row(table, world.state, event, true)
            if row is None:
                return world, []
            invariants.on_row(world, row, true)
            late = event == "success" and world.state in ENDED_WITHOUT_MONEY
            late = late or (event == "cancel done" and world.state == payment.WRITTEN_OFF)
            stays = row[3] == world.state
            world = world._replace(
                state=row[3],
                deadline=world.deadline if stays else "",
                alarm=world.alarm or late,
                asked=world.asked if row[3] == payment.INQUIRING else 0,
            )
        effects = [effect.split(" ", 1) for effect in row[4]]
        return world, [(table, verb, what) for verb, what in effects] + then

    def _do(
        self, world: World, table: str, verb: str, what: str, event: str
    ) -> tuple[World, Agenda]:
        if verb == "call":
            return world._replace(called=True, alarm=False), []
        if table == PAYMENT:
            return self._do_for_payment(world, verb, what, event)
        assert world.refund is not None
        return self._do_for_refund(world, world.refund, verb, what)

    def _do_for_payment(
        self, world: World, verb: str, what: str, event: str
    ) -> tuple[World, Agenda]:
        if verb == "note":
            invariants.on_note(world, what, event)
            lied = world.lied and what != "cancel"
            one = self._requested() if what == "refund" else world.refund
            if what == "written off" and one is not None and one.state in refund.OPEN:
                one = one._replace(flash=what, mark="")  # one record closes both
            world = world._replace(flash=what, mark="", lied=lied, refund=one)
            invariants.anywhere(world)
            return world, []
        if verb == "send":
            return self._send(world, what)
        if verb == "end":
            return world, [(REFUND, HEARS, "write off")]
        if verb == "tell":
            told = invariants.on_tell(world)
            return world._replace(shown=world.state, told=told), []
        if verb == "mark":
            return world._replace(mark=what), []
        if verb == "wait":
            return world._replace(deadline=what), []
        return world._replace(lane="due"), []

    def _requested(self) -> Refund:
        """The payment's record is the request of a new refund, with an id of its own."""
        located = not self.unknown_id
        return Refund(flash="located" if located else "requested", located=located)

    def _send(self, world: World, what: str) -> tuple[World, Agenda]:
        invariants.on_send(world, what)
        if what == "pay":
            return world._replace(pay="on its way", socket=w.OPEN), []
        if what == "inquiry":
            return world._replace(inquiry=True, asked=world.asked + 1), []
        if what == "refund":
            return world, [(REFUND, HEARS, "take over")]
        if what == "cancel" and world.socket == w.PAST:
            what = "cancel, late enough"
        return world._replace(lane=what), []

    def _do_for_refund(
        self, world: World, one: Refund, verb: str, what: str
    ) -> tuple[World, Agenda]:
        if verb == "note":
            one = note_refund(one, what)
        elif verb == "mark":
            one = one._replace(mark=what, located=True)
        elif verb == "send":
            one = send_refund(one, what)
        elif verb == "tell":
            invariants.on_refund_tell(one)
            one = one._replace(shown=refund.SHOWN[one.state])
        elif verb == "wait":
            one = one._replace(deadline=what)
        else:
            one = one._replace(lane="due")
        world = world._replace(refund=one)
        invariants.anywhere(world)
        return world, []


def note_refund(one: Refund, what: str) -> Refund:
    """The record takes with it what was only marked, and what the device knows by then."""
    if what in ("requested", "located"):
        known = one.located or what == "located"
        return one._replace(flash="located" if known else "requested", mark="", located=known)
    return one._replace(flash=what, mark="")


def send_refund(one: Refund, what: str) -> Refund:
    if what != "locate":
        invariants.on_refund_send(one, what)
    if what == "refund":
        asked = one.state in refund.ASKING
        return one._replace(lane=what, tries=min(2, one.tries + 1), absent=0, asked=asked)
    return one._replace(lane=what)


def end_of(one: Refund) -> str:
    """What the payment hears of the refund that replaced its cancel (rules.md §4)."""
    if one.state == refund.REFUNDED:
        return "refund done"
    return {"closed": "refund closed", "exceeds": "refund exceeds"}.get(one.code, "refund refused")


def darkness(world: World) -> list[World]:
    """Power is gone, or the process is dead: flash, wires and Antom are what they were."""
    left = w.spend(world.left, w.CUTS)
    assert left is not None
    one = world.refund
    dark = world._replace(
        state=w.OFF,
        deadline="",
        shown="",
        asked=0,
        pay="",
        socket=w.SHUT if world.socket != w.OPEN or world.flash not in ("", "failed") else w.OPEN,
        ghost_pay=world.ghost_pay or world.pay == "on its way",
        inquiry=False,
        lane="",
        left=left,
        refund=None if one is None or not one.flash else _dark_refund(one),
    )
    worlds = [_without_marks(dark)]
    if worlds[0] is not dark:
        worlds.append(dark)  # the process alone died: its marks are still there
    worlds += [dim for one_dark in worlds for dim in _with_a_loose_request(world, one_dark)]
    return worlds


def _dark_refund(one: Refund) -> Refund:
    return one._replace(state=w.OFF, shown="", lane="", deadline="", tries=0, absent=0, asked=False)


def _without_marks(dark: World) -> World:
    one = dark.refund
    if not dark.mark and not (one and one.mark):
        return dark
    if one and one.mark:
        one = one._replace(mark="", located=one.flash == "located")
    return dark._replace(mark="", refund=one)


def _with_a_loose_request(world: World, dark: World) -> list[World]:
    """A cancel or a refund that was on its way may still arrive, if something may be late."""
    left = w.spend(dark.left, w.LATES)
    if left is None:
        return []
    if world.lane.startswith("cancel"):
        return [dark._replace(ghost_cancel=True, left=left)]
    if dark.refund and world.refund and world.refund.lane == "refund":
        return [dark._replace(refund=dark.refund._replace(ghost=True), left=left)]
    return []
