"""One payment, by presented code or by order code, from its request to an end without doubt.

The table is the specification of rules.md §1 and §3: the daemon runs it,
README.md draws it, and tests/model explores it. The outcome a till may act on is
decided by a durable record; what is decided not paid may still owe a cancel or a
refund upstream, and stays in the table until nothing is owed.
"""

from tilld_core import cancel_queue
from tilld_core.machine import ALWAYS, pairs, pick, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tilld_core.limits import Timing
    from tilld_core.machine import Row
    from tilld_core.refund import Refund

# States: rules.md §1, in the words tills see. NEW is before the first record.
NEW = "new"
WAITING = "waiting_for_code"
SHOWING = "showing_code"
PAYING = "paying"
INQUIRING = "inquiring"
APPROVED = "approved"
PAID = "paid"
FAILED = "failed"
CANCELLING = "cancelling"
CANCEL_QUEUED = "cancel_queued"
NEEDS_ATTENTION = "needs_attention"
REFUNDING = "refunding"
CANCELLED = "cancelled"
RETURNED = "returned"
WRITTEN_OFF = "written_off"

UNDECIDED = (NEW, WAITING, PAYING, INQUIRING, SHOWING, APPROVED)
OWING = (CANCELLING, CANCEL_QUEUED, NEEDS_ATTENTION)
SETTLED = (PAID, FAILED, CANCELLED, RETURNED, WRITTEN_OFF)
AT_RISK = (PAYING, INQUIRING)  # an intent is durable and nothing is known yet
ASKED = (INQUIRING, SHOWING)  # Antom is asked for the result

# ``by`` what it is paid: a code that the customer shows, or one of Antom's that the till shows.
PRESENTED_CODE = "customer_code"
ORDER_CODE = "order_code"
NOBODY_PAID = "nobody paid by the code in time"

# Guards
INQUIRIES_LEFT = "inquiries left"
CODE_LIVES = "the code may still be paid"
NEVER_EXISTED = "never existed"  # I8

DECIDE_CANCEL = ("note cancel", "tell till", "owe cancel", "wait minute")
ASK = ("send inquiry", "wait inquiry", "tell till")


