"""The journal as the event loop sees it: notes that are durable when awaited, and reserved room.

All work is done by the storage thread in the order asked. What a payment may still have to
write is reserved when it is accepted (I22), by its id, and given back when it is settled.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from tilld_daemon.store import JournalFull
from tilld_hal.errors import StorageFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tilld_core.ledger import Entry
    from tilld_daemon.storage_thread import StorageThread
    from tilld_daemon.store import Store

log = logging.getLogger("tilld.journal")


class Journal:
    """``live()`` gives the records that must be kept; ``failed(fault)`` hears of the first fault,
    ``room(False)`` of everything that is refused for want of room, ``room(True)`` once there is
    room for the largest of that.

    ``fault`` is that of a storage which could only be read when it was opened. ``said_again``
    gives the batches that must be found before these records (`tilld_core.families`).
    """

    def __init__(
        self,
        store: Store,
        thread: StorageThread,
        live: Callable[[], list[Entry]],
        failed: Callable[[StorageFault], None],
        room: Callable[[bool], None],
        fault: StorageFault | None,
        said_again: Callable[[list[Entry]], Iterable[list[Entry]]] = lambda entries: (),
    ) -> None:
        self._store = store
        self._thread = thread
        self._live = live
        self._failed = failed
        self._room = room
        self._said_again = said_again
        self._missing_bytes = 0  # the most that was refused; 0 while there is room for it
        self._vain_bytes = 0  # the least for which writing it anew would win too little
        self._turn = asyncio.Lock()  # a snapshot and the notes around it keep their order
        self._reserved: dict[str, int] = {}
        self._fault = fault
        self.worked = False  # something was noted in this life

    @property
    def fault(self) -> StorageFault | None:
        """What the storage said when it failed; nothing is written any more then (I21)."""
        return self._fault

    @property
    def is_full(self) -> bool:
        """Something was refused for want of room, and there is still none for it."""
        return self._missing_bytes > 0

    async def note(self, entries: list[Entry], of: str = "") -> None:
        """Durable when it returns. Raises StorageFault: the records may or may not be on flash."""
        async with self._turn:
            try:
                await self._put(self._store.append, entries, of)
            except JournalFull as full:
                fault = self._fault = _no_room(full)
                self._failed(fault)
                raise fault from full
            self.worked = True
            if self._store.needs_compaction:
                await self._compact()
            self._look_for_room()

    async def mark(self, entries: list[Entry], of: str = "") -> None:
        """Survives the death of the process at once, a power cut from the next note on.

        Raises StorageFault; for want of room nothing was written, and the journal goes on.
        """
        async with self._turn:
            try:
                await self._put(self._store.mark, entries, of)
            except JournalFull as full:
                raise _no_room(full) from full

    def cost_bytes(self, entries: list[Entry]) -> int:
        """The most that these records may need, noted or marked together."""
        return self._store.cost_bytes(entries)

    async def reserve(self, of: str, size: int) -> bool:
        """Keeps room for all that ``of`` may need; False when there is none (I22)."""
        async with self._turn:
            if 0 < self._vain_bytes <= size and self._store.room_bytes < size:
                self._room(False)
                return False  # nothing has gone since that was tried in vain
            live = self._live() if self._store.room_bytes < size else []
            try:
                await self._ask(lambda: self._store.reserve(size, (lambda: live) if live else None))
            except JournalFull:
                self._missing_bytes = max(self._missing_bytes, size)
                self._vain_bytes = min(size, self._vain_bytes or size)
                self._room(False)
                return False
            self._reserved[of] = self._reserved.get(of, 0) + size
            self._look_for_room()
            return True

    async def reserve_again(self, of: str, size: int) -> None:
        """After a restart: the room of what was accepted before. It was there then."""
        if self._fault is not None:
            return  # nothing is written any more, and what is owed goes on without (I21)
        try:
            enough = await self.reserve(of, size)
        except StorageFault:
            return  # told to `failed`
        if not enough:
            log.error("the journal has no room left for what %s may still need", of)

    def release(self, of: str) -> None:
        """Gives back what ``of`` did not use; it is settled, so its records may be fewer, too."""
        self._vain_bytes = 0
        size = self._reserved.pop(of, 0)
        if size:
            released = self._thread.call(lambda: self._store.release(size))
            released.add_done_callback(lambda _: self._look_for_room())

    def _look_for_room(self) -> None:
        if self._missing_bytes and self._store.room_bytes >= self._missing_bytes:
            self._missing_bytes = 0
            self._room(True)

    async def _put(
        self, write: Callable[[list[Entry], int], None], entries: list[Entry], of: str
    ) -> None:
        """Writes into the room of ``of``; what an object writes beyond its reservation (a cancel
        that Antom refuses again and again) finds room when the journal is written anew, for its
        older records go. Raises JournalFull when even that was not enough."""
        for batch in self._said_again(entries):  # the next note carries them with it
            await self._write(self._store.mark, batch, "")
        await self._write(write, entries, of)

    async def _write(
        self, write: Callable[[list[Entry], int], None], entries: list[Entry], of: str
    ) -> None:
        cost = min(self._store.cost_bytes(entries), self._reserved.get(of, 0))
        try:
            await self._ask(lambda: write(entries, cost))
        except JournalFull:
            await self._compact()
            await self._ask(lambda: write(entries, cost))
        if cost:
            self._reserved[of] -= cost

    async def write_anew(self) -> None:
        """Leaves out what has left memory. Raises StorageFault."""
        async with self._turn:
            self._vain_bytes = 0
            await self._compact()
            self._look_for_room()

    async def _compact(self) -> None:
        live = self._live()
        try:
            await self._ask(lambda: self._store.compact(live))
        except JournalFull as full:
            # what must be kept fills it; what was accepted has its room, nothing new is accepted
            log.warning("the journal can't be made smaller: %s", full)

    async def _ask(self, work: Callable[[], Any]) -> None:
        if self._fault is not None:
            raise self._fault
        try:
            await self._thread.call(work)
        except StorageFault as fault:
            self._fault = fault
            self._failed(fault)
            raise


def _no_room(full: JournalFull) -> StorageFault:
    return StorageFault(f"the journal is full: {full}", "ENOSPC")
