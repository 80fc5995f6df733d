"""One connection that waits for one answer at a time."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from tilld_client.errors import refusal
from tilld_client.wire import READ_BYTES, Answer, Wire

if TYPE_CHECKING:
    import socket


class Link:
    """Over a connected socket. What it raises of OSError ends its use, a CallError does not."""

    def __init__(self, connected: socket.socket, answer_within_s: float) -> None:
        self._socket = connected
        self._answer_within_s = answer_within_s
        self._wire = Wire()
        self._events: deque[dict[str, Any]] = deque()
        self._answers: deque[Answer] = deque()

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The result. Raises CallError; OSError when the connection is lost or silent."""
        ends_s = time.monotonic() + self._answer_within_s + (params.get("timeout_s") or 0)
        msgid, data = self._wire.request(method, params)
        self._socket.settimeout(self._answer_within_s)
        self._socket.sendall(data)
        while True:
            while not self._answers:
                self._read(ends_s)
            answer = self._answers.popleft()
            if answer.msgid == msgid:
                if answer.error is not None:
                    raise refusal(answer.error)
                return answer.result

    def event(self, within_s: float) -> dict[str, Any]:
        """The next event; TimeoutError when none comes in time, another OSError for a loss."""
        ends_s = time.monotonic() + within_s
        while not self._events:
            self._read(ends_s)
        return self._events.popleft()

    def close(self) -> None:
        self._socket.close()

    def _read(self, ends_s: float) -> None:
        left_s = ends_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the terminal is silent")
        self._socket.settimeout(left_s)
        for told in self._wire.hear(self._socket.recv(READ_BYTES)):
            if isinstance(told, Answer):
                self._answers.append(told)
            else:
                self._events.append(told)
