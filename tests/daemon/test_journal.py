"""The journal as the event loop sees it: durable notes, reserved room, and a storage that fails."""

import asyncio
import contextlib

import msgpack
import pytest

from tilld_core.journal import PAGE
from tilld_daemon.journal import Journal
from tilld_daemon.storage_thread import StorageThread
from tilld_daemon.store import Store
from tilld_hal.drivers import storage_dummy
from tilld_hal.errors import StorageFault

SIZE = 2 * 9 * PAGE


class Opened:
    """A journal over the dummy storage; ``live`` is what a snapshot would keep."""

    def __init__(self, device):
        self.device = device
        self.store = Store(device, unpack=msgpack.unpackb)
        self.found = self.store.recover()
        self.live: list[list[str]] = []
        self.faults: list[StorageFault] = []
        self.thread = StorageThread(asyncio.get_running_loop())
        self.room: list[bool] = []
        self.journal = Journal(
            self.store,
            self.thread,
            lambda: self.live,
            self.faults.append,
            self.room.append,
            self.found.fault,
        )

    def after_dark(self):
        """The records that are there when the power was cut now."""
        store = Store(self.device.after_cut("none"), unpack=msgpack.unpackb)
        return store.recover().records

    def after_kill(self):
        store = Store(self.device.after_restart(), unpack=msgpack.unpackb)
        return store.recover().records


@contextlib.asynccontextmanager
async def opened(size=SIZE, **faults):
    it = Opened(storage_dummy.open_device(size, **faults))
    try:
        yield it
    finally:
        it.thread.close(timeout_s=10)


def test_a_note_is_durable_when_it_was_awaited_and_a_mark_survives_the_process():
    async def run():
        async with opened() as it:
            await it.journal.note([["a", 1]])
            assert it.after_dark() == [["a", 1]]
            await it.journal.mark([["b", 2]])
            assert it.after_dark() == [["a", 1]]
            assert it.after_kill() == [["a", 1], ["b", 2]]
            await it.journal.note([["c", 3]])
            assert it.after_dark() == [["a", 1], ["b", 2], ["c", 3]]

    asyncio.run(run())


def test_notes_keep_the_order_in_which_they_were_asked_for():
    async def run():
        async with opened() as it:
            await asyncio.gather(*(it.journal.note([[number]]) for number in range(20)))
            assert it.after_dark() == [[number] for number in range(20)]

    asyncio.run(run())


def test_reserved_room_is_kept_for_whom_it_was_reserved():
    """I22."""

    async def run():
        async with opened() as it:
            need = it.store.room_bytes
            assert await it.journal.reserve("P1", need)
            assert not await it.journal.reserve("P2", 1)
            await it.journal.note([["decision", "P1"]], "P1")
            assert it.after_dark() == [["decision", "P1"]]
            assert it.store.reserved_bytes < need

    asyncio.run(run())


def test_a_mark_uses_the_room_that_was_reserved_for_it():
    """I22: the first record of the last payment that found room is no storage fault."""

    async def run():
        async with opened() as it:
            need = it.store.room_bytes
            assert await it.journal.reserve("P1", need)
            await it.journal.mark([["start", "P1"]], "P1")
            assert (it.store.room_bytes, it.faults) == (0, [])
            await it.journal.note([["intent", "P1"]], "P1")
            assert it.after_dark() == [["start", "P1"], ["intent", "P1"]]
            it.journal.release("P1")
            await it.journal.note([["x"]])
            assert it.store.reserved_bytes == 0

    asyncio.run(run())


def test_a_mark_without_room_is_refused_and_the_journal_goes_on():
    async def run():
        async with opened() as it:
            assert await it.journal.reserve("P1", it.store.room_bytes)
            with pytest.raises(StorageFault):
                await it.journal.mark([["heard", "P0"]])
            assert (it.journal.fault, it.faults) == (None, [])
            await it.journal.note([["decision", "P1"]], "P1")
            assert it.after_dark() == [["decision", "P1"]]

    asyncio.run(run())


def test_that_there_is_no_room_is_told_and_that_there_is_again():
    async def run():
        async with opened() as it:
            assert await it.journal.reserve("P1", it.store.room_bytes)
            assert it.room == []
            assert not await it.journal.reserve("P2", PAGE)
            assert it.room == [False]
            it.journal.release("P1")
            await it.journal.note([["x"]])
            assert it.room == [False, True]

    asyncio.run(run())


def test_what_was_not_used_is_given_back():
    async def run():
        async with opened() as it:
            room = it.store.room_bytes
            assert await it.journal.reserve("P1", room)
            assert not await it.journal.reserve("P2", PAGE)
            it.journal.release("P1")
            assert await it.journal.reserve("P2", PAGE)
            it.journal.release("P2")
            it.journal.release("never reserved")
            await it.journal.note([["x"]])
            assert it.store.reserved_bytes == 0

    asyncio.run(run())


def test_a_full_journal_is_written_anew_before_somebody_is_refused():
    async def run():
        async with opened() as it:
            while it.store.room_bytes >= 6 * PAGE:
                await it.journal.note([["old", "x" * 500]])
            it.live = [["kept"]]
            assert await it.journal.reserve("P1", 6 * PAGE)
            assert it.after_dark() == [["kept"]]

    asyncio.run(run())


def test_a_fault_is_told_once_and_nothing_is_written_any_more():
    """I21."""

    async def run():
        async with opened(fail_at=5) as it:
            for turn in range(10):
                try:
                    await it.journal.note([[turn]])
                except StorageFault:
                    break
            else:
                raise AssertionError("the dummy did not fail")
            assert it.faults == [it.journal.fault]
            operations = it.device.operations
            for call in (it.journal.note([["more"]]), it.journal.mark([["more"]])):
                with pytest.raises(StorageFault):
                    await call
            with pytest.raises(StorageFault):
                await it.journal.reserve("P1", 100)
            assert it.device.operations == operations
            assert len(it.faults) == 1

    asyncio.run(run())


def test_a_storage_that_failed_before_the_start_takes_no_note_and_no_reservation():
    async def run():
        async with opened() as it:
            fault = StorageFault("read-only", "EROFS")
            broken = Journal(it.store, it.thread, list, it.faults.append, it.room.append, fault)
            with pytest.raises(StorageFault):
                await broken.note([["x"]])
            await broken.reserve_again("P1", 100)  # what is owed goes on without
            assert it.store.reserved_bytes == 0
            assert it.faults == []

    asyncio.run(run())