# fmt: off
ROWS: "tuple[Row, ...]" = table(
    # state,      event,                 when,           then,            do
    # Before anything is sent.
    (NEW,         "start",               ALWAYS,         WAITING,         ("mark start", "wait code", "tell till")),
    (NEW,         "start with code",     ALWAYS,         PAYING,          ("note intent", "send pay", "wait answer", "tell till")),
    (NEW,         "start order code",    ALWAYS,         PAYING,          ("note intent", "send pay", "wait answer", "tell till")),
    (NEW,         "close key",           ALWAYS,         FAILED,          ("note failed", "tell till")),
    (WAITING,     "code",                ALWAYS,         PAYING,          ("note intent", "send pay", "wait answer", "tell till")),
    (WAITING,     "code timeout",        ALWAYS,         FAILED,          ("note failed", "tell till")),
    (WAITING,     "till cancel",         ALWAYS,         FAILED,          ("note failed", "tell till")),
    (WAITING,     "till left",           ALWAYS,         FAILED,          ("note failed", "tell till")),
    (WAITING,     "restart",             ALWAYS,         FAILED,          ("note failed", "tell till")),

    # The intent is durable; what Antom did is not known yet.
    (AT_RISK, "success",           ALWAYS,         APPROVED,        ("wait acknowledgement", "tell till")),
    (AT_RISK, "refused",           ALWAYS,         FAILED,          ("note failed", "tell till")),
    (AT_RISK, "not sent",          ALWAYS,         FAILED,          ("note failed", "tell till")),
    (AT_RISK, "till cancel",       ALWAYS,         CANCELLING,      DECIDE_CANCEL),
    (PAYING,      "unknown",             ALWAYS,         INQUIRING,       ASK),
    (PAYING,      "silence",             ALWAYS,         INQUIRING,       ASK),
    (PAYING,      "notified other",      ALWAYS,         INQUIRING,       ASK),
    (PAYING,      "restart",             ALWAYS,         CANCELLING,      DECIDE_CANCEL),
    (ASKED,   "fail",                    ALWAYS,         FAILED,          ("note failed", "tell till")),
    (ASKED,   "closed",                  ALWAYS,         CANCELLED,       ("note closed", "tell till")),
    (ASKED,   "inquiry refused",         ALWAYS,         CANCELLING,      DECIDE_CANCEL),
    (INQUIRING,   "silence",             INQUIRIES_LEFT, INQUIRING,       ASK),
    (INQUIRING,   "silence",             ALWAYS,         CANCELLING,      DECIDE_CANCEL),

    # S on `pay` for an order code: the code is issued, and nobody has paid (I33).
    (AT_RISK, "code issued",             ALWAYS,         SHOWING,         ("wait inquiry", "tell till")),
    (SHOWING,     "success",             ALWAYS,         APPROVED,        ("wait acknowledgement", "tell till")),
    (SHOWING,     "till cancel",         ALWAYS,         CANCELLING,      DECIDE_CANCEL),
    (SHOWING,     "silence",             CODE_LIVES,     SHOWING,         ("send inquiry", "wait inquiry")),
    (SHOWING,     "silence",             ALWAYS,         CANCELLING,      DECIDE_CANCEL),

    # Antom has the money; the till has not said yet that it knows.
    (APPROVED,    "acknowledge",         ALWAYS,         PAID,            ("note paid", "tell till")),
    (APPROVED,    "acknowledge timeout", ALWAYS,         CANCELLING,      DECIDE_CANCEL),
    (APPROVED,    "till cancel",         ALWAYS,         CANCELLING,      DECIDE_CANCEL),

    # Money after a no: a discrepancy, which a person sees and a cancel mends.
    ((FAILED, CANCELLED), "success", ALWAYS,       CANCELLING,      ("call person", "note cancel", "tell till", "owe cancel", "wait minute")),

    # A durable cancel is owed.
    (OWING, "try",                 ALWAYS,         "=",             ("send cancel",)),
    (OWING, "cancel done",         ALWAYS,         CANCELLED,       ("note closed", "tell till")),
    (OWING, "not sent",            ALWAYS,         CANCELLED,       ("note closed", "tell till")),
    (OWING, "cancel unknown",      ALWAYS,         "=",             ("owe cancel",)),
    (OWING, "no such order",       NEVER_EXISTED,  CANCELLED,       ("note closed", "tell till")),
    (OWING, "no such order",       ALWAYS,         "=",             ("owe cancel",)),
    (OWING, "window closed",       ALWAYS,         "=",             ("send window check",)),
    (OWING, "status refuses",      ALWAYS,         "=",             ("send status check",)),
    (OWING, "check closed",        ALWAYS,         CANCELLED,       ("note closed", "tell till")),
    (OWING, "check returned",      ALWAYS,         RETURNED,        ("note returned", "tell till")),
    (OWING, "check unknown",       ALWAYS,         "=",             ("owe cancel",)),
    (OWING, "window check success", ALWAYS,        REFUNDING,       ("note refund", "tell till", "send refund")),
    ((CANCELLING, CANCEL_QUEUED), "cancel refused", ALWAYS, NEEDS_ATTENTION, ("call person", "note attention", "tell till", "owe cancel")),
    ((CANCELLING, CANCEL_QUEUED), "status check success", ALWAYS, NEEDS_ATTENTION, ("call person", "note attention", "tell till", "owe cancel")),
    (NEEDS_ATTENTION, "cancel refused",  ALWAYS,         NEEDS_ATTENTION, ("owe cancel",)),
    (NEEDS_ATTENTION, "status check success", ALWAYS,    NEEDS_ATTENTION, ("owe cancel",)),
    (CANCELLING,  "minute over",         ALWAYS,         CANCEL_QUEUED,   ("call person", "note queued", "tell till")),
    (CANCELLING,  "restart",             ALWAYS,         CANCELLING,      ("tell till", "owe cancel", "wait minute")),
    ((CANCEL_QUEUED, NEEDS_ATTENTION), "restart", ALWAYS, "=",      ("tell till", "owe cancel")),

    # Too late to cancel: the money goes back by a refund (refund.py), whose ends come here.
    (REFUNDING,   "restart",             ALWAYS,         REFUNDING,       ("tell till",)),
    (REFUNDING,   "refund done",         ALWAYS,         RETURNED,        ("note returned", "tell till")),
    (REFUNDING,   "refund closed",       ALWAYS,         CANCELLED,       ("note closed", "tell till")),
    (REFUNDING,   "refund exceeds",      ALWAYS,         REFUNDING,       ("send window check",)),
    (REFUNDING,   "check returned",      ALWAYS,         RETURNED,        ("note returned", "tell till")),
    (REFUNDING,   "check closed",        ALWAYS,         CANCELLED,       ("note closed", "tell till")),
    ((REFUNDING,), "check unknown", ALWAYS,        NEEDS_ATTENTION, ("call person", "note attention", "tell till", "owe cancel")),
    ((REFUNDING,), "window check success", ALWAYS, NEEDS_ATTENTION, ("call person", "note attention", "tell till", "owe cancel")),
    (REFUNDING,   "refund refused",      ALWAYS,         NEEDS_ATTENTION, ("call person", "note attention", "tell till", "owe cancel")),

    # An operator signs that a person has settled it (I15). Money that is heard of afterwards is
    # shown to a person: a cancel of ours might give back what was given back by hand.
    (OWING, "write off",                 ALWAYS,         WRITTEN_OFF,     ("note written off", "tell till")),
    (REFUNDING,   "write off",           ALWAYS,         WRITTEN_OFF,     ("note written off", "tell till", "end refund")),
    (WRITTEN_OFF, "success",             ALWAYS,         "=",             ("call person",)),
    (WRITTEN_OFF, "cancel done",         ALWAYS,         "=",             ("call about return",)),
)
# fmt: on


