"""What has left memory for the archive, and how it comes back when a call names it.

In batches the oldest that are at rest are committed to the archive; only then they leave the
ledger, and the next compaction of the journal omits them. A call first recalls what it names and
holds it until it has been answered, so the desk works with objects in memory as if all were
there. What can't be read is never taken for absent (I20).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING, Any, TypeVar

from tilld_core import families as family_rows
from tilld_core.families import at_rest, id_of, names_of
from tilld_core.journal import worst_cost_bytes
from tilld_core.ledger import KEEP_JOBS, KEEP_PAYMENTS, KEEP_S, Job, Ledger, entries_of
from tilld_core.messages import CallError
from tilld_core.payment import Payment
from tilld_core.refund import Refund
from tilld_daemon.archive import (
    FILE_NAME,
    Archive,
    ArchiveDamaged,
    ArchiveFault,
    Kept,
    Row,
    accept_loss,
    open_archive,
    packed,
)
from tilld_daemon.memory import give_back, trim
from tilld_daemon.storage_thread import StorageThread
from tilld_hal.errors import StorageFault

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from tilld_core.families import Family, Thing
    from tilld_daemon.archive import Found
    from tilld_daemon.journal import Journal

    Result = TypeVar("Result")

log = logging.getLogger("tilld.archive")

HOT = 64  # families at rest that stay in memory: what a shop has just done, it asks for
BATCH = 64  # and so many more make a batch
ANSWERS_WITHIN_S = 30.0
COMPACT_AFTER = 512  # families that left; so few are read again by the next start
AGAIN_AFTER_S = 30.0  # an archive that took nothing is tried again
_NAMING_BYTES = worst_cost_bytes(128)  # of the record that names an archive


class Past:
    """``folder`` is where the archive lies; without one ("") everything stays in memory.

    ``is_quiet(thing)`` says that nothing is under way about it. ``degraded(why)`` hears what keeps
    things from leaving, "" when nothing does; ``lost(why)`` that an archive can't be read.
    """

    def __init__(
        self,
        folder: str,
        ledger: Ledger,
        journal: Journal,
        is_quiet: Callable[[Thing], bool],
        now_s: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        degraded: Callable[[str], None],
        lost: Callable[[str], None],
        start_soon: Callable[[Coroutine[Any, Any, None]], None],
        again_after_s: float = AGAIN_AFTER_S,
    ) -> None:
        self._folder = folder
        self._ledger = ledger
        self._journal = journal
        self._is_quiet = is_quiet
        self._now_s = now_s
        self._random_bytes = random_bytes
        self._degraded = degraded
        self._lost = lost
        self._start_soon = start_soon
        self._again_after_s = again_after_s
        self._again: asyncio.TimerHandle | None = None
        self._is_degraded = False
        self._may_be_named = False  # there is room in the journal for it
        self._loop = asyncio.get_running_loop()
        self._thread: StorageThread | None = None
        self._archive: Archive | None = None
        self._held: dict[str, int] = {}
        self._opening = asyncio.Lock()
        self._settled = 0
        self._gone = 0  # since the journal was written anew
        self._leaving = False
        self._closed = False
        self.damage = ""  # why the archive can't be read any more
        self.is_there = bool(folder) and bool(
            ledger.archive or os.path.exists(os.path.join(folder, FILE_NAME))
        )

    @property
    def keeps(self) -> bool:
        """What is settled leaves for the archive, and is forgotten there."""
        return bool(self._folder)

    # Calls.

    def missing(self, names: Iterable[str]) -> list[str]:
        """Which of these may be in the archive."""
        if not self.is_there:
            return []
        ledger = self._ledger
        known = (ledger.keys, ledger.payments, ledger.refunds, ledger.jobs)
        return [
            name
            for name in names
            if not any(name in one for one in known) and ledger.find_payment(name) is None
        ]

    @contextlib.contextmanager
    def held(self, names: Iterable[str]) -> Iterator[None]:
        """Nothing that has one of these names leaves memory meanwhile."""
        names = list(names)
        for name in names:
            self._held[name] = self._held.get(name, 0) + 1
        try:
            yield
        finally:
            for name in names:
                self._held[name] -= 1
                if not self._held[name]:
                    del self._held[name]

    async def recall(self, names: Iterable[str], order: str = "") -> None:
        """What has one of these names is in memory when this returns, and a payment that paid
        that order. Raises CallError storage when that can't be known."""
        wanted = self.missing(names)
        if not self.is_there or (order and self._ledger.order_is(order)[1] is not None):
            order = ""
        if wanted or order:
            self._put_back(await self._ask(lambda archive: archive.find(wanted, order)))

    def _put_back(self, found: list[Found]) -> None:
        ledger = self._ledger
        there = {one.family for one in found if self._knows(one.id)}
        for one in found:
            if one.family not in there:
                self._replay(ledger, one)
                ledger.recalled[one.id] = one.family

    def _knows(self, name: str) -> bool:
        ledger = self._ledger
        number = name.partition("period:")[2]
        known = name in ledger.payments or name in ledger.refunds or name in ledger.jobs
        return known or (number.isdigit() and int(number) in ledger.periods)

    @staticmethod
    def _replay(ledger: Ledger, one: Found) -> None:
        for entry in one.entries:
            ledger.replay(entry)
        thing = ledger.payments.get(one.id) or ledger.refunds.get(one.id)
        if thing is not None:
            thing.revision = one.revision

    # Questions about many.

    async def payments(self, asked: dict[str, object], before: int, size: int) -> list[Payment]:
        """Payments in the archive alone that came before that number, newest first; not in the
        ledger: they are looked at, and nothing can be done with them. ``asked`` are columns of
        the archive and their values."""
        found = await self._page("payment", before, size, asked)
        return sorted(found.payments.values(), key=lambda one: -one.number)

    async def refunds(self, before: int, size: int) -> list[Refund]:
        """The same of refunds; more than ``size`` where one payment has several."""
        found = await self._page("refund", before, size, {})
        things = [one for one in found.refunds.values() if one.number < before]
        return sorted(things, key=lambda one: -one.number)

    async def number_of(self, name: str) -> int | None:
        """Where a thing of the archive stands in lists; None when it has none of that id."""
        if not self.is_there:
            return None
        return await self._ask(lambda archive: archive.number_of(name))

    async def recent(self, since_s: int, after: str, size: int) -> tuple[Ledger, str]:
        """The next families with something decided since then, and the last one's name; "" when
        there are no more."""
        if not self.is_there:
            return Ledger(), ""
        families = self._families()
        found = await self._ask(lambda one: one.recent(since_s, after, size, families))
        return _aside(found), found[-1].family if found else ""

    async def sums(self, period: int) -> dict[str, list[tuple[Any, ...]]]:
        """What the archive alone adds to a period's report (see `Archive.sums`)."""
        if not self.is_there:
            return {"started": [], "refunded": [], "returned": []}
        families = self._families()
        return await self._ask(lambda archive: archive.sums(period, families))

    async def _page(self, kind: str, before: int, size: int, asked: dict[str, object]) -> Ledger:
        if not self.is_there:
            return Ledger()
        families = self._families()
        found = await self._ask(lambda one: one.page(kind, before, size, asked, families))
        return _aside(found)

    def _families(self) -> list[str]:
        return list(family_rows.families(self._ledger))

    # Leaving memory.

    def settled(self) -> None:
        """Something came to rest; now and then a batch of such leaves."""
        self._settled += 1
        if self._settled >= BATCH:
            self.leave_soon()

    def leave_soon(self) -> None:
        """What may leave does, unless that is under way already."""
        if not self._leaving and self._folder and not self.damage:
            self._leaving = True
            self._settled = 0
            self._start_soon(self.leave())

    async def leave(self) -> None:
        """Batch after batch, the oldest first, until few enough stay.

        While the journal has no room for a new payment, all that may leave does, and an archive
        that took nothing is tried with whatever there is: only so is it seen to work again.
        """
        try:
            while self._journal.fault is None:
                pressed = self._journal.is_full or self._is_degraded
                stay, enough = (0, 1) if pressed else (HOT, BATCH)
                ready = self._ready()
                leaving = ready[: max(0, len(ready) - stay)]
                if len(leaving) < enough or not await self._commit(leaving[:BATCH]):
                    return
        finally:
            self._leaving = False
            self._try_later()

    def _try_later(self) -> None:
        if self._is_degraded and self._again is None and not self._closed:
            self._again = self._loop.call_later(self._again_after_s, self._try_again)

    def _try_again(self) -> None:
        self._again = None
        self.leave_soon()

    def _ready(self) -> list[Family]:
        found = family_rows.by_age(self._ledger)
        return [family for family in found if self._may_leave(family)]

    def _may_leave(self, family: Family) -> bool:
        ledger = self._ledger
        resting = all(at_rest(ledger, thing) and self._is_quiet(thing) for thing in family)
        return resting and not any(name in self._held for name in names_of(family))

    async def _commit(self, leaving: list[Family]) -> bool:
        """On flash first; then those leave that have not moved in the meantime."""
        rows = [_rows(family) for family in leaving]
        kept = Kept(KEEP_PAYMENTS, KEEP_JOBS, self._now_s() - KEEP_S)
        flat = [row for of_family in rows for row in of_family]
        try:
            archive = await self._opened()
            batches = await self._call(lambda: archive.put(flat, kept))
        except (ArchiveFault, ArchiveDamaged):
            return False
        self._is_degraded = False
        self._degraded("")
        self._ledger.archive, self._ledger.archive_batches = archive.name, batches
        for family, said in zip(leaving, rows, strict=True):
            if self._may_leave(family) and _rows(family) == said:
                for thing in family:
                    self._ledger.recalled.pop(id_of(thing), None)
                    self._ledger.drop(thing)
                self._gone += 1
        if self._gone >= COMPACT_AFTER or self._journal.is_full:
            self._gone = 0
            with contextlib.suppress(StorageFault):  # the journal has told it
                await self._journal.write_anew()
            await self._tidy(give_back)
        else:
            await self._tidy(trim)
        return True

    async def _tidy(self, work: Callable[[], None]) -> None:
        with contextlib.suppress(ArchiveFault):  # its thread does not answer, and that was told
            await self._call(work)

    # The archive's thread.

    async def open(self) -> None:
        """Opens what the last life left, looks whether it is whole, and goes on putting away."""
        if self.is_there:
            with contextlib.suppress(CallError):  # told to `lost` or `degraded`
                await self._ask(lambda archive: archive.check())
        elif self._folder:
            with contextlib.suppress(StorageFault):  # the journal has told it
                await self._keep_room_for_its_name()
        self.leave_soon()

    async def _keep_room_for_its_name(self) -> None:
        """A full journal is emptied by naming an archive, so the room for that is kept (I22)."""
        if not self._may_be_named:
            self._may_be_named = await self._journal.reserve(FILE_NAME, _NAMING_BYTES)

    async def _ask(self, question: Callable[[Archive], Result]) -> Result:
        """Raises CallError storage: what can't be read is never taken for absent."""
        try:
            archive = await self._opened()
            return await self._call(lambda: question(archive))
        except (ArchiveFault, ArchiveDamaged) as error:
            raise CallError("storage", f"The terminal can't read its past: {error}.") from error

    async def _opened(self) -> Archive:
        async with self._opening:  # there is one connection, ever
            if self._archive is None:
                ledger = self._ledger
                name = self._random_bytes(8).hex()
                opened = await self._call(
                    lambda: open_archive(self._folder, ledger.archive, ledger.archive_batches, name)
                )
                try:
                    await self._is_known(opened)
                except ArchiveFault:
                    await self._call(opened.close)  # or the next one would find it locked
                    raise
                self._archive = opened
            return self._archive

    async def _is_known(self, opened: Archive) -> None:
        """The journal says which archive belongs to it before anything is there alone."""
        self.is_there = True
        if self._ledger.archive == opened.name:
            self._ledger.archive_batches = opened.batches
            return
        await self._name(opened)
        accept_loss(self._folder, opened)

    async def _name(self, opened: Archive) -> None:
        ledger = self._ledger
        try:
            await self._keep_room_for_its_name()
            if not self._may_be_named:
                self._say_degraded("the journal has no room for its name")
                raise ArchiveFault("the journal has no room for its name")
            ledger.archive, ledger.archive_batches = opened.name, opened.batches
            await self._journal.note([ledger.since()], FILE_NAME)
        except StorageFault as fault:
            raise ArchiveFault(fault.reason) from fault
        self._journal.release(FILE_NAME)
        self._may_be_named = False

    async def _call(self, work: Callable[[], Result]) -> Result:
        """In the archive's own thread, so that no sale's flush stands behind it."""
        if self.damage:
            raise ArchiveDamaged(self.damage)
        if self._thread is None:
            self._thread = StorageThread(self._loop, "archive")
        try:
            return await asyncio.wait_for(self._thread.call(work), ANSWERS_WITHIN_S)
        except TimeoutError as error:
            self._say_degraded("the archive does not answer")
            raise ArchiveFault("the archive does not answer") from error
        except ArchiveFault as fault:
            self._say_degraded(str(fault))
            raise
        except ArchiveDamaged as damage:
            self.damage = str(damage)
            log.error("%s", damage)
            self._lost(self.damage)
            raise

    def _say_degraded(self, why: str) -> None:
        log.error("%s", why)
        self._is_degraded = True
        self._degraded(why)
        self._try_later()

    def close(self, timeout_s: float) -> None:
        """Nothing is lost by stopping at any moment."""
        self._closed = True
        if self._again is not None:
            self._again.cancel()
        if self._thread is not None:
            if self._archive is not None:
                self._thread.call(self._archive.close)
            self._thread.close(timeout_s)


