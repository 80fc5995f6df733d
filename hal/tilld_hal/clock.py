"""Time and chance.

Timers run on monotonic time; the wall clock is for display, ids, headers and certificates
(rules.md §2).  No decision about money reads it (I19).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Clock(Protocol):
        """Every method may be called from any thread, never blocks and never fails."""

        def monotonic_ms(self) -> int:
            """Milliseconds since some instant; never steps back, goes on while suspended."""

        def wall_ms(self) -> int:
            """Milliseconds since 1970 UTC: the latest of the RTC, the build time and what
            ``advance_wall`` was given, which runs on from there."""

        def advance_wall(self, ms: int, verified: bool = False) -> None:
            """At least this late it is: the last durable wall time at start, or the time of a
            ``verified`` peer.  Never steps back: an earlier time changes nothing."""

        def trusted(self) -> bool:
            """The wall clock may be shown: the RTC is past the build time, or a verified peer's
            time was given.  Until then receipts say "time not set"."""

        def random_bytes(self, count: int) -> bytes:
            """Bytes that nobody can predict (request ids: rules.md §6)."""

        def close(self) -> None:
            """Nothing to give back, here so that every device has it."""


BUILT_MS = 1_795_305_600_000
"""2026-11-22T00:00:00Z, set by hand at each release: no running copy is older than its release.

A constant and not the age of a file: unpacking, copying and images with their clock at 1970 give
files any date, and a wrong floor can never be taken back.
"""
