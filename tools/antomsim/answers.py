"""The shapes of Antom's answers and notifications (antom-api.md §3.4, §4 to §7, §9.1, §11).

Optional fields are filled as in Antom's fixtures: the customer's own amount among them,
numbers and booleans that the page calls strings, an opaque currency pair (C14, C15).
"""

from antomsim.clock import iso8601
from antomsim.params import ORDER_CODE
from antomsim.results import Body, only, result
from antomsim.store import Payment, Refund

#: What the wallet's currency costs in the merchant's, in the fixtures' manner.
_RATE = 7


def amount(currency: str, value: int) -> Body:
    return {"currency": currency, "value": str(value)}


def _ids(payment: Payment) -> Body:
    return {"paymentRequestId": payment.request_id, "paymentId": payment.payment_id}


def _money(payment: Payment) -> Body:
    return {
        "paymentAmount": amount(payment.currency, payment.value),
        "actualPaymentAmount": amount("CNY", payment.value * _RATE),
        "paymentQuote": {
            "quoteId": "Q" + (payment.payment_id or ""),
            "quoteCurrencyPair": "978/156",
            "quotePrice": float(_RATE),
            "guaranteed": False,
        },
        "pspCustomerInfo": {"pspName": "ALIPAYCN", "displayCustomerId": "san***@mock.com"},
    }


def _paid_at(payment: Payment) -> Body:
    return {
        "paymentTime": iso8601(payment.paid_ms or payment.created_ms),
        "paymentCreateTime": iso8601(payment.created_ms),
    }


def paid(payment: Payment) -> Body:
    return only("SUCCESS") | _ids(payment) | _money(payment) | _paid_at(payment)


def in_process(payment: Payment) -> Body:
    created = {"paymentCreateTime": iso8601(payment.created_ms)}
    return only("PAYMENT_IN_PROCESS") | _ids(payment) | created


def order_code(payment: Payment) -> Body:
    """S that means *code issued*, never paid (antom-api.md §11)."""
    form: Body = {
        "paymentMethodType": "CONNECT_WALLET",
        "codeDetails": [
            {"codeValueType": "QRCODE", "codeValue": payment.order_code, "displayType": "TEXT"}
        ],
    }
    if payment.expires_ms is not None:
        form["expireTime"] = iso8601(payment.expires_ms)
    more = {"orderCodeForm": form, "paymentCreateTime": iso8601(payment.created_ms)}
    return only("SUCCESS") | _ids(payment) | more


def to_pay(payment: Payment) -> Body:
    """The answer to a ``pay`` of this payment, first or repeated, as it stands now."""
    if payment.closed:
        return only("ORDER_IS_CLOSED")
    if payment.status == "CANCELLED":
        return only("ORDER_IS_CANCELED")
    if payment.status == "FAIL":
        return only(payment.result_code)
    if payment.scenario == ORDER_CODE:
        return order_code(payment)
    return paid(payment) if payment.status == "SUCCESS" else in_process(payment)


def to_inquiry(payment: Payment, refunds: list[Refund]) -> Body:
    body = only("SUCCESS") | _ids(payment) | {"paymentStatus": payment.status}
    reason = {
        "SUCCESS": "SUCCESS",
        "PROCESSING": "PAYMENT_IN_PROCESS",
        "FAIL": payment.result_code,
        "CANCELLED": "ORDER_IS_CLOSED" if payment.closed else "ORDER_IS_CANCELED",
    }[payment.status]
    body["paymentResultCode"] = reason
    body["paymentResultMessage"] = result(reason)["resultMessage"]
    if payment.status == "SUCCESS":
        body |= _money(payment) | _paid_at(payment)
        if refunds:
            body["transactions"] = [_transaction(refund) for refund in refunds]
    if payment.status == "PROCESSING":
        body["paymentAmount"] = amount(payment.currency, payment.value)
        body["paymentCreateTime"] = iso8601(payment.created_ms)
    return body


def _transaction(refund: Refund) -> Body:
    return {
        "transactionResult": result(refund.result_code),
        "transactionId": refund.refund_id,
        "transactionType": "REFUND",
        "transactionStatus": refund.status,
        "transactionAmount": amount(refund.currency, refund.value),
        "transactionRequestId": refund.refund_request_id,
        "transactionTime": iso8601(refund.at_ms),
    }


def to_cancel(payment: Payment, at_ms: int) -> Body:
    body = only("SUCCESS") | {"paymentRequestId": payment.request_id}
    if payment.payment_id:
        body["paymentId"] = payment.payment_id
    return body | {"cancelTime": iso8601(payment.cancelled_ms or at_ms)}


def to_refund(refund: Refund, payment: Payment) -> Body:
    if refund.status != "SUCCESS":
        return only(refund.result_code)
    return only("SUCCESS") | {
        "refundRequestId": refund.refund_request_id,
        "refundId": refund.refund_id,
        "paymentId": payment.payment_id,
        "refundAmount": amount(refund.currency, refund.value),
        "refundTime": iso8601(refund.at_ms),
    }


def to_refund_inquiry(refund: Refund) -> Body:
    body = only("SUCCESS") | {
        "refundStatus": refund.status,
        "refundRequestId": refund.refund_request_id,
        "refundId": refund.refund_id,
        "refundAmount": amount(refund.currency, refund.value),
    }
    if refund.status == "SUCCESS":
        body["refundTime"] = iso8601(refund.at_ms)
    return body


def notification(payment: Payment) -> Body:
    body: Body = {"notifyType": "PAYMENT_RESULT"}
    body |= only("SUCCESS" if payment.status == "SUCCESS" else payment.result_code)
    body |= _ids(payment)
    body["paymentAmount"] = amount(payment.currency, payment.value)
    body["paymentCreateTime"] = iso8601(payment.created_ms)
    if payment.status == "SUCCESS":
        body |= _money(payment) | _paid_at(payment)
    return body
