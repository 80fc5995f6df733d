"""The journal on its storage: records that are durable when ``append`` returns.

One thread uses a Store (the storage thread); every call blocks for as long as the flash takes.
The codec and the reasons for its layout are in `tilld_core.journal`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tilld_core import journal, journal_reader, packing
from tilld_core.journal import CLEAN, DAMAGED
from tilld_hal.errors import StorageFault
from tilld_hal.storage import PAGE, SEGMENTS

if TYPE_CHECKING:
    from tilld_hal.storage import Storage

_CHUNK = 1 << 16  # bytes read at once; a multiple of PAGE
_BLANK = bytes(_CHUNK)
_LIST_HEADER = 3  # bytes before the items of a list that fits a frame


class JournalFull(Exception):
    """There is no room that is not reserved already, not even after compaction (I22).

    The disk is not at fault and nothing was written: refuse the new payment, go on with the rest.
    """

    def __init__(self, needed_bytes: int, room_bytes: int) -> None:
        super().__init__(f"{needed_bytes} bytes needed, {room_bytes} are free")
        self.needed_bytes = needed_bytes
        self.room_bytes = room_bytes


class Recovery(NamedTuple):
    """What the journal held, oldest record first; all of it is on flash now.

    ``verdict`` (see `tilld_core.journal`): `CLEAN`, `TORN` and `COPIED` are harmless; with
    `DAMAGED`, ``damage`` says what is missing, ``records`` is what came before it and ``salvaged``
    what could be read behind it: a person must look, open cancels may go on, nothing may be
    concluded from an absence.

    ``fault`` is set when the journal could be read but not written: the Store is poisoned, and the
    last ``unproven`` records may be in the system's memory only.  What they decided is not settled
    (rules.md §3, storage error); everything before them is on flash.
    """

    records: list[Any]
    verdict: str
    damage: str = ""
    salvaged: Sequence[Any] = ()
    new: bool = False
    generation: int = 0
    fault: StorageFault | None = None
    unproven: int = 0


class Counts:
    """What the device was asked to do since the Store was made."""

    def __init__(self) -> None:
        self.flushes = 0
        self.writes = 0
        self.bytes = 0


class Store:
    """Appends batches of records (plain values of `tilld_core.packing`) and finds them again.

    After a StorageFault the Store is poisoned: every later call that would write raises the same
    fault without touching the device, and only a new process, which reads the flash anew, knows
    what became of the last batch (rules.md §3, storage error).
    """

    def __init__(
        self,
        device: "Storage",
        unpack: Callable[[bytes], Any] = packing.unpack,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """``unpack`` may be a faster reader of the same subset (``msgpack.unpackb``)."""
        self.counts = Counts()
        self.device = device
        self._unpack = unpack
        self._random_bytes = random_bytes
        self._segment = 0
        self._tail: journal.Tail | None = None
        self._snapshot_end = PAGE
        self._marked: list[Any] = []
        self._marked_bytes = 0
        self._reserved_bytes = 0
        self._fault: StorageFault | None = None
        self._damaged = False

    def recover(self) -> Recovery:
        """Reads the journal, repairs its tail and flushes it; call it once, before anything else.

        Empty storage becomes a new journal (``new``).  Raises StorageFault, and
        `journal.NewerFormat` when a later release wrote it.
        """
        heads = [journal.read_head(self._read(segment, 0, PAGE)) for segment in range(SEGMENTS)]
        valid = [segment for segment in range(SEGMENTS) if heads[segment] is not None]
        if not valid:
            return self._recover_headless()
        self._segment = max(valid, key=lambda segment: _generation(heads[segment]))
        head = heads[self._segment]
        assert head is not None
        return self._take_over(head, "", valid)

    def _settle(self) -> bool:
        """What a dead process wrote and did not flush goes to flash before it is read; then all
        that is read is there, whatever becomes of later writes. False when that failed."""
        try:
            self._flush(self._segment)
        except StorageFault:
            return False
        return True

    def _recover_headless(self) -> Recovery:
        """No segment has a head: a new storage, or one that has lost its head."""
        guess = None
        blank = True
        for segment in range(SEGMENTS):
            for page in self._pages(segment):
                blank = blank and journal.blank(page)
                head = journal_reader.guess_head(page)
                if _generation(head) > _generation(guess):
                    guess, self._segment = head, segment
        if blank:
            return self._format()
        self._damaged = True
        if guess is None:
            return Recovery([], DAMAGED, "nothing in the journal can be read")
        return self._take_over(guess, "both heads are lost", [])

    def _format(self) -> Recovery:
        head = journal.Head(1, self._salt(), 0)
        self._segment = 0
        self._write(0, 0, journal.head_page(head))
        self._flush(0)
        self._tail = journal.first_tail(head)
        return Recovery([], CLEAN, new=True, generation=1)

    def _scan(self, head: journal.Head, damage: str) -> journal_reader.Found:
        reader = journal_reader.Reader(head, self._unpack, damage)
        for page in self._pages(self._segment):
            reader.take(page)
        return reader.end()

    def _take_over(self, head: journal.Head, damage: str, valid: list[int]) -> Recovery:
        settled = self._settle()
        found = self._scan(head, damage)
        self._tail = found.tail
        self._damaged = found.verdict == DAMAGED
        # where the snapshot ended is not kept; it only hastens or delays the next compaction
        self._snapshot_end = PAGE + head.snapshot_frames * journal.FRAME_MAX
        fault = None
        try:
            self._make_sure(found, valid)
            if found.marked:
                self.append(found.marked)
                self._repair(self._scan(head, ""))
        except StorageFault as error:
            fault = error
        return Recovery(
            found.records + found.marked,
            found.verdict,
            found.damage,
            found.salvaged,
            generation=head.generation,
            fault=fault,
            unproven=0 if settled or not fault else found.last_records + len(found.marked),
        )

    def _make_sure(self, found: journal_reader.Found, valid: list[int]) -> None:
        """Everything that was found is on flash when this returns, and nothing else is in force."""
        self._repair(found)
        if not self._damaged:
            self._retire_others(valid)

    def _repair(self, found: journal_reader.Found) -> None:
        for offset, data in found.repairs:
            self._write(self._segment, offset, data)
        self._flush(self._segment)

    def _retire_others(self, valid: list[int]) -> None:
        """An older generation whose retirement lost power must not come back (see compact)."""
        for segment in valid:
            if segment != self._segment:
                self._retire(segment)

    def append(self, records: list[Any], reserved: int = 0) -> None:
        """Puts the batch, and all marked records before it, on flash: one write, one flush.

        All of the batch or nothing of it is found again.  ``reserved`` bytes of what the caller
        has reserved are used up by this call.  Raises StorageFault (the batch may or may not be on
        flash, the Store is poisoned), JournalFull or `journal.TooLarge` (nothing was written).
        """
        tail = self._ready()
        packed = journal.body(records)
        if self._marked:
            together = packing.pack(self._marked + records)
            if len(together) > journal.BODY_MAX:  # the marked ones go first, with their own flush
                tail = self._put(tail, journal.body(self._marked), self._marked_bytes)
                self._marked, self._marked_bytes = [], 0
            else:
                packed = together
        self._put(tail, packed, reserved + self._marked_bytes)
        self._marked, self._marked_bytes = [], 0
        self._reserved_bytes -= reserved

    def mark(self, records: list[Any], reserved: int = 0) -> None:
        """Records that a death of the process must not lose, and a power cut may: no flush.

        The next append carries them to flash.  ``reserved`` as for `append`.  Raises StorageFault,
        JournalFull, `TooLarge`.
        """
        tail = self._ready()
        alone = journal.body(records)
        together = packing.pack(self._marked + records)
        cost = journal.worst_cost_bytes(len(alone))
        if cost > self.room_bytes + reserved:
            raise JournalFull(cost, self.room_bytes + reserved)
        write = None
        if len(together) <= journal.BODY_MAX:
            write = journal.mark(tail, together)
        if write is None or write.offset + len(write.data) > self.device.segment_size:
            # rare: no frame or no page is left for it, so it costs its flush
            self.append(records, reserved)
            return
        self._write(self._segment, write.offset, write.data)
        self._marked = self._marked + records
        self._marked_bytes += cost
        self._reserved_bytes -= reserved

    def _put(self, tail: journal.Tail, packed: bytes, allowed: int) -> journal.Tail:
        """One durable frame; ``allowed`` bytes of all that is held are its own."""
        write = journal.append(tail, packed)
        used = write.tail.offset - tail.offset
        room = self.device.segment_size - tail.offset - self._held_bytes + allowed
        if used > room or write.offset + len(write.data) > self.device.segment_size:
            raise JournalFull(used, max(0, room))
        self._write(self._segment, write.offset, write.data)
        self._flush(self._segment)
        self._tail = write.tail
        return write.tail

    @staticmethod
    def cost_bytes(records: list[Any]) -> int:
        """The most that appending this batch may cost: what to reserve for it."""
        return journal.worst_cost_bytes(len(journal.body(records)))

    @property
    def _held_bytes(self) -> int:
        return self._reserved_bytes + self._marked_bytes

    @property
    def used_bytes(self) -> int:
        """Where the next frame goes in the segment in force; 0 before recovery."""
        return 0 if self._tail is None else self._tail.offset

    @property
    def room_bytes(self) -> int:
        """What is left in the segment in force and not reserved."""
        if self._tail is None:
            return 0
        return max(0, self.device.segment_size - self._tail.offset - self._held_bytes)

    @property
    def reserved_bytes(self) -> int:
        """The sum of all reservations."""
        return self._reserved_bytes

    def reserve(self, size: int, live: Callable[[], list[Any]] | None = None) -> None:
        """Keeps ``size`` bytes for later appends, which then succeed on a full journal as well.

        ``live`` gives the live records: without room it is asked and the journal compacted.
        Raises JournalFull when the room is not there even then; StorageFault.
        """
        self._ready()
        if size > self.room_bytes and live is not None and not self._damaged:
            # near the limit every payment would cost a compaction: it must win something
            self._compact(live(), size + self.device.segment_size // 16)
        if size > self.room_bytes:
            raise JournalFull(size, self.room_bytes)
        self._reserved_bytes += size

    def release(self, size: int) -> None:
        """Gives back what a settled payment did not use."""
        if size > self._reserved_bytes:
            raise ValueError(f"{size} bytes released, {self._reserved_bytes} are reserved")
        self._reserved_bytes -= size

    @property
    def needs_compaction(self) -> bool:
        """True when less than a quarter of the segment is free and as much has been added since
        the last compaction (so that a large live set is not compacted over and over)."""
        if self._tail is None or self._damaged:
            return False
        quarter = self.device.segment_size // 4
        grown = self._tail.offset - self._snapshot_end
        return self.room_bytes < quarter and grown >= quarter

    def compact(self, live: list[Any], accept_damage: bool = False) -> None:
        """Replaces everything by ``live`` (one frame may hold several records), marked ones too.

        The new generation is flushed before its head makes it valid, and the old one is retired
        only then: power may go at any point.  Raises JournalFull when ``live`` and what is
        reserved don't fit (nothing was written), StorageFault, `TooLarge` for one record; and
        ValueError for a damaged journal unless a person has accepted the loss.
        """
        self._ready()
        if self._damaged and not accept_damage:
            raise ValueError("a damaged journal is compacted only when its loss was accepted")
        self._compact(live, 0)

    def _compact(self, live: list[Any], spare_bytes: int) -> None:
        tail = self._ready()
        head = journal.Head(tail.generation + 1, self._salt(), 0)
        image, tail = self._image(journal.first_tail(head), live, spare_bytes)
        head = journal.Head(head.generation, head.salt, tail.sequence - 1)
        other = SEGMENTS - 1 - self._segment
        for start in range(0, len(image), _CHUNK):
            self._write(other, PAGE + start, bytes(image[start : start + _CHUNK]))
        self._flush(other)
        self._write(other, 0, journal.head_page(head))
        self._flush(other)
        old, self._segment, self._tail = self._segment, other, tail
        self._snapshot_end = tail.offset
        self._marked, self._marked_bytes = [], 0
        self._damaged = False
        self._retire(old)

    def _image(
        self, tail: journal.Tail, live: list[Any], spare_bytes: int
    ) -> tuple[bytearray, journal.Tail]:
        """The snapshot's pages and the tail behind them, if all that is reserved and
        ``spare_bytes`` still fit behind it."""
        room = self.device.segment_size - self._reserved_bytes - spare_bytes
        image = bytearray()
        for packed in _batches(live):
            write = journal.snapshot(tail, packed)
            if write.tail.offset > room:
                raise JournalFull(write.tail.offset, max(0, room))
            image.extend(bytes(write.offset - PAGE - len(image)))
            image.extend(write.data)
            tail = write.tail
        return image, tail

    def _retire(self, segment: int) -> None:
        """Takes a generation out of force for good: with its head gone, a later loss of the head
        in force is seen as damage and never answered with old records."""
        self._write(segment, 0, bytes(PAGE))
        self._flush(segment)

    def close(self) -> None:
        """Closes the device; nothing is written."""
        self.device.close()

    def _ready(self) -> journal.Tail:
        if self._fault is not None:
            raise StorageFault(self._fault.reason, self._fault.errno_name)
        if self._tail is None:
            raise StorageFault("the journal was not recovered or can't be read", "EBADMSG")
        return self._tail

    def _salt(self) -> int:
        return int.from_bytes(self._random_bytes(4), "little")

    def _pages(self, segment: int) -> Iterator[bytes]:
        """Every page of a segment but the head's; a blank stretch of pages comes as one."""
        for start in range(PAGE, self.device.segment_size, _CHUNK):
            chunk = self._read(segment, start, min(_CHUNK, self.device.segment_size - start))
            if chunk == _BLANK[: len(chunk)]:  # most of a journal: one look, not 256
                yield chunk
                continue
            for at in range(0, len(chunk), PAGE):
                yield chunk[at : at + PAGE]

    def _read(self, segment: int, offset: int, size: int) -> bytes:
        return self.device.read(segment, offset, size)

    def _write(self, segment: int, offset: int, data: bytes) -> None:
        try:
            self.device.write(segment, offset, data)
        except StorageFault as fault:
            self._fault = fault
            raise
        self.counts.writes += 1
        self.counts.bytes += len(data)

    def _flush(self, segment: int) -> None:
        try:
            self.device.flush(segment)
        except StorageFault as fault:
            self._fault = fault
            raise
        self.counts.flushes += 1


def _generation(head: "journal.Head | None") -> int:
    return 0 if head is None else int(head.generation)


def _batches(records: list[Any]) -> Iterator[bytes]:
    """The records packed into as few frames as their order allows.

    Raises `journal.TooLarge` for one that no frame holds.
    """
    batch: list[bytes] = []
    size = 0
    for record in records:
        packed = packing.pack(record)
        if batch and size + len(packed) + _LIST_HEADER > journal.BODY_MAX:
            yield packing.join(batch)
            batch, size = [], 0
        if len(packed) + _LIST_HEADER > journal.BODY_MAX:
            raise journal.TooLarge(len(packed))
        batch.append(packed)
        size += len(packed)
    if batch:
        yield packing.join(batch)