_PAY_ANSWERS = ("unknown", "refused", "not sent", "code issued")
_INQUIRY_ANSWERS = ("fail", "closed", "undecided", "inquiry refused")
_CANCEL_ANSWERS = (
    "cancel done",
    "cancel unknown",
    "no such order",
    "window closed",
    "status refuses",
    "cancel refused",
    "check closed",
    "check returned",
    "check unknown",
    "window check success",
    "status check success",
)
_REFUND_ENDS = ("refund done", "refund closed", "refund exceeds", "refund refused")
_DECIDED = (PAID, FAILED, REFUNDING, CANCELLED, RETURNED, WRITTEN_OFF) + OWING

# What a state hears and nothing changes: news that comes too late to decide (rules.md §3,
# "Late evidence"), answers that add nothing, and a try whose lane has just been closed.
IGNORED: "tuple[tuple[str, str], ...]" = pairs(
    ((INQUIRING,), ("unknown", "undecided", "notified other")),
    ((SHOWING,), ("undecided", "notified other")),
    ((APPROVED,), ("success", "notified other") + _PAY_ANSWERS + _INQUIRY_ANSWERS),
    ((PAID, REFUNDING, RETURNED) + OWING, ("success",)),
    ((PAID, FAILED, REFUNDING, CANCELLED, RETURNED, WRITTEN_OFF), _PAY_ANSWERS),
    (OWING, ("unknown", "refused", "code issued")),
    (_DECIDED, ("notified other",) + _INQUIRY_ANSWERS),
    ((CANCELLED, RETURNED), ("try",) + _CANCEL_ANSWERS),
    ((WRITTEN_OFF,), ("try",) + _CANCEL_ANSWERS[1:]),  # the first is shown to a person
    ((REFUNDING,), ("try",)),
    ((WRITTEN_OFF,), _REFUND_ENDS),
    (SETTLED, ("restart",)),
)

# What each wait ends with, and its length (a name of limits.Timing; the code's is the till's).
WAITS = {
    "code": ("code timeout", ""),
    "answer": ("silence", "pay_answer_ms"),
    "inquiry": ("silence", "inquiry_every_ms"),
    "acknowledgement": ("acknowledge timeout", "acknowledge_within_ms"),
    "minute": ("minute over", "cancel_for_ms"),
}

# Why a payment is not paid: (state it left, event) or event -> reason code of the till socket.
REASONS = {
    "code timeout": "scan_timeout",
    "till cancel": "till_cancelled",
    "till left": "till_left",
    "close key": "cancelled_before_start",
    "restart": "restarted",
    "refused": "declined",
    "fail": "declined",
    "not sent": "not_sent",
    "closed": "cancelled_by_gateway",
    "silence": "no_answer",
    "inquiry refused": "no_answer",
    "acknowledge timeout": "not_acknowledged",
}


