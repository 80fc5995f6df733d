"""The journal's codec: records to bytes and back, on flash that may lose power at any byte.

Pure: it is given pages and hands back where to write what; opening, writing and flushing belong
to the shell.  What it promises (I20, I23, I35) and how:

**Layout.**  A journal has two segments, preallocated, each a row of 4096-byte pages; one of them
is in force.  Page 0 holds the head, twice.  From page 1 on lie frames, numbered from 1 without a
gap, first the snapshot that compaction wrote, then one frame per durable append.  No frame
crosses a page.  A frame is

    magic 2 · format 1 · kind 1 · generation 4 · salt 4 · sequence 4 · length 4 · crc32 4 · body

little-endian; the CRC covers everything but itself; the body is a packed list of records.

**One append is one write.**  It carries the frame and a copy of it, in one page, and the next
append overwrites that copy.  So the last record exists twice: a bit flip in it can be told from a
torn tail and is repaired.  A pair that does not fit begins the next page.

**The salt** is drawn anew for every generation.  The remains of older generations, or of a
compaction that lost power half-way, can therefore never pass for frames of this one, and a till
cannot put a forged frame inside a field.

**Marked records** survive the death of the process but are not worth a flush.  Their frame is
written behind the copy (so the last record stays doubled), bears the number that the next append
will bear, and counts only until that append exists, which carries them along.

**Damage** is a frame that is missing although its successor was begun: nothing is begun before its
predecessor is flushed, so power alone never makes such a gap.  What can be read behind the gap is
handed over apart, and the journal says that it is damaged.  It is never bridged.
"""

import struct
from binascii import crc32

from tilld_core import packing
from tilld_core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FORMAT = 1  # what is written; this one and all older ones are read (I35)
PAGE = 4096
MAGIC = b"\xf7J"  # 0xF7 occurs in no UTF-8 text, so text in a body is never taken for a frame
HEADER_SIZE = 24
FRAME_MAX = PAGE // 2  # a frame and its copy share a page
BODY_MAX = FRAME_MAX - HEADER_SIZE

HEAD = 1
RECORDS = 2
MARKED = 3

CLEAN = "clean"
TORN = "torn tail"  # an append lost power before it was acknowledged: harmless
COPIED = "read from its copy"  # a frame was bad, its copy was good; repaired
DAMAGED = "damaged"

_UNSIGNED_HEADER = "<2sBBIIII"
_HEADER = "<2sBBIIIII"
_CRC_AT = 20


class JournalError(Exception):
    """The journal cannot do what was asked; the text is for people."""


class TooLarge(JournalError):
    """A batch is larger than one frame holds; the caller splits it.  Nothing was written."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"a batch of {size_bytes} bytes; a frame holds {BODY_MAX}")
        self.size_bytes = size_bytes


class NewerFormat(JournalError):
    """A later release wrote this journal: this one must not touch it (I35)."""

    def __init__(self, version: int) -> None:
        super().__init__(f"the journal has format {version}, this release reads up to {FORMAT}")
        self.version = version


class Head(Record):
    """What makes a segment valid: its generation, its salt, how many snapshot frames follow.

    ``copied``: the first head was bad, this is the second one.
    """

    FIELDS = ("generation", "salt", "snapshot_frames", "copied")

    def __init__(
        self, generation: int, salt: int, snapshot_frames: int, copied: bool = False
    ) -> None:
        self.generation = generation
        self.salt = salt
        self.snapshot_frames = snapshot_frames
        self.copied = copied


class Tail(Record):
    """Where writing goes on: the next frame's number, the byte behind the last frame, and the
    byte behind that one's copy (the same byte when it has none)."""

    FIELDS = ("generation", "salt", "sequence", "offset", "copy_end")

    def __init__(
        self, generation: int, salt: int, sequence: int, offset: int, copy_end: int
    ) -> None:
        self.generation = generation
        self.salt = salt
        self.sequence = sequence
        self.offset = offset
        self.copy_end = copy_end


class Write(Record):
    """Bytes for one write at ``offset`` of the segment, and the tail once they are there."""

    FIELDS = ("offset", "data", "tail")

    def __init__(self, offset: int, data: bytes, tail: Tail) -> None:
        self.offset = offset
        self.data = data
        self.tail = tail


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


def body(records: "list[Any]") -> bytes:
    """The packed batch.  Raises TooLarge, or PackingError for values outside the subset."""
    packed = packing.pack(records)
    if len(packed) > BODY_MAX:
        raise TooLarge(len(packed))
    return packed


