"""The serial scanner on a pseudo-terminal: read, woken, drained, unplugged, plugged in again."""

import os
import pathlib
import threading
from collections.abc import Iterator

import pytest

from tilld_hal import catalogue
from tilld_hal.errors import Busy, Gone, Refused
from tilld_hal.scanner import Scan
from tilld_hal.scanner_line_linux import LineScanner
from tilld_testkit.descriptors import exhausted
from tilld_testkit.serial_line import SerialDevice, babbling

PATIENCE_S = 20.0


@pytest.fixture
def device(tmp_path: pathlib.Path) -> Iterator[SerialDevice]:
    device = SerialDevice(tmp_path / "scanner")
    yield device
    device.close()


def opened(device: SerialDevice, **settings: object) -> LineScanner:
    scanner: LineScanner = catalogue.open_driver(
        "scanner", "linux-serial", {"port": device.port, **settings}
    )
    return scanner


@pytest.fixture
def scanner(device: SerialDevice) -> Iterator[LineScanner]:
    scanner = opened(device)
    yield scanner
    scanner.close()


class Reading:
    """A read under way in a thread."""

    def __init__(self, scanner: LineScanner, timeout_s: float | None = PATIENCE_S) -> None:
        self._timeout_s = timeout_s
        self.result: Scan | None = None
        self.error: Exception | None = None
        self._scanner = scanner
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._scanner.read(self._timeout_s)
        except Gone as error:
            self.error = error

    def end(self) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


def test_a_code_is_read_with_its_symbology(device: SerialDevice, scanner: LineScanner) -> None:
    device.send(b"]Q1281234567890123456\r\n")
    assert scanner.read(PATIENCE_S) == Scan("281234567890123456", "qr")
    assert scanner.read(0) is None


def test_a_code_in_pieces_is_read_whole(device: SerialDevice, scanner: LineScanner) -> None:
    reading = Reading(scanner)
    for byte in b"281234567890123456\r":
        device.send(bytes((byte,)))
    reading.end()
    assert reading.result == Scan("281234567890123456")


def test_two_codes_that_came_at_once_are_two_reads(
    device: SerialDevice, scanner: LineScanner
) -> None:
    device.send(b"2812\r\n2999\r\n")
    assert scanner.read(PATIENCE_S) == Scan("2812")
    assert scanner.read(PATIENCE_S) == Scan("2999")


def test_half_a_code_is_not_returned_at_the_timeout(
    device: SerialDevice, scanner: LineScanner
) -> None:
    device.send(b"2812")
    assert scanner.read(0.05) is None
    device.send(b"3456\r")
    assert scanner.read(PATIENCE_S) == Scan("28123456")


def test_a_line_that_never_falls_silent_does_not_outlast_the_read(
    device: SerialDevice, scanner: LineScanner
) -> None:
    with babbling(device):
        timed = Reading(scanner, 0.2)
        timed.end()
        woken = Reading(scanner, None)
        scanner.wake()
        woken.end()
    assert [timed.result, woken.result] == [None, None]


def test_a_read_that_may_not_wait_looks_at_the_line_once(
    device: SerialDevice, scanner: LineScanner
) -> None:
    device.send(b"\xff" * 5000 + b"\r")
    assert scanner.read(0) is None
    assert scanner.read(PATIENCE_S) == Scan("")


def test_garbage_is_dropped_and_counted(device: SerialDevice, scanner: LineScanner) -> None:
    device.send(b"28\x0012\r\xff\xfe\r2999\r")
    read = [scanner.read(PATIENCE_S) for _ in range(3)]
    assert read == [Scan(""), Scan(""), Scan("2999")]
    assert scanner.dropped == 2


def test_without_terminator_a_silence_ends_the_code(device: SerialDevice) -> None:
    scanner = opened(device, gap_ms=30)
    device.send(b"]Q1281234567890123456")
    assert scanner.read(PATIENCE_S) == Scan("281234567890123456", "qr")
    scanner.close()


def test_a_wake_ends_the_read_under_way(scanner: LineScanner) -> None:
    reading = Reading(scanner)
    scanner.wake()
    reading.end()
    assert (reading.result, reading.error) == (None, None)


def test_a_wake_before_the_read_is_not_lost_and_counts_once(
    device: SerialDevice, scanner: LineScanner
) -> None:
    scanner.wake()
    scanner.wake()
    assert scanner.read(None) is None
    device.send(b"2812\r")
    assert scanner.read(PATIENCE_S) == Scan("2812")


