"""What leaves memory for the archive and comes back: nothing is lost, doubled or guessed at."""

import asyncio
import contextlib
import os
import sqlite3

import msgpack
import pytest

from tilld_core import families
from tilld_core import payment as payments
from tilld_core import refund as refunds
from tilld_core.journal import PAGE
from tilld_core.ledger import Job, Ledger, entry_of
from tilld_core.messages import CallError
from tilld_core.payment import Payment
from tilld_core.periods import Period
from tilld_core.refund import Refund
from tilld_daemon.journal import Journal
from tilld_daemon.past import BATCH, HOT, Past
from tilld_daemon.storage_thread import StorageThread
from tilld_daemon.store import Store
from tilld_hal.drivers import storage_dummy

NOW_S = 1795390000
SIZE = 4 << 20
SMALL = 2 * 3 * PAGE  # holds less than a batch
NEEDS = 3000  # of room, for one payment
ENOUGH = HOT + BATCH
PATIENCE_S = 20


def a_payment(number, state=payments.PAID):
    made = Payment(f"P{number}", f"key-{number}", f"o-{number}", "EUR", 1250, NOW_S + number)
    made.state = state
    made.antom_payment_id = f"A{number}"
    made.decided_at_s = NOW_S + number + 5
    made.reason = "" if state == payments.PAID else "declined"
    made.revision = 3
    return made


def a_refund(number, of):
    made = Refund(f"R{number}", f"refund-key-{number}", of, "A1", "EUR", 300, NOW_S, "cold")
    made.state, made.decided_at_s, made.period = refunds.REFUNDED, NOW_S + 9, 1
    return made


class Terminal:
    """A ledger with its journal on the dummy storage and its archive in a folder."""

    def __init__(self, device, folder, again_after_s=3600.0):
        self.device = device
        self.folder = str(folder)
        self.store = Store(device, unpack=msgpack.unpackb)
        self.ledger = Ledger()
        for entry in self.store.recover().records:
            self.ledger.replay(entry)
        self.degraded: list[str] = []
        self.has_recovered = asyncio.Event()
        self.rooms: list[bool] = []
        self.lost: list[str] = []
        self.under_way: list[asyncio.Task[None]] = []
        self.busy: set[str] = set()
        self.thread = StorageThread(asyncio.get_running_loop())
        self.journal = Journal(
            self.store,
            self.thread,
            self.ledger.snapshot,
            lambda fault: None,
            self.room,
            None,
            lambda entries: families.said_again(self.ledger, entries),
        )
        self.past = Past(
            self.folder,
            self.ledger,
            self.journal,
            lambda thing: families.id_of(thing) not in self.busy,
            lambda: NOW_S,
            os.urandom,
            self.hear_degraded,
            self.lost.append,
            lambda work: self.under_way.append(asyncio.create_task(work)),
            again_after_s,
        )

    def room(self, found):
        self.rooms.append(found)
        if not found:
            self.past.leave_soon()

    def hear_degraded(self, why):
        self.degraded.append(why)
        if not why:
            self.has_recovered.set()

    async def open(self):
        """Opened, and what may leave has left when this returns."""
        await self.past.open()
        await asyncio.gather(*self.under_way)

    async def sell(self, count, first=0):
        for number in range(first, first + count):
            one = a_payment(number)
            self.ledger.add_payment(one)
            self.ledger.moved(one)
            entries = [entry_of("intent", one), entry_of("paid", one), entry_of("heard", one)]
            await self.journal.note(entries, one.payment)

    async def leave(self):
        """What may leave has left when this returns."""
        self.past.leave_soon()
        await asyncio.gather(*self.under_way)

    async def page(self, before=1 << 40, size=100, **asked):
        return [one.payment for one in await self.past.payments(asked, before, size)]

    def close(self):
        self.past.close(timeout_s=10)
        self.thread.close(timeout_s=10)


@contextlib.asynccontextmanager
async def terminal(folder, device=None, **how):
    it = Terminal(device or storage_dummy.open_device(SIZE), folder, **how)
    try:
        yield it
    finally:
        await asyncio.gather(*it.under_way)
        it.close()


def run(story, *given):
    asyncio.run(story(*given))


