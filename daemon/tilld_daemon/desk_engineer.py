"""What only an engineer may do: close what is owed by a signed action (till_socket.md §1, I15)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tilld_core import payment
from tilld_core.messages import CallError

if TYPE_CHECKING:
    from tilld_core.payment import Payment
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
        """Writes off an owed cancel: a person has dealt with it. The record keeps the operator's
        name, the reason and the certificate's fingerprint; one that is closed already stays as
        it is. Raises CallError not_found, already_paid, bad_param."""
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
