"""notifyPayment: signed, repeated on schedule, checked, and spoilt on demand."""

from __future__ import annotations

import json
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
from tilld_testkit.notify_receiver import AGAIN, TAKEN, Notice, Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/antom/notify"
GAPS_S = (120, 600, 600, 3600, 7200, 21600, 54000)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("antomsim")) as started:
        yield started


@pytest.fixture
def merchant(simulator: Simulator) -> Iterator[Merchant]:
    with merchant_of(simulator) as found:
        yield found
    simulator.set_faults()
    simulator.control("PUT", "/_sim/settings", {"ack_signed": False, "notify_failures": False})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def is_signed(merchant: Merchant, notice: Notice) -> bool:
    at = notice.headers["request-time"]
    client_id = notice.headers["client-id"]
    return merchant.by_antom(PATH, client_id, at, notice.headers, notice.data)


def state_of(simulator: Simulator, request_id: str, attempts: int) -> Json:
    """The outbox's row once that many attempts are recorded."""
    path = f"/_sim/notifications?payment={request_id}&attempts={attempts}"
    (row,) = simulator.control("GET", path)
    assert row["attempts"] == attempts
    found: Json = row
    return found


def test_a_success_is_notified_and_signed(
    simulator: Simulator, merchant: Merchant, receiver: Receiver
) -> None:
    request_id, paid = merchant.pay(paymentNotifyUrl=receiver.url)
    notice = receiver.next()
    assert notice.path == PATH
    assert notice.headers["client-id"] == merchant.client_id
    assert is_signed(merchant, notice)
    body = notice.body
    assert (body["notifyType"], result_code(body)) == ("PAYMENT_RESULT", "SUCCESS")
    assert (body["paymentRequestId"], body["paymentId"]) == (request_id, paid["paymentId"])
    assert body["paymentAmount"] == paid["paymentAmount"]
    assert body["paymentTime"] == paid["paymentTime"]
    assert state_of(simulator, request_id, 1)["state"] == "delivered"


def test_a_refused_notification_comes_again_on_schedule(
    simulator: Simulator, merchant: Merchant, receiver: Receiver
) -> None:
    for _ in range(8):
        receiver.answer(AGAIN)
    request_id, _ = merchant.pay(paymentNotifyUrl=receiver.url)
    first = receiver.next()
    for sent, gap_s in enumerate(GAPS_S, start=1):
        assert state_of(simulator, request_id, sent)["state"] == "waiting"
        simulator.control("POST", "/_sim/clock", {"advance_s": gap_s - 30})
        assert receiver.notices.empty()
        simulator.control("POST", "/_sim/clock", {"advance_s": 31})
        assert receiver.next().data == first.data
    row = state_of(simulator, request_id, 8)
    assert (row["state"], row["lastError"]) == ("given up", "the result is not SUCCESS")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, TAKEN, "HTTP 500"),
        (200, b"OK", "the body is no result"),
        (200, b"[]", "the body is no result"),
        (200, AGAIN, "the result is not SUCCESS"),
    ],
)
def test_a_wrong_answer_keeps_it_waiting(
    simulator: Simulator,
    merchant: Merchant,
    receiver: Receiver,
    status: int,
    body: bytes,
    error: str,
) -> None:
    receiver.answer(body, status)
    request_id, _ = merchant.pay(paymentNotifyUrl=receiver.url)
    row = state_of(simulator, request_id, 1)
    assert (row["state"], row["lastError"]) == ("waiting", error)


def test_nobody_at_the_notify_url_keeps_it_waiting(
    simulator: Simulator, merchant: Merchant
) -> None:
    with receiving() as gone:
        url = gone.url
    request_id, _ = merchant.pay(paymentNotifyUrl=url)
    row = state_of(simulator, request_id, 1)
    assert row["state"] == "waiting"
    assert "refused" in row["lastError"] or "Connect" in row["lastError"]


@pytest.mark.parametrize("url", ["ftp://example.test/", "no url", "http://[", "http://h:port/"])
def test_a_notify_url_that_cannot_be_called_harms_nobody(
    simulator: Simulator, merchant: Merchant, url: str
) -> None:
    request_id, _ = merchant.pay(paymentNotifyUrl=url)
    assert "ValueError" in state_of(simulator, request_id, 1)["lastError"]


