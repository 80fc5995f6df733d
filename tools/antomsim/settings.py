"""Everything the documents leave to the contract or leave open, each with its default.

Set at the start by ``--set name=value``, or while it runs by ``PUT /_sim/settings``.
"""

import dataclasses
import re
from collections.abc import Mapping

from antomsim.clock import MAX_S, is_wait

Value = str | float | bool


class BadSetting(Exception):
    """A setting that does not exist, or a value it can't hold; the text says which."""


@dataclasses.dataclass
class Settings:
    """UNCONFIRMED facts of antom-api.md §17 are settings here."""

    #: An unpaid payment without paymentExpiryTime closes after this (antom-api.md C3).
    expiry_s: float = 600.0
    #: What an inquiry calls a payment closed by expiry: CANCELLED or FAIL.
    expired_status: str = "CANCELLED"
    #: "midnight": 00:00 UTC+8 that ends the day of paymentTime; or seconds from paymentTime.
    cancel_window: str = "midnight"
    #: 360 days, as PPRO states for in-store Alipay (antom-api.md §6).
    refund_window_s: float = 360 * 86400.0
    #: Cancel of an order nobody knows: "not-exist" (F, no trace) or "tombstone" (S, kept).
    cancel_unknown: str = "not-exist"
    #: Cancel of a payment that failed: S, or F ORDER_STATUS_INVALID.
    cancel_failed: str = "S"
    #: A well-formed code that the wallet never issued: "refuse" or "pay" (once).
    unknown_codes: str = "refuse"
    #: A code not presented within this is stale: EXPIRED_CODE.
    code_life_s: float = 120.0
    #: Accept inStorePaymentScenario in any case (antom-api.md §3.2).
    lenient_scenario: bool = False
    #: The notify URL of the Dashboard; the request's own wins. Empty: none.
    notify_url: str = ""
    #: From the success to the first notification.
    notify_delay_s: float = 0.0
    #: Multiplies the documented gaps between notifications (antom-api.md §9.3).
    notify_scale: float = 1.0
    #: An answer to a notification that takes longer counts as none.
    notify_timeout_s: float = 10.0
    #: Notify failed payments too (antom-api.md C5).
    notify_failures: bool = False
    #: An unsigned answer to a notification counts as a wrong one (antom-api.md C8).
    ack_signed: bool = False
    #: The amounts 9901 to 9904 misbehave (antom-api.md §12.2).
    amount_faults: bool = True

    def change(self, changes: Mapping[str, object]) -> None:
        """All of the changes or, with BadSetting, none of them."""
        known = {field.name: type(field.default) for field in dataclasses.fields(self)}
        checked: dict[str, Value] = {}
        for name, value in changes.items():
            if name not in known:
                raise BadSetting(f"no setting {name!r}; there are: {', '.join(known)}")
            checked[name] = _checked(name, known[name], value)
        for name, value in checked.items():
            setattr(self, name, value)


_WINDOW = re.compile("midnight|[0-9]{1,9}")

_CHOICES = {
    "expired_status": ("CANCELLED", "FAIL"),
    "cancel_unknown": ("not-exist", "tombstone"),
    "cancel_failed": ("S", "F"),
    "unknown_codes": ("refuse", "pay"),
}


def _checked(name: str, kind: type, value: object) -> Value:
    if kind is float and is_wait(value):
        return float(value)
    if kind is bool and isinstance(value, bool):
        return value
    if kind is str and isinstance(value, str):
        if name in _CHOICES and value not in _CHOICES[name]:
            raise BadSetting(f"{name} is one of {', '.join(_CHOICES[name])}, not {value!r}")
        if name == "cancel_window" and not _WINDOW.fullmatch(value):
            raise BadSetting(f"cancel_window is midnight or seconds, not {value!r}")
        return value
    kinds = {float: f"a number from 0 to {MAX_S:.0f}", bool: "true or false", str: "a text"}
    raise BadSetting(f"{name} takes {kinds[kind]}, not {value!r}")


def from_text(pairs: list[str]) -> dict[str, Value]:
    """``name=value`` pairs of the command line as typed values; raises BadSetting."""
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Settings)}
    found: dict[str, Value] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or name not in kinds:
            raise BadSetting(f"not name=value with a known name: {pair!r}")
        try:
            found[name] = _from_text(kinds[name], text)
        except ValueError:
            raise BadSetting(f"{name} takes a {kinds[name].__name__}, not {text!r}") from None
    return found


def _from_text(kind: type, text: str) -> Value:
    if kind is bool:
        return {"true": True, "false": False}.get(text, text)
    return float(text) if kind is float else text
