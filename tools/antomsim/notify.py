"""notifyPayment: a durable outbox, the documented gaps, answers that are checked (§9)."""

import asyncio
import json
import ssl

import h11

from antomsim import answers, http, wire
from antomsim.clock import Clock
from antomsim.faults import ANSWER, NOTIFY, QUEUEING, SENDING, Faults
from antomsim.home import Home
from antomsim.http import Answer
from antomsim.seal import sealed, to_bytes
from antomsim.settings import Settings
from antomsim.store import Notification, Payment, Store

#: Before each of the 8 sends, after the one before it (antom-api.md §9.3).
GAPS_S = (0, 120, 600, 600, 3600, 7200, 21600, 54000)

#: A repeated notification goes out this often.
_REPEATS = 3

_FOREIGN_CLIENT = "SANDBOX_5Y0000000000FOREIGN"


class Notifier:
    def __init__(
        self, store: Store, clock: Clock, settings: Settings, faults: Faults, home: Home
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._faults = faults
        self._home = home
        self._tls = _tls(home)
        self._awake = asyncio.Event()
        self._recorded = asyncio.Event()
        self._on_the_way: set[int | None] = set()

    def wake(self) -> None:
        """Look again: something is new, or the clock has moved."""
        self._awake.set()

    def decided(self, payment: Payment) -> None:
        """Queue what the merchant is to hear, inside the transaction that decided it."""
        if not payment.notify_url:
            return
        if payment.status != "SUCCESS" and not self._settings.notify_failures:
            return
        fault = self._faults.take(NOTIFY, payment.request_id, (QUEUEING,))
        name = fault.fault if fault is not None else ""
        late = fault is not None and name == "late notification"
        delay_s = fault.after_s if fault is not None and late else self._settings.notify_delay_s
        self._store.put_notification(
            Notification(
                number=None,
                request_id=payment.request_id,
                url=payment.notify_url,
                body=to_bytes(answers.notification(payment)),
                due_ms=self._clock.now_ms() + int(delay_s * 1000),
                state="suppressed" if name == "no notification" else "waiting",
            )
        )
        self.wake()

    async def run(self) -> None:
        """Send what is due, for ever; one slow merchant delays no other notification."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._awake.clear()
                now_ms = self._clock.now_ms()
                next_ms: int | None = None
                for one in self._store.waiting_notifications():
                    if one.number in self._on_the_way:
                        continue
                    if one.due_ms <= now_ms:
                        group.create_task(self._attempt(one))
                    else:
                        next_ms = min(one.due_ms, next_ms or one.due_ms)
                await self._rest(None if next_ms is None else (next_ms - now_ms) / 1000)

    async def _rest(self, at_most_s: float | None) -> None:
        try:
            async with asyncio.timeout(at_most_s):
                await self._awake.wait()
        except TimeoutError:
            return

    async def attempted(self, request_id: str, attempts: int, within_s: float) -> None:
        """Wait until this payment's notifications were sent so often, or for that long."""
        try:
            async with asyncio.timeout(within_s):
                while self._attempts(request_id) < attempts:
                    self._recorded.clear()
                    await self._recorded.wait()
        except TimeoutError:
            return

    def _attempts(self, request_id: str) -> int:
        found = self._store.notifications()
        return sum(one.attempts for one in found if one.request_id == request_id)

    async def send_now(self, request_id: str) -> None:
        """Send what this payment has waiting, and wait for the merchant's answer."""
        for one in self._store.waiting_notifications(request_id):
            await self._attempt(one)

    async def _attempt(self, one: Notification) -> None:
        if one.number in self._on_the_way:
            return
        self._on_the_way.add(one.number)
        fault = self._faults.take(NOTIFY, one.request_id, (ANSWER, SENDING))
        name = fault.fault if fault is not None else ""
        try:
            for _ in range(_REPEATS if name == "repeated notification" else 1):
                one.last_error = await self._send(one, name)
        finally:
            self._on_the_way.discard(one.number)
        self._record(one)
        self.wake()

    def _record(self, one: Notification) -> None:
        one.attempts += 1
        if not one.last_error:
            one.state = "delivered"
        elif one.attempts >= len(GAPS_S):
            one.state = "given up"
        else:
            gap_ms = GAPS_S[one.attempts] * self._settings.notify_scale * 1000
            one.due_ms = self._clock.now_ms() + int(gap_ms)
        with self._store.transaction():
            self._store.put_notification(one)
        self._recorded.set()

    async def _send(self, one: Notification, fault: str) -> str:
        """Why it has to be sent again; "" when the merchant took it."""
        uri = wire.uri_of(one.url)
        client = _FOREIGN_CLIENT if fault == "foreign notification" else self._home.client_id
        headers, data = sealed(
            self._home.antom_key,
            uri,
            client,
            "request-time",
            self._clock.now_ms(),
            json.loads(one.body),
            fault,
        )
        try:
            answer = await http.post(
                one.url, headers, data, self._tls, self._settings.notify_timeout_s
            )
        except (OSError, ValueError, h11.ProtocolError) as error:
            return f"{type(error).__name__}: {error}"
        return self._fault_of(answer, uri)

    def _fault_of(self, answer: Answer, uri: str) -> str:
        """What is wrong with the merchant's answer, "" when nothing is (§9.2)."""
        if answer.status != 200:
            return f"HTTP {answer.status}"
        try:
            result = json.loads(answer.body)["result"]
            taken = (result["resultStatus"], result["resultCode"]) == ("S", "SUCCESS")
        except (ValueError, KeyError, TypeError):
            return "the body is no result"
        if not taken:
            return "the result is not SUCCESS"
        if "signature" not in answer.headers:
            return "unsigned" if self._settings.ack_signed else ""
        signed = wire.content(
            "POST",
            uri,
            answer.headers.get("client-id", self._home.client_id),
            answer.headers.get("response-time", ""),
            answer.body,
        )
        signature = wire.read_header(answer.headers["signature"])
        return "" if wire.verify(self._home.merchant_key, signed, signature) else "badly signed"


def _tls(home: Home) -> ssl.SSLContext:
    """Merchants are verified against the system's store, our own CA and ``--notify-ca``."""
    context = ssl.create_default_context()
    for path in home.trusted:
        context.load_verify_locations(path)
    return context