def test_a_signed_answer_is_verified(
    simulator: Simulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.control("PUT", "/_sim/settings", {"ack_signed": True})
    good = merchant.headers(PATH, TAKEN, "2026-11-22T18:30:08Z")["signature"]
    receiver.answer(TAKEN, response_time="2026-11-22T18:30:08Z", signature=good)
    request_id, _ = merchant.pay(paymentNotifyUrl=receiver.url)
    assert state_of(simulator, request_id, 1)["state"] == "delivered"
    receiver.answer(TAKEN, response_time="2026-11-22T18:30:09Z", signature=good)
    request_id, _ = merchant.pay(paymentNotifyUrl=receiver.url)
    assert state_of(simulator, request_id, 1)["lastError"] == "badly signed"
    request_id, _ = merchant.pay(paymentNotifyUrl=receiver.url)
    assert state_of(simulator, request_id, 1)["lastError"] == "unsigned"


def test_a_failure_is_notified_only_where_that_is_wanted(
    simulator: Simulator, merchant: Merchant, receiver: Receiver
) -> None:
    def fail() -> str:
        body = merchant.order(simulator.fresh_code("?wallet=no-money"))
        merchant.call("pay", body | {"paymentNotifyUrl": receiver.url})
        return str(body["paymentRequestId"])

    silent = fail()
    simulator.control("PUT", "/_sim/settings", {"notify_failures": True})
    loud = fail()
    notice = receiver.next()
    assert notice.body["paymentRequestId"] == loud
    assert result_code(notice.body) == "USER_BALANCE_NOT_ENOUGH"
    rows = simulator.control("GET", "/_sim/notifications")
    assert [row for row in rows if row["payment"] == silent] == []


def test_a_late_confirmation_is_notified(
    simulator: Simulator, merchant: Merchant, receiver: Receiver
) -> None:
    body = merchant.order(simulator.fresh_code("?wallet=pin"), paymentNotifyUrl=receiver.url)
    merchant.call("pay", body)
    payment = {"payment": body["paymentRequestId"]}
    simulator.control("POST", "/_sim/customer", {"action": "confirm"} | payment)
    assert receiver.next().body["paymentRequestId"] == body["paymentRequestId"]


@pytest.mark.parametrize("fault", ["unsigned", "badly signed", "tampered"])
def test_a_notification_whose_signature_does_not_hold(
    simulator: Simulator, merchant: Merchant, receiver: Receiver, fault: str
) -> None:
    simulator.set_faults({"fault": f"{fault} notification", "api": "notifyPayment", "times": 1})
    request_id, _ = merchant.pay(paymentNotifyUrl=receiver.url)
    notice = receiver.next()
    assert notice.body["paymentRequestId"] == request_id
    assert ("signature" in notice.headers) == (fault != "unsigned")
    assert fault == "unsigned" or not is_signed(merchant, notice)


@pytest.mark.parametrize(
    ("fault", "field", "value"),
    [("wrong amount", "value", "1001"), ("wrong currency", "currency", "USD")],
)
def test_a_notification_of_another_amount_is_well_signed(
    simulator: Simulator,
    merchant: Merchant,
    receiver: Receiver,
    fault: str,
    field: str,
    value: str,
) -> None:
    simulator.set_faults({"api": "notifyPayment", "fault": fault})
    merchant.pay(paymentNotifyUrl=receiver.url)
    notice = receiver.next()
    assert notice.body["paymentAmount"][field] == value
    assert is_signed(merchant, notice)


def test_a_foreign_notification_names_another_client(
    simulator: Simulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"fault": "foreign notification"})
    merchant.pay(paymentNotifyUrl=receiver.url)
    notice = receiver.next()
    assert notice.headers["client-id"] != merchant.client_id
    assert is_signed(merchant, notice)


def test_a_repeated_notification_comes_three_times(
    simulator: Simulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"fault": "repeated notification", "times": 1})
    merchant.pay(paymentNotifyUrl=receiver.url)
    assert len({receiver.next().data for _ in range(3)}) == 1


def test_an_early_notification_comes_before_the_answer(
    simulator: Simulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"fault": "early notification", "times": 1})
    request_id, _ = merchant.pay(paymentNotifyUrl=receiver.url)
    assert receiver.notices.get_nowait().body["paymentRequestId"] == request_id


def test_a_late_notification_tells_of_a_success_that_was_cancelled(
    simulator: Simulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"fault": "late notification", "after_s": 60, "times": 1})
    request_id, _ = merchant.pay(paymentNotifyUrl=receiver.url)
    assert result_code(merchant.cancel(request_id)) == "SUCCESS"
    assert receiver.notices.empty()
    simulator.control("POST", "/_sim/clock", {"advance_s": 61})
    notice = receiver.next()
    assert result_code(json.loads(notice.data)) == "SUCCESS"


def test_a_url_that_http_cannot_carry_is_only_an_attempt_that_failed(
    simulator: Simulator, merchant: Merchant, receiver: Receiver
) -> None:
    request_id, _ = merchant.pay(paymentNotifyUrl=receiver.url + "/a b")
    row = state_of(simulator, request_id, 1)
    assert (row["state"], "ProtocolError" in row["lastError"]) == ("waiting", True)


def test_no_notification_never_comes(
    simulator: Simulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"fault": "no notification", "times": 1})
    silent, _ = merchant.pay(paymentNotifyUrl=receiver.url)
    loud, _ = merchant.pay(paymentNotifyUrl=receiver.url)
    assert receiver.next().body["paymentRequestId"] == loud
    assert state_of(simulator, silent, 0)["state"] == "suppressed"
