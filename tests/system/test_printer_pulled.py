"""A printer that is pulled or stops at any byte of a job: the fate is true, the money untouched."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tilld_testkit.paper import Paper, PrinterOnLine
from tilld_testkit.shop import Terminal, new_key, open_shop, sell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tilld_client import Till
    from tilld_testkit.antomsim_process import Simulator

    Json = dict[str, Any]

PULLS = 40
STALLS = 3
PRINTER = "answer_ms = 200\njob_timeout_s = 2"


class Shop(NamedTuple):
    """``bytes_a_job`` is what the printer hears of one whole job, with the questions around it."""

    terminal: Terminal
    till: Till
    paid: Json
    bytes_a_job: int


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, _one_simulator: Simulator) -> Iterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("pulled")
    how: Json = {"scale": 0.05, "printer": True, "more": {"printer": PRINTER}}
    with open_shop(folder, _one_simulator, **how) as terminal, terminal.till() as till:
        fresh_printer(terminal)
        assert till.print_receipt(new_key(), sell(till, _one_simulator))["state"] == "done"
        assert terminal.printing is not None
        heard = len(terminal.printing.heard)
        yield Shop(terminal, till, sell(till, _one_simulator), heard)


def fresh_printer(terminal: Terminal, **how: int) -> Paper:
    """Another printer of its kind behind the same name."""
    terminal.unplug_printer()
    assert terminal.printer_line is not None
    terminal.printer_line.replug()
    terminal.paper = Paper()
    terminal.printing = PrinterOnLine(terminal.printer_line, terminal.paper, **how)
    return terminal.paper


def is_whole(paper: Paper) -> bool:
    return len(paper.cuts) == 1


def is_copy(paper: Paper) -> bool:
    return paper.lines[0].strip() == "COPY"


def obeys_the_rule(shop: Shop, simulator: Simulator, **fault: int) -> Json:
    """Prints to a printer with that fault, then to a good one; the first job."""
    till, terminal = shop.till, shop.terminal
    paid = sell(till, simulator)
    paper = fresh_printer(terminal, **fault)
    key = new_key()
    job = till.print_receipt(key, paid)
    assert job["state"] in ("done", "failed", "unknown")
    assert (job["reason"] is None) == (job["state"] == "done")
    if job["state"] == "done":
        assert is_whole(paper)
    if job["state"] == "failed":
        assert not is_whole(paper)
    assert till.get(paid["key"]) == paid

    good = fresh_printer(terminal)
    assert till.call("printer.status")["online"] == "yes"
    assert till.call("receipt.print", key=key, payment=paid["payment"]) == job
    assert good.lines == []  # nothing comes later by itself
    assert till.print_receipt(new_key(), paid)["state"] == "done"
    assert is_whole(good)
    if paper.lines:
        assert is_copy(good)
    return {**job, "next_is_copy": is_copy(good)}


def moments(count: int, end: int) -> list[int]:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return sorted(random.Random(seed).sample(range(1, end), count))


def test_a_printer_pulled_at_any_byte_of_a_job(shop: Shop, simulator: Simulator) -> None:
    states = {}
    for moment in moments(PULLS, shop.bytes_a_job):
        print(f"pulled at byte {moment} of {shop.bytes_a_job}")
        states[moment] = obeys_the_rule(shop, simulator, unplug_after_bytes=moment)["state"]
    assert "unknown" in states.values()
    assert shop.till.get(shop.paid["key"]) == shop.paid


def test_a_printer_pulled_before_a_jobs_first_byte_has_failed_it(
    shop: Shop, simulator: Simulator
) -> None:
    job = obeys_the_rule(shop, simulator, unplug_after_bytes=1)
    assert (job["state"], job["next_is_copy"]) == ("failed", False)


def test_a_printer_pulled_behind_the_last_byte_leaves_whole_paper_and_no_failure(
    shop: Shop, simulator: Simulator
) -> None:
    job = obeys_the_rule(shop, simulator, unplug_after_bytes=shop.bytes_a_job)
    assert job["state"] in ("done", "unknown")
    assert job["next_is_copy"]


def test_a_printer_that_stops_at_any_byte_of_a_job(shop: Shop, simulator: Simulator) -> None:
    for moment in moments(STALLS, shop.bytes_a_job):
        print(f"stops at byte {moment} of {shop.bytes_a_job}")
        obeys_the_rule(shop, simulator, stall_after_bytes=moment)
