"""The device put together: what is opened when, and what hears of what.

First what the till socket needs (settings, journal, ledger), then the socket answers, then the
rest loads: keys and TLS, the scanner, the printer, the network's watch.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import msgpack

from tilld_core import civil, payment
from tilld_core import journal as codec
from tilld_core.ledger import REFUND_RECORDS, BadRecord, Job, Ledger, entry_of
from tilld_core.messages import CallError
from tilld_daemon.events import Events
from tilld_daemon.flusher import Flusher
from tilld_daemon.health import Health
from tilld_daemon.journal import Journal
from tilld_daemon.presence import Presence
from tilld_daemon.printing import Printing
from tilld_daemon.receipts import Receipts
from tilld_daemon.scanning import Codes, ScannerThread
from tilld_daemon.settings_file import SettingsError
from tilld_daemon.shell import Shell
from tilld_daemon.storage_thread import StorageThread
from tilld_daemon.store import Store
from tilld_daemon.upstream import Upstream
from tilld_daemon.views import Views
from tilld_hal import catalogue
from tilld_hal.errors import HalError, StorageFault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tilld_antom.client import Antom
    from tilld_core.ledger import Entry
    from tilld_core.payment import Payment
    from tilld_core.refund import Refund
    from tilld_daemon.settings import Settings
    from tilld_hal.network import Network
    from tilld_hal.scanner import Scan

log = logging.getLogger("tilld")

LOOK_UPSTREAM_EVERY_S = 3.0  # while the way to Antom is found closed
COLUMNS = 42  # of a receipt, when no printer says otherwise


def believed_unproven(entry: Entry) -> bool:
    """Whether a record may be acted on that was read and is perhaps not on flash (rules.md §3).

    Not that goods may be handed over, and no refund: the payment is as it was before. Without
    any other record its payment would be cancelled, and that is what it leads to as well.
    """
    return entry[0] != "paid" and entry[0] not in REFUND_RECORDS


class Device:
    """``faulted`` hears of the first storage fault of this life; ``bug`` of what must not happen.

    ``after_fault`` says that the last life ended with a storage fault.
    """

    def __init__(
        self,
        settings: Settings,
        faulted: Callable[[], None],
        bug: Callable[[BaseException], None],
        after_fault: bool,
    ) -> None:
        self.settings = settings
        self.stopping = False
        self._looking = False
        self.fatal = bug
        self._faulted = faulted
        self._bug = bug
        self._after_fault = after_fault
        self.clock = catalogue.open_driver("clock", settings.clock.driver, settings.clock.settings)
        self.ledger = Ledger()
        self.views = Views(self.ledger, settings.offset_min)
        self.events = Events(int.from_bytes(self.clock.random_bytes(6), "big"), self._now_text)
        self.health = Health(self.clock.monotonic_ms, self._health_changed)
        self.scanner_is = "unknown" if settings.scanner.driver else "no"
        self._storage = catalogue.open_driver(
            "storage", settings.storage.driver, settings.storage.settings
        )
        self._store, fault = self._recover()
        self._loop = loop = asyncio.get_running_loop()
        self._storage_thread = StorageThread(loop)
        self.journal = Journal(
            self._store,
            self._storage_thread,
            self._live,
            self._storage_failed,
            self._journal_room,
            fault,
        )
        self.shell = Shell(
            self.ledger,
            self.views,
            self.journal,
            self.clock,
            settings.timing,
            self.events,
            settings.terminal.number,
            settings.till.acknowledge == "auto",
            settings.cancel_window_grace_s,
            self._unsent,
            bug,
        )
        self.shell.flusher = self.flusher = Flusher(
            self._owed, self._attempt, self.shell.now_ms, self.shell.now_s
        )
        self.shell.upstream = self.upstream = Upstream(
            self._build_antom,
            settings.timing,
            self.views.time,
            lambda: self.shell.now_s() if self.clock.trusted() else None,
            self._way,
        )
        self.codes = Codes(settings.code, settings.timing.same_code_within_ms, self.clock)
        self.receipts = Receipts(
            self.ledger,
            settings.receipt,
            settings.terminal.number,
            settings.offset_min,
            self.clock.trusted,
            self._columns(),
            settings.merchant.store_name,
            _read(settings.receipt.logo),
        )
        self.presence = Presence(self)
        self.printing = self._printing() if settings.printer.driver else None
        self._scanner: ScannerThread | None = None
        self._network: Network | None = None

    # Recovery.

    def _recover(self) -> tuple[Store, StorageFault | None]:
        """The journal's records into the ledger; what can't be read is said and never guessed."""
        store = Store(self._storage, unpack=msgpack.unpackb)
        found = store.recover()
        fault = found.fault
        if fault is not None:
            log.error("the journal can be read, not written: %s", fault.reason)
        for entry in found.records[: len(found.records) - found.unproven]:
            self.ledger.replay(entry)
        for entry in found.records[len(found.records) - found.unproven :]:
            if believed_unproven(entry):
                self.ledger.replay(entry)
        self._salvage(found.salvaged)
        if found.verdict == codec.DAMAGED:
            log.error("the journal is damaged: %s", found.damage)
            fault = fault or StorageFault(f"the journal is damaged: {found.damage}", "EBADMSG")
        for job in self.ledger.jobs.values():
            if job.state == "sent":
                job.state = "unknown"
                job.reason = "The terminal restarted while it was printing."
            elif job.state == "queued":
                job.state = "failed"
                job.reason = "The terminal restarted before it was printed."
        self.clock.advance_wall(self.ledger.latest_s * 1000)
        self._number_on(self.clock.wall_ms())
        return store, fault

    def _number_on(self, now_ms: int) -> None:
        """Revisions are not on flash: they go on above whatever a till has seen before, at more
        than the pace that the last life can have counted them."""
        things: list[Payment | Refund] = [*self.ledger.payments.values()]
        things += self.ledger.refunds.values()
        for thing in things:
            thing.revision = max(0, now_ms - thing.created_at_s * 1000)

    def _salvage(self, entries: Sequence[Any]) -> None:
        for entry in entries:
            try:
                self.ledger.replay(entry)
            except BadRecord as error:
                log.error("behind the damage: %s", error)

    async def wake(self) -> None:
        """What the last life left open is taken up again, before the first till is heard."""
        if self.journal.fault is not None:
            self.health.block("storage", self.journal.fault.reason)
        elif not self.ledger.device:
            self.ledger.device = self.clock.random_bytes(8).hex()
            await self.journal.note([["device", self.ledger.device]])
        await self.shell.resume()

    def load_the_rest(self) -> None:
        """After the till socket answers."""
        if not self.clock.trusted():
            self.health.degrade("clock_unset", "The clock is not set; receipts say so.")
        self.shell.start_soon(self._load_upstream())
        if self.settings.scanner.driver:
            self._start_scanner()
        if self.printing is not None:
            self.shell.start_soon(self.printing.warm())
        if self.settings.network.driver:
            threading.Thread(target=self._watch_network, name="network", daemon=True).start()

    def close(self) -> None:
        """Nothing is lost by stopping at any moment; this lets the flash finish what it does."""
        self.stopping = True
        self._storage_thread.close(timeout_s=5.0)
        self._storage.close()

    # The journal.

    def _live(self) -> list[list[Any]]:
        self.ledger.forget(self.shell.now_s())
        return self.ledger.snapshot()

    def _storage_failed(self, fault: StorageFault) -> None:
        """A decision may or may not be on flash: only a new life, which reads it, knows (§3).

        A life after a fault that could not write at all goes on without writing: the cancels
        that are on flash already must leave (I21), and another start would change nothing.
        """
        log.error("the storage failed: %s", fault.reason)
        self.health.block("storage", fault.reason)
        self.events.announce(
            "attention", {"message": f"The terminal's storage failed: {fault.reason}"}
        )
        if self.journal.worked or not self._after_fault:
            self._faulted()

    def _journal_room(self, found: bool) -> None:
        if found:
            self.health.recover("journal_full")
        else:
            self.health.degrade("journal_full", CallError("journal_full").message)

    def heard(self, paid: str) -> None:
        """A living connection was told of this PAID; kept with the next note."""
        known = self.ledger.payments.get(paid)
        if known is not None and known.state == payment.PAID and not known.heard:
            known.heard = True
            self.shell.start_soon(self._mark_heard(known))

    async def _mark_heard(self, known: Payment) -> None:
        try:
            await self.journal.mark([entry_of("heard", known)])
        except StorageFault as fault:
            log.warning("that %s was heard could not be recorded: %s", known.payment, fault.reason)

    # Upstream.

    def _build_antom(self) -> Antom:
        from tilld_daemon.direct import build

        return build(self.settings, self.clock)

    async def _load_upstream(self) -> None:
        try:
            await self.upstream.load()
        except (ValueError, OSError, SettingsError) as error:  # what only loading the keys shows
            self.fatal(error)
            return
        await self.upstream.open_ahead()

    def _way(self, obstacle: str) -> None:
        """What a call upstream has shown of the way. Closed: it is looked at until it opens;
        open again: whatever is owed leaves now."""
        was_closed = self.health.way_is_closed
        self.health.way(obstacle)
        if obstacle and not self._looking:
            self._looking = True
            self._look_again_later()
        elif was_closed and not obstacle:
            self.flusher.flush()

    async def look_upstream(self, timeout_s: float) -> None:
        """Looks whether the way to Antom is open now, for at most so long."""
        await asyncio.wait((asyncio.ensure_future(self.upstream.open_ahead()),), timeout=timeout_s)

    def _look_again_later(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(LOOK_UPSTREAM_EVERY_S, lambda: self.shell.start_soon(self._look_again()))

    async def _look_again(self) -> None:
        if self.health.way_is_closed and not await self.upstream.open_ahead():
            self._look_again_later()
        else:
            self._looking = False

    def _owed(self) -> list[Payment | Refund]:
        cancels = [one for one in self.ledger.owing() if one.state in payment.OWING]
        owed: list[Payment | Refund] = [*cancels, *self.ledger.open_refunds()]
        return [thing for thing in owed if not self.shell.is_frozen(thing)]

    def _attempt(self, thing: Payment | Refund) -> None:
        self.shell.start_soon(self.shell.happen(thing, "try"))

    def _unsent(self, failed: Payment) -> None:
        self.codes.give_back_of(failed.payment)

    # The scanner.

    def _start_scanner(self) -> None:
        loop = asyncio.get_running_loop()
        self._scanner = ScannerThread(
            self.settings.scanner, loop, self._scanned, self._scanner_there
        )
        self._scanner.start()

    def arm(self) -> None:
        """A payment waits for its code: old scans are dropped, the connection opened ahead."""
        if self._scanner is not None:
            self._scanner.arm()
        self.shell.start_soon(self.upstream.open_ahead())

    def _scanner_there(self, why_not: str) -> None:
        """The cashier of a waiting payment hears that it can't be scanned for, and that it can."""
        self.scanner_is = "no" if why_not else "yes"
        waiting = self.ledger.waiting_for_code()
        if why_not:
            self.health.block("scanner", why_not)
        else:
            self.health.unblock("scanner")
        if waiting is not None and why_not:
            self.shell.prompt(waiting, "no_scanner", "The scanner is not connected: plug it in.")
        elif waiting is not None:
            self.shell.withdraw_prompt(waiting, "no_scanner")

    def _scanned(self, scan: Scan) -> None:
        waiting = self.ledger.waiting_for_code()
        if waiting is None:
            log.info("a scan came while nothing waited for one: %r", scan)
            return
        refusal = self.codes.refusal(scan.data)
        if refusal:
            self.shell.prompt(waiting, "scan_again", f"Scan again: {refusal}.")
            return
        self.codes.use(scan.data, waiting.payment)
        self.shell.start_soon(self._pay_with(waiting, scan.data))

    async def _pay_with(self, waiting: Payment, code: str) -> None:
        if not await self.shell.scan(waiting, code):
            self.codes.give_back(code)

    # The printer.

    def _printing(self) -> Printing:
        return Printing(
            self.settings.printer, self.ledger, self.journal, self.job_changed, self._printer_there
        )

    def _columns(self) -> int:
        """Letters in a line of a receipt: as set, else as the printer has them."""
        printer = self.settings.printer
        if self.settings.receipt.columns or not printer.driver:
            return self.settings.receipt.columns or COLUMNS
        given = catalogue.effective_settings("printer", printer.driver, printer.settings)
        return int(given.get("columns", COLUMNS))

    def _printer_there(self, why_not: str) -> None:
        if why_not:
            self.health.degrade("printer", f"The printer can't be used ({why_not}).")
        else:
            self.health.recover("printer")

    def job_changed(self, job: Job) -> None:
        self.events.announce("job.changed", {"job": self.views.job(job)})

    def new_job_id(self) -> str:
        return f"job{self.clock.random_bytes(10).hex()}"

    # The network.

    def _watch_network(self) -> None:
        """In its own thread: every change is told to the event loop."""
        device = self.settings.network
        try:
            network: Network = catalogue.open_driver("network", device.driver, device.settings)
            self._network = network
            self._say(self._network_is, network.state().link)
            while not self.stopping:
                state = network.watch(None)
                if state is not None:
                    self._say(self._network_is, state.link)
        except HalError as error:
            log.warning("network: %s", error.reason)
            self._network = None
            self._say(self._network_is, "unknown")  # what was seen last is no observation any more

    def _say(self, whom: Callable[..., object], what: object) -> None:
        self._loop.call_soon_threadsafe(whom, what)

    def _network_is(self, link: str) -> None:
        if link == "no":
            self.health.block("no_link")
            return
        self.health.unblock("no_link")
        self.flusher.flush()

    # What tills are told about the device.

    def wear(self) -> dict[str, int]:
        """What this life has written, and the room that is left."""
        counts = self._store.counts
        return {
            "room_bytes": self._store.room_bytes,
            "flushes": counts.flushes,
            "written_bytes": counts.bytes,
        }

    @property
    def network_is(self) -> str:
        """Whether the network is watched: "yes", or "unknown"."""
        return "yes" if self._network is not None else "unknown"

    def _health_changed(self) -> None:
        self.events.announce("device.changed", self.health.report())

    def _now_text(self) -> str:
        now_s = self.clock.wall_ms() // 1000
        return civil.rfc3339(now_s, self.settings.offset_min(now_s))


def _read(path: str) -> bytes:
    """The file's bytes; none for no path."""
    if not path:
        return b""
    with open(path, "rb") as opened:
        return opened.read()
