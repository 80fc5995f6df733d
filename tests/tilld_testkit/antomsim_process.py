"""antomsim as a process of its own, its control paths, and a merchant who talks to it.

The merchant signs with code of its own, so that neither the simulator nor our daemon can agree
with itself.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = Path(__file__).parents[2] / "tools"
PATIENCE_S = 20.0
PAYMENTS = "/ams/api/v1/payments/"

Json = dict[str, Any]


class Simulator:
    """One running antomsim in its DIR; ``start`` again after ``kill`` or ``stop``.

    ``before``: a command in front of it; with one, such as into another network, its port is not
    ours to reach, and the control paths are asked by DIR/control.sock.
    """

    def __init__(
        self,
        home: Path,
        *options: str,
        listen: str = "127.0.0.1:0",
        before: tuple[str, ...] = (),
    ) -> None:
        self.home = home
        self._before = before
        self._options = options
        self._listen = listen
        self.start()

    def start(self) -> None:
        command = [*self._before, sys.executable, "-m", "antomsim", "--home", str(self.home)]
        self.process = subprocess.Popen(
            [*command, "--listen", self._listen, *self._options],
            env=os.environ | {"PYTHONPATH": str(TOOLS)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.url: str = json.loads(line)["ready"]
        self.port: int = urllib.parse.urlsplit(self.url).port or 443
        self.tls = ssl.create_default_context(cafile=str(self.home / "ca.pem"))

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self._reap()

    def _reap(self) -> int:
        status = self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "localhost", self.port, context=self.tls, timeout=PATIENCE_S
        )

    def control(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        """A control call on the port of the API."""
        if self._before and status == 200:
            return self.control_by_socket(method, path, body)
        with contextlib.closing(self.connect()) as connection:
            return _ask(connection, method, path, body, status)

    def control_by_socket(self, method: str, path: str, body: object = None) -> Any:
        """The same by DIR/control.sock, which an outage leaves alone."""
        with contextlib.closing(_OverUnix(self.home / "control.sock")) as connection:
            return _ask(connection, method, path, body, 200)

    def fresh_code(self, query: str = "") -> str:
        code: str = self.control("GET", f"/_sim/code{query}")["code"]
        return code

    def set_faults(self, *faults: Json) -> None:
        self.control("PUT", "/_sim/faults", list(faults))

    def payment(self, request_id: str) -> Json:
        """What the ledger holds of that id; {} when it never heard of it."""
        found = self.control("GET", f"/_sim/payments?payment={request_id}")
        return found[0] if found else {}

    def owed(self, request_id: str) -> int:
        """What the customer is out of pocket, in minor units."""
        found = self.payment(request_id)
        return int(found["debited"] - found["returned"]) if found else 0


class _OverUnix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: object, status: int
) -> Any:
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == status, text
    return json.loads(text)


@functools.cache
def _keys(merchant: bytes, antom: bytes) -> tuple[rsa.RSAPrivateKey, rsa.RSAPublicKey]:
    """Checking a private key takes longer than a payment, so once is enough."""
    key = serialization.load_pem_private_key(merchant, None)
    public = serialization.load_pem_public_key(antom)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert isinstance(public, rsa.RSAPublicKey)
    return key, public


class Merchant:
    """A caller that signs: one kept connection, exact bytes, answers verified."""

    def __init__(self, simulator: Simulator) -> None:
        home = simulator.home
        self.key, self._antom = _keys(
            (home / "merchant_key.pem").read_bytes(), (home / "antom_public.pem").read_bytes()
        )
        self.client_id = (home / "client_id").read_text()
        self._simulator = simulator
        self.connection = simulator.connect()
        self._serial = 0

    def close(self) -> None:
        self.connection.close()

    def new_id(self) -> str:
        self._serial += 1
        return f"{time.time_ns()}T0001R{self._serial:04d}"

    def order(self, code: str, value: int = 1000, **changes: object) -> Json:
        """A ``pay`` body of the fixture's shape, with fields replaced."""
        amount = {"currency": "EUR", "value": str(value)}
        return {
            "productCode": "IN_STORE_PAYMENT",
            "paymentRequestId": self.new_id(),
            "paymentAmount": amount,
            "paymentMethod": {"paymentMethodType": "CONNECT_WALLET", "paymentMethodId": code},
            "paymentFactor": {"inStorePaymentScenario": "PaymentCode"},
            "order": {
                "referenceOrderId": "O-1",
                "orderDescription": "Bücher 书",
                "orderAmount": amount,
                "merchant": {
                    "referenceMerchantId": "M-1",
                    "merchantMCC": "5942",
                    "store": {"referenceStoreId": "S-1", "storeMCC": "5942"},
                },
                "env": {
                    "storeTerminalId": "T0001",
                    "storeTerminalRequestTime": "2026-11-22T18:30:05+01:00",
                },
            },
        } | changes

    def pay(self, **changes: object) -> tuple[str, Json]:
        """A fresh code's payment: its id and the verified answer."""
        body = self.order(self._simulator.fresh_code()) | changes
        return body["paymentRequestId"], self.call("pay", body)

    def inquire(self, request_id: str) -> Json:
        return self.call("inquiryPayment", {"paymentRequestId": request_id})

    def cancel(self, request_id: str) -> Json:
        return self.call("cancel", {"paymentRequestId": request_id})

    def refund(self, payment_id: str, refund_request_id: str, value: int) -> Json:
        amount = {"currency": "EUR", "value": str(value)}
        ids = {"paymentId": payment_id, "refundRequestId": refund_request_id}
        return self.call("refund", ids | {"refundAmount": amount})

    def call(self, api: str, body: Json) -> Json:
        """The verified answer of one call."""
        path = PAYMENTS + api
        status, headers, data = self.post(path, json.dumps(body).encode())
        assert status == 200, data
        assert self.is_signed(path, headers, data), data
        found: Json = json.loads(data)
        return found

    def code_of(self, api: str, body: Json) -> str:
        """The result code of a call whose signature does not matter."""
        _, _, data = self.post(PAYMENTS + api, json.dumps(body).encode())
        return result_code(json.loads(data))

    def post(
        self, path: str, body: bytes, **changes: str
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """One signed POST; ``changes`` replaces headers, by their names with underscores."""
        headers = self.headers(path, body) | {k.replace("_", "-"): v for k, v in changes.items()}
        self.connection.request("POST", path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()

    def headers(self, path: str, body: bytes, at: str = "") -> dict[str, str]:
        at = at or str(time.time_ns() // 1_000_000)
        signature = self.signature(path, body, at)
        return {
            "content-type": "application/json; charset=UTF-8",
            "client-id": self.client_id,
            "request-time": at,
            "signature": f"algorithm=RSA256,keyVersion=1,signature={signature}",
        }

    def signature(self, path: str, body: bytes, at: str) -> str:
        content = f"POST {path}\n{self.client_id}.{at}.".encode() + body
        raw = self.key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        return urllib.parse.quote(base64.b64encode(raw), safe="")

    def is_signed(self, path: str, headers: list[tuple[str, str]], body: bytes) -> bool:
        """Signed by Antom, under header names in lower case as the Python SDK needs them."""
        found = dict(headers)
        if not {"signature", "response-time", "client-id"} <= set(found):
            return False
        return self.by_antom(path, found["client-id"], found["response-time"], found, body)

    def by_antom(
        self, path: str, client_id: str, at: str, headers: dict[str, str], body: bytes
    ) -> bool:
        text = urllib.parse.unquote(headers["signature"].partition("signature=")[2])
        content = f"POST {path}\n{client_id}.{at}.".encode() + body
        try:
            self._antom.verify(base64.b64decode(text), content, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


def result_code(answer: Json) -> str:
    code: str = answer["result"]["resultCode"]
    return code


@contextlib.contextmanager
def running(home: Path, *options: str, listen: str = "127.0.0.1:0") -> Iterator[Simulator]:
    simulator = Simulator(home, *options, listen=listen)
    try:
        yield simulator
    finally:
        simulator.stop()


@contextlib.contextmanager
def merchant_of(simulator: Simulator) -> Iterator[Merchant]:
    merchant = Merchant(simulator)
    try:
        yield merchant
    finally:
        merchant.close()
