"""What only an engineer may do: close what is owed by a signed action (till_socket.md §1, I15)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tilld_core import payment, refund
from tilld_core.messages import CallError

if TYPE_CHECKING:
    from tilld_core.payment import Payment
    from tilld_core.refund import Refund
    from tilld_daemon.device import Device
    from tilld_daemon.lookup import Lookup
    from tilld_daemon.till_socket import Connection

    Params = dict[str, Any]

log = logging.getLogger("tilld.engineer")


class EngineerCalls:
    """The signature is the client certificate's, by which the connection was made."""

    def __init__(self, device: Device, lookup: Lookup) -> None:
        self._shell = device.shell
        self._events = device.events
        self._lookup = lookup

    async def resolve(self, params: Params, connection: Connection) -> Params:
        """Writes off an owed cancel, or a refund that is open: a person has dealt with it. The
        record keeps the operator's name, the reason and the certificate's fingerprint; one that
        is closed already stays as it is. Raises CallError not_found, already_paid, bad_param."""
        if params["refund"] is not None:
            return await self._resolve_refund(params, connection.caller.fingerprint)
        owed = self._lookup.payment(params)
        told = self._shell.view(owed)  # what is not durable yet is nobody's to hear (I4)
        if told["outcome"] == "paid":
            raise CallError("already_paid", payment=owed.payment)
        if not told["decided"]:
            raise CallError("bad_param", "It is not decided, so nothing is owed.", ["payment"])
        if owed.state not in payment.SETTLED:
            await self._write_off(owed, params, connection.caller.fingerprint)
        return self._shell.view(owed)

    async def _write_off(self, owed: Payment, params: Params, signed_by: str) -> None:
        name, reason = params["name"], params["reason"]
        await self._shell.write_off(owed, name, reason, signed_by)
        signed = (owed.written_off_by, owed.written_off_why, owed.written_off_signed_by)
        if owed.state == payment.WRITTEN_OFF and signed == (name, reason, signed_by):
            message = f"What is owed for it was written off by {name}: {reason}"
            log.warning("%s: %s (%s)", owed.payment, message, signed_by)
            self._events.announce("attention", {"payment": owed.payment, "message": message})

    async def _resolve_refund(self, params: Params, signed_by: str) -> Params:
        if params["payment"] is not None or params["key"] is not None:
            raise CallError("bad_param", "Name a payment or a refund.", ["refund"])
        owed = self._lookup.refund(params)
        if owed.in_place_of_cancel:
            message = "It is in place of a cancel: resolve its payment."
            raise CallError("bad_param", message, ["refund"], owed.payment)
        if owed.state in refund.OPEN:
            await self._write_off_refund(owed, params, signed_by)
        return self._shell.view(owed)

    async def _write_off_refund(self, owed: Refund, params: Params, signed_by: str) -> None:
        name, reason = params["name"], params["reason"]
        await self._shell.write_off(owed, name, reason, signed_by)
        signed = (owed.written_off_by, owed.written_off_why, owed.written_off_signed_by)
        if owed.state == refund.WRITTEN_OFF and signed == (name, reason, signed_by):
            message = f"The refund was written off by {name}: {reason}"
            log.warning("%s: %s (%s)", owed.refund, message, signed_by)
            self._events.announce("attention", {"refund": owed.refund, "message": message})
