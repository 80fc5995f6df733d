"""A printer's promises, whatever line it hangs on: serial, USB, network, or none at all."""

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tilld_hal import catalogue
from tilld_hal.errors import Gone
from tilld_hal.escpos_printer import EscposPrinter
from tilld_hal.printer import DONE, FAILED, UNKNOWN, Fate, PrinterStatus
from tilld_testkit.network_printer import NetworkPrinter
from tilld_testkit.paper import Paper, PrinterOnLine
from tilld_testkit.serial_line import SerialDevice

WELL = PrinterStatus("yes", "yes", "yes", "no", "no")
RECEIPT: list[dict[str, Any]] = [
    {"type": "text", "text": "first line"},
    {"type": "text", "text": "12,50 €", "bold": True},
    {"type": "text", "text": "last line"},
    {"type": "cut"},
]
_NOISE_BYTES = 256
LINES = ["first line", "12,50 €", "last line"]


class OnLine:
    """A printer at a pseudo-terminal: that of a serial port, or in the place of /dev/usb/lp0."""

    def __init__(self, folder: pathlib.Path, driver: str) -> None:
        self.paper = Paper()
        self._driver = driver
        self._device = SerialDevice(folder / "printer")
        self._end = PrinterOnLine(self._device, self.paper)

    def settings(self) -> dict[str, Any]:
        speed = {"baudrate": 115200} if self._driver == "linux-serial" else {}
        return {"port": self._device.port, **speed}

    def unplug(self) -> None:
        self._end.close()
        self._device.unplug()

    def replug(self) -> None:
        """Another one of its kind, behind the same name."""
        self._device.replug()
        self.paper = Paper()
        self._end = PrinterOnLine(self._device, self.paper)

    close = unplug


class OnNetwork:
    def __init__(self) -> None:
        self._end = NetworkPrinter(Paper())

    @property
    def paper(self) -> Paper:
        return self._end.paper

    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self._end.port, "connect_ms": 500}

    def unplug(self) -> None:
        self._end.switch_off()

    def replug(self) -> None:
        self._end.paper = Paper()
        self._end.switch_on()

    close = unplug


class Bench:
    def __init__(self, driver: str, folder: pathlib.Path) -> None:
        self.driver = driver
        self.end = OnNetwork() if driver == "linux-network" else OnLine(folder, driver)
        self._opened: list[EscposPrinter] = []

    def printer(self, **settings: Any) -> EscposPrinter:
        given = {**self.end.settings(), **settings}
        printer: EscposPrinter = catalogue.open_driver("printer", self.driver, given)
        self._opened.append(printer)
        return printer

    def close(self) -> None:
        for printer in self._opened:
            printer.close()
        self.end.close()


@pytest.fixture(params=["linux-serial", "linux-usb", "linux-network"])
def bench(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Bench]:
    bench = Bench(request.param, tmp_path)
    yield bench
    bench.close()


def test_a_receipt_is_done_when_the_printer_has_said_so(bench: Bench) -> None:
    printer = bench.printer()
    for _ in range(2):
        assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
    assert bench.end.paper.lines == LINES * 2
    assert bench.end.paper.unknown == []


def test_the_status_is_what_the_printer_says_now(bench: Bench) -> None:
    printer = bench.printer(answer_ms=500)
    paper = bench.end.paper
    assert printer.status() == WELL
    paper.paper_low = True
    assert printer.status() == PrinterStatus("yes", "yes", "yes", "yes", "no")
    paper.paper_out = True
    assert printer.status() == PrinterStatus("no", "no", "yes", "yes", "no")
    paper.paper_low = paper.paper_out = False
    paper.cover_open = True
    assert printer.status() == PrinterStatus("no", "yes", "no", "no", "no")
    paper.cover_open = False
    paper.swallow = True
    assert printer.status() == PrinterStatus()
    paper.swallow = False
    assert printer.status() == WELL


@pytest.mark.parametrize(("fault", "word"), [("paper_out", "paper"), ("cover_open", "cover")])
def test_a_job_that_can_not_begin_has_failed_without_a_byte(
    bench: Bench, fault: str, word: str
) -> None:
    printer = bench.printer()
    setattr(bench.end.paper, fault, True)
    fate = printer.send(printer.render(RECEIPT))
    assert (fate.state, fate.began) == (FAILED, False)
    assert word in fate.reason
    setattr(bench.end.paper, fault, False)
    assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
    assert bench.end.paper.lines == LINES


def test_paper_that_runs_out_within_a_job_fails_it_and_the_rest_never_comes(bench: Bench) -> None:
    printer = bench.printer(answer_ms=400)
    bench.end.paper.paper_out_after_lines = 1
    assert printer.send(printer.render(RECEIPT)) == Fate(FAILED, "the paper ran out")
    bench.end.paper.paper_out, bench.end.paper.paper_out_after_lines = False, None
    bench.end.paper.go_on()
    assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
    assert bench.end.paper.lines == [*LINES[:1], *LINES]


def test_a_printer_that_swallows_is_never_believed(bench: Bench) -> None:
    printer = bench.printer(answer_ms=50)
    bench.end.paper.swallow = True
    assert printer.send(printer.render(RECEIPT)).state == UNKNOWN
    assert bench.end.paper.lines == []


def test_a_printer_that_is_not_asked_prints_and_nobody_knows(bench: Bench) -> None:
    printer = bench.printer(status=False)
    assert printer.status() == PrinterStatus()
    assert printer.send(printer.render(RECEIPT)) == Fate(UNKNOWN, "the printer does not report")


def test_a_printer_that_is_gone_takes_no_job_and_another_one_does(bench: Bench) -> None:
    printer = bench.printer()
    assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
    bench.end.unplug()
    with pytest.raises(Gone):
        printer.send(printer.render(RECEIPT))
    printer.close()
    bench.end.replug()
    again = bench.printer()
    assert again.send(again.render(RECEIPT)) == Fate(DONE)
    assert bench.end.paper.lines == LINES


class Nonsense(Paper):
    """Prints nothing, and answers all that it gets with noise that looks like answers."""

    def __init__(self, noise: bytes) -> None:
        super().__init__()
        self._noise = noise

    def feed(self, data: bytes) -> bytes:
        return (self._noise * len(data))[:_NOISE_BYTES]  # no more than a line holds unread


@pytest.mark.parametrize(
    "noise", [b"\x00", b"\x12\x12", b"\x12\x00\x7f", b"\xff", bytes(range(256))]
)
def test_rubbish_is_no_status_and_confirms_nothing(bench: Bench, noise: bytes) -> None:
    printer = bench.printer(answer_ms=50, job_timeout_s=1)
    end: Any = bench.end._end
    end.paper = Nonsense(noise)
    assert printer.status() == PrinterStatus()
    assert printer.send(printer.render(RECEIPT)).state == UNKNOWN


def test_closing_twice_is_closing(bench: Bench) -> None:
    printer = bench.printer()
    assert printer.status() == WELL
    for _ in range(2):
        printer.close()
