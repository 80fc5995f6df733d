"""CPython: verified TLS by `ssl`, requests by adafruit_requests over a guard.

The customer fixed adafruit-circuitpython-requests. It stays, and is never trusted with a wire:
between it and the connection stands `_Guard`, its socket and its connection manager at once. What
it writes in 34 pieces leaves in one send. What the peer answers goes through the strict reader,
and the package gets the status line of an answer that is already whole: its own way with bodies is
to spin on one that was cut, to hand over a short one, and to let a trailer replace a header. The
second socket that its retry asks for does not exist (lessons.md; I11).

Only `adafruit_requests` is imported, and only when a connection is opened: it costs 35 ms, which a
connection opened ahead pays before anyone waits.
"""

import select
import socket
import ssl
import threading

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
    RequestError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tilld_urequests.call import Call

# The largest TLS record: one read is one record.
_RECORD_BYTES = 16384

# OpenSSL's verification results (x509_vfy.h), in the words of the person who must mend it.
_CERTIFICATE_FAULTS = {
    9: "its certificate is not valid yet, or this clock is slow",
    10: "its certificate has expired, or this clock is fast",
    18: "its certificate is signed by itself",
    19: "its certificate comes from an authority that is not ours",
    20: "its certificate comes from an authority that is not ours",
    21: "its certificate comes from an authority that is not ours",
    62: "its certificate is for another name",
    64: "its certificate is for another address",
}
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL")


# X509_V_FLAG_NO_CHECK_TIME of OpenSSL, for which Python has no name.
_DATES_ARE_OURS = 0x200000


class Context(ssl.SSLContext):
    """A TLS context that may check certificates against another clock than the system's."""

    now_s: "Callable[[], int] | None" = None


def make_context(
    ca_file: "str | None",
    cert_file: "str | None",
    key_file: "str | None",
    now_s: "Callable[[], int] | None",
) -> Context:
    """The one TLS context of a session: certificate and name verified, TLS 1.2 or newer.

    `ca_file` (PEM) pins the authorities; None trusts the system's. `cert_file` and `key_file`
    (PEM) are our own identity. `now_s` is the time that certificates are checked against: a dead
    clock at 1970 must hold up no cancel (rules.md §2); None takes the system's. Raises ValueError
    naming the file that cannot be used.
    """
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.now_s = now_s
    if now_s is not None:
        context.verify_flags |= ssl.VerifyFlags(_DATES_ARE_OURS)  # checked after the handshake
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python before 3.11.4 (Debian 12 has 3.11.2) takes a cut connection for a good end of the
    # answer; a truncated answer must be seen.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    try:
        if ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"ca_file {ca_file}: {_why(error)}") from None
    if cert_file is not None:
        try:
            context.load_cert_chain(cert_file, key_file, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"cert_file {cert_file}, key_file {key_file}: {_why(error)}") from None
    return context


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "not usable PEM, or key and certificate do not belong together"
    return error.strerror or "cannot be read"


def _no_password() -> str:
    # Without it OpenSSL would ask on the terminal, and a daemon would wait there for ever.
    raise ValueError("the key is encrypted")


class _NoPool:
    """Stands where adafruit_requests wants a socket pool; it has no sockets to give."""


_NO_POOL = _NoPool()


