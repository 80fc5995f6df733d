"""The network printer: deadlines for every step, and a fate that claims no more than is known."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tilld_hal import catalogue
from tilld_hal.errors import Gone, Refused
from tilld_hal.escpos_printer import EscposPrinter
from tilld_hal.printer import DONE, FAILED, UNKNOWN, Fate, PrinterStatus
from tilld_testkit.descriptors import exhausted
from tilld_testkit.network_printer import NetworkPrinter
from tilld_testkit.paper import Paper

RECEIPT: list[dict[str, Any]] = [{"type": "text", "text": "a receipt"}, {"type": "cut"}]
LONG: list[dict[str, Any]] = [{"type": "text", "text": "x" * 4096}] * 15


class Bench:
    def __init__(self) -> None:
        self.end = NetworkPrinter(Paper())

    def printer(self, **settings: Any) -> EscposPrinter:
        quick = {"connect_ms": 300, "answer_ms": 500, "job_timeout_s": 1}
        given = {"host": "127.0.0.1", "port": self.end.port, **quick, **settings}
        printer: EscposPrinter = catalogue.open_driver("printer", "linux-network", given)
        return printer


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.end.close()


def test_a_connection_lasts_as_long_as_a_job_so_that_other_tills_may_print(bench: Bench) -> None:
    first, second = bench.printer(), bench.printer()
    for printer in (first, second, first):
        assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
    assert bench.end.wait_for(lambda end: end.ended == 3)
    assert bench.end.connections == 3
    assert bench.end.paper.lines == ["a receipt"] * 3


def test_opening_calls_nobody(bench: Bench) -> None:
    bench.printer().close()
    assert bench.printer(host="127.0.0.1").columns == 42
    assert bench.end.connections == 0


def test_a_printer_that_is_off_is_gone_and_not_a_fate(bench: Bench) -> None:
    printer = bench.printer()
    bench.end.switch_off()
    with pytest.raises(Gone, match="takes no connection"):
        printer.send(printer.render(RECEIPT))
    with pytest.raises(Gone):
        printer.status()


def test_a_name_that_nobody_has_is_gone(bench: Bench) -> None:
    printer = bench.printer(host="printer.invalid")
    with pytest.raises(Gone, match="no such name"):
        printer.status()


def test_one_that_can_not_be_called_for_want_of_a_descriptor_is_refused_with_words(
    bench: Bench,
) -> None:
    printer = bench.printer()
    with exhausted(), pytest.raises(Refused, match="Too many open files"):
        printer.status()
    assert printer.send(printer.render(RECEIPT)) == Fate(DONE)


def test_a_printer_that_accepts_nothing_any_more_is_gone_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting: list[socket.socket] = []
        for _ in range(3):  # what the backlog holds, and more
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
            waiting.append(caller)
        settings = {"host": "127.0.0.1", "port": full.getsockname()[1], "connect_ms": 200}
        printer = catalogue.open_driver("printer", "linux-network", settings)
        with pytest.raises(Gone, match="does not answer"):
            printer.status()
        for caller in waiting:
            caller.close()


def test_of_a_printer_that_never_reads_nothing_is_known(bench: Bench) -> None:
    printer = bench.printer()
    bench.end.deaf = True
    assert printer.status() == PrinterStatus()
    assert printer.send(printer.render(RECEIPT)).state == UNKNOWN


def test_a_job_that_a_deaf_printer_has_not_taken_never_comes_out_later(bench: Bench) -> None:
    printer = bench.printer(status=False)
    bench.end.deaf = True
    assert printer.send(printer.render(LONG)) == Fate(UNKNOWN, "the printer stopped taking data")
    bench.end.switch_off()
    bench.end.deaf = False
    bench.end.switch_on()
    asking = bench.printer()
    assert asking.send(asking.render(RECEIPT)) == Fate(DONE)
    assert bench.end.paper.lines == ["a receipt"]


HANG_UPS = ["hangs_up_after", "resets_after"]


@pytest.mark.parametrize("how", HANG_UPS)
def test_one_that_hangs_up_before_it_was_asked_anything_takes_no_job(
    bench: Bench, how: str
) -> None:
    printer = bench.printer()
    setattr(bench.end, how, 0)
    with pytest.raises(Gone):
        printer.send(printer.render(RECEIPT))
    assert bench.end.paper.lines == []


@pytest.mark.parametrize("how", HANG_UPS)
@pytest.mark.parametrize("after", [12, 20, 40])
def test_one_that_hangs_up_within_a_job_makes_its_fate_unknown(
    bench: Bench, how: str, after: int
) -> None:
    printer = bench.printer()
    data = printer.render(RECEIPT)
    assert len(data) > 40 - 12  # 12 bytes ask for the status, so each of these ends within the job
    setattr(bench.end, how, after)
    fate = printer.send(data)
    assert (fate.state, fate.began) == (UNKNOWN, True)
    assert "lost" in fate.reason
    setattr(bench.end, how, None)
    assert printer.send(data) == Fate(DONE)


def test_one_that_hangs_up_after_the_job_and_before_its_word_is_unknown(bench: Bench) -> None:
    class Mute(Paper):
        def feed(self, data: bytes) -> bytes:
            answers = super().feed(data)
            if self.cuts:
                bench.end.hangs_up_after = 0
            return answers[:0] if self.cuts else answers

    bench.end.paper = Mute()
    printer = bench.printer()
    assert printer.send(printer.render(RECEIPT)).state == UNKNOWN


def test_a_printer_that_serves_another_till_is_waited_for(bench: Bench) -> None:
    printer = bench.printer(answer_ms=2000)
    with socket.create_connection(("127.0.0.1", bench.end.port)) as other:
        assert bench.end.wait_for(lambda end: end.connections == 1)
        fates: list[Fate] = []
        job = in_thread(lambda: fates.append(printer.send(printer.render(RECEIPT))))
        other.sendall(b"hello\n")
        assert bench.end.wait_for(lambda end: end.paper.lines == ["hello"])
    job.join(20)
    assert fates == [Fate(DONE)]
    assert bench.end.paper.lines == ["hello", "a receipt"]


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_printer_that_babbles_confirms_nothing_and_holds_nobody(bench: Bench) -> None:
    bench.end.babbles = b"\x12\x00\x7f" * 300
    printer = bench.printer()
    assert printer.status() == PrinterStatus()
    assert printer.send(printer.render(RECEIPT)).state == UNKNOWN


def test_without_paper_the_job_has_failed_and_no_byte_of_it_was_sent(bench: Bench) -> None:
    printer = bench.printer()
    bench.end.paper.paper_out = True
    fate = printer.send(printer.render(RECEIPT))
    assert fate == Fate(FAILED, "the printer has no paper", began=False)
    assert bytes(bench.end.heard) == b"\x10\x04\x01\x10\x04\x02\x10\x04\x04\x10\x04\x03"


def test_no_descriptor_is_left_behind(bench: Bench) -> None:
    def descriptors() -> set[str]:
        return set(os.listdir("/proc/self/fd"))

    printer = bench.printer(status=False)
    printer.send(printer.render(RECEIPT))
    bench.end.switch_off()
    before = descriptors()
    for _ in range(3):
        with pytest.raises(Gone):
            printer.status()
    assert descriptors() == before