def test_the_oldest_leave_and_come_back_by_every_name_they_have(tmp_path):
    async def story():
        async with terminal(tmp_path) as it:
            await it.sell(ENOUGH)
            await it.leave()
            assert len(it.ledger.payments) == HOT
            assert "P0" not in it.ledger.payments
            for number, name in enumerate(("P0", "key-1", "A2")):
                await it.past.recall([name])
                assert it.ledger.payments[f"P{number}"].revision == 3
            await it.past.recall([], "o-3")
            assert it.ledger.order_is("o-3") == (None, it.ledger.payments["P3"])
            assert it.ledger.find_payment("A2") is it.ledger.keys["key-2"]

    run(story)


def test_too_few_for_a_batch_stay(tmp_path):
    async def story():
        async with terminal(tmp_path) as it:
            await it.sell(ENOUGH - 1)
            await it.leave()
            assert len(it.ledger.payments) == ENOUGH - 1
            assert os.listdir(tmp_path) == []

    run(story)


def test_what_is_open_unheard_held_or_under_way_stays(tmp_path):
    async def story():
        async with terminal(tmp_path) as it:
            await it.sell(ENOUGH + 6)
            it.ledger.payments["P0"].state = payments.CANCEL_QUEUED
            it.ledger.payments["P1"].heard = False
            it.busy.add("P2")
            open_refund = a_refund(1, "P3")
            open_refund.state = refunds.QUEUED
            it.ledger.add_refund(open_refund)
            waiting = Job("J1", "job-key-1", "P4", "of=receipt", NOW_S)
            it.ledger.add_job(waiting)
            with it.past.held(["o-5"]):
                await it.leave()
            kept = sorted(it.ledger.payments, key=lambda name: int(name[1:]))
            assert kept[:6] == ["P0", "P1", "P2", "P3", "P4", "P5"]
            assert "P6" not in it.ledger.payments

    run(story)


def test_a_family_comes_back_whole_with_its_refunds_and_receipts(tmp_path):
    async def story():
        async with terminal(tmp_path) as it:
            await it.sell(ENOUGH)
            it.ledger.add_refund(a_refund(1, "P0"))
            printed = Job("J1", "job-key-1", "R1", "of=receipt", NOW_S)
            printed.state, printed.began = "done", True
            it.ledger.add_job(printed)
            it.ledger.count_receipt(printed)
            await it.leave()
            assert it.ledger.refunds == {}
            assert it.ledger.jobs == {}
            await it.past.recall(["job-key-1"])
            paid = it.ledger.payments["P0"]
            assert it.ledger.refunded_minor(paid) == 300
            assert it.ledger.refunds["R1"].receipts_printed == 1
            assert it.ledger.keys["refund-key-1"] is it.ledger.refunds["R1"]

    run(story)


def test_a_recalled_payment_is_said_again_before_anything_new_is_said_of_it(tmp_path):
    """No replay meets a record without its payment, and no half of a payment is undecided."""

    async def story():
        async with terminal(tmp_path) as it:
            await it.sell(ENOUGH)
            await it.leave()
            await it.journal.write_anew()
            await it.past.recall(["P0"])
            late = a_refund(1, "P0")
            it.ledger.add_refund(late)
            await it.journal.note([entry_of("refund requested", late)])
            again = Ledger()
            for entry in Store(it.device.after_cut("none")).recover().records:
                again.replay(entry)
            assert again.payments["P0"].state == payments.PAID
            assert [one.refund for one in again.refunds_of(again.payments["P0"])] == ["R1"]
            before = it.store.counts.bytes
            await it.journal.note([entry_of("refund refunded", late)])
            assert it.store.counts.bytes - before < 1024  # once is enough

    run(story)


def test_lists_and_sums_are_of_what_is_not_in_memory(tmp_path):
    async def story():
        async with terminal(tmp_path) as it:
            await it.sell(ENOUGH)
            it.ledger.payments["P1"].state = payments.FAILED
            it.ledger.payments["P1"].reason = "declined"
            await it.leave()
            assert await it.page(size=2) == [f"P{BATCH - 1}", f"P{BATCH - 2}"]
            assert await it.page(order_ref="o-7") == ["P7"]
            assert await it.page(period=2) == []
            assert await it.past.number_of("P7") == 8
            await it.past.recall(["P7"])
            assert await it.page(order_ref="o-7") == []
            sums = await it.past.sums(1)
            assert sums["started"] == [
                ("failed", "declined", "EUR", 1, 1250),
                ("paid", "", "EUR", BATCH - 2, 1250 * (BATCH - 2)),
            ]
            assert (await it.past.sums(2))["started"] == []

    run(story)


