"""One refund, of a paid payment or in place of a cancel that came too late (rules.md §4).

The request is durable before its first byte (I37). A refund whose answer is
missing is repeated with the same id and the same parameters; after a minute, and
after a restart, Antom is asked before each repeat. Only a signed refusal ends it
without the money having moved, and the refusal of a repeat does not: it may say
no more than that the first one was done.
"""

from tilld_core import cancel_queue
from tilld_core.machine import ALWAYS, pairs, pick, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tilld_core.limits import Timing
    from tilld_core.machine import Row

NEW = "new"
LOCATING = "locating"  # Antom's payment id is not known yet
SENDING = "sending"  # the first minute
RESUMING = "resuming"  # after a restart: asked first, a person not called yet
QUEUED = "queued"  # goes on from flash, a person was called
REFUNDED = "refunded"
REFUSED = "refused"
NEEDS_ATTENTION = "needs_attention"
WRITTEN_OFF = "written_off"  # by a person, or with the payment whose cancel it replaced

OPEN = (LOCATING, SENDING, RESUMING, QUEUED, NEEDS_ATTENTION)
ASKING = (RESUMING, QUEUED, NEEDS_ATTENTION)
SETTLED = (REFUNDED, REFUSED, WRITTEN_OFF)

# What a till sees of a state (till_socket.md §2).
SHOWN = {
    NEW: "refunding",
    LOCATING: "refunding",
    SENDING: "refunding",
    RESUMING: "refunding",
    QUEUED: "refunding",
    REFUNDED: "refunded",
    REFUSED: "refused",
    NEEDS_ATTENTION: "needs_attention",
    WRITTEN_OFF: "needs_attention",  # a person has settled it; what Antom did is not known here
}

# Guards
LOCATED = "located"
FIRST_AND_ASKED_FOR = "first try of the till's own"
ABSENT_THRICE = "absent three times"
NO_OTHER = "no earlier try may have been done"
DENIED_THRICE = "denied three times"
TILLS_OWN = "the till's own"

ABSENT_TIMES = 3  # antom-api.md §7: asked three times, 15 s apart

