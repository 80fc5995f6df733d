"""The clocks of Linux: CLOCK_BOOTTIME runs on while the device sleeps; the RTC may be anywhere."""

import os
import threading
import time

from tilld_hal.clock import BUILT_MS

MATURITY = "bench"
SEEN_WITH = ("Linux 6",)
ALLOWED: "dict[str, tuple[int, ...]]" = {}


def open_device() -> "LinuxClock":
    """Always succeeds."""
    return LinuxClock()


class LinuxClock:
    """``tilld_hal.clock.Clock``."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._floor_ms = BUILT_MS
        self._floor_at_ms = self.monotonic_ms()
        self._verified = False

    def monotonic_ms(self) -> int:
        """Since boot, suspended time included."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def wall_ms(self) -> int:
        """See ``tilld_hal.clock.Clock``."""
        with self._changing:
            return max(_rtc_ms(), self._floor_now_ms())

    def advance_wall(self, ms: int, verified: bool = False) -> None:
        """See ``tilld_hal.clock.Clock``."""
        with self._changing:
            if ms > self._floor_now_ms():
                self._floor_ms = ms
                self._floor_at_ms = self.monotonic_ms()
            self._verified = self._verified or verified

    def trusted(self) -> bool:
        """See ``tilld_hal.clock.Clock``."""
        return self._verified or _rtc_ms() > BUILT_MS

    def random_bytes(self, count: int) -> bytes:
        """From the kernel."""
        return os.urandom(count)

    def close(self) -> None:
        """Nothing to give back."""

    def _floor_now_ms(self) -> int:
        return self._floor_ms + self.monotonic_ms() - self._floor_at_ms


def _rtc_ms() -> int:
    return time.time_ns() // 1_000_000
