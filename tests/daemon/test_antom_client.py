"""The client against a peer in memory: what leaves, what is believed, and what is never told."""

from __future__ import annotations

import json
import logging
import traceback
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilld_antom import requests
from tilld_antom.client import Account
from tilld_testkit.antom_ends import (
    ANTOMS,
    CLIENT_ID,
    CODE,
    OURS,
    RESPONSE_TIME,
    SHOP,
    AnIntent,
    Answered,
    ARefund,
    Sent,
    amount,
    antom,
    result,
    signed,
)
from tilld_urequests import AnswerLost, NotSent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_antom.client import Antom
    from tilld_antom.evidence import Evidence

INTENT = AnIntent()
REFUND = ARefund()
PAID = result(
    "S",
    "SUCCESS",
    paymentRequestId=INTENT.payment_request_id,
    paymentId="A1",
    paymentAmount=amount(),
    paymentTime="2026-11-22T10:30:06-08:00",
)
TOKEN = "AGENT0TOKEN0CANARY"

CALLS: list[tuple[str, Callable[[Antom], Evidence], str, str, bytes]] = [
    (
        "pay",
        lambda client: client.pay(INTENT, CODE, 5.0),
        "/v1/payments/pay",
        "unknown",
        requests.pay(INTENT, CODE, SHOP),
    ),
    (
        "inquire",
        lambda client: client.inquire(INTENT, 3.0),
        "/v1/payments/inquiryPayment",
        "undecided",
        requests.inquire(INTENT.payment_request_id),
    ),
    (
        "check",
        lambda client: client.check(INTENT, 3.0),
        "/v1/payments/inquiryPayment",
        "check unknown",
        requests.inquire(INTENT.payment_request_id),
    ),
    (
        "locate",
        lambda client: client.locate(INTENT.payment_request_id, 3.0),
        "/v1/payments/inquiryPayment",
        "locate unknown",
        requests.inquire(INTENT.payment_request_id),
    ),
    (
        "cancel",
        lambda client: client.cancel(INTENT.payment_request_id, 3.0),
        "/v1/payments/cancel",
        "cancel unknown",
        requests.cancel(INTENT.payment_request_id),
    ),
    (
        "refund",
        lambda client: client.refund(REFUND, 3.0),
        "/v1/payments/refund",
        "refund unknown",
        requests.refund(REFUND),
    ),
    (
        "inquire refund",
        lambda client: client.inquire_refund(REFUND, 3.0),
        "/v1/payments/inquiryRefund",
        "refund unknown",
        requests.inquire_refund(REFUND.refund_request_id),
    ),
]
NOT_SENT = {"pay": "not sent", "refund": "refund not sent"}

each_call = pytest.mark.parametrize(
    ("name", "call", "path", "unknown", "body"), CALLS, ids=[row[0] for row in CALLS]
)


def says(content: bytes) -> Callable[[Sent], Answered]:
    return lambda sent: signed(sent, content)


def loses(error: Exception) -> Callable[[Sent], Answered]:
    def answer(sent: Sent) -> Answered:
        raise error

    return answer


def test_a_signed_yes_is_success() -> None:
    client, _ = antom(says(PAID))
    event, facts = client.pay(INTENT, CODE, 5.0)
    assert event == "success"
    assert facts == {"antom_payment_id": "A1", "paid_at": "2026-11-22T10:30:06-08:00"}


@each_call
def test_a_call_is_one_signed_post_of_its_body(
    name: str, call: Callable[[Antom], Evidence], path: str, unknown: str, body: bytes
) -> None:
    client, peer = antom(says(result("U", "UNKNOWN_EXCEPTION")))
    assert call(client).event == unknown
    (sent,) = peer.requests
    assert sent.method == "POST"
    assert sent.url == "https://antom.test/ams/api" + path
    assert sent.body == body
    assert sent.headers["request-time"] == "1795372205123"
    assert sent.headers["client-id"] == CLIENT_ID
    assert sent.headers["content-type"] == "application/json; charset=UTF-8"
    assert "agent-token" not in sent.headers
    signature = sent.headers["signature"]
    assert ANTOMS.verify(sent.path, CLIENT_ID, "1795372205123", sent.body, signature)
    assert peer.responses[0].closed


