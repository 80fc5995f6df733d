"""The scanner's thread through unplugging, replugging, replacing and rubbish."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from tilld_daemon.scanning import LOOK_AGAIN_S, ScannerThread
from tilld_daemon.settings import Device
from tilld_hal.catalogue import UnknownDriver
from tilld_hal.scanner import Scan
from tilld_hal.simulated import scanner as simulated
from tilld_testkit.serial_line import SerialDevice

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 20.0


class Heard:
    """A scanner's thread, and all that it said, in order: scans, why there is no scanner, bugs."""

    def __init__(
        self, driver: str, settings: dict[str, object], look_again_s: float = LOOK_AGAIN_S
    ) -> None:
        self._said: asyncio.Queue[Scan | str | BaseException] = asyncio.Queue()
        say = self._said.put_nowait
        self.thread = ScannerThread(
            Device(driver, settings), asyncio.get_running_loop(), say, say, say, look_again_s
        )
        self.thread.start()

    @property
    def unheard(self) -> int:
        return self._said.qsize()

    async def next(self) -> Scan | str | BaseException:
        return await asyncio.wait_for(self._said.get(), PATIENCE_S)


@pytest.fixture
def device(tmp_path):
    device = SerialDevice(tmp_path / "scanner")
    yield device
    device.close()


@contextlib.contextmanager
def listening(driver: str, **settings: object) -> Iterator[Heard]:
    heard = Heard(driver, settings)
    try:
        yield heard
    finally:
        heard.thread.stop()


def serial(device: SerialDevice) -> contextlib.AbstractContextManager[Heard]:
    return listening("linux-serial", port=device.port)


def test_an_unplugged_scanner_is_said_once_and_found_again_under_its_name(device):
    async def go():
        with serial(device) as heard:
            assert await heard.next() == ""
            for code in ("2811", "2812"):
                device.send(f"{code}\r".encode())
                assert await heard.next() == Scan(code)
                device.unplug()
                assert "unplugged" in str(await heard.next())
                assert "not there" in str(await heard.next())
                device.replug()
                assert await heard.next() == ""

    asyncio.run(go())


def test_a_scanner_that_comes_later_is_found(device):
    async def go():
        device.unplug()
        with serial(device) as heard:
            assert "not there" in str(await heard.next())
            device.replug()
            assert await heard.next() == ""
            device.send(b"2812\r")
            assert await heard.next() == Scan("2812")

    asyncio.run(go())


def test_half_a_code_and_rubbish_at_the_unplugging_reach_nobody(device):
    async def go():
        with serial(device) as heard:
            assert await heard.next() == ""
            device.send(b"\xff\xfe2812345")
            device.unplug()
            assert "unplugged" in str(await heard.next())
            assert "not there" in str(await heard.next())
            device.replug()
            assert await heard.next() == ""
            device.send(b"67890\r")
            assert await heard.next() == Scan("67890")

    asyncio.run(go())


def test_arming_throws_away_what_was_half_scanned(device):
    async def go():
        with serial(device) as heard:
            assert await heard.next() == ""
            device.send(b"2811\r2812")
            assert await heard.next() == Scan("2811")
            heard.thread.arm()
            device.send(b"3456\r2899\r")
            assert await heard.next() == Scan("2899")

    asyncio.run(go())


def test_arming_without_a_scanner_does_no_harm(device):
    async def go():
        device.unplug()
        with serial(device) as heard:
            heard.thread.arm()
            assert "not there" in str(await heard.next())
            heard.thread.arm()

    asyncio.run(go())


def test_a_scan_that_is_on_its_way_when_a_payment_is_armed_does_not_count(device):
    async def go():
        with serial(device) as heard:
            assert await heard.next() == ""
            heard.thread._deliver((0, Scan("2811")))
            heard.thread.arm()
            heard.thread._deliver((0, Scan("2812")))
            device.send(b"2813\r")
            assert [await heard.next() for _ in range(2)] == [Scan("2811"), Scan("2813")]

    asyncio.run(go())


def test_one_that_opens_and_can_not_be_read_is_tried_at_a_pace():
    async def go():
        heard = Heard("dummy", {"gone_at": 1}, look_again_s=1000)
        assert await heard.next() == ""
        assert await heard.next() == "the scanner was unplugged"
        heard.thread.stop()
        await asyncio.to_thread(lambda: None)
        assert heard.unheard == 0

    asyncio.run(go())


def test_what_no_driver_may_raise_is_a_bug_of_the_process():
    async def go():
        with listening("nonesuch") as heard:
            assert isinstance(await heard.next(), UnknownDriver)

    asyncio.run(go())


def test_a_simulated_scanner_is_found_again_too(tmp_path):
    async def go():
        with listening("simulated", folder=str(tmp_path)) as heard:
            assert await heard.next() == ""
            simulated.send(str(tmp_path), b"]Q12812\r")
            assert await heard.next() == Scan("2812", "qr")
            simulated.unplug(str(tmp_path))
            assert "was unplugged" in str(await heard.next())
            assert "is unplugged" in str(await heard.next())
            simulated.plug(str(tmp_path))
            assert await heard.next() == ""

    asyncio.run(go())


def test_a_stopped_thread_has_given_the_scanner_back(device):
    async def go():
        with serial(device) as heard:
            assert await heard.next() == ""
        with serial(device) as again:
            assert await again.next() == ""
            device.unplug()
            await again.next()

    asyncio.run(go())
