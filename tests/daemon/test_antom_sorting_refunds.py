"""Each answer to refund, inquiryRefund and the inquiry before one: rules.md §4 as tables."""

from __future__ import annotations

import pytest

from tilld_antom import sorting
from tilld_antom.answers import FORGED, UNSIGNED, Answer
from tilld_testkit.antom_ends import amount
from tilld_testkit.antom_sorted import REFUND, answered, found, paid

REFUNDED = {
    "refundRequestId": "R1",
    "paymentId": "A1",
    "refundId": "F1",
    "refundAmount": amount(),
    "refundTime": "2026-11-22T10:31:00-08:00",
}
REFUND_FACTS = {"antom_refund_id": "F1", "refunded_at": "2026-11-22T10:31:00-08:00"}


def test_a_signed_s_is_a_refund_done_with_its_facts() -> None:
    answer = answered("S", "SUCCESS", **REFUNDED)
    assert sorting.refund(answer, REFUND) == ("refund done", REFUND_FACTS)
    assert sorting.refund(answered("S", "SUCCESS"), REFUND).event == "refund done"


@pytest.mark.parametrize(
    ("changed", "alarm"),
    [
        ({"refundAmount": amount("400")}, "amount"),
        ({"refundAmount": amount("500", "USD")}, "amount"),
        ({"refundAmount": "500"}, "amount"),
        ({"refundAmount": {}}, "amount"),
        ({"refundRequestId": "R2"}, "id"),
        ({"paymentId": "A2"}, "id"),
    ],
)
def test_a_refund_of_something_else_is_unknown_and_an_alarm(
    changed: dict[str, object], alarm: str
) -> None:
    answer = answered("S", "SUCCESS", **{**REFUNDED, **changed})
    event, facts = sorting.refund(answer, REFUND)
    assert (event, facts["alarm"]) == ("refund unknown", alarm)


@pytest.mark.parametrize("trust", [UNSIGNED, FORGED])
def test_an_unverified_s_refunds_nothing(trust: str) -> None:
    event, facts = sorting.refund(answered("S", "SUCCESS", trust, **REFUNDED), REFUND)
    assert (event, facts["alarm"]) == ("refund unknown", "signature")
    found_one = answered("S", "SUCCESS", trust, **REFUNDED, refundStatus="SUCCESS")
    assert sorting.refund_inquiry(found_one, REFUND).event == "refund unknown"


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("MERCHANT_BALANCE_NOT_ENOUGH", "refund refused"),
        ("REFUND_AMOUNT_EXCEED", "refund refused"),
        ("REFUND_WINDOW_EXCEED", "refund refused"),
        ("MULTIPLE_REFUNDS_NOT_SUPPORTED", "refund refused"),
        ("ORDER_IS_CANCELED", "refund refused"),
        ("ORDER_NOT_EXIST", "refund refused"),
        ("ORDER_STATUS_INVALID", "refund refused"),
        ("A_CODE_OF_NEXT_YEAR", "refund refused"),
        ("SYSTEM_ERROR", "refund unknown"),
        ("PROCESS_FAIL", "refund unknown"),
        ("REPEAT_REQ_INCONSISTENT", "refund disputed"),
    ],
)
def test_only_a_signed_final_f_refuses_a_refund(code: str, event: str) -> None:
    assert sorting.refund(answered("F", code), REFUND) == (
        event,
        {"upstream_code": code, "message": "words"}
        | ({"antom_payment_id": ""} if event == "refund unknown" else {}),
    )
    for trust in (UNSIGNED, FORGED):
        assert sorting.refund(answered("F", code, trust), REFUND).event == "refund unknown"
    assert sorting.refund(answered("U", code), REFUND).event == "refund unknown"


@pytest.mark.parametrize(
    ("status", "event"),
    [
        ("SUCCESS", "found done"),
        ("PROCESSING", "found processing"),
        ("FAIL", "found failed"),
        ("A_STATUS_OF_NEXT_YEAR", "refund unknown"),
        ("", "refund unknown"),
        (None, "refund unknown"),
        (["SUCCESS"], "refund unknown"),
    ],
)
def test_a_found_refund_is_what_its_status_says(status: object, event: str) -> None:
    answer = answered("S", "SUCCESS", **REFUNDED, refundStatus=status)
    assert sorting.refund_inquiry(answer, REFUND).event == event


def test_a_found_refund_of_another_amount_or_id_is_unknown_and_an_alarm() -> None:
    other = answered("S", "SUCCESS", refundStatus="SUCCESS", refundAmount=amount("400"))
    event, facts = sorting.refund_inquiry(other, REFUND)
    assert (event, facts["alarm"]) == ("refund unknown", "amount")
    other = answered("S", "SUCCESS", refundStatus="FAIL", refundRequestId="R2")
    event, facts = sorting.refund_inquiry(other, REFUND)
    assert (event, facts["alarm"]) == ("refund unknown", "id")


@pytest.mark.parametrize("code", ["ORDER_NOT_EXIST", "PARAM_ILLEGAL", "SYSTEM_ERROR", "NEW"])
def test_a_refund_is_absent_only_by_antoms_signed_word(code: str) -> None:
    absent = code == "ORDER_NOT_EXIST"
    event = sorting.refund_inquiry(answered("F", code), REFUND).event
    assert event == ("not found" if absent else "refund unknown")
    for trust in (UNSIGNED, FORGED):
        answer = answered("F", code, trust)
        assert sorting.refund_inquiry(answer, REFUND).event == "refund unknown"
    assert sorting.refund_inquiry(answered("U", code), REFUND).event == "refund unknown"


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        (found("SUCCESS"), "located"),
        (found("SUCCESS", paymentId=None), "locate unknown"),
        (found("SUCCESS", paymentRequestId="P2"), "locate unknown"),
        (found("PROCESSING"), "locate unknown"),
        (found("FAIL"), "not refundable"),
        (found("CANCELLED"), "not refundable"),
        (paid(UNSIGNED, paymentStatus="FAIL"), "locate unknown"),
        (paid(FORGED, paymentStatus="SUCCESS"), "locate unknown"),
        (answered("F", "ORDER_NOT_EXIST"), "no such payment"),
        (answered("F", "ORDER_NOT_EXIST")._replace(trust=UNSIGNED), "locate unknown"),
        (answered("U", "UNKNOWN_EXCEPTION"), "locate unknown"),
    ],
)
def test_a_payment_is_located_for_its_refund_by_a_verified_success(
    answer: Answer, event: str
) -> None:
    located, facts = sorting.location(answer, {"paymentRequestId": "P1"})
    assert located == event
    assert event != "located" or facts["antom_payment_id"] == "A1"
