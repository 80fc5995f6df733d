"""Notifications: believed only when Antom signed these very bytes, then read in plain values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilld_antom.notifications import receive, reply
from tilld_core.notification import weigh
from tilld_testkit.antom_ends import ANTOMS, CLIENT_ID, OURS, VECTORS, AnIntent, amount, result

PATH = "/antom/notify"
TIME = "2026-11-22T18:30:08Z"
FROM_SDK = [v for v in VECTORS["vectors"] if v["kind"] == "notification"]


def posted(content: bytes, path: str = PATH, client_id: str = CLIENT_ID) -> dict[str, str]:
    return {
        "content-type": "application/json; charset=UTF-8",
        "client-id": client_id,
        "request-time": TIME,
        "signature": ANTOMS.sign(path, client_id, TIME, content),
    }


def notice(status: str = "S", kind: object = "PAYMENT_RESULT", **fields: object) -> bytes:
    return result(
        status,
        "SUCCESS",
        **{
            "notifyType": kind,
            "paymentRequestId": "P1",
            "paymentId": "A1",
            "paymentAmount": amount(),
            "paymentTime": "2026-11-22T10:30:06-08:00",
            **fields,
        },
    )


@pytest.mark.parametrize("vector", FROM_SDK, ids=lambda v: v["id"])
def test_the_sdks_notifications_are_told_apart(vector: dict[str, Any]) -> None:
    headers = {
        "client-id": vector["client_id"],
        "request-time": vector["time"],
        "signature": vector["signature_header"],
    }
    read = receive(vector["path"], headers, vector["body"].encode(), OURS)
    assert read.genuine is vector["expected_valid"]
    if read.genuine:
        sent = json.loads(vector["body"])
        assert read.payment_request_id == sent["paymentRequestId"]
        assert read.antom_payment_id == sent["paymentId"]
        assert str(read.amount_minor) == sent["paymentAmount"]["value"]
        assert read.currency == sent["paymentAmount"]["currency"]
    else:
        assert read.payment_request_id == ""


def test_a_genuine_notification_is_read_in_plain_values() -> None:
    read = receive(PATH, posted(notice()), notice(), OURS)
    assert read.genuine is True
    assert (read.client_id, read.payment_request_id, read.status) == (CLIENT_ID, "P1", "S")
    assert (read.currency, read.amount_minor) == ("EUR", 500)
    assert (read.antom_payment_id, read.paid_at) == ("A1", "2026-11-22T10:30:06-08:00")


@pytest.mark.parametrize("missing", ["client-id", "request-time", "signature"])
def test_a_notification_without_one_of_its_headers_is_not_genuine(missing: str) -> None:
    headers = posted(notice())
    del headers[missing]
    read = receive(PATH, headers, notice(), OURS)
    assert read.genuine is False
    assert read.status == ""


def test_a_signature_over_no_time_at_all_is_not_genuine() -> None:
    """Half of the headers is none of them (antom-api.md §1.6)."""
    headers = {"client-id": CLIENT_ID, "signature": ANTOMS.sign(PATH, CLIENT_ID, "", notice())}
    assert receive(PATH, headers, notice(), OURS).genuine is False


def test_path_client_time_and_body_are_all_signed() -> None:
    content = notice()
    headers = posted(content)
    assert receive(PATH + "?x=1", headers, content, OURS).genuine is False
    assert receive(PATH, {**headers, "client-id": "other"}, content, OURS).genuine is False
    assert receive(PATH, {**headers, "request-time": "1"}, content, OURS).genuine is False
    assert receive(PATH, headers, content + b" ", OURS).genuine is False
    assert receive(PATH, headers, content, OURS).genuine is True


@pytest.mark.parametrize(
    "kind", ["PAYMENT_PENDING", "OFFLINE_PAYMENT_CODE", "REFUND_RESULT", "NEW", "", None, ["x"]]
)
def test_an_s_of_another_kind_only_leads_to_an_inquiry(kind: object) -> None:
    content = notice(kind=kind)
    read = receive(PATH, posted(content), content, OURS)
    assert read.status == ""
    intent = AnIntent("P1")
    assert weigh(read, CLIENT_ID, intent).event == "notified other"  # type: ignore[arg-type]


@pytest.mark.parametrize("theirs", [None, "500", amount("5.00"), amount(None), amount(True), []])
def test_an_amount_that_is_none_is_none(theirs: object) -> None:
    content = notice(paymentAmount=theirs)
    assert receive(PATH, posted(content), content, OURS).amount_minor is None


@given(st.binary(max_size=200))
def test_signed_garbage_names_no_payment_and_never_raises(content: bytes) -> None:
    read = receive(PATH, posted(content), content, OURS)
    assert read.genuine is True
    assert read.payment_request_id == ""


@given(
    st.binary(max_size=100),
    st.dictionaries(
        st.sampled_from(["signature", "request-time", "client-id", "content-type"]),
        st.text(max_size=30),
    ),
)
def test_garbage_is_never_genuine(content: bytes, headers: dict[str, str]) -> None:
    assert receive(PATH, headers, content, OURS).genuine is False


@pytest.mark.parametrize(("status", "code"), [("S", "SUCCESS"), ("U", "UNKNOWN_EXCEPTION")])
def test_the_reply_is_the_documents_and_signed_by_us(status: str, code: str) -> None:
    headers, body = reply(status, PATH, CLIENT_ID, TIME, OURS)
    said = json.loads(body)["result"]
    assert (said["resultStatus"], said["resultCode"]) == (status, code)
    assert headers["client-id"] == CLIENT_ID
    assert headers["response-time"] == TIME
    assert ANTOMS.verify(PATH, CLIENT_ID, TIME, body, headers["signature"])


def test_the_yes_is_byte_for_byte_the_reference_implementations() -> None:
    _, body = reply("S", PATH, CLIENT_ID, TIME, OURS)
    assert body == (
        b'{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"success"}}'
    )
