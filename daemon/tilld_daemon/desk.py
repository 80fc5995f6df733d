"""Where the till socket's calls are answered (till_socket.md §2).

A call answers at once where it can; what waits, or writes to flash, answers later. The desk
decides nothing about money: it checks, asks the shell, and shows what the shell has told.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tilld_core import limits, payment
from tilld_core.messages import API, METHODS, CallError
from tilld_daemon.desk_engineer import EngineerCalls
from tilld_daemon.desk_paper import PaperCalls
from tilld_daemon.desk_payments import PaymentCalls
from tilld_daemon.desk_refunds import RefundCalls
from tilld_daemon.desk_reports import ReportCalls
from tilld_daemon.desk_scanner import ScannerCalls
from tilld_daemon.explanation import explain
from tilld_daemon.lookup import Lookup, page_of
from tilld_daemon.till_socket import Later

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from tilld_core.messages import Method
    from tilld_core.payment import Payment
    from tilld_core.refund import Refund
    from tilld_daemon.device import Device
    from tilld_daemon.till_socket import Answer, Connection

    Params = dict[str, Any]

# Calls that take a key that was not known before.
TAKE_KEYS = (
    "payment.start",
    "payment.cancel",
    "refund.start",
    "receipt.print",
    "printer.print",
    "report.close",
    "report.print",
)
NAMING = ("payment", "key", "payment_key", "refund", "job")  # parameters that name something

# What a call of each method names: ids, keys and orders. Lists ask for themselves.
NAMED = {row[0]: tuple(one for one, _, _ in row[2] if one in NAMING) for row in METHODS}
NAMED |= {"payment.list": (), "queue.list": ("cursor",)}


class Desk:
    """One for the device; every connection calls it."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._shell = device.shell
        self._ledger = device.ledger
        self._lookup = lookup = Lookup(device.ledger, device.past)
        admission = asyncio.Lock()
        self._payments = payments = PaymentCalls(device, lookup, admission)
        refunds = RefundCalls(device, lookup, admission)
        paper = PaperCalls(device, lookup, admission)
        reports = ReportCalls(device, paper, admission)
        engineer = EngineerCalls(device, lookup)
        self._scanner = scanner = ScannerCalls(device)
        self._begun: dict[str, asyncio.Future[None]] = {}
        self._told_at_once: dict[str, Callable[[Params, Connection], Answer]] = {
            "hello": self._hello,
            "payment.get": lambda p, c: self._shell.view(payments.find(p, c)),
            "payment.explain": lambda p, c: self._explain(payments.find(p, c)),
            "refund.get": lambda p, c: self._shell.view(lookup.refund(p)),
            "receipt.get": lambda p, c: paper.get_receipt(p),
            "queue.list": lambda p, c: self._list_queue(p),
            "queue.flush": lambda p, c: self._flush(),
            "device.info": lambda p, c: device.presence.info(),
            "device.health": lambda p, c: device.presence.health(),
            "scanner.read": scanner.read,
            "scanner.stop": lambda p, c: scanner.stop(c),
            "events.subscribe": self._subscribe,
        }
        # what only waits ends with its connection
        self._waits: dict[str, Callable[[Params, Connection], Awaitable[Params]]] = {
            "payment.list": lambda p, c: payments.list(p),
            "refund.list": lambda p, c: refunds.list(p),
            "report.get": lambda p, c: reports.get(p),
            "payment.wait": lambda p, c: self._wait(payments.find(p, c), p),
            "refund.wait": lambda p, c: self._wait(lookup.refund(p), p),
            "printer.job": lambda p, c: paper.job(p),
            "printer.status": lambda p, c: paper.status(),
        }
        # what writes to flash runs to its end, whoever asked for it
        self._writes: dict[str, Callable[[Params, Connection], Awaitable[Params]]] = {
            "payment.start": payments.start,
            "payment.acknowledge": payments.acknowledge,
            "payment.cancel": payments.cancel,
            "refund.start": lambda p, c: refunds.start(p),
            "receipt.print": lambda p, c: paper.print_receipt(p),
            "printer.print": lambda p, c: paper.print(p),
            "report.close": lambda p, c: reports.close(p),
            "report.print": lambda p, c: reports.print(p),
            "queue.resolve": engineer.resolve,
        }

    def call(self, row: Method, params: Params, connection: Connection) -> Answer:
        """The answer to a checked call, or the work that will give it. Raises CallError."""
        if self._device.stopping:
            raise CallError("stopping")
        name, key = row[0], params.get("key") or ""
        earlier = self._begun.get(key)
        named = [params[one] for one in NAMED[name] if params[one]]
        remembered = not named or not self._device.past.missing(named)
        if earlier is None and remembered and name in self._told_at_once:
            return self._told_at_once[name](params, connection)
        work = self._after(earlier, name, params, connection)
        if named and self._device.past.keeps:
            order = params["order_ref"] if name == "payment.start" else ""
            work = self._remembering(named, order, work)
        if key and name in TAKE_KEYS:
            over = self._begun[key] = asyncio.get_running_loop().create_future()
            work = self._over(key, over, work)
        return Later(work, ends=name not in self._writes)

    async def _after(
        self,
        earlier: asyncio.Future[None] | None,
        name: str,
        params: Params,
        connection: Connection,
    ) -> Params | None:
        """Calls start in the order received: one that names a key that an earlier call is just
        taking comes after that call."""
        if earlier is not None:
            await asyncio.wait((earlier,))
        if name in self._told_at_once:
            told = self._told_at_once[name](params, connection)
            assert told is None or isinstance(told, dict), "it names a key and waits for none"
            return told
        call = self._waits.get(name) or self._writes[name]
        return await call(params, connection)

    async def _remembering(
        self, named: list[str], order: str, work: Coroutine[Any, Any, Params | None]
    ) -> Params | None:
        """What a call names is in memory before it begins, and stays there until its end."""
        with self._device.past.held([*named, order]):
            try:
                await self._device.past.recall(named, order)
            except BaseException:
                work.close()
                raise
            return await work

    async def _over(
        self, key: str, over: asyncio.Future[None], work: Coroutine[Any, Any, Params | None]
    ) -> Params | None:
        """``over`` is done when the key is known, or was refused."""
        try:
            return await work
        finally:
            over.set_result(None)
            if self._begun.get(key) is over:
                del self._begun[key]

    def delivered(self, result: object) -> None:
        """An answer is on its way to a living connection: the PAIDs in it were heard (§1)."""
        if not isinstance(result, dict):
            return
        for told in result.get("payments", (result,)):
            if told.get("outcome") == "paid":
                self._device.heard(told["payment"])

    def left(self, connection: Connection) -> None:
        self._device.events.forget(connection)
        self._payments.left(connection)
        self._scanner.left(connection)

    def caught_up(self, connection: Connection) -> None:
        self._device.events.go_on(connection)

    def _hello(self, params: Params, connection: Connection) -> Params:
        connection.errors_as_text = params["errors"] == "text"
        major = params["api"][0]
        if major != API[0]:
            raise CallError(
                "api_mismatch",
                f"The till speaks version {major} of this interface, the terminal {API[0]}.",
            )
        connection.greet(params["client"])
        return self._device.presence.greeting()

    def _subscribe(self, params: Params, connection: Connection) -> Params:
        events = self._device.events
        begin = events.subscribe(
            connection, params["since"], params["topics"], self._device.presence.open_objects
        )
        asyncio.get_running_loop().call_soon(begin)
        return {"epoch": events.epoch, "seq": events.seq}

    def _explain(self, asked: Payment) -> Params:
        story, refunds = self._shell.stories.of(asked), self._ledger.refunds_of(asked)
        return explain(asked, self._shell.view(asked), story, refunds, self._device.views.time)

    async def _wait(self, thing: Payment | Refund, params: Params) -> Params:
        """Until the object is what the caller waits for, or the time is over."""
        loop = asyncio.get_running_loop()
        timeout_s = params["timeout_s"]
        ends_s = loop.time() + (limits.WAIT_MAX_S if timeout_s is None else timeout_s)
        while True:
            told = self._shell.view(thing)
            left_s = ends_s - loop.time()
            if left_s <= 0 or _is_awaited(told, params["revision"]):
                return told
            await self._shell.changed(thing, left_s)

    def _list_queue(self, params: Params) -> Params:
        owing = self._ledger.owing()
        after = self._ledger.payments.get(params["cursor"] or "")
        things = owing if after is None or after in owing else [*owing, after]
        things.sort(key=lambda one: (one.lane.window_closes_s, one.payment))
        page, cursor = page_of(params, things, lambda one: one in owing)
        now_ms, now_s = self._shell.now_ms(), self._shell.now_s()
        views = self._device.views
        return {"entries": [views.entry(one, now_ms, now_s) for one in page], "next": cursor}

    def _flush(self) -> Params:
        self._device.flusher.flush()
        return self._list_queue({"limit": limits.LIST_MAX, "cursor": None})


def _is_awaited(told: Params, revision: int | None) -> bool:
    if revision is not None:
        return bool(told["revision"] > revision)
    return bool(told["decided"] or told["state"] == payment.APPROVED)
