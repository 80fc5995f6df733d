"""Families: what leaves memory together, and what is said again when it comes back."""

from tilld_core import families, journal, packing
from tilld_core import payment as payments
from tilld_core import refund as refunds
from tilld_core.ledger import Job, Ledger, entry_of
from tilld_core.payment import Payment
from tilld_core.periods import Period
from tilld_core.refund import Refund

NOW_S = 1795390000


def a_ledger() -> Ledger:
    held = Ledger()
    paid = Payment("P1", "key-1", "o-1", "EUR", 1250, NOW_S)
    paid.state, paid.antom_payment_id = payments.PAID, "A1"
    held.add_payment(paid)
    for number, of in ((1, "P1"), (2, "another device's")):
        back = Refund(f"R{number}", f"refund-key-{number}", of, "A1", "EUR", 300, NOW_S)
        back.state = refunds.REFUNDED
        held.add_refund(back)
    for number, of in ((1, "P1"), (2, "R1"), (3, "R2"), (4, "")):
        job = Job(f"J{number}", f"job-key-{number}", of, "of=receipt", NOW_S)
        job.state = "done"
        held.add_job(job)
    held.add_period(Period(1, "close-key", 5, 9, {}))
    return held


def ids(family: "list[families.Thing]") -> "list[str]":
    return [families.id_of(thing) for thing in family]


def test_a_family_is_a_payment_its_refunds_and_the_jobs_of_both() -> None:
    found = families.families(a_ledger())
    assert {name: ids(found[name]) for name in found} == {
        "P1": ["P1", "R1", "J1", "J2"],
        "R2": ["R2", "J3"],
        "J4": ["J4"],
        "period:1": ["period:1"],
    }


def test_a_family_has_the_names_of_all_of_it() -> None:
    found = families.families(a_ledger())
    names = families.names_of(found["P1"])
    for name in ("P1", "key-1", "o-1", "A1", "R1", "refund-key-1", "J2", "job-key-2"):
        assert name in names, name


def test_only_what_is_settled_heard_and_printed_is_at_rest() -> None:
    held = a_ledger()
    paid, back, job = held.payments["P1"], held.refunds["R1"], held.jobs["J1"]
    assert families.at_rest(held, paid)
    paid.heard = False
    assert not families.at_rest(held, paid)
    for state in (payments.CANCELLING, payments.APPROVED, payments.NEEDS_ATTENTION):
        paid.state, paid.heard = state, True
        assert not families.at_rest(held, paid), state
    back.state = refunds.QUEUED
    assert not families.at_rest(held, back)
    job.state = "sent"
    assert not families.at_rest(held, job)


def test_the_last_periods_are_kept_at_hand() -> None:
    held = a_ledger()
    for number in (2, 3):
        held.add_period(Period(number, f"close-key-{number}", 5, 9, {}))
    resting = [families.at_rest(held, held.periods[number]) for number in (1, 2, 3)]
    assert resting == [True, False, False]


def test_a_recalled_family_is_said_again_once_and_every_thing_of_it_in_one_batch() -> None:
    held = a_ledger()
    for name in ("P1", "R1", "J1", "J2"):
        held.recalled[name] = "P1"
    for entry in (
        entry_of("job end", held.jobs["J1"]),
        entry_of("heard", held.payments["P1"]),
        ["refund requested", "R9", "refund-key-9", "P1", "", "EUR", 1, NOW_S, "", False, 9],
    ):
        known = dict(held.recalled)
        batches = list(families.said_again(held, [entry]))
        assert [batch[0][1] for batch in batches] == ["P1", "R1", "J1", "J2"]
        assert [one[0] for one in batches[0]] == ["intent", "paid", "heard"]
        assert list(families.said_again(held, [entry])) == []
        held.recalled.update(known)


def test_what_is_said_again_of_a_payment_always_fits_one_frame() -> None:
    held = a_ledger()
    wordy = Payment("P" * 64, "k" * 64, "\u4e66" * 64, "EUR", 1, NOW_S)
    wordy.description, wordy.message = "\u4e66" * 256, "\u4e66" * 500
    wordy.state, wordy.reason, wordy.upstream_code = payments.WRITTEN_OFF, "r" * 30, "C" * 64
    wordy.written_off_why, wordy.written_off_by = "\u4e66" * 256, "\u4e66" * 64
    held.add_payment(wordy)
    held.recalled[wordy.payment] = wordy.payment
    (batch,) = families.said_again(held, [entry_of("heard", wordy)])
    assert len(packing.pack(batch)) <= journal.BODY_MAX
    assert wordy.description


def test_what_could_not_be_written_is_said_again_the_next_time() -> None:
    held = a_ledger()
    held.recalled["P1"] = "P1"
    entries = [entry_of("heard", held.payments["P1"])]
    for _ in families.said_again(held, entries):
        break  # the journal had no room
    assert held.recalled == {"P1": "P1"}
    assert len(list(families.said_again(held, entries))) == 1


def test_what_was_never_away_is_not_said_again() -> None:
    held = a_ledger()
    entries = [entry_of("heard", held.payments["P1"]), ["since", 1, 0, 1, 0, "", 0], ["serial", 4]]
    assert list(families.said_again(held, entries)) == []
