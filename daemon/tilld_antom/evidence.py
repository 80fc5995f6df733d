"""What one call to Antom proved, as an event of the core's tables and the facts with it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

ID_LENGTH = 64  # paymentId, refundId, result codes: antom-api.md §1.7, §3.4
MESSAGE_LENGTH = 256  # resultMessage, antom-api.md §1.7

# Whatever looks like a payment code (rules.md §6), should a message quote one.
_CODE = re.compile(r"(?<!\d)(?:2[5-9]|30)\d{14,30}(?!\d)", re.ASCII)
_ID = re.compile(r"[!-~]{1,64}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:?\d\d)", re.ASCII)


class Evidence(NamedTuple):
    """The event for the table, and what came with it.

    Facts, each only when known, each a text: ``antom_payment_id``, ``antom_refund_id``;
    ``paid_at``, ``refunded_at`` (RFC 3339, Antom's offset); ``order_code`` (a QR's text, for the
    customer to see); ``upstream_code`` and ``message`` (why not); ``reason`` (one word of
    `tilld_urequests`, when no answer came); ``alarm``: "signature", "amount" or "id", for a
    person to see. None holds a secret (I31).
    """

    event: str
    facts: dict[str, str]


def an_id(value: object) -> str:
    """An id of Antom's as it may be stored, or "" for what is none."""
    text = a_text(value)
    return text if _ID.fullmatch(text) else ""


def a_time(value: object) -> str:
    """A time as RFC 3339, or "" for what is none. An offset without its colon gets one."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return ""
    time, offset = match.groups()
    if len(offset) == 5:
        offset = offset[:3] + ":" + offset[3:]
    try:
        datetime.fromisoformat(time[:19] + offset)
    except ValueError:
        return ""
    return time + offset


def a_text(value: object) -> str:
    """A scalar as text: Antom says every one is a String, its fixtures differ (C14)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    return ""


def a_message(value: object, secrets: tuple[str, ...] = ()) -> str:
    """A peer's words made safe to log, store and show: short, printable, without secrets."""
    text = a_text(value)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    text = _CODE.sub(lambda code: f"{code[0][:2]}… ({len(code[0])} digits)", text)
    return "".join(c if c.isprintable() else " " for c in text)[:MESSAGE_LENGTH].strip()


def clean(facts: dict[str, str], secrets: tuple[str, ...]) -> dict[str, str]:
    """The facts that say something, and none that holds a secret (I31)."""
    shown = {}
    for name, value in facts.items():
        if name in ("message", "upstream_code"):
            value = a_message(value, secrets)
        elif any(secret and secret in value for secret in secrets):
            value = ""
        if value:
            shown[name] = value
    return shown
