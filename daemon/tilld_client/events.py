"""What the terminal tells by itself, without a hole that nobody sees (till_socket.md §5)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tilld_client.errors import CallError, Lost

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_client.link import Link

    Event = dict[str, Any]
    Position = dict[str, int]

PING_EVERY_S = 20.0  # a connection on which nothing happens is asked whether it lives
PING = "device.info"  # `device.health` and `hello` would make the terminal look at its way upstream
AGAIN_S = 0.5


class Place:
    """How far the stream was read: ``position`` is the `since` that misses nothing.

    After a `gap` comes a `changed` for everything that matters, each with the gap's own seq. Until
    all of them are read, which only a later event shows, the position stays before the gap: one
    that was cut off in between is told all of it again.
    """

    def __init__(self, position: Position | None) -> None:
        self.position = position
        self._gap: Position | None = None

    def begin(self, now: Position) -> None:
        """``now`` is the answer to the subscription."""
        self.position = self.position or {"epoch": now["epoch"], "seq": now["seq"]}
        self._gap = None

    def heard(self, event: Event) -> None:
        at = {"epoch": event["epoch"], "seq": event["seq"]}
        if event["event"] == "gap":
            self._gap = at
        elif at != self._gap:
            self._gap = None
            self.position = at


class Events:
    """An iterator of events that outlives connections and the terminal's restarts.

    Each is the map as it came: ``event`` says what, `payment.changed` carries a ``payment``, and
    so on. A `gap` means that events are missing; what matters comes again behind it, so a till
    that shows the newest of each payment needs to do nothing. ``position`` may be stored, and
    given as ``since`` after the till's own restart.

    Raises Lost when the terminal stays away.
    """

    def __init__(
        self,
        connected: Callable[[], Link],
        patience_s: float,
        since: Position | None = None,
        topics: list[str] | None = None,
        held_up: Callable[[Exception], object] = lambda _: None,
    ) -> None:
        self._connected = connected
        self._patience_s = patience_s
        self._place = Place(since)
        self._topics = topics
        self._held_up = held_up
        self._link: Link | None = None

    @property
    def position(self) -> Position | None:
        """`since` for another time; nil before the first event was waited for."""
        return self._place.position

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> Event:
        ends_s = time.monotonic() + self._patience_s
        while True:
            try:
                event = self._next()
            except (OSError, CallError) as error:
                self.close()
                if isinstance(error, CallError) and error.kind != "busy":
                    raise
                if time.monotonic() >= ends_s:
                    raise Lost(f"the terminal does not answer: {error}") from error
                self._held_up(error)
                time.sleep(AGAIN_S)
            else:
                self._place.heard(event)
                return event

    def close(self) -> None:
        """Ends the connection; iterating again goes on where it was."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _next(self) -> Event:
        while True:
            if self._link is None:
                self._link = self._connected()
                self._place.begin(self._link.ask("events.subscribe", self._asked()))
            try:
                return self._link.event(PING_EVERY_S)
            except TimeoutError:
                self._link.ask(PING, {})  # silent, or dead?

    def _asked(self) -> dict[str, Any]:
        return {"since": self._place.position, "topics": self._topics}
