"""What tills are told unasked: the last 1,024 events, and what to say after a gap.

Events announce what is durable already (till_socket.md §5); a till that misses one loses
nothing, it asks.
"""

from __future__ import annotations

import asyncio
import marshal
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from tilld_core import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    Event = dict[str, Any]
    # what has to be read first comes as a future, and is asked for again when that is done
    OpenObjects = Callable[[], Iterable[asyncio.Future[Any] | tuple[str, Event]]]


class Hearer(Protocol):
    """A connection, as far as events go; when it was full and is no more, ``go_on`` is called."""

    @property
    def is_open(self) -> bool: ...
    @property
    def is_full(self) -> bool: ...
    def tell(self, event: Event) -> None: ...
    def __hash__(self) -> int: ...


class Events:
    """``epoch`` names this life of the daemon, ``seq`` counts its events from 1."""

    def __init__(self, epoch: int, now: Callable[[], str]) -> None:
        self.epoch = epoch
        self.seq = 0
        self._now = now
        # as bytes, a tenth of what the maps would take: few are ever asked for again
        self._kept: deque[bytes] = deque(maxlen=limits.EVENTS_KEPT_MAX)
        self._shapes: dict[str, list[dict[str, tuple[str, ...]]]] = {}
        self._subscribers: dict[Hashable, Subscriber] = {}

    def announce(self, name: str, carried: Event) -> None:
        """Numbers the event, keeps it and sends it to those who asked for its topic."""
        self.seq += 1
        event = self.event(name, carried, self.seq)
        self._kept.append(self._packed(event))
        for subscriber in self._subscribers.values():
            subscriber.hear(event)

    def subscribe(
        self,
        connection: Hearer,
        since: dict[str, int] | None,
        topics: list[str] | None,
        open_objects: OpenObjects,
    ) -> Callable[[], None]:
        """A call that begins the subscription; it is made once the answer is on its way."""
        begins = since or {"epoch": self.epoch, "seq": self.seq}

        def begin() -> None:
            if connection.is_open:
                fresh = Subscriber(self, connection, tuple(topics or ()), open_objects)
                self._subscribers[connection] = fresh
                fresh.begin(begins)

        return begin

    def go_on(self, connection: Hearer) -> None:
        """The connection takes events again."""
        subscriber = self._subscribers.get(connection)
        if subscriber is not None:
            subscriber.go_on()

    def forget(self, connection: Hearer) -> None:
        self._subscribers.pop(connection, None)

    def reads(self, connection: Hearer, subscriber: Subscriber) -> bool:
        """Whether that is still the connection's subscription: a later one takes its place."""
        return self._subscribers.get(connection) is subscriber

    def missed(self, epoch: int, seq: int) -> list[Event] | None:
        """What came after that event; None when that can't be told."""
        oldest = self.seq - len(self._kept) + 1
        if epoch != self.epoch or not oldest - 1 <= seq <= self.seq:
            return None
        after = len(self._kept) - (self.seq - seq)
        return [self._unpacked(event) for event in islice(self._kept, after, None)]

    def _packed(self, event: Event) -> bytes:
        """Without the names of its keys, which its kind has in common."""
        shape = {name: tuple(told) for name, told in event.items() if isinstance(told, dict)}
        kinds = self._shapes.setdefault(event["event"], [])
        if shape not in kinds:
            kinds.append(shape)
        values = {n: list(told.values()) if n in shape else told for n, told in event.items()}
        return marshal.dumps((kinds.index(shape), values))

    def _unpacked(self, packed: bytes) -> Event:
        number, values = marshal.loads(packed)
        shape = self._shapes[values["event"]][number]
        return {
            name: dict(zip(shape[name], told, strict=True)) if name in shape else told
            for name, told in values.items()
        }

    def event(self, name: str, carried: Event, seq: int) -> Event:
        return {"epoch": self.epoch, "seq": seq, "event": name, "at": self._now(), **carried}


class Subscriber:
    """One connection's place in the stream: it hears events as they come, or catches up.

    Catching up goes at the reader's pace, so that a snapshot of any size reaches a slow one.
    """

    def __init__(
        self,
        events: Events,
        connection: Hearer,
        topics: tuple[str, ...],
        open_objects: OpenObjects,
    ) -> None:
        self._events = events
        self._connection = connection
        self._topics = topics
        self._open_objects = open_objects
        self._seq = 0
        self._reading: asyncio.Future[Any] | None = None
        self._behind: Iterator[asyncio.Future[Any] | Event] | None = None

    def begin(self, since: dict[str, int]) -> None:
        self._seq = since["seq"]
        self._behind = self._after(self._events.missed(since["epoch"], self._seq))
        self.go_on()

    def hear(self, event: Event) -> None:
        """A new event; one who reads too slowly loses it and gets one gap later."""
        if self._behind is not None:
            return  # it will come in its turn
        if self._connection.is_full:
            self._behind = self._after(None)
            return
        self._seq = event["seq"]
        self._send(event)

    def go_on(self) -> None:
        if self._reading is not None and not self._reading.done():
            return
        while self._behind is not None and not self._connection.is_full:
            event = next(self._behind, None)
            if isinstance(event, asyncio.Future):
                self._reading = event
                event.add_done_callback(lambda _: self._read())
                return
            if event is not None:
                self._send(event)
                continue
            missed = self._events.missed(self._events.epoch, self._seq)
            self._behind = None if missed == [] else self._after(missed)

    def _read(self) -> None:
        if self._events.reads(self._connection, self):
            self.go_on()

    def _after(self, missed: list[Event] | None) -> Iterator[asyncio.Future[Any] | Event]:
        """The missed events, or one gap and a changed for everything that is open."""
        if missed is None:
            seq = self._seq = self._events.seq
            yield self._events.event("gap", {}, seq)
            for one in self._open_objects():
                if isinstance(one, asyncio.Future):
                    yield one
                else:
                    name, carried = one
                    yield self._events.event(name, carried, seq)
        for event in missed or ():
            self._seq = event["seq"]
            yield event

    def _send(self, event: Event) -> None:
        if not self._topics or event["event"] in (*self._topics, "gap"):
            self._connection.tell(event)
