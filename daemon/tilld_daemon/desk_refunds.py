"""The calls about refunds (till_socket.md §2 and §3, rules.md §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_core import money, payment, refund
from tilld_core.messages import CallError
from tilld_core.refund import Refund
from tilld_core.room import refund_needs_bytes
from tilld_daemon.lookup import amount_of, differs, kind_of, reserve

if TYPE_CHECKING:
    import asyncio

    from tilld_core.payment import Payment
    from tilld_daemon.device import Device
    from tilld_daemon.lookup import Lookup

    Params = dict[str, Any]


class RefundCalls:
    """``admission`` is shared with the other calls that take keys."""

    def __init__(self, device: Device, lookup: Lookup, admission: asyncio.Lock) -> None:
        self._device = device
        self._shell = device.shell
        self._ledger = device.ledger
        self._lookup = lookup
        self._admission = admission

    async def start(self, params: Params) -> Params:
        async with self._admission:
            known = self._ledger.keys.get(params["key"])
            if isinstance(known, Refund):
                self._same_refund(known, params)
                return self._shell.view(known)
            if known is not None:
                raise CallError("key_used", f"This key belongs to a {kind_of(known)}.")
            paid = self._refundable(params)
            new = self._new_refund(paid, params)
            await reserve(self._device.journal, new.refund, refund_needs_bytes(new))
            self._ledger.add_refund(new)
            await self._shell.happen(new, "start")
        return self._shell.view(new)

    def _refundable(self, params: Params) -> Payment | None:
        """The paid payment; None for one of another device or of long ago (till_socket.md §3)."""
        named = params["payment"]
        if named is not None and params["payment_key"] is None:
            paid = self._ledger.find_payment(named)
            if paid is None:
                return None
        paid = self._lookup.payment(params | {"key": None}, "payment_key")
        if paid.state != payment.PAID:
            raise CallError(
                "not_paid",
                "The payment is not paid, so there is nothing to refund.",
                None,
                paid.payment,
            )
        return paid

    def _new_refund(self, paid: Payment | None, params: Params) -> Refund:
        if paid is None:
            if params["amount"] is None:
                raise CallError(
                    "bad_param",
                    "This terminal does not know the payment: say how much.",
                    ["amount"],
                )
            currency, value = amount_of(params["amount"])
        else:
            currency, value = self._amount_left(paid, params["amount"])
        return Refund(
            refund=self._shell.new_id(value, for_refund=True),
            key=params["key"],
            payment=paid.payment if paid else params["payment"],
            antom_payment_id=paid.antom_payment_id if paid else "",
            currency=currency,
            amount_minor=value,
            created_at_s=self._shell.now_s(),
            why=params["reason"] or "",
        )

    def _amount_left(self, paid: Payment, asked: Params | None) -> tuple[str, int]:
        """What is asked for, or all that is left; never more than that (I17)."""
        left_minor = paid.amount_minor - self._ledger.refund_claims_minor(paid)
        currency, value = (paid.currency, left_minor) if asked is None else amount_of(asked)
        if currency != paid.currency:
            raise CallError("bad_param", f"The payment was in {paid.currency}.", ["amount"])
        if value > left_minor or value <= 0:
            raise CallError(
                "refund_exceeds",
                f"{money.show(paid.currency, left_minor)} are left to refund.",
                payment=paid.payment,
            )
        return currency, value

    def _same_refund(self, known: Refund, params: Params) -> None:
        """The key's earlier refund, if the call asks for the same one."""
        paid = self._ledger.payments.get(known.payment)
        differing = []
        if params["payment"] not in (None, known.payment, known.antom_payment_id):
            differing.append("payment")
        if params["payment_key"] is not None and (not paid or params["payment_key"] != paid.key):
            differing.append("payment_key")
        asked = params["amount"]
        if asked and (asked["currency"], asked["value"]) != (known.currency, known.amount_minor):
            differing.append("amount")
        if differing:
            raise CallError("key_mismatch", differs(differing), differing)

    async def list(self, params: Params) -> Params:
        named, wanted = params["payment"], params["open"]
        paid = self._ledger.find_payment(named) if named is not None else None
        of = paid.payment if paid else named

        def is_asked_for(one: Refund) -> bool:
            return of in (None, one.payment) and wanted in (None, one.state in refund.OPEN)

        # what is named has been recalled with all its refunds; what is open never leaves
        past = None if wanted or of is not None else self._device.past.refunds
        page, cursor = await self._lookup.page(params, self._ledger.refunds, is_asked_for, past)
        return {"refunds": [self._shell.view(one) for one in page], "next": cursor}
