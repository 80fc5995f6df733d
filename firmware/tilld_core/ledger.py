"""Every payment, refund and print job of the device, made from the journal's records.

A record is a list: its kind, then the fields that RECORDS names. The same rows write a
record from an object and put it back after a restart, so what is on flash and what is in
memory can't drift apart. Nothing here reads a file or a clock.
"""

from tilld_core import payment as payments
from tilld_core import refund as refunds
from tilld_core.limits import SETTLED_KEPT_DAYS, SETTLED_KEPT_PAYMENTS
from tilld_core.payment import Payment
from tilld_core.periods import Period
from tilld_core.refund import Refund

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Entry = list[Any]

# Settled records and their keys stay at least so long (rules.md §6, "Memory").
KEEP_S = SETTLED_KEPT_DAYS * 86400
KEEP_PAYMENTS = SETTLED_KEPT_PAYMENTS
KEEP_JOBS = 5000  # of a till's own documents

_MAKES_PAYMENT = (
    "payment",
    "key",
    "order_ref",
    "currency",
    "amount_minor",
    "created_at_s",
    "by",
    "split",
    "description",
    "scan_timeout_ms",
)
_MAKES_REFUND = (
    "refund",
    "key",
    "payment",
    "antom_payment_id",
    "currency",
    "amount_minor",
    "created_at_s",
    "why",
    "in_place_of_cancel",
)
# A release before periods wrote the first fields alone, and reads no further.
_ABOUT_PAYMENT = _MAKES_PAYMENT + ("period", "number")
_ABOUT_REFUND = _MAKES_REFUND + ("number",)
_WHY = ("reason", "upstream_code", "message", "antom_payment_id", "decided_at_s")

_SIGNED = ("written_off_by", "written_off_why", "written_off_signed_by", "written_off_at_s")

# kind -> (fields of the object, the state it means after a restart; "" means: no change)
PAYMENT_RECORDS = {
    "start": (_ABOUT_PAYMENT, payments.WAITING),
    "intent": (_ABOUT_PAYMENT, payments.PAYING),
    "failed": (("payment",) + _WHY, payments.FAILED),
    "cancel": (("payment",) + _WHY, payments.CANCELLING),
    "closed": (("payment",) + _WHY, payments.CANCELLED),
    "returned": (("payment",) + _WHY + ("returned_in",), payments.RETURNED),
    "queued": (("payment", "upstream_code", "message"), payments.CANCEL_QUEUED),
    "attention": (("payment", "upstream_code", "message"), payments.NEEDS_ATTENTION),
    "paid": (("payment", "antom_payment_id", "paid_at", "decided_at_s"), payments.PAID),
    "written off": (("payment",) + _WHY + _SIGNED, payments.WRITTEN_OFF),
    "heard": (("payment",), ""),
}
_END = ("refund", "reason", "upstream_code", "message", "decided_at_s")
REFUND_RECORDS = {
    "refund requested": (_ABOUT_REFUND, refunds.SENDING),
    "refund located": (("refund", "antom_payment_id"), refunds.SENDING),
    "refund refunded": (_END + ("antom_refund_id", "refunded_at", "period"), refunds.REFUNDED),
    "refund refused": (_END, refunds.REFUSED),
    "refund queued": (("refund", "upstream_code", "message"), refunds.QUEUED),
    "refund attention": (("refund", "upstream_code", "message"), refunds.NEEDS_ATTENTION),
    "refund written off": (_END + _SIGNED, refunds.WRITTEN_OFF),
}
_ABOUT_JOB = ("job", "key", "of", "body", "created_at_s")
JOB_RECORDS = {
    "job queued": (_ABOUT_JOB, "queued"),
    "job": (_ABOUT_JOB, "sent"),
    "job end": (("job", "state", "reason", "began"), ""),
}
TEXT_MAX_BYTES = 200  # of words for people, which others wrote
WORDS = ("message", "written_off_why")
ITEMS_IN_RECORD = 12  # of a report's lists, so that the record fits a frame


