"""Both ends of Antom's interface in memory: our keys, its keys, and a peer that a test scripts.

The keys are the synthetic ones of tests/vectors/signature_vectors.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tilld_antom.client import Account, Antom
from tilld_antom.requests import Merchant
from tilld_antom.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "signature_vectors.json").read_text("utf-8")
)
KEYS = VECTORS["keys"]
MERCHANT_PRIVATE: str = KEYS["merchant"]["private_pkcs8_der_base64"]
MERCHANT_PUBLIC: str = KEYS["merchant"]["public_spki_der_base64"]
ANTOM_PRIVATE: str = KEYS["antom"]["private_pkcs8_der_base64"]
ANTOM_PUBLIC: str = KEYS["antom"]["public_spki_der_base64"]

OURS = Signer(MERCHANT_PRIVATE, ANTOM_PUBLIC)
ANTOMS = Signer(ANTOM_PRIVATE, MERCHANT_PUBLIC)

CLIENT_ID = "5Y0000000000000001"
CODE = "281006020000000000125733"
RESPONSE_TIME = "2026-11-22T18:30:06Z"

SHOP = Merchant(
    terminal="T0001",
    merchant_id="M0001",
    name="Test Cafe",
    mcc="5814",
    store_id="S0001",
    store_name="Main street",
    settlement_currency="EUR",
    notify_url="https://pos.example.com/antom/notify",
)


class AnIntent(NamedTuple):
    payment_request_id: str = "20261122193005T0001000000500000017a8f3"
    order_ref: str = "ORDER-0001"
    description: str = "2 x coffee"
    currency: str = "EUR"
    amount_minor: int = 500
    terminal_request_time: str = "2026-11-22T19:30:05+01:00"
    expires_at: str | None = None


class ARefund(NamedTuple):
    refund_request_id: str = "R20261122193105"
    antom_payment_id: str = "202003151940108001001881I0204295953"
    currency: str = "EUR"
    amount_minor: int = 500
    reason: str = ""


class Sent(NamedTuple):
    """A request as it reached the peer."""

    method: str
    url: str
    path: str
    headers: dict[str, str]
    body: bytes
    timeout_s: float
    connect_timeout_s: float | None


class Answered:
    """A response as a session hands it over."""

    def __init__(self, content: bytes, headers: dict[str, str], status_code: int = 200) -> None:
        self.status_code = status_code
        self.headers = headers
        self.content = content
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Peer:
    """A session whose other end is a function: it answers a request, or raises the loss of it."""

    def __init__(self, answer: Callable[[Sent], Answered]) -> None:
        self._answer = answer
        self.requests: list[Sent] = []
        self.responses: list[Answered] = []
        self.opened: list[str] = []
        self.closed_door: Exception | None = None
        self.hung_up = False

    def request(
        self,
        method: str,
        url: str,
        *,
        data: bytes,
        headers: dict[str, str],
        timeout_s: float,
        connect_timeout_s: float | None = None,
    ) -> Answered:
        path = "/" + url.split("/", 3)[3]
        sent = Sent(method, url, path, headers, data, timeout_s, connect_timeout_s)
        self.requests.append(sent)
        self.responses.append(self._answer(sent))
        return self.responses[-1]

    def open_ahead(self, url: str, timeout_s: float, fresh: bool = False) -> None:
        if self.closed_door is not None:
            raise self.closed_door
        self.opened.append(url)

    def has_lost_one(self) -> bool:
        return self.hung_up


def signed(sent: Sent, content: bytes, client_id: str = CLIENT_ID) -> Answered:
    """An answer as Antom signs it: over the request's path and its own response-time."""
    return Answered(
        content,
        {
            "content-type": "application/json; charset=UTF-8",
            "client-id": client_id,
            "response-time": RESPONSE_TIME,
            "signature": ANTOMS.sign(sent.path, client_id, RESPONSE_TIME, content),
        },
    )


def antom(answer: Callable[[Sent], Answered], account: Account | None = None) -> tuple[Antom, Peer]:
    """Our client against a peer that answers so."""
    peer = Peer(answer)
    account = account or Account("https://antom.test", CLIENT_ID)
    return Antom(peer, account, SHOP, OURS, lambda: 1795372205123), peer


def result(status: str, code: str, **fields: object) -> bytes:
    """An answer's body with this result, compact."""
    body = {"result": {"resultStatus": status, "resultCode": code, "resultMessage": "words"}}
    return json.dumps({**body, **fields}, ensure_ascii=False, separators=(",", ":")).encode()


def amount(value: object = "500", currency: object = "EUR") -> dict[str, object]:
    return {"currency": currency, "value": value}
