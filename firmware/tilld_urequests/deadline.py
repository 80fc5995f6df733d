"""The time that is left for one call, whatever the number of steps it takes.

A timeout per socket operation is no deadline: a peer that drips one byte before each of them is
over held a 1 s call for 11 s (lessons.md). Every operation here gets what is left of the whole.
"""

import sys
import time

if sys.implementation.name == "micropython":
    ticks_ms = time.ticks_ms  # type: ignore[attr-defined]  # MicroPython's own clock
    ticks_diff = time.ticks_diff  # type: ignore[attr-defined]  # it wraps around
else:

    def ticks_ms() -> int:
        """Milliseconds of the monotonic clock, from an arbitrary start."""
        return time.monotonic_ns() // 1_000_000

    def ticks_diff(later: int, earlier: int) -> int:
        """Milliseconds from `earlier` to `later`, both from `ticks_ms`."""
        return later - earlier


class Deadline:
    """Ends `total_s` seconds (real seconds, a float will do) after it was made."""

    def __init__(self, total_s: float) -> None:
        self._start_ms = ticks_ms()
        self._total_ms = int(total_s * 1000)

    def left_s(self) -> float:
        """Seconds left; 0.0 when it is over, never less."""
        left_ms = self._total_ms - ticks_diff(ticks_ms(), self._start_ms)
        return left_ms / 1000 if left_ms > 0 else 0.0

    def within(self, budget_s: "float | None") -> "Deadline":
        """A deadline for one part of the work: its own budget, but never more than is left."""
        left_s = self.left_s()
        return Deadline(left_s if budget_s is None or budget_s > left_s else budget_s)