# fmt: off
ROWS: "tuple[Row, ...]" = table(
    # state,     event,              when,                then,       do
    (NEW,        "start",            LOCATED,             SENDING,    ("note requested", "tell till", "owe refund", "wait minute")),
    (NEW,        "start",            ALWAYS,              LOCATING,   ("note requested", "tell till", "owe refund", "wait minute")),

    # In place of a cancel: the payment's own "note refund" has made the request durable.
    (NEW,        "take over",        LOCATED,             SENDING,    ("owe refund", "wait minute")),
    (NEW,        "take over",        ALWAYS,              LOCATING,   ("owe refund", "wait minute")),

    (LOCATING,   "try",              ALWAYS,              LOCATING,   ("send locate",)),
    (LOCATING,   "located",          ALWAYS,              SENDING,    ("note located", "owe refund", "wait minute")),
    (LOCATING,   "not refundable",   ALWAYS,              REFUSED,    ("note refused", "tell till")),
    (LOCATING,   "locate unknown",   ALWAYS,              LOCATING,   ("owe refund",)),
    # A number that this terminal never saw and that Antom does not know. Nothing was ever sent.
    (LOCATING,   "no such payment",  DENIED_THRICE,       REFUSED,    ("note refused", "tell till")),
    (LOCATING,   "no such payment",  ALWAYS,              LOCATING,   ("tell till", "owe refund")),
    (LOCATING,   "minute over",      ALWAYS,              LOCATING,   ("call person", "tell till")),
    (LOCATING,   "restart",          ALWAYS,              LOCATING,   ("tell till", "owe refund", "wait minute")),

    (SENDING,    "try",              ALWAYS,              SENDING,    ("send refund",)),
    (SENDING,    "refund unknown",   ALWAYS,              SENDING,    ("owe refund",)),
    (SENDING,    "refund not sent",  FIRST_AND_ASKED_FOR, REFUSED,    ("note refused", "tell till")),
    (SENDING,    "refund not sent",  ALWAYS,              SENDING,    ("owe refund",)),
    (SENDING,    "minute over",      ALWAYS,              QUEUED,     ("call person", "note queued", "tell till")),
    (SENDING,    "restart",          ALWAYS,              RESUMING,   ("tell till", "owe refund", "wait minute")),
    (RESUMING,   "minute over",      ALWAYS,              QUEUED,     ("call person", "note queued", "tell till")),
    (QUEUED,     "restart",          ALWAYS,              QUEUED,     ("tell till", "owe refund")),
    (NEEDS_ATTENTION, "restart",     ALWAYS,              NEEDS_ATTENTION, ("tell till", "owe refund")),
    # Its answer, in the first minute and later.
    ((SENDING,) + ASKING, "refund done", ALWAYS,      REFUNDED,   ("note refunded", "tell till")),
    ((SENDING,) + ASKING, "refund refused", NO_OTHER, REFUSED,    ("note refused", "tell till")),
    (SENDING,    "refund refused",   ALWAYS,              RESUMING,   ("owe refund", "wait minute")),
    (QUEUED,     "refund refused",   ALWAYS,              QUEUED,     ("owe refund",)),
    ((SENDING, RESUMING, QUEUED), "refund disputed", ALWAYS, NEEDS_ATTENTION, ("call person", "note attention", "tell till", "owe refund")),
    (NEEDS_ATTENTION, "refund disputed", ALWAYS,          NEEDS_ATTENTION, ("owe refund",)),

    # Antom is asked before the refund is repeated.
    (ASKING, "try",             ALWAYS,              "=",        ("send refund inquiry",)),
    (ASKING, "found done",      ALWAYS,              REFUNDED,   ("note refunded", "tell till")),
    (ASKING, "found failed",    ALWAYS,              REFUSED,    ("note refused", "tell till")),
    (ASKING, "found processing", ALWAYS,             "=",        ("owe refund",)),
    (ASKING, "not found",       ABSENT_THRICE,       "=",        ("send refund",)),
    (ASKING, "not found",       ALWAYS,              "=",        ("owe refund",)),
    (ASKING, "refund unknown",  ALWAYS,              "=",        ("owe refund",)),
    (ASKING, "refund not sent", ALWAYS,              "=",        ("owe refund",)),

    # An operator has signed, and nothing is sent any more. In place of a cancel it is written off
    # with its payment: one record closes both.
    (OPEN,       "write off",       TILLS_OWN,           WRITTEN_OFF, ("note written off", "tell till")),
    (OPEN,       "write off",       ALWAYS,              WRITTEN_OFF, ("tell till",)),
    (WRITTEN_OFF, "refund done",    ALWAYS,              WRITTEN_OFF, ("call about return",)),
    (WRITTEN_OFF, "found done",     ALWAYS,              WRITTEN_OFF, ("call about return",)),
)
# fmt: on

# What was under way when it was written off comes too late.
_ANSWERS = (
    "located",
    "not refundable",
    "locate unknown",
    "no such payment",
    "refund refused",
    "refund disputed",
    "refund unknown",
    "refund not sent",
    "found failed",
    "found processing",
    "not found",
)
IGNORED: "tuple[tuple[str, str], ...]" = pairs(
    (SETTLED, ("try", "restart")),
    ((REFUNDED, REFUSED), ("write off",)),
    ((WRITTEN_OFF,), _ANSWERS),
)


class Refund:
    """A refund's facts and where it stands.

    ``refund`` is the refund request id; ``payment`` the payment request id or "" when the till
    named Antom's own id; ``in_place_of_cancel`` marks the refund that replaced a cancel.
    ``written_off_*`` are as a payment's, of a refund of the till's own.
    """

    def __init__(
        self,
        refund: str,
        key: str,
        payment: str,
        antom_payment_id: str,
        currency: str,
        amount_minor: int,
        created_at_s: int,
        why: str = "",
        in_place_of_cancel: bool = False,
    ) -> None:
        self.refund = refund
        self.key = key
        self.payment = payment
        self.antom_payment_id = antom_payment_id
        self.currency = currency
        self.amount_minor = amount_minor
        self.created_at_s = created_at_s
        self.why = why
        self.in_place_of_cancel = in_place_of_cancel
        self.state = NEW
        self.revision = 0
        self.reason = ""
        self.upstream_code = ""
        self.message = ""
        self.antom_refund_id = ""
        self.refunded_at = ""
        self.decided_at_s = 0
        self.tries = 0
        self.absent = 0
        self.asked_before = False  # the last try left because Antom did not know of any before
        self.deadline_ms: int | None = None
        self.deadline_event = ""
        self.lane = cancel_queue.Lane()
        self.written_off_by = ""
        self.written_off_why = ""
        self.written_off_signed_by = ""
        self.written_off_at_s = 0
        self.receipts_printed = 0
        self.number = 0  # by its coming
        self.period = 0  # in which it was confirmed

    def __repr__(self) -> str:
        return f"Refund({self.refund!r}, {self.state!r})"


