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

LOOK_AGAIN_S = 0.5  # for a scanner that is not there, or that is there and can't be read


class ScannerThread:
    """Reads for ever; opens the device again after it was gone.

    ``scanned(scan)``, ``there(why_not)`` and ``bug(error)`` are called in the event loop;
    ``why_not`` is "" or the reason in words, ``bug`` hears of what no driver may raise.
    """

    def __init__(
        self,
        device: Device,
        loop: asyncio.AbstractEventLoop,
        scanned: Callable[[Scan], None],
        there: Callable[[str], None],
        bug: Callable[[BaseException], None],
        look_again_s: float = LOOK_AGAIN_S,
    ) -> None:
        self._device = device
        self._loop = loop
        self._scanned = scanned
        self._there = there
        self._bug = bug
        self._look_again_s = look_again_s
        self._open: Scanner | None = None
        self._armings = 0
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
        """A payment waits: what was scanned before this does not count, on its way here or not."""
        self._armings += 1
        scanner = self._open
        if scanner is not None:
            try:
                scanner.drain()
            except HalError as error:
                log.info("scanner: %s", error.reason)

    # In the thread.

    def _run(self) -> None:
        try:
            self._read_for_ever()
        except Exception as error:  # noqa: BLE001 - a driver's bug is one of the process
            self._say(self._bug, error)

    def _read_for_ever(self) -> None:
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
            else:
                last = None
                self._say(self._there, "")
                self._read(scanner)
            self._stopping.wait(self._look_again_s)

    def _read(self, scanner: Scanner) -> None:
        self._open = scanner
        try:
            while not self._stopping.is_set():
                scan = scanner.read(None)
                if scan is not None:
                    self._say(self._deliver, (self._armings, scan))
        except HalError as error:
            log.warning("scanner: %s", error.reason)
            self._say(self._there, error.reason)
        finally:
            self._open = None
            scanner.close()

    def _say(self, whom: Callable[..., None], what: object) -> None:
        try:
            self._loop.call_soon_threadsafe(whom, what)
        except RuntimeError:  # the loop has ended, and with it whoever could hear
            log.debug("the scanner says something at the very end")

    # In the loop.

    def _deliver(self, read: tuple[int, Scan]) -> None:
        armings, scan = read
        if armings == self._armings:
            self._scanned(scan)
        else:
            log.info("scanned before the payment waited for it: %r", scan)


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
