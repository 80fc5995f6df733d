"""Carries out what the tables decide: one event after the other, each effect before the next.

Answers, timers, tills and the flusher only bring events; `happen` takes them in turn, moves the
table, and does what the row says. What tills see of an object is what the last `tell` published,
so nobody hears of a decision before its record is durable (I4).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from typing import TYPE_CHECKING, Any

from tilld_core import civil, payment, refund, request_id
from tilld_core.ledger import entry_of
from tilld_core.messages import CallError
from tilld_core.payment import Payment
from tilld_core.refund import Refund
from tilld_core.room import payment_needs_bytes, refund_needs_bytes
from tilld_daemon.story import Stories
from tilld_daemon.told import Told, id_of, why_called
from tilld_hal.errors import StorageFault

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tilld_antom.evidence import Evidence
    from tilld_core.ledger import Entry, Ledger
    from tilld_core.limits import Timing
    from tilld_daemon.events import Events
    from tilld_daemon.flusher import Flusher
    from tilld_daemon.journal import Journal
    from tilld_daemon.upstream import Upstream
    from tilld_daemon.views import Views
    from tilld_hal.clock import Clock

    Thing = Payment | Refund

log = logging.getLogger("tilld.shell")

# When these are written, the payment or refund has been decided or closed.
ENDS = ("failed", "cancel", "closed", "returned", "paid", "refunded", "refused")
# These say how far a cancel or refund has come; without them it is tried as before.
STAGES = ("queued", "attention", "located")
# What a refund's end means for the payment whose cancel it replaced (rules.md §4).
REPLACED_ENDS = {"ORDER_IS_CANCELED": "refund closed", "REFUND_AMOUNT_EXCEED": "refund exceeds"}


class Shell:
    """The payments and refunds of the device, alive."""

    def __init__(
        self,
        ledger: Ledger,
        views: Views,
        journal: Journal,
        clock: Clock,
        timing: Timing,
        events: Events,
        terminal: str,
        acknowledges_itself: bool,
        window_grace_s: int,
        unsent: Callable[[Payment], None],
        settled: Callable[[], None],
        bug: Callable[[BaseException], None],
    ) -> None:
        """``unsent`` hears of a payment that ended before a byte of it left, ``settled`` of
        everything that came to rest."""
        self.ledger = ledger
        self.timing = timing
        self.upstream: Upstream | None = None
        self.flusher: Flusher | None = None
        self._journal = journal
        self._clock = clock
        self._events = events
        self._terminal = terminal
        self._acknowledges_itself = acknowledges_itself
        self._window_grace_s = window_grace_s
        self._unsent = unsent
        self._settled = settled
        self._bug = bug
        self._owing = 0
        self._lines: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._told = Told(views, events, self.now_ms)
        self._frozen: set[str] = set()
        self.stories = Stories(self.now_s)
        self._asking: dict[str, int] = {}  # requests under way upstream
        self._timers: dict[str, tuple[int, asyncio.TimerHandle]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def is_frozen(self, thing: Thing) -> bool:
        """A record of it may or may not be on flash; nothing about it is told or sent (I21)."""
        return id_of(thing) in self._frozen

    def is_quiet(self, thing: Thing) -> bool:
        """Nothing is under way about it: no event, no request, no deadline, nobody who waits."""
        name = id_of(thing)
        known = (self._lines, self._frozen, self._asking, self._timers)
        return not (self._told.knows(name) or any(name in one for one in known))

    # What tills see.

    def view(self, thing: Thing) -> dict[str, Any]:
        """The object as last told, with the seconds left until it is decided."""
        return self._told.view(thing)

    async def changed(self, thing: Thing, timeout_s: float) -> None:
        """Returns at the next tell about the object, or at the timeout."""
        await self._told.changed(thing, timeout_s)

    def prompt(self, waiting: Payment, code: str, message: str) -> None:
        """Tells the cashier what keeps its code from being read; the payment stays as it is."""
        self._told.prompt(waiting, code, message)

    def withdraw_prompt(self, waiting: Payment, code: str) -> None:
        """That prompt is true no more; another one stays."""
        self._told.withdraw_prompt(waiting, code)

    # What happens to them.

    def new_id(self, amount_minor: int, for_refund: bool = False) -> str:
        """A fresh request id; its serial becomes durable with the object's first record."""
        self.ledger.serial = request_id.next_serial(self.ledger.serial, self._clock.random_bytes(8))
        make = request_id.make_refund if for_refund else request_id.make
        return make(
            self.now_s(),
            self._terminal,
            amount_minor,
            self.ledger.serial,
            self._clock.random_bytes(16),
        )

    async def happen(self, thing: Thing, event: str, facts: dict[str, Any] | None = None) -> None:
        """Takes one event in turn. Raises CallError storage for an object that is frozen."""
        async with self._line(thing):
            await self._move(thing, event, facts or {})

    async def acknowledge(self, approved: Payment) -> None:
        """The till has stored the approval: paid, if it still is one (compare and set, §1)."""
        async with self._line(approved):
            self._refuse_frozen(approved)
            if approved.state == payment.APPROVED:
                await self._move(approved, "acknowledge", {})
            elif approved.state in payment.UNDECIDED:
                raise CallError("not_approved", payment=approved.payment)

    async def cancel(self, unwanted: Payment) -> None:
        """The till wants no payment: what this does in each state is till_socket.md §3."""
        async with self._line(unwanted):
            self._refuse_frozen(unwanted)
            if unwanted.state == payment.PAID:
                raise CallError("already_paid", payment=unwanted.payment)
            if unwanted.state in payment.UNDECIDED:
                await self._move(unwanted, "till cancel", {})

    async def write_off(self, owed: Thing, name: str, why: str, signed_by: str) -> None:
        """An operator signs that a person has settled what is owed (I15): in the operator's words,
        ``signed_by`` the mark of the certificate. One that owes nothing stays as it is."""
        owes = (*payment.OWING, payment.REFUNDING) if isinstance(owed, Payment) else refund.OPEN
        async with self._line(owed):
            self._refuse_frozen(owed)
            if owed.state in owes:
                owed.written_off_by, owed.written_off_why = name, why
                owed.written_off_signed_by, owed.written_off_at_s = signed_by, self.now_s()
                await self._move(owed, "write off", {})

    async def leave(self, waiting: Payment) -> None:
        """No till asks for it any more: given up, unless its code came in the meantime."""
        async with self._line(waiting):
            if waiting.state == payment.WAITING:
                await self._move(waiting, "till left", {})

    async def scan(self, waiting: Payment, code: str) -> bool:
        """A payment code was read for it; False when another one was first, or its end."""
        async with self._line(waiting):
            if waiting.state != payment.WAITING:
                return False
            self._told.withdraw_prompt(waiting)
            await self._move(waiting, "code", {"code": code})
            return True

    async def resume(self) -> None:
        """After a restart: every open payment and refund hears of it (rules.md §3)."""
        for returned in self.ledger.open_refunds():
            await self._journal.reserve_again(returned.refund, refund_needs_bytes(returned))
            await self._resume(returned)
        undecided = []
        for open_payment in list(self.ledger.unsettled.values()):
            await self._journal.reserve_again(
                open_payment.payment, payment_needs_bytes(open_payment)
            )
            if open_payment.state in payment.UNDECIDED:
                undecided.append(open_payment)
            else:
                await self._resume(open_payment)
            replaced = self.ledger.refunds.get(open_payment.refund)
            if open_payment.state == payment.REFUNDING and replaced is not None:
                self._tell_owner(replaced)
        await self._decide_together(undecided)

    async def _resume(self, thing: Thing) -> None:
        since_s = thing.decided_at_s if isinstance(thing, Payment) else thing.created_at_s
        owed_for_ms = max(0, self.now_s() - since_s) * 1000 if since_s else 0
        try:
            await self.happen(thing, "restart", {"owed_for_ms": owed_for_ms})
        except CallError as error:
            # The storage can't take the decision: it stays open, and a person was called (I21).
            log.error("%s is not taken up: %s", id_of(thing), error.message)

    async def _decide_together(self, undecided: list[Payment]) -> None:
        """What a restart decides of many, with few flushes: their records are marked, and the last
        one's note makes all of them durable. Only then does any of them go on."""
        begun = []
        async with contextlib.AsyncExitStack() as lines:
            for one in undecided:
                await lines.enter_async_context(self._line(one))
                effects, before = self._begin(one, "restart", {})
                verb = "note" if one is undecided[-1] else "mark"
                try:
                    await self._record(one, verb, effects[0].split(" ", 1)[1])
                except CallError as error:
                    log.error("%s is not taken up: %s", one.payment, error.message)
                begun.append((one, effects, before))
            if begun and self.is_frozen(begun[-1][0]):
                self._frozen.update(one.payment for one, _, _ in begun)
            for one, effects, before in begun:
                if not self.is_frozen(one):
                    self.stories.did(one, effects[0], before)
                    await self._go_on(one, effects[1:], before, {})

    def start_soon(self, work: Coroutine[Any, Any, Any]) -> None:
        """Runs beside everything else; a bug in it restarts the process."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, CallError):
            self._bug(error)

    def _line(self, thing: Thing) -> asyncio.Lock:
        lock = self._lines.get(id_of(thing))
        if lock is None:
            lock = self._lines[id_of(thing)] = asyncio.Lock()
        return lock

    def _refuse_frozen(self, thing: Thing) -> None:
        if self.is_frozen(thing):
            raise CallError("storage", payment=id_of(thing))

    async def _move(self, thing: Thing, event: str, facts: dict[str, Any]) -> None:
        effects, before = self._begin(thing, event, facts)
        is_reopened = before in payment.SETTLED and thing.state == payment.CANCELLING
        if is_reopened and isinstance(thing, Payment):  # its room was given back before (I22)
            await self._journal.reserve_again(thing.payment, payment_needs_bytes(thing))
        await self._go_on(thing, effects, before, facts)

    def _begin(
        self, thing: Thing, event: str, facts: dict[str, Any]
    ) -> tuple[tuple[str, ...], str]:
        """Takes the table's step: the effects that are now to be carried out, and the state that
        it left."""
        self._refuse_frozen(thing)
        self._told.hold(thing)
        if facts.get("alarm"):
            self._attention(thing, f"An answer about it can't be trusted ({facts['alarm']}).")
        before = thing.state
        step = payment.step if isinstance(thing, Payment) else refund.step
        effects = step(thing, event, facts, self.now_ms(), self.timing, self._chance)  # type: ignore[arg-type]
        self._watch(thing)
        self.stories.heard(thing, event, facts, before)
        return effects, before

    async def _go_on(
        self, thing: Thing, effects: tuple[str, ...], before: str, facts: dict[str, Any]
    ) -> None:
        for effect in effects:
            await self._perform(thing, effect, facts)
            self.stories.did(thing, effect, before)
        self._rest(thing)

    def _rest(self, thing: Thing) -> None:
        self.stories.rest(thing)
        if isinstance(thing, Payment):
            self.ledger.moved(thing)
            self._count_owing()
            if thing.reason == "not_sent":
                self._unsent(thing)
        if thing.lane.attempts and self.flusher is not None:
            self.flusher.wake()  # its slot may be free for the next one
        if thing.state in (*payment.SETTLED, *refund.SETTLED):
            self._told.settle(thing)
            self._journal.release(id_of(thing))
            self.stories.settled(thing)
            self._settled()

    def _count_owing(self) -> None:
        owing = len(self.ledger.owing())
        if owing != self._owing:
            self._owing = owing
            self._events.announce("queue.changed", {"owed": owing})

    # Effects.

    async def _perform(self, thing: Thing, effect: str, facts: dict[str, Any]) -> None:
        verb, what = effect.split(" ", 1)
        if verb in ("note", "mark"):
            await self._record(thing, verb, what)
        elif verb == "send":
            self._send(thing, what, facts)
        elif verb == "end" and isinstance(thing, Payment):
            self.start_soon(self.happen(self.ledger.refunds[thing.refund], "write off"))
        elif verb == "owe":
            assert self.flusher is not None
            self._dress_lane(thing)
            self.flusher.wake()
        elif verb == "tell":
            self._publish(thing)
        elif verb == "call":
            self._attention(thing, why_called(thing, what))

    async def _record(self, thing: Thing, verb: str, what: str) -> None:
        """A fault freezes the object: what its record says is known after the next start."""
        if what in ENDS or (what == "written off" and isinstance(thing, Refund)):
            thing.decided_at_s = self.now_s()
        if what == "paid" and isinstance(thing, Payment):
            thing.heard = False  # until an answer that says so is on its way (rules.md §1)
        self._count_in_period(thing, what)
        entries = self._entries(thing, what)
        try:
            if verb == "note":
                await self._journal.note(entries, id_of(thing))
            else:
                await self._journal.mark(entries, id_of(thing))
        except StorageFault as fault:
            log.error("%s of %s could not be recorded: %s", what, id_of(thing), fault.reason)
            if what in STAGES:
                return  # decides nothing: the cancel or refund goes on (I21)
            self._frozen.add(id_of(thing))
            self.stories.lost(thing)
            self._attention(thing, "Its record could not be written; the next start settles it.")
            raise CallError("storage", payment=id_of(thing)) from fault

    def _count_in_period(self, thing: Thing, what: str) -> None:
        """Money that goes back belongs to the period in which that is confirmed."""
        if isinstance(thing, Refund):
            if what == "refunded":
                thing.period = self.ledger.counts_in
        elif what == "returned":
            thing.returned_in = self.ledger.counts_in

    def _entries(self, thing: Thing, what: str) -> list[Entry]:
        """The records of a note; a serial goes with every new id."""
        if isinstance(thing, Refund):
            entry = entry_of(f"refund {what}", thing)
            return [["serial", self.ledger.serial], entry] if what == "requested" else [entry]
        if what in ("start", "intent"):
            return [["serial", self.ledger.serial], entry_of(what, thing)]
        if what == "failed" and not thing.currency:  # a closed key has no record before this one
            return [entry_of("start", thing), entry_of(what, thing)]
        if what == "refund":
            return [
                ["serial", self.ledger.serial],
                entry_of("refund requested", self._replace(thing)),
            ]
        return [entry_of(what, thing)]

    def _replace(self, owed: Payment) -> Refund:
        """The refund that takes the place of a cancel, with its own id (I16)."""
        replacement = Refund(
            refund=self.new_id(owed.amount_minor, for_refund=True),
            key="",
            payment=owed.payment,
            antom_payment_id=owed.antom_payment_id,
            currency=owed.currency,
            amount_minor=owed.amount_minor,
            created_at_s=self.now_s(),
            why="cancelled too late",
            in_place_of_cancel=True,
        )
        replacement.lane.window_closes_s = owed.lane.window_closes_s
        self.ledger.add_refund(replacement)
        return replacement

    def _send(self, thing: Thing, what: str, facts: dict[str, Any]) -> None:
        if isinstance(thing, Payment) and what == "refund":
            self.start_soon(self.happen(self.ledger.refunds[thing.refund], "take over"))
        else:
            self._asking[id_of(thing)] = self._asking.get(id_of(thing), 0) + 1
            self.start_soon(self._ask(thing, what, facts.get("code", "")))

    async def _ask(self, thing: Thing, what: str, code: str) -> None:
        """One request upstream, and its answer as the next event."""
        try:
            await self._ask_and_tell(thing, what, code)
        finally:
            self._asking[id_of(thing)] -= 1
            if not self._asking[id_of(thing)]:
                del self._asking[id_of(thing)]

    async def _ask_and_tell(self, thing: Thing, what: str, code: str) -> None:
        evidence = await self._asked(thing, what, code)
        facts: dict[str, Any] = dict(evidence.facts)
        if what == "pay":
            facts["pay_closed"] = True
        thing.lane.last_error = facts.get("upstream_code") or facts.get("message") or ""
        if evidence.event == "no such payment" and self.ledger.find_payment(thing.payment):
            evidence = evidence._replace(event="locate unknown")  # paid here: it will be known yet
        await self.happen(thing, evidence.event, facts)
        if isinstance(thing, Refund) and thing.state in refund.SETTLED:
            self._tell_owner(thing)

    def _asked(self, thing: Thing, what: str, code: str) -> Coroutine[Any, Any, Evidence]:
        up = self.upstream
        assert up is not None
        if isinstance(thing, Refund):
            if what == "locate":
                return up.locate(thing)
            return up.refund(thing) if what == "refund" else up.inquire_refund(thing)
        if what == "pay":
            return up.pay(thing, code)
        if what == "inquiry":
            return up.inquire(thing)
        if what == "cancel":
            return up.cancel(thing)
        return up.check(thing, what.split(" ")[0])

    def _tell_owner(self, ended: Refund) -> None:
        """The refund in place of a cancel has ended: its payment hears how."""
        owner = self.ledger.payments.get(ended.payment)
        if owner is None or not ended.in_place_of_cancel or ended.state not in refund.SETTLED:
            return
        event = REPLACED_ENDS.get(ended.upstream_code, "refund refused")
        if ended.state == refund.REFUNDED:
            event = "refund done"
        if owner.state == payment.REFUNDING:
            facts = {"upstream_code": ended.upstream_code, "message": ended.message}
            self.start_soon(self.happen(owner, event, facts))

    def _dress_lane(self, thing: Thing) -> None:
        lane = thing.lane
        if not lane.owed_since_s:
            lane.owed_since_s = self.now_s()
        if isinstance(thing, Payment):  # its time of payment may have become known meanwhile
            paid_s = civil.parse_rfc3339(thing.paid_at) or thing.created_at_s
            lane.window_closes_s = civil.cancel_window_closes_at(paid_s, self._window_grace_s)

    def _publish(self, thing: Thing) -> None:
        self._told.publish(thing)
        if isinstance(thing, Payment) and thing.state == payment.APPROVED:
            self._approved(thing)

    def _approved(self, approved: Payment) -> None:
        if self._acknowledges_itself:
            self.start_soon(self.acknowledge(approved))

    def _attention(self, thing: Thing, message: str) -> None:
        log.warning("a person is needed for %s: %s", id_of(thing), message)
        kind = "payment" if isinstance(thing, Payment) else "refund"
        self._events.announce("attention", {kind: id_of(thing), "message": message})

    # Deadlines.

    def _watch(self, thing: Thing) -> None:
        """One timer an object, for the deadline that its table has set."""
        known = self._timers.get(id_of(thing))
        if known and known[0] == thing.deadline_ms:
            return
        if known:
            known[1].cancel()
            del self._timers[id_of(thing)]
        if thing.deadline_ms is not None:
            after_s = max(0, thing.deadline_ms - self.now_ms()) / 1000
            timer = asyncio.get_running_loop().call_later(
                after_s, self._deadline, thing, thing.deadline_ms
            )
            self._timers[id_of(thing)] = (thing.deadline_ms, timer)

    def _deadline(self, thing: Thing, deadline_ms: int) -> None:
        self.start_soon(self._deadline_over(thing, deadline_ms))

    async def _deadline_over(self, thing: Thing, deadline_ms: int) -> None:
        """The deadline counts only if nothing has replaced it while this stood in line."""
        async with self._line(thing):
            if thing.deadline_ms == deadline_ms:
                thing.deadline_ms = None
                await self._move(thing, thing.deadline_event, {})

    def _chance(self, n: int) -> int:
        return int.from_bytes(self._clock.random_bytes(6), "big") % (n + 1)

    def now_ms(self) -> int:
        return self._clock.monotonic_ms()

    def now_s(self) -> int:
        return self._clock.wall_ms() // 1000
