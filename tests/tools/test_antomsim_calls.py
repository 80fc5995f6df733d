"""The state machine of antom-api.md §16, walked over real TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tilld_testkit.antomsim_process import (
    Json,
    Merchant,
    Simulator,
    merchant_of,
    result_code,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

AMOUNT = {"currency": "EUR", "value": "1000"}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("antomsim")) as started:
        yield started


@pytest.fixture
def merchant(simulator: Simulator) -> Iterator[Merchant]:
    with merchant_of(simulator) as found:
        yield found
    simulator.set_faults()
    simulator.control("PUT", "/_sim/settings", {"cancel_unknown": "not-exist"})


def waiting(simulator: Simulator, merchant: Merchant, **changes: object) -> str:
    """A payment that waits for the customer's PIN."""
    body = merchant.order(simulator.fresh_code("?wallet=pin")) | changes
    assert result_code(merchant.call("pay", body)) == "PAYMENT_IN_PROCESS"
    return str(body["paymentRequestId"])


def customer(simulator: Simulator, action: str, payment: str, status: int = 200) -> Json:
    body = {"action": action, "payment": payment}
    found: Json = simulator.control("POST", "/_sim/customer", body, status)
    return found


def test_a_payment_debits_the_customer_once(simulator: Simulator, merchant: Merchant) -> None:
    request_id, paid = merchant.pay()
    assert result_code(paid) == "SUCCESS"
    assert paid["paymentAmount"] == AMOUNT
    assert paid["actualPaymentAmount"]["currency"] == "CNY"
    held = simulator.payment(request_id)
    assert (held["status"], held["debited"], held["returned"]) == ("SUCCESS", 1000, 0)
    assert held["bodies"] == {"pay": 1}
    assert held["order"]["orderDescription"] == "Bücher 书"


def test_a_repeated_pay_gives_the_same_result_and_no_second_debit(
    simulator: Simulator, merchant: Merchant
) -> None:
    body = merchant.order(simulator.fresh_code())
    first, second = merchant.call("pay", body), merchant.call("pay", body)
    assert first == second
    held = simulator.payment(body["paymentRequestId"])
    assert (held["debited"], held["bodies"]) == (1000, {"pay": 2})


@pytest.mark.parametrize("change", ["amount", "code"])
def test_the_same_id_with_other_fields_is_inconsistent(
    simulator: Simulator, merchant: Merchant, change: str
) -> None:
    body = merchant.order(simulator.fresh_code())
    merchant.call("pay", body)
    other = merchant.order(simulator.fresh_code(), value=999)
    field = {"amount": "paymentAmount", "code": "paymentMethod"}[change]
    assert result_code(merchant.call("pay", body | {field: other[field]})) == (
        "REPEAT_REQ_INCONSISTENT"
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("123456789012345678", "INVALID_PAYMENT_CODE"),
        ("2512345", "INVALID_PAYMENT_CODE"),
        ("281006020000000000125733", "INVALID_PAYMENT_CODE"),
    ],
)
def test_a_code_of_no_wallet_fails(merchant: Merchant, code: str, expected: str) -> None:
    body = merchant.order(code)
    assert result_code(merchant.call("pay", body)) == expected
    assert merchant.inquire(body["paymentRequestId"])["paymentStatus"] == "FAIL"


def test_a_code_pays_once(simulator: Simulator, merchant: Merchant) -> None:
    code = simulator.fresh_code()
    assert result_code(merchant.call("pay", merchant.order(code))) == "SUCCESS"
    assert result_code(merchant.call("pay", merchant.order(code))) == "INVALID_PAYMENT_CODE"


def test_an_old_code_has_expired(simulator: Simulator, merchant: Merchant) -> None:
    code = simulator.fresh_code()
    simulator.control("POST", "/_sim/clock", {"advance_s": 121})
    assert result_code(merchant.call("pay", merchant.order(code))) == "EXPIRED_CODE"


@pytest.mark.parametrize("digits", [16, 17, 24, 32])
def test_codes_of_all_lengths_pay(simulator: Simulator, merchant: Merchant, digits: int) -> None:
    code = simulator.fresh_code(f"?digits={digits}")
    assert len(code) == digits
    assert result_code(merchant.call("pay", merchant.order(code))) == "SUCCESS"


