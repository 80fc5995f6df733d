"""The thread that touches flash: in order, and heard of when it does not come back."""

import asyncio
import threading
from functools import partial
from typing import Any

from tilld_daemon.storage_thread import StorageThread

PATIENCE_S = 20


def test_calls_run_in_the_order_asked_and_give_their_results():
    async def story():
        thread = StorageThread(asyncio.get_running_loop())
        done: list[int] = []
        calls: list[Any] = [thread.call(partial(done.append, number)) for number in range(20)]
        calls.append(thread.call(done.copy))
        assert (await asyncio.gather(*calls))[-1] == list(range(20))
        thread.close(PATIENCE_S)

    asyncio.run(story())


def test_a_call_that_does_not_come_back_is_said_and_so_is_its_end():
    async def story():
        said: asyncio.Queue[bool] = asyncio.Queue()
        thread = StorageThread(
            asyncio.get_running_loop(), stuck=said.put_nowait, stuck_after_s=0.02
        )
        let_go = threading.Event()
        hanging = thread.call(lambda: let_go.wait(PATIENCE_S))
        behind = thread.call(lambda: "behind")
        assert await asyncio.wait_for(said.get(), PATIENCE_S) is True
        let_go.set()
        assert await asyncio.wait_for(said.get(), PATIENCE_S) is False
        assert await hanging is True
        assert await behind == "behind"
        assert said.empty()
        thread.close(PATIENCE_S)

    asyncio.run(story())
