"""A serial line on Linux: bytes with deadlines, a wake-up, and plain words when it is unplugged.

pyserial finds, locks and configures the port; reading and writing go to its file descriptor, so
that a read ends with the byte that woke it.  No step of polling and no timer is between the two.
"""

import errno
import os
import select
import termios
import threading
import time

from tilld_hal.errors import Busy, Gone, HalError, Refused

FLOWS = ("none", "rtscts", "xonxoff", "dsrdtr")
BAUDRATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)

READABLE = "readable"
WOKEN = "woken"
SILENT = "silent"

_AT_ONCE_BYTES = 4096
_WRITE_BYTES = 512

_GONE = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.EBADF)
_BUSY = (errno.EBUSY, errno.EAGAIN)
_HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL


class SerialLine:
    """An open port.  One thread reads and writes; ``wake`` may come from any."""

    def __init__(self, port: str, baudrate: int, flow: str = "none") -> None:
        """Opens and locks ``port``; what it had buffered is thrown away.

        Raises ``Gone`` (no such device), ``Busy`` (another program holds it) or ``Refused`` (not a
        serial port, not allowed, a baud rate that it does not know).
        """
        import serial

        self._port = port
        try:
            self._serial = serial.Serial(
                port,
                baudrate,
                timeout=0,
                exclusive=True,
                rtscts=flow == "rtscts",
                xonxoff=flow == "xonxoff",
                dsrdtr=flow == "dsrdtr",
            )
        except OSError as error:
            raise _not_opened(port, error) from error
        except (ValueError, termios.error) as error:
            raise Refused(f"{port} is no serial port that takes {baudrate} baud") from error
        self._fd = self._serial.fileno()
        try:
            self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self._serial.close()
            raise Refused(f"{port}: {error.strerror}") from error
        self._open = True
        self._closing = threading.Lock()  # so that no wake writes to a number given to another file

    def close(self) -> None:
        """Gives the port back.  A wait under way must have been woken and have ended before."""
        with self._closing:
            if not self._open:
                return
            self._open = False
            os.close(self._woken)
            os.close(self._waker)
            self._serial.close()

    def wake(self) -> None:
        """Ends a ``wait`` under way, or else the next one."""
        with self._closing:
            if not self._open:
                return
            try:
                os.write(self._waker, b"w")
            except BlockingIOError:
                return  # full of wake-ups already: one is as good as many

    def wait(self, timeout_s: "float | None") -> str:
        """READABLE: bytes (or a hang-up) are there; WOKEN by ``wake``; SILENT: the timeout came."""
        poll = select.poll()
        poll.register(self._live_fd(), select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        ready = poll.poll(None if timeout_s is None else max(0, timeout_s) * 1000)
        if any(fd == self._woken for fd, _ in ready):
            os.read(self._woken, _AT_ONCE_BYTES)
            return WOKEN
        return READABLE if ready else SILENT

    def read_available(self) -> bytes:
        """What has arrived, b"" when nothing has; never blocks.  Raises ``Gone``."""
        fd = self._live_fd()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(0):
            return b""
        try:
            data = os.read(fd, _AT_ONCE_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone() from error
        if not data:
            raise self._gone()
        return data

    def read_until(self, deadline_s: float) -> bytes:
        """The next bytes, or b"" when none came until ``deadline_s`` (``time.monotonic``)."""
        if self.wait(deadline_s - time.monotonic()) == READABLE:
            return self.read_available()
        return b""

    def write_some(self, data: bytes, deadline_s: float) -> int:
        """Hands a first part of ``data`` to the port and returns how many bytes it took.

        0 when it took none until ``deadline_s`` (flow control holds it).  Raises ``Gone``.
        """
        fd = self._live_fd()
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        ready = poll.poll(max(0, deadline_s - time.monotonic()) * 1000)
        if not ready:
            return 0
        if ready[0][1] & _HUNG_UP:
            raise self._gone()
        try:
            return os.write(fd, data[:_WRITE_BYTES])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._gone() from error

    def check(self) -> None:
        """Raises ``Gone`` if the port has been unplugged."""
        poll = select.poll()
        poll.register(self._live_fd(), 0)
        if poll.poll(0):
            raise self._gone()

    def discard_unsent(self) -> None:
        """Forgets what the port took and has not sent: it must not come out later by itself."""
        try:
            termios.tcflush(self._live_fd(), termios.TCOFLUSH)
        except (OSError, termios.error) as error:
            raise self._gone() from error

    def _live_fd(self) -> int:
        if not self._open:
            raise Gone(f"{self._port} is closed")
        return self._fd

    def _gone(self) -> Gone:
        return Gone(f"{self._port} was unplugged")


def _not_opened(port: str, error: OSError) -> HalError:
    if error.errno in _GONE:
        return Gone(f"{port} is not there")
    if error.errno in _BUSY:
        return Busy(f"{port} is in use by another program")
    if error.errno == errno.EACCES:
        return Refused(f"{port}: this user may not open it")
    return Refused(f"{port} is no usable serial port")
