"""The calls about paper: receipts, the till's own documents, jobs, the printer's status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack

from tilld_core.ledger import Job, entry_of
from tilld_core.messages import CallError
from tilld_daemon.lookup import differs, kind_of, object_id, reserve
from tilld_daemon.printing import JOB_NEEDS_BYTES
from tilld_daemon.receipts import shows_code
from tilld_hal.errors import Refused, StorageFault

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from tilld_core.payment import Payment
    from tilld_core.refund import Refund
    from tilld_daemon.device import Device
    from tilld_daemon.lookup import Lookup

    Params = dict[str, Any]


class PaperCalls:
    """``admission`` is shared with the other calls that take keys."""

    def __init__(self, device: Device, lookup: Lookup, admission: asyncio.Lock) -> None:
        self._device = device
        self._shell = device.shell
        self._ledger = device.ledger
        self._lookup = lookup
        self._admission = admission

    async def print_receipt(self, params: Params) -> Params:
        subject = self._subject(params)
        if not isinstance(self._ledger.keys.get(params["key"]), Job):
            self._check(subject)  # the same key is the same job, whatever has become of its subject
        receipts = self._device.receipts
        named = "payment" if params["payment"] is not None else "refund"
        copies = params["copies"] or 1
        is_code = shows_code(subject)

        def paper() -> list[dict[str, Any]]:
            if is_code and not shows_code(subject):
                raise Refused("the order code can't be paid any more")
            return receipts.document(subject)

        return await self.new_job(
            params["key"],
            "" if is_code else object_id(subject),  # a slip to pay by is no earlier receipt
            {"of": "receipt", named: object_id(subject), "copies": str(copies)},
            paper,
            copies,
        )

    async def print(self, params: Params) -> Params:
        # nil is the same as absent, in a block too
        document = [
            {name: value for name, value in block.items() if value is not None}
            for block in params["document"]
        ]

        import hashlib  # 2 ms that no start has to wait for

        packed: bytes = msgpack.packb(document)
        digest = hashlib.blake2b(packed, digest_size=16).hexdigest()
        return await self.new_job(
            params["key"], "", {"of": "print", "document": digest}, lambda: document, 1
        )

    async def new_job(
        self,
        key: str,
        of: str,
        asked: dict[str, str],
        document: Callable[[], list[dict[str, Any]]],
        copies: int,
    ) -> Params:
        """The job of this key, begun if it is new. ``of`` is the payment or refund whose receipt
        it is, else ""; ``asked`` names the kind of paper (``of``) and what else makes two calls
        the same, without spaces; ``document()`` is asked when its turn comes."""
        printing = self._device.printing
        if printing is None:
            raise CallError("no_printer")
        async with self._admission:
            known = self._ledger.keys.get(key)
            if isinstance(known, Job):
                _same_job(known, asked)
                return self._device.views.job(known)
            if known is not None:
                raise CallError("key_used", f"This key belongs to a {kind_of(known)}.")
            if printing.is_full:
                raise CallError("too_many", "Too many print jobs are waiting.")
            job = Job(self._device.new_job_id(), key, of, _body(asked), self._shell.now_s())
            await reserve(self._device.journal, job.job, JOB_NEEDS_BYTES)
            self._ledger.add_job(job)
            try:
                await self._device.journal.mark([entry_of("job queued", job)], job.job)
            except StorageFault as fault:
                raise CallError("storage") from fault
        self._device.job_changed(job)
        self._shell.start_soon(printing.run(job, document, copies))
        return self._device.views.job(job)

    async def job(self, params: Params) -> Params:
        job = self._lookup.known(params, "job", Job, self._ledger.jobs.get)
        if self._device.printing is not None:
            await self._device.printing.ended(job, params["timeout_s"] or 0)
        return self._device.views.job(job)

    async def status(self) -> Params:
        if self._device.printing is None:
            raise CallError("no_printer")
        return await self._device.printing.status()

    def get_receipt(self, params: Params) -> Params:
        subject = self._subject(params)
        self._check(subject)
        return self._device.receipts.shown(subject)

    def _subject(self, params: Params) -> Payment | Refund:
        """What the paper is about."""
        if (params["payment"] is None) == (params["refund"] is None):
            raise CallError(
                "bad_param", "Name either the payment or the refund.", ["payment", "refund"]
            )
        found: Payment | Refund | None = (
            self._ledger.find_payment(params["payment"])
            if params["payment"] is not None
            else self._ledger.refunds.get(params["refund"])
        )
        if found is None:
            raise CallError("not_found")
        return found

    def _check(self, subject: Payment | Refund) -> None:
        """Raises CallError not_paid while there is nothing to print."""
        self._device.receipts.check(subject, self._shell.view(subject)["decided"])


def _body(asked: dict[str, str]) -> str:
    """What a job was asked for, as its record keeps it."""
    return " ".join(f"{name}={value}" for name, value in asked.items())


def _same_job(known: Job, asked: dict[str, str]) -> None:
    """Same key, same paper; the other kind of print call has no use of this key."""
    was = dict(part.split("=", 1) for part in known.body.split(" "))
    if was["of"] != asked["of"]:
        raise CallError("key_used", "This key belongs to another kind of print call.")
    differing = [name for name in asked if was.get(name) != asked[name]]
    if differing:
        raise CallError("key_mismatch", differs(differing), differing)
