"""One connection that carries any number of calls at once, for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from tilld_client import address
from tilld_client.errors import refusal
from tilld_client.wire import READ_BYTES, Answer, Wire

if TYPE_CHECKING:
    import ssl

    Event = dict[str, Any]

EVENTS_AHEAD_MAX = 256  # who reads slower makes the terminal wait, which says so by a `gap`


class AsyncLink:
    """What it raises of OSError ends its use, a CallError does not."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer_within_s: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answer_within_s = answer_within_s
        self._wire = Wire()
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._events: asyncio.Queue[Event] = asyncio.Queue(EVENTS_AHEAD_MAX)
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def to(cls, path: str, tls: ssl.SSLContext | None, answer_within_s: float) -> AsyncLink:
        """A new connection. Raises OSError."""
        at = address.host_and_port(path)
        async with asyncio.timeout(answer_within_s):
            if at is None:
                return cls(*await asyncio.open_unix_connection(path), answer_within_s)
            name = address.named(at[0])
            streams = await asyncio.open_connection(*at, ssl=tls, server_hostname=name)
            return cls(*streams, answer_within_s)

    @property
    def is_over(self) -> bool:
        return self._ended.done()

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The result. Raises CallError; OSError when the connection is lost or silent."""
        msgid, data = self._wire.request(method, params)
        answer = self._open[msgid] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._answer_within_s + (params.get("timeout_s") or 0)):
                self._writer.write(data)
                await self._writer.drain()
                await asyncio.wait((answer, self._ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._open[msgid]
        if not answer.done():
            self._ended.result()  # raises what ended it
        return answer.result()

    async def event(self, within_s: float) -> Event:
        """The next event; TimeoutError when none comes in time, another OSError for a loss."""
        coming = asyncio.ensure_future(self._events.get())
        try:
            async with asyncio.timeout(within_s):
                await asyncio.wait((coming, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                self._ended.result()
            return coming.result()
        finally:
            coming.cancel()

    async def close(self) -> None:
        """Ends the connection; whoever waits for an answer is told that it is lost."""
        self._reading.cancel()
        await asyncio.wait((self._reading,))
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        """Hands out what comes, until the connection ends; waits are bounded by those who ask."""
        try:
            while True:
                for told in self._wire.hear(await self._reader.read(READ_BYTES)):
                    if isinstance(told, Answer):
                        self._hand_out(told)
                    else:
                        await self._events.put(told)
        except OSError as error:
            self._end(error)
        finally:
            self._end(ConnectionAbortedError("the connection was closed"))

    def _end(self, error: OSError) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)
            self._ended.exception()  # nobody has to be waiting for it

    def _hand_out(self, told: Answer) -> None:
        waiting = self._open.get(told.msgid)
        if waiting is None or waiting.done():
            return  # it was given up
        if told.error is not None:
            waiting.set_exception(refusal(told.error))
        else:
            waiting.set_result(told.result)