class Payment:
    """A payment's facts and where it stands. Times in ms are monotonic, in s the wall's.

    ``payment`` is the payment request id, ``key`` the till's; ``pay_closed_ms`` is when the
    socket that carried `pay` closed, a restart included (I8); None before that.

    ``order_code`` is the QR's text while it is shown, and on no flash: after a restart nobody
    can be shown it, so its payment is cancelled (rules.md §3). It may be paid until
    ``code_until_ms``; ``code_expires_s`` is the same for Antom and for people.
    ``written_off_*`` are the operator's name, reason and mark, and when (I15).
    """

    # thousands of them are kept, and a dictionary each would be most of the memory
    __slots__ = (
        "amount_minor",
        "antom_payment_id",
        "by",
        "cancel_sent_ms",
        "code_expires_s",
        "code_until_ms",
        "created_at_s",
        "currency",
        "deadline_event",
        "deadline_ms",
        "decided_at_s",
        "decides_by_ms",
        "description",
        "heard",
        "inquiries_sent",
        "key",
        "lane",
        "message",
        "number",
        "order_code",
        "order_ref",
        "paid_at",
        "pay_closed_ms",
        "payment",
        "period",
        "reason",
        "receipts_printed",
        "refund",
        "refunds",
        "returned_in",
        "revision",
        "scan_timeout_ms",
        "split",
        "state",
        "unverified",
        "upstream_code",
        "written_off_at_s",
        "written_off_by",
        "written_off_signed_by",
        "written_off_why",
    )

    def __init__(
        self,
        payment: str,
        key: str,
        order_ref: str,
        currency: str,
        amount_minor: int,
        created_at_s: int,
        by: str = PRESENTED_CODE,
        split: bool = False,
        description: str = "",
        scan_timeout_ms: int = 60000,
    ) -> None:
        self.payment = payment
        self.key = key
        self.order_ref = order_ref
        self.currency = currency
        self.amount_minor = amount_minor
        self.created_at_s = created_at_s
        self.by = by
        self.split = split
        self.description = description
        self.scan_timeout_ms = scan_timeout_ms
        self.state = NEW
        self.revision = 0
        self.reason = ""
        self.upstream_code = ""
        self.message = ""
        self.antom_payment_id = ""
        self.paid_at = ""
        self.decided_at_s = 0
        self.unverified = False
        self.inquiries_sent = 0
        self.pay_closed_ms: int | None = None
        self.cancel_sent_ms = 0
        self.deadline_ms: int | None = None
        self.deadline_event = ""
        self.decides_by_ms: int | None = None
        self.lane = cancel_queue.Lane()
        self.refund = ""  # the refund that replaced the cancel
        self.receipts_printed = 0
        self.heard = True  # the answer of a PAID reached a living connection
        self.number = 0  # by its coming
        self.period = 0  # in which it was started, and so decided
        self.returned_in = 0  # the period in which a refund in place of its cancel was confirmed
        self.refunds: list[Refund] = []
        self.order_code = ""
        self.code_until_ms = 0
        self.code_expires_s = 0
        self.written_off_by = ""
        self.written_off_why = ""
        self.written_off_signed_by = ""
        self.written_off_at_s = 0

    def __repr__(self) -> str:
        return f"Payment({self.payment!r}, {self.state!r})"


def step(
    payment: Payment,
    event: str,
    facts: "dict[str, Any]",
    now_ms: int,
    timing: "Timing",
    chance: "cancel_queue.Chance",
) -> "tuple[str, ...]":
    """Moves the payment by one event and returns the effects for the shell, in order.

    Deadlines (``deadline_ms`` with ``deadline_event``) and the lane's next try are set
    here; the shell only watches them. ``facts`` are what the event brought: ids, codes and
    messages of the answer. Raises IllegalEvent for an event the state can't hear.
    """

    def holds(guard: str) -> bool:
        if guard == INQUIRIES_LEFT:
            return payment.inquiries_sent < timing.inquiries
        if guard == CODE_LIVES:
            return now_ms < payment.code_until_ms
        return never_existed(payment, timing)

    _learn(payment, facts, now_ms)
    if event == "restart":
        payment.pay_closed_ms = now_ms  # whatever carried `pay` died with the last life
    row = pick(ROWS, IGNORED, payment.state, event, holds)
    if row is None:
        return ()
    before, payment.state = payment.state, row[3]
    if before != payment.state or event == payment.deadline_event:
        payment.deadline_ms = None
    _say_why(payment, before, event)
    shown = facts.get("order_code") or payment.order_code
    payment.order_code = shown if payment.state == SHOWING else ""
    for effect in row[4]:
        _prepare(payment, effect, facts, now_ms, timing, chance)
    return row[4]


