"""The one thread that touches flash, so that a slow card never stops the sockets."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


STUCK_AFTER_S = 10.0  # a flash that takes longer for one call is broken, or nearly


class StorageThread:
    """Runs calls one after the other, in the order asked; awaits each without blocking.

    ``stuck(True)`` is called when one has not come back for so long, ``stuck(False)`` when it has:
    a flush that never returns raises nothing that anybody could hear.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        name: str = "storage",
        stuck: Callable[[bool], None] = lambda is_stuck: None,
        stuck_after_s: float = STUCK_AFTER_S,
    ) -> None:
        self._loop = loop
        self._stuck = stuck
        self._stuck_after_s = stuck_after_s
        self._is_stuck = False
        self._under_way = 0
        self._timer: asyncio.TimerHandle | None = None
        self._calls: queue.SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """A future of what ``work()`` returns or raises, in the storage thread."""
        done: asyncio.Future[Result] = self._loop.create_future()
        self._under_way += 1
        self._watch()
        self._calls.put((done, work))
        return done

    def close(self, timeout_s: float) -> None:
        """Ends after what was asked before."""
        self._calls.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (asked := self._calls.get()) is not None:
            done, work = asked
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - whoever awaits it decides
                self._loop.call_soon_threadsafe(self._back, _fail, done, error)
            else:
                self._loop.call_soon_threadsafe(self._back, _succeed, done, result)

    def _watch(self) -> None:
        """One call is timed at a time: the one that the thread is at."""
        if self._timer is None and self._under_way:
            self._timer = self._loop.call_later(self._stuck_after_s, self._late)

    def _late(self) -> None:
        self._is_stuck = True
        self._stuck(True)

    def _back(
        self, settle: Callable[[asyncio.Future[Any], Any], None], done: Any, result: Any
    ) -> None:
        self._under_way -= 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_stuck:
            self._is_stuck = False
            self._stuck(False)
        self._watch()
        settle(done, result)


def _succeed(done: asyncio.Future[Any], result: object) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[Any], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)
