"""What a person may call a payment: by an id as receipts show it, by its key, by its order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_client import CallError, NotFound, Payment

if TYPE_CHECKING:
    from tilld_client import Till

_KEY_CHARACTERS = range(16, 65)


class Unclear(Exception):
    """The word names no payment of this terminal, or several; the text is for people."""


def found(till: Till, word: str) -> Payment:
    """The payment that a word names. Raises Unclear."""
    for name in ("payment", "key"):
        if name == "key" and len(word) not in _KEY_CHARACTERS:
            continue
        try:
            asked: dict[str, Any] = {name: word}
            return Payment(till.call("payment.get", **asked))
        except NotFound:
            continue
        except CallError as refused:
            if refused.code not in ("bad_param", "key_used"):
                raise
    of_order = till.call("payment.list", order_ref=word[:64], limit=100)["payments"]
    likely = [one for one in of_order if one["outcome"] == "paid"] or of_order
    if len(likely) == 1:
        return Payment(likely[0])
    if likely:
        ids = ", ".join(one["payment"] for one in likely)
        raise Unclear(f"Order {word} has {len(likely)} payments; name one of them: {ids}")
    raise Unclear(f"This terminal knows no payment, key or order {word}.")
