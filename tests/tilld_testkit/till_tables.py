"""The tables and the conversation of daemon/TILL_SOCKET.md, made from messages.py.

    python -m tilld_testkit.till_tables        writes them into the document

A table stands between `<!-- methods -->` and `<!-- end -->`; a test compares.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tilld_client.till as client
from tilld_core import limits, messages, receipt
from tilld_daemon import VERSION
from tilld_daemon.presence import FEATURES
from tilld_testkit import rpc

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENT = Path(__file__).parents[2] / "daemon" / "TILL_SOCKET.md"
HEX_BYTES_IN_LINE = 24

_PART = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)

_KINDS = {
    "id": "id",
    "key": "key",
    "bool": "bool",
    "amount": "`{currency, value}`",
    "api": "`[major, minor]`",
    "since": "`{epoch, seq}`",
    "topics": "list of events",
    "document": "list of blocks",
    "block_text": f"text, at most {messages.BLOCK_TEXT_MAX_CHARACTERS}, lines end with `\\n`",
    "png": f"bin, a PNG of at most {limits.IMAGE_MAX_BYTES // 1024} KiB",
}


_ROLES = {messages.TILL: "till", messages.ENGINEER: "engineer", messages.ANY: "both"}


def filled(text: str) -> str:
    """The document with every part as the sources have it now."""
    parts = {name: make() for name, make in PARTS.items()}
    return _PART.sub(lambda found: f"<!-- {found[1]} -->\n{parts[found[1]]}\n<!-- end -->", text)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _kind(kind: str) -> str:
    name, _, more = kind.partition(" ")
    if name == "text":
        size, _, empty = more.partition(" ")
        return f"text, at most {size}" + (", may be empty" if empty else "")
    if name == "ascii":
        return f"ASCII, at most {more}"
    if name == "one":
        return " or ".join(f"`{word}`" for word in more.split()[1:])
    if name == "int":
        low, high = map(int, more.split())
        return f"whole number from {low}" + ("" if high == limits.INT_MAX else f" to {high}")
    return _KINDS[name]


def _methods() -> str:
    rows = []
    for method, role, params, gives in messages.METHODS:
        shown = [f"**{name}**" if needed else name for name, _, needed in params]
        kinds = "; ".join(f"{name}: {_kind(kind)}" for name, kind, _ in params)
        rows.append((f"`{method}`", _ROLES[role], ", ".join(shown), kinds, gives))
    return _table(("method", "for", "parameters", "kinds", "result"), rows)


def _errors() -> str:
    rows = [(f"`{code}`", kind, f"`{retry}`", text) for code, kind, retry, text in messages.ERRORS]
    return _table(("code", "class", "retry", "what it says unless the call says more"), rows)


def _reasons_of(table: Sequence[tuple[str, str, str, str]]) -> str:
    rows = [(f"`{code}`", f"{says} ({rule})", does) for code, rule, says, does in table]
    return _table(
        ("reason", "what happened, and what the cashier says", "what the till does"), rows
    )


def _reasons() -> str:
    return _reasons_of(messages.REASONS)


def _refund_reasons() -> str:
    return _reasons_of(messages.REFUND_REASONS)


def _documents() -> str:
    rows = []
    for block, keys in messages.DOCUMENT_BLOCKS.items():
        shown = [
            f"{name if at else f'**{name}**'}: {_kind(kind)}"
            for at, (name, kind) in enumerate(keys)
        ]
        rows.append((f"`{block}`", "; ".join(shown)))
    return _table(("`type`", "its keys"), rows)


def _prompts() -> str:
    rows = [(f"`{state}`", f"`{code}`", text) for state, code, text in messages.PROMPTS]
    for state, code, text in messages.ORDER_CODE_PROMPTS:
        rows.append((f"`{state}`, by `order_code`", f"`{code}`", text))
    return _table(("state", "prompt", "for the cashier"), rows)


def _blocks() -> str:
    return _table(("block", "what was observed"), [(f"`{code}`", t) for code, t in messages.BLOCKS])


def _receipt_fields() -> str:
    rows = []
    for name, kinds, what in receipt.FIELDS:
        of = ", ".join(f"`{kind}`" for kind in kinds.split()) or "all"
        rows.append((f"`{name}`", of, what))
    return _table(("field", "paper of this `kind`", "what it is; nil where it is not known"), rows)


def _events() -> str:
    rows = [
        (f"`{event}`", ", ".join(f"`{key}`" for key in carries.split()))
        for event, carries in messages.EVENTS
    ]
    return _table(("event", "carries"), rows)


def example() -> str:
    """The ten lines of tilld_client's docstring."""
    lines = (client.__doc__ or "").splitlines()
    code = [line[4:] for line in lines if line.startswith("    ") or not line]
    return "\n".join(code).strip()


