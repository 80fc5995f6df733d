"""Mutants that survive, each with the reason why it is no mistake in the money.

`prove mutants` holds that this list is exact: each of these survives, and no other.
"""

from __future__ import annotations

_TOLD_AGAIN = "the till is shown the state it already sees; only the seconds left would be newer"
_DURABLE_BEFORE = (
    "the refund is durable by the record before both, and its first byte leaves by a later event"
)
_CALLED_BEFORE = (
    "a person was called when the cancel was queued, and goes on looking at the same payment"
)

HARMLESS: dict[str, str] = {
    "payment: inquiring, silence [inquiries left]: no tell till": _TOLD_AGAIN,
}
for _state in ("cancelling", "cancel_queued", "needs_attention"):
    _name = f"payment: {_state}, window check success: send refund before tell till"
    HARMLESS[_name] = _DURABLE_BEFORE
for _state in ("locating", "sending", "resuming", "queued", "needs_attention"):
    HARMLESS[f"refund: {_state}, write off: no tell till"] = (
        "a till follows the payment whose cancel it replaced, and that is told"
    )
HARMLESS["refund: needs_attention, write off [the till's own]: no tell till"] = _TOLD_AGAIN
HARMLESS["refund: locating, no such payment: no tell till"] = (
    "the state is the one it sees; that its reason is told, tests/core/test_refund.py holds"
)
HARMLESS["payment: refunding, write off: end refund before tell till"] = (
    "one record has closed both, and the till that hears of one of them first is told the truth"
)
for _news in ("cancel refused", "status check success"):
    for _mistake in ("no call person", "note attention before call person"):
        HARMLESS[f"payment: cancel_queued, {_news}: {_mistake}"] = _CALLED_BEFORE
for _state in ("locating", "sending", "resuming"):
    HARMLESS[f"refund: {_state}, minute over: no tell till"] = _TOLD_AGAIN
HARMLESS["refund: locating, minute over: tell till before call person"] = (
    "it tells the word the till already sees, and a restart between the two waits a minute again"
)
for _mistake in ("no call person", "note attention before call person"):
    HARMLESS[f"refund: queued, refund disputed: {_mistake}"] = _CALLED_BEFORE
_REFUSED = "refund refused [no earlier try may have been done]"
for _state in ("resuming", "needs_attention"):
    HARMLESS[f"refund: {_state}, {_REFUSED}: no guard"] = (
        "whatever is sent there leaves after Antom knew of no try before it"
    )
for _state in ("sending", "queued"):
    HARMLESS[f"refund: {_state}, {_REFUSED}: the row is missing"] = (
        "the next row asks Antom before it believes it, which takes longer and is as true"
    )
HARMLESS["refund: sending, refund refused: to sending"] = (
    "the same refund is repeated until its minute is over, and asked about after that"
)
