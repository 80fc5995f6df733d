"""Scanners on a real kernel: a USB keyboard that is grabbed, unplugged, replaced, fought over."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import os
import select
import threading
import tty
from typing import TYPE_CHECKING

from tilld_daemon.scanning import ScannerThread
from tilld_daemon.settings import Device
from tilld_hal import catalogue, evdev_linux
from tilld_hal.errors import Busy, Gone, HalError, Refused
from tilld_hal.keyboard_decoder import UNDER_WAY_MS
from tilld_hal.scanner import Scan
from tilld_testkit.usb_gadget import Gadget, Keyboard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tilld_hal.scanner_line_linux import LineScanner

PATIENCE_S = 20.0
KEYS_AT_ONCE = 4
QUIET_S = UNDER_WAY_MS / 1000
CODE = "281234567890123456"
NOBODY = 65534


@contextlib.contextmanager
def _opened(device: str, **settings: object) -> Iterator[LineScanner]:
    scanner: LineScanner = catalogue.open_driver(
        "scanner", "linux-hid", {"device": device, **settings}
    )
    try:
        _same(scanner.read(QUIET_S), None)  # what came sooner would have begun before the opening
        yield scanner
    finally:
        scanner.close()


@contextlib.contextmanager
def _reader(path: str, how: int = os.O_RDONLY) -> Iterator[int]:
    fd = os.open(path, how | os.O_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


def _heard(fd: int, within_s: float = 0) -> bytes:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return os.read(fd, 65536) if poll.poll(within_s * 1000) else b""


def _error(device: str, driver: str = "linux-hid", key: str = "device") -> HalError:
    try:
        catalogue.open_driver("scanner", driver, {key: device}).close()
    except HalError as error:
        return error
    raise AssertionError(f"{device} was opened")


def _scans(keyboard: Keyboard, text: str, scanner: LineScanner) -> list[Scan | None]:
    """What the scanner says to the text: one scan for each end of a line in it.

    It is read every few letters, because the kernel keeps no more than some ten keys.
    """
    found: list[Scan | None] = []
    for at in range(0, len(text), KEYS_AT_ONCE):
        keyboard.type(text[at : at + KEYS_AT_ONCE])
        if (scan := scanner.read(0)) is not None:
            found.append(scan)
    while len(found) < text.count("\n"):
        found.append(scanner.read(PATIENCE_S))
    return found


def _same(found: object, wanted: object) -> None:
    assert found == wanted, f"{found!r} instead of {wanted!r}"


@functools.cache
def _scanner(serial: str = "S1") -> Keyboard:
    """Plugged in until the guest ends: a second of the guest's a time."""
    keyboard = Keyboard(serial=serial)
    keyboard.plug()
    return keyboard


def a_scan_is_read_under_the_stable_name() -> None:
    keyboard = _scanner()
    with _opened(keyboard.device) as scanner:
        _same(_scans(keyboard, f"]Q1{CODE}\n", scanner), [Scan(CODE, "qr")])


def a_scan_reaches_neither_a_console_nor_another_reader() -> None:
    keyboard = _scanner()
    with _reader("/dev/tty1") as console, _reader(keyboard.device) as other:
        keyboard.type("before\n")
        _same(_heard(console, PATIENCE_S), b"before\n")  # else this check could not fail
        assert _heard(other, PATIENCE_S) != b""
        with _opened(keyboard.device) as scanner:
            _heard(other)
            _same(_scans(keyboard, f"{CODE}\n", scanner), [Scan(CODE)])
            _same([_heard(console), _heard(other)], [b"", b""])
        keyboard.type("after\n")
        _same(_heard(console, PATIENCE_S), b"after\n")


def half_a_code_is_lost_with_the_cable_and_a_replugged_scanner_has_its_name_again() -> None:
    keyboard = _scanner()
    with _opened(keyboard.device) as scanner:
        keyboard.type("2812")
        assert scanner.read(0) is None
        keyboard.unplug()
        for _ in range(2):
            assert isinstance(_error_of(scanner), Gone)
    assert isinstance(_error(keyboard.device), Gone)
    keyboard.plug()
    with _opened(keyboard.device) as scanner:
        _same(_scans(keyboard, f"{CODE}\n", scanner), [Scan(CODE)])


def another_scanner_of_its_kind_is_not_taken_for_it_and_the_words_name_it() -> None:
    first, second = _scanner(), _scanner("S2")
    with _opened(first.device) as scanner:
        first.unplug()
        assert isinstance(_error_of(scanner), Gone)
        error = _error(first.device)
        assert isinstance(error, Gone)
        assert second.device.rpartition("/")[2] in error.reason
    first.plug()


def two_scanners_do_not_hear_each_other() -> None:
    first, second = _scanner(), _scanner("S2")
    with contextlib.ExitStack() as opened:
        one = opened.enter_context(_opened(first.device))
        two = opened.enter_context(_opened(second.device))
        _same(_scans(second, f"{CODE}\n", two), [Scan(CODE)])
        assert one.read(0) is None


