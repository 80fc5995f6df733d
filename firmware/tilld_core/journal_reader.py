"""Reads a journal's segment: what is there, what is torn, what is damaged.

The layout and the reasons for it are in `tilld_core.journal`.
"""

from tilld_core import packing
from tilld_core.journal import (
    CLEAN,
    COPIED,
    DAMAGED,
    FORMAT,
    HEAD,
    HEADER_SIZE,
    MAGIC,
    MARKED,
    PAGE,
    RECORDS,
    TORN,
    Head,
    NewerFormat,
    Tail,
    blank,
    body_of,
    head_page,
    header_at,
    place,
)
from tilld_core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Found(Record):
    """What a segment held.

    ``records``: everything up to the first gap, in order.  ``marked``: marked records behind it.
    ``salvaged``: readable records behind a gap, in order, only when ``verdict`` is DAMAGED, and
    ``damage`` then says what is missing.  ``repairs``: writes (offset, bytes) to be made and
    flushed before anything is appended; each puts down bytes that are there already or replaces
    bad ones, so it may lose power too.  With marked records the tail is not cleared: append them,
    and read once more.  ``last_records``: how many records the last frame holds,
    the only one that may not be on flash before the repairs are.
    """

    FIELDS = (
        "records",
        "marked",
        "salvaged",
        "verdict",
        "damage",
        "tail",
        "repairs",
        "last_records",
    )

    def __init__(
        self,
        records: "list[Any]",
        marked: "list[Any]",
        salvaged: "list[Any]",
        verdict: str,
        damage: str,
        tail: Tail,
        repairs: "list[tuple[int, bytes]]",
        last_records: int,
    ) -> None:
        self.records = records
        self.marked = marked
        self.salvaged = salvaged
        self.verdict = verdict
        self.damage = damage
        self.tail = tail
        self.repairs = repairs
        self.last_records = last_records


def guess_head(page: bytes) -> "Head | None":
    """The generation of the first whole frame in a page, for a segment that has lost its head."""
    at = page.find(MAGIC)
    while at >= 0:
        header = header_at(page, at)
        if header is not None and header[1] != HEAD and body_of(page, at, header) is not None:
            return Head(header[2], header[3], 0)
        at = page.find(MAGIC, at + 1)
    return None


