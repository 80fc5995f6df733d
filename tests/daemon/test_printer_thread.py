"""The printer's thread: opened when needed, opened anew, and never waited for without an end."""

import asyncio
import threading

import pytest

from tilld_daemon.printer_thread import PrinterThread, Stuck
from tilld_daemon.settings import Device
from tilld_hal.errors import Gone, Refused

DUMMY = Device("dummy", {})


def itself(printer):
    return printer


def test_the_printer_stays_open_from_one_call_to_the_next():
    async def story():
        thread = PrinterThread(DUMMY)
        assert await thread.do(itself) is await thread.do(itself)

    asyncio.run(story())


def test_one_that_is_gone_is_opened_anew_once():
    async def story():
        thread = PrinterThread(DUMMY)
        first = await thread.do(itself)
        first.unplug()
        assert (await thread.do(lambda printer: printer.status())).online == "yes"
        assert await thread.do(itself) is not first

    asyncio.run(story())


def test_one_that_refuses_a_document_stays_open():
    async def story():
        thread = PrinterThread(DUMMY)
        first = await thread.do(itself)
        with pytest.raises(Refused):
            await thread.do(lambda printer: printer.render([]))
        assert await thread.do(itself) is first

    asyncio.run(story())


def test_one_that_is_gone_again_is_told():
    def gone(printer):
        raise Gone("unplugged")

    async def story():
        with pytest.raises(Gone):
            await PrinterThread(DUMMY).do(gone)

    asyncio.run(story())


def test_a_driver_that_does_not_come_back_is_left_and_another_is_opened():
    may_end = threading.Event()

    async def story():
        thread = PrinterThread(DUMMY, stuck_after_s=0.05)
        first = await thread.do(itself)
        with pytest.raises(Stuck):
            await thread.do(lambda printer: may_end.wait(20))
        assert await thread.do(itself) is not first
        may_end.set()

    asyncio.run(story())