def worst_cost_bytes(body_size: int) -> int:
    """The most of a segment that one append may use up: its frame, and the rest of a page when
    the pair did not fit there.  The sum over several appends is enough room for all (I22)."""
    return 3 * (HEADER_SIZE + body_size)


def head_page(head: Head) -> bytes:
    """The first bytes of a segment: the head and its copy."""
    facts = packing.pack({"snapshot_frames": head.snapshot_frames})
    return _frame(HEAD, head.generation, head.salt, 0, facts) * 2


def read_head(page: bytes) -> "Head | None":
    """The head that a segment's first page holds; None if there is none or both are bad.

    Raises NewerFormat.
    """
    newer = 0
    at = page.find(MAGIC)
    while at >= 0:
        header = _header(page, at)
        packed = _body(page, at, header)
        if header is not None and header[0] > FORMAT:
            newer = header[0]
        elif header is not None and packed is not None and header[1] == HEAD:
            frames = packing.unpack(packed)["snapshot_frames"]
            return Head(header[2], header[3], frames, at > 0)
        at = page.find(MAGIC, at + 1)
    if newer:
        raise NewerFormat(newer)
    return None


def blank(page: bytes) -> bool:
    """True for a page that was never written."""
    return page.count(b"\0") == len(page)


def guess_head(page: bytes) -> "Head | None":
    """The generation of the first whole frame in a page, for a segment that has lost its head."""
    at = page.find(MAGIC)
    while at >= 0:
        header = _header(page, at)
        if header is not None and header[1] != HEAD and _body(page, at, header) is not None:
            return Head(header[2], header[3], 0)
        at = page.find(MAGIC, at + 1)
    return None


def first_tail(head: Head) -> Tail:
    """The tail of a generation to which nothing was written yet."""
    return Tail(head.generation, head.salt, 1, PAGE, PAGE)


def append(tail: Tail, packed: bytes) -> Write:
    """The one write of a durable append; flush it before anybody hears of it (I20)."""
    frame = _frame(RECORDS, tail.generation, tail.salt, tail.sequence, packed)
    at = _place(tail.offset, 2 * len(frame))
    end = at + len(frame)
    after = Tail(tail.generation, tail.salt, tail.sequence + 1, end, end + len(frame))
    return Write(at, frame + frame, after)


def mark(tail: Tail, packed: bytes) -> Write:
    """The write of marked records: no flush, and the tail stays where it is."""
    frame = _frame(MARKED, tail.generation, tail.salt, tail.sequence, packed)
    return Write(_place(tail.copy_end, len(frame)), frame, tail)


def snapshot(tail: Tail, packed: bytes) -> Write:
    """The write of one snapshot frame: no copy, flushed together with all the others."""
    frame = _frame(RECORDS, tail.generation, tail.salt, tail.sequence, packed)
    at = _place(tail.offset, len(frame))
    end = at + len(frame)
    return Write(at, frame, Tail(tail.generation, tail.salt, tail.sequence + 1, end, end))


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
        page_end = _place(tail.offset, PAGE)
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
            packed = _body(page, at, header)
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
        packed = _body(page, hit, header)
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
        header = _header(page, at)
        if header is None or header[2] != self._head.generation or header[3] != self._head.salt:
            return None
        if header[0] > FORMAT and _body(page, at, header) is not None:
            raise NewerFormat(header[0])
        return header


def _place(offset: int, size: int) -> int:
    """Where ``size`` bytes begin at the earliest without crossing a page."""
    left = PAGE - offset % PAGE
    return offset if size <= left else offset + left


def _frame(kind: int, generation: int, salt: int, sequence: int, packed: bytes) -> bytes:
    facts = (MAGIC, FORMAT, kind, generation, salt, sequence, len(packed))
    head = struct.pack(_UNSIGNED_HEADER, *facts)
    return head + struct.pack("<I", crc32(packed, crc32(head))) + packed


def _header(page: bytes, at: int) -> "tuple[int, ...] | None":
    """(format, kind, generation, salt, sequence, length, crc) of a frame that begins here, whole
    or not."""
    if at + HEADER_SIZE > len(page):
        return None
    fields = struct.unpack_from(_HEADER, page, at)
    return fields[1:] if fields[0] == MAGIC else None


def _body(page: bytes, at: int, header: "tuple[int, ...] | None") -> "bytes | None":
    """The body, if the frame is whole: inside the page and its CRC right."""
    if header is None or at + HEADER_SIZE + header[5] > len(page):
        return None
    packed = page[at + HEADER_SIZE : at + HEADER_SIZE + header[5]]
    checksum = crc32(packed, crc32(page[at : at + _CRC_AT]))
    if checksum != header[6]:
        return None
    return packed