class Connection:
    """One verified TLS connection; used by one call at a time."""

    def __init__(self, tls: ssl.SSLSocket) -> None:
        import adafruit_requests

        # It never waits in TLS itself, only in poll, which takes a time without a system call more.
        tls.settimeout(0)
        self._tls = tls
        self._poll = select.poll()
        self._poll.register(tls, select.POLLIN)
        # A session of the package's own is not thread-safe (lessons.md); this one is never shared.
        self.requests = adafruit_requests.Session(_NO_POOL)

    def send(self, request: bytes, deadline: Deadline) -> None:
        """Hands the whole request to TLS in one write, which up to 16 KiB is one record, one send.

        `NotSent` when the time was over before; from the first byte on everything is `AnswerLost`.
        """
        if not deadline.left_s():
            raise NotSent(TIMEOUT, "the time was over before the request could leave")
        while True:
            try:
                # TLS takes all of it or none; asked again, it goes on with what it has begun.
                self._tls.send(request)
                return
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, deadline)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, deadline)
            except OSError as error:
                raise _lost(error) from error

    def _wait(self, direction: int, deadline: Deadline) -> None:
        self._poll.modify(self._tls, direction)
        ready = self._poll.poll(deadline.left_s() * 1000)
        self._poll.modify(self._tls, select.POLLIN)
        if not ready:
            raise AnswerLost(TIMEOUT, "the request did not leave in time")

    def receive(self, deadline: Deadline) -> "bytes | None":
        """The next bytes; b"" at an orderly end, None when the peer vanished without one."""
        while True:
            left_s = deadline.left_s()
            if not left_s or not self._poll.poll(left_s * 1000):
                raise AnswerLost(TIMEOUT, "the answer did not come in time")
            try:
                return self._tls.recv(_RECORD_BYTES)
            except ssl.SSLWantReadError:
                # A part of a record, or one that is TLS's own business: a ticket, a key update.
                continue
            except OSError as error:
                if isinstance(error, ConnectionError) or _is_cut(error):
                    return None
                raise _lost(error) from error

    def is_stale(self) -> bool:
        """Whether the peer has closed, or has said anything, while no request was out.

        A readable socket does not say so: TLS 1.3 session tickets make it readable although the
        connection is fine. So TLS itself is asked; only "nothing yet" is a sign of life.
        """
        if not self._poll.poll(0):
            return False
        try:
            self._tls.recv(1)
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Closes the socket; never raises, never waits."""
        self._tls.close()


def _is_cut(error: OSError) -> bool:
    """The peer's end came without TLS's own word for it; Python 3.11.2 has no class for that."""
    if isinstance(error, ssl.SSLEOFError):
        return True
    return isinstance(error, ssl.SSLError) and error.reason == "UNEXPECTED_EOF_WHILE_READING"


def _lost(error: OSError) -> AnswerLost:
    if isinstance(error, TimeoutError):
        return AnswerLost(TIMEOUT, "the answer did not come in time")
    if isinstance(error, ssl.SSLError):
        if isinstance(error, ssl.SSLZeroReturnError) or _is_cut(error):
            return AnswerLost(CLOSED, "the peer closed the connection under the request")
        return AnswerLost(TLS, "the peer broke off TLS: " + _tls_words(error))
    return AnswerLost(CLOSED, "the connection broke: " + (error.strerror or "no reason given"))


def open_connection(context: Context, host: str, port: int, deadline: Deadline) -> Connection:
    """Resolves, connects and shakes hands before `deadline`; raises `NotSent`."""
    addresses = _addresses(host, port, deadline)
    failure: RequestError = NotSent(RESOLVE, host + " has no address")
    for tried, (family, address) in enumerate(addresses):
        # Each address gets its share of what is left: a dead first one must not starve the next.
        share = deadline.within(deadline.left_s() / (len(addresses) - tried))
        try:
            plain = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # no IPv6 here, or no file descriptor left
            failure = _not_connected(host, error)
            continue
        try:
            return Connection(_secured(plain, address, context, host, share))
        except OSError as error:
            plain.close()
            failure = _not_connected(host, error)
    raise failure


def _secured(
    plain: socket.socket, address: "Any", context: Context, host: str, deadline: Deadline
) -> ssl.SSLSocket:
    plain.settimeout(_some(deadline))
    plain.connect(address)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tls = context.wrap_socket(
        plain, server_hostname=host, do_handshake_on_connect=False, suppress_ragged_eofs=False
    )
    try:
        tls.settimeout(_some(deadline))
        tls.do_handshake()
        if context.now_s is not None:
            _check_dates(tls, context.now_s())
    except OSError:
        tls.close()
        raise
    return tls


class _WrongDates(OSError):
    """A certificate of the peer's chain is not valid now; no byte of a request has left."""


def _check_dates(tls: ssl.SSLSocket, now_s: int) -> None:
    """Every certificate of the chain that was verified, as OpenSSL would check it."""
    chain: Any = vars(tls)["_sslobj"].get_verified_chain()  # public from Python 3.13 on
    for certificate in chain:
        valid = certificate.get_info()
        if now_s < ssl.cert_time_to_seconds(valid["notBefore"]):
            raise _WrongDates(_CERTIFICATE_FAULTS[9])
        if now_s > ssl.cert_time_to_seconds(valid["notAfter"]):
            raise _WrongDates(_CERTIFICATE_FAULTS[10])


def _some(deadline: Deadline) -> float:
    left_s = deadline.left_s()
    if not left_s:
        raise TimeoutError
    return left_s


def _not_connected(host: str, error: OSError) -> NotSent:
    if isinstance(error, TimeoutError):
        return NotSent(TIMEOUT, host + " could not be reached in time")
    if isinstance(error, _WrongDates):
        return NotSent(TLS, f"{host} is not trusted: {error}")
    if isinstance(error, ssl.SSLCertVerificationError):
        fault = _CERTIFICATE_FAULTS.get(error.verify_code, error.verify_message)
        return NotSent(TLS, host + " is not trusted: " + fault)
    if isinstance(error, (ConnectionResetError, BrokenPipeError)) or _is_cut(error):
        return NotSent(CLOSED, host + " closed the connection while it was being made")
    if isinstance(error, ssl.SSLError):
        return NotSent(TLS, host + ": " + _tls_words(error))
    if isinstance(error, ConnectionRefusedError):
        return NotSent(REFUSED, host + " refuses connections on that port")
    return NotSent(UNREACHABLE, host + ": " + (error.strerror or "cannot be reached"))


