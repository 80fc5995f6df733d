"""An order code at Antom: what is asked, and how little its S proves (I33)."""

from __future__ import annotations

import json

import pytest

from tilld_antom import requests, sorting
from tilld_antom.answers import FORGED, SIGNED, UNSIGNED, Answer
from tilld_testkit.antom_ends import CODE, SHOP, AnIntent, amount
from tilld_testkit.antom_sorted import INTENT, answered, found, paid

TEXT = "https://gqr.alipay.com/281017040012rqWv0ch7G7Q5AZ5AZJOv4Igf"


def detail(**changed: object) -> dict[str, object]:
    return {"codeValueType": "QRCODE", "codeValue": TEXT, "displayType": "TEXT", **changed}


def issued(*details: object, trust: str = SIGNED, **fields: object) -> Answer:
    form = {"paymentMethodType": "CONNECT_WALLET", "codeDetails": list(details or (detail(),))}
    whole = {"paymentRequestId": "P1", "paymentId": "A1", "orderCodeForm": form, **fields}
    return answered("S", "SUCCESS", trust, **whole)


def test_the_order_code_is_asked_for_without_a_payment_code() -> None:
    intent = AnIntent(expires_at="2026-11-22T19:33:05+01:00")
    body = json.loads(requests.order_code(intent, SHOP))
    assert body["paymentFactor"] == {"inStorePaymentScenario": "OrderCode"}
    assert body["paymentMethod"] == {"paymentMethodType": "CONNECT_WALLET"}
    assert body["paymentExpiryTime"] == "2026-11-22T19:33:05+01:00"
    by_code = json.loads(requests.pay(intent, CODE, SHOP))
    del by_code["paymentMethod"], by_code["paymentFactor"]
    del body["paymentMethod"], body["paymentFactor"]
    assert body == by_code


def test_a_signed_s_is_a_code_to_show_and_nothing_more() -> None:
    event, facts = sorting.order_code(issued(), INTENT)
    assert event == "code issued"
    assert facts == {"antom_payment_id": "A1", "order_code": TEXT}


@pytest.mark.parametrize("answer", [paid(), found("SUCCESS"), issued(paymentStatus="SUCCESS")])
def test_no_s_on_pay_is_ever_a_success(answer: Answer) -> None:
    assert sorting.order_code(answer, INTENT).event in ("code issued", "unknown")


@pytest.mark.parametrize("trust", [UNSIGNED, FORGED])
def test_a_code_without_antoms_signature_is_not_shown(trust: str) -> None:
    event, facts = sorting.order_code(issued(trust=trust), INTENT)
    assert (event, facts["alarm"]) == ("unknown", "signature")
    assert "order_code" not in facts


def test_a_code_of_another_payment_is_not_shown() -> None:
    event, facts = sorting.order_code(issued(paymentRequestId="P2"), INTENT)
    assert (event, facts["alarm"]) == ("unknown", "id")


@pytest.mark.parametrize("asked", [amount("501"), amount(currency="USD"), "500", {}])
def test_a_code_for_another_amount_is_not_shown(asked: object) -> None:
    event, facts = sorting.order_code(issued(paymentAmount=asked), INTENT)
    assert (event, facts["alarm"]) == ("unknown", "amount")
    assert "order_code" not in facts
    assert sorting.order_code(issued(paymentAmount=amount()), INTENT).event == "code issued"


@pytest.mark.parametrize(
    "useless",
    [
        detail(codeValueType="BARCODE"), detail(displayType="BIGIMAGE"), detail(codeValue=""),
        detail(codeValue=7), detail(codeValue="a\nb"), detail(codeValue="x" * 2049), "text", None,
    ],
)  # fmt: skip
def test_a_form_without_a_code_that_can_be_shown_leaves_the_payment_unknown(
    useless: object,
) -> None:
    event, facts = sorting.order_code(issued(useless), INTENT)
    assert event == "unknown"
    assert facts["antom_payment_id"] == "A1"
    assert sorting.order_code(issued(useless, detail()), INTENT).event == "code issued"


@pytest.mark.parametrize("form", [None, "", [], {}, {"codeDetails": {}}])
def test_a_form_that_is_none_leaves_the_payment_unknown(form: object) -> None:
    assert sorting.order_code(issued(orderCodeForm=form), INTENT).event == "unknown"


def test_f_and_u_are_what_they_are_on_any_pay() -> None:
    refused = answered("F", "PARAM_ILLEGAL")
    assert sorting.order_code(refused, INTENT) == sorting.pay(refused, INTENT)
    assert sorting.order_code(refused, INTENT).event == "refused"
    for code in ("SYSTEM_ERROR", "PROCESS_FAIL"):
        assert sorting.order_code(answered("F", code), INTENT).event == "unknown"
    assert sorting.order_code(answered("U", "UNKNOWN_EXCEPTION"), INTENT).event == "unknown"


def test_an_inquiry_that_decides_nothing_says_why_in_the_payments_own_words() -> None:
    waiting = found("PROCESSING", paymentResultCode="PAYMENT_IN_PROCESS")
    event, facts = sorting.inquiry(waiting, INTENT)
    assert (event, facts["upstream_code"]) == ("undecided", "PAYMENT_IN_PROCESS")
