"""The calls about periods: their reports, and closing them (till_socket.md §2 and §3)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tilld_core import payment
from tilld_core.ledger import Job, period_entries
from tilld_core.messages import CallError
from tilld_core.periods import REFUNDED, RETURNED, Period, Tally, period_id
from tilld_daemon.lookup import differs, kind_of, reserve
from tilld_hal.errors import StorageFault

if TYPE_CHECKING:
    from tilld_daemon.desk_paper import PaperCalls
    from tilld_daemon.device import Device

    Params = dict[str, Any]


class ReportCalls:
    """``admission`` is shared with the other calls that take keys: while a period is being closed
    nothing is started in it."""

    def __init__(self, device: Device, paper: PaperCalls, admission: asyncio.Lock) -> None:
        self._device = device
        self._shell = device.shell
        self._ledger = device.ledger
        self._past = device.past
        self._paper = paper
        self._admission = admission
        self._closing = asyncio.Lock()

    async def get(self, params: Params) -> Params:
        async with self._closing:  # a closing is not told before it is durable
            number = self._ledger.period if params["period"] is None else params["period"]
            return await self._report(number)

    async def close(self, params: Params) -> Params:
        async with self._admission:
            known = self._ledger.keys.get(params["key"])
            if isinstance(known, Period):
                if params["period"] not in (None, known.number):
                    raise CallError("key_mismatch", differs(["period"]), ["period"])
                return self._shown(known)
            if known is not None:
                raise CallError("key_used", f"This key belongs to a {kind_of(known)}.")
            self._check_closing(params)
            async with self._closing:
                return self._shown(await self._close(params["key"]))

    def _check_closing(self, params: Params) -> None:
        number = self._ledger.period
        if params["period"] not in (None, number):
            raise CallError("bad_param", f"The open period is {number}.", ["period"])
        undecided = self._undecided()
        if undecided:
            raise CallError(
                "order_busy",
                f"These payments are not decided yet: {', '.join(undecided)}.",
                payment=undecided[0],
            )

    async def _close(self, key: str) -> Period:
        """From its first step on, money that moves belongs to the next period; what is on flash
        says of each movement which one that is, so power may go at any point."""
        ledger, number = self._ledger, self._ledger.period
        ledger.is_closing = True
        try:
            figures = await self._figures(number)
            closed = Period(number, key, ledger.opened_at_s, self._shell.now_s(), figures)
            await self._record(closed)
        finally:
            ledger.is_closing = False
        return closed

    async def _record(self, closed: Period) -> None:
        """In the ledger first, so that a journal that is just written anew has it as well."""
        ledger, journal = self._ledger, self._device.journal
        entries = period_entries(closed)
        needs = sum(journal.cost_bytes([entry]) for entry in entries)
        await reserve(journal, closed.id, needs)
        ledger.add_period(closed)
        try:
            for part in entries[:-1]:  # the last note carries them to flash
                await journal.mark([part], closed.id)
            await journal.note(entries[-1:], closed.id)
        except StorageFault as fault:
            ledger.drop(closed)
            ledger.period, ledger.opened_at_s = closed.number, closed.opened_at_s
            raise CallError("storage") from fault
        finally:
            journal.release(closed.id)

    async def print(self, params: Params) -> Params:
        number = params["period"]
        known = self._ledger.keys.get(params["key"])
        if number is None and isinstance(known, Job):
            number = _period_of(known)  # the same key means the same paper
        report = await self.get({"period": number})
        return await self._paper.new_job(
            params["key"],
            "",
            {"of": "report", "period": str(report["period"])},
            lambda: self._device.receipts.report_document(report),
            1,
        )

    async def _report(self, number: int) -> Params:
        """Raises CallError not_found for a period that has not begun."""
        ledger = self._ledger
        if number > ledger.period:
            raise CallError("not_found", f"Period {number} has not begun.")
        if number < ledger.period:
            with self._past.held([period_id(number)]):
                if number not in ledger.periods:
                    await self._past.recall([period_id(number)])
                closed = ledger.periods.get(number)
                if closed is None:
                    raise CallError("not_found", f"Period {number} is not known any more.")
                return self._shown(closed)
        figures = await self._figures(number)
        return self._shown(Period(number, "", ledger.opened_at_s, 0, figures))

    def _shown(self, one: Period) -> Params:
        time = self._device.views.time
        about = {"opened_at": time(one.opened_at_s), "closed_at": time(one.closed_at_s)}
        return {"period": one.number, **about, **one.figures}

    async def _figures(self, number: int) -> Params:
        tally = Tally(number)
        archived = await self._past.sums(number)
        for state, reason, currency, count, minor in archived["started"]:
            tally.started(state, reason, currency, count, minor)
        for move in (REFUNDED, RETURNED):
            for currency, count, minor in archived[move]:
                tally.moved(move, currency, count, minor)
        ledger = self._ledger
        for one in ledger.payments.values():
            tally.payment(one, self._shell.view(one)["decided"])
        for returned in ledger.refunds.values():
            tally.refund(returned)
        return {
            **tally.figures(),
            "open_payments": self._undecided(),
            "owed_cancels": [one.payment for one in ledger.owing()],
            "open_refunds": [one.refund for one in ledger.open_refunds()],
            "unheard": [one.payment for one in ledger.unheard()],
        }

    def _undecided(self) -> list[str]:
        """As tills were told: what is not durable yet is not decided (I4)."""
        return [
            one.payment
            for one in self._ledger.unsettled.values()
            if one.state in payment.UNDECIDED or not self._shell.view(one)["decided"]
        ]


def _period_of(job: Job) -> int | None:
    """The period that a print job of a report was about."""
    was = dict(part.split("=", 1) for part in job.body.split(" "))
    return int(was["period"]) if was["of"] == "report" else None