class Job:
    """A print job: ``of`` is the payment or refund whose receipt it is, "" for a till's document.

    States: queued, sent, done, failed, unknown. ``body`` identifies what was asked for;
    ``began`` is False when it is certain that not one byte of it left.
    """

    def __init__(self, job: str, key: str, of: str, body: str, created_at_s: int) -> None:
        self.job = job
        self.key = key
        self.of = of
        self.body = body
        self.created_at_s = created_at_s
        self.state = "queued"
        self.reason = ""
        self.began = False


class BadRecord(Exception):
    """A record without what it speaks about."""


class UnknownKind(BadRecord):
    """A record of a kind that this release does not know: a later one wrote it (I35)."""


class Ledger:
    """All objects by id, key, order and Antom's id.

    ``keep_payments`` and ``keep_jobs`` are how many stay in any case, the newest ones.
    """

    def __init__(self, keep_payments: int = KEEP_PAYMENTS, keep_jobs: int = KEEP_JOBS) -> None:
        self._keep_payments = keep_payments
        self.periods: dict[int, Period] = {}
        self.period = 1  # the open one
        self.opened_at_s = 0
        self.number = 0  # of the payment or refund that came last
        self.archive = ""  # the name of the archive that holds what left this ledger
        self.archive_batches = 0  # at least so many were written to it
        self.recalled: dict[str, str] = {}  # id -> family, of what the journal may not hold
        self.is_closing = False
        self._figures: dict[str, list[Any]] = {}  # of the period that is being read
        self._by_antom: dict[str, Payment] = {}
        self._unheard: dict[str, Payment] = {}
        self._keep_jobs = keep_jobs
        self.payments: dict[str, Payment] = {}
        self.refunds: dict[str, Refund] = {}
        self.jobs: dict[str, Job] = {}
        self.keys: dict[str, Payment | Refund | Job | Period] = {}
        self.orders: dict[str, list[Payment]] = {}
        self.unsettled: dict[str, Payment] = {}
        self.device = ""
        self.serial: int | None = None
        self.latest_s = 0

    # What the records say.

    def add_payment(self, payment: Payment) -> None:
        if payment.payment not in self.payments:
            self.orders.setdefault(payment.order_ref, []).append(payment)
        self.payments[payment.payment] = payment
        self.keys[payment.key] = payment
        payment.period = payment.period or self.period
        self._count(payment)
        if payment.antom_payment_id:
            self._by_antom[payment.antom_payment_id] = payment

    def add_refund(self, refund: Refund) -> None:
        self.refunds[refund.refund] = refund
        if refund.key:
            self.keys[refund.key] = refund
        self._count(refund)
        owner = self.payments.get(refund.payment)
        if owner:
            owner.refunds = [r for r in owner.refunds if r.refund != refund.refund] + [refund]
        if owner and refund.in_place_of_cancel:
            owner.refund = refund.refund

    def _count(self, thing: "Payment | Refund") -> None:
        """Numbers it by its coming; lists are in this order, whatever the clock says."""
        thing.number = thing.number or self.number + 1
        self.number = max(self.number, thing.number)

    def add_job(self, job: Job) -> None:
        self.jobs[job.job] = job
        self.keys[job.key] = job

    @property
    def counts_in(self) -> int:
        """The period that money which moves now belongs to."""
        return self.period + 1 if self.is_closing else self.period

    def add_period(self, closed: Period) -> None:
        """A period is closed, and the next one begins with it."""
        self.periods[closed.number] = closed
        self.keys[closed.key] = closed
        if closed.number >= self.period:
            self.period, self.opened_at_s = closed.number + 1, closed.closed_at_s
            self.is_closing = False

    def replay(self, entry: "Entry") -> None:
        """Takes one record from the journal, in the order written. Raises BadRecord."""
        kind = entry[0]
        if kind == "device":
            self.device = entry[1]
        elif kind == "serial":
            self.serial = entry[1]
        elif kind == "since":
            self._replay_since(entry[1:])
        elif kind == "period part":
            name, at, items = entry[2:]
            self._figures[name] = self._figures.get(name, [])[:at] + items
        elif kind == "period closed":
            self._replay_period(entry[1:])
        elif kind in PAYMENT_RECORDS:
            self._replay_payment(kind, entry[1:])
        elif kind in REFUND_RECORDS:
            self._replay_refund(kind, entry[1:])
        elif kind in JOB_RECORDS:
            self._replay_job(kind, entry[1:])
        else:
            raise UnknownKind(f"unknown kind of record {kind!r}")

    def _replay_since(self, values: "Entry") -> None:
        self.period, self.opened_at_s, number, latest_s = values[:4]
        self.archive, self.archive_batches = values[4:]
        self.number = max(self.number, number)
        self.latest_s = max(self.latest_s, latest_s)

    def _replay_period(self, values: "Entry") -> None:
        number, key, opened_at_s, closed_at_s = values
        self.add_period(Period(number, key, opened_at_s, closed_at_s, self._figures))
        self._figures = {}
        self.latest_s = max(self.latest_s, closed_at_s)

    def _replay_payment(self, kind: str, values: "Entry") -> None:
        fields, state = PAYMENT_RECORDS[kind]
        facts = dict(zip(fields, values))  # noqa: B905 - MicroPython's zip has no strict
        if fields is _ABOUT_PAYMENT and values[0] not in self.payments:
            self.add_payment(_numbered(Payment(*values[: len(_MAKES_PAYMENT)]), facts))
        payment = self.payments.get(values[0])
        if payment is None:
            raise BadRecord(f"a {kind} record without its payment")
        for name, value in facts.items():  # an intent repeats its start: one payment, not two
            setattr(payment, name, value)
        payment.state = state or payment.state
        replacement = self.refunds.get(payment.refund)
        if state == payments.WRITTEN_OFF and replacement and replacement.state in refunds.OPEN:
            replacement.state = refunds.WRITTEN_OFF  # one record closes both
        payment.heard = kind != "paid" and (kind == "heard" or payment.heard)
        self.moved(payment)
        self.latest_s = max(self.latest_s, payment.created_at_s, payment.decided_at_s)

    def _replay_refund(self, kind: str, values: "Entry") -> None:
        fields, state = REFUND_RECORDS[kind]
        if fields is _ABOUT_REFUND:
            facts = dict(zip(fields, values))  # noqa: B905
            refund = self.refunds.get(values[0]) or Refund(*values[: len(_MAKES_REFUND)])
            self.add_refund(_numbered(refund, facts))
            state = refunds.SENDING if refund.antom_payment_id else refunds.LOCATING
            owner = self.payments.get(refund.payment)
            if owner and refund.in_place_of_cancel and owner.state == payments.WRITTEN_OFF:
                state = refunds.WRITTEN_OFF
            if owner and refund.in_place_of_cancel and owner.state in payments.OWING:
                owner.state = payments.REFUNDING
                owner.reason = "refunded_instead"
                self.moved(owner)
        refund_or_none = self.refunds.get(values[0])
        if refund_or_none is None:
            raise BadRecord(f"a {kind} record without its refund")
        if fields is not _ABOUT_REFUND:
            for name, value in zip(fields, values):  # noqa: B905
                setattr(refund_or_none, name, value)
        if refund_or_none.state != refunds.WRITTEN_OFF or state in refunds.SETTLED:
            refund_or_none.state = state  # else noted while its payment was written off
        self.latest_s = max(self.latest_s, refund_or_none.created_at_s, refund_or_none.decided_at_s)

    def _replay_job(self, kind: str, values: "Entry") -> None:
        if kind == "job queued":
            self.add_job(Job(*values))
        elif kind == "job":
            job = self.jobs.get(values[0]) or Job(*values)
            self.add_job(job)
            if not job.began:  # recalled from the archive it is said once more
                self.count_receipt(job)
            job.state, job.began = "sent", True
        else:
            ended = self.jobs.get(values[0])
            if ended is None:
                raise BadRecord("the end of an unknown print job")
            if ended.began and not values[3]:
                self.count_receipt(ended, -1)
            ended.state, ended.reason, ended.began = values[1:]

    def count_receipt(self, job: Job, by: int = 1) -> None:
        """A receipt is about to leave, so that another one of it is a copy; or it did not (-1)."""
        owner = self.payments.get(job.of) or self.refunds.get(job.of)
        if owner is not None:
            owner.receipts_printed += by

    # What is asked of them.

    def moved(self, payment: Payment) -> None:
        """Keeps the short lists: open or owing something, unheard, known to Antom."""
        if payment.state in payments.SETTLED:
            self.unsettled.pop(payment.payment, None)
        else:
            self.unsettled[payment.payment] = payment
        if payment.state == payments.PAID and not payment.heard:
            self._unheard[payment.payment] = payment
        else:
            self._unheard.pop(payment.payment, None)
        if payment.antom_payment_id:
            self._by_antom[payment.antom_payment_id] = payment

    def find_payment(self, text: str) -> "Payment | None":
        """By our payment request id or by Antom's id, as a receipt shows both."""
        return self.payments.get(text) or self._by_antom.get(text)

    def owing(self) -> "list[Payment]":
        """Decided not paid, and something is still owed upstream."""
        states = payments.OWING + (payments.REFUNDING,)
        return [payment for payment in self.unsettled.values() if payment.state in states]

    def unheard(self) -> "list[Payment]":
        """Paid, and the answer reached no living connection (rules.md §1)."""
        return list(self._unheard.values())

    def open_refunds(self) -> "list[Refund]":
        return [refund for refund in self.refunds.values() if refund.state in refunds.OPEN]

    def waiting_for_code(self) -> "Payment | None":
        waiting = [one for one in self.unsettled.values() if one.state == payments.WAITING]
        return waiting[0] if waiting else None

    def order_is(self, order_ref: str) -> "tuple[Payment | None, Payment | None]":
        """An undecided payment of the order, and a paid one."""
        undecided = paid = None
        for payment in self.orders.get(order_ref, ()):
            if payment.state in payments.UNDECIDED:
                undecided = payment
            elif payment.state == payments.PAID:
                paid = payment
        return undecided, paid

    def refunds_of(self, payment: Payment) -> "list[Refund]":
        return list(payment.refunds)

    def refund_claims_minor(self, payment: Payment) -> int:
        """Refunds done, open and unknown together (I17)."""
        claims = (r for r in self.refunds_of(payment) if r.state != refunds.REFUSED)
        return sum(refund.amount_minor for refund in claims)

    def refunded_minor(self, payment: Payment) -> int:
        done = (r for r in self.refunds_of(payment) if r.state == refunds.REFUNDED)
        return sum(refund.amount_minor for refund in done)

    # What stays when the journal is written anew.

    def forget(self, now_s: int) -> None:
        """Drops settled payments, refunds and jobs that need not be kept any longer."""
        by_age = sorted(self.payments.values(), key=lambda payment: payment.created_at_s)
        for payment in by_age[: -self._keep_payments]:
            unheard = payment.state == payments.PAID and not payment.heard
            done = payment.state in payments.SETTLED and not unheard
            if done and now_s - payment.decided_at_s >= KEEP_S:
                self.drop(payment)
        for refund in list(self.refunds.values()):
            settled = refund.state in refunds.SETTLED
            old = now_s - refund.decided_at_s >= KEEP_S
            if settled and old and refund.payment not in self.payments:
                self.drop(refund)
        jobs = sorted(self.jobs.values(), key=lambda job: job.created_at_s)
        for job in jobs[: -self._keep_jobs]:
            # a kept payment's receipts are counted by its jobs: the next one is a COPY
            if job.of not in self.payments and job.of not in self.refunds:
                self.drop(job)

    def drop(self, thing: "Payment | Refund | Job | Period") -> None:
        """Takes one thing out; its family has left, or its time is over."""
        self.keys.pop(thing.key, None)
        if isinstance(thing, (Payment, Refund)):
            self.latest_s = max(self.latest_s, thing.decided_at_s)
        if isinstance(thing, Period):
            del self.periods[thing.number]
        elif isinstance(thing, Job):
            del self.jobs[thing.job]
        elif isinstance(thing, Refund):
            del self.refunds[thing.refund]
        else:
            del self.payments[thing.payment]
            self._by_antom.pop(thing.antom_payment_id, None)
            self.orders[thing.order_ref].remove(thing)
            if not self.orders[thing.order_ref]:
                del self.orders[thing.order_ref]

    def snapshot(self) -> "list[Entry]":
        """The records that say all of this, in an order that replays to the same."""
        entries: list[Entry] = [["device", self.device]]
        if self.serial is not None:
            entries.append(["serial", self.serial])
        entries.append(self.since())
        for number in sorted(self.periods):
            entries.extend(period_entries(self.periods[number]))
        for payment in sorted(self.payments.values(), key=lambda p: p.created_at_s):
            if payment.state != payments.NEW:
                entries.extend(entries_of(payment))
        for refund in sorted(self.refunds.values(), key=lambda r: r.number):
            if not self._is_superseded(refund):
                entries.extend(entries_of(refund))
        for job in sorted(self.jobs.values(), key=lambda j: j.created_at_s):
            entries.extend(entries_of(job))
        return entries

    def _is_superseded(self, refund: Refund) -> bool:
        """Refused in place of a cancel, and its payment has heard so: it owes the cancel again, or
        has a later refund. Until then its end may still be on its way to flash."""
        if not refund.in_place_of_cancel or refund.state != refunds.REFUSED:
            return False
        owner = self.payments.get(refund.payment)
        if owner is None:
            return False
        return owner.state in payments.OWING or owner.refund != refund.refund

    def since(self) -> "Entry":
        """What was counted so far, and where the rest is."""
        counted = ["since", self.period, self.opened_at_s, self.number, self.latest_s]
        return counted + [self.archive, self.archive_batches]


