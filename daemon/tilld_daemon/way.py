"""Whether Antom can be reached: looked at until it can, at once when there is news, and when
somebody asks for what was seen too long ago.

A look is one new connection, and no byte of a request. It is asked before anything owed is sent
after an outage, so that a false alarm costs one connection and not a try of everything that is
owed; the connection is kept, so that the first cancel after it needs one round trip.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from tilld_daemon.health import Health

# A cable that was just plugged in brings its address, its neighbours and its route in the next
# seconds, each at its own time, and not every one of them says so.
QUICK_EVERY_S = 0.25
QUICK_FOR_S = 5.0
# An announcement comes from somebody who has his network, and anybody can send one: three steps.
ANNOUNCED_QUICK_FOR_S = 0.5
# While the way is closed: what nobody announces (the way behind the next router) is found so soon.
LOOK_EVERY_S = 1.0
# A long outage is often not ours alone; when it ends, everybody's looks arrive together.
LONG_AFTER_S = 60.0
LONG_EVERY_S = 2.0
# One look can hang as long as a request may, on a packet that was lost; the next does not wait.
LOOKS_AT_ONCE = 4
# Who asks how the way is gets what was seen so lately; older, it is looked at for him. Half of what
# goes stale (health.py), so that who asks again and again is not told "unknown" in between.
SEEN_LATELY_S = 30.0


class Way:
    """``connect()`` makes a new connection: "" or what was in its way, in words. ``has_hung_up()``
    says whether the other end has closed one since. ``flush()`` is called when what is owed can
    leave."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[str]],
        has_hung_up: Callable[[], bool],
        health: Health,
        flush: Callable[[], object],
        start_soon: Callable[[Coroutine[Any, Any, Any]], None],
    ) -> None:
        self._connect = connect
        self._has_hung_up = has_hung_up
        self._health = health
        self._flush = flush
        self._start_soon = start_soon
        self._timer: asyncio.Handle | None = None
        self._under_way = 0
        self._asked: asyncio.Future[None] | None = None
        self._opened = 0
        self._news = False
        self._quick_until_s = 0.0
        self._closed_since_s = 0.0

    def observed(self, obstacle: str) -> None:
        """What a call upstream has shown of the way: "" or what stood in it. Closed: it is looked
        at until it opens; open again: whatever is owed leaves now."""
        was_closed = self._health.way_is_closed
        if obstacle and not was_closed:
            self._closed_since_s = _now_s()
        self._health.way(obstacle)
        if obstacle:
            self._look_later()
        else:
            self._opened += 1
            if was_closed or self._news:
                self._news = False
                self._flush()

    def asked(self, seen_within_s: float = SEEN_LATELY_S) -> asyncio.Future[None] | None:
        """Somebody wants to know how the way is. None: it was seen within this time. Otherwise one
        look at it begins, whoever else asks meanwhile; the future is done when it has ended."""
        if self._asked is None:
            hung_up = self._has_hung_up()
            if hung_up:
                self._health.doubt_way()
            elif self._health.way_looked_at_since(int(seen_within_s * 1000)):
                return None
            self._asked = asyncio.get_running_loop().create_future()
            self._under_way += 1
            self._start_soon(self._look_for(self._asked))
        return self._asked

    async def _look_for(self, asked: asyncio.Future[None]) -> None:
        try:
            await self._look()
        finally:
            self._asked = None
            asked.set_result(None)

    def news(self, quick_for_s: float = QUICK_FOR_S) -> None:
        """Something happened after which the way may be open: it is looked at now, in quick steps
        for a while, and everything owed leaves when it is. A burst of news is one."""
        self._quick_until_s = max(self._quick_until_s, _now_s() + quick_for_s)
        self._news = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_soon(self._look_again)

    def _look_later(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._pause_s(), self._look_again)

    def _pause_s(self) -> float:
        now_s = _now_s()
        if now_s < self._quick_until_s:
            return QUICK_EVERY_S
        return LONG_EVERY_S if now_s > self._closed_since_s + LONG_AFTER_S else LOOK_EVERY_S

    def _look_again(self) -> None:
        self._timer = None
        if not (self._health.way_is_closed or self._news):
            return
        if self._under_way < LOOKS_AT_ONCE:
            self._under_way += 1
            self._start_soon(self._look())
        self._look_later()

    async def _look(self) -> None:
        opened = self._opened
        try:
            obstacle = await self._connect()
        finally:
            self._under_way -= 1
        if obstacle and self._opened != opened:
            return  # it began before the way was open, and says nothing of now
        self.observed(obstacle)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
