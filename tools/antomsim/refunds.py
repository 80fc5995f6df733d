"""Refunds (antom-api.md §6, §7): any number of parts while their sum fits the payment."""

from antomsim import answers
from antomsim.clock import Clock
from antomsim.ledger import Ledger, new_id
from antomsim.params import RefundOrder
from antomsim.results import Body, Refused, only
from antomsim.settings import Settings
from antomsim.store import Payment, Refund, Store


class Refunds:
    def __init__(self, store: Store, clock: Clock, settings: Settings, ledger: Ledger) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._ledger = ledger

    def refund(self, order: RefundOrder, twist: str = "", status: str = "") -> Body:
        """A ``refund``. A final F is kept: the same id gets the same answer (§10.1).

        ``twist`` and ``status`` are the result of a fault: F fails this refund for good, U
        leaves it PROCESSING, S changes nothing here.
        """
        if status not in {"F", "U"}:
            twist = ""
        known = self._store.refund(order.refund_request_id)
        payment = self._ledger.find(order.payment_id, "")
        if known is not None:
            same = (known.request_id, known.currency, known.value)
            if same != (payment.request_id, order.currency, order.value):
                return only("REPEAT_REQ_INCONSISTENT")
            if known.status != "PROCESSING":
                return answers.to_refund(known, payment)
        refund = known or Refund(
            refund_request_id=order.refund_request_id,
            refund_id=new_id("013", self._clock.now_ms()),
            request_id=payment.request_id,
            currency=order.currency,
            value=order.value,
            status="PROCESSING",
            result_code="REFUND_IN_PROCESS",
            at_ms=self._clock.now_ms(),
        )
        self._decide(refund, payment, twist, undecided=status == "U")
        return only(twist) if twist else answers.to_refund(refund, payment)

    def _decide(self, refund: Refund, payment: Payment, twist: str, undecided: bool) -> None:
        code = self._obstacle(refund, payment)
        if undecided and not code:
            self._store.put_refund(refund)
            return
        code = code or twist
        refund.status = "FAIL" if code else "SUCCESS"
        refund.result_code = code or "SUCCESS"
        refund.at_ms = self._clock.now_ms()
        self._store.put_refund(refund)
        if not code:
            self._ledger.move(payment, "credit", refund.value, "refund")

    def _obstacle(self, refund: Refund, payment: Payment) -> str:
        """The code that refuses it, "" when nothing does."""
        if payment.status == "CANCELLED":
            return "ORDER_IS_CANCELED"
        if payment.status != "SUCCESS" or payment.paid_ms is None:
            return "ORDER_STATUS_INVALID"
        if refund.currency != payment.currency:
            return "CURRENCY_NOT_SUPPORT"
        window_ms = int(self._settings.refund_window_s * 1000)
        if self._clock.now_ms() >= payment.paid_ms + window_ms:
            return "REFUND_WINDOW_EXCEED"
        others = sum(
            other.value
            for other in self._store.refunds(payment.request_id)
            if other.status != "FAIL" and other.refund_request_id != refund.refund_request_id
        )
        return "REFUND_AMOUNT_EXCEED" if others + refund.value > payment.value else ""

    def inquire(self, refund_id: str, refund_request_id: str) -> Body:
        """refundId wins where both are given (§7)."""
        if refund_id:
            found = self._store.refund_by_id(refund_id)
        else:
            found = self._store.refund(refund_request_id)
        if found is None:
            raise Refused("ORDER_NOT_EXIST")
        return answers.to_refund_inquiry(found)
