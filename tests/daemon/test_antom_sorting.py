"""Each answer to pay, inquiry and cancel, and the event it is: rules.md §3 as tables."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilld_antom import sorting
from tilld_antom.answers import FORGED, SIGNED, UNSIGNED, read
from tilld_testkit.antom_ends import amount, result
from tilld_testkit.antom_sorted import INTENT, REFUND, answered, found, paid, returned

TRUSTS = (SIGNED, UNSIGNED, FORGED)


# --- pay

FINAL_F = [
    "ACCESS_DENIED", "INVALID_API", "CLIENT_INVALID", "CURRENCY_NOT_SUPPORT", "EXPIRED_CODE",
    "INVALID_CONTRACT", "INVALID_MERCHANT_STATUS", "INVALID_PAYMENT_CODE", "INVALID_SIGNATURE",
    "KEY_NOT_FOUND", "MEDIA_TYPE_NOT_ACCEPTABLE", "MERCHANT_KYB_NOT_QUALIFIED",
    "MERCHANT_NOT_REGISTERED", "METHOD_NOT_SUPPORTED", "NO_INTERFACE_DEF", "NO_PAY_OPTIONS",
    "ORDER_IS_CANCELED", "ORDER_IS_CLOSED", "PARAM_ILLEGAL", "PAYMENT_AMOUNT_EXCEED_LIMIT",
    "PAYMENT_COUNT_EXCEED_LIMIT", "PAYMENT_NOT_QUALIFIED", "RISK_REJECT",
    "USER_AMOUNT_EXCEED_LIMIT", "USER_BALANCE_NOT_ENOUGH", "USER_KYC_NOT_QUALIFIED",
    "USER_NOT_EXIST", "USER_PAYMENT_VERIFICATION_FAILED", "USER_STATUS_ABNORMAL",
    "A_CODE_OF_NEXT_YEAR", "",
]  # fmt: skip
UNCERTAIN_F = ["SYSTEM_ERROR", "PROCESS_FAIL", "REPEAT_REQ_INCONSISTENT"]
U = ["PAYMENT_IN_PROCESS", "REQUEST_TRAFFIC_EXCEED_LIMIT", "UNKNOWN_EXCEPTION", "NEW", ""]


def test_a_signed_s_of_our_amount_is_success_with_its_facts() -> None:
    event, facts = sorting.pay(paid(), INTENT)
    assert event == "success"
    assert facts == {"antom_payment_id": "A1", "paid_at": "2026-11-22T10:30:06-08:00"}


def test_an_s_may_leave_ids_out_and_write_its_amount_as_a_number() -> None:
    bare = answered("S", "SUCCESS", paymentAmount=amount(500))
    event, facts = sorting.pay(bare, INTENT)
    assert event == "success"
    assert facts["antom_payment_id"] == ""


@pytest.mark.parametrize("trust", [UNSIGNED, FORGED])
def test_an_s_without_antoms_signature_is_unknown_and_an_alarm(trust: str) -> None:
    event, facts = sorting.pay(paid(trust), INTENT)
    assert event == "unknown"
    assert facts["alarm"] == "signature"
    assert "antom_payment_id" not in facts


@pytest.mark.parametrize(
    "theirs",
    [
        None, {}, [], "500", amount("501"), amount("500", "USD"), amount(500.0), amount(True),
        amount("5.00"), amount(None), amount("500", None), {"value": "500"}, {"currency": "EUR"},
    ],
)  # fmt: skip
def test_an_s_of_another_or_no_amount_is_unknown_and_an_alarm(theirs: object) -> None:
    event, facts = sorting.pay(paid(paymentAmount=theirs), INTENT)
    assert (event, facts["alarm"]) == ("unknown", "amount")
    event, facts = sorting.pay(answered("S", "SUCCESS", paymentRequestId="P1"), INTENT)
    assert (event, facts["alarm"]) == ("unknown", "amount")


@pytest.mark.parametrize("theirs", ["P2", "p1", 1, True, ["P1"], {"P1": 1}])
@pytest.mark.parametrize("status", ["S", "F", "U"])
def test_an_answer_about_another_payment_is_unknown_and_an_alarm(
    status: str, theirs: object
) -> None:
    answer = answered(status, "X", paymentRequestId=theirs, paymentAmount=amount())
    event, facts = sorting.pay(answer, INTENT)
    assert (event, facts["alarm"]) == ("unknown", "id")


@pytest.mark.parametrize("code", FINAL_F)
def test_a_signed_f_is_refused_with_its_code(code: str) -> None:
    event, facts = sorting.pay(answered("F", code), INTENT)
    assert event == "refused"
    assert facts == {"upstream_code": code, "message": "words"}


@pytest.mark.parametrize("code", UNCERTAIN_F)
@pytest.mark.parametrize("trust", TRUSTS)
def test_an_f_that_may_lie_is_unknown(code: str, trust: str) -> None:
    assert sorting.pay(answered("F", code, trust), INTENT).event == "unknown"


def test_the_setting_adds_codes_whose_f_is_unknown() -> None:
    for trust in (SIGNED, UNSIGNED):
        answer = answered("F", "INVALID_SIGNATURE", trust)
        assert sorting.pay(answer, INTENT).event == "refused"
        assert sorting.pay(answer, INTENT, ("INVALID_SIGNATURE",)).event == "unknown"
    assert sorting.pay(answered("F", "RISK_REJECT"), INTENT, ("OTHER",)).event == "refused"


@pytest.mark.parametrize("code", FINAL_F)
def test_an_unsigned_f_is_unknown_except_the_three_antom_cannot_sign(code: str) -> None:
    event, facts = sorting.pay(answered("F", code, UNSIGNED), INTENT)
    believed = code in ("INVALID_SIGNATURE", "KEY_NOT_FOUND", "CLIENT_INVALID")
    assert event == ("refused" if believed else "unknown")
    assert "alarm" not in facts
    assert facts["upstream_code"] == code


@pytest.mark.parametrize("code", FINAL_F)
def test_a_badly_signed_f_is_unknown_and_an_alarm(code: str) -> None:
    event, facts = sorting.pay(answered("F", code, FORGED), INTENT)
    assert (event, facts["alarm"]) == ("unknown", "signature")


@pytest.mark.parametrize("code", [*U, "SUCCESS", "RISK_REJECT"])
def test_a_u_is_unknown_whatever_its_code(code: str) -> None:
    event, facts = sorting.pay(answered("U", code, paymentId="A1"), INTENT)
    assert event == "unknown"
    assert facts["antom_payment_id"] == "A1"
    assert "alarm" not in facts


def test_an_unsigned_u_brings_no_id() -> None:
    event, facts = sorting.pay(answered("U", "NEW", UNSIGNED, paymentId="A1"), INTENT)
    assert event == "unknown"
    assert "antom_payment_id" not in facts


def test_an_answer_that_says_nothing_is_unknown() -> None:
    for content in (b"", b"{}", b"<html>", b'{"result":null}', b'{"result":{}}'):
        for trust in (SIGNED, UNSIGNED):
            answer = read(200, "application/json", content, trust)
            assert sorting.pay(answer, INTENT).event == "unknown"


# --- inquiry


@pytest.mark.parametrize(
    ("status", "event", "checked"),
    [
        ("SUCCESS", "success", "check success"),
        ("FAIL", "fail", "check closed"),
        ("CANCELLED", "closed", "check closed"),
        ("PROCESSING", "undecided", "check unknown"),
        ("PENDING", "undecided", "check unknown"),
        ("A_STATUS_OF_NEXT_YEAR", "undecided", "check unknown"),
        ("success", "undecided", "check unknown"),
        ("", "undecided", "check unknown"),
        (None, "undecided", "check unknown"),
        (True, "undecided", "check unknown"),
        (["SUCCESS"], "undecided", "check unknown"),
    ],
)
def test_an_inquiry_is_decided_by_the_payments_status_alone(
    status: object, event: str, checked: str
) -> None:
    for code in ("UNKNOWN_EXCEPTION", "SUCCESS", "RISK_REJECT", ""):
        answer = found(status, paymentResultCode=code)
        assert sorting.inquiry(answer, INTENT).event == event
        assert sorting.check(answer, INTENT).event == checked


def test_a_failed_payment_says_why_and_needs_no_amount() -> None:
    answer = answered(
        "S",
        "SUCCESS",
        paymentStatus="FAIL",
        paymentResultCode="USER_BALANCE_NOT_ENOUGH",
        paymentResultMessage="too little",
    )
    event, facts = sorting.inquiry(answer, INTENT)
    assert event == "fail"
    assert facts["upstream_code"] == "USER_BALANCE_NOT_ENOUGH"
    assert facts["message"] == "too little"


@pytest.mark.parametrize("theirs", [None, amount("501"), amount("500", "USD"), amount(500.0), {}])
def test_a_success_of_another_amount_is_undecided_and_an_alarm(theirs: object) -> None:
    answer = found("SUCCESS", paymentAmount=theirs)
    event, facts = sorting.inquiry(answer, INTENT)
    assert (event, facts["alarm"]) == ("undecided", "amount")
    event, facts = sorting.check(answer, INTENT)
    assert (event, facts["alarm"]) == ("check unknown", "amount")


@pytest.mark.parametrize("status", ["SUCCESS", "FAIL", "CANCELLED"])
@pytest.mark.parametrize("trust", [UNSIGNED, FORGED])
def test_no_status_counts_without_antoms_signature(status: str, trust: str) -> None:
    answer = paid(trust, paymentStatus=status)
    event, facts = sorting.inquiry(answer, INTENT)
    assert (event, facts["alarm"]) == ("undecided", "signature")
    assert sorting.check(answer, INTENT).event == "check unknown"


@pytest.mark.parametrize("status", ["SUCCESS", "FAIL", "CANCELLED"])
def test_no_status_of_another_payment_counts(status: str) -> None:
    event, facts = sorting.inquiry(found(status, paymentRequestId="P2"), INTENT)
    assert (event, facts["alarm"]) == ("undecided", "id")


@pytest.mark.parametrize("code", ["ORDER_NOT_EXIST", "SYSTEM_ERROR", "PROCESS_FAIL"])
def test_an_inquirys_f_that_counts_as_no_answer(code: str) -> None:
    event, facts = sorting.inquiry(answered("F", code), INTENT)
    assert (event, facts["upstream_code"]) == ("undecided", code)
    assert sorting.check(answered("F", code), INTENT).event == "check unknown"


@pytest.mark.parametrize(
    "code",
    ["PARAM_ILLEGAL", "ACCESS_DENIED", "INVALID_API", "KEY_NOT_FOUND", "NO_INTERFACE_DEF", "NEW"],
)
def test_any_other_signed_f_refuses_the_inquiry(code: str) -> None:
    assert sorting.inquiry(answered("F", code), INTENT).event == "inquiry refused"
    assert sorting.inquiry(answered("F", code, UNSIGNED), INTENT).event == "undecided"
    assert sorting.inquiry(answered("F", code, FORGED), INTENT).event == "undecided"
    assert sorting.check(answered("F", code), INTENT).event == "check unknown"


@pytest.mark.parametrize("code", U)
def test_an_inquirys_u_is_undecided(code: str) -> None:
    answer = answered("U", code, paymentStatus="SUCCESS", paymentAmount=amount())
    assert sorting.inquiry(answer, INTENT).event == "undecided"


# --- check: refunds


@pytest.mark.parametrize(
    ("transactions", "event"),
    [
        ([returned()], "check returned"),
        ([returned("200"), returned("300", "T2")], "check returned"),
        ([returned(500, "")], "check returned"),
        ([returned("500", None, transactionRequestId="R9")], "check returned"),
        ([{"new": 1}, "x", None, returned()], "check returned"),
        ([], "check success"),
        (None, "check success"),
        ("REFUND", "check success"),
        ({"T1": returned()}, "check success"),
        ([returned("499")], "check success"),
        ([returned("250"), returned("250")], "check success"),
        ([returned("250", None), returned("250", None)], "check success"),
        ([returned(transactionStatus="PROCESSING")], "check success"),
        ([returned(transactionStatus="FAIL")], "check success"),
        ([returned(transactionStatus=None)], "check success"),
        ([returned(transactionType="CAPTURE")], "check success"),
        ([returned(transactionAmount=amount("500", "USD"))], "check success"),
        ([returned(transactionAmount=None)], "check success"),
        ([returned(transactionAmount=amount(500.0))], "check success"),
    ],
)
def test_money_is_returned_only_when_certain_refunds_give_all_of_it_back(
    transactions: object, event: str
) -> None:
    answer = found("SUCCESS", transactions=transactions)
    assert sorting.check(answer, INTENT).event == event
    assert sorting.inquiry(answer, INTENT).event == "success"


# --- cancel


def test_a_signed_s_is_a_cancel_done() -> None:
    assert sorting.cancel(answered("S", "SUCCESS", paymentRequestId="P1"), "P1").event == (
        "cancel done"
    )
    assert sorting.cancel(answered("S", "SUCCESS"), "P1").event == "cancel done"


@pytest.mark.parametrize("trust", [UNSIGNED, FORGED])
def test_an_unverified_s_cancels_nothing(trust: str) -> None:
    event, facts = sorting.cancel(answered("S", "SUCCESS", trust), "P1")
    assert (event, facts["alarm"]) == ("cancel unknown", "signature")


@pytest.mark.parametrize("status", ["S", "F", "U"])
def test_a_cancel_of_another_payment_cancels_nothing(status: str) -> None:
    answer = answered(status, "ORDER_NOT_EXIST", paymentRequestId="P2")
    event, facts = sorting.cancel(answer, "P1")
    assert (event, facts["alarm"]) == ("cancel unknown", "id")


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("SYSTEM_ERROR", "cancel unknown"),
        ("PROCESS_FAIL", "cancel unknown"),
        ("ORDER_NOT_EXIST", "no such order"),
        ("CANCEL_WINDOW_EXCEED", "window closed"),
        ("ORDER_STATUS_INVALID", "status refuses"),
        ("MERCHANT_BALANCE_NOT_ENOUGH", "cancel refused"),
        ("CLIENT_INVALID", "cancel refused"),
        ("INVALID_SIGNATURE", "cancel refused"),
        ("ACCESS_DENIED", "cancel refused"),
        ("PARAM_ILLEGAL", "cancel refused"),
        ("A_CODE_OF_NEXT_YEAR", "cancel refused"),
        ("", "cancel refused"),
    ],
)
def test_a_signed_f_on_cancel_is_sorted_by_its_code(code: str, event: str) -> None:
    answer = answered("F", code)
    assert sorting.cancel(answer, "P1") == (event, {"upstream_code": code, "message": "words"})
    for trust in (UNSIGNED, FORGED):
        assert sorting.cancel(answered("F", code, trust), "P1").event == "cancel unknown"
    assert sorting.cancel(answered("U", code), "P1").event == "cancel unknown"


# --- anything else

FIELDS = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(max_size=5),
            st.sampled_from(["P1", "A1", "R1", "SUCCESS", "FAIL", "CANCELLED", "PROCESSING"]),
            st.sampled_from([amount(), amount("501"), amount(500), amount(500, "USD")]),
            st.lists(st.sampled_from([returned(), None, "x"]), max_size=2),
        )
        for name in (
            "paymentRequestId", "paymentId", "paymentAmount", "paymentStatus", "paymentTime",
            "refundRequestId", "refundId", "refundStatus", "refundAmount", "transactions",
            "paymentResultCode",
        )
    },
)  # fmt: skip
CODES = st.sampled_from([*FINAL_F, *UNCERTAIN_F, *U, "SUCCESS", *sorting.CANCEL_F])
EVENTS = {
    "pay": {"success", "refused", "unknown"},
    "inquiry": {"success", "fail", "closed", "undecided", "inquiry refused"},
    "check": {"check success", "check returned", "check closed", "check unknown"},
    "cancel": {
        "cancel done", "cancel unknown", "no such order", "window closed", "status refuses",
        "cancel refused",
    },
    "refund": {"refund done", "refund unknown", "refund refused", "refund disputed"},
    "refund inquiry": {
        "found done", "found processing", "found failed", "not found", "refund unknown",
    },
}  # fmt: skip
GOOD = {"success", "check success", "check returned", "cancel done", "refund done", "found done"}


@given(st.sampled_from(TRUSTS), st.sampled_from(["S", "F", "U", "", "X"]), CODES, FIELDS)
def test_money_is_believed_only_signed_and_equal_whatever_the_answer_holds(
    trust: str, status: str, code: str, fields: dict[str, object]
) -> None:
    answer = read(200, "", result(status, code, **json.loads(json.dumps(fields))), trust)
    events = {
        "pay": sorting.pay(answer, INTENT).event,
        "inquiry": sorting.inquiry(answer, INTENT).event,
        "check": sorting.check(answer, INTENT).event,
        "cancel": sorting.cancel(answer, "P1").event,
        "refund": sorting.refund(answer, REFUND).event,
        "refund inquiry": sorting.refund_inquiry(answer, REFUND).event,
    }
    for call, event in events.items():
        assert event in EVENTS[call]
        if event in GOOD:
            assert (trust, status) == (SIGNED, "S")
    if "success" in (events["pay"], events["inquiry"]):
        theirs = fields["paymentAmount"]
        assert theirs in (amount("500"), amount(500))
        assert fields.get("paymentRequestId") in (None, "", "P1")
