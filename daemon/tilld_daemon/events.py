"""What tills are told unasked: the last 1,024 events, and what to say after a gap.

Events announce what is durable already (till_socket.md §5); a till that misses one loses
nothing, it asks.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from tilld_core import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tilld_daemon.till_socket import Connection


class Events:
    """``epoch`` names this life of the daemon, ``seq`` counts its events from 1."""

    def __init__(self, epoch: int, now: Callable[[], str]) -> None:
        self.epoch = epoch
        self.seq = 0
        self._now = now
        self._kept: deque[dict[str, Any]] = deque(maxlen=limits.EVENTS_KEPT_MAX)
        self._subscribers: list[Connection] = []

    def announce(self, name: str, carried: dict[str, Any]) -> None:
        """Numbers the event, keeps it and sends it to those who asked for its topic."""
        self.seq += 1
        event = self._event(name, carried)
        self._kept.append(event)
        for connection in self._subscribers:
            self._send(connection, event)

    def subscribe(
        self,
        connection: Connection,
        since: dict[str, int] | None,
        topics: list[str] | None,
        open_objects: Callable[[], Iterable[tuple[str, dict[str, Any]]]],
    ) -> Callable[[], None]:
        """A call that begins the subscription; it is made once the answer is on its way."""
        begins = since or {"epoch": self.epoch, "seq": self.seq}

        def begin() -> None:
            connection.subscribed = tuple(topics or ())
            if connection not in self._subscribers:
                self._subscribers.append(connection)
            missed = self._missed(begins)
            if missed is None:
                self.gap(connection, open_objects)
            for event in missed or ():
                self._send(connection, event)

        return begin

    def gap(
        self,
        connection: Connection,
        open_objects: Callable[[], Iterable[tuple[str, dict[str, Any]]]],
    ) -> None:
        """One gap, then a changed for everything that is open."""
        connection.tell(self._event("gap", {}))
        for name, carried in open_objects():
            self._send(connection, self._event(name, carried))

    def forget(self, connection: Connection) -> None:
        if connection in self._subscribers:
            self._subscribers.remove(connection)

    def _missed(self, since: dict[str, int]) -> list[dict[str, Any]] | None:
        """What came after ``since``; None when that can't be told."""
        oldest = self._kept[0]["seq"] if self._kept else self.seq + 1
        if since["epoch"] != self.epoch or not oldest - 1 <= since["seq"] <= self.seq:
            return None
        return [event for event in self._kept if event["seq"] > since["seq"]]

    def _event(self, name: str, carried: dict[str, Any]) -> dict[str, Any]:
        about = {"epoch": self.epoch, "seq": self.seq, "event": name, "at": self._now()}
        return {**about, **carried}

    def _send(self, connection: Connection, event: dict[str, Any]) -> None:
        topics = connection.subscribed
        if topics is not None and (not topics or event["event"] in topics):
            connection.tell(event)
