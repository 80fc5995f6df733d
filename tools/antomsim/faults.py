"""The faults: one table of names, and the list that ``/_sim/faults`` holds.

``FAULTS.md`` prints this table; a test compares the two.
"""

import dataclasses
from collections.abc import Callable, Collection
from typing import Any

from antomsim.clock import is_wait

CALLS = ("pay", "inquiryPayment", "cancel", "refund", "inquiryRefund")
NOTIFY = "notifyPayment"
EVERY = "*"

# Where a fault strikes.
CONNECTION = "connection"
ARRIVAL = "arrival"
LEDGER = "ledger"
ANSWER = "answer"
QUEUEING = "queueing"
EARLY = "early"
SENDING = "sending"

_SIGNED = (*CALLS, NOTIFY)
_MONEY = ("pay", "inquiryPayment", NOTIFY)
_CANCELS = ("cancel", "refund")
_KNOWN = ("inquiryPayment", "cancel", "refund", "inquiryRefund")


@dataclasses.dataclass(frozen=True)
class Kind:
    """A row of the table: which APIs, where it strikes, its extra fields, what happens."""

    apis: tuple[str, ...]
    stage: str
    about: str
    #: extra fields with their defaults; None: must be given
    fields: tuple[tuple[str, Any], ...] = ()


KINDS: dict[str, Kind] = {
    "refuse connections": Kind(
        (EVERY,),
        CONNECTION,
        "The network is out: open connections are cut, new ones closed before TLS, until the"
        " fault is removed (by DIR/control.sock) or used up.",
    ),
    "no answer": Kind(
        CALLS, ARRIVAL, "Nothing is processed, nothing is sent; the connection stays open."
    ),
    "cut connection": Kind(CALLS, ARRIVAL, "Nothing is processed; the connection is reset."),
    "late request": Kind(
        CALLS,
        ARRIVAL,
        "The request arrives late: it is processed, and answered, only after after_s, even if"
        " the caller has gone by then.",
        (("after_s", 5.0),),
    ),
    "5xx": Kind(CALLS, ARRIVAL, "HTTP http_status, nothing processed.", (("http_status", 502),)),
    "4xx": Kind(CALLS, ARRIVAL, "HTTP http_status, nothing processed.", (("http_status", 400),)),
    "redirect": Kind(
        CALLS,
        ARRIVAL,
        "HTTP http_status with a Location on the same server, nothing processed; the log shows"
        " who follows it.",
        (("http_status", 307),),
    ),
    "rate limit": Kind(CALLS, ARRIVAL, "U REQUEST_TRAFFIC_EXCEED_LIMIT, nothing processed."),
    "order unknown": Kind(_KNOWN, ARRIVAL, "F ORDER_NOT_EXIST whatever the ledger holds."),
    "order status invalid": Kind(
        _CANCELS, ARRIVAL, "F ORDER_STATUS_INVALID, nothing cancelled or refunded."
    ),
    "cancel window closed": Kind(
        ("cancel",), ARRIVAL, "F CANCEL_WINDOW_EXCEED, nothing cancelled, at any hour."
    ),
    "merchant balance not enough": Kind(
        _CANCELS,
        LEDGER,
        "F MERCHANT_BALANCE_NOT_ENOUGH, nothing returned; a refund has failed for good with it.",
    ),
    "U for ever": Kind(
        CALLS,
        LEDGER,
        "U UNKNOWN_EXCEPTION. A new payment stays PROCESSING and never expires, a new refund"
        " stays PROCESSING; a cancel is not done.",
    ),
    "result": Kind(
        CALLS,
        LEDGER,
        "Any result: code with status. F: a new payment or refund has failed with it; U: it stays"
        " PROCESSING; S: processed as usual, then answered with that code. Other calls are not"
        " processed with F and U.",
        (("code", None), ("status", "")),
    ),
    "PROCESSING then SUCCESS after the cancel was sent": Kind(
        ("pay",),
        LEDGER,
        "U PAYMENT_IN_PROCESS; the customer pays in the moment the first cancel arrives, which is"
        " answered U and not done. The next cancel is an ordinary one.",
    ),
    "SYSTEM_ERROR then SUCCESS": Kind(
        ("pay",),
        LEDGER,
        "F SYSTEM_ERROR, and yet the payment is PROCESSING and succeeds after after_s.",
        (("after_s", 2.0),),
    ),
    "tombstone": Kind(
        ("cancel",),
        LEDGER,
        "A cancel of an unknown paymentRequestId is kept and answered S; the late pay gets"
        " ORDER_IS_CANCELED.",
    ),
    "answer lost after the debit": Kind(
        CALLS, ANSWER, "Processed in full; nothing is sent, the connection stays open."
    ),
    "cut after the debit": Kind(CALLS, ANSWER, "Processed in full; the connection is reset."),
    "5xx after the debit": Kind(
        CALLS, ANSWER, "Processed in full; HTTP http_status.", (("http_status", 502),)
    ),
    "U after the debit": Kind(CALLS, ANSWER, "Processed in full; answered U UNKNOWN_EXCEPTION."),
    "late answer": Kind(
        CALLS, ANSWER, "Processed at once; the answer comes after after_s.", (("after_s", 6.0),)
    ),
    "cut in the answer": Kind(CALLS, ANSWER, "Processed; reset in the middle of the answer."),
    "truncated answer": Kind(
        CALLS, ANSWER, "Processed; closed in good order before Content-Length is reached."
    ),
    "garbage answer": Kind(CALLS, ANSWER, "Processed; the body is no JSON, and is signed."),
    "not HTTP": Kind(CALLS, ANSWER, "Processed; bytes that are no HTTP answer, then closed."),
    "huge answer": Kind(
        CALLS, ANSWER, "Processed; the right answer with 8 MiB of padding, signed."
    ),
    "dripping answer": Kind(
        CALLS, ANSWER, "Processed; one byte of the answer every after_s.", (("after_s", 0.2),)
    ),
    "wrong amount": Kind(
        _MONEY, ANSWER, "paymentAmount.value is one more than was debited; signed."
    ),
    "wrong currency": Kind(_MONEY, ANSWER, "paymentAmount.currency is another one; signed."),
    "missing amount": Kind(_MONEY, ANSWER, "Without paymentAmount; signed."),
    "unsigned": Kind(_SIGNED, ANSWER, "Right in all but that it carries no signature."),
    "badly signed": Kind(_SIGNED, ANSWER, "Signed over something else."),
    "tampered": Kind(_SIGNED, ANSWER, "Changed after it was signed: the amount, else the message."),
    "early notification": Kind(
        (NOTIFY,), EARLY, "Sent, and its answer awaited, before the answer to pay leaves."
    ),
    "late notification": Kind(
        (NOTIFY,), QUEUEING, "First sent after_s after the success.", (("after_s", 20.0),)
    ),
    "no notification": Kind((NOTIFY,), QUEUEING, "Never sent."),
    "repeated notification": Kind(
        (NOTIFY,), SENDING, "Sent three times in a row, whatever the answer."
    ),
    "foreign notification": Kind(
        (NOTIFY,), SENDING, "In the name of another client id, and rightly signed for that."
    ),
}

