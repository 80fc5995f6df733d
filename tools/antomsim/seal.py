"""Bodies made ready to leave: serialised, signed, and spoilt where a fault asks for it."""

import copy
import json

from cryptography.hazmat.primitives.asymmetric import rsa

from antomsim import wire
from antomsim.clock import iso8601
from antomsim.http import Headers
from antomsim.results import Body

_PADDING = 8 * 1024 * 1024
_GARBAGE = b'{"result":{"resultStatus":"S"\xff\xfe<html>'
CONTENT_TYPE = ("content-type", "application/json; charset=UTF-8")


def to_bytes(body: Body) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def sealed(
    key: rsa.RSAPrivateKey,
    uri: str,
    client_id: str,
    time_header: str,
    at_ms: int,
    body: Body,
    flaw: str = "",
) -> tuple[Headers, bytes]:
    """Headers in lower case and exact body; ``flaw`` is a fault's name or "".

    ``time_header`` is response-time for an answer, request-time for a notification. What is
    unsigned lacks both headers: half of them is no documented shape (antom-api.md §1.6).
    """
    data = _GARBAGE if flaw == "garbage answer" else to_bytes(_flawed(body, flaw))
    headers: Headers = [CONTENT_TYPE, ("client-id", client_id)]
    if flaw == "unsigned":
        return headers, data
    time = iso8601(at_ms)
    signed = wire.content("POST", uri, client_id, time, data)
    signature = wire.sign(key, b"another " + signed if flaw == "badly signed" else signed)
    if flaw == "tampered":
        data = to_bytes(_tampered(body))
    return [*headers, (time_header, time), ("signature", signature)], data


def _flawed(body: Body, flaw: str) -> Body:
    if flaw == "huge answer":
        return body | {"padding": "x" * _PADDING}
    if "paymentAmount" not in body:
        return body
    body = copy.deepcopy(body)
    amount = body["paymentAmount"]
    if flaw == "wrong amount":
        amount["value"] = str(int(amount["value"]) + 1)
    elif flaw == "wrong currency":
        amount["currency"] = "EUR" if amount["currency"] != "EUR" else "USD"
    elif flaw == "missing amount":
        del body["paymentAmount"]
    return body


def _tampered(body: Body) -> Body:
    if "paymentAmount" in body:
        return _flawed(body, "wrong amount")
    result = body["result"]
    return body | {"result": result | {"resultMessage": result["resultMessage"] + "."}}
