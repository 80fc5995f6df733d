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
"""

from __future__ import annotations

import socket
import time
from typing import Any

import msgpack

DEFAULT_PATH = "/run/tilld/till.sock"
API = [1, 0]
CONNECT_AGAIN_S = (0.05, 0.1, 0.2, 0.5, 1.0)  # pauses between attempts; the last one repeats
ANSWER_MAX_BYTES = 8 * 1024 * 1024

Payment = dict[str, Any]


class CallError(Exception):
    """The terminal refused a call. ``code``, ``retry``, ``changed`` are till_socket.md §4's."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(f"{told['code']}: {told['message']}")
        self.code: str = told["code"]
        self.retry: str = told["retry"]
        self.changed: str = told["changed"]
        self.message: str = told["message"]
        self.payment: str | None = told.get("payment")
        self.fields: list[str] | None = told.get("fields")


class Lost(Exception):
    """The terminal could not be reached within ``patience_s``. Nothing is known to have failed:
    ask again with the same key."""


class Till:
    """One connection; it connects when it must and again when it was lost."""

    def __init__(
        self,
        path: str = DEFAULT_PATH,
        client: str = "tilld_client",
        patience_s: float = 60.0,
        answer_within_s: float = 15.0,
    ) -> None:
        """``patience_s``: how long to go on connecting; ``answer_within_s``: how long an answer
        may take beyond what the call itself waits for."""
        self._path = path
        self._client = client
        self._patience_s = patience_s
        self._answer_within_s = answer_within_s
        self._socket: socket.socket | None = None
        self._unpacker = msgpack.Unpacker()
        self._msgid = 0
        self.greeting: dict[str, Any] = {}

    def __enter__(self) -> Till:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The calls of a sale.

    def start(
        self, key: str, order_ref: str, currency: str, value: int, **more: Any
    ) -> dict[str, Any]:
        """Asks for money; returns at once. ``more``: description, code, scan_timeout_s, split."""
        amount = {"currency": currency, "value": value}
        return self.call("payment.start", key=key, order_ref=order_ref, amount=amount, **more)

    def wait(self, payment: Payment, timeout_s: int = 300) -> dict[str, Any]:
        """The payment once it is approved or decided, or as it is at the timeout."""
        ends_s = time.monotonic() + timeout_s
        while True:
            left_s = max(0, min(60, int(ends_s - time.monotonic())))
            payment = self.call("payment.wait", key=payment["key"], timeout_s=left_s)
            if payment["decided"] or payment["state"] == "approved" or left_s == 0:
                return payment

    def acknowledge(self, payment: Payment) -> dict[str, Any]:
        """Says that the till has stored the approval; the answer is `paid`, or why it is not."""
        return self.call("payment.acknowledge", key=payment["key"])

    def cancel(self, key: str) -> dict[str, Any]:
        """No payment is wanted under this key, begun or not."""
        return self.call("payment.cancel", key=key)

    def get(self, key: str) -> dict[str, Any]:
        """What became of a key: after the till's own restart, for every key not finished."""
        return self.call("payment.get", key=key)

    def print_receipt(self, key: str, payment: Payment, timeout_s: int = 60) -> dict[str, Any]:
        """Prints the payment's receipt and waits for the job's fate."""
        job = self.call("receipt.print", key=key, payment=payment["payment"])
        return self.call("printer.job", job=job["job"], timeout_s=timeout_s)

    # Any call.

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One call of the contract; repeated, with the same params, when the connection is lost.

        Raises CallError for a refusal, Lost when the terminal stays away.
        """
        ends_s = time.monotonic() + self._patience_s
        pauses = iter(CONNECT_AGAIN_S)
        pause_s = CONNECT_AGAIN_S[0]
        while True:
            try:
                if self._socket is None:
                    self._connect()
                return self._ask(method, params)
            except (OSError, EOFError, CallError) as error:
                if isinstance(error, CallError) and error.code != "stopping":
                    raise
                self.close()
                if time.monotonic() >= ends_s:
                    raise Lost(f"the terminal at {self._path} does not answer: {error}") from error
            pause_s = next(pauses, pause_s)
            time.sleep(pause_s)

    def close(self) -> None:
        """Ends the connection; the next call opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        fresh = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        fresh.settimeout(self._answer_within_s)
        try:
            fresh.connect(self._path)
        except OSError:
            fresh.close()
            raise
        self._socket = fresh
        self._unpacker = msgpack.Unpacker(max_buffer_size=ANSWER_MAX_BYTES)
        try:
            self.greeting = self._ask("hello", {"client": self._client, "api": API})
        except CallError:
            self.close()  # the next call says hello again
            raise

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        assert self._socket is not None
        self._msgid += 1
        self._socket.settimeout(self._answer_within_s + params.get("timeout_s", 0))
        self._socket.sendall(msgpack.packb([0, self._msgid, method, [params]]))
        while True:
            for message in self._unpacker:
                if message[0] == 1 and message[1] == self._msgid:
                    return _result(message)
            received = self._socket.recv(65536)
            if not received:
                raise EOFError("the connection was closed")
            self._unpacker.feed(received)


def _result(message: list[Any]) -> dict[str, Any]:
    if message[2] is not None:
        raise CallError(message[2])
    result: dict[str, Any] = message[3]
    return result
