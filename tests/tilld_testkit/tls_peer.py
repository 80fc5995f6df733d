"""A TLS server that does what a test tells it, and writes down what reached it.

A script is a function of one `Conversation`; it runs in a thread of its own for each connection.
TLS runs over memory BIOs, so that the server sees the records: what a client sends in one write is
one record, and a test can count them. What a script raises is raised again when the peer is left,
except the OSErrors that a client causes by hanging up.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType

from tilld_testkit.certificates import Identity

_APPLICATION_DATA = 23
_PATIENCE_S = 10.0


class Request:
    """A request as it arrived: first line, headers (lower case), body, and TLS records used."""

    def __init__(self, raw: bytes, records: int) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.line = lines[0]
        self.headers = dict(_split(line) for line in lines[1:])
        self.names = [_split(line)[0] for line in lines[1:]]
        self.raw = raw
        self.records = records


def _split(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


class Conversation:
    """One connection, after its handshake. Every wait ends after 10 s or with the peer."""

    def __init__(self, peer: "TlsPeer", plain: socket.socket, number: int) -> None:
        self.number = number
        self.stopped = peer.stopped
        self._peer = peer
        self._plain = plain
        self._coming = ssl.MemoryBIO()
        self._going = ssl.MemoryBIO()
        self._tls = peer.context.wrap_bio(self._coming, self._going, server_side=True)
        self._raw = b""
        self._held = b""
        self._shaken = False
        self._records = 0

    def shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            except ssl.SSLError:
                self._flush()
                raise
        self._flush()
        self._shaken = True

    def _flush(self) -> None:
        self._plain.sendall(self._going.read())

    def _feed(self) -> None:
        """Gives TLS the next whole record; raises ConnectionError at the client's end."""
        while len(self._raw) < 5 or len(self._raw) < 5 + self._length():
            came = self._plain.recv(65536)
            if not came:
                raise ConnectionAbortedError("the client has closed")
            self._peer.raw += came
            self._raw += came
        size = 5 + self._length()
        if self._shaken and self._raw[0] == _APPLICATION_DATA:
            self._records += 1
        self._coming.write(self._raw[:size])
        self._raw = self._raw[size:]

    def _length(self) -> int:
        return int(struct.unpack(">H", self._raw[3:5])[0])

    def more(self) -> bytes:
        """The next decrypted bytes; b"" when the client has ended the connection in order."""
        while True:
            try:
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                self._feed()

    def request(self) -> Request:
        """The next whole request (Content-Length framing); raises ConnectionError at the end."""
        while True:
            head, end, body = self._held.partition(b"\r\n\r\n")
            if end:
                length = 0
                for line in head.decode().split("\r\n")[1:]:
                    name, value = _split(line)
                    length = int(value) if name == "content-length" else length
                if len(body) >= length:
                    size = len(head) + 4 + length
                    request = Request(self._held[:size], self._records)
                    self._held, self._records = self._held[size:], 0
                    self._peer.requests.append(request)
                    return request
            came = self.more()
            if not came:
                raise ConnectionAbortedError("the client has closed")
            self._peer.application_bytes += len(came)
            self._held += came

    def say(self, text: bytes) -> None:
        """Sends the bytes as one TLS record (up to 16 KiB)."""
        self._tls.write(text)
        self._flush()

    def hello(self) -> bytes:
        """What the client says first, undecrypted."""
        came = self._plain.recv(65536)
        self._peer.raw += came
        return came

    def say_plain(self, text: bytes) -> None:
        """Sends the bytes past TLS."""
        self._plain.sendall(text)

    def answer(self, body: bytes, status: str = "200 OK", headers: str = "") -> None:
        """A whole answer with Content-Length."""
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        self.say(head.encode() + body)

    def answer_and_leave(self, body: bytes) -> None:
        """A whole answer that does not say close, and the end in order, in one segment."""
        self._tls.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        self.leave()

    def drip(self, text: bytes, say: "Callable[[bytes], None] | None" = None) -> None:
        """One byte after another, 50 in a second, the last one again and again; by `say_plain`
        past TLS. It hangs up after 10 s, long after a client with a deadline has gone."""
        for turn in range(int(_PATIENCE_S * 50)):
            if self.stopped.wait(0.02):
                return
            at = min(turn, len(text) - 1)
            (say or self.say)(text[at : at + 1])
        self.hang_up()

    def stay_silent(self) -> None:
        """Waits until the client goes; says nothing."""
        with contextlib.suppress(OSError):
            while self.more():
                pass

    def leave(self) -> None:
        """Ends in order: close_notify, then FIN."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush()
        self._plain.close()

    def hang_up(self) -> None:
        """Ends without close_notify: FIN alone."""
        self._plain.close()

    def reset(self) -> None:
        """Ends with a RST."""
        self._plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._plain.close()


Script = Callable[[Conversation], None]


def echo(conversation: Conversation) -> None:
    """Answers every request with its own body, on a connection that stays open."""
    while True:
        conversation.answer(conversation.request().body)


class TlsPeer:
    """Listens on a free loopback port while the `with` block lasts.

    `requests`: every whole request that arrived, in order; `application_bytes`: all that was
    decrypted; `raw`: all that came over the wire; `connections`: how many were accepted; `shaken`:
    how many handshakes were finished. They are complete once the block was left. Without `secure`
    the script runs on the bare connection.
    """

    def __init__(
        self,
        identity: Identity,
        script: Script = echo,
        client_ca: "Identity | None" = None,
        tls12: bool = False,
        tickets: int = 2,
        secure: bool = True,
    ) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.cert_file, identity.key_file)
        if client_ca is not None:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_ca.cert_file)
        if tls12:
            self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.context.num_tickets = tickets
        self.requests: list[Request] = []
        self.application_bytes = 0
        self.raw = bytearray()
        self.connections = 0
        self.shaken = 0
        self.stopped = threading.Event()
        self._script = script
        self._secure = secure
        self._failures: list[BaseException] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> "TlsPeer":
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        trace: "TracebackType | None",
    ) -> None:
        self.stopped.set()
        for one in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(_PATIENCE_S)
        if self._failures and error is None:
            raise self._failures[0]

    def _start(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            plain.settimeout(_PATIENCE_S)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(plain)
            self.connections += 1
            self._start(self._converse, plain, self.connections)

    def _converse(self, plain: socket.socket, number: int) -> None:
        conversation = Conversation(self, plain, number)
        try:
            if self._secure:
                conversation.shake_hands()
                self.shaken += 1
            self._script(conversation)
        except OSError:
            # The client hung up or refused us; what it did shows in the counts.
            plain.close()
        except BaseException as error:
            self._failures.append(error)
            plain.close()
            raise
