"""What tills see of payments and refunds: what the last `tell` has published, until the next.

Nobody hears of a decision before its record is durable (I4): while an object moves, its last
published view stands in its place.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tilld_core import payment
from tilld_core.payment import Payment

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_core.refund import Refund
    from tilld_daemon.events import Events
    from tilld_daemon.views import Views

    Thing = Payment | Refund


class Told:
    """One for the device."""

    def __init__(self, views: Views, events: Events, now_ms: Callable[[], int]) -> None:
        self._views = views
        self._events = events
        self._now_ms = now_ms
        self._told: dict[str, dict[str, Any]] = {}
        self._prompts: dict[str, dict[str, str]] = {}
        self._listeners: dict[str, list[asyncio.Future[None]]] = {}

    def knows(self, name: str) -> bool:
        """It is open, or somebody waits for news of it."""
        return name in self._told or name in self._listeners

    def view(self, thing: Thing) -> dict[str, Any]:
        """The object as last told, with the seconds left until it is decided."""
        told = self._told.get(id_of(thing)) or self._build(thing)
        if isinstance(thing, Payment) and not told["decided"] and thing.decides_by_ms is not None:
            left_ms = max(0, thing.decides_by_ms - self._now_ms())
            return {**told, "decides_in_s": (left_ms + 999) // 1000}
        return told

    async def changed(self, thing: Thing, timeout_s: float) -> None:
        """Returns at the next tell about the object, or at the timeout."""
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._listeners.setdefault(id_of(thing), [])
        waiting.append(news)
        try:
            await asyncio.wait((news,), timeout=timeout_s)
        finally:
            if news in waiting:
                waiting.remove(news)
            if not waiting and self._listeners.get(id_of(thing)) is waiting:
                del self._listeners[id_of(thing)]

    def prompt(self, waiting: Payment, code: str, message: str) -> None:
        """Tells the cashier what keeps its code from being read; the payment stays as it is."""
        self._prompts[waiting.payment] = {"code": code, "message": message}
        waiting.revision += 1
        self.publish(waiting)

    def withdraw_prompt(self, waiting: Payment, code: str = "") -> None:
        """That prompt is true no more; another one stays. Without ``code`` none stays, and the
        next tell says so."""
        if code and self._prompts.get(waiting.payment, {}).get("code") == code:
            del self._prompts[waiting.payment]
            waiting.revision += 1
            self.publish(waiting)
        elif not code:
            self._prompts.pop(waiting.payment, None)

    def hold(self, thing: Thing) -> None:
        """It is about to move: until the next tell this is what is seen of it."""
        self._told.setdefault(id_of(thing), self._build(thing))

    def settle(self, thing: Thing) -> None:
        """It moves no more: it is what it is."""
        self._told.pop(id_of(thing), None)
        self._prompts.pop(id_of(thing), None)

    def publish(self, thing: Thing) -> None:
        told = self._told[id_of(thing)] = self._build(thing)
        if isinstance(thing, Payment):
            self._events.announce("payment.changed", {"payment": told})
        else:
            self._events.announce("refund.changed", {"refund": told})
        for news in self._listeners.pop(id_of(thing), ()):
            if not news.done():
                news.set_result(None)

    def _build(self, thing: Thing) -> dict[str, Any]:
        if isinstance(thing, Payment):
            return self._views.payment(thing, self._prompts.get(thing.payment))
        return self._views.refund(thing)


def id_of(thing: Thing) -> str:
    """Our request id of it."""
    return thing.payment if isinstance(thing, Payment) else thing.refund


def why_called(thing: Thing, called: str) -> str:
    """What the person is told who is called about it (``called``: the words of the effect), in
    the state that it is in now."""
    if called == "about return":
        way = "cancel of a payment" if isinstance(thing, Payment) else "refund"
        return (
            f"Antom has confirmed the {way} that was written off: "
            "check that the money was not given back twice."
        )
    if not isinstance(thing, Payment):
        if thing.reason == "no_such_payment":
            return "Antom knows no payment of its number: check the number."
        return "Its refund is not confirmed yet; it goes on."
    if thing.state == payment.WRITTEN_OFF:
        return "Antom took money for it after it was written off: see to it by hand."
    if thing.state == payment.CANCELLING:
        return "Money was taken after it was decided not paid; it is being cancelled."
    if thing.state == payment.CANCEL_QUEUED:
        return "Its cancel is not confirmed yet; it goes on from flash."
    return "Antom refuses to give the money back by itself; tries go on."
