"""What the terminal says of itself: who it is, what works, what it owes, what a till has missed."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from tilld_core import payment
from tilld_core.messages import API
from tilld_daemon import VERSION
from tilld_hal import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tilld_core.ledger import Ledger
    from tilld_daemon.device import Device

AT_ONCE = 50  # families of the archive that are read together
RECENT_S = 3600  # decided so lately is told again after a gap (till_socket.md §5)
FEATURES = [
    "payment",
    "refund",
    "receipt",
    "printer",
    "queue",
    "events",
    "explain",
    "order_code",
    "report",
    "scanner",
]


class Presence:
    """One for the device; nothing here changes anything."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def greeting(self) -> dict[str, Any]:
        """The result of `hello`."""
        device = self._device
        device.way.asked()  # it ends behind this answer, and `device.changed` tells how
        return {
            "device": device.ledger.device,
            "terminal": device.settings.terminal.number,
            "version": VERSION,
            "api": list(API),
            "features": FEATURES,
            "mode": device.settings.terminal.mode,
            **device.health.report(),
            "unheard": [paid.payment for paid in device.ledger.unheard()],
            "epoch": device.events.epoch,
            "last_seq": device.events.seq,
        }

    def info(self) -> dict[str, Any]:
        """The result of `device.info`."""
        device = self._device
        states = self._states()
        drivers = {}
        for kind in catalogue.KINDS:
            name = getattr(device.settings, kind).driver
            if name:
                maturity = catalogue.maturity(kind, name)[0]
                drivers[kind] = {"driver": name, "state": states[kind], "maturity": maturity}
        return {
            "device": device.ledger.device,
            "terminal": device.settings.terminal.number,
            "version": VERSION,
            "api": list(API),
            "mode": device.settings.terminal.mode,
            "model": device.settings.upstream.model,
            "pid": os.getpid(),
            "drivers": drivers,
            "owed": len(device.ledger.owing()),
            "storage": device.wear(),
        }

    def _states(self) -> dict[str, str]:
        """Of each device whether it works: yes, no, unknown; never a value that may be stale."""
        device = self._device
        return {
            "scanner": device.scanner.is_there,
            "printer": device.printer_watch.is_there,
            "network": device.network_is,
            "storage": "yes" if device.journal.fault is None else "no",
            "clock": "yes" if device.clock.trusted() else "unknown",
        }

    def health(self) -> dict[str, Any]:
        """The result of `device.health`."""
        device = self._device
        device.way.asked()
        return {
            **device.health.report(),
            "owed": len(device.ledger.owing()),
            "scanner": device.scanner.is_there,
            "clock_set": "yes" if device.clock.trusted() else "no",
            "network": device.discovery.seen(),
            "storage": device.wear(),
        }

    def open_objects(self) -> Iterable[asyncio.Future[Any] | tuple[str, dict[str, Any]]]:
        """What a till must know after a gap: open, unsettled, or decided in the last hour. In
        place of what has to be read first stands a future of it."""
        device = self._device
        since_s = device.shell.now_s() - RECENT_S
        after = ""
        while device.past.is_there:
            reading = asyncio.ensure_future(device.past.recent(since_s, after, AT_ONCE))
            yield reading
            if reading.exception() is not None:
                break  # that it can't be read was told; what is open is in memory
            found, after = reading.result()
            yield from self._told_of(found, since_s)
            if not after:
                break
        yield from self._told_of(device.ledger, since_s)

    def _told_of(self, ledger: Ledger, since_s: int) -> Iterable[tuple[str, dict[str, Any]]]:
        device = self._device
        for one in list(ledger.payments.values()):
            if one.state not in payment.SETTLED or one.decided_at_s >= since_s:
                yield "payment.changed", {"payment": device.shell.view(one)}
        for returned in list(ledger.refunds.values()):
            if not returned.decided_at_s or returned.decided_at_s >= since_s:
                yield "refund.changed", {"refund": device.shell.view(returned)}
        for job in list(ledger.jobs.values()):
            if job.created_at_s >= since_s:
                yield "job.changed", {"job": device.views.job(job)}
