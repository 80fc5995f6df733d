"""The control paths, ``/_sim/…``: the ledger's truth, codes, faults, the customer, the log.

Plain JSON, no signature: for tests and people, on loopback. README.md is its contract.
"""

import base64
import dataclasses
import json
import urllib.parse
from collections.abc import Callable
from typing import Any

from antomsim import wire
from antomsim.antom import Antom
from antomsim.clock import Clock, is_wait, iso8601
from antomsim.faults import BadFault, Faults
from antomsim.http import Reply, Request
from antomsim.notify import Notifier
from antomsim.settings import BadSetting, Settings
from antomsim.store import Notification, Payment, Received, Refund, Store
from antomsim.wallet import WALLETS

PREFIX = "/_sim/"

#: A call that waits answers after this with what there is.
_LONG_POLL_S = 15.0


class BadRequest(Exception):
    """A control call that can't be done; the text says why."""


class Control:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        faults: Faults,
        antom: Antom,
        notifier: Notifier,
        changed: Callable[[], None],
    ) -> None:
        """``changed`` is called after anything that may move a deadline or an outage."""
        self._store = store
        self._clock = clock
        self._settings = settings
        self._faults = faults
        self._antom = antom
        self._notifier = notifier
        self._changed = changed
        self._calls: dict[tuple[str, str], Callable[[dict[str, str], Any], object]] = {
            ("GET", "payments"): self._payments,
            ("GET", "code"): self._code,
            ("GET", "faults"): lambda query, body: self._faults.as_json(),
            ("PUT", "faults"): self._put_faults,
            ("POST", "customer"): self._customer,
            ("GET", "log"): self._log,
            ("GET", "notifications"): self._notifications,
            ("GET", "settings"): lambda query, body: dataclasses.asdict(self._settings),
            ("PUT", "settings"): self._put_settings,
            ("GET", "clock"): lambda query, body: self._time(),
            ("POST", "clock"): self._advance,
        }

    async def reply(self, request: Request) -> Reply:
        """200 and JSON, or 400, 404 with ``{"error": …}``."""
        parts = urllib.parse.urlsplit(wire.uri_of(request.target))
        call = self._calls.get((request.method, parts.path.removeprefix(PREFIX)))
        if call is None or not parts.path.startswith(PREFIX):
            known = ", ".join(f"{method} {PREFIX}{name}" for method, name in self._calls)
            return _json(404, {"error": f"there are: {known}"})
        try:
            body = _parsed(request.body)
            query = dict(urllib.parse.parse_qsl(parts.query))
            await self._awaited(query)
            with self._store.transaction():
                found = call(query, body)
        except (BadRequest, BadFault, BadSetting) as error:
            return _json(400, {"error": str(error)})
        except ValueError as error:
            return _json(400, {"error": f"not what this call takes: {error}"})
        if request.method != "GET":
            self._notifier.wake()
            self._changed()
        return _json(200, found)

    def _payments(self, query: dict[str, str], body: object) -> list[Any]:
        self._antom.ledger.settle_due()
        if "payment" in query:
            found = [self._store.payment(query["payment"])]
        else:
            found = [*self._store.payments()]
        return [self._shown(payment) for payment in found if payment is not None]

    def _shown(self, payment: Payment) -> dict[str, Any]:
        moved = self._store.movements(payment.request_id)
        return {
            "paymentRequestId": payment.request_id,
            "paymentId": payment.payment_id,
            "status": payment.status,
            "resultCode": payment.result_code,
            "scenario": payment.scenario,
            "amount": {"currency": payment.currency, "value": payment.value},
            "debited": sum(one.value for one in moved if one.kind == "debit"),
            "returned": sum(one.value for one in moved if one.kind == "credit"),
            "movements": [
                {"kind": m.kind, "value": m.value, "reason": m.reason, "at": iso8601(m.at_ms)}
                for m in moved
            ],
            "refunds": [_refund(refund) for refund in self._store.refunds(payment.request_id)],
            "tombstoned": payment.tombstoned,
            "closed": payment.closed,
            "order": json.loads(payment.order_json),
            "orderCode": payment.order_code,
            "bodies": self._store.body_counts(payment.request_id),
            "createdAt": iso8601(payment.created_ms),
            "paidAt": _at(payment.paid_ms),
            "cancelledAt": _at(payment.cancelled_ms),
            "expiresAt": _at(payment.expires_ms),
            "cancellableUntil": _at(
                self._antom.ledger.window_closes_ms(payment) if payment.paid_ms else None
            ),
        }

    def _code(self, query: dict[str, str], body: object) -> dict[str, str]:
        wallet = query.get("wallet", "pays")
        digits = int(query.get("digits", "24"))
        if wallet not in WALLETS:
            raise BadRequest(f"no wallet {wallet!r}; there are: {', '.join(WALLETS)}")
        if not 16 <= digits <= 32:
            raise BadRequest(f"a code has 16 to 32 digits, not {digits}")
        after_s = float(query.get("after_s", "0"))
        if not is_wait(after_s):
            raise BadRequest(f"after_s is a number of seconds, not {after_s}")
        return {"code": self._antom.wallet.fresh_code(wallet, after_s, digits)}

    def _put_faults(self, query: dict[str, str], body: object) -> list[Any]:
        self._faults.replace(body)
        return self._faults.as_json()

    def _customer(self, query: dict[str, str], body: object) -> dict[str, Any]:
        if not isinstance(body, dict):
            raise BadRequest('takes {"action": "confirm", "refuse" or "walk away", …}')
        self._antom.ledger.settle_due()
        payment = self._meant(body)
        after_s = body.get("after_s", 0.0)
        if not is_wait(after_s):
            raise BadRequest(f"after_s is a number of seconds, not {after_s!r}")
        ledger = self._antom.ledger
        acts: dict[str, Callable[[], bool]] = {
            "confirm": lambda: ledger.confirm(payment, after_s),
            "refuse": lambda: ledger.refuse(payment),
            "walk away": lambda: ledger.walk_away(payment),
        }
        action = body.get("action")
        if not isinstance(action, str) or action not in acts:
            raise BadRequest(f"action is one of {', '.join(acts)}")
        if not acts[action]():
            raise BadRequest(f"{payment.request_id} is {payment.status}: too late")
        return self._shown(payment)

    def _meant(self, body: dict[str, Any]) -> Payment:
        """The payment named by its id or its order code, else the only undecided one."""
        if "order_code" in body:
            found = self._store.payment_by_order_code(str(body["order_code"]))
        elif "payment" in body:
            found = self._store.payment(str(body["payment"]))
        else:
            waiting = self._store.payments("PROCESSING")
            if len(waiting) != 1:
                raise BadRequest(f"{len(waiting)} payments are undecided: name one")
            found = waiting[0]
        if found is None:
            raise BadRequest("no such payment")
        return found

    def _log(self, query: dict[str, str], body: object) -> dict[str, Any]:
        payment = query.get("payment", "")
        return {
            "bodies": self._store.body_counts(payment),
            "requests": [_received(one) for one in self._store.log(payment)],
        }

    async def _awaited(self, query: dict[str, str]) -> None:
        """``attempts=n`` waits until the payment's notifications were sent n times in all."""
        if "attempts" in query:
            attempts = int(query["attempts"])
            await self._notifier.attempted(query.get("payment", ""), attempts, _LONG_POLL_S)

    def _notifications(self, query: dict[str, str], body: object) -> list[Any]:
        return [
            _notification(one)
            for one in self._store.notifications()
            if query.get("payment", one.request_id) == one.request_id
        ]

    def _put_settings(self, query: dict[str, str], body: object) -> dict[str, Any]:
        if not isinstance(body, dict):
            raise BadRequest("settings are an object")
        self._settings.change(body)
        return dataclasses.asdict(self._settings)

    def _advance(self, query: dict[str, str], body: object) -> dict[str, Any]:
        by_s = body.get("advance_s") if isinstance(body, dict) else None
        if not is_wait(by_s):
            raise BadRequest('takes {"advance_s": seconds}; the clock only goes forward')
        self._clock.advance(int(by_s * 1000))
        self._store.set_meta("ahead_ms", self._clock.ahead_ms)
        self._antom.ledger.settle_due()
        return self._time()

    def _time(self) -> dict[str, Any]:
        return {"now": iso8601(self._clock.now_ms()), "ahead_s": self._clock.ahead_ms / 1000}


