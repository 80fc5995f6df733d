"""What a printer says of itself, in words for people and codes for tills."""

import asyncio
import threading
from typing import Any

import pytest

from tilld_core.ledger import Ledger
from tilld_daemon import printer_watch
from tilld_daemon.health import Health
from tilld_daemon.printer_watch import PrinterWatch
from tilld_daemon.printing import Printing
from tilld_daemon.settings import Device
from tilld_hal.errors import Gone
from tilld_hal.printer import PrinterStatus

WELL = PrinterStatus("yes", "yes", "yes", "no", "no")


class Watched:
    def __init__(self, answers=True):
        self.changes = 0
        self.health = Health(lambda: 0, self._changed)
        self.watch = PrinterWatch(self.health, answers)

    def _changed(self):
        self.changes += 1

    def codes(self):
        return [found["code"] for found in self.health.degraded()]


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (WELL, []),
        (PrinterStatus("yes", "yes", "yes", "yes", "no"), ["paper_low"]),
        (PrinterStatus("no", "no", "yes", "yes", "no"), ["paper_out"]),
        (PrinterStatus("no", "yes", "no", "no", "no"), ["cover_open"]),
        (PrinterStatus("no", "yes", "no", "yes", "no"), ["cover_open", "paper_low"]),
        (PrinterStatus("no", "no", "no", "yes", "no"), ["cover_open", "paper_out"]),
        (PrinterStatus("no", "yes", "yes", "no", "yes"), ["printer_error"]),
        (PrinterStatus("no", "yes", "yes", "no", "no"), ["printer_offline"]),
        (PrinterStatus("no", "yes", "yes", "yes", "no"), ["paper_low", "printer_offline"]),
        (PrinterStatus("yes"), []),
        (PrinterStatus(), ["printer_silent"]),
    ],
)
def test_the_cause_is_told_and_not_its_consequence(status, codes):
    watched = Watched()
    watched.watch.seen(status)
    assert watched.codes() == codes
    assert {found["message"] for found in watched.health.degraded()} == {
        printer_watch.SENTENCES[code] for code in codes
    }


def test_what_was_said_before_is_forgotten_with_the_next_look():
    watched = Watched()
    watched.watch.seen(PrinterStatus("no", "no", "yes", "yes", "no"))
    watched.watch.lost("it was unplugged")
    assert watched.codes() == ["printer"]
    assert "it was unplugged" in watched.health.degraded()[0]["message"]
    assert watched.watch.is_there == "no"
    watched.watch.seen(WELL)
    assert watched.codes() == []
    assert watched.watch.is_there == "yes"


def test_what_has_not_changed_is_announced_once():
    watched = Watched()
    for _ in range(3):
        watched.watch.seen(PrinterStatus("yes", "yes", "yes", "yes", "no"))
    assert watched.changes == 1


def test_a_printer_that_is_not_to_be_asked_is_not_called_silent():
    watched = Watched(answers=False)
    watched.watch.seen(PrinterStatus())
    assert watched.codes() == []


def test_a_printer_that_is_gone_is_looked_for_again():
    async def watch():
        watched = Watched()
        looks = 0
        found = asyncio.Event()

        async def look():
            nonlocal looks
            looks += 1
            if looks == 1:
                watched.watch.lost("gone")
                raise Gone("gone")
            watched.watch.seen(WELL)
            found.set()

        task = asyncio.create_task(watched.watch.run(look))
        await asyncio.wait_for(found.wait(), 20)
        task.cancel()
        return watched.codes()

    assert asyncio.run(watch()) == []


def test_a_question_that_stays_open_ends_what_the_printer_said_before():
    may_end = threading.Event()

    async def story():
        watched = Watched()
        watched.watch.seen(PrinterStatus("no", "no", "yes", "yes", "no"))
        nothing_is_printed: Any = None
        printing = Printing(
            Device("dummy", {}),
            Ledger(),
            nothing_is_printed,
            nothing_is_printed,
            watched.watch,
            status_waits_max_s=0.05,
        )
        held = asyncio.ensure_future(printing._thread.do(lambda printer: may_end.wait(20)))
        assert set((await printing.status()).values()) == {"unknown"}
        assert watched.codes() == ["printer_silent"]
        assert watched.watch.is_there == "unknown"
        may_end.set()
        await held
        looking = printing._looking
        assert looking is not None
        await looking
        assert watched.codes() == []

    asyncio.run(story())


def test_trouble_that_a_job_has_seen_brings_the_next_look_nearer():
    async def watch():
        watched = Watched()
        looked: asyncio.Queue[bool] = asyncio.Queue()

        async def look():
            watched.watch.seen(WELL)
            looked.put_nowait(True)

        task = asyncio.create_task(watched.watch.run(look))
        await asyncio.wait_for(looked.get(), 5)
        watched.watch.seen(PrinterStatus("no", "no", "yes", "yes", "no"))
        assert watched.codes() == ["paper_out"]
        await asyncio.wait_for(looked.get(), printer_watch.ASK_EVERY_S - 5)
        task.cancel()
        return watched.codes()

    assert asyncio.run(watch()) == []
