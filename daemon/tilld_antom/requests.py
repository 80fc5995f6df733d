"""The bodies of the five calls, as compact UTF-8 JSON with a fixed order of keys.

A body depends on its arguments alone, never on a clock or a counter: one id always carries
byte-identical parameters (I11, I14, I37). Names and limits are those of antom-api.md §3 to §7.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

DESCRIPTION_LENGTH = 256  # antom-api.md §3.1, orderDescription

PATHS = {
    "pay": "/v1/payments/pay",
    "inquire": "/v1/payments/inquiryPayment",
    "cancel": "/v1/payments/cancel",
    "refund": "/v1/payments/refund",
    "inquire refund": "/v1/payments/inquiryRefund",
}


class Merchant(NamedTuple):
    """Who sells and where, from the settings; an empty text is left out of the body."""

    terminal: str
    merchant_id: str = ""
    name: str = ""
    mcc: str = ""
    store_id: str = ""
    store_name: str = ""
    region: str = ""
    account_id: str = ""
    settlement_currency: str = ""
    notify_url: str = ""


class Intent(Protocol):
    """A payment as it was made durable before `pay` (I1). Times are RFC 3339 with an offset."""

    @property
    def payment_request_id(self) -> str: ...
    @property
    def order_ref(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def terminal_request_time(self) -> str: ...
    @property
    def expires_at(self) -> str | None: ...


class Refund(Protocol):
    """A refund as it was made durable before its first byte (I37)."""

    @property
    def refund_request_id(self) -> str: ...
    @property
    def antom_payment_id(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def reason(self) -> str: ...


def pay(intent: Intent, code: str, merchant: Merchant) -> bytes:
    """`pay` with a presented code (antom-api.md §3.1). The body holds a secret: the code (I31).

    ``paymentExpiryTime`` is there only when the intent has one: rules.md §6 sends it when
    the clock is trusted. A sale without a description is described by its order number,
    because the field is mandatory.
    """
    return _pay(intent, merchant, "PaymentCode", {"paymentMethodId": code})


def order_code(intent: Intent, merchant: Merchant) -> bytes:
    """`pay` that asks for an order code (antom-api.md §11): no method id, nothing secret."""
    return _pay(intent, merchant, "OrderCode", {})


def _pay(intent: Intent, merchant: Merchant, scenario: str, method: Mapping[str, str]) -> bytes:
    amount = _amount(intent.currency, intent.amount_minor)
    description = (intent.description or intent.order_ref)[:DESCRIPTION_LENGTH]
    return _bytes(
        {
            "productCode": "IN_STORE_PAYMENT",
            "paymentRequestId": intent.payment_request_id,
            "order": _named(
                {
                    "referenceOrderId": intent.order_ref,
                    "orderDescription": description,
                    "orderAmount": amount,
                    "merchant": _shop(merchant),
                    "env": {
                        "storeTerminalId": merchant.terminal,
                        "storeTerminalRequestTime": intent.terminal_request_time,
                    },
                }
            ),
            "paymentAmount": amount,
            "paymentMethod": {"paymentMethodType": "CONNECT_WALLET", **method},
            "paymentFactor": {"inStorePaymentScenario": scenario},
            "settlementStrategy": _named({"settlementCurrency": merchant.settlement_currency}),
            "paymentNotifyUrl": merchant.notify_url,
            "paymentExpiryTime": intent.expires_at,
            "merchantRegion": merchant.region,
            "merchantAccountId": merchant.account_id,
        }
    )


def inquire(payment_request_id: str) -> bytes:
    """`inquiryPayment`, by our own id: a paymentId would win over it (antom-api.md §4)."""
    return _bytes({"paymentRequestId": payment_request_id})


def inquire_by_antom_id(payment_id: str) -> bytes:
    """`inquiryPayment` of a payment that only Antom's own id names (a receipt's)."""
    return _bytes({"paymentId": payment_id})


def cancel(payment_request_id: str) -> bytes:
    """`cancel` names the paymentRequestId alone (rules.md §3), so no repeat can differ."""
    return _bytes({"paymentRequestId": payment_request_id})


def refund(order: Refund) -> bytes:
    """`refund` (antom-api.md §6): by Antom's payment id, in the payment's currency."""
    return _bytes(
        {
            "refundRequestId": order.refund_request_id,
            "paymentId": order.antom_payment_id,
            "refundAmount": _amount(order.currency, order.amount_minor),
            "refundReason": order.reason[:DESCRIPTION_LENGTH],
        }
    )


def inquire_refund(refund_request_id: str) -> bytes:
    """`inquiryRefund`, by our own id (antom-api.md §7)."""
    return _bytes({"refundRequestId": refund_request_id})


def _amount(currency: str, amount_minor: int) -> dict[str, str]:
    return {"currency": currency, "value": str(amount_minor)}


def _shop(merchant: Merchant) -> dict[str, object]:
    # storeMCC, as every SDK spells it (antom-api.md C6).
    store = {
        "referenceStoreId": merchant.store_id,
        "storeName": merchant.store_name,
        "storeMCC": merchant.mcc,
    }
    return _named(
        {
            "referenceMerchantId": merchant.merchant_id,
            "merchantName": merchant.name,
            "merchantMCC": merchant.mcc,
            "store": _named(store),
        }
    )


def _named(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value}


def _bytes(fields: dict[str, object]) -> bytes:
    text = json.dumps(_named(fields), ensure_ascii=False, separators=(",", ":"))
    return text.encode()
