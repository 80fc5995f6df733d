"""The storage of the journal: two preallocated segments that can be read, written and flushed."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Storage(Protocol):
        """One thread uses it.  A segment is ``segment_size`` bytes, all zero at first."""

        segment_size: int
        """Bytes in one segment, a multiple of 4096."""

        def read(self, segment: int, offset: int, size: int) -> bytes:
            """Exactly ``size`` bytes, what was written last; flushed or not.

            Raises ``StorageFault`` when they can't be read.
            """

        def write(self, segment: int, offset: int, data: bytes) -> None:
            """Puts ``data`` there; on flash it is only after ``flush``.

            It survives the death of the process, not that of the power.  Raises ``StorageFault``:
            then any part of it may have been written, and the device is poisoned.
            """

        def flush(self, segment: int) -> None:
            """Returns when everything written to the segment is on flash.

            Raises ``StorageFault``: then nothing written since the last good flush may be trusted,
            and the device is poisoned.  A flush is never repeated: after a failed one the system
            may answer yes without having written anything (lessons.md).
            """

        def close(self) -> None:
            """Gives the device back, without a flush.  May be repeated."""


# A poisoned device refuses every further write and flush with ``StorageFault``; it can be read.

SEGMENTS = 2
PAGE = 4096
