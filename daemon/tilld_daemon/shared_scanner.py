"""Who gets a scan: the payment that waits for its code, else the till that reads (§3).

A payment code goes into its payment and nowhere else: a till that reads product barcodes hears
that one was there, and how long it was, never what it was (I31).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from tilld_core import limits, paycode
from tilld_core.messages import CallError
from tilld_daemon.scanning import Codes, ScannerThread
from tilld_daemon.till_socket import Promise

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_core.payment import Payment
    from tilld_daemon.device import Device
    from tilld_daemon.till_socket import Connection
    from tilld_hal.scanner import Scan

    Told = dict[str, Any]

log = logging.getLogger("tilld.scanner")

HAND_OVER = (paycode.OTHER, paycode.SHOP_CARD)

# The prompts of a payment that waits for its code while there is no sense in asking for it.
OBSTACLES = {
    "no_scanner": "The scanner is not connected: plug it in.",
    "no_network": "Please wait: the payment service can't be reached. Ask for no code yet.",
}


class SharedScanner:
    """One for the device; without a driver it hands nothing to anybody. ``bug`` is told of what
    no driver may raise."""

    def __init__(self, device: Device, bug: Callable[[BaseException], None]) -> None:
        settings = device.settings
        self.codes = Codes(settings.code, settings.timing.same_code_within_ms, device.clock)
        self.is_there = "unknown" if settings.scanner.driver else "no"
        self._device = device
        self._bug = bug
        self._thread: ScannerThread | None = None
        self._guided = ("", "")  # the payment and the obstacle that its cashier was told last
        self._owner: Connection | None = None
        self._kept: deque[Told] = deque()
        self._reads: deque[tuple[Promise, asyncio.TimerHandle]] = deque()

    def start(self) -> None:
        """Opens the device, in its own thread, now and whenever it was gone."""
        settings = self._device.settings.scanner
        if settings.driver:
            loop = asyncio.get_running_loop()
            self._thread = ScannerThread(settings, loop, self._scanned, self._seen, self._bug)
            self._thread.start()

    def arm(self) -> None:
        """A payment waits for its code: what was scanned before this does not count."""
        if self._thread is not None:
            self._thread.arm()

    # A till that reads.

    def read(self, connection: Connection, timeout_s: float) -> Told | Promise:
        """The next scan for this till, or None at the timeout; the first read claims the scanner.

        Raises CallError scanner_busy, naming who has it, and no_scanner. A read that waits when
        the scanner is unplugged goes on waiting, as a payment does.
        """
        if self.is_there == "no":
            raise CallError("no_scanner")
        if self._owner is not None and self._owner is not connection:
            raise CallError("scanner_busy", f"The scanner is being read by {self._owner.client!r}.")
        self._owner = connection
        if self._kept:
            return self._kept.popleft()
        read = Promise()
        loop = asyncio.get_running_loop()
        self._reads.append((read, loop.call_later(timeout_s, self._end, read)))
        return read

    def release(self, connection: Connection) -> None:
        """This till reads no more: its reads end, what was kept for it is dropped."""
        if self._owner is not connection:
            return
        self._owner = None
        self._kept.clear()
        reads, self._reads = self._reads, deque()
        for read, ends in reads:
            ends.cancel()
            read.keep(None)

    def _end(self, ended: Promise) -> None:
        """Its time is over. Reads of different patience may end in another order."""
        self._reads = deque(one for one in self._reads if one[0] is not ended)
        ended.keep(None)

    # A scan.

    def _scanned(self, scan: Scan) -> None:
        waiting = self._device.ledger.waiting_for_code()
        if waiting is not None:
            self._pay(waiting, scan)
        elif self._owner is not None and scan.data:
            self._hand_over(scan)
        else:
            log.info("nobody waited for a scan: %r", scan)

    def _pay(self, waiting: Payment, scan: Scan) -> None:
        refusal = self.codes.refusal(scan.data)
        if refusal:
            self._device.shell.prompt(waiting, "scan_again", f"Scan again: {refusal}.")
            return
        self.codes.use(scan.data, waiting.payment)
        self._device.shell.start_soon(self._pay_with(waiting, scan.data))

    async def _pay_with(self, waiting: Payment, code: str) -> None:
        if not await self._device.shell.scan(waiting, code):
            self.codes.give_back(code)

    def _hand_over(self, scan: Scan) -> None:
        """To the read that has waited longest, else to the next one."""
        if self.codes.kind(scan.data) in HAND_OVER:
            told: Told = {"data": scan.data, "symbology": scan.symbology or None}
        else:
            told = {"payment_code": True, "length": len(scan.data)}
        if self._reads:
            read, ends = self._reads.popleft()
            ends.cancel()
            read.keep(told)
            return
        if len(self._kept) < limits.SCANS_KEPT_MAX:
            self._kept.append(told)
            log.info("kept for the next read: %r", scan)
        else:
            log.info("dropped, as %d are kept already: %r", limits.SCANS_KEPT_MAX, scan)

    def _seen(self, why_not: str) -> None:
        self.is_there = "no" if why_not else "yes"
        if why_not:
            self._device.health.block("scanner", why_not)
        else:
            self._device.health.unblock("scanner")

    def guide(self) -> None:
        """What is in the way has changed: the cashier of a payment that waits for its code hears
        that there is no sense in asking for it, and that there is again."""
        device = self._device
        waiting = device.ledger.waiting_for_code()
        if waiting is None:
            return
        obstacle = ""
        if self.is_there == "no":
            obstacle = "no_scanner"
        elif device.health.way_blocks:
            obstacle = "no_network"
        before, self._guided = self._guided, (waiting.payment, obstacle)
        if self._guided == before:
            return
        if obstacle:
            device.shell.prompt(waiting, obstacle, OBSTACLES[obstacle])
        elif before[0] == waiting.payment:
            device.shell.withdraw_prompt(waiting, before[1])
