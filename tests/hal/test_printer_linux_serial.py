"""The serial printer: every job has a fate, and the fate is what the paper shows."""

import pathlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tilld_hal import catalogue
from tilld_hal.errors import Busy, Gone
from tilld_hal.escpos_printer import EscposPrinter
from tilld_hal.printer import DONE, FAILED, UNKNOWN, Fate, PrinterStatus
from tilld_testkit.paper import Paper, PrinterOnLine
from tilld_testkit.serial_line import SerialDevice, babbling

ALL_WELL = PrinterStatus("yes", "yes", "yes", "no", "no")
MUTE = PrinterStatus()
RECEIPT: list[dict[str, Any]] = [
    {"type": "text", "text": "first line"},
    {"type": "text", "text": "12,50 €", "bold": True},
    {"type": "barcode", "data": "ABC123"},
    {"type": "text", "text": "last line"},
    {"type": "cut"},
]
LINES = ["first line", "12,50 €", "last line"]


class Bench:
    """A printer of ours and the simulated one that it talks to."""

    def __init__(self, device: SerialDevice) -> None:
        self.device = device
        self.paper = Paper()
        self._closing: list[Callable[[], None]] = []

    def printer(
        self,
        stall_after_bytes: int | None = None,
        unplug_after_bytes: int | None = None,
        **settings: Any,
    ) -> EscposPrinter:
        self.end = PrinterOnLine(self.device, self.paper, stall_after_bytes, unplug_after_bytes)
        settings = {"port": self.device.port, "baudrate": 115200, **settings}
        printer: EscposPrinter = catalogue.open_driver("printer", "linux-serial", settings)
        self._closing += [self.end.close, printer.close]
        return printer

    def close(self) -> None:
        for close in self._closing:
            close()
        self.device.close()


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Iterator[Bench]:
    bench = Bench(SerialDevice(tmp_path / "printer"))
    yield bench
    bench.close()


def test_a_receipt_is_done_when_the_printer_has_said_so(bench: Bench) -> None:
    printer = bench.printer()
    assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
    assert bench.paper.lines == LINES
    assert len(bench.paper.cuts) == 1
    assert [code.text for code in bench.paper.codes()] == ["ABC123"]
    assert bench.paper.unknown == []


def test_a_job_without_cut_is_confirmed_too(bench: Bench) -> None:
    printer = bench.printer()
    for _ in range(3):
        assert printer.send(printer.render(RECEIPT[:1])) == Fate(DONE)
    assert bench.paper.lines == LINES[:1] * 3


def test_the_status_is_asked_anew_each_time(bench: Bench) -> None:
    printer = bench.printer()
    assert printer.status() == ALL_WELL
    bench.paper.paper_out = True
    assert printer.status() == PrinterStatus("no", "no", "yes", "yes", "no")
    bench.paper.paper_out, bench.paper.cover_open = False, True
    assert printer.status() == PrinterStatus("no", "yes", "no", "no", "no")
    bench.paper.cover_open = False
    assert printer.status() == ALL_WELL
    bench.paper.swallow = True
    assert printer.status() == MUTE
    bench.paper.swallow = False
    assert printer.status() == ALL_WELL


def test_answers_nobody_asked_for_are_not_taken_for_new_ones(bench: Bench) -> None:
    printer = bench.printer()
    bench.device.send(b"\x1e\x16\x7e\x12")  # offline, cover open, paper end: of some time ago
    assert printer.status() == ALL_WELL


@pytest.mark.parametrize(("fault", "reason"), [("paper_out", "paper"), ("cover_open", "cover")])
def test_without_paper_or_with_an_open_cover_a_job_fails_and_never_prints(
    bench: Bench, fault: str, reason: str
) -> None:
    printer = bench.printer()
    setattr(bench.paper, fault, True)
    fate = printer.send(printer.render(RECEIPT))
    assert fate.state == FAILED
    assert reason in fate.reason
    setattr(bench.paper, fault, False)
    bench.paper.go_on()
    assert printer.send(printer.render(RECEIPT[:1])) == Fate(DONE)
    assert bench.paper.lines == LINES[:1]


def test_paper_that_runs_out_within_a_job_fails_it_and_the_rest_never_comes(bench: Bench) -> None:
    printer = bench.printer(answer_ms=500)
    bench.paper.paper_out_after_lines = 2
    assert printer.send(printer.render(RECEIPT)) == Fate(FAILED, "the paper ran out")
    bench.paper.paper_out, bench.paper.paper_out_after_lines = False, None
    bench.paper.go_on()
    assert printer.send(printer.render(RECEIPT[:1])) == Fate(DONE)
    assert bench.paper.lines == [*LINES[:2], LINES[0]]


def test_paper_out_is_unknown_when_the_printer_cannot_forget_the_rest(bench: Bench) -> None:
    printer = bench.printer(answer_ms=500)
    bench.paper.clears = False
    bench.paper.paper_out_after_lines = 2
    assert printer.send(printer.render(RECEIPT)).state == UNKNOWN


def test_a_printer_that_catches_up_is_believed_again(bench: Bench) -> None:
    printer = bench.printer(answer_ms=500, job_timeout_s=1)
    bench.paper.clears = False
    bench.paper.paper_out_after_lines = 2
    assert printer.send(printer.render(RECEIPT)).state == UNKNOWN
    bench.paper.paper_out, bench.paper.paper_out_after_lines = False, None
    assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
    assert bench.paper.lines == LINES * 2


class LateAnswers(Paper):
    """Prints nothing; answers three marks that it owed from before when the next job comes."""

    def feed(self, data: bytes) -> bytes:
        return b"\0\0\0" if b"first line" in data else b""


