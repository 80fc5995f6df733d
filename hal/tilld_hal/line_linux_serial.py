"""A serial line on Linux: bytes with deadlines, a wake-up, and plain words when it is unplugged.

pyserial finds, locks and configures the port; reading and writing go to its file descriptor, so
that a read ends with the byte that woke it.  No step of polling and no timer is between the two.
"""

import errno
import os
import termios

from tilld_hal.errors import Busy, Gone, HalError, Refused
from tilld_hal.line_linux import DescriptorLine
from tilld_hal.waker_linux import Waker

FLOWS = ("none", "rtscts", "xonxoff", "dsrdtr")
BAUDRATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)

BY_ID = "/dev/serial/by-id"
SHOWN_NAMES = 4
_GONE = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.EBADF)
_BUSY = (errno.EBUSY, errno.EAGAIN)


class SerialLine(DescriptorLine):
    """An open port.  One thread reads and writes; ``wake`` may come from any."""

    def __init__(self, port: str, baudrate: int, flow: str = "none") -> None:
        """Opens and locks ``port``; what it had buffered is thrown away.

        Raises ``Gone`` (no such device), ``Busy`` (another program holds it) or ``Refused`` (not a
        serial port, not allowed, a baud rate that it does not know).
        """
        import serial

        super().__init__(port)
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
        try:
            self._waker = Waker()
        except OSError as error:
            self._serial.close()
            raise Refused(f"{port}: {error.strerror}") from error
        self._fd = self._serial.fileno()

    def close(self) -> None:
        """Gives the port back.  A wait under way must have been woken and have ended before."""
        if self._fd >= 0:
            self._fd = -1
            self._waker.close()
            self._serial.close()

    def wake(self) -> None:
        """Ends a ``wait`` under way, or else the next one."""
        self._waker.wake()

    def wait(self, timeout_s: "float | None") -> str:
        """READABLE: bytes (or a hang-up) are there; WOKEN by ``wake``; SILENT: the timeout came."""
        return self._waker.wait(self._live_fd(), timeout_s)

    def discard_unsent(self) -> None:
        """Forgets what the port took and has not sent: it must not come out later by itself."""
        try:
            termios.tcflush(self._live_fd(), termios.TCOFLUSH)
        except (OSError, termios.error) as error:
            raise self._gone() from error


def _not_opened(port: str, error: OSError) -> HalError:
    if error.errno in _GONE:
        return Gone(f"{port} is not there; {_what_is_there()}")
    if error.errno in _BUSY:
        return Busy(f"{port} is in use by another program")
    if error.errno == errno.EACCES:
        return Refused(f"{port}: this user may not open it")
    return Refused(f"{port} is no usable serial port")


def _what_is_there(folder: str = BY_ID) -> str:
    """What is plugged in, for whoever is about to correct a setting."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return f"no USB serial port is in {folder}"
    shown = ", ".join(names[:SHOWN_NAMES]) + (" and more" if len(names) > SHOWN_NAMES else "")
    return f"in {folder} there is {shown}"