def test_a_closed_period_leaves_when_newer_ones_are_closed(tmp_path):
    async def story():
        async with terminal(tmp_path) as it:
            for number in range(1, 5):
                it.ledger.add_period(
                    Period(number, f"close-key-{number}", NOW_S, NOW_S, {"not_paid": [number]})
                )
            await it.sell(ENOUGH)
            await it.leave()
            assert sorted(it.ledger.periods) == [3, 4]
            await it.past.recall(["close-key-1"])
            assert it.ledger.periods[1].figures == {"not_paid": [1]}
            assert it.ledger.period == 5

    run(story)


def test_the_next_life_knows_what_left_and_what_stayed(tmp_path):
    device = storage_dummy.open_device(SIZE)

    async def story():
        async with terminal(tmp_path, device) as it:
            await it.sell(ENOUGH)
            await it.leave()
            await it.journal.write_anew()
        async with terminal(tmp_path, device.after_restart()) as it:
            assert len(it.ledger.payments) == HOT
            await it.past.recall(["key-0"])
            assert it.ledger.payments["P0"].state == payments.PAID
            await it.sell(1, first=500)
            assert it.ledger.payments["P500"].number > ENOUGH

    run(story)


# Faults.


def emptied(folder):
    os.unlink(os.path.join(folder, "archive"))


def flipped(folder):
    for name in ("archive-wal", "archive"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path, "r+b") as file:
                data = bytearray(file.read())
                at = data.find(b"intent", len(data) // 3)
                if at < 0:
                    continue
                data[at + 20] ^= 1
                file.seek(0)
                file.write(data)
                return


def cut_short(folder):
    path = os.path.join(folder, "archive")
    os.truncate(path, os.path.getsize(path) // 2)


def older(folder):
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "archive"))) as file:
        file.execute("UPDATE about SET batches = 0")
        file.commit()


@pytest.mark.parametrize("harm", [emptied, flipped, cut_short, older])
def test_a_harmed_archive_is_found_out_and_nothing_is_taken_for_absent(tmp_path, harm):
    """I20: an old key that can't be looked up must not begin a second payment."""
    device = storage_dummy.open_device(SIZE)

    async def story():
        async with terminal(tmp_path, device) as it:
            await it.sell(ENOUGH)
            await it.leave()
            await it.journal.write_anew()
        harm(tmp_path)
        async with terminal(tmp_path, device.after_restart()) as it:
            await it.past.open()
            with pytest.raises(CallError) as refused:
                await it.past.recall([f"key-{number}" for number in range(BATCH)])
            assert refused.value.code == "storage"
            assert len(it.lost) == 1
            await it.leave()
            assert len(it.ledger.payments) == HOT

    run(story)


def test_a_person_accepts_a_loss_by_putting_the_archive_aside(tmp_path):
    device = storage_dummy.open_device(SIZE)

    async def story():
        async with terminal(tmp_path, device) as it:
            await it.sell(ENOUGH)
            await it.leave()
        os.rename(tmp_path / "archive", tmp_path / "archive.lost")
        async with terminal(tmp_path, device.after_restart()) as it:
            await it.past.recall(["key-nobody-has"])
            await it.sell(ENOUGH, first=1000)
            await it.leave()
            assert it.lost == []
        os.unlink(tmp_path / "archive")
        async with terminal(tmp_path, it.device.after_restart()) as it:
            with pytest.raises(CallError):
                await it.past.recall(["key-nobody-has"])

    run(story)


def test_an_archive_that_takes_nothing_keeps_all_in_memory_and_says_so(tmp_path):
    async def story():
        folder = tmp_path / "no such folder"
        async with terminal(folder) as it:
            await it.sell(ENOUGH)
            await it.leave()
            assert len(it.ledger.payments) == ENOUGH
            assert len(it.degraded) == 1
            folder.mkdir()
            await it.leave()
            assert len(it.ledger.payments) == HOT
            assert it.degraded[-1] == ""

    run(story)


