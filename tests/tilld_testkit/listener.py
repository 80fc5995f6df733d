"""A till that only listens: every event of the terminal, in the order announced."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any

import msgpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Json = dict[str, Any]

PATIENCE_S = 30.0


class Listener:
    """One subscribed connection; ``heard`` holds what came so far."""

    def __init__(self, path: Path) -> None:
        self.heard: list[Json] = []
        self._unpacker = msgpack.Unpacker()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(path))
        self._send(1, "hello", {"client": "listener", "api": [1, 0]})
        self._send(2, "events.subscribe", {})
        self._answered = 0
        self._read_while(lambda: self._answered < 2)

    def close(self) -> None:
        self._socket.close()

    def until(self, wanted: Callable[[Json], bool]) -> Json:
        """The first event, heard already or yet to come, that is wanted."""
        looked_at = 0
        while True:
            for event in self.heard[looked_at:]:
                if wanted(event):
                    return event
            looked_at = len(self.heard)
            self._read_beyond(looked_at)

    def history(self, request_id: str) -> list[Json]:
        """Every view of that payment, oldest first."""
        views = [event["payment"] for event in self.heard if event["event"] == "payment.changed"]
        return [view for view in views if view["payment"] == request_id]

    def until_settled(self, request_id: str) -> list[Json]:
        """The payment's history, once nothing is owed."""
        self.until(
            lambda event: (
                event["event"] == "payment.changed"
                and event["payment"]["payment"] == request_id
                and event["payment"]["decided"]
                and event["payment"]["settled"]
            )
        )
        return self.history(request_id)

    def states(self, request_id: str) -> list[str]:
        """The states that payment went through."""
        return [view["state"] for view in self.history(request_id)]

    def attentions(self, request_id: str) -> int:
        """How often a person was called for that payment."""
        return sum(
            event["event"] == "attention" and event.get("payment") == request_id
            for event in self.heard
        )

    def _send(self, number: int, method: str, params: Json) -> None:
        self._socket.sendall(msgpack.packb([0, number, method, [params]]))

    def _read_beyond(self, count: int) -> None:
        self._read_while(lambda: len(self.heard) == count)

    def _read_while(self, unsatisfied: Callable[[], bool]) -> None:
        ends_s = time.monotonic() + PATIENCE_S
        while unsatisfied():
            self._socket.settimeout(max(0.001, ends_s - time.monotonic()))
            received = self._socket.recv(65536)
            if not received:
                raise EOFError("the terminal closed the connection")
            self._unpacker.feed(received)
            for message in self._unpacker:
                if message[0] == 2:
                    self.heard.append(message[2][0])
                else:
                    assert message[2] is None, message
                    self._answered += 1


@contextlib.contextmanager
def listening(path: Path) -> Iterator[Listener]:
    listener = Listener(path)
    try:
        yield listener
    finally:
        listener.close()