def test_late_answers_to_an_earlier_job_do_not_confirm_the_next(bench: Bench) -> None:
    printer = bench.printer(answer_ms=300, job_timeout_s=1)
    bench.paper.swallow = True
    assert printer.send(printer.render(RECEIPT)).state == UNKNOWN
    bench.end.paper = LateAnswers()
    assert printer.send(printer.render(RECEIPT)).state == UNKNOWN


def ended(call: Callable[[], object]) -> object:
    """What the call returns; a call that never returns fails the test and not the whole run."""
    results: list[object] = []
    calling = threading.Thread(target=lambda: results.append(call()), daemon=True)
    calling.start()
    calling.join(20)
    assert not calling.is_alive()
    return results[0]


def test_a_line_that_babbles_holds_neither_a_question_nor_a_job_for_ever(bench: Bench) -> None:
    printer = bench.printer(answer_ms=50, job_timeout_s=1)
    data = printer.render(RECEIPT)
    bench.paper.swallow = True
    assert printer.send(data).state == UNKNOWN  # the answers to its marks stay owed
    with babbling(bench.device):
        assert ended(printer.status) == MUTE
        fate = ended(lambda: printer.send(data))
    assert isinstance(fate, Fate)
    assert fate.state == UNKNOWN


def test_paper_that_ends_after_the_last_line_is_unknown(bench: Bench) -> None:
    printer = bench.printer(answer_ms=500)
    bench.paper.paper_out_after_lines = 3
    assert printer.send(printer.render(RECEIPT)).state == UNKNOWN
    assert bench.paper.lines == LINES


def test_a_document_that_only_cuts_is_confirmed(bench: Bench) -> None:
    printer = bench.printer()
    assert printer.send(printer.render([{"type": "cut"}])) == Fate(DONE)
    assert len(bench.paper.cuts) == 1


def test_a_mute_printer_prints_and_the_fate_is_unknown(bench: Bench) -> None:
    printer = bench.printer(answer_ms=50)
    bench.paper.answers_real_time = bench.paper.answers_marks = False
    assert printer.status() == MUTE
    assert printer.send(printer.render(RECEIPT)) == Fate(UNKNOWN, "the printer does not report")
    assert bench.end.wait_for(lambda paper: len(paper.cuts) == 1)
    assert bench.paper.lines == LINES


def test_a_printer_that_confirms_no_marks_is_never_believed_to_be_done(bench: Bench) -> None:
    printer = bench.printer(answer_ms=500, job_timeout_s=1)
    bench.paper.answers_marks = False
    for _ in range(2):
        assert printer.send(printer.render(RECEIPT)).state == UNKNOWN
    assert printer.status() == ALL_WELL


def test_a_printer_that_swallows_jobs_is_never_believed_to_be_done(bench: Bench) -> None:
    printer = bench.printer(answer_ms=50)
    bench.paper.swallow = True
    assert printer.send(printer.render(RECEIPT)).state == UNKNOWN
    assert bench.paper.lines == []


def test_a_printer_that_is_not_to_be_asked_is_not_asked(bench: Bench) -> None:
    printer = bench.printer(status=False)
    data = printer.render(RECEIPT)
    assert printer.status() == MUTE
    assert printer.send(data) == Fate(UNKNOWN, "the printer does not report")
    assert bench.end.wait_for(lambda paper: len(paper.cuts) == 1)
    assert bytes(bench.end.heard) == data


def test_a_printer_that_stops_taking_data_makes_the_fate_unknown(bench: Bench) -> None:
    printer = bench.printer(stall_after_bytes=2000, job_timeout_s=1, baudrate=921600)
    long: dict[str, Any] = {"type": "text", "text": "x" * 4096}
    fate = printer.send(printer.render([long] * 40))
    assert fate == Fate(UNKNOWN, "the printer stopped taking data")


def test_a_cable_pulled_within_a_job_makes_the_fate_unknown(bench: Bench) -> None:
    printer = bench.printer(unplug_after_bytes=40)
    fate = printer.send(printer.render(RECEIPT))
    assert fate.state == UNKNOWN
    assert "lost" in fate.reason
    with pytest.raises(Gone):
        printer.status()


def test_a_cable_pulled_before_a_job_is_gone_and_not_a_fate(bench: Bench) -> None:
    printer = bench.printer()
    data = printer.render(RECEIPT)
    bench.end.close()
    bench.device.unplug()
    with pytest.raises(Gone):
        printer.send(data)


def test_plugged_in_again_and_opened_again_it_prints(bench: Bench) -> None:
    printer = bench.printer()
    bench.end.close()
    bench.device.unplug()
    with pytest.raises(Gone):
        printer.status()
    printer.close()
    bench.device.replug()
    again = bench.printer()
    assert again.send(again.render(RECEIPT)) == Fate(DONE)


def test_a_printer_in_use_is_busy(bench: Bench) -> None:
    bench.printer()
    with pytest.raises(Busy):
        catalogue.open_driver("printer", "linux-serial", {"port": bench.device.port})


def test_a_long_job_over_a_narrow_line_is_whole(bench: Bench) -> None:
    printer = bench.printer()
    lines = [f"line {number}" for number in range(400)]
    document: list[dict[str, Any]] = [{"type": "text", "text": line} for line in lines]
    assert printer.send(printer.render(document)) == Fate(DONE)
    assert bench.paper.lines == lines


def test_rendering_touches_no_hardware_and_may_run_beside_a_job(bench: Bench) -> None:
    printer = bench.printer()
    rendered: list[bytes] = []
    beside = threading.Thread(target=lambda: rendered.append(printer.render(RECEIPT)))
    beside.start()
    assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
    beside.join(20)
    assert rendered == [printer.render(RECEIPT)]
