"""Every fault, seen from the wire: what the caller gets, and what the ledger holds."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from antomsim import faults
from tilld_testkit.antomsim_process import (
    PAYMENTS,
    TOOLS,
    Json,
    Merchant,
    Simulator,
    merchant_of,
    result_code,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

LOST = (OSError, http.client.HTTPException)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("antomsim")) as started:
        yield started


@pytest.fixture
def merchant(simulator: Simulator) -> Iterator[Merchant]:
    with merchant_of(simulator) as found:
        yield found
    simulator.control_by_socket("PUT", "/_sim/faults", [])


def lost(merchant: Merchant, body: Json, patience_s: float = 0.3, api: str = "pay") -> str:
    """The name of the error that a caller without an answer sees."""
    merchant.connection.close()
    merchant.connection.connect()
    assert merchant.connection.sock is not None
    merchant.connection.sock.settimeout(patience_s)
    with pytest.raises(LOST) as error:
        merchant.code_of(api, body)
    merchant.connection.close()
    return type(error.value).__name__


def raw_pay(simulator: Simulator, merchant: Merchant) -> tuple[str, int, dict[str, str], bytes]:
    """A pay whose answer may be anything: id, HTTP status, headers, body."""
    body = merchant.order(simulator.fresh_code())
    data = json.dumps(body).encode()
    status, headers, answer = merchant.post(PAYMENTS + "pay", data)
    return body["paymentRequestId"], status, dict(headers), answer


def is_signed(merchant: Merchant, headers: dict[str, str], data: bytes) -> bool:
    return merchant.is_signed(PAYMENTS + "pay", list(headers.items()), data)


def test_the_document_prints_the_table() -> None:
    assert faults.table() in (TOOLS / "antomsim/FAULTS.md").read_text()


def test_every_fault_is_seen_by_a_test_of_its_own() -> None:
    tests = [Path(__file__), Path(__file__).with_name("test_antomsim_notifications.py")]
    text = "".join(path.read_text() for path in tests)
    assert [name for name in faults.KINDS if f'"{name}"' not in text] == []


@pytest.mark.parametrize(
    ("fault", "debited", "error"),
    [
        ("no answer", 0, "TimeoutError"),
        ("cut connection", 0, "RemoteDisconnected"),
        ("answer lost after the debit", 1000, "TimeoutError"),
        ("cut after the debit", 1000, "RemoteDisconnected"),
        ("cut in the answer", 1000, "IncompleteRead"),
        ("truncated answer", 1000, "IncompleteRead"),
        ("not HTTP", 1000, "BadStatusLine"),
        ("dripping answer", 1000, "TimeoutError"),
    ],
)
def test_an_answer_does_not_come(
    simulator: Simulator, merchant: Merchant, fault: str, debited: int, error: str
) -> None:
    extra = {"after_s": 1} if fault == "dripping answer" else {}
    simulator.set_faults({"api": "pay", "fault": fault, "times": 1} | extra)
    body = merchant.order(simulator.fresh_code())
    seen = lost(merchant, body)
    assert seen in {error, "ConnectionResetError", "SSLEOFError"}
    assert (seen == "TimeoutError") == (error == "TimeoutError")
    assert simulator.owed(body["paymentRequestId"]) == debited
    assert result_code(merchant.call("pay", body)) == "SUCCESS"
    held = simulator.payment(body["paymentRequestId"])
    assert (held["debited"], held["bodies"]) == (1000, {"pay": 2})


def test_a_late_answer_is_processed_at_once(simulator: Simulator, merchant: Merchant) -> None:
    simulator.set_faults({"api": "pay", "fault": "late answer", "after_s": 60, "times": 1})
    body = merchant.order(simulator.fresh_code())
    assert lost(merchant, body) == "TimeoutError"
    assert simulator.owed(body["paymentRequestId"]) == 1000


def test_a_late_answer_comes_in_the_end(simulator: Simulator, merchant: Merchant) -> None:
    simulator.set_faults({"api": "pay", "fault": "late answer", "after_s": 0.2, "times": 1})
    asked = time.monotonic()
    assert result_code(merchant.pay()[1]) == "SUCCESS"
    assert time.monotonic() - asked >= 0.2


def test_a_late_request_is_processed_after_its_cancel(
    simulator: Simulator, merchant: Merchant
) -> None:
    simulator.set_faults({"api": "pay", "fault": "late request", "after_s": 1.5, "times": 1})
    body = merchant.order(simulator.fresh_code())
    request_id = body["paymentRequestId"]
    data = json.dumps(body).encode()
    headers = merchant.headers(PAYMENTS + "pay", data)
    with merchant_of(simulator) as other:
        other.connection.connect()
        merchant.connection.request("POST", PAYMENTS + "pay", data, headers)
        assert result_code(other.cancel(request_id)) == "ORDER_NOT_EXIST"
    assert result_code(json.loads(merchant.connection.getresponse().read())) == "SUCCESS"
    assert simulator.owed(request_id) == 1000


@pytest.mark.parametrize(
    ("fault", "status", "debited"),
    [("5xx", 502, 0), ("4xx", 400, 0), ("redirect", 307, 0), ("5xx after the debit", 502, 1000)],
)
def test_an_http_error_is_no_answer_of_antom(
    simulator: Simulator, merchant: Merchant, fault: str, status: int, debited: int
) -> None:
    simulator.set_faults({"api": "pay", "fault": fault})
    request_id, found, headers, _ = raw_pay(simulator, merchant)
    assert found == status
    assert ("location" in headers) == (fault == "redirect")
    assert simulator.owed(request_id) == debited


def test_an_http_error_may_be_another_one(simulator: Simulator, merchant: Merchant) -> None:
    simulator.set_faults({"api": "pay", "fault": "5xx", "http_status": 503})
    assert raw_pay(simulator, merchant)[1] == 503


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("rate limit", "REQUEST_TRAFFIC_EXCEED_LIMIT"),
        ("order unknown", "ORDER_NOT_EXIST"),
        ("order status invalid", "ORDER_STATUS_INVALID"),
        ("cancel window closed", "CANCEL_WINDOW_EXCEED"),
        ("merchant balance not enough", "MERCHANT_BALANCE_NOT_ENOUGH"),
        ("U for ever", "UNKNOWN_EXCEPTION"),
    ],
)
def test_a_cancel_is_refused_and_returns_nothing(
    simulator: Simulator, merchant: Merchant, fault: str, code: str
) -> None:
    request_id, _ = merchant.pay()
    simulator.set_faults({"api": "cancel", "fault": fault})
    assert result_code(merchant.cancel(request_id)) == code
    assert simulator.owed(request_id) == 1000
    simulator.set_faults()
    assert result_code(merchant.cancel(request_id)) == "SUCCESS"
    assert simulator.owed(request_id) == 0


def test_a_failed_refund_needs_a_new_id(simulator: Simulator, merchant: Merchant) -> None:
    request_id, paid = merchant.pay()
    simulator.set_faults({"api": "refund", "fault": "merchant balance not enough", "times": 1})
    first = merchant.refund(paid["paymentId"], f"{request_id}-1", 1000)
    again = merchant.refund(paid["paymentId"], f"{request_id}-1", 1000)
    assert first == again
    assert result_code(first) == "MERCHANT_BALANCE_NOT_ENOUGH"
    found = merchant.call("inquiryRefund", {"refundRequestId": f"{request_id}-1"})
    assert found["refundStatus"] == "FAIL"
    fresh = merchant.refund(paid["paymentId"], f"{request_id}-2", 1000)
    assert result_code(fresh) == "SUCCESS"


def test_an_undecided_refund_is_found_and_may_be_sent_again(
    simulator: Simulator, merchant: Merchant
) -> None:
    request_id, paid = merchant.pay()
    simulator.set_faults({"api": "refund", "fault": "U for ever"})
    unsure = merchant.refund(paid["paymentId"], f"{request_id}-1", 1000)
    assert unsure["result"]["resultStatus"] == "U"
    found = merchant.call("inquiryRefund", {"refundRequestId": f"{request_id}-1"})
    assert found["refundStatus"] == "PROCESSING"
    assert simulator.owed(request_id) == 1000
    simulator.set_faults()
    again = merchant.refund(paid["paymentId"], f"{request_id}-1", 1000)
    assert result_code(again) == "SUCCESS"
    assert simulator.owed(request_id) == 0


def test_u_for_ever_never_ends_by_itself(simulator: Simulator, merchant: Merchant) -> None:
    simulator.set_faults({"api": "pay", "fault": "U for ever"})
    request_id, answer = merchant.pay()
    assert answer["result"]["resultStatus"] == "U"
    simulator.control("POST", "/_sim/clock", {"advance_s": 7200})
    assert merchant.inquire(request_id)["paymentStatus"] == "PROCESSING"
    assert result_code(merchant.cancel(request_id)) == "SUCCESS"
    assert simulator.payment(request_id)["debited"] == 0


@pytest.mark.parametrize(
    ("code", "status", "ledger"),
    [
        ("RISK_REJECT", "", "FAIL"),
        ("SYSTEM_ERROR", "", "FAIL"),
        ("A_CODE_OF_TOMORROW", "F", "FAIL"),
        ("A_CODE_OF_TOMORROW", "U", "PROCESSING"),
        ("PAYMENT_IN_PROCESS", "", "PROCESSING"),
        ("A_CODE_OF_TOMORROW", "S", "SUCCESS"),
    ],
)
def test_any_result_can_be_asked_for(
    simulator: Simulator, merchant: Merchant, code: str, status: str, ledger: str
) -> None:
    simulator.set_faults({"api": "pay", "fault": "result", "code": code, "status": status})
    request_id, answer = merchant.pay()
    assert result_code(answer) == code
    assert answer["result"]["resultStatus"] == status or not status
    inquiry = merchant.inquire(request_id)
    assert inquiry["paymentStatus"] == ledger
    assert simulator.owed(request_id) == (1000 if ledger == "SUCCESS" else 0)


def test_an_inquiry_may_say_anything_and_changes_nothing(
    simulator: Simulator, merchant: Merchant
) -> None:
    request_id, _ = merchant.pay()
    simulator.set_faults({"api": "inquiryPayment", "fault": "result", "code": "PROCESS_FAIL"})
    assert result_code(merchant.inquire(request_id)) == "PROCESS_FAIL"
    assert simulator.payment(request_id)["status"] == "SUCCESS"


def test_the_customer_pays_while_the_cancel_is_on_its_way(
    simulator: Simulator, merchant: Merchant
) -> None:
    fault = "PROCESSING then SUCCESS after the cancel was sent"
    simulator.set_faults({"api": "pay", "fault": fault, "times": 1})
    request_id, answer = merchant.pay()
    assert result_code(answer) == "PAYMENT_IN_PROCESS"
    assert merchant.inquire(request_id)["paymentStatus"] == "PROCESSING"
    assert merchant.cancel(request_id)["result"]["resultStatus"] == "U"
    assert merchant.inquire(request_id)["paymentStatus"] == "SUCCESS"
    assert simulator.owed(request_id) == 1000
    assert result_code(merchant.cancel(request_id)) == "SUCCESS"
    assert simulator.owed(request_id) == 0


def test_an_f_may_lie(simulator: Simulator, merchant: Merchant) -> None:
    simulator.set_faults({"api": "pay", "fault": "SYSTEM_ERROR then SUCCESS", "after_s": 30})
    request_id, answer = merchant.pay()
    assert answer["result"]["resultStatus"] == "F"
    assert merchant.inquire(request_id)["paymentStatus"] == "PROCESSING"
    simulator.control("POST", "/_sim/clock", {"advance_s": 31})
    assert merchant.inquire(request_id)["paymentStatus"] == "SUCCESS"
    assert simulator.owed(request_id) == 1000


def test_a_tombstone_may_be_asked_for_once(simulator: Simulator, merchant: Merchant) -> None:
    simulator.set_faults({"api": "cancel", "fault": "tombstone", "times": 1})
    body = merchant.order(simulator.fresh_code())
    assert result_code(merchant.cancel(body["paymentRequestId"])) == "SUCCESS"
    assert result_code(merchant.call("pay", body)) == "ORDER_IS_CANCELED"


def test_u_after_the_debit_is_a_paid_payment(simulator: Simulator, merchant: Merchant) -> None:
    simulator.set_faults({"api": "pay", "fault": "U after the debit", "times": 1})
    request_id, answer = merchant.pay()
    assert result_code(answer) == "UNKNOWN_EXCEPTION"
    assert merchant.inquire(request_id)["paymentStatus"] == "SUCCESS"


@pytest.mark.parametrize("fault", ["unsigned", "badly signed", "tampered"])
def test_a_signature_that_does_not_hold(
    simulator: Simulator, merchant: Merchant, fault: str
) -> None:
    simulator.set_faults({"api": "pay", "fault": fault})
    request_id, _, headers, data = raw_pay(simulator, merchant)
    assert result_code(json.loads(data)) == "SUCCESS"
    assert ("signature" in headers) == (fault != "unsigned")
    assert not is_signed(merchant, headers, data)
    assert simulator.owed(request_id) == 1000


def test_tampering_reaches_answers_without_an_amount(
    simulator: Simulator, merchant: Merchant
) -> None:
    request_id, _ = merchant.pay()
    simulator.set_faults({"api": "cancel", "fault": "tampered"})
    body = json.dumps({"paymentRequestId": request_id}).encode()
    _, headers, data = merchant.post(PAYMENTS + "cancel", body)
    assert result_code(json.loads(data)) == "SUCCESS"
    assert not merchant.is_signed(PAYMENTS + "cancel", headers, data)


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ("wrong amount", {"currency": "EUR", "value": "1001"}),
        ("wrong currency", {"currency": "USD", "value": "1000"}),
        ("missing amount", None),
    ],
)
@pytest.mark.parametrize("api", ["pay", "inquiryPayment"])
def test_the_amount_is_another_one_and_well_signed(
    simulator: Simulator, merchant: Merchant, api: str, fault: str, shown: Json | None
) -> None:
    simulator.set_faults({"api": api, "fault": fault})
    request_id, paid = merchant.pay()
    answer = paid if api == "pay" else merchant.inquire(request_id)
    assert answer.get("paymentAmount") == shown
    assert simulator.owed(request_id) == 1000


def test_garbage_is_signed(simulator: Simulator, merchant: Merchant) -> None:
    simulator.set_faults({"api": "pay", "fault": "garbage answer"})
    request_id, status, headers, data = raw_pay(simulator, merchant)
    assert status == 200
    assert is_signed(merchant, headers, data)
    with pytest.raises(ValueError, match="utf-8"):
        json.loads(data)
    assert simulator.owed(request_id) == 1000


def test_a_huge_answer_is_right_and_huge(simulator: Simulator, merchant: Merchant) -> None:
    simulator.set_faults({"api": "pay", "fault": "huge answer"})
    _, _, headers, data = raw_pay(simulator, merchant)
    assert len(data) > 8 * 1024 * 1024
    assert is_signed(merchant, headers, data)


def test_a_fault_strikes_its_payment_only(simulator: Simulator, merchant: Merchant) -> None:
    first, _ = merchant.pay()
    second, _ = merchant.pay()
    simulator.set_faults({"api": "*", "fault": "rate limit", "payment": first})
    assert result_code(merchant.inquire(second)) == "SUCCESS"
    assert result_code(merchant.inquire(first)) == "REQUEST_TRAFFIC_EXCEED_LIMIT"
    assert simulator.control("GET", "/_sim/faults")[0]["used"] == 1


def test_faults_strike_in_their_order_and_are_used_up(
    simulator: Simulator, merchant: Merchant
) -> None:
    request_id, _ = merchant.pay()
    simulator.set_faults(
        {"api": "inquiryPayment", "fault": "rate limit", "times": 1},
        {"api": "inquiryPayment", "fault": "order_unknown", "times": 1},
    )
    codes = [result_code(merchant.inquire(request_id)) for _ in range(3)]
    assert codes == ["REQUEST_TRAFFIC_EXCEED_LIMIT", "ORDER_NOT_EXIST", "SUCCESS"]
    held = simulator.control("GET", "/_sim/faults")
    assert [(one["times"], one["used"]) for one in held] == [(0, 1), (0, 1)]
    simulator.control("PUT", "/_sim/faults", held)


@pytest.mark.parametrize(
    "entry",
    [
        {"api": "pay", "fault": "unheard of"},
        {"api": "pay", "fault": "cancel window closed"},
        {"api": "paying", "fault": "no answer"},
        {"fault": "no answer"},
        {"api": "pay", "fault": "no answer", "times": -1},
        {"api": "pay", "fault": "no answer", "time": 1},
        {"api": "pay", "fault": "result"},
        {"api": "pay", "fault": "late answer", "after_s": "6"},
        {"api": "pay", "fault": "5xx", "http_status": 200},
        {"api": "pay", "fault": "5xx", "http_status": 502.0},
        {"api": "pay", "fault": "result", "code": "SUCCESS", "status": []},
        "no answer",
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_the_whole_list(
    simulator: Simulator, entry: object
) -> None:
    simulator.set_faults({"api": "pay", "fault": "no answer"})
    before = simulator.control("GET", "/_sim/faults")
    simulator.control("PUT", "/_sim/faults", [before[0], entry], status=400)
    assert simulator.control("GET", "/_sim/faults") == before
    simulator.set_faults()


def test_an_outage_cuts_what_is_open_and_refuses_what_comes(
    simulator: Simulator, merchant: Merchant
) -> None:
    body = merchant.order(simulator.fresh_code())
    merchant.pay()
    simulator.set_faults({"api": "*", "fault": "refuse connections"})
    assert merchant.connection.sock is not None
    with pytest.raises(LOST):
        merchant.code_of("pay", body)
    merchant.connection.close()
    with pytest.raises((ConnectionError, ssl.SSLError)):
        merchant.connection.connect()
    merchant.connection.close()
    request_id = body["paymentRequestId"]
    held = simulator.control_by_socket("GET", f"/_sim/payments?payment={request_id}")
    assert held == []
    simulator.control_by_socket("PUT", "/_sim/faults", [])
    assert result_code(merchant.call("pay", body)) == "SUCCESS"


def test_an_outage_cuts_what_was_accepted_and_has_not_shaken_hands_yet(
    simulator: Simulator,
) -> None:
    """Else a request could pass that the faults of before were meant for."""
    begun = socket.create_connection(("localhost", simulator.port), timeout=20)
    with contextlib.closing(begun):
        simulator.control("GET", "/_sim/faults")  # it has accepted by then
        outage = {"api": "*", "fault": "refuse connections"}
        simulator.control_by_socket("PUT", "/_sim/faults", [outage])
        answered = b""
        with (
            contextlib.suppress(OSError),
            simulator.tls.wrap_socket(begun, server_hostname="localhost") as wrapped,
        ):
            wrapped.sendall(b"GET /_sim/faults HTTP/1.1\r\nhost: localhost\r\n\r\n")
            answered = wrapped.recv(1)
        assert answered == b""
    simulator.control_by_socket("PUT", "/_sim/faults", [])


def test_an_outage_that_is_ordered_by_the_socket_cuts_too(
    simulator: Simulator, merchant: Merchant
) -> None:
    merchant.pay()
    outage = {"api": "*", "fault": "refuse connections"}
    simulator.control_by_socket("PUT", "/_sim/faults", [outage])
    sock = merchant.connection.sock
    assert sock is not None
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        assert sock.recv(1) == b""
    merchant.connection.close()
