"""A printer on the network on Linux: a TCP connection for each talk, with a deadline for each step.

Most printers serve one connection at a time, and one that lost its power says nothing to a
connection that it has forgotten.  So a connection lasts as long as a question or a job: other
tills get their turn, and a job never goes into a dead line.
"""

import array
import contextlib
import errno
import fcntl
import socket
import struct
import termios
import time

from tilld_hal.errors import Gone, Refused
from tilld_hal.line_linux import DescriptorLine

_AGAIN_S = 0.1
_GOODBYE_S = 2.0
_ON_ITS_WAY_BYTES = 8192  # enough for a receipt; a printer that takes no more is found out soon
_OURS = (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOBUFS)
_UNHEARD_MS = 10_000  # bytes that nobody acknowledges for so long have no hearer


class NetworkLine(DescriptorLine):
    """Connects when it is needed.  One thread uses it."""

    def __init__(self, host: str, port: int, connect_s: float) -> None:
        """Nothing is opened yet.  An address is better than a name: no name server is asked."""
        super().__init__(f"the printer at {host} port {port}")
        self._host = host
        self._port = port
        self._connect_s = connect_s
        self._socket: "socket.socket | None" = None

    def check(self) -> None:
        """Connects unless a talk is under way.  Raises ``Gone`` or ``Refused``."""
        if self._fd >= 0:
            super().check()
            return
        deadline_s = time.monotonic() + self._connect_s
        while True:
            try:
                self._socket = self._connected(deadline_s)
                break
            except ConnectionRefusedError as error:
                # It may be serving another till's connection, or has not yet ended the last one.
                if time.monotonic() + _AGAIN_S >= deadline_s:
                    raise Gone(f"{self._name} takes no connection") from error
                time.sleep(_AGAIN_S)
        self._fd = self._socket.fileno()

    def discard_unsent(self) -> None:
        """Breaks the connection off if bytes are still on their way, so that they stay away."""
        if self._fd >= 0 and self._unsent():
            self._break_off()

    def rest(self, all_said: bool) -> None:
        """Hangs up, and lets what was sent arrive: a printer drops what it holds when its answer
        meets a closed connection.  What it has not taken by then never comes."""
        if self._socket is None:
            return
        if not all_said:
            with contextlib.suppress(Gone, OSError):  # the printer has hung up: that was waited for
                self._say_goodbye(time.monotonic() + _GOODBYE_S)
        self.discard_unsent()
        self.close()

    def close(self) -> None:
        """Hangs up.  May be repeated."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._fd = -1

    def _connected(self, deadline_s: float) -> socket.socket:
        """Raises ``Gone``, ``Refused``, and ConnectionRefusedError, which may pass."""
        try:
            ways = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise Gone(f"{self._name}: there is no such name") from error
        except OSError as error:
            raise Refused(f"{self._name} can't be called: {error.strerror}") from error
        failure: OSError = ConnectionRefusedError()
        for family, _, _, _, address in ways:
            try:
                return _called(family, address, deadline_s)
            except OSError as error:
                failure = error
        if isinstance(failure, ConnectionRefusedError):
            raise failure
        if failure.errno in _OURS:
            raise Refused(f"{self._name} can't be called: {failure.strerror}") from failure
        raise Gone(f"{self._name} does not answer") from failure

    def _say_goodbye(self, deadline_s: float) -> None:
        assert self._socket is not None
        self._socket.shutdown(socket.SHUT_WR)
        while time.monotonic() < deadline_s:
            self.read_until(deadline_s)

    def _unsent(self) -> int:
        """How many bytes the other end has not acknowledged (SIOCOUTQ)."""
        count = array.array("i", [0])
        fcntl.ioctl(self._live_fd(), termios.TIOCOUTQ, count)
        return count[0]

    def _break_off(self) -> None:
        assert self._socket is not None
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def _gone(self) -> Gone:
        return Gone(f"{self._name} has hung up")


def _called(family: int, address: "tuple[object, ...]", deadline_s: float) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(max(0.001, deadline_s - time.monotonic()))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ON_ITS_WAY_BYTES)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD_MS)
        connection.connect(address)
        connection.setblocking(False)
    except OSError:
        connection.close()
        raise
    return connection
