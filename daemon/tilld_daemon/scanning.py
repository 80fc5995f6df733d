"""The scanner's thread, and what becomes of a scan: pays, or is dropped with a reason.

The first code after a payment was armed is the one that counts: what lay in the line before is
thrown away. A payment code never goes anywhere but into its payment (I31).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

from tilld_core import paycode
from tilld_hal import catalogue
from tilld_hal.errors import HalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_daemon.settings import Code, Device
    from tilld_hal.clock import Clock
    from tilld_hal.scanner import Scan, Scanner

log = logging.getLogger("tilld.scanner")

LOOK_AGAIN_S = 0.5  # for a scanner that was unplugged; discovery by udev makes it faster


class ScannerThread:
    """Reads for ever; opens the device again after it was gone.

    ``scanned(scan)`` and ``there(why_not)`` are called in the event loop; ``why_not`` is "" or
    the reason in words.
    """

    def __init__(
        self,
        device: Device,
        loop: asyncio.AbstractEventLoop,
        scanned: Callable[[Scan], None],
        there: Callable[[str], None],
    ) -> None:
        self._device = device
        self._loop = loop
        self._scanned = scanned
        self._there = there
        self._open: Scanner | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scanner", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Gives the scanner back; nothing is said any more once this has returned."""
        self._stopping.set()
        scanner = self._open
        if scanner is not None:
            scanner.wake()
        self._thread.join()

    def arm(self) -> None:
        """A payment waits: what was scanned before this does not count."""
        scanner = self._open
        if scanner is not None:
            try:
                scanner.drain()
            except HalError as error:
                log.info("scanner: %s", error.reason)

    def _run(self) -> None:
        last = None
        while not self._stopping.is_set():
            try:
                scanner = catalogue.open_driver(
                    "scanner", self._device.driver, self._device.settings
                )
            except HalError as error:
                if last != error.reason:
                    last = error.reason
                    self._say(self._there, last)
                self._stopping.wait(LOOK_AGAIN_S)
                continue
            last = None
            self._say(self._there, "")
            self._read(scanner)

    def _read(self, scanner: Scanner) -> None:
        self._open = scanner
        try:
            while not self._stopping.is_set():
                scan = scanner.read(None)
                if scan is not None:
                    self._say(self._scanned, scan)
        except HalError as error:
            log.warning("scanner: %s", error.reason)
            self._say(self._there, error.reason)
        finally:
            self._open = None
            scanner.close()

    def _say(self, whom: Callable[..., None], what: object) -> None:
        self._loop.call_soon_threadsafe(whom, what)


class Codes:
    """Judges codes by the settings, and knows the ones that were just used.

    A trigger that bounces reads one code twice: the same code within 90 s is no second payment,
    unless the earlier attempt ended with nothing sent. Only salted hashes are kept, in memory.
    """

    def __init__(self, code: Code, same_within_ms: int, clock: Clock) -> None:
        self._code = code
        self._same_within_ms = same_within_ms
        self._now_ms = clock.monotonic_ms
        self._salt = clock.random_bytes(16)
        self._used: dict[bytes, tuple[int, str]] = {}

    def refusal(self, text: str) -> str:
        """Why this is no code to pay with now, in words for the cashier; "" when it is one."""
        verdict = paycode.judge(
            text, self._code.prefixes, self._code.lengths, self._code.not_payment
        )
        if verdict.kind != paycode.PAYMENT_CODE:
            return verdict.reason
        used = self._used.get(self._hash(text))
        if used and self._now_ms() - used[0] <= self._same_within_ms:
            return "this code was just used: ask the customer for a fresh one"
        return ""

    def kind(self, text: str) -> str:
        """One of the four kinds of paycode, by the settings."""
        code = self._code
        return paycode.judge(text, code.prefixes, code.lengths, code.not_payment).kind

    def use(self, text: str, payment: str) -> None:
        now_ms = self._now_ms()
        for known, (at_ms, _) in list(self._used.items()):
            if now_ms - at_ms > self._same_within_ms:
                del self._used[known]
        self._used[self._hash(text)] = (now_ms, payment)

    def give_back(self, text: str) -> None:
        """Nothing was done with this code: it may be shown again."""
        self._used.pop(self._hash(text), None)

    def give_back_of(self, payment: str) -> None:
        """Nothing was sent for this payment: its code may be shown again."""
        for known, (_, by) in list(self._used.items()):
            if by == payment:
                del self._used[known]

    def _hash(self, text: str) -> bytes:
        import hashlib  # 2 ms that no start has to wait for

        return hashlib.blake2b(text.encode(), key=self._salt, digest_size=16).digest()
