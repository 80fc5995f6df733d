"""Antom: from a request as received to a reply, by way of gate, faults and ledger."""

import asyncio
import dataclasses
import json
from typing import Any

from antomsim import wire
from antomsim.clock import Clock
from antomsim.faults import (
    ANSWER,
    ARRIVAL,
    CALLS,
    EARLY,
    LEDGER,
    NOTIFY,
    Fault,
    Faults,
    by_amount,
)
from antomsim.home import Home
from antomsim.http import Reply, Request
from antomsim.ledger import Ledger
from antomsim.notify import Notifier
from antomsim.params import one_of, parse, pay_order, refund_order
from antomsim.refunds import Refunds
from antomsim.results import CODES, Body, Refused, only, result
from antomsim.seal import sealed
from antomsim.settings import Settings
from antomsim.store import Received, Store
from antomsim.wallet import Course, Wallet

#: Both are served in sandbox and production alike (antom-api.md §1.3, C1).
PREFIXES = ("/ams/api/v1/payments/", "/ams/sandbox/api/v1/payments/")

#: A caller who is not known to be the merchant gets no signature (antom-api.md §1.6).
_STRANGER = frozenset({"INVALID_SIGNATURE", "CLIENT_INVALID", "KEY_NOT_FOUND"})

_ARRIVAL_CODES = {
    "rate limit": "REQUEST_TRAFFIC_EXCEED_LIMIT",
    "order unknown": "ORDER_NOT_EXIST",
    "order status invalid": "ORDER_STATUS_INVALID",
    "cancel window closed": "CANCEL_WINDOW_EXCEED",
}
_LEDGER_CODES = {
    "U for ever": "UNKNOWN_EXCEPTION",
    "merchant balance not enough": "MERCHANT_BALANCE_NOT_ENOUGH",
}

#: How a reply leaves (http.Conversation.deliver).
_DELIVERIES = {
    "no answer": "silence",
    "answer lost after the debit": "silence",
    "cut connection": "cut",
    "cut after the debit": "cut",
    "cut in the answer": "half then cut",
    "truncated answer": "half then closed",
    "dripping answer": "dripping",
    "not HTTP": "raw",
}
_NOT_HTTP = b"SSH-2.0-OpenSSH_9.2p1\r\n" + bytes(range(256))


@dataclasses.dataclass
class _Call:
    """One request on its way through: what it asks for, as far as that is known."""

    request: Request
    uri: str
    api: str
    fields: dict[str, Any]
    #: of the payment it is about, known to the ledger or only claimed; "" without one
    payment: str
    number: int = 0