@pytest.mark.parametrize(
    ("wallet", "expected"),
    [
        ("refuse", "USER_PAYMENT_VERIFICATION_FAILED"),
        ("no-money", "USER_BALANCE_NOT_ENOUGH"),
        ("limit", "USER_AMOUNT_EXCEED_LIMIT"),
        ("risk", "RISK_REJECT"),
        ("expired", "EXPIRED_CODE"),
    ],
)
def test_a_wallet_that_says_no_debits_nothing(
    simulator: Simulator, merchant: Merchant, wallet: str, expected: str
) -> None:
    body = merchant.order(simulator.fresh_code(f"?wallet={wallet}"))
    assert result_code(merchant.call("pay", body)) == expected
    assert result_code(merchant.call("pay", body)) == expected
    inquiry = merchant.inquire(body["paymentRequestId"])
    assert (inquiry["paymentStatus"], inquiry["paymentResultCode"]) == ("FAIL", expected)
    assert simulator.payment(body["paymentRequestId"])["debited"] == 0
    assert result_code(merchant.cancel(body["paymentRequestId"])) == "SUCCESS"


@pytest.mark.parametrize(
    "missing", ["productCode", "paymentRequestId", "paymentAmount", "paymentMethod", "order"]
)
def test_a_missing_field_is_illegal_and_leaves_no_trace(
    simulator: Simulator, merchant: Merchant, missing: str
) -> None:
    body = merchant.order(simulator.fresh_code())
    request_id = body["paymentRequestId"]
    del body[missing]
    assert result_code(merchant.call("pay", body)) == "PARAM_ILLEGAL"
    assert simulator.payment(request_id) == {}


@pytest.mark.parametrize("value", [0, -1, True, 10.5, "0100", "1e3", "", None, "1" * 17])
def test_an_amount_is_a_positive_integer_of_16_digits(
    simulator: Simulator, merchant: Merchant, value: object
) -> None:
    amount = {"currency": "EUR", "value": value}
    body = merchant.order(simulator.fresh_code(), paymentAmount=amount)
    assert result_code(merchant.call("pay", body)) == "PARAM_ILLEGAL"


def test_a_currency_outside_the_contract_is_refused(
    simulator: Simulator, merchant: Merchant
) -> None:
    amount = {"currency": "XAU", "value": "1"}
    body = merchant.order(simulator.fresh_code(), paymentAmount=amount)
    assert result_code(merchant.call("pay", body)) == "CURRENCY_NOT_SUPPORT"


@pytest.mark.parametrize("scenario", ["PAYMENTCODE", "EntryCode"])
def test_the_scenario_is_compared_exactly(
    simulator: Simulator, merchant: Merchant, scenario: str
) -> None:
    factor = {"inStorePaymentScenario": scenario}
    body = merchant.order(simulator.fresh_code(), paymentFactor=factor)
    assert result_code(merchant.call("pay", body)) == "PARAM_ILLEGAL"


def test_a_customer_with_a_pin_confirms(simulator: Simulator, merchant: Merchant) -> None:
    request_id = waiting(simulator, merchant)
    assert merchant.inquire(request_id)["paymentStatus"] == "PROCESSING"
    assert simulator.owed(request_id) == 0
    customer(simulator, "confirm", request_id)
    inquiry = merchant.inquire(request_id)
    assert (inquiry["paymentStatus"], inquiry["paymentAmount"]) == ("SUCCESS", AMOUNT)
    assert simulator.owed(request_id) == 1000
    customer(simulator, "confirm", request_id, status=400)


def test_a_customer_with_a_pin_refuses(simulator: Simulator, merchant: Merchant) -> None:
    request_id = waiting(simulator, merchant)
    customer(simulator, "refuse", request_id)
    inquiry = merchant.inquire(request_id)
    assert inquiry["paymentStatus"] == "FAIL"
    assert "paymentAmount" not in inquiry


def test_a_customer_who_walked_away_leaves_it_to_the_expiry(
    simulator: Simulator, merchant: Merchant
) -> None:
    body = merchant.order(simulator.fresh_code("?wallet=pin"))
    merchant.call("pay", body)
    request_id = body["paymentRequestId"]
    customer(simulator, "walk away", request_id)
    customer(simulator, "confirm", request_id, status=400)
    simulator.control("POST", "/_sim/clock", {"advance_s": 599})
    assert merchant.inquire(request_id)["paymentStatus"] == "PROCESSING"
    simulator.control("POST", "/_sim/clock", {"advance_s": 2})
    assert merchant.inquire(request_id)["paymentStatus"] == "CANCELLED"
    assert result_code(merchant.call("pay", body)) == "ORDER_IS_CLOSED"


def test_payment_expiry_time_closes_it_then(simulator: Simulator, merchant: Merchant) -> None:
    now = simulator.control("GET", "/_sim/clock")["now"]
    body = merchant.order(simulator.fresh_code(), paymentExpiryTime=now)
    assert result_code(merchant.call("pay", body)) == "ORDER_IS_CLOSED"
    assert simulator.payment(body["paymentRequestId"])["debited"] == 0


