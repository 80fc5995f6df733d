"""What can keep a call from its result: the terminal refused it, or could not be reached."""

from __future__ import annotations

from typing import Any


class CallError(Exception):
    """The terminal refused a call (till_socket.md §4).

    ``code`` never changes within a major version; ``kind`` is its class (``caller``, ``busy``,
    ``hardware``, ``network``, ``storage``, ``security``, ``internal``); ``retry`` is what helps
    (``same_key``, ``new_key``, ``after_fix``, ``later``, ``never``). ``changed`` is "no", but
    "unknown" after a storage fault. ``message`` is for people and may change. ``told`` is the
    error as it stands on the wire.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(f"{told['code']}: {told['message']}")
        self.told = told
        self.code: str = told["code"]
        self.kind: str = told.get("class", "")
        self.retry: str = told["retry"]
        self.changed: str = told["changed"]
        self.message: str = told["message"]
        self.payment: str | None = told.get("payment")
        self.fields: list[str] | None = told.get("fields")


class NotFound(CallError):
    """Nothing is known under this key or id: no permission for a new key."""


class NotReady(CallError):
    """The terminal can't take payments now; ``blocks``, each ``{code, message}``, say why."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told)
        self.blocks: list[dict[str, str]] = told.get("blocks") or []


class ScannerBusy(CallError):
    """Another payment waits for its code; the message names its order and the seconds left."""


class AlreadyPaid(CallError):
    """It is too late to cancel: the payment is paid. Give the money back by a refund."""


class Lost(Exception):
    """The terminal could not be reached within ``patience_s``. Nothing is known to have failed:
    ask again with the same key."""


_OF_CODE: dict[str, type[CallError]] = {
    "not_found": NotFound,
    "not_ready": NotReady,
    "scanner_busy": ScannerBusy,
    "already_paid": AlreadyPaid,
}


def refusal(told: dict[str, Any]) -> CallError:
    """The exception for an error as it stands on the wire."""
    return _OF_CODE.get(told["code"], CallError)(told)