@each_call
def test_a_lost_answer_is_the_calls_unknown(
    name: str, call: Callable[[Antom], Evidence], path: str, unknown: str, body: bytes
) -> None:
    client, peer = antom(loses(AnswerLost("timeout", "no answer in 5 s")))
    event, facts = call(client)
    assert event == unknown
    assert facts == {"reason": "timeout", "message": "no answer in 5 s"}
    assert len(peer.requests) == 1


@each_call
def test_what_was_never_sent_fails_only_what_may_fail(
    name: str, call: Callable[[Antom], Evidence], path: str, unknown: str, body: bytes
) -> None:
    client, peer = antom(loses(NotSent("refused", "nobody listens")))
    event, facts = call(client)
    assert event == NOT_SENT.get(name, unknown)
    assert facts == {"reason": "refused", "message": "nobody listens"}
    assert len(peer.requests) == 1


@each_call
def test_a_signature_over_another_path_client_time_or_body_is_an_alarm(
    name: str, call: Callable[[Antom], Evidence], path: str, unknown: str, body: bytes
) -> None:
    def moved(sent: Sent) -> Answered:
        return signed(sent._replace(path="/ams/api/v1/payments/other"), PAID)

    def foreign(sent: Sent) -> Answered:
        return signed(sent, PAID, "5Y0000000000000009")

    def late(sent: Sent) -> Answered:
        answer = signed(sent, PAID)
        answer.headers["response-time"] = "2026-11-22T18:30:07Z"
        return answer

    def timeless(sent: Sent) -> Answered:
        answer = signed(sent, PAID)
        del answer.headers["response-time"]
        return answer

    def over_no_time(sent: Sent) -> Answered:
        signature = ANTOMS.sign(sent.path, CLIENT_ID, "", PAID)
        return Answered(PAID, {"signature": signature})

    def tampered(sent: Sent) -> Answered:
        answer = signed(sent, PAID)
        answer.content = PAID + b" "
        return answer

    def our_own(sent: Sent) -> Answered:
        answer = signed(sent, PAID)
        signature = OURS.sign(sent.path, CLIENT_ID, RESPONSE_TIME, PAID)
        answer.headers["signature"] = signature
        return answer

    for forged in (moved, foreign, late, timeless, over_no_time, tampered, our_own):
        client, _ = antom(forged)
        event, facts = call(client)
        assert (event, facts["alarm"]) == (unknown, "signature"), forged.__name__


@each_call
def test_an_unsigned_yes_is_an_alarm(
    name: str, call: Callable[[Antom], Evidence], path: str, unknown: str, body: bytes
) -> None:
    for headers in ({}, {"response-time": RESPONSE_TIME}, {"signature": ""}):
        client, _ = antom(lambda sent, headers=headers: Answered(PAID, headers))  # type: ignore[misc]
        event, facts = call(client)
        assert (event, facts["alarm"]) == (unknown, "signature")


@each_call
@pytest.mark.parametrize("status_code", [201, 400, 404, 500, 502, 503])
def test_a_status_other_than_200_is_the_calls_unknown(
    name: str,
    call: Callable[[Antom], Evidence],
    path: str,
    unknown: str,
    body: bytes,
    status_code: int,
) -> None:
    client, _ = antom(lambda sent: Answered(result("F", "RISK_REJECT"), {}, status_code))
    event, facts = call(client)
    assert event == unknown
    assert facts == {"message": f"HTTP status {status_code}"}


def test_a_signed_answer_under_a_status_other_than_200_is_unknown_too() -> None:
    def answer(sent: Sent) -> Answered:
        made = signed(sent, PAID)
        made.status_code = 500
        return made

    client, _ = antom(answer)
    assert client.pay(INTENT, CODE, 5.0).event == "unknown"


def test_an_unsigned_rejection_of_our_key_is_refused_on_pay_alone() -> None:
    rejected = Answered(result("F", "SIGNATURE_INVALID"), {"content-type": "application/json"})
    client, _ = antom(lambda sent: rejected)
    event, facts = client.pay(INTENT, CODE, 5.0)
    assert (event, facts["upstream_code"]) == ("refused", "INVALID_SIGNATURE")
    assert client.inquire(INTENT, 3.0).event == "undecided"
    assert client.cancel(INTENT.payment_request_id, 3.0).event == "cancel unknown"
    assert client.refund(REFUND, 3.0).event == "refund unknown"