_BEGINS = ("start", "intent", "cancel", "refund requested", "refund located")


def _ends(records: "dict[str, Any]", thing: "Any") -> "list[Entry]":
    """The record of the state that it has come to, beyond its beginning."""
    kinds = [kind for kind in records if records[kind][1] == thing.state and kind not in _BEGINS]
    return [entry_of(kind, thing) for kind in kinds]


def _payment_entries(payment: Payment) -> "list[Entry]":
    first = "start" if payment.state == payments.WAITING else "intent"
    entries = [entry_of(first, payment)]
    if payment.state in payments.OWING + (payments.REFUNDING,):
        entries.append(entry_of("cancel", payment))
    entries += _ends(PAYMENT_RECORDS, payment)
    if payment.state == payments.PAID and payment.heard:
        entries.append(entry_of("heard", payment))
    return entries


def _refund_entries(refund: Refund) -> "list[Entry]":
    return [entry_of("refund requested", refund)] + _ends(REFUND_RECORDS, refund)


def _job_entries(job: Job) -> "list[Entry]":
    entries = [entry_of("job" if job.began else "job queued", job)]
    if job.state not in ("queued", "sent"):
        entries.append(entry_of("job end", job))
    return entries


def period_entries(closed: Period) -> "list[Entry]":
    """Its figures are lists, and need several records: each says where its items belong, so that
    what is left of a closing that lost its power does no harm."""
    entries: list[Entry] = []
    for name in sorted(closed.figures):
        items = closed.figures[name]
        for at in range(0, max(1, len(items)), ITEMS_IN_RECORD):
            part = items[at : at + ITEMS_IN_RECORD]
            entries.append(["period part", closed.number, name, at, part])
    about = [closed.number, closed.key, closed.opened_at_s, closed.closed_at_s]
    entries.append(["period closed"] + about)
    return entries


