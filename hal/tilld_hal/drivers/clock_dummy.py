"""A clock that stands still until it is told to go, or to jump."""

import hashlib

from tilld_hal.clock import BUILT_MS

MATURITY = "bench"
SEEN_WITH = ()
ALLOWED: "dict[str, tuple[int, ...]]" = {}


def open_device(
    monotonic_ms: "int" = 0, rtc_ms: "int" = BUILT_MS + 1000, seed: "int" = 0
) -> "DummyClock":
    """``rtc_ms`` before the build time is an RTC that was never set; ``seed`` fixes chance."""
    return DummyClock(monotonic_ms, rtc_ms, seed)


class DummyClock:
    """``tilld_hal.clock.Clock``, moved by ``pass_ms`` and ``step_rtc``."""

    def __init__(self, monotonic_ms: int, rtc_ms: int, seed: int) -> None:
        self._monotonic_ms = monotonic_ms
        self._rtc_ms = rtc_ms
        self._floor_ms = BUILT_MS
        self._verified = False
        self._seed = seed
        self._drawn = 0

    def pass_ms(self, ms: int) -> None:
        """Time goes on, for every clock alike."""
        self._monotonic_ms += ms
        self._rtc_ms += ms
        self._floor_ms += ms

    def step_rtc(self, ms: int) -> None:
        """Somebody sets the RTC: it jumps by ``ms``, back when negative."""
        self._rtc_ms += ms

    def monotonic_ms(self) -> int:
        """What ``pass_ms`` made it."""
        return self._monotonic_ms

    def wall_ms(self) -> int:
        """See ``tilld_hal.clock.Clock``."""
        return max(self._rtc_ms, self._floor_ms)

    def advance_wall(self, ms: int, verified: bool = False) -> None:
        """See ``tilld_hal.clock.Clock``."""
        self._floor_ms = max(self._floor_ms, ms)
        self._verified = self._verified or verified

    def trusted(self) -> bool:
        """See ``tilld_hal.clock.Clock``."""
        return self._verified or self._rtc_ms > BUILT_MS

    def random_bytes(self, count: int) -> bytes:
        """The same bytes for the same seed and the same calls: for tests and nothing else."""
        made = b""
        while len(made) < count:
            self._drawn += 1
            block = "tilld " + str(self._seed) + " " + str(self._drawn)
            made += hashlib.sha256(block.encode()).digest()
        return made[:count]

    def close(self) -> None:
        """Nothing to give back."""