#: What the amounts of antom-api.md §12.2 stand for, unless ``amount_faults`` is off.
BY_AMOUNT: dict[int, dict[str, str]] = {
    9901: {"pay": "U after the debit"},
    9902: {"pay": "answer lost after the debit"},
    9903: {"pay": "result", "inquiryPayment": "result"},
    9904: {"pay": "result", "inquiryPayment": "no answer"},
}
_UNDECIDED = {"pay": "PAYMENT_IN_PROCESS", "inquiryPayment": "UNKNOWN_EXCEPTION"}


class BadFault(Exception):
    """A fault that ``/_sim/faults`` refuses; the text says why."""


@dataclasses.dataclass
class Fault:
    """One entry of the list; ``times`` None: until it is removed."""

    api: str
    fault: str
    times: int | None = None
    payment: str = ""
    fields: dict[str, Any] = dataclasses.field(default_factory=dict)
    used: int = 0

    @property
    def kind(self) -> Kind:
        return KINDS[self.fault]

    @property
    def after_s(self) -> float:
        return float(self.fields["after_s"])

    def strikes(self, api: str, payment: str) -> bool:
        """An entry for ``*`` strikes every API that its row names."""
        return (
            (self.times is None or self.times > 0)
            and (self.payment in {"", payment})
            and (self.api in {EVERY, api})
            and (api in self.kind.apis)
        )

    def as_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"api": self.api, "fault": self.fault}
        if self.times is not None:
            shown["times"] = self.times
        if self.payment:
            shown["payment"] = self.payment
        return shown | self.fields | {"used": self.used}