def _tls_words(error: ssl.SSLError) -> str:
    reason = error.reason or "TLS failed"
    if reason in _NOT_TLS:
        return "the peer does not speak TLS"
    return reason.lower().replace("_", " ")


class _Lookup:
    """One question to the resolver, which has no timeout of its own and may hang for minutes."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self.answered = threading.Event()
        self.addresses: list[tuple[int, Any]] = []

    def run(self) -> None:
        try:
            self.addresses = _ask(self._host, self._port, 0)
        except (OSError, UnicodeError):
            # No address is what an empty list says.
            self.addresses = []
        with _lookups_lock:
            _lookups.pop((self._host, self._port), None)
        self.answered.set()


_lookups: "dict[tuple[str, int], _Lookup]" = {}
_lookups_lock = threading.Lock()


def _ask(host: str, port: int, flags: int) -> "list[tuple[int, Any]]":
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]


def _addresses(host: str, port: int, deadline: Deadline) -> "list[tuple[int, Any]]":
    try:
        return _ask(host, port, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        lookup = _lookup(host, port)
    # Off this thread, so that a resolver without a network cannot outlast the deadline. A question
    # that hangs is shared by all who ask it: an outage costs one thread a name, not one a try.
    if not lookup.answered.wait(deadline.left_s()):
        raise NotSent(RESOLVE, "no resolver answered for " + host + " in time")
    if not lookup.addresses:
        raise NotSent(RESOLVE, host + " has no address")
    return lookup.addresses


def _lookup(host: str, port: int) -> _Lookup:
    with _lookups_lock:
        lookup = _lookups.get((host, port))
        if lookup is None:
            lookup = _Lookup(host, port)
            _lookups[host, port] = lookup
            threading.Thread(target=lookup.run, name="resolve " + host, daemon=True).start()
        return lookup


class _Guard:
    """What adafruit_requests takes for its connection manager and for the socket it gives out."""

    def __init__(
        self, connection: Connection, call: "Call", max_answer_bytes: int, deadline: Deadline
    ) -> None:
        self._connection = connection
        self._deadline = deadline
        self._reader = Reader(self._receive, call.method, max_answer_bytes)
        self._given_out = False
        self._pieces: list[bytes] = []
        # As the socket's `send`: it keeps the piece, and its None stands for "all of it".
        self.send = self._pieces.append
        self.response: Response | None = None
        self._answer = b""
        self._position = 0

    @property
    def reusable(self) -> bool:
        return self._reader.reusable

    def _receive(self) -> "bytes | None":
        return self._connection.receive(self._deadline)

    # As connection manager.

    def get_socket(self, *_: object, **__: object) -> "_Guard":
        """The socket, once: the package's retry would be a second body (I11)."""
        if self._given_out:
            raise AssertionError("adafruit_requests asked for a second connection in one call")
        self._given_out = True
        return self

    def free_socket(self, _: object) -> None:
        """Nothing: the session decides what becomes of the connection."""

    def close_socket(self, _: object) -> None:
        """Nothing: as above."""

    # As socket.

    def recv(self, size: int) -> bytes:
        """The answer's next bytes; asking for the first sends the request, all pieces in one."""
        if self.response is None:
            request = b"".join(self._pieces)
            # The package keeps this guard until its next call, and a payment code may be in here.
            self._pieces.clear()
            self._connection.send(request, self._deadline)
            self.response = self._reader.answer()
            refuse_redirect(self.response.status_code)
            self._answer = b"HTTP/1.1 " + str(self.response.status_code).encode() + b" \r\n\r\n"
        start = self._position
        self._position = min(start + size, len(self._answer))
        return self._answer[start : self._position]

    def recv_into(self, buffer: "bytearray | memoryview", size: int = 0) -> int:
        piece = self.recv(size or len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def exchange(
    connection: Connection, call: "Call", max_answer_bytes: int, deadline: Deadline
) -> "tuple[Response, bool]":
    """One request, one answer, and whether the connection may be used again.

    Raises `NotSent` only when the time was over before the first byte, else `AnswerLost`.
    """
    guard = _Guard(connection, call, max_answer_bytes, deadline)
    connection.requests._connection_manager = guard
    # The authority is in our own Host header; here the package would only stumble over a port or
    # an IPv6 address.
    answered = connection.requests.request(
        call.method,
        "https://host" + call.target.path,
        data=call.body,
        headers=call.headers,
        allow_redirects=False,
    )
    whole = guard.response
    assert whole is not None
    response = Response(answered.status_code, whole.reason, whole.headers, whole.content)
    return response, guard.reusable