class Reader:
    """Reads the segment in force: ``take`` every page from page 1 on, in order, then ``end``.

    ``unpack`` may be a faster reader of the same subset (``msgpack.unpackb``).  ``damage`` is what
    is already known to be wrong; everything found then counts as salvaged.
    """

    def __init__(
        self, head: Head, unpack: "Callable[[bytes], Any]" = packing.unpack, damage: str = ""
    ) -> None:
        self._head = head
        self._unpack = unpack
        self._damage = damage
        self._records: list[Any] = []
        self._salvaged: list[Any] = []
        self._marked: bytes | None = None
        self._marked_sequence = 0
        self._expected = 1
        self._highest = 0  # the highest number seen, whole or not
        self._page_at = PAGE
        self._used_end = PAGE  # behind the last page in which anything of this generation is
        self._end = PAGE
        self._copy_end = PAGE
        self._last: tuple[int, bytes] | None = None
        self._may_go_on = True
        self._next_is_blank = True
        self._last_records = 0
        self._torn = False
        self._copied = head.copied
        self._repairs: list[tuple[int, bytes]] = []
        if head.copied:
            self._repairs.append((0, head_page(head)))

    def take(self, page: bytes) -> None:
        """The next page.  Raises NewerFormat."""
        at = self._run(page, 0) if self._may_go_on else 0
        hit = page.find(MAGIC, at)
        while hit >= 0:
            hit, at = self._look(page, hit, at)
            hit = page.find(MAGIC, hit)
        # a frame begins where the one before it ends or on the next page, nowhere else
        if self._may_go_on:
            self._next_is_blank = at > 0 or blank(page)
        self._may_go_on = at > 0
        self._page_at += len(page)

    def end(self) -> Found:
        """What was read; call it once, behind the last page."""
        if self._expected <= self._head.snapshot_frames:
            self._note(f"the snapshot ends before frame {self._head.snapshot_frames}")
        if self._damage:
            return self._end_damaged()
        marked: list[Any] = []
        if self._marked is not None and self._marked_sequence == self._expected:
            marked = self._list(self._marked) or []
        verdict = CLEAN
        if self._copied:
            verdict = COPIED
        elif self._torn or self._copy_end < self._due_copy_end():
            verdict = TORN
        head = self._head
        tail = Tail(head.generation, head.salt, self._expected, self._end, self._due_copy_end())
        self._write_last_again()
        if not marked:
            self._clear_behind(tail)
        repairs = self._repairs
        last = self._last_records
        return Found(self._records, marked, [], verdict, "", tail, repairs, last)

    def _end_damaged(self) -> Found:
        """Appends go on behind everything that was seen, so that no evidence is overwritten."""
        head = self._head
        sequence = max(self._expected, self._highest + 1)
        tail = Tail(head.generation, head.salt, sequence, self._used_end, self._used_end)
        repairs = [self._last] if self._last is not None else []
        last = self._last_records
        return Found(self._records, [], self._salvaged, DAMAGED, self._damage, tail, repairs, last)

    def _has_copy(self) -> bool:
        return self._expected - 1 > self._head.snapshot_frames

    def _due_copy_end(self) -> int:
        if self._last is None or not self._has_copy():
            return self._end
        return self._end + len(self._last[1])

    def _write_last_again(self) -> None:
        """After a failed flush the system may show bytes that never reached the flash, and only a
        new write makes it try them again (rules.md §3)."""
        if self._last is not None and self._has_copy():
            at, frame = self._last
            self._repairs.append((at, frame + frame))
        else:
            self._repairs.append((0, head_page(self._head)))

    def _clear_behind(self, tail: Tail) -> None:
        """What a torn append left must go before the next one is written over it: two half frames
        with equal sectors could otherwise make the first one whole, after it was declared lost."""
        page_end = place(tail.offset, PAGE)
        if tail.copy_end < page_end:
            self._repairs.append((tail.copy_end, bytes(page_end - tail.copy_end)))
        if not self._next_is_blank and page_end < self._page_at:
            self._repairs.append((page_end, bytes(PAGE)))

    def _note(self, words: str) -> None:
        if not self._damage:
            self._damage = words

    def _run(self, page: bytes, at: int) -> int:
        """Takes frame after frame as long as each is the next one; returns where that ends."""
        while True:
            header = self._ours(page, at)
            if header is None or header[1] != RECORDS or header[4] != self._expected:
                return at
            packed = body_of(page, at, header)
            if packed is None:
                return at
            at = self._accept(page, at, packed)

    def _accept(self, page: bytes, at: int, packed: bytes) -> int:
        size = HEADER_SIZE + len(packed)
        records = self._list(packed)
        if records is None:
            self._note(f"frame {self._expected} is whole but cannot be read")
        elif self._damage:
            self._salvaged.extend(records)
        else:
            self._records.extend(records)
        self._last_records = len(records or ())
        self._last = (self._page_at + at, page[at : at + size])
        self._end = self._copy_end = self._page_at + at + size
        self._highest = max(self._highest, self._expected)
        self._expected += 1
        self._used_end = self._page_at + len(page)
        return at + size

    def _list(self, packed: bytes) -> "list[Any] | None":
        try:
            records = self._unpack(packed)
        except ValueError:
            return None
        return records if isinstance(records, list) else None

    def _look(self, page: bytes, hit: int, at: int) -> "tuple[int, int]":
        """Judges what lies behind the last good frame, which ends at ``at``.

        Returns where to search on and where the last good frame ends now.
        """
        header = self._ours(page, hit)
        if header is None:
            return hit + 1, at
        self._used_end = self._page_at + len(page)
        packed = body_of(page, hit, header)
        sequence = header[4]
        if sequence < self._expected:
            return self._remains(header, packed, hit, at), at
        if packed is None:
            self._begun(sequence, hit == at)
            return hit + 1, at
        after = hit + HEADER_SIZE + len(packed)
        if header[1] == MARKED and sequence == self._expected:
            self._marked, self._marked_sequence = packed, sequence
            return after, at
        return self._out_of_place(page, hit, at, header, packed)

    def _remains(self, header: "tuple[int, ...]", packed: "bytes | None", hit: int, at: int) -> int:
        """The copy of the last frame, or an older mark.  Returns where to search on."""
        if packed is None:
            return hit + 1
        after = hit + HEADER_SIZE + len(packed)
        if hit == at and header[4] == self._expected - 1 and header[1] == RECORDS:
            self._copy_end = self._page_at + after
        return after

    def _begun(self, sequence: int, in_place: bool) -> None:
        """A bad frame: the next one is a torn tail, the one after it proves that the next is lost.

        Only the very next number proves it, and not where the next frame itself should be: a header
        torn between two bytes of its number shows the old and the new one mixed, which is never the
        next but one; a bit flipped in the number of the next frame may well be.
        """
        if sequence == self._expected or in_place:
            self._torn = True
        elif sequence == self._expected + 1:
            self._note(f"frame {self._expected} is lost")
            self._highest = max(self._highest, sequence)

    def _out_of_place(
        self, page: bytes, hit: int, at: int, header: "tuple[int, ...]", packed: bytes
    ) -> "tuple[int, int]":
        """A whole frame that is not where the next one should begin: its copy, or a gap."""
        size = HEADER_SIZE + len(packed)
        sequence = header[4]
        may_begin = self._may_go_on or at > 0
        if may_begin and sequence == self._expected and hit == at + size and not self._damage:
            self._copied = True
            self._accept(page, at, packed)
            frame = page[hit : hit + size]
            self._last = (self._page_at + at, frame)
            self._copy_end = self._page_at + hit + size
            self._repairs.append((self._page_at + at, frame + frame))
            return hit + size, hit
        self._note(f"frame {self._expected} is lost")
        if header[1] != RECORDS:
            self._highest = max(self._highest, sequence)
            return hit + size, at
        self._expected = sequence
        end = self._run(page, hit)
        return end, end

    def _ours(self, page: bytes, at: int) -> "tuple[int, ...] | None":
        """The header at ``at`` if it is of this generation: (format, kind, generation, salt,
        sequence, length, crc)."""
        header = header_at(page, at)
        if header is None or header[2] != self._head.generation or header[3] != self._head.salt:
            return None
        if header[0] > FORMAT and body_of(page, at, header) is not None:
            raise NewerFormat(header[0])
        return header
