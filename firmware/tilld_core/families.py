"""What may leave the ledger's memory together, and how it is said again when it comes back.

A family is a payment with its refunds and the print jobs of both; a refund of another device's
payment with its jobs; a till's own document; or a closed period. It leaves as a whole, when all
of it is at rest, and it is recalled as a whole (rules.md §6, "Memory").
"""

from tilld_core import journal, packing
from tilld_core import payment as payments
from tilld_core import refund as refunds
from tilld_core.ledger import JOB_RECORDS, PAYMENT_RECORDS, REFUND_RECORDS, Job, entries_of
from tilld_core.payment import Payment
from tilld_core.periods import Period
from tilld_core.refund import Refund

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tilld_core.ledger import Entry, Ledger

    Thing = Payment | Refund | Job | Period
    Family = list[Thing]

PERIODS_KEPT = 2  # closed ones that tills are likely to ask for


def id_of(thing: "Thing") -> str:
    """Unique among all kinds."""
    if isinstance(thing, Payment):
        return thing.payment
    if isinstance(thing, Refund):
        return thing.refund
    return thing.job if isinstance(thing, Job) else thing.id


def names_of(family: "Family") -> "list[str]":
    """All that a call may name to mean one of them."""
    names = []
    for thing in family:
        names += [id_of(thing), thing.key]
        if isinstance(thing, Payment):
            names += [thing.order_ref, thing.antom_payment_id]
    return [name for name in names if name]


def by_age(ledger: "Ledger") -> "list[Family]":
    """All that is in memory, oldest first."""
    return sorted(families(ledger).values(), key=lambda family: _since_s(family[0]))


def _since_s(thing: "Thing") -> int:
    return thing.closed_at_s if isinstance(thing, Period) else thing.created_at_s


def families(ledger: "Ledger") -> "dict[str, Family]":
    """All that is in memory, by the id of the family's first; each in the order of its coming."""
    found: dict[str, Family] = {}
    for payment in sorted(ledger.payments.values(), key=lambda one: one.number):
        found[payment.payment] = [payment]
    for refund in sorted(ledger.refunds.values(), key=lambda one: one.number):
        found.setdefault(_of_refund(ledger, refund), []).append(refund)
    for job in sorted(ledger.jobs.values(), key=lambda one: (one.created_at_s, one.job)):
        found.setdefault(_of_job(ledger, job), []).append(job)
    for period in ledger.periods.values():
        found[period.id] = [period]
    return found


def _of_refund(ledger: "Ledger", refund: Refund) -> str:
    return refund.payment if refund.payment in ledger.payments else refund.refund


def _of_job(ledger: "Ledger", job: Job) -> str:
    if job.of in ledger.payments:
        return job.of
    refund = ledger.refunds.get(job.of)
    return job.job if refund is None else _of_refund(ledger, refund)


def at_rest(ledger: "Ledger", thing: "Thing") -> bool:
    """Nothing is owed, under way or unheard about it."""
    if isinstance(thing, Payment):
        return thing.state in payments.SETTLED and (thing.heard or thing.state != payments.PAID)
    if isinstance(thing, Refund):
        return thing.state in refunds.SETTLED
    if isinstance(thing, Job):
        return thing.state not in ("queued", "sent")
    return thing.number < ledger.period - PERIODS_KEPT


def said_again(ledger: "Ledger", entries: "list[Entry]") -> "Iterator[list[Entry]]":
    """What must be in the journal before these records: the families they speak about, if those
    were recalled, so that no replay meets a record without its payment. Batches, each of which
    must be found whole (half a payment would look undecided); a family counts as said once the
    batch behind its last one is asked for."""
    for entry in entries:
        for name in _about(entry):
            family = ledger.recalled.get(name)
            if family is None:
                continue
            for thing in families(ledger).get(family, []):
                batch = entries_of(thing)
                if batch and id_of(thing) in ledger.recalled:
                    yield _in_one_frame(batch)
            for said in [one for one in ledger.recalled if ledger.recalled[one] == family]:
                del ledger.recalled[said]


def _in_one_frame(batch: "list[Entry]") -> "list[Entry]":
    """Long words for people are left out where all of them don't fit; the archive keeps them."""
    for word in ("description", "message"):
        if len(packing.pack(batch)) <= journal.BODY_MAX:
            break
        for entry in batch:
            fields = PAYMENT_RECORDS.get(entry[0], ((), ""))[0]
            if word in fields:
                entry[1 + fields.index(word)] = ""
    return batch


def _about(entry: "Entry") -> "tuple[str, ...]":
    kind = entry[0]
    if kind in ("refund requested", "job queued", "job"):
        return (entry[1], entry[3])  # and the payment or refund that it is about
    known = kind in PAYMENT_RECORDS or kind in REFUND_RECORDS or kind in JOB_RECORDS
    return (entry[1],) if known else ()
