"""What official SDKs really send (antom-api.md §1.5), and what the gate refuses."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
from typing import TYPE_CHECKING

import pytest

from tilld_testkit.antomsim_process import (
    PAYMENTS,
    Merchant,
    Simulator,
    merchant_of,
    result_code,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PAY = PAYMENTS + "pay"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("antomsim"), "--name", "antom.test") as started:
        yield started


@pytest.fixture
def merchant(simulator: Simulator) -> Iterator[Merchant]:
    with merchant_of(simulator) as found:
        yield found


def posted(merchant: Merchant, path: str, body: bytes, **headers: str) -> str:
    """The code of a signed answer."""
    status, found, data = merchant.post(path, body, **headers)
    assert status == 200
    assert merchant.is_signed(path, found, data)
    return result_code(json.loads(data))


def unsigned(merchant: Merchant, path: str, body: bytes, **headers: str) -> str:
    """The code of an answer that carries no signature."""
    status, found, data = merchant.post(path, body, **headers)
    assert status == 200
    assert {"signature", "response-time"} & {name for name, _ in found} == set()
    return result_code(json.loads(data))


def a_pay(simulator: Simulator, merchant: Merchant) -> bytes:
    return json.dumps(merchant.order(simulator.fresh_code())).encode()


@pytest.mark.parametrize("prefix", ["/ams/api", "/ams/sandbox/api"])
def test_both_prefixes_are_served_and_signed_as_requested(
    simulator: Simulator, merchant: Merchant, prefix: str
) -> None:
    path = f"{prefix}/v1/payments/pay"
    assert posted(merchant, path, a_pay(simulator, merchant)) == "SUCCESS"


def test_the_other_prefix_does_not_verify(simulator: Simulator, merchant: Merchant) -> None:
    body = a_pay(simulator, merchant)
    elsewhere = merchant.headers("/ams/sandbox/api/v1/payments/pay", body)
    assert unsigned(merchant, PAY, body, signature=elsewhere["signature"]) == "INVALID_SIGNATURE"


def test_the_absolute_form_is_taken(simulator: Simulator, merchant: Merchant) -> None:
    body = a_pay(simulator, merchant)
    target = f"https://open-sea-global.alipay.com{PAY}"
    merchant.connection.request("POST", target, body, merchant.headers(PAY, body))
    answer = merchant.connection.getresponse()
    data = answer.read()
    assert result_code(json.loads(data)) == "SUCCESS"
    assert merchant.is_signed(PAY, answer.getheaders(), data)
    assert simulator.control("GET", "/_sim/log")["requests"][-1]["target"] == target


@pytest.mark.parametrize(
    "at",
    [
        "1795372205123",
        "2026-11-22T18:30:05+00:00",
        "2026-11-22T18:30:05+0000",
        "2026-11-22T18:30:05.1234567Z",
    ],
)
def test_every_form_of_the_time_is_opaque(
    simulator: Simulator, merchant: Merchant, at: str
) -> None:
    body = a_pay(simulator, merchant)
    signature = merchant.headers(PAY, body, at)["signature"]
    assert posted(merchant, PAY, body, signature=signature, request_time=at) == "SUCCESS"


def test_lower_case_escapes_are_taken(simulator: Simulator, merchant: Merchant) -> None:
    body = a_pay(simulator, merchant)
    at = "1795372205123"
    signature = merchant.headers(PAY, body, at)["signature"]
    lower = re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), signature)
    assert lower != signature
    assert posted(merchant, PAY, body, signature=lower, request_time=at) == "SUCCESS"


def test_a_pretty_printed_body_with_numeric_amounts_is_taken(
    simulator: Simulator, merchant: Merchant
) -> None:
    order = merchant.order(simulator.fresh_code())
    order["paymentAmount"] = {"currency": "EUR", "value": 1000}
    body = json.dumps(order, indent=3).encode()
    assert b"\\u4e66" in body
    assert posted(merchant, PAY, body) == "SUCCESS"


def test_a_body_in_raw_utf8_over_20_kb_is_taken(simulator: Simulator, merchant: Merchant) -> None:
    order = merchant.order(simulator.fresh_code())
    order["unknown"] = '书.&+=%/?#"\\' * 2000
    body = json.dumps(order, ensure_ascii=False).encode()
    assert posted(merchant, PAY, body) == "SUCCESS"


def test_two_content_types_and_an_empty_agent_token_are_taken(
    simulator: Simulator, merchant: Merchant
) -> None:
    body = a_pay(simulator, merchant)
    merchant.connection.putrequest("POST", PAY)
    for name, value in merchant.headers(PAY, body).items():
        merchant.connection.putheader(name, value)
    merchant.connection.putheader("Content-Type", "application/json")
    merchant.connection.putheader("agent-token", "")
    merchant.connection.putheader("Key-Version", "1")
    merchant.connection.putheader("Content-Length", str(len(body)))
    merchant.connection.endheaders(body)
    assert result_code(json.loads(merchant.connection.getresponse().read())) == "SUCCESS"
    headers = simulator.control("GET", "/_sim/log")["requests"][-1]["headers"]
    assert [name for name, _ in headers].count("Content-Type") == 1
    assert ["agent-token", ""] in headers


def test_a_body_in_chunks_is_read_whole(simulator: Simulator, merchant: Merchant) -> None:
    body = a_pay(simulator, merchant)
    pieces = iter([body[:100], body[100:]])
    headers = merchant.headers(PAY, body)
    merchant.connection.request("POST", PAY, pieces, headers, encode_chunked=True)
    assert result_code(json.loads(merchant.connection.getresponse().read())) == "SUCCESS"


def test_one_connection_carries_many_calls(simulator: Simulator, merchant: Merchant) -> None:
    ids = [merchant.pay()[0] for _ in range(5)]
    log = simulator.control("GET", "/_sim/log")["requests"]
    assert len({one["connection"] for one in log if one["payment"] in ids}) == 1


def test_the_certificate_holds_the_names_that_are_asked_for(simulator: Simulator) -> None:
    names = ("127.0.0.1", "localhost", "open-na-global.alipay.com", "antom.test")
    for name in names:
        with (
            contextlib.closing(simulator.connect()) as plain,
            contextlib.closing(http.client.HTTPConnection("127.0.0.1", simulator.port)) as bare,
        ):
            bare.connect()
            with simulator.tls.wrap_socket(bare.sock, server_hostname=name) as tls:
                assert tls.version() is not None
            assert plain.sock is None


def test_a_wrong_signature_is_answered_without_one(
    simulator: Simulator, merchant: Merchant
) -> None:
    body = a_pay(simulator, merchant)
    assert unsigned(merchant, PAY, body, request_time="1") == "INVALID_SIGNATURE"
    assert unsigned(merchant, PAY, body, signature="") == "INVALID_SIGNATURE"
    assert unsigned(merchant, PAY, body, client_id="5Y9") == "CLIENT_INVALID"
    other = merchant.headers(PAY, body)["signature"].replace("keyVersion=1", "keyVersion=7")
    assert unsigned(merchant, PAY, body, signature=other) == "KEY_NOT_FOUND"
    assert simulator.payment(json.loads(body)["paymentRequestId"]) == {}


def test_what_is_no_call_is_refused_by_name(simulator: Simulator, merchant: Merchant) -> None:
    assert posted(merchant, "/ams/api/v1/payments/nothing", b"{}") == "NO_INTERFACE_DEF"
    assert posted(merchant, PAY, b"{}", content_type="text/xml") == "MEDIA_TYPE_NOT_ACCEPTABLE"
    merchant.connection.request("GET", PAY)
    answer = json.loads(merchant.connection.getresponse().read())
    assert result_code(answer) == "METHOD_NOT_SUPPORTED"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"paymentRequestId":"\\ud800"}',
        b'{"paymentAmount":{"currency":"EUR","value":' + b"9" * 5000 + b"}}",
    ],
)
def test_a_body_that_is_no_object_is_illegal(merchant: Merchant, body: bytes) -> None:
    assert posted(merchant, PAY, body) == "PARAM_ILLEGAL"


def test_a_strange_target_or_client_id_is_only_refused(
    simulator: Simulator, merchant: Merchant
) -> None:
    assert unsigned(merchant, PAY, b"{}", client_id="caf\xe9") == "CLIENT_INVALID"
    assert posted(merchant, "/", b"{}") == "NO_INTERFACE_DEF"
    headers = {"host": "localhost", "client-id": merchant.client_id}
    merchant.connection.request("POST", "http://[", b"{}", headers)
    answer = json.loads(merchant.connection.getresponse().read())
    assert result_code(answer) == "NO_INTERFACE_DEF"


def test_the_log_holds_the_exact_bytes(simulator: Simulator, merchant: Merchant) -> None:
    body = a_pay(simulator, merchant)
    headers = merchant.headers(PAY, body)
    merchant.post(PAY, body, **{name.replace("-", "_"): v for name, v in headers.items()})
    request_id = json.loads(body)["paymentRequestId"]
    log = simulator.control("GET", f"/_sim/log?payment={request_id}")
    assert log["bodies"] == {"pay": 1}
    (one,) = log["requests"]
    assert one["body"].encode() == body
    assert (one["method"], one["target"], one["verdict"]) == ("POST", PAY, "SUCCESS")
    assert ["signature", headers["signature"]] in one["headers"]


def test_a_request_that_breaks_off_is_logged_and_not_processed(
    simulator: Simulator, merchant: Merchant
) -> None:
    body = a_pay(simulator, merchant)
    request_id = json.loads(body)["paymentRequestId"]
    merchant.connection.putrequest("POST", PAY)
    for name, value in merchant.headers(PAY, body).items():
        merchant.connection.putheader(name, value)
    merchant.connection.putheader("Content-Length", str(len(body) + 1))
    merchant.connection.endheaders(body)
    raw = merchant.connection.sock
    assert raw is not None
    raw.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionResetError):
        while raw.recv(4096):
            pass
    log = simulator.control("GET", f"/_sim/log?payment={request_id}")
    assert [one["complete"] for one in log["requests"]] == [False]
    assert log["bodies"] == {}
    assert simulator.payment(request_id) == {}


def test_what_is_no_http_ends_its_connection_only(simulator: Simulator, merchant: Merchant) -> None:
    merchant.connection.connect()
    with contextlib.closing(simulator.connect()) as other:
        other.connect()
        assert other.sock is not None
        other.sock.sendall(b"\x00\x01\x02 nonsense\r\n\r\n")
        assert other.sock.recv(64).startswith(b"HTTP/1.1 400")
    assert result_code(merchant.pay()[1]) == "SUCCESS"


def test_control_calls_say_what_is_wrong(simulator: Simulator) -> None:
    assert "there are" in simulator.control("GET", "/_sim/nothing", status=404)["error"]
    assert "wallet" in simulator.control("GET", "/_sim/code?wallet=x", status=400)["error"]
    assert "digits" in simulator.control("GET", "/_sim/code?digits=9", status=400)["error"]
    bad = {"expiry_s": 1, "expired_status": "GONE"}
    assert "GONE" in simulator.control("PUT", "/_sim/settings", bad, status=400)["error"]
    assert simulator.control("GET", "/_sim/settings")["expiry_s"] == 600
    assert "forward" in simulator.control("POST", "/_sim/clock", {}, status=400)["error"]


def test_a_control_call_of_the_wrong_shape_ends_nothing(
    simulator: Simulator, merchant: Merchant
) -> None:
    wait = {"fault": "result", "api": "pay", "code": "PAYMENT_IN_PROCESS"}
    simulator.set_faults(wait)
    request_id, _ = merchant.pay()
    simulator.set_faults()
    strange = {"payment": request_id, "action": ["confirm"]}
    assert "action" in simulator.control("POST", "/_sim/customer", strange, status=400)["error"]
    deep = b"[" * 200_000
    with contextlib.closing(simulator.connect()) as other:
        other.request("PUT", "/_sim/faults", deep)
        answer = other.getresponse()
        assert answer.status == 400
        assert b"deep" in answer.read()
    assert result_code(merchant.pay()[1]) == "SUCCESS"
