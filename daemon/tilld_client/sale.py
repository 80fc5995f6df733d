"""How a payment and a refund are followed to their ends, whatever happens on the way.

This is the till's half of till_socket.md §3, without a socket and without a clock of its own: a
generator yields what is to be done next and is sent what came of it. `Till` and `AsyncTill` both
do as it says, so there is one place to read how a correct till works.

    the key is stored → start → wait, step by step → acknowledge → the till is told → settled

It never says more than the terminal said. When the terminal stays away, `Lost` ends it, the key
stays in the store, and `recover` asks later.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from tilld_client.errors import AlreadyPaid, CallError, NotFound, NotReady, ScannerBusy
from tilld_client.keys import new_key
from tilld_client.results import Payment, Refund

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tilld_client.keys import Body, KeyStore

AGAIN_S = 1.0  # between two attempts at a scanner that is busy, or a storage that has failed
STORAGE_WITHIN_S = 60.0  # a terminal whose storage has failed restarts by itself (rules.md §3)
STEP_S = 1  # how often the seconds left are told anew while nothing changes
REFUND_FOLLOWED_S = 90  # after the first 60 s a refund goes on from the terminal's flash


class Call(NamedTuple):
    """Call the terminal, again and again while it is away; send the result, throw CallError."""

    method: str
    params: dict[str, Any]


class Do(NamedTuple):
    """Call this, which reads or writes the till's own store; send what it returns."""

    what: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


class Pause(NamedTuple):
    """Let so much time pass; tell the till why."""

    seconds: float
    why: CallError


# Besides its requests, a followed sale yields the payment or refund, each time it was told.
Thing = Payment | Refund
Step = Call | Do | Pause | Payment | Refund


class Kind(NamedTuple):
    """The calls of payments, or of refunds."""

    start: str
    wait: str
    get: str
    made: type[Payment] | type[Refund]


PAYMENT = Kind("payment.start", "payment.wait", "payment.get", Payment)
REFUND = Kind("refund.start", "refund.wait", "refund.get", Refund)


class Wanted(NamedTuple):
    """One payment or refund that a till wants: its kind, and what start is called with."""

    kind: Kind
    params: dict[str, Any]
    scanner_wait_s: float = 60.0

    @property
    def key(self) -> str:
        return str(self.params["key"])

    @property
    def body(self) -> Body:
        """What is remembered: never the customer's code (till_socket.md §3)."""
        params = {name: self.params[name] for name in self.params if name not in ("key", "code")}
        return {"method": self.kind.start, "params": params}


def payment_wanted(
    key: str,
    order_ref: str,
    currency: str,
    value: int,
    scanner_wait_s: float,
    more: dict[str, Any],
) -> Wanted:
    """A payment, under a new key unless one is given."""
    amount = {"currency": currency, "value": value}
    params = {"key": key or new_key(), "order_ref": order_ref, "amount": amount, **more}
    return Wanted(PAYMENT, params, scanner_wait_s)


def refund_wanted(key: str, payment: str, currency: str, value: int, reason: str) -> Wanted:
    """A refund of all that is left, unless a currency is said."""
    params: dict[str, Any] = {"key": key or new_key(), "payment": payment}
    if currency:
        params["amount"] = {"currency": currency, "value": value}
    if reason:
        params["reason"] = reason
    return Wanted(REFUND, params)


def sold(store: KeyStore, wanted: Wanted) -> Generator[Step, Any, None]:
    """A new payment or refund, from its key to its end; yielded each time it was told.

    The last one is yielded before its key is settled: who records it then loses nothing, in
    whatever moment the till ends.
    """
    yield Do(store.remember, (wanted.key, wanted.body))
    attempt = _Attempt(wanted)
    try:
        thing = yield from attempt.start()
    except CallError as refused:
        if refused.changed == "no" and not attempt.may_be_recorded:
            yield Do(store.settle, (wanted.key,))
        raise
    while not attempt.is_over(thing):
        if thing["state"] != "approved":  # that is acknowledged before anything else
            yield thing
        thing = yield from attempt.next(thing)
    yield thing
    if _is_closed(wanted.kind, thing):
        yield Do(store.settle, (wanted.key,))


