"""A till's end of the wire by somebody who has only read the contract (till_socket.md §1).

It shares no line with the daemon or its client: MessagePack is packed and unpacked here, by
hand, so that it can also say what no decent library would: a repeated key, an ext, half a
message. Nothing is polled; every read has a deadline.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE_S = 20.0
READ_BYTES = 65536

Json = dict[str, Any]


class Raw(NamedTuple):
    """Bytes that go into the message as they are."""

    packed: bytes


class Pairs(NamedTuple):
    """A map as pairs, so that a key may come twice."""

    pairs: tuple[tuple[Any, Any], ...]


class Ext(NamedTuple):
    """An extension value."""

    code: int
    data: bytes


def pack(thing: Any) -> bytes:
    """One value as MessagePack, integers in their shortest form."""
    if thing is None or isinstance(thing, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[thing]
    if isinstance(thing, Raw):
        return thing.packed
    if isinstance(thing, Ext):
        return struct.pack(">BBb", 0xC7, len(thing.data), thing.code) + thing.data
    if isinstance(thing, Pairs):
        return _pack_pairs(thing.pairs)
    if isinstance(thing, dict):
        return _pack_pairs(tuple(thing.items()))
    if isinstance(thing, (list, tuple)):
        head = _head(len(thing), 0x90, 16, (0xDC, 0xDD))
        return head + b"".join(pack(item) for item in thing)
    if isinstance(thing, int):
        return _pack_int(thing)
    if isinstance(thing, float):
        return b"\xcb" + struct.pack(">d", thing)
    if isinstance(thing, str):
        data = thing.encode()
        return _head(len(data), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + data
    return _head(len(thing), 0, 0, (0xC4, 0xC5, 0xC6)) + bytes(thing)


def _pack_pairs(pairs: tuple[tuple[Any, Any], ...]) -> bytes:
    packed = b"".join(pack(key) + pack(value) for key, value in pairs)
    return _head(len(pairs), 0x80, 16, (0xDE, 0xDF)) + packed


def _head(length: int, fixed: int, fixed_below: int, markers: tuple[int, ...]) -> bytes:
    if length < fixed_below:
        return bytes((fixed | length,))
    widths = ("B", "H", "I")[-len(markers) :]
    for marker, width in zip(markers, widths, strict=True):
        if length < 1 << 8 * struct.calcsize(width):
            return struct.pack(f">B{width}", marker, length)
    raise ValueError("too long for MessagePack")


def _pack_int(number: int) -> bytes:
    if -32 <= number < 128:
        return struct.pack("b" if number < 0 else "B", number)
    signed = number < 0
    for exponent, width in enumerate("bhiq" if signed else "BHIQ"):
        try:
            return bytes(((0xD0 if signed else 0xCC) + exponent,)) + struct.pack(
                ">" + width, number
            )
        except struct.error:
            continue
    raise ValueError("no integer of MessagePack")


class Incomplete(Exception):
    """The bytes end before the value does."""


class Reader:
    """Takes bytes, gives whole values."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0

    def feed(self, data: bytes) -> None:
        self._held += data

    def values(self) -> list[Any]:
        """Every value that is whole by now."""
        found = []
        while True:
            self._at = 0
            try:
                found.append(self._value())
            except Incomplete:
                return found
            del self._held[: self._at]

    def _take(self, count: int) -> bytes:
        taken = bytes(self._held[self._at : self._at + count])
        if len(taken) < count:
            raise Incomplete
        self._at += count
        return taken

    def _number(self, form: str) -> Any:
        return struct.unpack(">" + form, self._take(struct.calcsize(form)))[0]

    def _value(self) -> Any:
        marker = self._take(1)[0]
        if marker < 0x80 or marker >= 0xE0:
            return marker if marker < 0x80 else marker - 256
        if marker < 0xC0:
            return self._short(marker)
        if marker in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[marker]
        forms = {0xCA: "f", 0xCB: "d", **dict(zip(range(0xCC, 0xD4), "BHIQbhiq", strict=True))}
        if marker in forms:
            return self._number(forms[marker])
        return self._long(marker)

    def _short(self, marker: int) -> Any:
        if marker < 0x90:
            return self._map(marker & 15)
        if marker < 0xA0:
            return [self._value() for _ in range(marker & 15)]
        return self._take(marker & 31).decode()

    def _long(self, marker: int) -> Any:
        kinds = {0xC4: 3, 0xD9: 3, 0xDC: 2, 0xDE: 2}
        start = max(first for first in kinds if first <= marker)
        length = self._number("BHI"[marker - start + 3 - kinds[start]])
        if start == 0xC4:
            return self._take(length)
        if start == 0xD9:
            return self._take(length).decode()
        return [self._value() for _ in range(length)] if start == 0xDC else self._map(length)

    def _map(self, length: int) -> Json:
        found = {}
        for _ in range(length):
            key = self._value()
            found[key] = self._value()
        return found


