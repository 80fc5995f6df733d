"""The state machine of antom-api.md §16 and the customer's money.

``NEW → PROCESSING → SUCCESS | FAIL | CANCELLED``, ``SUCCESS → CANCELLED`` inside the window.
Every debit and credit is a movement; the movements are the truth that ``/_sim/payments`` shows.
Each method runs inside a transaction of the store.
"""

import json
import secrets
import time
from collections.abc import Callable

from antomsim import answers
from antomsim.clock import Clock, midnight_utc8_after
from antomsim.params import ORDER_CODE, PayOrder
from antomsim.results import Body, Refused, only
from antomsim.settings import Settings
from antomsim.store import Movement, Payment, Store
from antomsim.wallet import Course, Wallet


def new_id(kind: str, at_ms: int) -> str:
    """An id in the fashion of the fixtures; kind 001 is a payment, 013 a refund."""
    day = time.strftime("%Y%m%d", time.gmtime(at_ms // 1000))
    return f"{day}1940108{kind}001881I{secrets.randbelow(10**13):013d}"


class Ledger:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        wallet: Wallet,
        decided: Callable[[Payment], None],
    ) -> None:
        """``decided`` hears of each payment that became SUCCESS or FAIL, in its transaction."""
        self._store = store
        self._clock = clock
        self._settings = settings
        self._wallet = wallet
        self._decided = decided

    def pay(self, order: PayOrder, twist: Course | None = None) -> Body:
        """A ``pay``; ``twist`` replaces what the wallet would do with a good code."""
        known = self._store.payment(order.request_id)
        if known is None:
            return self._open(order, twist)
        if known.tombstoned:
            return only("ORDER_IS_CANCELED")
        same = (known.currency, known.value, known.method)
        if same != (order.currency, order.value, order.method):
            return only("REPEAT_REQ_INCONSISTENT")
        if twist is not None and twist.answer and known.status == "PROCESSING":
            return only(twist.answer)
        return answers.to_pay(known)

    def _open(self, order: PayOrder, twist: Course | None) -> Body:
        now_ms = self._clock.now_ms()
        if order.scenario == ORDER_CODE:
            course = Course("PROCESSING")
        else:
            course = self._wallet.present(order.method, order.request_id)
        if twist is not None and course.end != "FAIL":
            course = twist
        payment = Payment(
            request_id=order.request_id,
            payment_id=new_id("001", now_ms),
            status="PROCESSING",
            scenario=order.scenario,
            currency=order.currency,
            value=order.value,
            method=order.method,
            order_json=json.dumps(order.order),
            notify_url=order.notify_url or self._settings.notify_url,
            created_ms=now_ms,
            expires_ms=self._expiry(order, course, now_ms),
            succeeds_on_cancel=course.succeeds_on_cancel,
        )
        if order.scenario == ORDER_CODE:
            payment.order_code = f"https://gqr.alipay.com/{new_id('281', now_ms)}"
        if course.confirm_after_s is not None:
            payment.confirm_ms = now_ms + int(course.confirm_after_s * 1000)
        self._begin(payment, course, now_ms)
        return only(course.answer) if course.answer else answers.to_pay(payment)

    def _expiry(self, order: PayOrder, course: Course, now_ms: int) -> int | None:
        if course.never_expires:
            return None
        if order.expires_ms is not None:
            return order.expires_ms
        return now_ms + int(self._settings.expiry_s * 1000)

    def _begin(self, payment: Payment, course: Course, now_ms: int) -> None:
        if payment.expires_ms is not None and payment.expires_ms <= now_ms:
            self._close(payment, now_ms)
        elif course.end == "SUCCESS":
            self._succeed(payment, now_ms)
        elif course.end == "FAIL":
            self._fail(payment, course.code)
        else:
            self._store.put_payment(payment)

    def find(self, payment_id: str, request_id: str) -> Payment:
        """paymentId wins where both are given (antom-api.md §4); Refused(ORDER_NOT_EXIST)."""
        if payment_id:
            found = self._store.payment_by_id(payment_id)
        else:
            found = self._store.payment(request_id)
        if found is None:
            raise Refused("ORDER_NOT_EXIST")
        return found

    def inquire(self, payment_id: str, request_id: str) -> Body:
        payment = self.find(payment_id, request_id)
        return answers.to_inquiry(payment, self._store.refunds(payment.request_id))

    def cancel(self, payment_id: str, request_id: str, tombstone: bool = False) -> Body:
        """A ``cancel``; with ``tombstone`` that of an unknown paymentRequestId is kept."""
        now_ms = self._clock.now_ms()
        try:
            payment = self.find(payment_id, request_id)
        except Refused:
            keep = tombstone or self._settings.cancel_unknown == "tombstone"
            if payment_id or not keep:
                raise
            payment = self._tombstone(request_id, now_ms)
        if payment.succeeds_on_cancel and payment.status == "PROCESSING":
            payment.succeeds_on_cancel = False
            self._succeed(payment, now_ms)
            return only("UNKNOWN_EXCEPTION")
        if payment.status == "PROCESSING":
            self._set_cancelled(payment, now_ms)
        elif payment.status == "SUCCESS":
            self._reverse(payment, now_ms)
        elif payment.status == "FAIL" and self._settings.cancel_failed == "F":
            raise Refused("ORDER_STATUS_INVALID")
        return answers.to_cancel(payment, now_ms)

    def _tombstone(self, request_id: str, now_ms: int) -> Payment:
        payment = Payment(request_id, None, "CANCELLED", "", "", 0, "", "{}", "", now_ms)
        payment.tombstoned = True
        self._set_cancelled(payment, now_ms)
        return payment

    def _reverse(self, payment: Payment, now_ms: int) -> None:
        if any(refund.status != "FAIL" for refund in self._store.refunds(payment.request_id)):
            raise Refused("ORDER_STATUS_INVALID")
        if now_ms >= self.window_closes_ms(payment):
            raise Refused("CANCEL_WINDOW_EXCEED")
        self.move(payment, "credit", payment.value, "cancel")
        self._set_cancelled(payment, now_ms)

    def window_closes_ms(self, payment: Payment) -> int:
        """When a paid payment can't be cancelled any more."""
        paid_ms = payment.paid_ms or payment.created_ms
        if self._settings.cancel_window == "midnight":
            return midnight_utc8_after(paid_ms)
        return paid_ms + int(self._settings.cancel_window) * 1000

    def _set_cancelled(self, payment: Payment, now_ms: int) -> None:
        payment.status = "CANCELLED"
        payment.cancelled_ms = now_ms
        self._store.put_payment(payment)

    def _succeed(self, payment: Payment, now_ms: int) -> None:
        payment.status = "SUCCESS"
        payment.paid_ms = now_ms
        self._store.put_payment(payment)
        self.move(payment, "debit", payment.value, "pay")
        self._decided(payment)

    def _fail(self, payment: Payment, code: str) -> None:
        payment.status = "FAIL"
        payment.result_code = code
        self._store.put_payment(payment)
        self._decided(payment)

    def _close(self, payment: Payment, now_ms: int) -> None:
        payment.closed = True
        payment.status = self._settings.expired_status
        payment.result_code = "ORDER_IS_CLOSED"
        payment.cancelled_ms = now_ms
        self._store.put_payment(payment)

    def move(self, payment: Payment, kind: str, value: int, reason: str) -> None:
        """Money between the customer and the merchant, durable with what caused it."""
        at_ms = self._clock.now_ms()
        self._store.add_movement(
            Movement(payment.request_id, kind, payment.currency, value, reason, at_ms)
        )

    def confirm(self, payment: Payment, after_s: float) -> bool:
        """The customer types the PIN or scans the order code; False when it is too late."""
        if payment.status != "PROCESSING" or payment.walked_away:
            return False
        if after_s:
            payment.confirm_ms = self._clock.now_ms() + int(after_s * 1000)
            self._store.put_payment(payment)
        else:
            self._succeed(payment, self._clock.now_ms())
        return True

    def refuse(self, payment: Payment) -> bool:
        if payment.status != "PROCESSING" or payment.walked_away:
            return False
        self._fail(payment, "USER_PAYMENT_VERIFICATION_FAILED")
        return True

    def walk_away(self, payment: Payment) -> bool:
        """The customer does nothing more: the payment waits for its expiry or a cancel."""
        if payment.status != "PROCESSING":
            return False
        payment.walked_away = True
        payment.confirm_ms = None
        self._store.put_payment(payment)
        return True

    def settle_due(self) -> int | None:
        """What time alone decides: confirmations, then expiries. Answers the next moment, ms."""
        now_ms = self._clock.now_ms()
        later: list[int] = []
        for payment in self._store.payments("PROCESSING"):
            times = [at for at in (payment.confirm_ms, payment.expires_ms) if at is not None]
            if not times or min(times) > now_ms:
                later += times
            elif payment.confirm_ms is not None and payment.confirm_ms == min(times):
                self._succeed(payment, payment.confirm_ms)
            else:
                self._close(payment, now_ms)
        return min(later, default=None)