def recovered(store: KeyStore) -> Generator[Step, Any, None]:
    """Every key that is not finished, followed to its end, which is yielded.

    A payment that waits for its code is cancelled, and a key that the terminal has never heard of
    is closed: nobody may be there any more to show a code. Whatever Antom may have been asked is
    followed to its end and acknowledged. A refund that never began begins now; one that the
    terminal refuses is yielded as `refused`, or undecided when it may be asked again later.
    """
    for key, body in (yield Do(store.unfinished)):
        kind = REFUND if body["method"] == REFUND.start else PAYMENT
        attempt = _Attempt(Wanted(kind, {**body["params"], "key": key}))
        try:
            thing = yield from attempt.resumed()
            while not attempt.is_over(thing):
                thing = yield from attempt.next(thing)
        except CallError as refused:
            if kind is PAYMENT or refused.changed != "no":
                raise
            thing = _refused(key, body, refused)  # or one refund would hide what comes after it
        yield thing
        if _is_closed(kind, thing):
            yield Do(store.settle, (key,))


def _is_closed(kind: Kind, thing: Thing) -> bool:
    """No more will be told of it: decided, or a refund that an engineer has closed."""
    return bool(thing["decided"] or (kind is REFUND and thing["settled"]))


def _refused(key: str, body: Body, refused: CallError) -> Refund:
    """A refund that the terminal did not begin: for good, or not now."""
    for_good = refused.retry not in ("later", "same_key")
    reason = {"code": refused.code, "rule": None, "message": refused.message, "upstream_code": None}
    return Refund(
        refund=None,
        key=key,
        payment=body["params"].get("payment"),
        amount=body["params"].get("amount"),
        state="refused" if for_good else None,
        outcome="not_refunded" if for_good else "pending",
        decided=for_good,
        settled=for_good,
        reason=reason,
        antom_refund_id=None,
        refunded_at=None,
        revision=0,
    )


class _Attempt:
    """One key on its way; each method gives the thing as the terminal told it last."""

    def __init__(self, wanted: Wanted) -> None:
        self.may_be_recorded = False
        self._wanted = wanted
        self._kind = wanted.kind
        now_s = time.monotonic()
        self._scanner_until_s = now_s + wanted.scanner_wait_s
        self._storage_until_s = now_s + STORAGE_WITHIN_S
        self._refund_until_s = now_s + REFUND_FOLLOWED_S

    def start(self) -> Generator[Step, Any, Thing]:
        """The thing under this key; begun now, if it was not."""
        while True:
            try:
                return self._kind.made((yield Call(self._kind.start, self._wanted.params)))
            except ScannerBusy as busy:
                if time.monotonic() >= self._scanner_until_s:
                    raise
                yield Pause(AGAIN_S, busy)
            except NotReady as refused:
                if not refused.blocks:
                    refused.blocks = (yield Call("device.health", {}))["blocks"]
                raise
            except CallError as error:
                yield self._after_storage(error)

    def next(self, thing: Thing) -> Generator[Step, Any, Thing]:
        """What came after it: its next step, or the same with fewer seconds left."""
        key = self._wanted.key
        try:
            if thing["state"] == "approved":  # the key is stored, and so the approval
                return self._kind.made((yield Call("payment.acknowledge", {"key": key})))
            step = {"key": key, "revision": thing["revision"], "timeout_s": STEP_S}
            return self._kind.made((yield Call(self._kind.wait, step)))
        except NotFound:
            return (yield from self.start())  # a power cut took a key that had sent nothing
        except CallError as error:
            if error.code != "not_approved":  # it has moved on since
                yield self._after_storage(error)
        return (yield from self._got())

    def resumed(self) -> Generator[Step, Any, Thing]:
        """What became of a key of an earlier life of this till."""
        try:
            thing = yield from self._got()
        except NotFound:
            return (yield from self._begun_or_closed())
        if thing["state"] == "waiting_for_code":
            return (yield from self._begun_or_closed())
        return thing

    def is_over(self, thing: Thing) -> bool:
        """Closed; or a refund that the terminal's flash goes on with."""
        if self._kind is REFUND and time.monotonic() >= self._refund_until_s:
            return True
        return _is_closed(self._kind, thing)

    def _begun_or_closed(self) -> Generator[Step, Any, Thing]:
        if self._kind is REFUND:
            return (yield from self.start())
        try:
            return Payment((yield Call("payment.cancel", {"key": self._wanted.key})))
        except AlreadyPaid:
            return (yield from self._got())

    def _got(self) -> Generator[Step, Any, Thing]:
        return self._kind.made((yield Call(self._kind.get, {"key": self._wanted.key})))

    def _after_storage(self, error: CallError) -> Pause:
        """A storage fault may or may not have recorded the call: it is asked again. Raises every
        other error, and this one when it lasts."""
        if error.changed == "no" or time.monotonic() >= self._storage_until_s:
            raise error
        self.may_be_recorded = True
        return Pause(AGAIN_S, error)
