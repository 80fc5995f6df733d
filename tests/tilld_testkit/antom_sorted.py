"""Answers as sorting.py gets them, about one payment (P1, A1, 5.00 EUR) and its refund (R1)."""

from __future__ import annotations

from tilld_antom.answers import SIGNED, Answer, read
from tilld_testkit.antom_ends import AnIntent, ARefund, amount, result

INTENT = AnIntent(payment_request_id="P1", currency="EUR", amount_minor=500)
REFUND = ARefund(refund_request_id="R1", antom_payment_id="A1", currency="EUR", amount_minor=500)


def answered(status: str, code: str, trust: str = SIGNED, /, **fields: object) -> Answer:
    return read(200, "application/json", result(status, code, **fields), trust)


def paid(trust: str = SIGNED, /, **fields: object) -> Answer:
    whole = {
        "paymentRequestId": "P1",
        "paymentId": "A1",
        "paymentAmount": amount(),
        "paymentTime": "2026-11-22T10:30:06-08:00",
        **fields,
    }
    return answered("S", "SUCCESS", trust, **whole)


def found(status: object, **fields: object) -> Answer:
    return paid(**{"paymentStatus": status, **fields})


def returned(value: object = "500", name: object = "T1", **changed: object) -> dict[str, object]:
    return {
        "transactionType": "REFUND",
        "transactionStatus": "SUCCESS",
        "transactionId": name,
        "transactionAmount": amount(value),
        **changed,
    }