def test_the_setting_of_unknown_refusals_knows_old_names() -> None:
    account = Account("https://antom.test", CLIENT_ID, f_is_unknown=("INVALID_CODE",))
    client, _ = antom(says(result("F", "INVALID_PAYMENT_CODE")), account)
    assert client.pay(INTENT, CODE, 5.0).event == "unknown"
    client, _ = antom(says(result("F", "INVALID_PAYMENT_CODE")))
    assert client.pay(INTENT, CODE, 5.0).event == "refused"


def test_deadlines_go_down_with_the_call() -> None:
    client, peer = antom(says(PAID))
    client.pay(INTENT, CODE, 5.0, 2.0)
    client.cancel("P1", 3.0)
    times = [(sent.timeout_s, sent.connect_timeout_s) for sent in peer.requests]
    assert times == [(5.0, 2.0), (3.0, None)]


def test_many_cancels_are_the_same_bytes() -> None:
    client, peer = antom(loses(AnswerLost("closed", "reset")))
    for _ in range(3):
        client.cancel("P1", 3.0)
    assert {sent.body for sent in peer.requests} == {b'{"paymentRequestId":"P1"}'}


@pytest.mark.parametrize(
    ("client_id", "prefix", "path"),
    [
        ("5Y1", "", "/ams/api/v1/payments/cancel"),
        ("SANDBOX_5Y1", "", "/ams/sandbox/api/v1/payments/cancel"),
        ("SANDBOX_5Y1", "/ams/api", "/ams/api/v1/payments/cancel"),
        ("5Y1", "/ams/sandbox/api/", "/ams/sandbox/api/v1/payments/cancel"),
    ],
)
def test_a_sandbox_client_has_the_sandbox_path_and_signs_it(
    client_id: str, prefix: str, path: str
) -> None:
    account = Account("https://antom.test:8443/", client_id, prefix)
    client, peer = antom(lambda sent: signed(sent, result("S", "SUCCESS"), client_id), account)
    assert client.cancel("P1", 3.0).event == "cancel done"
    (sent,) = peer.requests
    assert sent.url == "https://antom.test:8443" + path
    signature = sent.headers["signature"]
    assert ANTOMS.verify(path, client_id, "1795372205123", sent.body, signature)


def test_the_agent_token_is_a_header_and_not_signed() -> None:
    account = Account("https://antom.test", CLIENT_ID, agent_token=TOKEN)
    client, peer = antom(says(result("S", "SUCCESS")), account)
    assert client.cancel("P1", 3.0).event == "cancel done"
    assert peer.requests[0].headers["agent-token"] == TOKEN


@pytest.mark.parametrize(
    "account",
    [
        Account("http://antom.test", CLIENT_ID),
        Account("antom.test", CLIENT_ID),
        Account("https://", CLIENT_ID),
        Account("https://antom.test/ams/api", CLIENT_ID),
        Account("https://antom.test/?a=1", CLIENT_ID),
        Account("https://user:word@antom.test", CLIENT_ID),
        Account("https://antom.test", "a b"),
        Account("https://antom.test", "a\r\nb"),
        Account("https://antom.test", CLIENT_ID, path_prefix="ams"),
        Account("https://antom.test", CLIENT_ID, path_prefix="/ams api"),
        Account("https://antom.test", CLIENT_ID, path_prefix="/ams?x=1"),
        Account("https://antom.test", CLIENT_ID, agent_token=TOKEN + "\n"),
    ],
)
def test_an_unusable_account_is_refused_without_showing_a_secret(account: Account) -> None:
    with pytest.raises(ValueError, match=r"^(url|client_id|path_prefix|agent_token): ") as caught:
        antom(says(PAID), account)
    assert TOKEN not in str(caught.value)


def test_a_connection_is_opened_ahead_or_not_and_nothing_is_raised() -> None:
    client, peer = antom(says(PAID))
    assert client.open_ahead(2.0) is True
    assert peer.opened == ["https://antom.test/ams/api"]
    peer.closed_door = NotSent("unreachable", "no route")
    assert client.open_ahead(2.0) is False
    assert peer.requests == []


def test_a_connection_that_antom_has_closed_is_seen_without_a_word() -> None:
    client, peer = antom(says(PAID))
    assert client.has_hung_up() is False
    peer.hung_up = True
    assert client.has_hung_up() is True
    assert (peer.opened, peer.requests) == ([], [])