def what_another_program_has_grabbed_is_busy_until_it_lets_go() -> None:
    keyboard = _scanner()
    with _reader(keyboard.device) as other:
        fcntl.ioctl(other, evdev_linux.EVIOCGRAB, 1)
        error = _error(keyboard.device)
        assert isinstance(error, Busy), error
    with _opened(keyboard.device):
        assert isinstance(_error(keyboard.device), Busy)
    with _opened(keyboard.device):
        pass


def a_code_that_overran_the_kernel_is_dropped_with_a_word_and_the_next_is_whole() -> None:
    keyboard = _scanner()
    with _opened(keyboard.device) as scanner:
        keyboard.type("2" * 200 + "\n")  # nobody reads meanwhile
        assert scanner.read(PATIENCE_S) == Scan("")
        scanner.drain()
        _same(_scans(keyboard, f"{CODE}\n", scanner), [Scan(CODE)])


def a_user_who_may_not_read_it_hears_what_he_lacks() -> None:
    keyboard = _scanner()
    os.chmod(keyboard.device, 0o660)
    os.chown(keyboard.device, 0, 1)  # Debian's group daemon
    with _as_user(NOBODY):
        error = _error(keyboard.device)
    assert isinstance(error, Refused), error
    assert "group daemon" in error.reason, error.reason


def what_is_no_keyboard_is_refused() -> None:
    for path in ("/dev/input/mice", "/dev/tty1"):
        error = _error(path)
        assert isinstance(error, Refused), error
        assert path in error.reason


def a_wake_ends_a_read_and_a_close_makes_it_gone() -> None:
    keyboard = _scanner()
    with _opened(keyboard.device) as scanner:
        scanner.wake()
        assert scanner.read(None) is None
        threading.Timer(0.05, scanner.close).start()
        assert isinstance(_error_of(scanner), Gone)


def a_serial_scanner_on_usb_is_found_again_and_its_neighbour_is_not_taken_for_it() -> None:
    mine = Gadget("acm", "Serial Scanner", "A1")
    other = Gadget("acm", "Serial Scanner", "A2")
    port, foreign = (f"/dev/serial/by-id/{one.by_id('-if00')}" for one in (mine, other))
    mine.plug(port)
    scanner = catalogue.open_driver("scanner", "linux-serial", {"port": port})
    with _serial_end(mine) as fd:
        os.write(fd, b"]Q128123456")
    mine.unplug(port)
    assert isinstance(_error_of(scanner), Gone)
    scanner.close()
    other.plug(foreign)
    assert isinstance(_error(port, "linux-serial", "port"), Gone)
    other.unplug(foreign)
    mine.plug(port)
    scanner = catalogue.open_driver("scanner", "linux-serial", {"port": port})
    with _serial_end(mine) as fd:
        os.write(fd, f"]Q1{CODE}\r\n".encode())
        assert scanner.read(PATIENCE_S) == Scan(CODE, "qr")
    scanner.close()
    for gadget in (mine, other):
        gadget.remove()


@contextlib.contextmanager
def _serial_end(gadget: Gadget) -> Iterator[int]:
    """The scanner's own end of its serial line."""
    with _reader(f"/dev/ttyGS{gadget.attribute('port_num')}", os.O_RDWR | os.O_NOCTTY) as fd:
        tty.setraw(fd)
        yield fd


def the_daemons_thread_finds_a_replugged_scanner_by_its_name() -> None:
    keyboard = _scanner()
    asyncio.run(asyncio.wait_for(_thread_through_a_replug(keyboard), PATIENCE_S))


async def _thread_through_a_replug(keyboard: Keyboard) -> None:
    heard: asyncio.Queue[object] = asyncio.Queue()
    device = Device("linux-hid", {"device": keyboard.device})
    say = heard.put_nowait
    thread = ScannerThread(device, asyncio.get_running_loop(), say, say, say)
    thread.start()
    try:
        assert await heard.get() == ""  # it is there
        await asyncio.to_thread(keyboard.unplug)
        assert "unplugged" in str(await heard.get())
        assert "not there" in str(await heard.get())
        await asyncio.to_thread(keyboard.plug)
        while said := await heard.get():  # which others are there changes meanwhile
            assert "not there" in str(said)
        while (scan := await _heard_of(keyboard, heard)) != Scan(CODE):
            assert scan == Scan(
                ""
            )  # begun too soon, or lost by the kernel: said, and scanned again
    finally:
        thread.stop()


async def _heard_of(keyboard: Keyboard, heard: asyncio.Queue[object]) -> object:
    await asyncio.to_thread(keyboard.type, f"{CODE}\n")
    return await heard.get()


def _error_of(scanner: LineScanner) -> HalError:
    try:
        raise AssertionError(f"it read {scanner.read(PATIENCE_S)}")
    except HalError as error:
        return error


@contextlib.contextmanager
def _as_user(user: int) -> Iterator[None]:
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
