"""Keeps owed cancels and refunds moving: its own timer, and whoever brings good news.

Which lane is next and when is cancel_queue's decision; a wake-up only makes it earlier
(the timer still runs), and a burst of wake-ups is one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tilld_core import cancel_queue
from tilld_daemon.upstream import CANCELS_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_core.cancel_queue import Lane
    from tilld_core.payment import Payment
    from tilld_core.refund import Refund

    Thing = Payment | Refund

# A wall clock that jumps past a mark of the cancel window is noticed so soon (I19: it may
# only hasten); nothing wakes while nothing is owed.
LOOK_AT_CLOCK_EVERY_S = 30.0


class Flusher:
    """``owed()`` lists what is owed; ``attempt(thing)`` gives it the event "try"."""

    def __init__(
        self,
        owed: Callable[[], list[Thing]],
        attempt: Callable[[Thing], None],
        now_ms: Callable[[], int],
        now_s: Callable[[], int],
    ) -> None:
        self._owed = owed
        self._attempt = attempt
        self._now_ms = now_ms
        self._now_s = now_s
        self._looked_s = now_s()
        self._timer: asyncio.TimerHandle | None = None
        self._soon = False

    def wake(self) -> None:
        """Looks at the lanes, once, when the events of this moment have been taken."""
        if not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._look)

    def flush(self) -> int:
        """Everything owed is tried now; returns how much that is."""
        owed = self._owed()
        for thing in owed:
            cancel_queue.hasten(thing.lane, self._now_ms())
        self.wake()
        return len(owed)

    def _look(self) -> None:
        self._soon = False
        if self._timer:
            self._timer.cancel()
            self._timer = None
        things = {id(thing.lane): thing for thing in self._owed()}
        lanes = [thing.lane for thing in things.values()]
        self._heed_windows(lanes)
        slots = CANCELS_AT_ONCE - sum(lane.under_way for lane in lanes)
        for lane in cancel_queue.due(lanes, self._now_ms(), slots):
            cancel_queue.take(lane)
            self._attempt(things[id(lane)])
        self._sleep(lanes)

    def _heed_windows(self, lanes: list[Lane]) -> None:
        wall_s = self._now_s()
        for lane in lanes:
            cancel_queue.hasten_for_window(lane, self._now_ms(), wall_s, self._looked_s)
        self._looked_s = wall_s

    def _sleep(self, lanes: list[Lane]) -> None:
        if not lanes:
            return
        next_ms = cancel_queue.next_ms(lanes)
        after_s = LOOK_AT_CLOCK_EVERY_S
        free = sum(lane.under_way for lane in lanes) < CANCELS_AT_ONCE
        if next_ms is not None and free:
            after_s = min(after_s, max(0, next_ms - self._now_ms()) / 1000)
        self._timer = asyncio.get_running_loop().call_later(after_s, self._look)
