"""The one thread that touches flash, so that a slow card never stops the sockets."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


class StorageThread:
    """Runs calls one after the other, in the order asked; awaits each without blocking."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: queue.SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._run, name="storage", daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """A future of what ``work()`` returns or raises, in the storage thread."""
        done: asyncio.Future[Result] = self._loop.create_future()
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
                self._loop.call_soon_threadsafe(_fail, done, error)
            else:
                self._loop.call_soon_threadsafe(_succeed, done, result)


def _succeed(done: asyncio.Future[Any], result: object) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[Any], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)
