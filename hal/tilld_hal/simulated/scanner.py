"""The cable between a simulated scanner and its driver: a Unix datagram socket in a folder.

A datagram is what a scanner would send over its line, with AIM prefix and terminator.  An empty one
only says that something has changed.  The scanner is unplugged while a file says so, so it stays
unplugged over a restart of tilld.
"""

import contextlib
import errno
import fcntl
import os
import socket

from tilld_hal.errors import Busy, Gone, HalError, Refused
from tilld_hal.waker_linux import Waker

SOCKET = "scanner.sock"
UNPLUGGED = "scanner.unplugged"
_LOCK = "scanner.lock"
_AT_ONCE_BYTES = 65536
SEND_WITHIN_S = 5.0


class Cable:
    """``tilld_hal.scanner_line_linux.Line``: the driver's end."""

    def __init__(self, folder: str) -> None:
        """Makes ``folder`` if the one above it exists.

        Raises ``Gone`` (unplugged), ``Busy`` (another process has plugged it in) or ``Refused``.
        """
        self._folder = folder
        self._open = False
        with contextlib.ExitStack() as until_whole:
            try:
                self._take(until_whole)
            except OSError as error:
                raise _not_opened(folder, error) from error
            self._keep = until_whole.pop_all()
        self._open = True

    def wait(self, timeout_s: "float | None") -> str:
        """See ``Line``."""
        self._check()
        return self._waker.wait(self._socket.fileno(), timeout_s)

    def wake(self) -> None:
        """See ``Line``."""
        self._waker.wake()

    def read_available(self) -> bytes:
        """See ``Line``."""
        self._check()
        try:
            return self._socket.recv(_AT_ONCE_BYTES)
        except BlockingIOError:
            return b""
        finally:
            self._check()

    def close(self) -> None:
        """See ``Line``."""
        if self._open:
            self._open = False
            self._keep.close()

    def _take(self, until_whole: contextlib.ExitStack) -> None:
        os.makedirs(self._folder, exist_ok=True)
        inside = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        until_whole.callback(os.close, inside)
        lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=inside)
        until_whole.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_unplugged(self._folder):
            raise Gone(f"the simulated scanner in {self._folder} is unplugged")
        self._waker = Waker()
        until_whole.callback(self._waker.close)
        self._socket = until_whole.enter_context(
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        )
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET, dir_fd=inside)  # of a process that was killed
        self._socket.bind(_reached(inside, SOCKET))
        until_whole.callback(_removed, inside)

    def _check(self) -> None:
        if not self._open:
            raise Gone("the simulated scanner is closed")
        if is_unplugged(self._folder):
            raise Gone(f"the simulated scanner in {self._folder} was unplugged")


class NobodyReads(Exception):
    """No driver has the other end; the text is for people."""


def send(folder: str, data: bytes) -> None:
    """The scanner's end: ``data`` as it would come over the line.

    Raises NobodyReads; OSError when ``folder`` can't be used.
    """
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.settimeout(SEND_WITHIN_S)
            end.sendto(data, _reached(inside, SOCKET))
    except (FileNotFoundError, ConnectionRefusedError, TimeoutError) as error:
        raise NobodyReads(f"no tilld reads the simulated scanner in {folder}") from error
    finally:
        os.close(inside)


def unplug(folder: str) -> None:
    """Pulls the cable: reads end with ``Gone`` until ``plug``."""
    with open(os.path.join(folder, UNPLUGGED), "wb"):
        pass
    with contextlib.suppress(NobodyReads):
        send(folder, b"")


def plug(folder: str) -> None:
    """Puts the cable back; the driver finds it when it next opens the scanner."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, UNPLUGGED))


def is_unplugged(folder: str) -> bool:
    """True between ``unplug`` and ``plug``."""
    return os.path.exists(os.path.join(folder, UNPLUGGED))


def _reached(inside: int, name: str) -> str:
    """A name in an open folder, short however long the folder's is: a socket's has 107 bytes."""
    return f"/proc/self/fd/{inside}/{name}"


def _removed(inside: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(SOCKET, dir_fd=inside)


def _not_opened(folder: str, error: OSError) -> HalError:
    if error.errno == errno.EAGAIN:  # the lock
        return Busy(f"the simulated scanner in {folder} is in use by another process")
    return Refused(f"{folder} can't hold a simulated scanner: {error.strerror}")
