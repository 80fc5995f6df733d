"""The device put together: what is opened when, and what hears of what.

First what the till socket needs (settings, journal, ledger), then the socket answers, then the
rest loads: keys and TLS, the scanner, the printer, the network's watch.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any

import msgpack

from tilld_core import civil, payment
from tilld_core import journal as codec
from tilld_core.families import id_of, said_again
from tilld_core.ledger import REFUND_RECORDS, BadRecord, Job, Ledger, UnknownKind, entry_of
from tilld_core.messages import CallError
from tilld_core.periods import Period
from tilld_daemon import VERSION, listen_address
from tilld_daemon.discovery import Discovery, Owed
from tilld_daemon.events import Events
from tilld_daemon.flusher import Flusher
from tilld_daemon.health import Health
from tilld_daemon.journal import Journal
from tilld_daemon.memory import give_back, loaded
from tilld_daemon.past import Past
from tilld_daemon.presence import Presence
from tilld_daemon.printer_watch import PrinterWatch
from tilld_daemon.printing import JOB_WAITS_MAX_S, Printing, end_with_last_life
from tilld_daemon.receipts import Receipts
from tilld_daemon.settings_file import SettingsError
from tilld_daemon.shared_scanner import SharedScanner
from tilld_daemon.shell import Shell
from tilld_daemon.storage_thread import StorageThread
from tilld_daemon.store import Store
from tilld_daemon.upstream import Upstream
from tilld_daemon.views import Views
from tilld_daemon.way import Way
from tilld_hal import catalogue
from tilld_hal.errors import StorageFault
from tilld_hal.network import Announcement
from tilld_hal.printer_profiles import columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tilld_antom.client import Antom
    from tilld_core.families import Thing
    from tilld_core.ledger import Entry
    from tilld_core.payment import Payment
    from tilld_core.refund import Refund
    from tilld_daemon.settings import Settings

log = logging.getLogger("tilld")

LOADED_AFTER_S = 30.0  # everything in use has been loaded by then, so far as it is there
COLUMNS = 42  # of a receipt, when no printer says otherwise


def believed_unproven(entry: Entry) -> bool:
    """Whether a record may be acted on that was read and is perhaps not on flash (rules.md §3).

    Not that goods may be handed over, no refund, and no operator's signature, by which a cancel
    would rest (I15): the payment is as it was before. Without any other record its payment would
    be cancelled, and that is what it leads to as well.
    """
    return entry[0] not in ("paid", "written off") and entry[0] not in REFUND_RECORDS


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
        self.fatal = bug
        self._faulted = faulted
        self._bug = bug
        self._after_fault = after_fault
        self.clock = catalogue.open_driver("clock", settings.clock.driver, settings.clock.settings)
        self.ledger = Ledger()
        self.views = Views(self.ledger, settings.offset_min)
        self.events = Events(int.from_bytes(self.clock.random_bytes(6), "big"), self._now_text)
        self.health = Health(self.clock.monotonic_ms, self._health_changed)
        self._storage = catalogue.open_driver(
            "storage", settings.storage.driver, settings.storage.settings
        )
        self._store, fault = self._recover()
        self._loop = loop = asyncio.get_running_loop()
        self._storage_thread = StorageThread(loop, stuck=self._storage_stuck)
        self.journal = Journal(
            self._store,
            self._storage_thread,
            self._live,
            self._storage_failed,
            self._journal_room,
            fault,
            lambda entries: said_again(self.ledger, entries),
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
            lambda: self.past.settled(),
            bug,
        )
        storage = settings.storage
        self._being_marked: set[str] = set()
        self.past = Past(
            str(storage.settings["path"]) if storage.driver == "linux-file" else "",
            self.ledger,
            self.journal,
            self._is_quiet,
            self.shell.now_s,
            self.clock.random_bytes,
            self._past_degraded,
            self._past_lost,
            self.shell.start_soon,
        )
        self.shell.flusher = self.flusher = Flusher(
            self._owed, self._attempt, self.shell.now_ms, self.shell.now_s
        )
        self.shell.upstream = self.upstream = Upstream(
            self._build_antom,
            settings.timing,
            self.views.time,
            lambda: self.shell.now_s() if self.clock.trusted() else None,
            lambda obstacle: self.way.observed(obstacle),
        )
        self.way = Way(
            self.upstream.look,
            self.upstream.has_hung_up,
            self.health,
            self.flusher.flush,
            self.shell.start_soon,
        )
        self.discovery = Discovery(
            settings.network,
            self.health,
            self.way,
            self._announcement,
            self._owed,
            self._now_text,
            bug,
        )
        self.scanner = SharedScanner(self, bug)
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
        answers = settings.printer.settings.get("status", True)
        self.printer_watch = PrinterWatch(self.health, bool(answers))
        self.printing = self._printing() if settings.printer.driver else None

    # Recovery.

    def _recover(self) -> tuple[Store, StorageFault | None]:
        """The journal's records into the ledger; what can't be read is said and never guessed."""
        store = Store(self._storage, unpack=msgpack.unpackb)
        found = store.recover()
        fault = found.fault
        if fault is not None:
            log.error("the journal can be read, not written: %s", fault.reason)
        proven = len(found.records) - found.unproven
        damage = self._replay(found.records[:proven])
        damage = self._replay(filter(believed_unproven, found.records[proven:])) or damage
        self._replay(found.salvaged)  # behind a damage much is without what it speaks about
        if found.verdict == codec.DAMAGED:
            damage = found.damage
        if damage:
            log.error("the journal is damaged: %s", damage)
            fault = fault or StorageFault(f"the journal is damaged: {damage}", "EBADMSG")
        for job in self.ledger.jobs.values():
            end_with_last_life(job)
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

    def _replay(self, entries: Iterable[Any]) -> str:
        """Takes every record that can be taken, so that what is owed goes on (I21), and says what
        kept the first of the others from it. Raises UnknownKind (I35)."""
        wrong = ""
        for entry in entries:
            try:
                self.ledger.replay(entry)
            except UnknownKind:
                raise
            except BadRecord as error:
                log.error("a record is passed over: %s", error)
                wrong = wrong or str(error)
        return wrong

    async def wake(self) -> None:
        """What the last life left open is taken up again, before the first till is heard."""
        if self.journal.fault is not None:
            self.health.block("storage", self.journal.fault.reason)
        elif not self.ledger.device:
            self.ledger.device = self.clock.random_bytes(8).hex()
            self.ledger.opened_at_s = self.shell.now_s()
            with contextlib.suppress(StorageFault):  # said by `_storage_failed`
                await self.journal.note([["device", self.ledger.device], self.ledger.since()])
        await self.shell.resume()

    def load_the_rest(self) -> None:
        """After the till socket answers."""
        if not self.clock.trusted():
            self.health.degrade("clock_unset", "The clock is not set; receipts say so.")
        self.shell.start_soon(self._load_upstream())
        self.shell.start_soon(self.past.open())
        if self.printing is not None:
            self.shell.start_soon(self.printing.warm())
        self._loop.call_later(LOADED_AFTER_S, self._tidy_memory, loaded)
        self.scanner.start()
        if self.settings.network.driver:
            self.discovery.start()
            self.events.subscribe(Owed(self.discovery), None, ["queue.changed"], tuple)()

    def close(self) -> None:
        """Nothing is lost by stopping at any moment; this lets the flash finish what it does."""
        self.stopping = True
        self.past.close(timeout_s=5.0)
        self.discovery.close()
        self._storage_thread.close(timeout_s=5.0)
        self._storage.close()

    # The journal.

    def _live(self) -> list[list[Any]]:
        if not self.past.keeps:
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

    def _storage_stuck(self, is_stuck: bool) -> None:
        """A flash that does not come back blocks new payments, and nothing but them."""
        if is_stuck:
            self.health.block("storage", "It has not answered for some seconds.")
            self.events.announce("attention", {"message": "The terminal's storage hangs."})
        elif self.journal.fault is None and not self.past.damage:
            self.health.unblock("storage")

    def _journal_room(self, found: bool) -> None:
        if found:
            self.health.recover("journal_full")
        else:
            self.health.degrade("journal_full", CallError("journal_full").message)
            self.past.leave_soon()

    def heard(self, paid: str) -> None:
        """A living connection was told of this PAID; kept with the next note."""
        known = self.ledger.payments.get(paid)
        if known is not None and known.state == payment.PAID and not known.heard:
            known.heard = True
            self.ledger.moved(known)
            self._being_marked.add(paid)
            self.shell.start_soon(self._mark_heard(known))

    async def _mark_heard(self, known: Payment) -> None:
        try:
            await self.journal.mark([entry_of("heard", known)])
        except StorageFault as fault:
            log.warning("that %s was heard could not be recorded: %s", known.payment, fault.reason)
        finally:
            self._being_marked.discard(known.payment)
            self.past.settled()

    # The archive.

    def _is_quiet(self, thing: Thing) -> bool:
        """Nothing is under way about it, so it may leave memory."""
        if isinstance(thing, Job):
            return self.printing is None or self.printing.is_quiet(thing)
        if isinstance(thing, Period):
            return True
        return id_of(thing) not in self._being_marked and self.shell.is_quiet(thing)

    def _past_degraded(self, why: str) -> None:
        if why:
            self.health.degrade("archive", f"Old payments can't be put away ({why}).")
        else:
            self.health.recover("archive")

    def _past_lost(self, why: str) -> None:
        """Keys that were used may be unknown now: no new payment until a person has looked."""
        self.health.block("storage", why)
        self.events.announce("attention", {"message": f"The terminal's past is damaged: {why}"})

    # Upstream.

    def _build_antom(self) -> Antom:
        from tilld_daemon.direct import build

        return build(
            self.settings,
            self.clock,
            lambda: self._loop.call_soon_threadsafe(self.health.recover, "clock_unset"),
        )

    @staticmethod
    def _tidy_memory(work: Callable[[], None]) -> None:
        threading.Thread(target=work, name="memory", daemon=True).start()

    async def _load_upstream(self) -> None:
        try:
            await self.upstream.load()
        except (ValueError, OSError, SettingsError) as error:  # what only loading the keys shows
            self.fatal(error)
            return
        self.way.asked()
        self._tidy_memory(give_back)  # most of it was loaded for this, and run through once

    def _owed(self) -> list[Payment | Refund]:
        cancels = [one for one in self.ledger.owing() if one.state in payment.OWING]
        owed: list[Payment | Refund] = [*cancels, *self.ledger.open_refunds()]
        return [thing for thing in owed if not self.shell.is_frozen(thing)]

    def _attempt(self, thing: Payment | Refund) -> None:
        self.shell.start_soon(self.shell.happen(thing, "try"))

    def _unsent(self, failed: Payment) -> None:
        self.scanner.codes.give_back_of(failed.payment)

    # The printer.

    def _printing(self) -> Printing:
        return Printing(
            self.settings.printer,
            self.ledger,
            self.journal,
            self.job_changed,
            self.printer_watch,
            JOB_WAITS_MAX_S * self.settings.scale,
        )

    def _columns(self) -> int:
        """Letters in a line of a receipt: as set, else as the printer has them."""
        printer = self.settings.printer
        if self.settings.receipt.columns or not printer.driver:
            return self.settings.receipt.columns or COLUMNS
        return columns_of(printer.settings)

    def job_changed(self, job: Job) -> None:
        self.events.announce("job.changed", {"job": self.views.job(job)})
        if job.state not in ("queued", "sent"):
            self.past.settled()

    def new_job_id(self) -> str:
        return f"job{self.clock.random_bytes(10).hex()}"

    # The network.

    def _announcement(self) -> Announcement:
        """What `_tilld._tcp` says of this device; without an engineer's port, port 0."""
        listen = self.settings.engineer.listen
        return Announcement(
            self.ledger.device,
            self.settings.terminal.number,
            VERSION,
            len(self.ledger.owing()),
            listen_address.parsed(listen)[1] if listen else 0,
        )

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
        return self.discovery.network_is

    def _health_changed(self) -> None:
        self.events.announce("device.changed", self.health.report())
        self.scanner.guide()
        self.way.asked()  # what is told may be stale; nobody would ask after it was told

    def _now_text(self) -> str:
        now_s = self.clock.wall_ms() // 1000
        return civil.rfc3339(now_s, self.settings.offset_min(now_s))


def _read(path: str) -> bytes:
    """The file's bytes; none for no path."""
    if not path:
        return b""
    with open(path, "rb") as opened:
        return opened.read()
