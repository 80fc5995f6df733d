"""The client for asyncio: the same sale, the same names, `await` before them.

    from tilld_client import KeyFolder
    from tilld_client.aio import AsyncTill

    async with AsyncTill() as till:
        payment = await till.pay(KeyFolder("/var/lib/shop/keys"), order, "EUR", 1250)
        if payment.paid:
            hand_over_the_goods()

One connection carries all calls at once; events have one of their own. A store's methods may be
coroutines; others are called in a thread, because they wait for a disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from typing import TYPE_CHECKING, Any

from tilld_client import address, sale, wire
from tilld_client.aio_link import AsyncLink
from tilld_client.errors import AlreadyPaid, CallError, Lost
from tilld_client.events import AGAIN_S, PING, PING_EVERY_S, Place
from tilld_client.results import Payment, Refund
from tilld_client.till import CONNECT_AGAIN_S

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator

    from tilld_client.events import Event, Position
    from tilld_client.keys import KeyStore
    from tilld_client.till import Progress


class AsyncTill:
    """A terminal, as a till sees it. Arguments, results and errors are those of `Till`."""

    def __init__(
        self,
        path: str = address.DEFAULT,
        client: str = "tilld_client",
        patience_s: float = 60.0,
        answer_within_s: float = 15.0,
        tls: ssl.SSLContext | None = None,
        held_up: Callable[[Exception], object] | None = None,
    ) -> None:
        address.check(path, tls)
        self._path = path
        self._client = client
        self._patience_s = patience_s
        self._answer_within_s = answer_within_s
        self._tls = tls
        self._held_up = held_up or (lambda _: None)
        self._link: AsyncLink | None = None
        self._connecting = asyncio.Lock()
        self.greeting: dict[str, Any] = {}

    async def __aenter__(self) -> AsyncTill:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def pay(
        self,
        store: KeyStore,
        order_ref: str,
        currency: str,
        value: int,
        progress: Progress | None = None,
        **more: Any,
    ) -> Payment:
        """`Till.pay`. A task that is cancelled here, by a timeout too, wants no payment any more:
        the payment is cancelled, and `recover` says how it ended."""
        payment = Payment()
        async for payment in self.paying(store, order_ref, currency, value, **more):
            if progress:
                progress(payment)
        return payment

    async def paying(
        self,
        store: KeyStore,
        order_ref: str,
        currency: str,
        value: int,
        key: str = "",
        scanner_wait_s: float = 60.0,
        **more: Any,
    ) -> AsyncIterator[Payment]:
        """`Till.paying`: the payment each time it was told, at last decided."""
        wanted = sale.payment_wanted(key, order_ref, currency, value, scanner_wait_s, more)
        async for thing in self._done(sale.sold(store, wanted), wanted.key):
            yield Payment(thing)

    async def refund(
        self,
        store: KeyStore,
        payment: str,
        currency: str = "",
        value: int = 0,
        key: str = "",
        reason: str = "",
    ) -> Refund:
        """`Till.refund`."""
        wanted = sale.refund_wanted(key, payment, currency, value, reason)
        refund = Refund()
        async for thing in self._done(sale.sold(store, wanted)):
            refund = Refund(thing)
        return refund

    async def recover(self, store: KeyStore) -> AsyncIterator[Payment | Refund]:
        """`Till.recover`: every unfinished key, as it ended."""
        async for thing in self._done(sale.recovered(store)):
            yield thing

    async def cancel(self, key: str) -> Payment:
        """No payment is wanted under this key, begun or not. Raises AlreadyPaid."""
        return Payment(await self.call("payment.cancel", key=key))

    async def get(self, key: str) -> Payment:
        """What became of a key."""
        return Payment(await self.call("payment.get", key=key))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """`Till.call`: one call of the contract, repeated when the connection is lost."""
        wire.refuse_subscription(method)
        ends_s = time.monotonic() + self._patience_s
        pauses = iter(CONNECT_AGAIN_S)
        pause_s = CONNECT_AGAIN_S[0]
        while True:
            link: AsyncLink | None = None
            try:
                link = await self._linked()
                result: dict[str, Any] = await link.ask(method, params)
                return result
            except (OSError, CallError) as error:
                if isinstance(error, CallError) and error.code != "stopping":
                    raise
                if link is not None:
                    await link.close()
                if time.monotonic() >= ends_s:
                    raise Lost(f"the terminal at {self._path} does not answer: {error}") from error
                self._held_up(error)
            pause_s = next(pauses, pause_s)
            await asyncio.sleep(pause_s)

    async def now(self) -> Position:
        """The position of this moment, for `events`."""
        greeting = await self.call("hello", **wire.hello(self._client))
        return {"epoch": greeting["epoch"], "seq": greeting["last_seq"]}

    def events(self, since: Position | None = None, topics: list[str] | None = None) -> AsyncEvents:
        """`Till.events`, for `async for`."""
        return AsyncEvents(self.connected, self._patience_s, since, topics, self._held_up)

    async def connected(self) -> AsyncLink:
        """A new connection that has said hello. Raises OSError, or CallError for a refusal."""
        link = await AsyncLink.to(self._path, self._tls, self._answer_within_s)
        try:
            self.greeting = await link.ask("hello", wire.hello(self._client))
        except BaseException:
            await link.close()
            raise
        return link

    async def close(self) -> None:
        """Ends the connection; the next call opens a new one."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _linked(self) -> AsyncLink:
        async with self._connecting:
            if self._link is None or self._link.is_over:
                await self.close()
                self._link = await self.connected()
            return self._link

    async def _done(
        self, steps: Generator[sale.Step, Any, None], cancels: str = ""
    ) -> AsyncIterator[Payment | Refund]:
        """Does what the steps say; a cancelled task cancels the key ``cancels``."""
        try:
            step = next(steps)
            while True:
                if isinstance(step, Payment | Refund):
                    yield step
                    step = next(steps)
                    continue
                try:
                    answer = await self._do(step)
                except CallError as refused:
                    step = steps.throw(refused)
                else:
                    step = steps.send(answer)
        except StopIteration:
            return
        except asyncio.CancelledError:
            if cancels:
                await self._give_up(cancels)
            raise

    async def _give_up(self, key: str) -> None:
        """Nobody waits for this payment any more. How it ends, `recover` says."""
        with contextlib.suppress(AlreadyPaid, Lost, TimeoutError):
            async with asyncio.timeout(self._answer_within_s):
                await self.cancel(key)

    async def _do(self, step: sale.Call | sale.Do | sale.Pause) -> Any:
        if isinstance(step, sale.Call):
            return await self.call(step.method, **step.params)
        if isinstance(step, sale.Pause):
            self._held_up(step.why)
            return await asyncio.sleep(step.seconds)
        if inspect.iscoroutinefunction(step.what):
            return await step.what(*step.arguments)
        return await asyncio.to_thread(step.what, *step.arguments)


