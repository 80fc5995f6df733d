"""A scanner without hardware: it reads what it is told, and it breaks when it is told."""

from tilld_hal.errors import Gone
from tilld_hal.inbox import Inbox
from tilld_hal.scanner import Scan

MATURITY = "bench"
SEEN_WITH = ()
ALLOWED = {"gone_at": range(0, 1000001)}


def open_device(codes: "str" = "", gone_at: "int" = 0) -> "DummyScanner":
    """``codes``: delivered one a read, separated by spaces.  ``gone_at``: the read, counted from 1,
    at which the cable is pulled (0: never)."""
    return DummyScanner(codes.split(), gone_at)


class DummyScanner:
    """``tilld_hal.scanner.Scanner``; ``scan`` and ``unplug`` are the customer and the cleaner."""

    def __init__(self, codes: "list[str]", gone_at: int) -> None:
        self.dropped = 0
        self._inbox = Inbox()
        self._gone_at = gone_at
        self._reads = 0
        self._gone = ""
        for code in codes:
            self.scan(code)

    def scan(self, data: str, symbology: str = "qr") -> None:
        """Somebody holds a code before the scanner."""
        self._inbox.put(Scan(data, symbology))

    def unplug(self) -> None:
        """The cable is pulled: reads end with ``Gone``."""
        self._gone = "the scanner was unplugged"
        self._inbox.wake()

    def read(self, timeout_s: "float | None") -> "Scan | None":
        """See ``tilld_hal.scanner.Scanner``."""
        self._reads += 1
        if self._reads == self._gone_at:
            self.unplug()
        self._check()
        scan: "Scan | None" = self._inbox.take(timeout_s)
        self._check()
        return scan

    def wake(self) -> None:
        """Ends a read with None."""
        self._inbox.wake()

    def drain(self) -> int:
        """Throws away what was scanned before."""
        self._check()
        count = self._inbox.clear()
        self.dropped += count
        return count

    def close(self) -> None:
        """Reads end with ``Gone``."""
        self._gone = self._gone or "the scanner was closed"
        self._inbox.wake()

    def _check(self) -> None:
        if self._gone:
            raise Gone(self._gone)
