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

This file writes; `tilld_core.journal_reader` reads.
"""

import struct
from binascii import crc32

from tilld_core import packing
from tilld_core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = 1  # what is written; this one and all older ones are read (I35)
PAGE = 4096
MAGIC = b"\xf7J"  # 0xF7 occurs in no UTF-8 text, so text in a body is never taken for a frame
HEADER_SIZE = 24
FRAME_MAX = PAGE // 2  # a frame and its copy share a page
BODY_MAX = FRAME_MAX - HEADER_SIZE

HEAD = 1  # kinds of frame
RECORDS = 2
MARKED = 3

# verdicts
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
        header = header_at(page, at)
        packed = body_of(page, at, header)
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


def first_tail(head: Head) -> Tail:
    """The tail of a generation to which nothing was written yet."""
    return Tail(head.generation, head.salt, 1, PAGE, PAGE)


def append(tail: Tail, packed: bytes) -> Write:
    """The one write of a durable append; flush it before anybody hears of it (I20)."""
    frame = _frame(RECORDS, tail.generation, tail.salt, tail.sequence, packed)
    at = place(tail.offset, 2 * len(frame))
    end = at + len(frame)
    after = Tail(tail.generation, tail.salt, tail.sequence + 1, end, end + len(frame))
    return Write(at, frame + frame, after)


def mark(tail: Tail, packed: bytes) -> Write:
    """The write of marked records: no flush, and the tail stays where it is."""
    frame = _frame(MARKED, tail.generation, tail.salt, tail.sequence, packed)
    return Write(place(tail.copy_end, len(frame)), frame, tail)


def snapshot(tail: Tail, packed: bytes) -> Write:
    """The write of one snapshot frame: no copy, flushed together with all the others."""
    frame = _frame(RECORDS, tail.generation, tail.salt, tail.sequence, packed)
    at = place(tail.offset, len(frame))
    end = at + len(frame)
    return Write(at, frame, Tail(tail.generation, tail.salt, tail.sequence + 1, end, end))


def place(offset: int, size: int) -> int:
    """Where ``size`` bytes begin at the earliest without crossing a page."""
    left = PAGE - offset % PAGE
    return offset if size <= left else offset + left


def _frame(kind: int, generation: int, salt: int, sequence: int, packed: bytes) -> bytes:
    facts = (MAGIC, FORMAT, kind, generation, salt, sequence, len(packed))
    head = struct.pack(_UNSIGNED_HEADER, *facts)
    return head + struct.pack("<I", crc32(packed, crc32(head))) + packed


def header_at(page: bytes, at: int) -> "tuple[int, ...] | None":
    """(format, kind, generation, salt, sequence, length, crc) of a frame that begins here, whole
    or not."""
    if at + HEADER_SIZE > len(page):
        return None
    fields = struct.unpack_from(_HEADER, page, at)
    return fields[1:] if fields[0] == MAGIC else None


def body_of(page: bytes, at: int, header: "tuple[int, ...] | None") -> "bytes | None":
    """The body, if the frame is whole: inside the page and its CRC right."""
    if header is None or at + HEADER_SIZE + header[5] > len(page):
        return None
    packed = page[at + HEADER_SIZE : at + HEADER_SIZE + header[5]]
    checksum = crc32(packed, crc32(page[at : at + _CRC_AT]))
    if checksum != header[6]:
        return None
    return packed
