"""The five bodies: exact bytes, fixed order, nothing that a repeat could change (I11)."""

from __future__ import annotations

import json

from tilld_antom import requests
from tilld_antom.requests import Merchant
from tilld_testkit.antom_ends import CODE, SHOP, VECTORS, AnIntent, ARefund


def test_a_pay_is_byte_for_byte_the_typical_one_of_the_vectors() -> None:
    typical = next(v for v in VECTORS["vectors"] if v["id"] == "V01_pay_ascii_epoch_millis")
    assert requests.pay(AnIntent(), CODE, SHOP) == typical["body"].encode()


def test_chinese_stays_utf_8_and_no_space_is_added() -> None:
    body = requests.pay(AnIntent(description="咖啡 €"), CODE, SHOP)
    assert '"orderDescription":"咖啡 €"'.encode() in body


def test_an_expiry_is_sent_only_when_the_intent_has_one() -> None:
    expiring = AnIntent(expires_at="2026-11-22T19:33:05+01:00")
    body = json.loads(requests.pay(expiring, CODE, SHOP))
    assert body["paymentExpiryTime"] == "2026-11-22T19:33:05+01:00"
    assert b"paymentExpiryTime" not in requests.pay(AnIntent(), CODE, SHOP)


def test_region_and_account_are_sent_when_they_are_set() -> None:
    shop = SHOP._replace(region="JP", account_id="A1")
    body = json.loads(requests.pay(AnIntent(), CODE, shop))
    assert (body["merchantRegion"], body["merchantAccountId"]) == ("JP", "A1")


def test_a_setting_that_is_empty_is_not_sent() -> None:
    body = json.loads(requests.pay(AnIntent(), CODE, Merchant(terminal="T1")))
    assert "paymentNotifyUrl" not in body
    assert "settlementStrategy" not in body
    assert "merchantRegion" not in body
    assert "merchantAccountId" not in body
    assert "merchant" not in body["order"]


def test_the_scenario_and_the_mcc_have_the_spelling_antom_reads() -> None:
    body = json.loads(requests.pay(AnIntent(), CODE, SHOP))
    assert body["paymentFactor"] == {"inStorePaymentScenario": "PaymentCode"}
    assert body["order"]["merchant"]["store"]["storeMCC"] == "5814"
    assert body["paymentAmount"] == {"currency": "EUR", "value": "500"}
    assert body["order"]["orderAmount"] == body["paymentAmount"]


def test_a_sale_without_words_is_described_by_its_order_number() -> None:
    body = json.loads(requests.pay(AnIntent(description=""), CODE, SHOP))
    assert body["order"]["orderDescription"] == "ORDER-0001"


def test_a_description_is_cut_at_the_length_antom_takes() -> None:
    body = json.loads(requests.pay(AnIntent(description="咖" * 300), CODE, SHOP))
    assert body["order"]["orderDescription"] == "咖" * 256


def test_inquiry_and_cancel_name_our_id_alone() -> None:
    assert requests.inquire("P1") == b'{"paymentRequestId":"P1"}'
    assert requests.cancel("P1") == b'{"paymentRequestId":"P1"}'
    assert requests.inquire_refund("R1") == b'{"refundRequestId":"R1"}'


def test_a_refund_names_antoms_payment_and_the_amount() -> None:
    order = ARefund(refund_request_id="R1", antom_payment_id="20200315", amount_minor=300)
    assert requests.refund(order) == (
        b'{"refundRequestId":"R1","paymentId":"20200315",'
        b'"refundAmount":{"currency":"EUR","value":"300"}}'
    )
    assert requests.refund(order._replace(reason="cold")).endswith(b',"refundReason":"cold"}')


def test_the_same_record_gives_the_same_bytes_again() -> None:
    assert requests.pay(AnIntent(), CODE, SHOP) == requests.pay(AnIntent(), CODE, SHOP)
    assert requests.refund(ARefund()) == requests.refund(ARefund())