def test_a_slow_customer_confirms_when_the_time_comes(
    simulator: Simulator, merchant: Merchant
) -> None:
    body = merchant.order(simulator.fresh_code("?wallet=slow&after_s=30"))
    assert result_code(merchant.call("pay", body)) == "PAYMENT_IN_PROCESS"
    assert simulator.payment(body["paymentRequestId"])["status"] == "PROCESSING"
    simulator.control("POST", "/_sim/clock", {"advance_s": 31})
    assert simulator.payment(body["paymentRequestId"])["status"] == "SUCCESS"


def test_an_unknown_order_does_not_exist(merchant: Merchant) -> None:
    ids = {"paymentRequestId": "never-seen"}
    assert result_code(merchant.call("inquiryPayment", ids)) == "ORDER_NOT_EXIST"
    assert result_code(merchant.call("cancel", ids)) == "ORDER_NOT_EXIST"
    assert result_code(merchant.call("inquiryPayment", {})) == "PARAM_ILLEGAL"


def test_the_payment_id_wins_where_both_are_given(merchant: Merchant) -> None:
    request_id, paid = merchant.pay()
    ids = {"paymentId": paid["paymentId"], "paymentRequestId": "another"}
    assert merchant.call("inquiryPayment", ids)["paymentRequestId"] == request_id
    ids = {"paymentId": "another", "paymentRequestId": request_id}
    assert result_code(merchant.call("inquiryPayment", ids)) == "ORDER_NOT_EXIST"


def test_a_cancelled_payment_is_returned_once(simulator: Simulator, merchant: Merchant) -> None:
    request_id, _ = merchant.pay()
    first, second = merchant.cancel(request_id), merchant.cancel(request_id)
    assert first == second
    held = simulator.payment(request_id)
    assert (held["status"], held["debited"], held["returned"]) == ("CANCELLED", 1000, 1000)
    assert held["bodies"] == {"pay": 1, "cancel": 2}
    assert merchant.inquire(request_id)["paymentStatus"] == "CANCELLED"


def test_a_pay_after_its_cancel_is_refused(simulator: Simulator, merchant: Merchant) -> None:
    body = merchant.order(simulator.fresh_code("?wallet=pin"))
    merchant.call("pay", body)
    request_id = body["paymentRequestId"]
    assert result_code(merchant.cancel(request_id)) == "SUCCESS"
    assert result_code(merchant.call("pay", body)) == "ORDER_IS_CANCELED"
    customer(simulator, "confirm", request_id, status=400)
    assert simulator.owed(request_id) == 0


def test_a_cancel_that_overtook_its_pay_leaves_no_trace_by_default(
    simulator: Simulator, merchant: Merchant
) -> None:
    body = merchant.order(simulator.fresh_code())
    assert result_code(merchant.cancel(body["paymentRequestId"])) == "ORDER_NOT_EXIST"
    assert result_code(merchant.call("pay", body)) == "SUCCESS"


def test_a_cancel_that_overtook_its_pay_may_leave_a_tombstone(
    simulator: Simulator, merchant: Merchant
) -> None:
    simulator.control("PUT", "/_sim/settings", {"cancel_unknown": "tombstone"})
    body = merchant.order(simulator.fresh_code())
    request_id = body["paymentRequestId"]
    assert result_code(merchant.cancel(request_id)) == "SUCCESS"
    assert result_code(merchant.call("pay", body)) == "ORDER_IS_CANCELED"
    assert merchant.inquire(request_id)["paymentStatus"] == "CANCELLED"
    held = simulator.payment(request_id)
    assert (held["tombstoned"], held["debited"]) == (True, 0)


def test_the_cancel_window_closes_at_midnight_utc_plus_8(
    simulator: Simulator, merchant: Merchant
) -> None:
    request_id, _ = merchant.pay()
    simulator.control("POST", "/_sim/clock", {"advance_s": 86400})
    assert result_code(merchant.cancel(request_id)) == "CANCEL_WINDOW_EXCEED"
    held = simulator.payment(request_id)
    assert held["cancellableUntil"].endswith("T08:00:00-08:00")
    assert (held["status"], simulator.owed(request_id)) == ("SUCCESS", 1000)