def _example() -> str:
    return f"```python\n{example()}\n```"


def _conversation() -> str:
    shown = []
    for who, message in conversation():
        shown.append(f"{who}  {json.dumps(message, ensure_ascii=False)}")
        data = rpc.pack(message)
        for at in range(0, len(data), HEX_BYTES_IN_LINE):
            shown.append(f"      {data[at : at + HEX_BYTES_IN_LINE].hex(' ')}")
    return "```\n" + "\n".join(shown) + "\n```"


def conversation() -> list[tuple[str, list[Any]]]:
    """A sale by a code that the till has read: who speaks (till, tilld), and the message."""
    key = "0f6f3e0a-8f0e-4b5c-9a55-3d6a1f2b7c10"
    start = {
        "key": key,
        "order_ref": "2026-11-22/0042",
        "amount": {"currency": "EUR", "value": 1250},
        "code": "281006020000000000125733",
    }
    return [
        ("till ", [0, 1, "hello", [{"client": "till 7", "api": [1, 0]}]]),
        ("tilld", [1, 1, None, _GREETING]),
        ("till ", [0, 2, "payment.start", [start]]),
        ("tilld", [1, 2, None, _payment(key, "paying", 1)]),
        ("till ", [0, 3, "payment.wait", [{"key": key, "timeout_s": 60}]]),
        ("tilld", [1, 3, None, _payment(key, "approved", 2)]),
        ("till ", [0, 4, "payment.acknowledge", [{"key": key}]]),
        ("tilld", [1, 4, None, _payment(key, "paid", 3)]),
        ("till ", [0, 5, "payment.cancel", [{"key": key}]]),
        ("tilld", [1, 5, _already_paid(), None]),
    ]


_ID = "1795390050T70012501234567SHIHTAPFMLUQ2SDT72S4"
_GREETING = {
    "device": "f6da949d9b2b9b9e",
    "terminal": "T7",
    "version": VERSION,
    "api": list(messages.API),
    "features": FEATURES,
    "mode": "live",
    "ready": "yes",
    "blocks": [],
    "degraded": [],
    "unheard": [],
    "epoch": 3932883758766393,
    "last_seq": 17,
}


def _payment(key: str, state: str, revision: int) -> dict[str, Any]:
    prompts = {row[0]: {"code": row[1], "message": row[2]} for row in messages.PROMPTS}
    paid = state == "paid"
    return {
        "payment": _ID,
        "key": key,
        "order_ref": "2026-11-22/0042",
        "amount": {"currency": "EUR", "value": 1250},
        "by": "customer_code",
        "state": state,
        "outcome": "paid" if paid else "pending",
        "decided": paid,
        "settled": paid,
        "reason": None,
        "prompt": prompts[state],
        "order_code": None,
        "antom_payment_id": None if state == "paying" else "202611221940108001001880C0200000001",
        "refunded": {"currency": "EUR", "value": 0},
        "decides_in_s": {"paying": 95, "approved": 60}.get(state),
        "created_at": "2026-11-22T23:27:30+01:00",
        "paid_at": "2026-11-22T23:27:31+01:00" if paid else None,
        "period": 1,
        "revision": revision,
    }


def _already_paid() -> dict[str, Any]:
    return messages.CallError("already_paid", payment=_ID).as_map()


PARTS = {
    "example": _example,
    "methods": _methods,
    "errors": _errors,
    "reasons": _reasons,
    "refund_reasons": _refund_reasons,
    "documents": _documents,
    "prompts": _prompts,
    "blocks": _blocks,
    "events": _events,
    "receipt_fields": _receipt_fields,
    "conversation": _conversation,
}


if __name__ == "__main__":
    DOCUMENT.write_text(filled(DOCUMENT.read_text("utf-8")), "utf-8")
