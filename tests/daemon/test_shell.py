"""The shell between two effects: what flash holds while a record is on its way."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgpack

from tilld_core import payment
from tilld_core.ledger import Ledger, entry_of
from tilld_core.limits import Timing
from tilld_core.payment import Payment
from tilld_core.room import payment_needs_bytes
from tilld_daemon.events import Events
from tilld_daemon.flusher import Flusher
from tilld_daemon.journal import Journal
from tilld_daemon.shell import Shell
from tilld_daemon.storage_thread import StorageThread
from tilld_daemon.store import Store
from tilld_daemon.views import Views
from tilld_hal.drivers import clock_dummy, storage_dummy

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTED_S = 1_795_372_200
SIZE = 1 << 20


class Terminal:
    """A shell with its journal on the dummy storage; ``kept`` are the snapshots that were taken."""

    def __init__(self) -> None:
        self.bugs: list[BaseException] = []
        self.kept: list[list[list[object]]] = []
        self.clock = clock_dummy.DummyClock(0, STARTED_S * 1000, 0)
        self.ledger = Ledger()
        self.store = Store(storage_dummy.open_device(SIZE), unpack=msgpack.unpackb)
        self.store.recover()
        self.thread = StorageThread(asyncio.get_running_loop())
        self.journal = Journal(
            self.store, self.thread, self._live, self.bugs.append, lambda found: None, None
        )
        views = Views(self.ledger, lambda at_s: 0)
        self.shell = Shell(
            self.ledger,
            views,
            self.journal,
            self.clock,
            Timing(),
            Events(1, lambda: "2026-11-22T19:30:00+00:00"),
            "7",
            False,
            0,
            lambda unsent: None,
            lambda: None,
            self.bugs.append,
        )
        self.shell.flusher = Flusher(
            lambda: [], lambda thing: None, self.shell.now_ms, self.shell.now_s
        )

    def _live(self) -> list[list[object]]:
        self.kept.append(self.ledger.snapshot())
        return self.kept[-1]

    async def open_payment(self, state: str) -> Payment:
        """A payment in this state, and the room for the rest of its way."""
        opened = Payment("P1", "key-0123456789abcdef", "A-1", "EUR", 500, STARTED_S)
        await self.journal.reserve(opened.payment, payment_needs_bytes(opened))
        opened.state = state
        self.ledger.add_payment(opened)
        self.ledger.moved(opened)
        return opened


@contextlib.contextmanager
def terminal() -> Iterator[Terminal]:
    it = Terminal()
    try:
        yield it
    finally:
        it.thread.close(timeout_s=10)
        assert it.bugs == []


def replayed(entries: list[list[object]]) -> Ledger:
    ledger = Ledger()
    for entry in entries:
        ledger.replay(entry)
    return ledger


def test_a_paid_that_is_kept_before_its_own_record_counts_as_unheard() -> None:
    async def run() -> None:
        with terminal() as it:
            approved = await it.open_payment(payment.APPROVED)
            first = asyncio.ensure_future(it.journal.note([["device", "d"]]))
            anew = asyncio.ensure_future(it.journal.write_anew())
            await asyncio.gather(first, anew, it.shell.acknowledge(approved))
            (kept,) = it.kept
            (unheard,) = replayed(kept).unheard()
            assert unheard.state == payment.PAID

    asyncio.run(run())


def test_late_evidence_has_room_for_the_whole_way_of_its_cancel() -> None:
    async def run() -> None:
        with terminal() as it:
            refused = await it.open_payment(payment.INQUIRING)
            await it.shell.happen(refused, "fail")
            await it.journal.note([["device", "d"]])  # behind it the room is given back
            before = it.store.room_bytes
            await it.shell.happen(refused, "success", {"antom_payment_id": "A1"})
            assert refused.state == payment.CANCELLING
            written = it.store.cost_bytes([entry_of("cancel", refused)])
            assert before - it.store.room_bytes >= payment_needs_bytes(refused) - written

    asyncio.run(run())
