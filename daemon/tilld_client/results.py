"""Payments and refunds as the terminal tells them.

They are dicts, as they stand on the wire: a newer terminal's new keys are simply there, and a till
stores, prints or sends one on as it is. Only what a till asks of every one has a name here.
"""

from __future__ import annotations

from typing import Any


class Payment(dict[str, Any]):
    """A payment (till_socket.md §2); its keys are listed in daemon/TILL_SOCKET.md."""

    @property
    def paid(self) -> bool:
        """Decided, and paid: the only thing for which goods are handed over (rules.md §1)."""
        return self["decided"] is True and self["outcome"] == "paid"


class Refund(dict[str, Any]):
    """A refund (till_socket.md §2)."""

    @property
    def refunded(self) -> bool:
        """Decided, and the customer has the money back."""
        return self["decided"] is True and self["outcome"] == "refunded"
