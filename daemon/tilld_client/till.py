"""A till's end of the till socket, for programmes that wait for one thing at a time.

    from tilld_client import Till

    key = store_a_new_key(order)                  # in the till's own database, before the call
    with Till() as till:
        payment = till.start(key, order, "EUR", 1250)
        payment = till.wait(payment)              # approved, or decided
        if payment["state"] == "approved":
            payment = till.acknowledge(payment)   # "I have stored it"
    if payment["decided"] and payment["outcome"] == "paid":
        hand_over_the_goods()

Every call may be repeated with the same key, and this client does so when the connection was
lost: the terminal answers with the same payment, after a power cut too (till_socket.md §3).
``pay`` does all of this by itself.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from tilld_client import address, sale, wire
from tilld_client.errors import AlreadyPaid, CallError, Lost
from tilld_client.events import Events
from tilld_client.keys import new_key
from tilld_client.link import Link
from tilld_client.results import Payment, Refund

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Iterator

    from tilld_client.keys import KeyStore

    Progress = Callable[[Payment], object]

CONNECT_AGAIN_S = (0.05, 0.1, 0.2, 0.5, 1.0)  # pauses between attempts; the last one repeats


class Till:
    """A terminal, as a till sees it. It connects when it must, and again when it was lost.

    Any thread may call: each call has a connection to itself while it lasts.
    """

    def __init__(
        self,
        path: str = address.DEFAULT,
        client: str = "tilld_client",
        patience_s: float = 60.0,
        answer_within_s: float = 15.0,
        tls: ssl.SSLContext | None = None,
        held_up: Callable[[Exception], object] | None = None,
    ) -> None:
        """``path`` is the socket's, or ``tls://host:port`` with ``tls=tls_context(…)``.

        ``patience_s``: how long to go on connecting; ``answer_within_s``: how long an answer may
        take beyond what the call itself waits for. ``held_up`` is told why a call has to be
        repeated: the connection was lost, the terminal is stopping, its scanner is busy.
        """
        address.check(path, tls)
        self._path = path
        self._client = client
        self._patience_s = patience_s
        self._answer_within_s = answer_within_s
        self._tls = tls
        self._held_up = held_up or (lambda _: None)
        # who reads the scanner has it with a connection, so those calls share one
        self._idle: dict[bool, list[Link]] = {False: [], True: []}
        self.greeting: dict[str, Any] = {}

    def __enter__(self) -> Till:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # A whole sale, right by itself.

    def pay(
        self,
        store: KeyStore,
        order_ref: str,
        currency: str,
        value: int,
        progress: Progress | None = None,
        key: str = "",
        **more: Any,
    ) -> Payment:
        """Asks for money and returns the decided payment; ``.paid`` says how it ended.

        ``store`` keeps the key over the till's own end: a `KeyFolder`, or three methods of the
        till's database. ``progress`` is told the payment at every step, once a second in between,
        and at last its end, before the key is settled. ``more`` is as in `paying`.

        Ctrl-C, or `cancel` from another thread, cancels the payment; its end is returned, which
        is paid if the cancel came too late. A second Ctrl-C leaves at once.

        Raises CallError (`NotReady` with its ``blocks``) when the terminal takes no such payment;
        nothing was charged then. Raises Lost when it stays away: how the payment ends is not
        known, its key stays in the store, and `recover` asks.
        """
        asked = (store, order_ref, currency, value, key or new_key())
        try:
            return self._followed(progress, *asked, **more)
        except KeyboardInterrupt:
            with contextlib.suppress(AlreadyPaid):
                self.cancel(asked[-1])
        return self._followed(progress, *asked, **more)  # the same key: the same payment

    def _followed(self, progress: Progress | None, *asked: Any, **more: Any) -> Payment:
        payment = Payment()
        for payment in self.paying(*asked, **more):
            if progress:
                progress(payment)
        return payment

    def paying(
        self,
        store: KeyStore,
        order_ref: str,
        currency: str,
        value: int,
        key: str = "",
        scanner_wait_s: float = 60.0,
        **more: Any,
    ) -> Iterator[Payment]:
        """`pay`, step by step: the payment each time it was told, at last decided.

        ``key`` is a new UUID unless it is given. While another payment waits for the scanner this
        one waits ``scanner_wait_s``. ``more``: description, by, code, scan_timeout_s, split. Who
        leaves the loop early leaves the payment to itself; `cancel` ends it.
        """
        wanted = sale.payment_wanted(key, order_ref, currency, value, scanner_wait_s, more)
        for thing in self._done(sale.sold(store, wanted)):
            yield Payment(thing)

    def refund(
        self,
        store: KeyStore,
        payment: str,
        currency: str = "",
        value: int = 0,
        key: str = "",
        reason: str = "",
    ) -> Refund:
        """Gives money back: all that is left, unless an amount is said. ``payment`` is the
        terminal's id of it, or Antom's.

        Returns the decided refund, or after 90 s an undecided one: the terminal goes on with it,
        its key stays in the store, and `recover` asks again. Raises as `pay` does.
        """
        wanted = sale.refund_wanted(key, payment, currency, value, reason)
        refund = Refund()
        for thing in self._done(sale.sold(store, wanted)):
            refund = Refund(thing)
        return refund

    def recover(self, store: KeyStore) -> Iterator[Payment | Refund]:
        """After the till's own end, or Lost: every unfinished key, as it ended.

        What waited for a code is cancelled, what the terminal never heard of can't pay any more,
        everything else is followed to its end. A key is settled when the loop asks for the next.
        """
        return self._done(sale.recovered(store))

    def _done(self, steps: Generator[sale.Step, Any, None]) -> Iterator[Payment | Refund]:
        """Does what the steps say."""
        with contextlib.suppress(StopIteration):
            step = next(steps)
            while True:
                if isinstance(step, Payment | Refund):
                    yield step
                    step = next(steps)
                    continue
                try:
                    answer = self._do(step)
                except CallError as refused:
                    step = steps.throw(refused)
                else:
                    step = steps.send(answer)

    def _do(self, step: sale.Call | sale.Do | sale.Pause) -> Any:
        if isinstance(step, sale.Call):
            return self.call(step.method, **step.params)
        if isinstance(step, sale.Do):
            return step.what(*step.arguments)
        self._held_up(step.why)
        return time.sleep(step.seconds)

    # The calls of a sale, one by one.

    def start(self, key: str, order_ref: str, currency: str, value: int, **more: Any) -> Payment:
        """Asks for money; returns at once. ``more``: description, by, code, scan_timeout_s,
        split."""
        amount = {"currency": currency, "value": value}
        return Payment(
            self.call("payment.start", key=key, order_ref=order_ref, amount=amount, **more)
        )

    def wait(self, payment: dict[str, Any], timeout_s: int = 300) -> Payment:
        """The payment once it is approved or decided, or as it is at the timeout."""
        ends_s = time.monotonic() + timeout_s
        while True:
            left_s = max(0, min(60, int(ends_s - time.monotonic())))
            told = Payment(self.call("payment.wait", key=payment["key"], timeout_s=left_s))
            if told["decided"] or told["state"] == "approved" or left_s == 0:
                return told

    def acknowledge(self, payment: dict[str, Any]) -> Payment:
        """Says that the till has stored the approval; the answer is `paid`, or why it is not."""
        return Payment(self.call("payment.acknowledge", key=payment["key"]))

    def cancel(self, key: str) -> Payment:
        """No payment is wanted under this key, begun or not. Raises AlreadyPaid."""
        return Payment(self.call("payment.cancel", key=key))

    def get(self, key: str) -> Payment:
        """What became of a key."""
        return Payment(self.call("payment.get", key=key))

    def print_receipt(
        self, key: str, payment: dict[str, Any], timeout_s: int = 60
    ) -> dict[str, Any]:
        """Prints the payment's receipt and waits for the job's fate."""
        job = self.call("receipt.print", key=key, payment=payment["payment"])
        return self.call("printer.job", job=job["job"], timeout_s=timeout_s)

    # Any call, and what the terminal tells by itself.

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One call of the contract; repeated, with the same params, when the connection is lost.

        Raises CallError for a refusal, Lost when the terminal stays away.
        """
        wire.refuse_subscription(method)
        ends_s = time.monotonic() + self._patience_s
        pauses = iter(CONNECT_AGAIN_S)
        pause_s = CONNECT_AGAIN_S[0]
        while True:
            try:
                return self._ask(method, params)
            except (OSError, CallError) as error:
                if isinstance(error, CallError) and error.code != "stopping":
                    raise
                self.close()
                if time.monotonic() >= ends_s:
                    raise Lost(f"the terminal at {self._path} does not answer: {error}") from error
                self._held_up(error)
            pause_s = next(pauses, pause_s)
            time.sleep(pause_s)

    def now(self) -> dict[str, int]:
        """The position of this moment, for `events`."""
        greeting = self.call("hello", **wire.hello(self._client))
        return {"epoch": greeting["epoch"], "seq": greeting["last_seq"]}

    def events(
        self, since: dict[str, int] | None = None, topics: list[str] | None = None
    ) -> Events:
        """What the terminal tells, on a connection of its own: an iterator that goes on where it
        was after every loss of the connection. ``since`` is an earlier ``position``, or `now`;
        without it they begin when the first is waited for."""
        return Events(self.connected, self._patience_s, since, topics, self._held_up)

    def connected(self) -> Link:
        """A new connection that has said hello. Raises OSError, or CallError for a refusal."""
        link = Link(
            address.connect(self._path, self._tls, self._answer_within_s), self._answer_within_s
        )
        try:
            self.greeting = link.ask("hello", wire.hello(self._client))
        except BaseException:
            link.close()
            raise
        return link

    def close(self) -> None:
        """Ends the connections that no call is using; the next call opens a new one."""
        for links in self._idle.values():
            while links:
                links.pop().close()

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        idle = self._idle[method.startswith("scanner.")]
        link = idle.pop() if idle else self.connected()
        try:
            result: dict[str, Any] = link.ask(method, params)
        except CallError:
            idle.append(link)
            raise
        except BaseException:
            link.close()  # its answer may still come
            raise
        idle.append(link)
        return result
