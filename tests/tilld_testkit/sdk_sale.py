"""A whole sale by Antom's official Python SDK, unmodified; run by the SDK's own Python.

Takes a JSON object on stdin (gateway, client_id, merchant_key, antom_key as base64 DER, code),
prints the SDK's verified answers as one JSON object: pay, inquiry, refund, cancelled.
"""

import json
import sys

from com.alipay.ams.api.default_alipay_client import DefaultAlipayClient
from com.alipay.ams.api.model.amount import Amount
from com.alipay.ams.api.model.env import Env
from com.alipay.ams.api.model.merchant import Merchant
from com.alipay.ams.api.model.order import Order
from com.alipay.ams.api.model.store import Store
from com.alipay.ams.api.request.pay.alipay_pay_cancel_request import AlipayPayCancelRequest
from com.alipay.ams.api.request.pay.alipay_pay_query_request import AlipayPayQueryRequest
from com.alipay.ams.api.request.pay.alipay_refund_request import AlipayRefundRequest
from com.alipay.ams.api.request.pay.user_presented_code_payment_request import (
    UserPresentedCodePaymentRequest,
)


def an_order() -> Order:
    order = Order()
    order.reference_order_id = "SDK-1"
    order.order_description = "Kaffee 咖啡"
    order.order_amount = Amount("EUR", 500)
    order.merchant = Merchant()
    order.merchant.reference_merchant_id = "M-1"
    order.merchant.merchant_mcc = "5814"
    order.merchant.merchant_name = "Café"
    order.merchant.store = Store()
    order.merchant.store.reference_store_id = "S-1"
    order.merchant.store.store_name = "Café"
    order.merchant.store.store_mcc = "5814"
    order.env = Env()
    order.env.store_terminal_id = "T0001"
    order.env.store_terminal_request_time = "2026-11-22T18:30:05+01:00"
    return order


def main() -> None:
    given = json.load(sys.stdin)
    client = DefaultAlipayClient(
        given["gateway"], given["client_id"], given["merchant_key"], given["antom_key"]
    )
    first, second = given["codes"]

    def pay(request_id: str, code: str) -> dict[str, object]:
        request = UserPresentedCodePaymentRequest(request_id, an_order(), "EUR", 500, code)
        answer: dict[str, object] = json.loads(client.execute(request))
        return answer

    paid = pay("SDK-PAY-1", first)
    query = AlipayPayQueryRequest()
    query.payment_request_id = "SDK-PAY-1"
    inquiry = json.loads(client.execute(query))
    refund = AlipayRefundRequest()
    refund.refund_request_id = "SDK-REFUND-1"
    refund.payment_id = paid["paymentId"]
    refund.refund_amount = Amount("EUR", 200)
    refunded = json.loads(client.execute(refund))
    pay("SDK-PAY-2", second)
    cancel = AlipayPayCancelRequest()
    cancel.payment_request_id = "SDK-PAY-2"
    cancelled = json.loads(client.execute(cancel))
    print(json.dumps({"pay": paid, "inquiry": inquiry, "refund": refunded, "cancelled": cancelled}))


if __name__ == "__main__":
    main()