class AsyncEvents:
    """`Events` for `async for`: it outlives connections and the terminal's restarts."""

    def __init__(
        self,
        connected: Callable[[], Awaitable[AsyncLink]],
        patience_s: float,
        since: Position | None,
        topics: list[str] | None,
        held_up: Callable[[Exception], object],
    ) -> None:
        self._connected = connected
        self._patience_s = patience_s
        self._place = Place(since)
        self._topics = topics
        self._held_up = held_up
        self._link: AsyncLink | None = None

    @property
    def position(self) -> Position | None:
        """`since` for another time; nil before the first event was waited for."""
        return self._place.position

    def __aiter__(self) -> AsyncEvents:
        return self

    async def __anext__(self) -> Event:
        ends_s = time.monotonic() + self._patience_s
        while True:
            try:
                event = await self._next()
            except (OSError, CallError) as error:
                await self.close()
                if isinstance(error, CallError) and error.kind != "busy":
                    raise
                if time.monotonic() >= ends_s:
                    raise Lost(f"the terminal does not answer: {error}") from error
                self._held_up(error)
                await asyncio.sleep(AGAIN_S)
            else:
                self._place.heard(event)
                return event

    async def close(self) -> None:
        """Ends the connection; iterating again goes on where it was."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _next(self) -> Event:
        while True:
            if self._link is None:
                link = self._link = await self._connected()
                asked = {"since": self._place.position, "topics": self._topics}
                self._place.begin(await link.ask("events.subscribe", asked))
            try:
                return await self._link.event(PING_EVERY_S)
            except TimeoutError:
                await self._link.ask(PING, {})  # silent, or dead?
