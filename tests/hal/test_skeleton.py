"""The driver to copy keeps what a scanner promises, on a FIFO."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from tilld_hal import catalogue
from tilld_hal.drivers import skeleton
from tilld_hal.drivers.skeleton import SkeletonScanner
from tilld_hal.errors import Busy, Gone, Refused
from tilld_hal.scanner import Scan
from tilld_testkit.descriptors import exhausted

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from tilld_hal.scanner import Scanner

PATIENCE_S = 20.0


class Bench:
    """A FIFO with its writing end, and the scanner that reads it."""

    def __init__(self, path: pathlib.Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self.scanner = skeleton.open_device(self.path, "qr")
        self._writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)

    def send(self, data: bytes) -> None:
        assert os.write(self._writer, data) == len(data)

    def unplug(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "codes")
    yield bench
    bench.scanner.close()
    bench.unplug()


def read_beside(scanner: SkeletonScanner) -> tuple[threading.Thread, list[object]]:
    """A read under way, and the list that its end goes into."""
    ended: list[object] = []

    def read() -> None:
        try:
            ended.append(scanner.read(PATIENCE_S))
        except Gone:
            ended.append(Gone)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    return reading, ended


def test_it_declares_what_a_driver_declares() -> None:
    a_scanner: type[Scanner] = SkeletonScanner
    assert a_scanner is SkeletonScanner
    settings = set(skeleton.open_device.__annotations__) - {"return"}
    assert settings == {"path", "symbology"}
    assert set(skeleton.ALLOWED) <= settings
    assert skeleton.MATURITY in catalogue.MATURITIES
    assert skeleton.SEEN_WITH


def test_codes_come_whole_one_a_read_and_then_none(bench: Bench) -> None:
    bench.send(b"2811")
    assert bench.scanner.read(0) is None
    bench.send(b"2222\n]C1299\r\n")
    assert bench.scanner.read(PATIENCE_S) == Scan("28112222", "qr")
    assert bench.scanner.read(PATIENCE_S) == Scan("299", "code128")
    assert bench.scanner.read(0.01) is None


def test_before_anybody_writes_nothing_comes_and_nothing_is_gone(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "codes")
    scanner = skeleton.open_device(str(tmp_path / "codes"))
    assert scanner.read(0.01) is None
    scanner.close()


def test_a_code_a_wake_a_pulled_cable_and_a_close_each_end_a_read_under_way(
    tmp_path: pathlib.Path,
) -> None:
    acts = {
        "code": (lambda bench: bench.send(b"2811\n"), Scan("2811", "qr")),
        "wake": (lambda bench: bench.scanner.wake(), None),
        "cable": (lambda bench: bench.unplug(), Gone),
        "close": (lambda bench: bench.scanner.close(), Gone),
    }
    for name, (act, expected) in acts.items():
        bench = Bench(tmp_path / name)
        reading, ended = read_beside(bench.scanner)
        act(bench)
        reading.join(PATIENCE_S)
        assert ended == [expected], name
        bench.scanner.close()
        bench.unplug()


def test_a_read_that_may_not_wait_looks_at_the_device_once(bench: Bench) -> None:
    bench.send(b"\xff" * 12_000 + b"\n")
    assert bench.scanner.read(0) is None
    assert bench.scanner.read(PATIENCE_S) == Scan("", "qr")


def test_a_wake_before_the_read_is_not_lost_and_counts_once(bench: Bench) -> None:
    bench.scanner.wake()
    bench.scanner.wake()
    assert bench.scanner.read(None) is None
    bench.send(b"2811\n")
    assert bench.scanner.read(PATIENCE_S) == Scan("2811", "qr")


def test_a_drain_throws_away_what_came_before_and_the_tail_of_what_was_coming(
    bench: Bench,
) -> None:
    bench.send(b"2811\n2812\n28")
    assert bench.scanner.drain() == 2
    bench.send(b"13\n2999\n")
    assert bench.scanner.read(PATIENCE_S) == Scan("2999", "qr")
    assert bench.scanner.dropped == 3


def test_what_came_before_the_cable_was_pulled_is_still_read(bench: Bench) -> None:
    bench.send(b"2811\n")
    bench.unplug()
    assert bench.scanner.read(PATIENCE_S) == Scan("2811", "qr")
    for call in (lambda: bench.scanner.read(PATIENCE_S), bench.scanner.drain):
        with pytest.raises(Gone):
            call()


def test_a_closed_scanner_is_gone_and_may_be_closed_and_woken(bench: Bench) -> None:
    bench.scanner.close()
    bench.scanner.close()
    bench.scanner.wake()
    for call in (lambda: bench.scanner.read(0), bench.scanner.drain):
        with pytest.raises(Gone):
            call()


def test_what_cannot_be_opened_says_why(bench: Bench, tmp_path: pathlib.Path) -> None:
    held = set(os.listdir("/proc/self/fd"))
    with pytest.raises(Busy):
        skeleton.open_device(bench.path)
    with pytest.raises(Gone):
        skeleton.open_device(str(tmp_path / "nothing"))
    for path in ("/dev/null", str(tmp_path)):
        with pytest.raises(Refused, match=path):
            skeleton.open_device(path)
    os.mkfifo(tmp_path / "other")
    with exhausted(left=1), pytest.raises(Refused, match="other"):
        skeleton.open_device(str(tmp_path / "other"))
    assert set(os.listdir("/proc/self/fd")) == held
