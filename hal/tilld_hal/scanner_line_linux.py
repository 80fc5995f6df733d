"""A scanner on anything that gives bytes: the waiting, the waking, the draining, the closing.

What is below it (a serial line, the keys of a keyboard, a simulated cable) is a ``Line``.
"""

import threading
import time

from tilld_hal.errors import Gone
from tilld_hal.scan_splitter import ScanSplitter
from tilld_hal.waker_linux import SILENT, WOKEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from tilld_hal.scanner import Scan

    class Line(Protocol):
        """One thread reads; ``wake`` may come from any other."""

        def wait(self, timeout_s: "float | None") -> str:
            """READABLE: bytes (or a hang-up) are there; WOKEN; SILENT: the timeout came."""

        def read_available(self) -> bytes:
            """One bounded look: what has come, b"" when nothing has.  Raises ``Gone``."""

        def wake(self) -> None:
            """Ends a ``wait`` under way, or else the next one."""

        def close(self) -> None:
            """Gives the device back.  May be repeated."""


_DRAIN_READS = 32
"""More than the kernel keeps for a line (64 KiB): whoever still sends then is sending now."""


class LineScanner:
    """``tilld_hal.scanner.Scanner`` over a ``Line``."""

    def __init__(self, line: "Line", gap_ms: int) -> None:
        """``gap_ms``: a silence that long ends a code as well; 0: only a terminator does."""
        self._line = line
        self._gap_s = gap_ms / 1000
        self._splitter = ScanSplitter()
        self._ready: "list[Scan]" = []
        self._drained = 0
        self._closing = False
        self._reading = threading.Lock()  # held by read() as a whole
        self._taking = threading.Lock()  # held while bytes move from the line into codes

    @property
    def dropped(self) -> int:
        """Codes thrown away since opening."""
        return self._splitter.dropped + self._drained

    def read(self, timeout_s: "float | None") -> "Scan | None":
        """One whole code; see ``tilld_hal.scanner.Scanner``."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        with self._reading:
            while True:
                self._check_open()
                scan = self._take()
                if scan is not None:
                    return scan
                over = deadline_s is not None and time.monotonic() >= deadline_s
                wait_s, silence_ends_code = self._wait_s(deadline_s)
                came = self._line.wait(wait_s)
                if over or came == WOKEN or (came == SILENT and not silence_ends_code):
                    self._check_open()
                    return None
                if came == SILENT:
                    self._end_code()

    def wake(self) -> None:
        """Ends a read with None."""
        self._line.wake()

    def drain(self) -> int:
        """Throws away all that came before; see ``tilld_hal.scanner.Scanner``."""
        before = self.dropped
        with self._taking:
            self._check_open()
            for _ in range(_DRAIN_READS):
                data = self._line.read_available()
                if not data:
                    break
                self._ready += self._splitter.feed(data, _now_ms())
            self._drained += len(self._ready)
            self._ready = []
            self._splitter.discard(_now_ms())
        return self.dropped - before

    def close(self) -> None:
        """Gives the device back; a read under way ends first."""
        self._closing = True
        self._line.wake()
        with self._reading, self._taking:
            self._line.close()

    def _take(self) -> "Scan | None":
        """One look at the line, no more: one that never falls silent must not outlast ``read``."""
        with self._taking:
            if not self._ready:
                self._ready += self._splitter.feed(self._line.read_available(), _now_ms())
            return self._ready.pop(0) if self._ready else None

    def _wait_s(self, deadline_s: "float | None") -> "tuple[float | None, bool]":
        """How long to wait for bytes, and whether silence until then ends a code."""
        left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        if self._gap_s and self._splitter.partial and (left_s is None or self._gap_s <= left_s):
            return self._gap_s, True
        return left_s, False

    def _end_code(self) -> None:
        with self._taking:
            self._ready += self._splitter.end()

    def _check_open(self) -> None:
        if self._closing:
            raise Gone("the scanner was closed")


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