class Refusal(Exception):
    """An answer with an error: ``told`` is the map of §4 (or its text)."""

    def __init__(self, told: Any) -> None:
        super().__init__(str(told))
        self.told = told

    @property
    def code(self) -> str:
        code: str = self.told["code"]
        return code


class Rpc:
    """One connection, made here or by the caller. It says hello by itself unless told not to."""

    def __init__(
        self, where: Path | socket.socket, hello: bool = True, **hello_params: Any
    ) -> None:
        self.socket = where if isinstance(where, socket.socket) else _connected(where)
        self.socket.settimeout(PATIENCE_S)
        self._reader = Reader()
        self._msgid = 0
        self.answers: dict[int, tuple[Any, Any]] = {}
        self.order: list[int] = []
        self.events: list[Json] = []
        self.greeting: Json = {}
        if hello:
            self.greeting = self.hello(**hello_params)

    def __enter__(self) -> Rpc:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    # Out.

    def send(self, method: object, *params: Any) -> int:
        """A request without waiting; its msgid. ``params`` is the params array."""
        self._msgid += 1
        self.send_message([0, self._msgid, method, list(params)])
        return self._msgid

    def send_message(self, message: Any) -> None:
        self.send_bytes(pack(message))

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def notify(self, *parts: Any) -> None:
        """A notification of any shape: ``parts`` follow its 2."""
        self.send_message([2, *parts])

    # In.

    def answer(self, msgid: int) -> Any:
        """The result of a request, or Refusal."""
        self._read_until(lambda: msgid in self.answers)
        error, result = self.answers.pop(msgid)
        if error is not None:
            assert result is None, "an error comes with a nil result"
            raise Refusal(error)
        return result

    def ask(self, method: str, **params: Any) -> Any:
        """One call and its result, or Refusal."""
        return self.answer(self.send(method, params))

    def hello(self, **params: Any) -> Json:
        greeting: Json = self.ask("hello", **{"client": "rpc", "api": [1, 0], **params})
        return greeting

    def refused(self, method: str, **params: Any) -> Json:
        """The error of a call that must be refused."""
        try:
            result = self.ask(method, **params)
        except Refusal as refusal:
            told: Json = refusal.told
            return told
        raise AssertionError(f"{method} was not refused: {result}")

    def event(self, wanted: Callable[[Json], bool]) -> Json:
        """The first event, of those that came and those that come, that is wanted."""
        seen = 0
        while True:
            for event in self.events[seen:]:
                if wanted(event):
                    return event
            seen = len(self.events)
            self._read_until_more(seen)

    def _read_until_more(self, count: int) -> None:
        self._read_until(lambda: len(self.events) > count)

    def ended(self) -> bool:
        """Reads until the other end closes (True); TimeoutError when it does not."""
        try:
            while self._read():
                pass
        except ConnectionResetError:
            return True
        return True

    def _read_until(self, done: Callable[[], bool]) -> None:
        while not done():
            if not self._read():
                raise EOFError("the connection was closed")

    def _read(self) -> bool:
        data = self.socket.recv(READ_BYTES)
        self._reader.feed(data)
        for message in self._reader.values():
            self._hear(message)
        return bool(data)

    def _hear(self, message: Any) -> None:
        assert isinstance(message, list), message
        if message[0] == 2:
            assert message[1] == "event", message
            (event,) = message[2]
            self.events.append(event)
            return
        kind, msgid, error, result = message
        assert kind == 1, message
        self.answers[msgid] = (error, result)
        self.order.append(msgid)


def _connected(path: Path) -> socket.socket:
    """A socket's path may be longer than an address holds: it is named by its folder then."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(PATIENCE_S)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        client.connect(f"/proc/self/fd/{folder}/{path.name}")
    except OSError:
        client.close()
        raise
    finally:
        os.close(folder)
    return client