def _aside(found: list[Found]) -> Ledger:
    """A ledger of these alone."""
    ledger = Ledger()
    for one in found:
        Past._replay(ledger, one)
    return ledger


def _rows(family: Family) -> list[Row]:
    return [_row(thing, id_of(family[0])) for thing in family]


def _row(thing: Thing, family: str) -> Row:
    if isinstance(thing, Payment):
        said = packed(entries_of(thing))
        return Row(
            thing.payment,
            family,
            "payment",
            thing.key,
            thing.order_ref,
            thing.antom_payment_id,
            thing.number,
            thing.decided_at_s,
            thing.revision,
            thing.period,
            thing.returned_in,
            thing.state,
            thing.reason,
            thing.currency,
            thing.amount_minor,
            said,
        )
    if isinstance(thing, Refund):
        # what a report counts as refunded
        counts = thing.period if not thing.in_place_of_cancel else 0
        said = packed(entries_of(thing))
        return Row(
            thing.refund,
            family,
            "refund",
            thing.key,
            "",
            "",
            thing.number,
            thing.decided_at_s,
            thing.revision,
            counts,
            0,
            thing.state,
            thing.reason,
            thing.currency,
            thing.amount_minor,
            said,
        )
    kind, at_s = ("job", thing.created_at_s) if isinstance(thing, Job) else ("period", 0)
    number = at_s if isinstance(thing, Job) else thing.number
    said = packed(entries_of(thing))
    return Row(
        id_of(thing), family, kind, thing.key, "", "", number, at_s, 0, 0, 0, "", "", "", 0, said
    )
