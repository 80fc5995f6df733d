"""The bodies of the calls, checked as antom-api.md §3.1 to §7 and §10.5 say.

Unknown fields are ignored; amounts may be strings or integers (§1.5).
"""

import dataclasses
import json
import re
from typing import Any

from antomsim.clock import from_iso8601
from antomsim.results import Refused

PAYMENT_CODE = "PaymentCode"
ORDER_CODE = "OrderCode"

#: Prefixes 25 to 30, 16 to 32 digits (antom-api.md C2).
CODE_SHAPE = re.compile(r"(2[5-9]|30)[0-9]{14,30}")

#: antom-api.md §10.5, with MOP and TRY of the fixtures.
CURRENCIES = re.compile(
    "CLP|JPY|KRW|VND|AUD|BDT|BRL|CAD|CNY|EUR|GBP|HKD|IDR|MXN|MOP|MYR|NZD|PEN|PHP|PKR|PLN|SGD"
    "|THB|TRY|TWD|USD"
)

_MAX_DEPTH = 32

_AMOUNT = re.compile(r"[1-9][0-9]{0,15}")


@dataclasses.dataclass(frozen=True)
class PayOrder:
    """A checked ``pay``; ``expires_ms`` None when the request leaves it to Antom."""

    request_id: str
    scenario: str
    currency: str
    value: int
    method: str
    order: dict[str, Any]
    notify_url: str
    expires_ms: int | None


@dataclasses.dataclass(frozen=True)
class RefundOrder:
    refund_request_id: str
    payment_id: str
    currency: str
    value: int


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; Refused(PARAM_ILLEGAL) for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("PARAM_ILLEGAL", "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Refused("PARAM_ILLEGAL", "the body is not an object")
    _check_shape(found, _MAX_DEPTH)
    return found


def _check_shape(value: Any, depth: int) -> None:
    """Text that is text (a lone surrogate is none), and no deeper than anyone nests."""
    if depth == 0:
        raise Refused("PARAM_ILLEGAL", "the body is nested too deep")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refused("PARAM_ILLEGAL", "the body holds half a character") from None
    elif isinstance(value, dict):
        for name, one in value.items():
            _check_shape(name, depth - 1)
            _check_shape(one, depth - 1)
    elif isinstance(value, list):
        for one in value:
            _check_shape(one, depth - 1)


def text(fields: dict[str, Any], path: str, limit: int, needed: bool = True) -> str:
    """The string at a dotted path; "" when it is absent and not needed."""
    value: Any = fields
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None or value == "":
        if needed:
            raise Refused("PARAM_ILLEGAL", f"{path} is missing")
        return ""
    if not isinstance(value, str) or len(value) > limit:
        raise Refused("PARAM_ILLEGAL", f"{path} is not a string of at most {limit} characters")
    return value


def amount(fields: dict[str, Any], path: str) -> tuple[str, int]:
    """Currency and minor units of an Amount; CURRENCY_NOT_SUPPORT for other letters."""
    value: Any = fields
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        raise Refused("PARAM_ILLEGAL", f"{path} is missing")
    currency = text(value, "currency", 3)
    number = value.get("value")
    digits = str(number) if isinstance(number, int) and not isinstance(number, bool) else number
    if not isinstance(digits, str) or not _AMOUNT.fullmatch(digits):
        raise Refused("PARAM_ILLEGAL", f"{path}.value is not a positive integer")
    if not CURRENCIES.fullmatch(currency):
        raise Refused("CURRENCY_NOT_SUPPORT")
    if currency == "IDR" and int(digits) % 100:
        raise Refused("PARAM_ILLEGAL", f"{path}.value of IDR ends with 00")
    return currency, int(digits)


def pay_order(fields: dict[str, Any], lenient_scenario: bool) -> PayOrder:
    request_id = text(fields, "paymentRequestId", 64)
    if text(fields, "productCode", 64) != "IN_STORE_PAYMENT":
        raise Refused("PARAM_ILLEGAL", "productCode is not IN_STORE_PAYMENT")
    currency, value = amount(fields, "paymentAmount")
    if text(fields, "paymentMethod.paymentMethodType", 64) != "CONNECT_WALLET":
        raise Refused("PARAM_ILLEGAL", "paymentMethod.paymentMethodType is not CONNECT_WALLET")
    scenario = _scenario(fields, lenient_scenario)
    of_code = scenario == PAYMENT_CODE
    method = text(fields, "paymentMethod.paymentMethodId", 128, needed=of_code)
    _check_order(fields, of_code)
    return PayOrder(
        request_id=request_id,
        scenario=scenario,
        currency=currency,
        value=value,
        method=method,
        order=fields["order"],
        notify_url=text(fields, "paymentNotifyUrl", 2048, needed=False),
        expires_ms=_expiry(text(fields, "paymentExpiryTime", 64, needed=False)),
    )


def _scenario(fields: dict[str, Any], lenient: bool) -> str:
    named = text(fields, "paymentFactor.inStorePaymentScenario", 32, needed=False) or PAYMENT_CODE
    for known in (PAYMENT_CODE, ORDER_CODE):
        if named == known or (lenient and named.lower() == known.lower()):
            return known
    raise Refused("PARAM_ILLEGAL", "paymentFactor.inStorePaymentScenario is not served here")


def _check_order(fields: dict[str, Any], of_code: bool) -> None:
    text(fields, "order.referenceOrderId", 64)
    text(fields, "order.orderDescription", 256)
    amount(fields, "order.orderAmount")
    for name in ("referenceMerchantId", "merchantMCC", "store.referenceStoreId"):
        text(fields, f"order.merchant.{name}", 64)
    if not text(fields, "order.merchant.store.storeMcc", 64, needed=False):
        text(fields, "order.merchant.store.storeMCC", 64)
    text(fields, "order.env.storeTerminalId", 64, needed=False)
    if of_code:
        at = text(fields, "order.env.storeTerminalRequestTime", 32, needed=False)
        _time(at, "order.env.storeTerminalRequestTime")


def _expiry(at: str) -> int | None:
    return _time(at, "paymentExpiryTime")


def _time(at: str, name: str) -> int | None:
    try:
        return from_iso8601(at) if at else None
    except (ValueError, OverflowError):
        raise Refused("PARAM_ILLEGAL", f"{name} is not ISO 8601 with an offset") from None


def refund_order(fields: dict[str, Any]) -> RefundOrder:
    currency, value = amount(fields, "refundAmount")
    return RefundOrder(
        refund_request_id=text(fields, "refundRequestId", 64),
        payment_id=text(fields, "paymentId", 64),
        currency=currency,
        value=value,
    )


def one_of(fields: dict[str, Any], first: str, second: str) -> tuple[str, str]:
    """Two ids of which one is needed; the first wins where both are given."""
    found = (text(fields, first, 64, needed=False), text(fields, second, 64, needed=False))
    if not any(found):
        raise Refused("PARAM_ILLEGAL", f"{first} and {second} are both missing")
    return found