def from_json(entry: object) -> Fault:
    """One entry as ``PUT /_sim/faults`` takes it; raises BadFault."""
    if not isinstance(entry, dict):
        raise BadFault(f"not an object: {entry!r}")
    name = _name(entry.get("fault"))
    kind = KINDS[name]
    defaults = dict(kind.fields)
    unknown = set(entry) - {"api", "fault", "times", "payment", "used", *defaults}
    if unknown:
        raise BadFault(f"{name!r} does not take {', '.join(sorted(map(str, unknown)))}")
    api = entry.get("api", kind.apis[0] if len(kind.apis) == 1 else None)
    if not isinstance(api, str) or (api != EVERY and api not in kind.apis):
        raise BadFault(f"{name!r} needs an api of: {', '.join((*kind.apis, EVERY))}")
    times = entry.get("times")
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 0):
        raise BadFault(f"times is a count, not {times!r}")
    payment = entry.get("payment") or ""
    if not isinstance(payment, str):
        raise BadFault("payment is a paymentRequestId")
    used = entry.get("used", 0)
    fields = {key: _field(name, key, entry.get(key, value)) for key, value in defaults.items()}
    return Fault(api, name, times, payment, fields, used if isinstance(used, int) else 0)


def _name(given: object) -> str:
    """Case, hyphens and underscores don't matter; "tampered notification" is "tampered"."""
    if isinstance(given, str):
        plain = given.lower().replace("_", " ").replace("-", " ").strip()
        for name in KINDS:
            known = name.lower().replace("_", " ")
            if plain in {known, f"{known} notification"}:
                return name
    raise BadFault(f"no fault {given!r}; there are: {', '.join(KINDS)}")


def _field(name: str, key: str, value: Any) -> Any:
    if key == "after_s":
        if not is_wait(value):
            raise BadFault(f"after_s is a number of seconds, not {value!r}")
        return float(value)
    if key == "http_status":
        if not isinstance(value, int) or value not in range(300, 600):
            raise BadFault(f"http_status is 300 to 599, not {value!r}")
        return value
    if key == "status":
        if value not in ("", "S", "F", "U"):
            raise BadFault(f"status is S, F or U, not {value!r}")
        return value
    if not isinstance(value, str) or not value or not value.isascii():
        raise BadFault(f"{name!r} needs {key}")
    return value


class Faults:
    """The list in its order: the first entry that strikes is the one."""

    def __init__(self, entries: list[Any], changed: Callable[[list[Any]], None]) -> None:
        """``changed`` hears of every list that has to be kept."""
        self._list = [from_json(entry) for entry in entries]
        self._changed = changed

    def as_json(self) -> list[Any]:
        return [fault.as_json() for fault in self._list]

    def replace(self, entries: object) -> None:
        """The whole list or, with BadFault, none of it."""
        if not isinstance(entries, list):
            raise BadFault("faults are a list")
        self._list = [from_json(entry) for entry in entries]
        self._changed(self.as_json())

    def take(self, api: str, payment: str, stages: Collection[str]) -> Fault | None:
        """The fault that strikes this call now, counted as used."""
        for fault in self._list:
            if fault.kind.stage in stages and fault.strikes(api, payment):
                return self._use(fault)
        return None

    def take_outage(self) -> bool:
        """Whether a connection that comes now is refused."""
        for fault in self._list:
            if fault.kind.stage == CONNECTION and (fault.times is None or fault.times > 0):
                self._use(fault)
                return True
        return False

    @property
    def outage(self) -> bool:
        return any(f.kind.stage == CONNECTION and f.times != 0 for f in self._list)

    def _use(self, fault: Fault) -> Fault:
        fault.used += 1
        if fault.times is not None:
            fault.times -= 1
            self._changed(self.as_json())
        return fault


def by_amount(api: str, value: int) -> Fault | None:
    """The fault that an amount stands for (antom-api.md §12.2)."""
    name = BY_AMOUNT.get(value, {}).get(api)
    if name is None:
        return None
    fields = dict(KINDS[name].fields)
    if name == "result":
        fields = {"code": _UNDECIDED[api], "status": "U"}
    return Fault(api, name, 1, "", fields)


def table() -> str:
    """The table of FAULTS.md, in Markdown."""
    lines = ["| fault | api | more fields | what happens |", "|---|---|---|---|"]
    for name, kind in KINDS.items():
        more = ", ".join(
            f"`{key}`" + (" (needed)" if value is None else f" ({value})" if value != "" else "")
            for key, value in kind.fields
        )
        apis = "every call" if kind.apis == CALLS else ", ".join(f"`{api}`" for api in kind.apis)
        if kind.apis == _SIGNED:
            apis = f"every call, `{NOTIFY}`"
        lines.append(f"| `{name}` | {apis} | {more} | {kind.about} |")
    return "\n".join(lines)