def test_a_drain_throws_away_what_was_scanned_before(
    device: SerialDevice, scanner: LineScanner
) -> None:
    device.send(b"2811\r2812\r2813\r")
    assert scanner.read(PATIENCE_S) == Scan("2811")
    assert scanner.drain() == 2
    device.send(b"2999\r")
    assert scanner.read(PATIENCE_S) == Scan("2999")


def test_a_drain_within_a_code_leaves_no_tail(device: SerialDevice, scanner: LineScanner) -> None:
    device.send(b"281234")
    scanner.drain()
    device.send(b"5678901234567890\r2999\r")
    assert scanner.read(PATIENCE_S) == Scan("2999")


def test_what_was_scanned_before_opening_is_not_read(device: SerialDevice) -> None:
    first = opened(device)
    device.send(b"2811\r")
    first.close()
    second = opened(device)
    device.send(b"2999\r")
    assert second.read(PATIENCE_S) == Scan("2999")
    second.close()


def test_unplugging_ends_the_read_and_the_port_can_be_opened_again(device: SerialDevice) -> None:
    scanner = opened(device)
    reading = Reading(scanner)
    device.unplug()
    reading.end()
    assert isinstance(reading.error, Gone)
    scanner.close()
    with pytest.raises(Gone):
        opened(device)
    device.replug()
    again = opened(device)
    device.send(b"2812\r")
    assert again.read(PATIENCE_S) == Scan("2812")
    again.close()


def test_half_a_code_of_before_is_not_glued_to_the_code_of_another_scanner(
    device: SerialDevice,
) -> None:
    scanner = opened(device)
    device.send(b"2812")
    assert scanner.read(0.05) is None
    device.unplug()
    scanner.close()
    device.replug()  # another of its kind, behind the same name
    again = opened(device)
    device.send(b"3456\r")
    assert again.read(PATIENCE_S) == Scan("3456")
    again.close()


def test_a_whole_code_is_read_before_the_cable_is_missed(
    device: SerialDevice, scanner: LineScanner
) -> None:
    """A pseudo-terminal may lose what was not read when its other end goes; never half of it."""
    device.send(b"281234567890123456\r")
    assert scanner.read(PATIENCE_S) == Scan("281234567890123456")
    device.unplug()
    with pytest.raises(Gone):
        scanner.read(PATIENCE_S)


def test_a_port_that_is_missing_is_said_with_what_is_plugged_in(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Gone, match="/dev/serial/by-id"):
        catalogue.open_driver("scanner", "linux-serial", {"port": str(tmp_path / "none")})


def test_a_scanner_that_rattles_in_its_socket_is_read_each_time_it_is_there(
    device: SerialDevice,
) -> None:
    for number in range(5):
        scanner = opened(device)
        device.send(f"28{number}\r99".encode())
        assert scanner.read(PATIENCE_S) == Scan(f"28{number}")
        device.unplug()
        with pytest.raises(Gone):
            scanner.read(PATIENCE_S)
        scanner.close()
        device.replug()


def test_an_unplugged_scanner_stays_gone(device: SerialDevice, scanner: LineScanner) -> None:
    device.unplug()
    for _ in range(2):
        with pytest.raises(Gone):
            scanner.read(PATIENCE_S)
    with pytest.raises(Gone):
        scanner.drain()


def test_closing_ends_the_read_under_way(scanner: LineScanner) -> None:
    reading = Reading(scanner)
    scanner.close()
    reading.end()
    assert isinstance(reading.error, Gone)
    scanner.close()
    scanner.wake()


def test_a_port_in_use_is_busy(device: SerialDevice, scanner: LineScanner) -> None:
    with pytest.raises(Busy):
        opened(device)


def test_without_a_file_descriptor_a_port_is_refused_and_given_back(device: SerialDevice) -> None:
    opened(device).close()  # what is imported is imported
    held = set(os.listdir("/proc/self/fd"))
    for left in range(6):  # pyserial takes five, the wake-up two
        with exhausted(left), pytest.raises(Refused):
            opened(device)
    assert set(os.listdir("/proc/self/fd")) == held
    opened(device).close()


@pytest.mark.parametrize("path", ["/dev/null", "/proc/self/status", "/tmp"])
def test_what_is_no_serial_port_is_refused(path: str) -> None:
    with pytest.raises(Refused) as caught:
        catalogue.open_driver("scanner", "linux-serial", {"port": path})
    assert path in caught.value.reason