def step(
    refund: Refund,
    event: str,
    facts: "dict[str, Any]",
    now_ms: int,
    timing: "Timing",
    chance: "cancel_queue.Chance",
) -> "tuple[str, ...]":
    """Moves the refund by one event and returns the effects for the shell, in order."""

    def holds(guard: str) -> bool:
        if guard == LOCATED:
            return bool(refund.antom_payment_id)
        if guard in (ABSENT_THRICE, DENIED_THRICE):
            return refund.absent >= ABSENT_TIMES
        if guard == TILLS_OWN:
            return not refund.in_place_of_cancel
        if guard == NO_OTHER:
            return refund.asked_before or refund.tries == 1
        return refund.tries == 1 and not refund.in_place_of_cancel

    _learn(refund, event, facts)
    row = pick(ROWS, IGNORED, refund.state, event, holds)
    if row is None:
        return ()
    if refund.state != row[3] or event == refund.deadline_event:
        refund.deadline_ms = None
    refund.state = row[3]
    _say_why(refund, event)
    for effect in row[4]:
        _prepare(refund, effect, event, facts.get("owed_for_ms", 0), now_ms, timing, chance)
    return row[4]


def was_never_sent(refund: Refund) -> bool:
    """Written off before its payment was found, which comes before its first byte."""
    return refund.state == WRITTEN_OFF and not refund.antom_payment_id


def _say_why(refund: Refund, event: str) -> None:
    if event == "no such payment" and refund.state in (LOCATING, REFUSED):
        refund.reason = "no_such_payment"
    elif refund.state == REFUSED:
        refund.reason = "not_sent" if event == "refund not sent" else "declined"
    elif event == "write off":
        refund.reason = "written_off"
    elif event == "located" and refund.state == SENDING:
        refund.reason = refund.upstream_code = refund.message = ""


def _learn(refund: Refund, event: str, facts: "dict[str, Any]") -> None:
    if refund.state == WRITTEN_OFF:  # it is what the operator signed
        return
    for name in ("antom_payment_id", "antom_refund_id", "refunded_at"):
        if facts.get(name) and not getattr(refund, name):
            setattr(refund, name, facts[name])
    for name in ("upstream_code", "message"):
        if facts.get(name):
            setattr(refund, name, facts[name])
    if event in ("not found", "no such payment"):
        refund.absent += 1
    elif event == "located":
        refund.absent = 0  # of the payment, and from here on of the refund


def _prepare(
    refund: Refund,
    effect: str,
    event: str,
    owed_for_ms: int,
    now_ms: int,
    timing: "Timing",
    chance: "cancel_queue.Chance",
) -> None:
    verb = effect.split(" ", 1)[0]
    if verb == "wait":
        refund.deadline_event = "minute over"
        refund.deadline_ms = now_ms + max(0, timing.cancel_for_ms - owed_for_ms)
    elif verb == "owe":
        if event in ("located", "restart", "refund refused"):
            cancel_queue.begin(refund.lane)  # a new kind of question: asked at once
        first_minute = refund.state in (LOCATING, SENDING)
        cancel_queue.owe(refund.lane, now_ms, first_minute, timing, chance)
        if event in ("not found", "no such payment"):
            refund.lane.next_ms = now_ms + timing.refund_absent_every_ms
    elif verb == "send":
        cancel_queue.sent(refund.lane)
        if effect == "send refund":
            refund.tries += 1
            refund.absent = 0
            refund.asked_before = refund.state in ASKING
    elif verb == "tell":
        refund.revision += 1