class Antom:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        faults: Faults,
        home: Home,
        notifier: Notifier,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._faults = faults
        self._home = home
        self._notifier = notifier
        self.wallet = Wallet(store, clock, settings)
        self.ledger = Ledger(store, clock, settings, self.wallet, notifier.decided)
        self._refunds = Refunds(store, clock, settings, self.ledger)

    async def reply(self, request: Request, connection: int) -> Reply:
        """The answer, after everything that it tells is durable."""
        with self._store.transaction():
            self.ledger.settle_due()
            call = self._received(request, connection)
            if not request.complete:
                return self._spoken(call, None, Reply(0, [], b"", "cut"), "incomplete")
            try:
                self._gate(call)
            except Refused as refused:
                return self._answer(call, None, only(refused.code, refused.message))
            fault = self._fault(call)
            reply = self._at_once(call, fault)
        if reply is None and fault is not None:
            await asyncio.sleep(fault.after_s)
            with self._store.transaction():
                self.ledger.settle_due()
                reply = self._process(call, fault)
        assert reply is not None
        await self._early_notification(call)
        return reply

    def _received(self, request: Request, connection: int) -> _Call:
        """Log it, whatever it is; the log is what a judge counts bodies by."""
        uri = wire.uri_of(request.target)
        api = _api(uri)
        try:
            fields = parse(request.body) if api else {}
        except Refused:
            fields = {}
        call = _Call(request, uri, api, fields, self._payment_of(api, fields))
        call.number = self._store.add_received(
            Received(
                number=None,
                at_ms=self._clock.now_ms(),
                connection=connection,
                method=request.method,
                target=request.target,
                version=request.version,
                headers=json.dumps(request.headers),
                body=request.body,
                complete=request.complete,
                api=api,
                request_id=call.payment,
            )
        )
        return call

    def _payment_of(self, api: str, fields: dict[str, Any]) -> str:
        """The paymentRequestId that a body means, by whichever id it names it."""

        def named(name: str) -> str:
            value = fields.get(name)
            return value if isinstance(value, str) else ""

        if api == "inquiryRefund":
            refund = self._store.refund_by_id(named("refundId"))
            refund = refund or self._store.refund(named("refundRequestId"))
            return refund.request_id if refund is not None else ""
        payment = self._store.payment_by_id(named("paymentId")) if api != "pay" else None
        return payment.request_id if payment is not None else named("paymentRequestId")

    def _gate(self, call: _Call) -> None:
        """Who calls, and whether this is a call at all; raises Refused."""
        request = call.request
        if not call.api:
            raise Refused("NO_INTERFACE_DEF")
        if request.method != "POST":
            raise Refused("METHOD_NOT_SUPPORTED")
        kinds = [kind.partition(";")[0].strip() for kind in request.all_headers("content-type")]
        if kinds and "application/json" not in [kind.lower() for kind in kinds]:
            raise Refused("MEDIA_TYPE_NOT_ACCEPTABLE")
        client_id = request.header("client-id")
        if client_id != self._home.client_id:
            raise Refused("CLIENT_INVALID")
        signature = wire.read_header(request.header("signature"))
        if signature.key_version not in {"", "1"}:
            raise Refused("KEY_NOT_FOUND")
        time = request.header("request-time")
        signed = wire.content("POST", call.uri, client_id, time, request.body)
        if not time or not wire.verify(self._home.merchant_key, signed, signature):
            raise Refused("INVALID_SIGNATURE")

    def _fault(self, call: _Call) -> Fault | None:
        fault = self._faults.take(call.api, call.payment, (ARRIVAL, LEDGER, ANSWER))
        if fault is not None or not self._settings.amount_faults:
            return fault
        return by_amount(call.api, self._amount_of(call))

    def _amount_of(self, call: _Call) -> int:
        payment = self._store.payment(call.payment)
        if payment is not None:
            return payment.value
        try:
            return pay_order(call.fields, lenient_scenario=True).value if call.api == "pay" else 0
        except Refused:
            return 0

    def _at_once(self, call: _Call, fault: Fault | None) -> Reply | None:
        """The reply that arrival decides; None for a request that is still on its way."""
        if fault is None or fault.kind.stage != ARRIVAL:
            return self._process(call, fault)
        name = fault.fault
        if name == "late request":
            return None
        if name in _ARRIVAL_CODES:
            return self._answer(call, fault, only(_ARRIVAL_CODES[name]))
        if "http_status" in fault.fields:
            return self._spoken(call, fault, _http_error(fault), str(fault.fields["http_status"]))
        return self._spoken(call, fault, Reply(0, [], b"", _DELIVERIES[name]), name)

    def _process(self, call: _Call, fault: Fault | None) -> Reply:
        try:
            body = self._act(call, fault if fault and fault.kind.stage == LEDGER else None)
        except Refused as refused:
            body = only(refused.code, refused.message)
        if fault is not None and fault.fault == "U after the debit":
            body = only("UNKNOWN_EXCEPTION")
        return self._answer(call, fault, body)

    def _act(self, call: _Call, fault: Fault | None) -> Body:
        """Do what is asked, with a ledger fault's twist; raises Refused."""
        fields = parse(call.request.body)
        code, status = _twist(fault)
        if status in {"F", "U"} and call.api not in {"pay", "refund"}:
            return only(code, status=status)
        body = self._do(call.api, fields, fault)
        done = body["result"]["resultStatus"] == "S"
        if (done and status == "S") or body["result"]["resultCode"] == code:
            body["result"] = result(code, status=status)
        return body

    def _do(self, api: str, fields: dict[str, Any], fault: Fault | None) -> Body:
        if api == "pay":
            order = pay_order(fields, self._settings.lenient_scenario)
            return self.ledger.pay(order, _course(fault))
        if api == "refund":
            return self._refunds.refund(refund_order(fields), *_twist(fault))
        if api == "inquiryRefund":
            return self._refunds.inquire(*one_of(fields, "refundId", "refundRequestId"))
        ids = one_of(fields, "paymentId", "paymentRequestId")
        if api == "cancel":
            return self.ledger.cancel(*ids, fault is not None and fault.fault == "tombstone")
        return self.ledger.inquire(*ids)

    def _answer(self, call: _Call, fault: Fault | None, body: Body) -> Reply:
        """Seal the body as the fault wants it, and send it as the fault wants it."""
        code = body["result"]["resultCode"]
        name = fault.fault if fault is not None else ""
        if fault is not None and name == "5xx after the debit":
            return self._spoken(call, fault, _http_error(fault), f"{code}, unsaid")
        if name == "not HTTP":
            return self._spoken(call, fault, Reply(0, [], _NOT_HTTP, "raw"), f"{code}, unsaid")
        flaw = "unsigned" if code in _STRANGER and name in {"", "result"} else name
        client_id = call.request.header("client-id") or self._home.client_id
        now_ms = self._clock.now_ms()
        headers, data = sealed(
            self._home.antom_key, call.uri, client_id, "response-time", now_ms, body, flaw
        )
        headers.append(("tracerid", f"{now_ms:x}{call.number:06x}"))
        reply = Reply(200, headers, data, _DELIVERIES.get(name, "whole"))
        if fault is not None and name == "late answer":
            reply.delay_s = fault.after_s
        if fault is not None and name == "dripping answer":
            reply.pace_s = fault.after_s
        return self._spoken(call, fault, reply, code)

    def _spoken(self, call: _Call, fault: Fault | None, reply: Reply, verdict: str) -> Reply:
        self._store.set_verdict(call.number, fault.fault if fault else "", verdict)
        return reply

    async def _early_notification(self, call: _Call) -> None:
        if call.api == "pay" and self._faults.take(NOTIFY, call.payment, (EARLY,)):
            await self._notifier.send_now(call.payment)