def test_refunds_add_up_to_the_payment_and_no_further(
    simulator: Simulator, merchant: Merchant
) -> None:
    request_id, paid = merchant.pay()
    payment_id = paid["paymentId"]
    part = merchant.refund(payment_id, f"{request_id}-1", 400)
    assert result_code(part) == "SUCCESS"
    assert part == merchant.refund(payment_id, f"{request_id}-1", 400)
    assert result_code(merchant.refund(payment_id, f"{request_id}-1", 500)) == (
        "REPEAT_REQ_INCONSISTENT"
    )
    assert result_code(merchant.refund(payment_id, f"{request_id}-2", 601)) == (
        "REFUND_AMOUNT_EXCEED"
    )
    assert result_code(merchant.refund(payment_id, f"{request_id}-3", 600)) == "SUCCESS"
    assert result_code(merchant.cancel(request_id)) == "ORDER_STATUS_INVALID"
    inquiry = merchant.inquire(request_id)
    assert inquiry["paymentStatus"] == "SUCCESS"
    done = [one for one in inquiry["transactions"] if one["transactionStatus"] == "SUCCESS"]
    assert [one["transactionAmount"]["value"] for one in done] == ["400", "600"]
    assert simulator.owed(request_id) == 0


def test_a_refund_can_be_inquired(merchant: Merchant) -> None:
    request_id, paid = merchant.pay()
    merchant.refund(paid["paymentId"], f"R-{request_id}", 400)
    found = merchant.call("inquiryRefund", {"refundRequestId": f"R-{request_id}"})
    assert (found["refundStatus"], found["refundAmount"]["value"]) == ("SUCCESS", "400")
    again = merchant.call("inquiryRefund", {"refundId": found["refundId"]})
    assert again == found
    unknown = merchant.call("inquiryRefund", {"refundRequestId": "never-seen"})
    assert result_code(unknown) == "ORDER_NOT_EXIST"


def test_only_a_paid_payment_is_refunded(simulator: Simulator, merchant: Merchant) -> None:
    request_id = waiting(simulator, merchant)
    payment_id = simulator.payment(request_id)["paymentId"]
    assert result_code(merchant.refund(payment_id, f"{request_id}-1", 1)) == "ORDER_STATUS_INVALID"
    merchant.cancel(request_id)
    assert result_code(merchant.refund(payment_id, f"{request_id}-2", 1)) == "ORDER_IS_CANCELED"
    assert result_code(merchant.refund("unknown", "R", 1)) == "ORDER_NOT_EXIST"


def test_the_refund_window_closes(simulator: Simulator, merchant: Merchant) -> None:
    request_id, paid = merchant.pay()
    simulator.control("POST", "/_sim/clock", {"advance_s": 361 * 86400})
    late = merchant.refund(paid["paymentId"], f"{request_id}-late", 1)
    assert result_code(late) == "REFUND_WINDOW_EXCEED"


def test_an_order_code_is_issued_and_then_paid(simulator: Simulator, merchant: Merchant) -> None:
    body = merchant.order(
        "",
        paymentFactor={"inStorePaymentScenario": "OrderCode"},
        paymentMethod={"paymentMethodType": "CONNECT_WALLET"},
    )
    request_id = body["paymentRequestId"]
    issued = merchant.call("pay", body)
    assert result_code(issued) == "SUCCESS"
    assert issued == merchant.call("pay", body)
    shown = issued["orderCodeForm"]["codeDetails"][0]
    assert (shown["codeValueType"], shown["displayType"]) == ("QRCODE", "TEXT")
    assert merchant.inquire(request_id)["paymentStatus"] == "PROCESSING"
    assert simulator.owed(request_id) == 0
    scan = {"action": "confirm", "order_code": shown["codeValue"]}
    simulator.control("POST", "/_sim/customer", scan)
    assert merchant.inquire(request_id)["paymentStatus"] == "SUCCESS"
    assert simulator.owed(request_id) == 1000


@pytest.mark.parametrize(
    ("value", "pay", "inquiry"),
    [
        (9901, "UNKNOWN_EXCEPTION", "SUCCESS"),
        (9903, "PAYMENT_IN_PROCESS", "UNKNOWN_EXCEPTION"),
    ],
)
def test_the_amounts_of_the_mock_misbehave(
    simulator: Simulator, merchant: Merchant, value: int, pay: str, inquiry: str
) -> None:
    body = merchant.order(simulator.fresh_code(), value)
    assert result_code(merchant.call("pay", body)) == pay
    assert result_code(merchant.inquire(body["paymentRequestId"])) == inquiry


@pytest.mark.parametrize(
    ("value", "api", "debited"), [(9902, "pay", 9902), (9904, "inquiryPayment", 0)]
)
def test_the_amounts_of_the_mock_time_out(
    simulator: Simulator, merchant: Merchant, value: int, api: str, debited: int
) -> None:
    body = merchant.order(simulator.fresh_code(), value)
    request_id = body["paymentRequestId"]
    merchant.connection.connect()
    assert merchant.connection.sock is not None
    if api == "inquiryPayment":
        merchant.call("pay", body)
        body = {"paymentRequestId": request_id}
    merchant.connection.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        merchant.code_of(api, body)
    assert simulator.payment(request_id)["debited"] == debited
