"""Printers on a real kernel: usblp at this end, a gadget with a printer's inside at the other."""

from __future__ import annotations

import contextlib
import functools
import os
import select
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tilld_hal import catalogue
from tilld_hal.errors import Busy, Gone, HalError, Refused
from tilld_hal.line_linux_usb import find
from tilld_hal.printer import DONE, FAILED, UNKNOWN, Fate, PrinterStatus
from tilld_testkit.paper import Paper, PrinterOnLine
from tilld_testkit.usb_gadget import Gadget, own_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tilld_hal.escpos_printer import EscposPrinter

WELL = PrinterStatus("yes", "yes", "yes", "no", "no")
RECEIPT: list[dict[str, Any]] = [
    {"type": "text", "text": "a receipt"},
    {"type": "text", "text": "12,50 €"},
    {"type": "cut"},
]
LINES = ["a receipt", "12,50 €"]
_NUMBERS = Path("/sys/class/usb_printer_gadget")


class _Far:
    """The printer's own end of the cable; what ``PrinterOnLine`` needs of a device."""

    def __init__(self, serial: str, port: int = 0) -> None:
        self.path = f"/dev/usb/lp{port}"
        self._gadget = Gadget("printer", "Receipt Printer", serial)
        self._ends = contextlib.ExitStack()
        self._fd = -1
        self.replug()

    def replug(self) -> None:
        self._gadget.plug(self.path)
        node = sorted(_NUMBERS.glob("g_printer*/dev"))[-1]
        major, _, minor = node.read_text().strip().partition(":")
        self._fd = self._ends.enter_context(own_node(int(major), int(minor)))

    def unplug(self) -> None:
        if self._fd >= 0:
            self._gadget.unplug(self.path)
            self._fd = -1
            self._ends.close()

    def remove(self) -> None:
        self.unplug()
        self._gadget.remove()

    def fileno(self) -> int:
        return self._fd

    def receive(self, timeout_s: float) -> bytes:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return os.read(self._fd, 4096) if poll.poll(timeout_s * 1000) else b""

    def send(self, data: bytes, timeout_s: float = 10) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        while data:
            if not poll.poll(timeout_s * 1000):
                raise TimeoutError(f"{len(data)} bytes were not fetched")
            data = data[os.write(self._fd, data) :]


@contextlib.contextmanager
def _printing(far: Any, **ends: int) -> Iterator[PrinterOnLine]:
    end = PrinterOnLine(far, Paper(), **ends)
    try:
        yield end
    finally:
        end.close()


@contextlib.contextmanager
def _opened(**settings: Any) -> Iterator[EscposPrinter]:
    printer: EscposPrinter = catalogue.open_driver("printer", "linux-usb", settings)
    try:
        yield printer
    finally:
        printer.close()


@contextlib.contextmanager
def _plugged_in(serial: str = "P1", port: int = 0) -> Iterator[_Far]:
    far = _Far(serial, port)
    try:
        yield far
    finally:
        far.remove()


def _error(kind: type[HalError], call: Callable[[], object]) -> str:
    """The reason of the error that the call must raise."""
    try:
        call()
    except kind as error:
        return error.reason
    raise AssertionError(f"no {kind.__name__}")


def a_printer_on_usb_prints_confirms_and_says_how_it_is() -> None:
    with _plugged_in() as far, _printing(far) as end, _opened() as printer:
        assert printer.status() == WELL
        for _ in range(3):
            assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
        assert end.paper.lines == LINES * 3
        end.paper.paper_low = True
        assert printer.status().paper_near_end == "yes"
        end.paper.paper_out = True
        fate = printer.send(printer.render(RECEIPT))
        assert (fate.state, fate.began) == (FAILED, False)
        end.paper.paper_out = False
        assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
        assert end.paper.unknown == []


def a_long_job_over_usb_is_whole() -> None:
    lines = [f"line {number}" for number in range(40)]
    with _plugged_in() as far, _printing(far) as end, _opened() as printer:
        document = [{"type": "text", "text": line} for line in lines]
        assert printer.send(printer.render(document)) == Fate(DONE)
        assert end.paper.lines == lines


def a_usb_printer_that_swallows_says_nothing_and_is_not_believed() -> None:
    with _plugged_in() as far, _printing(far) as end, _opened(answer_ms=100) as printer:
        end.paper.swallow = True
        assert printer.status() == PrinterStatus()
        assert printer.send(printer.render(RECEIPT)).state == UNKNOWN
        end.paper.swallow = False
        assert printer.status() == WELL


def a_usb_printer_is_found_by_what_it_says_of_itself() -> None:
    with _plugged_in("P1", 0) as far, _plugged_in("P2", 1):
        assert find("1d6b:0104:P1") != find("1d6b:0104:P2")
        assert "1d6b:0104:P1, 1d6b:0104:P2" in _error(Refused, lambda: find("1d6b:0104"))
        far.unplug()
        assert find("") == find("1d6b:0104:P2")
    assert "none" in _error(Gone, lambda: find(""))


def a_usb_printer_in_use_is_busy() -> None:
    with _plugged_in(), _opened():
        second = functools.partial(catalogue.open_driver, "printer", "linux-usb", {})
        assert "in use" in _error(Busy, second)


def a_cable_pulled_within_a_job_leaves_its_fate_unknown_and_another_printer_prints() -> None:
    # A short job: the kernel's gadget falls over its own list when it is pulled with much to read.
    document: list[dict[str, Any]] = [{"type": "text", "text": "x" * 42}] * 20
    with _plugged_in() as far:
        with _printing(far, unplug_after_bytes=500), _opened() as printer:
            fate = printer.send(printer.render(document))
            assert fate.state == UNKNOWN, fate
            assert "lost" in fate.reason, fate
            assert _error(Gone, printer.status)
        far.replug()
        with _printing(far) as end, _opened() as printer:
            assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
            assert end.paper.lines == LINES


def what_a_stalled_usb_printer_has_not_taken_never_comes_out_later() -> None:
    long: list[dict[str, Any]] = [{"type": "text", "text": "x" * 4096}] * 32
    with _plugged_in() as far, _opened(status=False, job_timeout_s=1) as printer:
        data = printer.render(long)
        fate = printer.send(data)
        assert fate == Fate(UNKNOWN, "the printer stopped taking data"), fate
        printer.send(printer.render(RECEIPT))
        came = b""
        while b"a receipt" not in came:
            more = far.receive(10)
            assert more, "the next job does not come"
            came += more
    # What is in the printer's own memory (80 KiB of the gadget's) comes out, no more.
    assert len(came) < len(data) - 16_384