def _at(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso8601(at_ms)


def _refund(refund: Refund) -> dict[str, Any]:
    return {
        "refundRequestId": refund.refund_request_id,
        "refundId": refund.refund_id,
        "amount": {"currency": refund.currency, "value": refund.value},
        "status": refund.status,
        "resultCode": refund.result_code,
        "at": iso8601(refund.at_ms),
    }


def _received(one: Received) -> dict[str, Any]:
    shown = {
        "number": one.number,
        "at": iso8601(one.at_ms),
        "at_ms": one.at_ms,
        "connection": one.connection,
        "method": one.method,
        "target": one.target,
        "version": one.version,
        "headers": json.loads(one.headers),
        "bytes": len(one.body),
        "complete": bool(one.complete),
        "api": one.api,
        "payment": one.request_id,
        "fault": one.fault,
        "verdict": one.verdict,
    }
    try:
        shown["body"] = one.body.decode()
    except UnicodeDecodeError:
        shown["body_base64"] = base64.b64encode(one.body).decode()
    return shown


def _notification(one: Notification) -> dict[str, Any]:
    return {
        "number": one.number,
        "payment": one.request_id,
        "url": one.url,
        "body": json.loads(one.body),
        "state": one.state,
        "attempts": one.attempts,
        "dueAt": iso8601(one.due_ms),
        "lastError": one.last_error,
    }


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except RecursionError:
        raise BadRequest("nobody nests a control call so deep") from None


def _json(status: int, found: object) -> Reply:
    body = json.dumps(found, ensure_ascii=False).encode()
    return Reply(status, [("content-type", "application/json")], body)
