"""The flusher on a real loop: its own timer, news that only hastens, and no lane before another."""

import asyncio

import pytest

from tilld_core import cancel_queue
from tilld_core.limits import Timing
from tilld_core.payment import Payment
from tilld_daemon.flusher import Flusher
from tilld_daemon.upstream import CANCELS_AT_ONCE
from tilld_hal.drivers import clock_dummy

PATIENCE_S = 10


class Debts:
    """What is owed, a clock that stands, and a note of every attempt."""

    def __init__(self, count=1):
        self.clock = clock_dummy.open_device(monotonic_ms=1000)
        self.tried = []
        self.news = asyncio.Event()
        self.things = [
            Payment(f"P{number}", f"key-{number}", "o", "EUR", 1, 1) for number in range(count)
        ]
        for thing in self.things:
            cancel_queue.owe(thing.lane, 1000, True, Timing(), lambda n: 0)
        self.flusher = Flusher(
            lambda: [*self.things],
            self.attempt,
            self.clock.monotonic_ms,
            lambda: self.clock.wall_ms() // 1000,
        )

    def attempt(self, thing):
        self.tried.append(thing.payment)
        self.news.set()

    def answer_is_unknown(self, thing):
        """The try has brought nothing: the next one is due in 5 s of the dummy's time."""
        cancel_queue.sent(thing.lane)
        cancel_queue.owe(thing.lane, self.clock.monotonic_ms(), True, Timing(), lambda n: 0)
        self.flusher.wake()

    async def next_try(self):
        await asyncio.wait_for(self.news.wait(), PATIENCE_S)
        self.news.clear()

    async def settle(self):
        """All that is due at this moment has been taken when this returns."""
        looked = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: loop.call_soon(looked.set))
        await looked.wait()


def test_a_new_debt_is_tried_at_once_and_a_burst_of_wakes_is_one():
    async def run():
        debts = Debts()
        for _ in range(5):
            debts.flusher.wake()
        await debts.next_try()
        debts.flusher.wake()
        await debts.settle()
        assert debts.tried == ["P0"]  # it is under way

    asyncio.run(run())


def test_its_own_timer_brings_the_next_try():
    async def run():
        debts = Debts()
        (owed,) = debts.things
        debts.flusher.wake()
        await debts.next_try()
        debts.answer_is_unknown(owed)
        owed.lane.next_ms = debts.clock.monotonic_ms() + 20
        await debts.settle()
        assert debts.tried == ["P0"]
        debts.clock.pass_ms(20)  # the loop's own 20 ms go by in earnest
        await debts.next_try()
        assert debts.tried == ["P0", "P0"]

    asyncio.run(run())


def test_what_is_not_due_is_left_alone_and_a_flush_makes_it_due():
    async def run():
        debts = Debts()
        (owed,) = debts.things
        debts.flusher.wake()
        await debts.next_try()
        debts.answer_is_unknown(owed)
        await debts.settle()
        assert debts.tried == ["P0"]
        assert debts.flusher.flush() == 1
        await debts.next_try()
        assert debts.tried == ["P0", "P0"]

    asyncio.run(run())


def test_a_flush_does_not_try_twice_what_is_under_way():
    async def run():
        debts = Debts()
        debts.flusher.wake()
        await debts.next_try()
        assert debts.flusher.flush() == 1
        await debts.settle()
        assert debts.tried == ["P0"]

    asyncio.run(run())


def test_only_so_many_are_tried_at_once_the_earliest_window_first():
    async def run():
        debts = Debts(CANCELS_AT_ONCE + 2)
        for number, owed in enumerate(reversed(debts.things)):
            owed.lane.window_closes_s = 10_000 + number
        debts.flusher.wake()
        await debts.settle()
        by_window = [owed.payment for owed in reversed(debts.things)]
        assert debts.tried == by_window[:CANCELS_AT_ONCE]
        first = next(owed for owed in debts.things if owed.payment == by_window[0])
        debts.things.remove(first)  # it is closed: there is room for one more
        debts.flusher.wake()
        await debts.settle()
        assert debts.tried == by_window[: CANCELS_AT_ONCE + 1]

    asyncio.run(run())


def test_one_that_hangs_delays_no_other():
    async def run():
        debts = Debts(3)
        debts.flusher.wake()
        await debts.settle()
        assert debts.tried == ["P0", "P1", "P2"]
        debts.answer_is_unknown(debts.things[1])  # P0 hangs for ever
        debts.clock.pass_ms(5000)
        debts.flusher.wake()
        await debts.settle()
        assert debts.tried == ["P0", "P1", "P2", "P1"]

    asyncio.run(run())


@pytest.mark.parametrize("mark_s", cancel_queue.HASTEN_AT_S)
def test_a_wall_clock_that_comes_near_the_windows_end_hastens(mark_s):
    async def run():
        debts = Debts()
        (owed,) = debts.things
        debts.flusher.wake()
        await debts.next_try()
        debts.answer_is_unknown(owed)
        now_s = debts.clock.wall_ms() // 1000
        owed.lane.window_closes_s = now_s + mark_s + 5
        debts.flusher.wake()
        await debts.settle()
        assert debts.tried == ["P0"]
        debts.clock.step_rtc(6000)  # nothing but the wall moves
        debts.flusher.wake()
        await debts.settle()
        assert debts.tried == ["P0", "P0"]

    asyncio.run(run())


def test_a_wall_clock_that_jumps_back_delays_nothing():
    """I19."""

    async def run():
        debts = Debts()
        debts.clock.step_rtc(-10 * 365 * 86400 * 1000)
        debts.flusher.wake()
        await debts.next_try()
        debts.answer_is_unknown(debts.things[0])
        debts.clock.pass_ms(5000)
        debts.flusher.wake()
        await debts.next_try()
        assert debts.tried == ["P0", "P0"]

    asyncio.run(run())


def test_nothing_is_left_running_while_nothing_is_owed():
    async def run():
        debts = Debts(0)
        debts.flusher.wake()
        await debts.settle()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert others == set()
        assert debts.flusher.flush() == 0
        assert debts.tried == []

    asyncio.run(run())
