"""All parts put together, and run until they are told to stop."""

import asyncio
import contextlib
import pathlib
import socket
import ssl
from collections.abc import Callable

from antomsim import control as control_paths
from antomsim import wire
from antomsim.antom import Antom
from antomsim.clock import Clock
from antomsim.control import Control
from antomsim.faults import Faults
from antomsim.home import Home
from antomsim.http import Reply, Request
from antomsim.notify import Notifier
from antomsim.port import Port
from antomsim.settings import Settings
from antomsim.store import Store

CONTROL_SOCKET = "control.sock"


class Simulator:
    """``DIR/ledger.sqlite`` holds what survives; a new Simulator goes on from there."""

    def __init__(
        self, home: Home, listener: socket.socket, settings: Settings, control: socket.socket
    ) -> None:
        self._store = Store(home.path / "ledger.sqlite")
        self._clock = Clock(self._store.meta("ahead_ms", 0))
        self._faults = Faults(
            self._store.meta("faults", []), lambda entries: self._store.set_meta("faults", entries)
        )
        self._notifier = Notifier(self._store, self._clock, settings, self._faults, home)
        self._antom = Antom(self._store, self._clock, settings, self._faults, home, self._notifier)
        self._changed = asyncio.Event()
        self._control = Control(
            self._store,
            self._clock,
            settings,
            self._faults,
            self._antom,
            self._notifier,
            self._on_change,
        )
        self._port = Port(
            listener,
            _tls(home.server_pem),
            self._answer,
            self._faults.take_outage,
            lambda: self._faults.outage,
        )
        self._control_port = Port(control, None, self._answer_control, lambda: False, lambda: False)

    async def run(self, ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Serve until ``stop``; raises what a bug raised."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._port.run()),
                    group.create_task(self._control_port.run()),
                    group.create_task(self._notifier.run()),
                    group.create_task(self._keep_time()),
                ]
                ready()
                await stop.wait()
                for task in tasks:
                    task.cancel()
        finally:
            self._store.close()

    async def _answer(self, request: Request, connection: int) -> Reply:
        if not wire.uri_of(request.target).startswith(control_paths.PREFIX):
            reply = await self._antom.reply(request, connection)
            self._changed.set()
            return reply
        return await self._command(request, connection)

    async def _answer_control(self, request: Request, connection: int) -> Reply:
        return await self._command(request, 0)

    async def _command(self, request: Request, connection: int) -> Reply:
        """A control call; one that begins an outage ends every connection, its own last."""
        reply = await self._control.reply(request)
        if self._faults.outage:
            self._port.cut_all(but=connection)
            if connection:
                reply.headers.append(("connection", "close"))
        return reply

    def _on_change(self) -> None:
        self._changed.set()

    async def _keep_time(self) -> None:
        """Confirmations and expiries happen when they are due, asked for or not."""
        while True:
            self._changed.clear()
            with self._store.transaction():
                next_ms = self._antom.ledger.settle_due()
            wait_s = None if next_ms is None else (next_ms - self._clock.now_ms()) / 1000
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()


def _tls(server_pem: pathlib.Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server_pem)
    return context
