"""The printer's own thread: what is asked of a printer is asked there, one thing at a time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tilld_hal import catalogue
from tilld_hal.errors import Gone, HalError, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_daemon.settings import Device
    from tilld_hal.printer import Printer

STUCK_AFTER_S = 900.0  # beyond every deadline that a driver may be set to


class Stuck(HalError):
    """A driver has not come back. Whether it goes on some day, nobody knows."""


class PrinterThread:
    """Opens the printer that the settings name when it is needed, and anew after it failed."""

    def __init__(self, device: Device, stuck_after_s: float = STUCK_AFTER_S) -> None:
        self._device = device
        self._stuck_after_s = stuck_after_s
        self._hand = _Hand(device)

    async def do(self, work: Callable[[Printer], Any]) -> Any:
        """What ``work`` gives. Raises HalError; ``Stuck`` when it does not come back: then that
        thread is left to itself with its printer, and the next call opens another."""
        doing = asyncio.ensure_future(self._hand.do(work))
        done, _ = await asyncio.wait((doing,), timeout=self._stuck_after_s)
        if not done:
            self._hand = _Hand(self._device)
            doing.add_done_callback(_unheard)
            raise Stuck("the printer's driver does not come back")
        return doing.result()


class _Hand:
    """A thread and the printer that it holds open."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="printer")
        self._printer: Printer | None = None

    def do(self, work: Callable[[Printer], Any]) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self._thread, self._with, work)

    def _with(self, work: Callable[[Printer], Any]) -> Any:
        """In the thread. One that is gone may be another one behind the same name since the last
        job; `Gone` means that not a byte left, so that one is opened and asked instead."""
        kept_open = self._printer is not None
        try:
            return self._once(work)
        except Gone:
            if not kept_open:
                raise
        return self._once(work)

    def _once(self, work: Callable[[Printer], Any]) -> Any:
        """Opens the printer if need be; one that failed is opened anew. One that refused what it
        was given has not failed, and knows what it still owes an answer to."""
        if self._printer is None:
            self._printer = catalogue.open_driver(
                "printer", self._device.driver, self._device.settings
            )
        try:
            return work(self._printer)
        except Refused:
            raise
        except HalError:
            self._printer.close()
            self._printer = None
            raise


def _unheard(late: asyncio.Future[Any]) -> None:
    """What a driver says after it was given up."""
    if not late.cancelled():
        late.exception()
