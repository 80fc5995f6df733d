"""MessagePack-RPC as bytes (till_socket.md §1): no socket, no clock. Both forms of the client
speak through it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgpack

API = [1, 0]
ANSWER_MAX_BYTES = 8 * 1024 * 1024
READ_BYTES = 65536


class Answer(NamedTuple):
    """``error`` or ``result`` of the request ``msgid``; the other is nil."""

    msgid: int
    error: dict[str, Any] | None
    result: Any


class Wire:
    """One connection's requests, and what comes back."""

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker(max_buffer_size=ANSWER_MAX_BYTES)
        self._msgid = 0

    def request(self, method: str, params: dict[str, Any]) -> tuple[int, bytes]:
        """A new request: its msgid and its bytes."""
        self._msgid += 1
        return self._msgid, msgpack.packb([0, self._msgid, method, [params]])

    def hear(self, data: bytes) -> list[Answer | dict[str, Any]]:
        """What is whole by now: answers, and events as the maps they are. Raises
        ConnectionError for anything else: such a connection is of no use any more."""
        if not data:
            raise ConnectionResetError("the terminal closed the connection")
        try:
            self._unpacker.feed(data)
            return [_told(message) for message in self._unpacker]
        except (ValueError, TypeError, IndexError, msgpack.UnpackException) as error:
            raise ConnectionError(f"the other end does not speak as a terminal: {error}") from error


def refuse_subscription(method: str) -> None:
    """Events on a connection that carries calls would be read by nobody, and fill it. Raises
    ValueError."""
    if method == "events.subscribe":
        raise ValueError("events have a connection of their own: use events()")


def hello(client: str) -> dict[str, Any]:
    """The parameters of a connection's first call."""
    return {"client": client, "api": API}


def _told(message: list[Any]) -> Answer | dict[str, Any]:
    if message[0] == 2:
        (event,) = message[2]
        return dict(event)
    kind, msgid, error, result = message
    if kind != 1:
        raise ValueError("neither an answer nor an event")
    return Answer(msgid, error, result)