def _api(uri: str) -> str:
    """The call that a path names, "" for none."""
    path = uri.partition("?")[0]
    for prefix in PREFIXES:
        if path.startswith(prefix) and path[len(prefix) :] in CALLS:
            return path[len(prefix) :]
    return ""


def _twist(fault: Fault | None) -> tuple[str, str]:
    """The result that a ledger fault imposes: code and status, both "" for none."""
    if fault is None:
        return "", ""
    if fault.fault in _LEDGER_CODES:
        code = _LEDGER_CODES[fault.fault]
        return code, CODES[code][0]
    code = fault.fields.get("code", "")
    return code, fault.fields.get("status") or CODES.get(code, ("F", ""))[0] if code else ""


def _course(fault: Fault | None) -> Course | None:
    """What a ledger fault makes of a new payment; None leaves it to the wallet."""
    if fault is None:
        return None
    if fault.fault == "PROCESSING then SUCCESS after the cancel was sent":
        return Course("PROCESSING", succeeds_on_cancel=True)
    if fault.fault == "SYSTEM_ERROR then SUCCESS":
        return Course("PROCESSING", answer="SYSTEM_ERROR", confirm_after_s=fault.after_s)
    code, status = _twist(fault)
    if status == "S":
        return None
    if status == "F":
        return Course("FAIL", code)
    return Course("PROCESSING", answer=code, never_expires=fault.fault == "U for ever")


def _http_error(fault: Fault) -> Reply:
    status = fault.fields["http_status"]
    if 300 <= status < 400:
        headers = [("location", PREFIXES[0] + "elsewhere"), ("content-type", "text/html")]
        return Reply(status, headers, b"<html>moved</html>")
    return Reply(status, [("content-type", "text/html")], b"<html>an error page</html>")
