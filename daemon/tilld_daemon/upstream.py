"""The way to Antom: blocking calls in threads, seen from the event loop as awaitables.

Model `direct`: the device signs with the merchant's own key. What the calls need (keys, TLS,
cryptography) loads after the till socket answers; the first call waits for it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tilld_core.payment import AT_RISK, ORDER_CODE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_antom.client import Antom
    from tilld_antom.evidence import Evidence
    from tilld_core.limits import Timing
    from tilld_core.payment import Payment
    from tilld_core.refund import Refund

Result = TypeVar("Result")

CANCELS_AT_ONCE = 16  # lanes tried together: one that hangs costs the others no time
SALES_AT_ONCE = 64  # `pay` and inquiries have threads of their own, so that no cancel delays them
# What no connection could be made for; a connection that brought no answer is no obstacle.
OBSTACLES = ("resolve", "refused", "unreachable", "tls")
# However fast the timers of mode test are: a handshake that takes its time closes no way.
LOOK_WITHIN_MIN_S = 1.0
CHECK_EVENTS = {
    ("check success", "window"): "window check success",
    ("check success", "status"): "status check success",
}


class Intent(NamedTuple):
    """What `pay` says besides the code."""

    payment_request_id: str
    order_ref: str
    description: str
    currency: str
    amount_minor: int
    terminal_request_time: str
    expires_at: str | None


class RefundOrder(NamedTuple):
    refund_request_id: str
    antom_payment_id: str
    currency: str
    amount_minor: int
    reason: str


class Upstream:
    """Calls by presented code or order code, in the model `direct`.

    ``build`` makes the Antom client; ``load`` runs it once, in a thread. ``observed`` hears
    after every call whether the way to Antom was open: "" or what stood in it, for people.
    """

    def __init__(
        self,
        build: Callable[[], Antom],
        timing: Timing,
        time_text: Callable[[int], str | None],
        trusted_time: Callable[[], int | None],
        observed: Callable[[str], None],
    ) -> None:
        self._timing = timing
        self._time_text = time_text
        self._trusted_time = trusted_time
        self._observed = observed
        self._sales = ThreadPoolExecutor(SALES_AT_ONCE, thread_name_prefix="sales")
        self._returns = ThreadPoolExecutor(CANCELS_AT_ONCE, thread_name_prefix="returns")
        self._build = build
        self._built: asyncio.Future[Antom] = asyncio.get_running_loop().create_future()

    async def load(self) -> None:
        """Builds the client; raises what building it raised."""
        self._built.set_result(await self._in_thread(self._sales, self._build))

    async def ready(self) -> Antom:
        """The client, once it is loaded."""
        return self._built.result() if self._built.done() else await asyncio.shield(self._built)

    async def open_ahead(self) -> bool:
        """Connects while the scanner waits; True when the way to Antom is open."""
        antom = await self.ready()
        opened: bool = await self._in_thread(self._sales, antom.open_ahead, self._look_within_s)
        self._observed("" if opened else "no connection")
        return opened

    async def look(self) -> str:
        """Makes a new connection, to see whether one can be made: "" or what was in its way. Those
        that were idle are closed: they may lead over a cable that is no more. Not observed here."""
        antom = await self.ready()
        opened = await self._in_thread(self._sales, antom.open_ahead, self._look_within_s, True)
        return "" if opened else "no connection"

    def has_hung_up(self) -> bool:
        """Whether Antom has closed a connection that was idle; nothing is sent to see it."""
        return self._built.done() and self._built.result().has_hung_up()

    async def pay(self, paid_for: Payment, code: str) -> Evidence:
        """One `pay`, once. Its socket may stay open until every inquiry has been asked; a
        connection that can't be had before the first inquiry is given up unsent."""
        antom = await self.ready()
        connect_s = self._timing.pay_answer_ms * 0.9 / 1000
        within_s = self._timing.t_answer_ms / 1000
        intent = self._intent(paid_for)

        def send() -> Evidence:
            """In its thread, which may have come late: after the decision no `pay` leaves."""
            if paid_for.state not in AT_RISK:
                from tilld_antom.evidence import Evidence

                return Evidence("not sent", {})
            if paid_for.by == ORDER_CODE:
                return antom.ask_order_code(intent, within_s, connect_s)
            return antom.pay(intent, code, within_s, connect_s)

        evidence: Evidence = await self._in_thread(self._sales, send)
        # one that was given up here says nothing of the way
        return self._seen(evidence) if evidence.facts else evidence

    async def inquire(self, paid_for: Payment) -> Evidence:
        antom = await self.ready()
        return await self._ask(self._sales, antom.inquire, self._intent(paid_for))

    async def check(self, paid_for: Payment, why: str) -> Evidence:
        """The inquiry after a refused cancel; ``why`` is "window" or "status"."""
        antom = await self.ready()
        evidence = await self._ask(self._returns, antom.check, self._intent(paid_for))
        event = CHECK_EVENTS.get((evidence.event, why), evidence.event)
        return evidence._replace(event=event)

    async def cancel(self, paid_for: Payment) -> Evidence:
        antom = await self.ready()
        return await self._ask(self._returns, antom.cancel, paid_for.payment)

    async def refund(self, returned: Refund) -> Evidence:
        antom = await self.ready()
        return await self._ask(self._returns, antom.refund, _order(returned))

    async def locate(self, returned: Refund) -> Evidence:
        """Antom's id of the payment that is to be refunded, by our own id of it."""
        antom = await self.ready()
        return await self._ask(self._returns, antom.locate, returned.payment)

    async def inquire_refund(self, returned: Refund) -> Evidence:
        antom = await self.ready()
        return await self._ask(self._returns, antom.inquire_refund, _order(returned))

    @property
    def _within_s(self) -> float:
        return self._timing.answer_within_ms / 1000

    @property
    def _look_within_s(self) -> float:
        return max(self._within_s, LOOK_WITHIN_MIN_S)

    async def _ask(
        self, threads: ThreadPoolExecutor, call: Callable[[Any, float], Evidence], about: object
    ) -> Evidence:
        return self._seen(await self._in_thread(threads, call, about, self._within_s))

    def _in_thread(
        self, threads: ThreadPoolExecutor, call: Callable[..., Result], *args: Any
    ) -> asyncio.Future[Result]:
        return asyncio.get_running_loop().run_in_executor(threads, call, *args)

    def _seen(self, evidence: Evidence) -> Evidence:
        lost = evidence.facts.get("reason", "")
        if lost in OBSTACLES or evidence.event in ("not sent", "refund not sent"):
            self._observed(evidence.facts.get("message", lost))
        elif not lost:
            self._observed("")
        return evidence

    def _intent(self, paid_for: Payment) -> Intent:
        """`paymentExpiryTime` goes along when the clock is trusted (rules.md §6); a clock that was
        set while the code was waited for makes no expiry in the past (I19)."""
        expires = None
        now_s = self._trusted_time()
        if now_s is not None:
            lasts_s = (self._timing.t_answer_ms + 999) // 1000
            latest_s = paid_for.created_at_s + paid_for.scan_timeout_ms // 1000
            expires = self._time_text(paid_for.code_expires_s or max(latest_s, now_s) + lasts_s)
        return Intent(
            paid_for.payment,
            paid_for.order_ref,
            paid_for.description or paid_for.order_ref,
            paid_for.currency,
            paid_for.amount_minor,
            self._time_text(paid_for.created_at_s) or "1970-01-01T00:00:00+00:00",
            expires,
        )


def _order(returned: Refund) -> RefundOrder:
    return RefundOrder(
        returned.refund,
        returned.antom_payment_id,
        returned.currency,
        returned.amount_minor,
        returned.why,
    )
