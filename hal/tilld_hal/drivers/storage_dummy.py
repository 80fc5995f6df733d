"""Storage in memory that loses power, fails and flips bits as its settings say.

It keeps what a real one keeps: what is on flash, and what the system shows (the page cache), page
by page.  A write changes only the latter; a flush brings the changed pages to flash; a failed flush
forgets that they were changed, as Linux does, so that they are shown but never written.
"""

import errno

from tilld_hal.errors import HalError, StorageFault
from tilld_hal.storage import PAGE, SEGMENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

MATURITY = "bench"
SEEN_WITH = ()

SECTOR = 512
ALLOWED = {
    "size": range(SEGMENTS * 2 * PAGE, (1 << 30) + 1),
    "fails_with": ("EIO", "ENOSPC", "EROFS", "short"),
}


class PowerCut(HalError):
    """The power went during this call.  No StorageFault: there is nobody left to handle it."""


def open_device(
    size: "int" = 64 * 1024,
    cut_at: "int" = 0,
    fail_at: "int" = 0,
    fails_with: "str" = "EIO",
    lies: "bool" = False,
) -> "DummyStorage":
    """``size`` bytes (whole pages of it) in two segments, all zero.

    Writes and flushes are counted together from 1.  ``cut_at``: the power goes during that one
    (0: never); ``after_cut`` then says what is left.  ``fail_at``: that one fails with
    ``fails_with`` and the device is poisoned; "short" writes half its bytes first.  ``lies``: a
    flush says yes and does nothing.
    """
    blank = [bytes(size // (SEGMENTS * PAGE) * PAGE) for _ in range(SEGMENTS)]
    return DummyStorage(blank, blank, cut_at, fail_at, fails_with, lies)


class DummyStorage:
    """``tilld_hal.storage.Storage`` in memory."""

    def __init__(
        self,
        flash: "list[bytes]",
        shown: "list[bytes]",
        cut_at: int = 0,
        fail_at: int = 0,
        fails_with: str = "EIO",
        lies: bool = False,
    ) -> None:
        self.segment_size = len(flash[0])
        self.operations = 0
        """Writes and flushes so far."""
        self._flash = [bytearray(one) for one in flash]
        self._shown = [bytearray(one) for one in shown]
        self._changed: list[tuple[int, int]] = []  # (segment, page's offset), oldest first
        self._last: tuple[int, int, bytes, bytes] | None = None  # segment, offset, before, after
        self._cut_at = cut_at
        self._fail_at = fail_at
        self._fails_with = fails_with
        self._lies = lies
        self._dark = False
        self._poison: StorageFault | None = None

    def read(self, segment: int, offset: int, size: int) -> bytes:
        """What was written last; see ``tilld_hal.storage.Storage``."""
        self._check(segment, offset, size)
        return bytes(self._shown[segment][offset : offset + size])

    def write(self, segment: int, offset: int, data: bytes) -> None:
        """Changes what is shown; see ``tilld_hal.storage.Storage``."""
        self._check(segment, offset, len(data))
        failing = self._begin()
        if failing and self._fails_with != "short":
            self._fail()
        if failing:
            data = data[: len(data) // 2]
        before = bytes(self._shown[segment][offset : offset + len(data)])
        self._shown[segment][offset : offset + len(data)] = data
        self._last = (segment, offset, before, bytes(data))
        for page in range(offset - offset % PAGE, offset + len(data), PAGE):
            if (segment, page) not in self._changed:
                self._changed.append((segment, page))
        self._cut_here()
        if failing:
            self._fail()

    def flush(self, segment: int) -> None:
        """Brings every changed page to flash; see ``tilld_hal.storage.Storage``."""
        self._check(segment, 0, 0)
        failing = self._begin()
        self._cut_here()
        if failing:
            self._changed = []
            self._fail()
        if not self._lies:
            for at, page in self._changed:
                self._flash[at][page : page + PAGE] = self._shown[at][page : page + PAGE]
            self._changed = []

    def close(self) -> None:
        """Nothing to give back.  May be repeated."""

    def unflushed_sectors(self) -> "list[tuple[int, int]]":
        """(segment, offset) of every 512 bytes that a cut now may or may not leave on flash."""
        differing = []
        for segment, page in self._changed:
            for at in range(page, page + PAGE, SECTOR):
                old = self._flash[segment][at : at + SECTOR]
                if old != self._shown[segment][at : at + SECTOR]:
                    differing.append((segment, at))
        return differing

    def last_write_size(self) -> int:
        """How many bytes the last write had."""
        return len(self._last[3]) if self._last is not None else 0

    def after_cut(self, keeps: "str", cut_at: int = 0, lies: bool = False) -> "DummyStorage":
        """A device that holds what a power cut now leaves; its faults are those given here.

        ``keeps``: "none" and "all" of what was not flushed; "torn:N" all of it, but of the last
        write the first N bytes alone; "tail:N" the same with everything but the first N bytes;
        "sectors:N" those of ``unflushed_sectors`` whose bit is set in N.
        """
        kept = [bytearray(one) for one in self._flash]
        kind, _, number = keeps.partition(":")
        if kind == "sectors":
            for bit, (segment, at) in enumerate(self.unflushed_sectors()):
                if int(number) >> bit & 1:
                    kept[segment][at : at + SECTOR] = self._shown[segment][at : at + SECTOR]
        elif kind != "none":
            for segment, page in self._changed:
                kept[segment][page : page + PAGE] = self._shown[segment][page : page + PAGE]
        if kind in ("torn", "tail"):
            self._tear(kept, kind, int(number))
        flash = [bytes(one) for one in kept]
        return DummyStorage(flash, flash, cut_at, lies=lies)

    def after_restart(self, cut_at: int = 0, fail_at: int = 0) -> "DummyStorage":
        """The same device for the next process: the power stayed, so what was shown still is."""
        flash = [bytes(one) for one in self._flash]
        shown = [bytes(one) for one in self._shown]
        device = DummyStorage(flash, shown, cut_at, fail_at, self._fails_with, self._lies)
        device._changed = list(self._changed)
        return device

    def with_bit_flipped(self, segment: int, bit: int) -> "DummyStorage":
        """A device that holds what is on flash, but for one bit of a segment."""
        flash = [bytearray(one) for one in self._flash]
        flash[segment][bit // 8] ^= 1 << bit % 8
        flipped = [bytes(one) for one in flash]
        return DummyStorage(flipped, flipped)

    def _tear(self, kept: "list[bytearray]", kind: str, size: int) -> None:
        if self._last is None:
            return
        segment, offset, before, after = self._last
        if (segment, offset - offset % PAGE) not in self._changed:
            return
        mixed = after[:size] + before[size:] if kind == "torn" else before[:size] + after[size:]
        kept[segment][offset : offset + len(mixed)] = mixed

    def _check(self, segment: int, offset: int, size: int) -> None:
        if self._dark:
            raise PowerCut("the power is off")
        if segment not in range(SEGMENTS) or offset < 0 or offset + size > self.segment_size:
            raise ValueError(f"segment {segment} has no bytes {offset} to {offset + size}")

    def _begin(self) -> bool:
        """Counts a write or flush; True when it is to fail."""
        if self._poison is not None:
            raise StorageFault(self._poison.reason, self._poison.errno_name)
        self.operations += 1
        return self.operations == self._fail_at

    def _cut_here(self) -> None:
        if self.operations == self._cut_at:
            self._dark = True
            raise PowerCut("the power went")

    def _fail(self) -> "NoReturn":
        name = "EIO" if self._fails_with == "short" else self._fails_with
        number = getattr(errno, name, errno.EIO)
        words = "wrote short" if self._fails_with == "short" else "failed"
        self._poison = StorageFault(f"the dummy {words} as it was told ({number})", name)
        raise self._poison
