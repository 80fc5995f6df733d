"""A driver to copy: a scanner that takes its codes, one a line, from a FIFO (``mkfifo``).

It is whole and keeps every promise, and no catalogue row offers it.  A copy is named
``<kind>_<platform>_<bus>.py`` and gets a row in `tilld_hal.catalogue.DRIVERS`; hal/PORTING.md says
the rest.  For a new scanner change what opens the device and what reads its bytes; the waiting,
the waking and the closing can stay.
"""

import errno
import os
import select
import time
from _thread import allocate_lock

from tilld_hal.errors import Busy, Gone, HalError, Refused
from tilld_hal.scan_splitter import ScanSplitter
from tilld_hal.scanner import Scan

MATURITY = "bench"  # until it was seen in a shop
SEEN_WITH = ("mkfifo",)
ALLOWED = {"symbology": ("", "qr", "code128", "ean13")}

_AT_ONCE_BYTES = 4096
_DRAIN_READS = 32  # more than a pipe holds: whoever still sends then is sending now


def open_device(path: "str", symbology: "str" = "") -> "SkeletonScanner":
    """Opens the FIFO at ``path``; the parameters are the driver's settings.

    ``symbology`` is told of codes that bear no AIM prefix.  Raises ``Gone`` (nothing is there),
    ``Busy`` (another process reads it) or ``Refused`` (it is no FIFO, or may not be read).
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _not_opened(path, error) from error
    try:
        _hold(file, path)
        return SkeletonScanner(file, path, symbology)
    except OSError as error:
        os.close(file)
        raise Refused(f"{path}: {error.strerror}") from error
    except HalError:
        os.close(file)
        raise


class SkeletonScanner:
    """``tilld_hal.scanner.Scanner``: each method keeps the promise written there."""

    def __init__(self, file: int, path: str, symbology: str) -> None:
        self._file = file
        self._path = path
        self._symbology = symbology
        self._splitter = ScanSplitter()
        self._ready: "list[Scan]" = []
        self._drained = 0
        self._open = True
        self._reading = allocate_lock()  # held by read() as a whole
        self._taking = allocate_lock()  # held while bytes become codes
        self._waking = allocate_lock()  # so that no wake writes to a number given to another file
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    @property
    def dropped(self) -> int:
        """Codes thrown away since opening."""
        return self._splitter.dropped + self._drained

    def read(self, timeout_s: "float | None") -> "Scan | None":
        """One whole code; None at the timeout or after ``wake``; ``Gone`` when the writer went."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        with self._reading:
            while True:
                self._check_open()
                scan = self._take()
                if scan is not None:
                    return scan
                left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
                if not self._wait(left_s) or left_s == 0:
                    self._check_open()
                    return None

    def wake(self) -> None:
        """Ends a read under way, or else the next one, with None."""
        with self._waking:
            if self._open:
                self._write_waker()

    def drain(self) -> int:
        """Throws away what came before; returns how many codes that were."""
        before = self.dropped
        with self._taking:
            self._check_open()
            for _ in range(_DRAIN_READS):
                data = self._read_available()
                if not data:
                    break
                self._ready += self._splitter.feed(data, _now_ms())
            self._drained += len(self._ready)
            self._ready = []
            self._splitter.discard(_now_ms())
        return self.dropped - before

    def close(self) -> None:
        """Gives everything back; a read under way ends with ``Gone``.  May be repeated."""
        with self._waking:
            if not self._open:
                return
            self._open = False
            self._write_waker()
        with self._reading, self._taking:
            for file in (self._file, self._woken, self._waker):
                os.close(file)

    def _take(self) -> "Scan | None":
        """One look at the device, no more: one that never falls silent must not outlast a read."""
        with self._taking:
            if not self._ready:
                self._ready += self._splitter.feed(self._read_available(), _now_ms())
            if not self._ready:
                return None
            scan = self._ready.pop(0)
        return Scan(scan.data, scan.symbology or self._symbology)

    def _read_available(self) -> bytes:
        """What has come, b"" when nothing has; never blocks."""
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        if not poll.poll(0):
            return b""
        data = os.read(self._file, _AT_ONCE_BYTES)
        if not data:
            raise Gone(f"{self._path}: the writer has gone")
        return data

    def _wait(self, timeout_s: "float | None") -> bool:
        """True when there is something to read, False at the timeout and after a wake."""
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        ready = poll.poll(None if timeout_s is None else timeout_s * 1000)
        if any(file == self._woken for file, _ in ready):
            os.read(self._woken, _AT_ONCE_BYTES)
            return False
        return bool(ready)

    def _write_waker(self) -> None:
        try:
            os.write(self._waker, b"w")
        except BlockingIOError:
            return  # full of wake-ups already: one is as good as many

    def _check_open(self) -> None:
        if not self._open:
            raise Gone("the scanner was closed")


def _hold(file: int, path: str) -> None:
    """Makes sure that it is a FIFO and that nobody else reads it: two would share the codes."""
    import fcntl
    import stat

    if not stat.S_ISFIFO(os.fstat(file).st_mode):
        raise Refused(f"{path} is no FIFO")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Busy(f"{path} is in use by another program") from error


def _not_opened(path: str, error: OSError) -> HalError:
    if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return Gone(f"{path} is not there")
    return Refused(f"{path} can't be read: {error.strerror}")


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