def test_a_bug_is_raised() -> None:
    client, _ = antom(loses(ZeroDivisionError("ours")))
    with pytest.raises(ZeroDivisionError):
        client.pay(INTENT, CODE, 5.0)


def test_a_bug_while_reading_still_closes_the_response() -> None:
    broken = Answered(PAID, {"response-time": RESPONSE_TIME, "signature": 5})  # type: ignore[dict-item]
    client, peer = antom(lambda sent: broken)
    with pytest.raises(TypeError):
        client.cancel("P1", 3.0)
    assert peer.responses[0].closed


ECHOES = (
    result("F", f"NO {CODE}", paymentId=CODE),
    result("U", "U", paymentId=TOKEN),
    json.dumps(
        {
            "result": {
                "resultStatus": "F",
                "resultCode": "RISK_REJECT",
                "resultMessage": f"code {CODE} with token {TOKEN} refused",
            },
            "paymentId": CODE,
        }
    ).encode(),
    result("S", "SUCCESS", paymentAmount=amount(), paymentId=CODE, paymentTime=CODE),
    result(
        "S", "SUCCESS", paymentStatus="FAIL", paymentResultCode=CODE, paymentResultMessage=TOKEN
    ),
)


@pytest.mark.parametrize("content", ECHOES)
@pytest.mark.parametrize("trusted", [True, False])
@each_call
def test_no_secret_comes_back_out_of_an_answer(
    name: str,
    call: Callable[[Antom], Evidence],
    path: str,
    unknown: str,
    body: bytes,
    content: bytes,
    trusted: bool,
) -> None:
    account = Account("https://antom.test", CLIENT_ID, agent_token=TOKEN)
    client, _ = antom(
        lambda sent: signed(sent, content) if trusted else Answered(content, {}), account
    )
    shown = repr(call(client))
    assert TOKEN not in shown
    assert name != "pay" or CODE not in shown


def test_no_secret_is_shown_logged_or_raised(caplog: pytest.LogCaptureFixture) -> None:
    """I31: canaries in the code, the token and the key; nothing below may hold one."""
    account = Account("https://antom.test", CLIENT_ID, agent_token=TOKEN)
    outcomes = [
        says(PAID),
        says(result("F", "INVALID_PAYMENT_CODE")),
        lambda sent: Answered(b"<html>", {}),
        loses(NotSent("tls", f"odd {CODE} {TOKEN}")),
        loses(AnswerLost("closed", f"odd {CODE} {TOKEN}")),
    ]
    seen = [repr(account), str(account)]
    with caplog.at_level(logging.DEBUG):
        for outcome in outcomes:
            client, _ = antom(outcome, account)
            seen += [repr(client), str(client), repr(client.pay(INTENT, CODE, 5.0))]
        client, _ = antom(loses(ZeroDivisionError("ours")), account)
        with pytest.raises(ZeroDivisionError) as caught:
            client.pay(INTENT, CODE, 5.0)
    seen += traceback.format_exception(caught.value)
    seen.append(caplog.text)
    seen.append(repr(OURS))
    text = "\n".join(seen)
    assert CODE not in text
    assert TOKEN not in text
    assert "PRIVATE" not in text


@given(
    st.binary(max_size=200),
    st.integers(100, 599),
    st.dictionaries(
        st.sampled_from(["signature", "response-time", "client-id", "content-type"]),
        st.text(max_size=40),
    ),
)
def test_garbage_is_unknown_and_never_raises(
    content: bytes, status_code: int, headers: dict[str, str]
) -> None:
    client, _ = antom(lambda sent: Answered(content, headers, status_code))
    for _, call, _, unknown, _ in CALLS:
        assert call(client).event == unknown


@given(st.binary(max_size=200))
def test_signed_garbage_is_unknown_and_never_raises(content: bytes) -> None:
    client, _ = antom(says(content))
    for _, call, _, unknown, _ in CALLS:
        assert call(client).event == unknown


@given(st.integers(0, len(PAID) - 1), st.integers(1, 255))
def test_no_changed_byte_of_a_signed_yes_passes(index: int, flip: int) -> None:
    def answer(sent: Sent) -> Answered:
        made = signed(sent, PAID)
        made.content = PAID[:index] + bytes([PAID[index] ^ flip]) + PAID[index + 1 :]
        return made

    client, _ = antom(answer)
    event, facts = client.pay(INTENT, CODE, 5.0)
    assert (event, facts["alarm"]) == ("unknown", "signature")
