"""The calls about payments: start, acknowledge, cancel, list (till_socket.md §2 and §3)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from tilld_core import limits, payment
from tilld_core.messages import TILL, CallError
from tilld_core.payment import Payment
from tilld_core.room import payment_needs_bytes
from tilld_daemon.lookup import amount_of, differs, kind_of, reserve

if TYPE_CHECKING:
    from tilld_daemon.device import Device
    from tilld_daemon.lookup import Lookup
    from tilld_daemon.till_socket import Connection

    Params = dict[str, Any]

# A way that was found closed is looked at again before a payment is refused for it, so that
# a network that has just come back is not held against the next customer.
CLOSED_LATELY_S = 0.1
# Before a code is asked for. A kept connection of that age would be replaced now all the same.
OPEN_LATELY_S = 15.0
LOOK_FOR_S = 1.5
CLOSED_KEY_NEEDS_BYTES = 1024


class PaymentCalls:
    """``admission`` is held while a key is looked up and taken, so that no two calls take it."""

    def __init__(self, device: Device, lookup: Lookup, admission: asyncio.Lock) -> None:
        self._device = device
        self._shell = device.shell
        self._ledger = device.ledger
        self._lookup = lookup
        self._admission = admission
        # Only one payment at a time waits for a code: which, and who has named it.
        self._waiting = ""
        self._named_by: set[Connection] = set()
        self._leaving: asyncio.TimerHandle | None = None

    def find(self, params: Params, connection: Connection) -> Payment:
        """What a call names, by id or key."""
        found = self._lookup.payment(params)
        self.name(found, connection)
        return found

    def name(self, named: Payment, connection: Connection) -> None:
        """A waiting payment lives as long as a till's open connection has named it."""
        if named.state != payment.WAITING or connection.caller.role != TILL:
            return
        if self._waiting != named.payment:
            self._waiting = named.payment
            self._named_by = set()
        if self._leaving is not None:
            self._leaving.cancel()
        if connection.is_open:
            self._named_by.add(connection)
        elif not self._named_by:
            self._leave_soon()  # it ended while its call was under way

    def left(self, connection: Connection) -> None:
        """A connection ended: what only it waited for is given up soon."""
        if connection in self._named_by:
            self._named_by.discard(connection)
            if not self._named_by:
                self._leave_soon()

    def _leave_soon(self) -> None:
        after_s = self._shell.timing.till_left_after_ms / 1000
        loop = asyncio.get_running_loop()
        self._leaving = loop.call_later(after_s, self._abandon, self._waiting)

    def _abandon(self, named: str) -> None:
        waiting = self._ledger.payments.get(named)
        if waiting is not None:
            self._shell.start_soon(self._shell.leave(waiting))

    async def start(self, params: Params, connection: Connection) -> Params:
        if params["by"] == payment.ORDER_CODE and params["code"] is not None:
            raise CallError("bad_param", "An order code is issued, none is given.", ["code"])
        if params["key"] not in self._ledger.keys:
            self._check_request(params)
            await self._check_ready(_needs_scanner(params))
        async with self._admission:
            known = self._ledger.keys.get(params["key"])
            if known is None:
                known = await self._admit(params)
            elif not isinstance(known, Payment):
                raise CallError("key_used", f"This key belongs to a {kind_of(known)}.")
            else:
                _same_payment(known, params)
        self.name(known, connection)
        return self._shell.view(known)

    async def _admit(self, params: Params) -> Payment:
        """A new payment, recorded; or the reason why there can be none, with nothing changed."""
        self._check_request(params)  # once more: another start may have used the code meanwhile
        currency, value = amount_of(params["amount"])
        self._check_order(params)
        if _needs_scanner(params):
            self._check_scanner()
        new = Payment(
            payment=self._shell.new_id(value),
            key=params["key"],
            order_ref=params["order_ref"],
            currency=currency,
            amount_minor=value,
            created_at_s=self._shell.now_s(),
            by=params["by"] or payment.PRESENTED_CODE,
            split=bool(params["split"]),
            description=params["description"] or "",
            scan_timeout_ms=(params["scan_timeout_s"] or limits.SCAN_TIMEOUT_DEFAULT_S) * 1000,
        )
        await reserve(self._device.journal, new.payment, payment_needs_bytes(new))
        await self._begin(new, params["code"])
        return new

    def _check_request(self, params: Params) -> None:
        """What is wrong with the call itself, whatever the terminal's state."""
        amount_of(params["amount"])
        if params["code"] is not None:
            refusal = self._device.scanner.codes.refusal(params["code"])
            if refusal:
                raise CallError("bad_code", f"Not accepted: {refusal}.", ["code"])

    async def _begin(self, new: Payment, code: str | None) -> None:
        self._ledger.add_payment(new)
        self._ledger.moved(new)
        if new.by == payment.ORDER_CODE:
            await self._shell.happen(new, "start order code")
        elif code is None:
            self._device.scanner.arm()
            self._shell.start_soon(self._device.upstream.open_ahead())
            await self._shell.happen(new, "start")
            self._device.scanner.guide()
        else:
            self._device.scanner.codes.use(code, new.payment)
            await self._shell.happen(new, "start with code", {"code": code})

    async def _check_ready(self, needs_scanner: bool) -> None:
        """Refuses when something observed stands in the way (till_socket.md §3). Before anybody
        shows a code, what was seen of the way some time ago is seen anew; with the code there
        already, `pay` itself does that."""
        health, way = self._device.health, self._device.way
        look = None
        if health.way_is_closed:
            look = way.asked(CLOSED_LATELY_S)
        elif needs_scanner:
            look = way.asked(OPEN_LATELY_S)
        if look is not None:
            await asyncio.wait((look,), timeout=LOOK_FOR_S)
        blocks = health.blocks(but=() if needs_scanner else ("scanner",))
        if blocks:
            said = " ".join(block["message"] for block in blocks)
            raise CallError("not_ready", said, blocks=blocks)

    def _check_order(self, params: Params) -> None:
        undecided, paid = self._ledger.order_is(params["order_ref"])
        if paid is not None and not self._shell.view(paid)["decided"]:
            undecided = paid  # its record is still on its way to flash (I4)
        if undecided is not None:
            raise CallError("order_busy", payment=undecided.payment)
        if paid is not None and not params["split"]:
            raise CallError("order_paid", payment=paid.payment)
        if len(self._ledger.unsettled) >= limits.OPEN_PAYMENTS_MAX:
            raise CallError(
                "too_many", f"{limits.OPEN_PAYMENTS_MAX} payments are not settled upstream yet."
            )

    def _check_scanner(self) -> None:
        if self._device.scanner.is_there == "no":
            raise CallError("no_scanner")
        waiting = self._ledger.waiting_for_code()
        if waiting is not None:
            left_ms = (waiting.deadline_ms or 0) - self._shell.now_ms()
            raise CallError(
                "scanner_busy",
                f"Order {waiting.order_ref} waits for its code, {max(0, left_ms) // 1000} s more.",
                payment=waiting.payment,
            )

    async def acknowledge(self, params: Params, connection: Connection) -> Params:
        approved = self.find(params, connection)
        await self._shell.acknowledge(approved)
        return self._shell.view(approved)

    async def cancel(self, params: Params, connection: Connection) -> Params:
        async with self._admission:
            known = params["payment"] is not None or params["key"] in self._ledger.keys
            if not known and params["key"] is not None:
                return self._shell.view(await self._close_key(params["key"]))
        unwanted = self.find(params, connection)
        await self._shell.cancel(unwanted)
        return self._shell.view(unwanted)

    async def _close_key(self, key: str) -> Payment:
        """A cancel that overtook its start: the key can never pay (till_socket.md §3)."""
        name = "closed" + self._device.clock.random_bytes(16).hex()
        closed = Payment(name, key, "", "", 0, self._shell.now_s())
        await reserve(self._device.journal, closed.payment, CLOSED_KEY_NEEDS_BYTES)
        self._ledger.add_payment(closed)
        await self._shell.happen(closed, "close key")
        return closed

    async def list(self, params: Params) -> Params:
        ref, wanted, period = params["order_ref"], params["open"], params["period"]

        def is_asked_for(one: Payment) -> bool:
            same = period in (None, one.period) and ref in (None, one.order_ref)
            return same and wanted in (None, _is_open(one))

        page, cursor = await self._lookup.page(
            params,
            self._ledger.payments,
            is_asked_for,
            None if wanted else partial(self._device.past.payments, _given(ref, period)),
        )
        return {"payments": [self._shell.view(one) for one in page], "next": cursor}


def _needs_scanner(params: Params) -> bool:
    """Not for an order code, nor for a till that has read the code itself."""
    return params["code"] is None and params["by"] != payment.ORDER_CODE


def _given(order_ref: str | None, period: int | None) -> dict[str, object]:
    asked = {"order_ref": order_ref, "period": period}
    return {name: value for name, value in asked.items() if value is not None}


def _is_open(one: Payment) -> bool:
    """Undecided, owing, or paid without anybody having heard it yet."""
    return one.state not in payment.SETTLED or (one.state == payment.PAID and not one.heard)


def _same_payment(known: Payment, params: Params) -> None:
    """Same key, same body: the same payment; a closed key takes any body (till_socket.md §3)."""
    if not known.currency:
        return
    asked = {
        "order_ref": params["order_ref"],
        "amount": (params["amount"]["currency"], params["amount"]["value"]),
        "by": params["by"] or payment.PRESENTED_CODE,
        "split": bool(params["split"]),
    }
    was = {
        "order_ref": known.order_ref,
        "amount": (known.currency, known.amount_minor),
        "by": known.by,
        "split": known.split,
    }
    differing = [name for name in asked if asked[name] != was[name]]
    if differing:
        raise CallError("key_mismatch", differs(differing), differing, known.payment)