def test_an_archive_that_took_nothing_is_tried_again_though_nothing_settles(tmp_path):
    async def story():
        folder = tmp_path / "no such folder"
        async with terminal(folder, again_after_s=0.01) as it:
            await it.sell(ENOUGH)
            await it.leave()
            assert it.degraded[-1] != ""
            folder.mkdir()
            await asyncio.wait_for(it.has_recovered.wait(), PATIENCE_S)
            await asyncio.gather(*it.under_way)
            assert len(it.ledger.payments) < ENOUGH

    run(story)


def test_an_archive_that_took_nothing_is_tried_with_few_as_well(tmp_path):
    async def story():
        folder = tmp_path / "no such folder"
        async with terminal(folder, again_after_s=0.01) as it:
            await it.sell(ENOUGH)
            await it.leave()
            it.busy.update(f"P{number}" for number in range(ENOUGH - 1))
            folder.mkdir()
            await asyncio.wait_for(it.has_recovered.wait(), PATIENCE_S)

    run(story)


def test_the_next_life_puts_away_what_the_last_one_could_not(tmp_path):
    device = storage_dummy.open_device(SIZE)

    async def story():
        async with terminal(tmp_path / "no such folder", device) as it:
            await it.sell(ENOUGH)
            await it.leave()
        async with terminal(tmp_path, device.after_restart()) as it:
            await it.open()
            assert len(it.ledger.payments) == HOT

    run(story)


def test_a_refused_start_makes_room_where_an_archive_takes_things(tmp_path):
    """However few there are: a journal may be full of less than a batch."""
    device = storage_dummy.open_device(SMALL)

    async def story():
        folder = tmp_path / "no such folder"
        async with terminal(folder, device) as it:
            await it.open()
            sold = 0
            while await it.journal.reserve(f"P{sold}", NEEDS):
                await it.sell(1, first=sold)
                it.journal.release(f"P{sold}")
                sold += 1
            await asyncio.gather(*it.under_way)
            assert sold < BATCH
            assert it.degraded[-1] != ""
            folder.mkdir()
            assert not await it.journal.reserve("P1000", NEEDS)
            await asyncio.gather(*it.under_way)
            assert (it.degraded[-1], it.rooms[-1], it.ledger.payments) == ("", True, {})
            assert await it.journal.reserve("P1000", NEEDS)

    run(story)


def test_a_journal_without_a_byte_of_room_can_name_its_archive(tmp_path):
    device = storage_dummy.open_device(SMALL)

    async def story():
        async with terminal(tmp_path, device) as it:
            await it.open()
            await it.sell(10)
            assert await it.journal.reserve("all that is left", it.store.room_bytes)
            assert not await it.journal.reserve("P1000", NEEDS)
            await asyncio.gather(*it.under_way)
            assert (it.journal.fault, it.degraded) == (None, [""])
            assert it.ledger.payments == {}
        again = Ledger()
        for entry in Store(device.after_cut("none")).recover().records:
            again.replay(entry)
        assert again.archive == it.ledger.archive != ""

    run(story)


def test_without_room_for_its_name_an_archive_waits_and_the_journal_lives(tmp_path):
    async def story():
        async with terminal(tmp_path) as it:
            await it.sell(ENOUGH)
            assert await it.journal.reserve("all that is left", it.store.room_bytes)
            await it.leave()
            assert it.journal.fault is None
            assert len(it.ledger.payments) == ENOUGH
            it.journal.release("all that is left")
            await it.leave()
            assert len(it.ledger.payments) <= HOT
            assert it.degraded[-1] == ""

    run(story)


def test_many_who_ask_at_once_open_it_once(tmp_path):
    device = storage_dummy.open_device(SIZE)

    async def story():
        async with terminal(tmp_path, device) as it:
            await it.sell(ENOUGH)
            await it.leave()
            await it.journal.write_anew()
        async with terminal(tmp_path, device.after_restart()) as it:
            await asyncio.gather(it.past.open(), *(it.past.recall([f"key-{n}"]) for n in range(9)))
            assert [f"P{n}" in it.ledger.payments for n in range(9)] == [True] * 9
            assert (it.lost, it.degraded) == ([], [])

    run(story)