def entries_of(thing: "Payment | Refund | Job | Period") -> "list[Entry]":
    """The records that say all about one thing; all but a period's fit one frame together."""
    if isinstance(thing, Payment):
        return _payment_entries(thing)
    if isinstance(thing, Refund):
        return _refund_entries(thing)
    return period_entries(thing) if isinstance(thing, Period) else _job_entries(thing)


def _numbered(thing: "Any", facts: "dict[str, Any]") -> "Any":
    """What the record says of its number and period counts before the ledger's own."""
    for name in ("number", "period"):
        if facts.get(name):
            setattr(thing, name, facts[name])
    return thing


def _cut(words: str) -> str:
    """So much of it that no record outgrows its frame, whatever alphabet it is in."""
    while len(words.encode()) > TEXT_MAX_BYTES:
        words = words[: max(1, min(TEXT_MAX_BYTES, len(words) * 3 // 4))]
    return words


def entry_of(kind: str, thing: "Payment | Refund | Job") -> "Entry":
    """The record of this kind about a payment, refund or job."""
    rows = (PAYMENT_RECORDS, REFUND_RECORDS, JOB_RECORDS)
    fields = next(row[kind][0] for row in rows if kind in row)
    entry: Entry = [kind]
    for name in fields:
        value = getattr(thing, name)
        entry.append(_cut(value) if name in WORDS else value)
    return entry
