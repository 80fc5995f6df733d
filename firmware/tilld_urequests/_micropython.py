"""MicroPython: verified TLS by `tls`, HTTP by the reader itself.

The `requests` frozen into MicroPython never verifies a certificate and leaves no way to make it
(lessons.md), so the socket and the TLS context are built here. TLS does not sit on the socket but
on `_Wire`, a stream of ours between the two, because only there can a deadline reach into a
handshake or a read: Mbed TLS itself waits without end. Mbed TLS 3 knows nothing older than
TLS 1.2, and verifies the name together with the certificate.

Known limit: `getaddrinfo` blocks as long as the port's resolver does; where that matters, the URL
holds an address that the certificate names.
"""

import binascii
import errno
import io
import select
import socket

import tls

from tilld_urequests.answer import Reader, Response, refuse_redirect
from tilld_urequests.deadline import Deadline
from tilld_urequests.errors import (
    CLOSED,
    REFUSED,
    RESOLVE,
    TIMEOUT,
    TLS,
    UNREACHABLE,
    AnswerLost,
    NotSent,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tilld_urequests.call import Call

_READ_BYTES = 2048
_OVER = Deadline(0)
# Some ports have no constant for it; Linux's number and lwIP's.
_TCP_NODELAY = 1
_IPPROTO_TCP = 6
_NETWORK_ERRORS = {
    errno.ECONNREFUSED: (REFUSED, "refuses connections on that port"),
    errno.ETIMEDOUT: (TIMEOUT, "could not be reached in time"),
    errno.EHOSTUNREACH: (UNREACHABLE, "cannot be reached"),
}


def make_context(
    ca_file: "str | None",
    cert_file: "str | None",
    key_file: "str | None",
    now_s: "Callable[[], int] | None",
) -> "Any":
    """The one TLS context of a session; as the CPython one, but `ca_file` is needed.

    The files are PEM or DER. `now_s` is not used: mbedtls asks the board's clock, which the
    firmware sets. Raises ValueError naming the one that cannot be used.
    """
    if ca_file is None:
        raise ValueError("ca_file: this system has no authorities of its own; name a file")
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    try:
        context.load_verify_locations(_der(ca_file))
    except (OSError, ValueError):
        raise ValueError("ca_file " + ca_file + ": not a usable certificate file") from None
    if cert_file is not None:
        try:
            context.load_cert_chain(_der(cert_file), _der(key_file or cert_file))
        except (OSError, ValueError):
            files = "cert_file " + cert_file + ", key_file " + str(key_file)
            raise ValueError(files + ": not a usable certificate and key") from None
    return context


def _der(path: str) -> bytes:
    """The file's first PEM block as DER; a file that is not PEM as it is."""
    with open(path, "rb") as file:
        content = file.read()
    if b"-----BEGIN " not in content:
        return content
    lines = []
    inside = False
    for line in content.split(b"\n"):
        if line.startswith(b"-----BEGIN "):
            inside = True
        elif line.startswith(b"-----END "):
            break
        elif inside:
            lines.append(line.strip())
    return binascii.a2b_base64(b"".join(lines))


class _Wire(io.IOBase):
    """The socket as TLS sees it: every read and write waits, and none longer than the deadline.

    A wait that is over fails with ETIMEDOUT, because Mbed TLS takes "nothing yet" for a reason to
    go on for ever; only while `peeking` an empty read is "nothing yet", and `empty` tells of it.
    `error` is the errno that ended the socket, 0 while it works, -1 when the peer ended it.
    """

    def __init__(self, plain: "Any") -> None:
        self._plain = plain
        self._poll = select.poll()
        self._poll.register(plain, select.POLLIN)
        self.deadline = _OVER
        self.peeking = False
        self.empty = False
        self.error = 0

    def ready(self, direction: int) -> bool:
        """Whether the socket became ready in that direction before the deadline."""
        self._poll.modify(self._plain, direction)
        return bool(self._poll.poll(int(self.deadline.left_s() * 1000)))

    def readinto(self, buffer: "Any") -> "int | None":
        self.empty = not self.ready(select.POLLIN)
        if self.empty:
            return None if self.peeking else self._over()
        try:
            size: int | None = self._plain.readinto(buffer)
        except OSError as error:
            self.error = error.errno or -1
            return -errno.EIO
        if size == 0:
            self.error = -1
        return size

    def write(self, data: "Any") -> "int | None":
        if not self.ready(select.POLLOUT):
            return self._over()
        try:
            size: int | None = self._plain.write(data)
        except OSError as error:
            self.error = error.errno or -1
            return -errno.EIO
        return size

    def _over(self) -> int:
        self.error = errno.ETIMEDOUT
        return -errno.ETIMEDOUT

    def ioctl(self, request: int, _: int) -> int:
        if request == 4:  # MP_STREAM_CLOSE
            self._plain.close()
        return 0


class Connection:
    """One verified TLS connection; used by one call at a time."""

    def __init__(self, wire: _Wire, secured: "Any") -> None:
        self._wire = wire
        self._tls = secured

    def send(self, request: bytes, deadline: Deadline) -> None:
        """Hands the whole request to TLS in one write, which up to its record size is one send."""
        if not deadline.left_s():
            raise NotSent(TIMEOUT, "the time was over before the request could leave")
        self._wire.deadline = deadline
        sent = 0
        while sent < len(request):
            try:
                size = self._tls.write(request[sent:] if sent else request)
            except OSError:
                if self._wire.error == errno.ETIMEDOUT:
                    raise AnswerLost(TIMEOUT, "the request did not leave in time") from None
                raise AnswerLost(CLOSED, "the connection broke under the request") from None
            sent += size or 0

    def receive(self, deadline: Deadline) -> "bytes | None":
        """The next bytes; b"" at an orderly end, None when the peer vanished without one."""
        self._wire.deadline = deadline
        while deadline.left_s():
            try:
                # Not `read`: that one waits until the buffer is full.
                piece: bytes | None = self._tls.recv(_READ_BYTES)
            except OSError:
                if self._wire.error == errno.ETIMEDOUT:
                    break
                if self._wire.error:
                    return None
                raise AnswerLost(TLS, "the peer broke off TLS") from None
            if piece is not None:
                return piece
        raise AnswerLost(TIMEOUT, "the answer did not come in time")

    def is_stale(self) -> bool:
        """Whether the peer has closed, or has said anything, while no request was out."""
        self._wire.deadline = _OVER
        self._wire.peeking = True
        try:
            while True:
                if self._tls.recv(1) is not None:
                    return True
                # None is also what a session ticket gives: go on until the socket is empty.
                if self._wire.empty:
                    return False
        except OSError:
            return True
        finally:
            self._wire.peeking = False

    def close(self) -> None:
        """Closes the socket; never raises, never waits."""
        self._wire.deadline = _OVER
        self._tls.close()


def open_connection(context: "Any", host: str, port: int, deadline: Deadline) -> Connection:
    """Resolves, connects and shakes hands before `deadline`; raises `NotSent`."""
    try:
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except OSError:
        raise NotSent(RESOLVE, host + " has no address") from None
    try:
        plain = socket.socket(found[0][0], socket.SOCK_STREAM)
    except OSError as error:  # a board has few of them
        words = host + ": no socket is free, errno " + str(error.errno)
        raise NotSent(UNREACHABLE, words) from None
    wire = _Wire(plain)
    wire.deadline = deadline
    try:
        _connect(plain, wire, found[0][-1])
        return Connection(wire, context.wrap_socket(wire, server_hostname=host))
    except ValueError as error:
        # What Mbed TLS says of a certificate, one line a fault.
        plain.close()
        faults = "; ".join(line for line in str(error).split("\n") if line)
        raise NotSent(TLS, host + " is not trusted: " + faults) from None
    except OSError as error:
        plain.close()
        raise _not_connected(host, wire, error) from None


def _connect(plain: "Any", wire: _Wire, address: "Any") -> None:
    plain.setblocking(False)
    try:
        plain.connect(address)
    except OSError as error:
        if error.errno != errno.EINPROGRESS:
            raise
    if not wire.ready(select.POLLOUT):
        raise OSError(errno.ETIMEDOUT)
    plain.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)


def _not_connected(host: str, wire: _Wire, error: OSError) -> NotSent:
    number = wire.error or error.errno
    if number == -1 or number == errno.ECONNRESET:
        return NotSent(CLOSED, host + " closed the connection while it was being made")
    if number in _NETWORK_ERRORS:
        reason, words = _NETWORK_ERRORS[number]
        return NotSent(reason, host + " " + words)
    if wire.error or (number is not None and 0 < number < 256):
        return NotSent(UNREACHABLE, host + ": errno " + str(number))
    return NotSent(TLS, host + ": " + str(error))


def exchange(
    connection: Connection, call: "Call", max_answer_bytes: int, deadline: Deadline
) -> "tuple[Response, bool]":
    """One request, one answer, and whether the connection may be used again."""
    lines = [call.method + " " + call.target.path + " HTTP/1.1"]
    for name, value in call.headers.items():
        lines.append(name + ": " + value)
    connection.send(("\r\n".join(lines) + "\r\n\r\n").encode() + call.body, deadline)

    def receive() -> "bytes | None":
        return connection.receive(deadline)

    reader = Reader(receive, call.method, max_answer_bytes)
    response = reader.answer()
    refuse_redirect(response.status_code)
    return response, reader.reusable
