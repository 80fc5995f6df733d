"""HTTP/1.1 over asyncio streams: raw bodies in, one send out.

Header names keep the spelling they came with: the log is evidence.
"""

import asyncio
import contextlib
import dataclasses
import socket
import ssl
import urllib.parse

import h11

#: A connection that is quiet for longer between requests is closed.
IDLE_S = 600.0
#: A request, once begun, arrives within this.
REQUEST_S = 30.0
#: A caller that does not take its answer within this is given up.
WRITE_S = 30.0
MAX_BODY = 1024 * 1024
_READ = 65536

Headers = list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Request:
    """One request as it was received; ``complete`` is false when the caller hung up in it."""

    method: str
    target: str
    version: str
    headers: Headers
    body: bytes
    complete: bool = True

    def header(self, name: str) -> str:
        """The first header of that lower-case name, "" without one."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def all_headers(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


@dataclasses.dataclass
class Reply:
    """What to send and how: ``delivery`` is one of the words of ``deliver``."""

    status: int
    headers: Headers
    body: bytes
    delivery: str = "whole"
    delay_s: float = 0.0
    #: Of a dripping answer: between two bytes.
    pace_s: float = 0.2


class TooLarge(Exception):
    """A body above ``MAX_BODY``."""


class Conversation:
    """One server connection: requests one after another, a reply to each."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = h11.Connection(h11.SERVER)

    async def next_request(self) -> Request | None:
        """None when the caller has gone or was quiet too long.

        Raises h11.RemoteProtocolError for what is no HTTP, TooLarge, ConnectionError.
        """
        if self._parser.states[h11.CLIENT] is h11.DONE:
            if self._parser.states[h11.SERVER] is not h11.DONE:
                return None
            self._parser.start_next_cycle()
        try:
            async with asyncio.timeout(IDLE_S):
                head = await self._event()
            if not isinstance(head, h11.Request):
                return None
            async with asyncio.timeout(REQUEST_S):
                return await self._rest(head)
        except TimeoutError:
            return None

    async def _rest(self, head: h11.Request) -> Request:
        body = bytearray()
        complete = False
        while True:
            event = await self._event()
            if isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_BODY:
                    raise TooLarge
                continue
            complete = isinstance(event, h11.EndOfMessage)
            break
        return Request(
            head.method.decode("ascii"),
            head.target.decode("latin-1"),
            head.http_version.decode("ascii"),
            [(k.decode("latin-1"), v.decode("latin-1")) for k, v in head.headers.raw_items()],
            bytes(body),
            complete,
        )

    async def _event(self) -> object:
        """The next h11 event; None when the caller hung up inside a request."""
        while True:
            event = self._parser.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self._parser.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self._writer.write(self._parser.send(go_on) or b"")
            try:
                data = await self._reader.read(_READ)
            except ConnectionError:
                return None
            if not data:
                return None
            self._parser.receive_data(data)

    async def deliver(self, reply: Reply) -> bool:
        """Send the reply in the way it asks for; False when the connection ends with it.

        whole; silence (nothing until the caller hangs up); cut (the connection is reset
        without a byte); half then cut; half then closed; dripping; raw (the body alone).
        """
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        if reply.delivery == "silence":
            await self._wait_for_hang_up()
            return False
        if reply.delivery == "cut":
            self.abort()
            return False
        data = reply.body if reply.delivery == "raw" else self._encode(reply)
        if reply.delivery == "dripping":
            return await self._drip(data, reply.pace_s)
        if reply.delivery.startswith("half"):
            data = data[: len(data) - max(1, len(reply.body) // 2)]
        await self._send(data)
        if reply.delivery == "half then cut":
            self.abort()
        return reply.delivery == "whole" and self._parser.our_state is h11.DONE

    def _encode(self, reply: Reply) -> bytes:
        pairs = [*reply.headers, ("content-length", str(len(reply.body)))]
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        head = h11.Response(status_code=reply.status, headers=headers)
        events = (head, h11.Data(data=reply.body), h11.EndOfMessage())
        return b"".join(self._parser.send(event) or b"" for event in events)

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        async with asyncio.timeout(WRITE_S):
            await self._writer.drain()

    async def _drip(self, data: bytes, pace_s: float) -> bool:
        for at in range(len(data)):
            if self._writer.is_closing():
                return False
            await self._send(data[at : at + 1])
            await asyncio.sleep(pace_s)
        return True

    async def _wait_for_hang_up(self) -> None:
        try:
            async with asyncio.timeout(IDLE_S):
                while await self._reader.read(_READ):
                    pass
        except TimeoutError:
            return

    async def refuse(self, status: int) -> None:
        """Answer what could not be read as a request."""
        if self._parser.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            await self._send(self._encode(Reply(status, [("connection", "close")], b"")))

    def sever(self) -> None:
        """Cut before this returns: whoever hears of the outage finds no connection whole."""
        sock = self._writer.get_extra_info("socket")
        if sock is not None:  # TLS has let go of a connection that is lost
            with contextlib.suppress(OSError):  # the caller has gone already
                sock.shutdown(socket.SHUT_RDWR)
        self.abort()

    def abort(self) -> None:
        self._writer.transport.abort()


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def post(
    url: str, headers: Headers, body: bytes, tls: ssl.SSLContext, timeout_s: float
) -> Answer:
    """One POST on a connection of its own; header names come back in lower case.

    Raises OSError (TimeoutError and ssl.SSLError among them), h11.ProtocolError, and ValueError
    for a URL that can't be called.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"not a URL that can be notified: {url!r}")
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(
            parts.hostname, port, ssl=tls if secure else None
        )
        try:
            return await _exchange(reader, writer, parts.netloc, target, headers, body)
        finally:
            writer.close()


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    host: str,
    target: str,
    headers: Headers,
    body: bytes,
) -> Answer:
    parser = h11.Connection(h11.CLIENT)
    more = [("host", host), ("content-length", str(len(body))), ("connection", "close")]
    head = h11.Request(method="POST", target=target, headers=more + headers)
    for event in (head, h11.Data(data=body), h11.EndOfMessage()):
        writer.write(parser.send(event) or b"")
    await writer.drain()
    response: h11.Response | None = None
    received = bytearray()
    while True:
        got = parser.next_event()
        if got is h11.NEED_DATA:
            parser.receive_data(await reader.read(_READ))
        elif isinstance(got, h11.Response):
            response = got
        elif isinstance(got, h11.Data):
            received += got.data
            if len(received) > MAX_BODY:
                raise h11.RemoteProtocolError("the answer is too large")
        elif response is not None and isinstance(got, h11.EndOfMessage):
            break
    found = {k.decode("latin-1"): v.decode("latin-1") for k, v in response.headers}
    return Answer(response.status_code, found, bytes(received))
