"""One answer of Antom, read with the tolerance of antom-api.md, believed only when signed.

The signature is checked over the exact bytes before anything is parsed (rules.md §6);
``trust`` is the result of that check, and what it allows is decided in sorting.py.
"""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from tilld_antom.evidence import ID_LENGTH, a_text

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNED = "signed"  # Antom's signature over these bytes
UNSIGNED = "unsigned"  # no signature at all
FORGED = "forged"  # a signature that is not Antom's over these bytes, or half of one

# Names met in older material and in Alipay+ (antom-api.md C9, §3.5, §6).
ALIASES = {
    "SIGNATURE_INVALID": "INVALID_SIGNATURE",
    "INVALID_CODE": "INVALID_PAYMENT_CODE",
    "INVALID_CLIENT": "CLIENT_INVALID",
    "FREFUND_WINDOW_EXCEED": "REFUND_WINDOW_EXCEED",
}

# What a header may ask us to decode with; anything else is read as UTF-8 (antom-api.md §1.6).
CHARSETS = ("us-ascii", "iso-8859-1", "gbk", "gb2312", "gb18030", "big5", "shift_jis")
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_.-]+)", re.IGNORECASE)
AMOUNT_DIGITS = 16  # antom-api.md §10.5


class Answer(NamedTuple):
    """An answer as far as it could be read; status "" is an answer that says nothing."""

    trust: str
    status: str = ""  # "S", "F", "U" or ""
    code: str = ""  # by its present name
    message: str = ""
    body: Mapping[str, object] = MappingProxyType({})


def read(http_status: int, content_type: str, content: bytes, trust: str) -> Answer:
    """The answer in these bytes. A forged one is not parsed at all.

    Antom puts business failures into HTTP 200 (antom-api.md §1.6); any other status was
    made by something on the way, and proves nothing.
    """
    if trust == FORGED:
        return Answer(trust, message="the answer's signature is not Antom's")
    if http_status != 200:
        return Answer(UNSIGNED, message=f"HTTP status {http_status}")
    body = parse(content_type, content)
    if body is None:
        return Answer(trust, message="the answer is no JSON object")
    result = body.get("result")
    if not isinstance(result, dict):
        return Answer(trust, message="the answer has no result", body=body)
    status = result.get("resultStatus")
    return Answer(
        trust,
        status if isinstance(status, str) and status in ("S", "F", "U") else "",
        canonical(a_text(result.get("resultCode"))),
        a_text(result.get("resultMessage")),
        body,
    )


def parse(content_type: str, content: bytes) -> dict[str, object] | None:
    """The JSON object in a body, or None for whatever else it holds."""
    try:
        text = content.decode(_charset(content_type)).removeprefix("\ufeff")
        body = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def canonical(code: str) -> str:
    """A result code by its present name, without what no code holds."""
    code = code.strip()[:ID_LENGTH]
    return ALIASES.get(code, code)


def minor_units(value: object) -> int | None:
    """An amount's value: digits in a String, or a JSON integer (C14); None for all else."""
    if not isinstance(value, (str, int)):
        return None
    digits = str(value)  # of a bool: none
    if not (digits.isascii() and digits.isdigit() and len(digits) <= AMOUNT_DIGITS):
        return None
    return int(digits)


def is_amount(value: object, currency: str, amount_minor: int) -> bool:
    """Whether an Amount object is exactly this much of exactly this currency (I10)."""
    if not isinstance(value, dict):
        return False
    return value.get("currency") == currency and minor_units(value.get("value")) == amount_minor


def _charset(content_type: str) -> str:
    found = _CHARSET.search(content_type)
    name = found[1].lower() if found else ""
    return name if name in CHARSETS else "utf-8"


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
