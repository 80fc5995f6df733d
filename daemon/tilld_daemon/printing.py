"""Print jobs with a fate: one at a time, in their own thread, never in a payment's way.

A job is recorded before its first byte leaves, so that after a power cut it is known that
something may be on paper: such a job is "unknown", and the next receipt of that payment is a
COPY (till_socket.md §3, Jobs). Nothing is ever printed later by itself.

A printer may take its time, but nobody waits for it without an end: a job that can't begin in
time fails, a driver that does not come back is left to itself, and its job is "unknown".
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from tilld_core.ledger import Job, entry_of
from tilld_daemon.printer_thread import PrinterThread, Stuck
from tilld_hal.errors import HalError, Refused, StorageFault
from tilld_hal.printer import PrinterStatus, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_core.ledger import Ledger
    from tilld_daemon.journal import Journal
    from tilld_daemon.printer_watch import PrinterWatch
    from tilld_daemon.settings import Device
    from tilld_hal.printer import Fate, Printer

log = logging.getLogger("tilld.printer")

JOB_NEEDS_BYTES = 3072
JOBS_WAITING_MAX = 32
JOB_WAITS_MAX_S = 120.0  # for the jobs before it; then the cashier is told, and prints again
STATUS_WAITS_MAX_S = 5.0
TILLS_OWN = "of=print "  # how the body of a job begins that prints a till's own document
GONE = PrinterStatus(online="no")


class Printing:
    """The printer and its queue. ``changed(job)`` is told of every new state, ``watch`` of all
    that was seen of the printer."""

    def __init__(
        self,
        device: Device,
        ledger: Ledger,
        journal: Journal,
        changed: Callable[[Job], None],
        watch: PrinterWatch,
        waits_max_s: float = JOB_WAITS_MAX_S,
        status_waits_max_s: float = STATUS_WAITS_MAX_S,
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._changed = changed
        self._watch = watch
        self._waits_max_s = waits_max_s
        self._status_waits_max_s = status_waits_max_s
        self._thread = PrinterThread(device)
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._under_way: set[str] = set()
        self._ends: dict[str, list[asyncio.Future[None]]] = {}
        self._looking: asyncio.Task[PrinterStatus] | None = None

    @property
    def is_full(self) -> bool:
        return self._waiting >= JOBS_WAITING_MAX

    def is_quiet(self, job: Job) -> bool:
        """Its fate has been recorded."""
        return job.job not in self._under_way

    async def warm(self) -> None:
        """Opens the printer and loads what rendering needs, away from any sale; then watches it."""
        try:
            await self._do(lambda printer: printer.warm())
        except HalError as error:
            log.warning("printer: %s", error.reason)
        await self._watch.run(self._look)

    async def status(self) -> dict[str, str]:
        """Each "yes", "no" or "unknown", asked now; all "unknown" while a job has the printer."""
        try:
            return _told(await self._look())
        except Stuck:
            return _told(PrinterStatus())
        except HalError as error:
            log.info("printer: %s", error.reason)
            return _told(GONE)

    async def _look(self) -> PrinterStatus:
        """Asks the printer; who asks meanwhile gets the same answer. A printer that leaves the
        question open says nothing any more, whatever it said before. Raises HalError."""
        looking = self._looking
        if looking is None or looking.done():
            if self._turn.locked():
                return PrinterStatus()
            looking = self._looking = asyncio.create_task(self._alone())
            looking.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.wait((looking,), timeout=self._status_waits_max_s)
        if looking.done():
            return looking.result()
        if not self._waiting:  # else it is a job that it waits for
            self._watch.seen(PrinterStatus())
        return PrinterStatus()

    async def _alone(self) -> PrinterStatus:
        async with self._turn:
            return await self._ask()

    async def _ask(self) -> PrinterStatus:
        status: PrinterStatus = await self._do(lambda printer: printer.status())
        self._watch.seen(status)
        return status

    async def run(
        self, job: Job, document: Callable[[], list[dict[str, Any]]], copies: int
    ) -> None:
        """Prints when its turn comes; ``document()`` is asked then: it may be a COPY by now."""
        self._waiting += 1
        self._under_way.add(job.job)
        try:
            if not await self._take_turn():
                words = "the printer is still busy with an earlier job"
                await self._record(job, "failed", words)
                return
            try:
                await self._print(job, document, copies)
            finally:
                self._turn.release()
        finally:
            self._waiting -= 1
            self._under_way.discard(job.job)

    async def ended(self, job: Job, timeout_s: float) -> None:
        """Returns when the job has its fate, or at the timeout."""
        if job.state in ("queued", "sent") and timeout_s:
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._ends.setdefault(job.job, []).append(news)
            await asyncio.wait((news,), timeout=timeout_s)

    async def _take_turn(self) -> bool:
        try:
            async with asyncio.timeout(self._waits_max_s):
                await self._turn.acquire()
        except TimeoutError:
            return False
        return True

    async def _print(
        self, job: Job, document: Callable[[], list[dict[str, Any]]], copies: int
    ) -> None:
        for copy in range(copies):
            state, words, began = await self._print_one(job, document, is_first=copy == 0)
            if state == "done":
                continue
            if copy:  # "failed" would mean that nothing whole was printed
                state, words = "unknown", f"{copy} of {copies} copies came out, then {words}"
            elif not began and job.began:
                job.began = False
                self._ledger.count_receipt(job, -1)
            await self._record(job, state, words)
            return
        await self._record(job, "done", "")

    async def _print_one(
        self, job: Job, document: Callable[[], list[dict[str, Any]]], is_first: bool
    ) -> tuple[str, str, bool]:
        """One copy's fate, its reason, and whether a byte of it may have left."""
        try:
            data = await self._rendered(job, document())
            why_not = refusal(await self._ask())
            if why_not:
                return "failed", why_not, False
            if is_first:
                await self._begin(job)
            fate: Fate = await self._do(partial(_send, data))
        except Stuck as stuck:
            return ("unknown" if job.began else "failed"), stuck.reason, job.began
        except HalError as error:  # the first byte of this copy had not left
            return "failed", error.reason, False
        return fate.state, fate.reason, fate.began

    async def _rendered(self, job: Job, blocks: list[dict[str, Any]]) -> bytes:
        """The commands. A logo that can't be printed costs nobody a receipt; a picture in a till's
        own document is not left out. Raises HalError."""
        try:
            return bytes(await self._thread.do(partial(_render, blocks)))
        except Refused as refused:
            bare = [block for block in blocks if block["type"] != "image"]
            if job.body.startswith(TILLS_OWN) or len(bare) == len(blocks):
                raise
            log.warning("the logo is left out: %s", refused.reason)
        return bytes(await self._thread.do(partial(_render, bare)))

    async def _begin(self, job: Job) -> None:
        await self._journal.note([entry_of("job", job)], job.job)
        job.state = "sent"
        job.began = True
        self._ledger.count_receipt(job)
        self._changed(job)

    async def _record(self, job: Job, state: str, reason: str) -> None:
        """The fate needs no flush of its own: without it the job is "unknown" after a power cut."""
        job.state, job.reason = state, _told_to_cashier(state, reason)
        try:
            await self._journal.mark([entry_of("job end", job)], job.job)
        except StorageFault as fault:
            log.error("the end of print job %s could not be recorded: %s", job.job, fault.reason)
        self._journal.release(job.job)
        self._changed(job)
        for news in self._ends.pop(job.job, ()):
            if not news.done():
                news.set_result(None)

    async def _do(self, work: Callable[[Printer], Any]) -> Any:
        try:
            return await self._thread.do(work)
        except HalError as error:
            self._watch.lost(error.reason)
            raise


def end_with_last_life(job: Job) -> None:
    """A job that had no fate when the terminal stopped has one now: nothing is printed later."""
    if job.state == "sent":
        job.state, words = "unknown", "the terminal restarted while it was printing"
    elif job.state == "queued":
        job.state, words = "failed", "the terminal restarted before it was printed"
    else:
        return
    job.reason = _told_to_cashier(job.state, words)


def _render(blocks: list[dict[str, Any]], printer: Printer) -> bytes:
    return printer.render(blocks)


def _send(data: bytes, printer: Printer) -> Fate:
    return printer.send(data)


def _told(status: PrinterStatus) -> dict[str, str]:
    return {name: getattr(status, name) for name in status.FIELDS}


def _told_to_cashier(state: str, words: str) -> str:
    """What happened, and what to do now."""
    if state == "failed":
        return f"Not printed: {words}."
    if state == "unknown":
        return f"Look at the paper: {words}. Print again if it is not whole."
    return words
