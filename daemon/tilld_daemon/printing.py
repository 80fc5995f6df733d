"""Print jobs with a fate: one at a time, in their own thread, never in a payment's way.

A job is recorded before its first byte leaves, so that after a power cut it is known that
something may be on paper: such a job is "unknown", and the next receipt of that payment is a
COPY (till_socket.md §3, Jobs). Nothing is ever printed later by itself.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from tilld_core.ledger import Job, entry_of
from tilld_hal import catalogue
from tilld_hal.errors import Gone, HalError, StorageFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_core.ledger import Ledger
    from tilld_daemon.journal import Journal
    from tilld_daemon.settings import Device
    from tilld_hal.printer import Fate, Printer, PrinterStatus

log = logging.getLogger("tilld.printer")

JOB_NEEDS_BYTES = 3072
JOBS_WAITING_MAX = 32
GONE = {"online": "no", "paper": "unknown", "cover_closed": "unknown"}


class Printing:
    """The printer and its queue. ``changed(job)`` is told of every new state, ``there(why_not)``
    whether the printer could be used: "" or the reason in words."""

    def __init__(
        self,
        device: Device,
        ledger: Ledger,
        journal: Journal,
        changed: Callable[[Job], None],
        there: Callable[[str], None],
    ) -> None:
        self._device = device
        self._ledger = ledger
        self._journal = journal
        self._changed = changed
        self._there = there
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="printer")
        self._printer: Printer | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._ends: dict[str, list[asyncio.Future[None]]] = {}

    @property
    def is_full(self) -> bool:
        return self._waiting >= JOBS_WAITING_MAX

    async def warm(self) -> None:
        """Opens the printer and loads what rendering needs, away from any sale."""
        try:
            await self._do(lambda printer: printer.warm())
        except HalError as error:
            log.warning("printer: %s", error.reason)

    async def status(self) -> dict[str, str]:
        """online, paper, cover_closed: "yes", "no" or "unknown", asked now."""
        try:
            async with self._turn:
                return _told(await self._do(lambda printer: printer.status()))
        except HalError as error:
            log.info("printer: %s", error.reason)
            return dict(GONE)

    async def run(
        self, job: Job, document: Callable[[], list[dict[str, Any]]], copies: int
    ) -> None:
        """Prints when its turn comes; ``document()`` is asked then: it may be a COPY by now."""
        self._waiting += 1
        try:
            async with self._turn:
                await self._print(job, document, copies)
        except HalError as error:
            await self._record(job, "failed", error.reason)
        finally:
            self._waiting -= 1

    async def ended(self, job: Job, timeout_s: float) -> None:
        """Returns when the job has its fate, or at the timeout."""
        if job.state in ("queued", "sent") and timeout_s:
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._ends.setdefault(job.job, []).append(news)
            await asyncio.wait((news,), timeout=timeout_s)

    async def _print(
        self, job: Job, document: Callable[[], list[dict[str, Any]]], copies: int
    ) -> None:
        for copy in range(copies):
            blocks = document()
            data: bytes = await self._do(partial(_render, blocks))
            refusal = _refusal(await self._do(lambda printer: printer.status()))
            if refusal and copy == 0:
                await self._record(job, "failed", refusal)
                return
            if copy == 0:
                await self._begin(job)
            try:
                fate: Fate = await self._do(partial(_send, data))
            except HalError as error:  # gone before the first byte of this copy
                await self._unsent(job, copy, error.reason)
                return
            if fate.state != "done":
                await self._record(job, fate.state, fate.reason)
                return
        await self._record(job, "done", "")

    async def _unsent(self, job: Job, copy: int, reason: str) -> None:
        if copy == 0:
            job.began = False
            self._ledger.count_receipt(job, -1)
        await self._record(job, "failed", reason)

    async def _begin(self, job: Job) -> None:
        await self._journal.note([entry_of("job", job)], job.job)
        job.state = "sent"
        job.began = True
        self._ledger.count_receipt(job)
        self._changed(job)

    async def _record(self, job: Job, state: str, reason: str) -> None:
        """The fate needs no flush of its own: without it the job is "unknown" after a power cut."""
        job.state, job.reason = state, reason
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
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._thread, self._with, work)
        except HalError as error:
            self._there(error.reason)
            raise
        self._there("")
        return result

    def _with(self, work: Callable[[Printer], Any]) -> Any:
        """In the printer's thread. One that is gone may be another one behind the same name since
        the last job; `Gone` means that not a byte left, so that one is opened and asked instead."""
        kept_open = self._printer is not None
        try:
            return self._once(work)
        except Gone:
            if not kept_open:
                raise
        return self._once(work)

    def _once(self, work: Callable[[Printer], Any]) -> Any:
        """Opens the printer if need be; a printer that failed is opened anew."""
        if self._printer is None:
            self._printer = catalogue.open_driver(
                "printer", self._device.driver, self._device.settings
            )
        try:
            return work(self._printer)
        except HalError:
            self._printer.close()
            self._printer = None
            raise


def _render(blocks: list[dict[str, Any]], printer: Printer) -> bytes:
    return printer.render(blocks)


def _send(data: bytes, printer: Printer) -> Fate:
    return printer.send(data)


def _told(status: PrinterStatus) -> dict[str, str]:
    return {
        "online": status.online,
        "paper": status.paper,
        "cover_closed": status.cover_closed,
    }


def _refusal(status: PrinterStatus) -> str:
    """Why nothing may be sent; "" also when the printer does not say (unknown is tried)."""
    if status.paper == "no":
        return "The printer has no paper."
    if status.cover_closed == "no":
        return "The printer's cover is open."
    return "The printer is offline." if status.online == "no" else ""