def never_existed(payment: Payment, timing: "Timing") -> bool:
    """I8: this cancel left so long after our own `pay` socket closed that no `pay` can follow.

    A payment that Antom has once named can't turn out never to have existed.
    """
    if payment.pay_closed_ms is None or payment.antom_payment_id:
        return False
    return payment.cancel_sent_ms - payment.pay_closed_ms >= timing.pay_in_flight_max_ms


def _say_why(payment: Payment, before: str, event: str) -> None:
    """The reason of a no, when it is decided, and when the way of the money changes."""
    if before in UNDECIDED and payment.state not in UNDECIDED and payment.state != PAID:
        payment.reason = REASONS[event]
        if payment.reason == "no_answer" and payment.unverified:
            payment.reason = "unverified_answer"
        elif (before, event) == (SHOWING, "silence"):
            payment.upstream_code, payment.message = "", NOBODY_PAID
    if payment.state == REFUNDING and before != REFUNDING:
        payment.reason = "refunded_instead"


def _learn(payment: Payment, facts: "dict[str, Any]", now_ms: int) -> None:
    if facts.get("pay_closed"):
        payment.pay_closed_ms = now_ms
    for name in ("antom_payment_id", "paid_at"):
        if facts.get(name) and not getattr(payment, name):
            setattr(payment, name, facts[name])
    for name in ("upstream_code", "message"):
        if facts.get(name) and payment.state not in SETTLED:
            setattr(payment, name, facts[name])
    if facts.get("alarm"):
        payment.unverified = True


def _prepare(
    payment: Payment,
    effect: str,
    facts: "dict[str, Any]",
    now_ms: int,
    timing: "Timing",
    chance: "cancel_queue.Chance",
) -> None:
    verb, what = effect.split(" ", 1)
    if verb == "wait":
        event, length = WAITS[what]
        payment.deadline_event = event
        length_ms = getattr(timing, length) if length else payment.scan_timeout_ms
        if what == "minute":  # of which a life before this one may have seen a part (I32)
            length_ms = max(0, length_ms - facts.get("owed_for_ms", 0))
        elif payment.state == SHOWING:  # the last wait ends with the code's life
            length_ms = max(0, min(length_ms, payment.code_until_ms - now_ms))
        payment.deadline_ms = now_ms + length_ms
        payment.decides_by_ms = _decides_by_ms(payment, what, now_ms, timing)
    elif verb == "owe":
        first_minute = payment.state == CANCELLING
        cancel_queue.owe(payment.lane, now_ms, first_minute, timing, chance)
    elif effect == "note cancel":
        cancel_queue.begin(payment.lane)
    elif effect == "send pay" and payment.by == ORDER_CODE:
        payment.code_until_ms = now_ms + timing.order_code_within_ms
        # the first whole second after that, so that our own cancel comes before Antom's expiry
        payment.code_expires_s = payment.created_at_s + 1 + -(-timing.order_code_within_ms // 1000)
    elif effect == "send inquiry":
        payment.inquiries_sent += 1
    elif effect == "send cancel":
        payment.cancel_sent_ms = now_ms
        cancel_queue.sent(payment.lane)
    elif verb == "tell":
        payment.revision += 1


def _decides_by_ms(payment: Payment, what: str, now_ms: int, timing: "Timing") -> "int | None":
    if what == "code":
        return now_ms + payment.scan_timeout_ms + timing.t_decide_ms
    if what == "answer" and payment.by == ORDER_CODE:
        return payment.code_until_ms + timing.acknowledge_within_ms
    if what == "answer":
        return now_ms + timing.t_decide_ms
    if what == "acknowledgement":
        return payment.deadline_ms
    return payment.decides_by_ms
