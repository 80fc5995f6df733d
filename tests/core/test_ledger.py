"""The ledger: what the journal's records say, what a snapshot keeps, what may be forgotten."""

from tilld_core import ledger as ledgers
from tilld_core import payment as payments
from tilld_core import refund as refunds
from tilld_core.ledger import BadRecord, Job, Ledger, entry_of
from tilld_core.payment import Payment
from tilld_core.refund import Refund

DAY_S = 86400
NOW_S = 1795390000

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Entry = list[Any]


def a_payment(number: int = 1, state: str = payments.PAYING, order_ref: str = "o-1") -> Payment:
    made = Payment(f"P{number}", f"key-{number}", order_ref, "EUR", 1250, NOW_S + number)
    made.state = state
    made.split = number % 2 == 0
    made.description = "two coffees"
    made.scan_timeout_ms = 45000
    made.number, made.period = number + 1, 3
    if state not in payments.UNDECIDED:
        made.antom_payment_id = f"A{number}"
        made.decided_at_s = NOW_S + number + 5
        made.upstream_code = "SOME_CODE"
        made.message = "some words"
        if state == payments.PAID:
            made.paid_at = "2026-11-22T18:30:06Z"
            made.upstream_code = made.message = ""
        else:
            made.reason = "no_answer"
    return made


def a_refund(number: int = 1, of: str = "P1", state: str = refunds.SENDING) -> Refund:
    made = Refund(
        f"R{number}", f"refund-key-{number}", of, "A1", "EUR", 300, NOW_S + number, "cold"
    )
    made.state = state
    made.number = number + 100
    if state in refunds.SETTLED:
        made.decided_at_s = made.created_at_s + 7
    if state == refunds.REFUNDED:
        made.antom_refund_id = f"AR{number}"
        made.refunded_at = "2026-11-22T18:31:06Z"
        made.period = 4
    if state == refunds.REFUSED:
        made.reason = "declined"
        made.upstream_code = "REFUND_WINDOW_EXCEED"
    return made


def replayed(entries: "list[Entry]") -> Ledger:
    found = Ledger()
    for entry in entries:
        found.replay(entry)
    return found


def kept(thing: object, names: "tuple[str, ...]") -> "Entry":
    return [getattr(thing, name) for name in names]


PAYMENT_FACTS = ledgers.PAYMENT_RECORDS["intent"][0] + (
    "state",
    "reason",
    "upstream_code",
    "message",
    "antom_payment_id",
    "paid_at",
    "decided_at_s",
    "refund",
    "receipts_printed",
    "heard",
    "returned_in",
)
REFUND_FACTS = ledgers.REFUND_RECORDS["refund requested"][0] + (
    "state",
    "reason",
    "upstream_code",
    "message",
    "antom_refund_id",
    "refunded_at",
    "decided_at_s",
    "receipts_printed",
    "period",
)
JOB_FACTS = ("job", "key", "of", "body", "created_at_s", "state", "reason", "began")


def facts(held: Ledger) -> "Entry":
    """All that a ledger says, in an order of its own."""
    return [
        held.device,
        held.serial,
        [kept(held.payments[name], PAYMENT_FACTS) for name in sorted(held.payments)],
        [kept(held.refunds[name], REFUND_FACTS) for name in sorted(held.refunds)],
        [kept(held.jobs[name], JOB_FACTS) for name in sorted(held.jobs)],
        sorted(held.keys),
        sorted((ref, [one.payment for one in held.orders[ref]]) for ref in held.orders),
        sorted(held.unsettled),
    ]


def assert_same(one: Ledger, other: Ledger) -> None:
    for left, right in zip(facts(one), facts(other)):  # noqa: B905 - MicroPython
        assert left == right, (left, right)


# Records.


def test_every_kind_of_payment_record_puts_its_fields_and_state_back() -> None:
    for kind in ledgers.PAYMENT_RECORDS:
        fields, state = ledgers.PAYMENT_RECORDS[kind]
        written = a_payment(1, state or payments.PAID)
        written.reason = "no_answer"
        entries = [entry_of("intent", written), entry_of(kind, written)]
        found = replayed(entries).payments["P1"]
        assert kept(found, fields) == kept(written, fields), kind
        if kind == "heard":
            assert found.heard
        else:
            assert found.state == state, kind


def test_every_kind_of_refund_record_puts_its_fields_and_state_back() -> None:
    for kind in ledgers.REFUND_RECORDS:
        fields, state = ledgers.REFUND_RECORDS[kind]
        written = a_refund(1, "P1", state)
        entries = [entry_of("refund requested", written), entry_of(kind, written)]
        found = replayed(entries).refunds["R1"]
        assert kept(found, fields) == kept(written, fields), kind
        assert found.state == state, kind


def test_a_refund_without_antoms_id_is_located_again_after_a_restart() -> None:
    unlocated = a_refund()
    unlocated.antom_payment_id = ""
    held = replayed([entry_of("refund requested", unlocated)])
    assert held.refunds["R1"].state == refunds.LOCATING
    unlocated.antom_payment_id = "A1"
    held.replay(entry_of("refund located", unlocated))
    assert held.refunds["R1"].state == refunds.SENDING


def test_a_start_and_its_intent_are_one_payment_of_one_order() -> None:
    written = a_payment(1, payments.WAITING)
    entries = [entry_of("start", written), entry_of("intent", written), entry_of("paid", written)]
    held = replayed(entries)
    assert held.orders["o-1"] == [held.payments["P1"]]
    assert held.keys["key-1"] is held.payments["P1"]
    assert held.order_is("o-1") == (None, held.payments["P1"])
    assert held.unsettled == {}


def test_a_paid_is_unheard_until_its_heard_record() -> None:
    written = a_payment(1, payments.PAID)
    held = replayed([entry_of("intent", written), entry_of("paid", written)])
    assert held.unheard() == [held.payments["P1"]]
    held.replay(entry_of("heard", written))
    assert held.unheard() == []


def test_a_refund_in_place_of_a_cancel_puts_its_payment_into_refunding() -> None:
    owed = a_payment(1, payments.CANCELLING)
    instead = a_refund()
    instead.key = ""
    instead.in_place_of_cancel = True
    entries = [entry_of("intent", owed), entry_of("cancel", owed)]
    held = replayed(entries)
    held.replay(entry_of("refund requested", instead))
    found = held.payments["P1"]
    assert (found.state, found.refund, found.reason) == ("refunding", "R1", "refunded_instead")
    assert held.owing() == [found]
    assert "" not in held.keys


def test_a_print_job_counts_as_printed_unless_nothing_of_it_began() -> None:
    done = a_payment(1, payments.PAID)
    entries = [entry_of("intent", done), entry_of("paid", done)]
    job = Job("J1", "job-key-1", "P1", "of=receipt", NOW_S)
    held = replayed(entries)
    held.replay(entry_of("job", job))
    assert (held.jobs["J1"].state, held.jobs["J1"].began) == ("sent", True)
    assert held.payments["P1"].receipts_printed == 1
    job.state, job.reason, job.began = "failed", "It was unplugged.", False
    held.replay(entry_of("job end", job))
    assert held.payments["P1"].receipts_printed == 0
    assert (held.jobs["J1"].state, held.jobs["J1"].reason) == ("failed", "It was unplugged.")


def test_a_record_about_nothing_and_an_unknown_kind_are_bad() -> None:
    orphans = (
        entry_of("paid", a_payment()),
        entry_of("heard", a_payment()),
        entry_of("refund queued", a_refund()),
        ["job end", "J1", "done", "", True],
        ["something new", 1],
    )
    for entry in orphans:
        try:
            Ledger().replay(entry)
        except BadRecord:
            continue
        raise AssertionError(entry)


def test_a_long_message_is_cut_in_its_record() -> None:
    wordy = a_payment(1, payments.FAILED)
    wordy.message = "x" * 1000
    found = replayed([entry_of("intent", wordy), entry_of("failed", wordy)]).payments["P1"]
    assert found.message == "x" * ledgers.TEXT_MAX_BYTES


# Snapshots.


def everything() -> Ledger:
    """Payments and refunds in every state, refunds in place of cancels, jobs of every fate."""
    held = Ledger()
    held.device, held.serial = "d1", 4711
    states = (
        payments.WAITING,
        payments.PAYING,
        payments.PAID,
        payments.FAILED,
        payments.CANCELLING,
        payments.CANCEL_QUEUED,
        payments.NEEDS_ATTENTION,
        payments.REFUNDING,
        payments.CANCELLED,
        payments.RETURNED,
    )
    for number in range(len(states)):
        held.add_payment(a_payment(number, states[number], f"o-{number % 3}"))
    for made in held.payments.values():
        held.moved(made)
    held.payments["P2"].heard = False
    unheard = a_payment(20, payments.PAID, "o-20")
    held.add_payment(unheard)
    for number in range(len(refunds.SHOWN)):
        state = sorted(refunds.SHOWN)[number]
        if state not in (refunds.NEW, refunds.RESUMING):
            made_refund = a_refund(number, "P20", state)
            if state == refunds.LOCATING:
                made_refund.antom_payment_id = ""
            held.add_refund(made_refund)
    for number, of, state in ((30, "P7", refunds.SENDING), (31, "P9", refunds.REFUNDED)):
        instead = a_refund(number, of, state)
        instead.key, instead.in_place_of_cancel = "", True
        held.add_refund(instead)
        held.payments[of].reason = "refunded_instead"
    for number, of, state, began in (
        (1, "P2", "done", True),
        (2, "P2", "failed", False),
        (3, "R5", "unknown", True),
        (4, "", "failed", True),
    ):
        job = Job(f"J{number}", f"job-key-{number}", of, "of=receipt", NOW_S + number)
        job.state, job.began = state, began
        held.add_job(job)
        if began:
            held.count_receipt(job)
    return held


def test_a_snapshot_replays_to_the_same() -> None:
    held = everything()
    again = replayed(held.snapshot())
    assert_same(held, again)
    assert_same(again, replayed(again.snapshot()))


def test_a_snapshot_leaves_out_what_no_record_has_named_yet() -> None:
    held = Ledger()
    held.add_payment(a_payment(1, payments.NEW))
    assert held.snapshot() == [["device", ""], ["since", 1, 0, 2, 0, "", 0]]


def test_an_approval_and_an_inquiry_are_snapshots_of_an_intent() -> None:
    for state in (payments.INQUIRING, payments.APPROVED):
        held = Ledger()
        held.add_payment(a_payment(1, state))
        assert replayed(held.snapshot()).payments["P1"].state == payments.PAYING


def a_refund_in_place(held: Ledger, number: int, state: str) -> "refunds.Refund":
    instead = a_refund(number, "P1", state)
    instead.key, instead.in_place_of_cancel = "", True
    held.add_refund(instead)
    return instead


def test_a_refused_refund_in_place_of_a_cancel_leaves_the_cancel_owed() -> None:
    held = Ledger()
    held.add_payment(a_payment(1, payments.NEEDS_ATTENTION))
    a_refund_in_place(held, 1, refunds.REFUSED)
    again = replayed(held.snapshot())
    assert again.payments["P1"].state == payments.NEEDS_ATTENTION
    assert again.refunds == {}


def test_a_snapshot_between_a_refusal_and_its_record_keeps_what_the_record_is_about() -> None:
    for owner in (payments.REFUNDING, payments.WRITTEN_OFF):
        held = Ledger()
        held.add_payment(a_payment(1, owner))
        instead = a_refund_in_place(held, 1, refunds.REFUSED)
        again = replayed(held.snapshot())
        again.replay(entry_of("refund refused", instead))
        assert (again.payments["P1"].state, again.refunds["R1"].state) == (owner, "refused")


def test_a_later_refund_in_place_of_a_cancel_is_the_one_that_counts() -> None:
    held = Ledger()
    held.add_payment(a_payment(1, payments.REFUNDING))
    a_refund_in_place(held, 1, refunds.REFUSED)
    later = a_refund_in_place(held, 2, refunds.SENDING)
    later.created_at_s = NOW_S - 3600  # the wall clock was set back between the two
    again = replayed(held.snapshot())
    assert (again.payments["P1"].refund, list(again.refunds)) == ("R2", ["R2"])


# Questions.


def test_an_order_is_undecided_or_paid_by_any_of_its_payments() -> None:
    held = Ledger()
    assert held.order_is("o-1") == (None, None)
    failed, paid, approved = (
        a_payment(1, payments.FAILED),
        a_payment(2, payments.PAID),
        a_payment(3, payments.APPROVED),
    )
    held.add_payment(failed)
    assert held.order_is("o-1") == (None, None)
    held.add_payment(paid)
    assert held.order_is("o-1") == (None, paid)
    held.add_payment(approved)
    assert held.order_is("o-1") == (approved, paid)


def test_a_payment_is_found_by_both_ids_and_by_nothing_else() -> None:
    held = Ledger()
    paid = a_payment(1, payments.PAID)
    held.add_payment(paid)
    held.add_payment(a_payment(2, payments.PAYING))  # Antom's id is not known yet
    assert held.find_payment("P1") is paid
    assert held.find_payment("A1") is paid
    assert held.find_payment("") is None
    assert held.find_payment("A2") is None


def test_refunds_done_open_and_unknown_claim_the_amount_and_refused_ones_do_not() -> None:
    """I17."""
    held = Ledger()
    paid = a_payment(1, payments.PAID)
    held.add_payment(paid)
    for number, state in enumerate(sorted(refunds.SHOWN)):
        held.add_refund(a_refund(number, "P1", state))
    held.add_refund(a_refund(99, "P2", refunds.REFUNDED))
    assert held.refund_claims_minor(paid) == 300 * (len(refunds.SHOWN) - 1)
    assert held.refunded_minor(paid) == 300
    assert len(held.refunds_of(paid)) == len(refunds.SHOWN)


def test_one_payment_at_most_waits_for_its_code() -> None:
    held = Ledger()
    assert held.waiting_for_code() is None
    for number, state in ((1, payments.PAYING), (2, payments.WAITING)):
        made = a_payment(number, state)
        held.add_payment(made)
        held.moved(made)
    found = held.waiting_for_code()
    assert found is not None
    assert found.payment == "P2"


# Forgetting (rules.md §6, "Memory").


def few_to_keep() -> Ledger:
    """The rule's 5,000 are three here, so that a microcontroller can run this."""
    return Ledger(keep_payments=3, keep_jobs=3)


def an_old_ledger() -> Ledger:
    held = few_to_keep()
    for number in range(6):
        held.add_payment(a_payment(number, payments.PAID, f"o-{number}"))
    return held


def test_nothing_is_forgotten_before_its_thirty_days() -> None:
    held = an_old_ledger()
    held.forget(NOW_S + 5 + 30 * DAY_S - 1)
    assert len(held.payments) == 6


def test_the_last_payments_are_kept_however_old_they_are() -> None:
    held = an_old_ledger()
    held.forget(NOW_S + 400 * DAY_S)
    assert sorted(held.payments) == ["P3", "P4", "P5"]
    assert sorted(held.keys) == ["key-3", "key-4", "key-5"]
    assert sorted(held.orders) == ["o-3", "o-4", "o-5"]


def test_what_is_undecided_or_unsettled_is_never_forgotten() -> None:
    states = [payments.APPROVED, payments.REFUNDING]
    states.extend(payments.OWING)
    held = few_to_keep()
    for number in range(len(states)):
        held.add_payment(a_payment(number, states[number]))
    for number in range(10, 16):
        held.add_payment(a_payment(number, payments.FAILED))
    held.forget(NOW_S + 400 * DAY_S)
    assert [f"P{number}" in held.payments for number in range(len(states))] == [True] * len(states)
    assert len(held.payments) == len(states) + 3


def test_a_refund_is_kept_while_it_is_open_young_or_its_payment_is_known() -> None:
    held = an_old_ledger()
    held.add_refund(a_refund(1, "P0", refunds.REFUNDED))  # of a payment that goes
    held.add_refund(a_refund(2, "P0", refunds.QUEUED))
    held.add_refund(a_refund(3, "P5", refunds.REFUNDED))  # of one that stays
    young = a_refund(4, "another device's", refunds.REFUNDED)
    young.decided_at_s = NOW_S + 399 * DAY_S
    held.add_refund(young)
    held.forget(NOW_S + 400 * DAY_S)
    assert sorted(held.refunds) == ["R2", "R3", "R4"]
    assert "refund-key-1" not in held.keys


def test_the_last_jobs_are_kept_with_their_keys() -> None:
    held = few_to_keep()
    for number in range(5):
        held.add_job(Job(f"J{number}", f"job-key-{number}", "", "of=print", NOW_S + number))
    held.forget(NOW_S)
    assert sorted(held.jobs) == ["J2", "J3", "J4"]
    assert sorted(held.keys) == ["job-key-2", "job-key-3", "job-key-4"]


def test_a_receipts_job_is_kept_with_its_payment_so_that_the_next_one_is_a_copy() -> None:
    held = few_to_keep()
    held.add_payment(a_payment(1, payments.PAID))
    held.add_job(Job("J-receipt", "job-key-receipt", "P1", "receipt", NOW_S - 1))
    for number in range(5):
        held.add_job(Job(f"J{number}", f"job-key-{number}", "", "of=print", NOW_S + number))
    held.forget(NOW_S)
    assert sorted(held.jobs) == ["J-receipt", "J2", "J3", "J4"]


def test_a_paid_that_nobody_has_heard_of_is_never_forgotten() -> None:
    held = an_old_ledger()
    oldest = sorted(held.payments.values(), key=lambda payment: payment.created_at_s)[0]
    oldest.state, oldest.heard = payments.PAID, False
    held.forget(NOW_S + 400 * DAY_S)
    assert oldest.payment in held.payments
    oldest.heard = True
    held.forget(NOW_S + 400 * DAY_S)
    assert oldest.payment not in held.payments


def test_the_numbers_to_keep_are_the_rules_own() -> None:
    assert ledgers.KEEP_PAYMENTS == 5000
    assert ledgers.KEEP_S == 30 * DAY_S


def test_what_leaves_does_not_take_the_latest_known_time_with_it() -> None:
    held = Ledger()
    paid = a_payment(1, payments.PAID)
    held.add_payment(paid)
    held.drop(paid)
    assert replayed(held.snapshot()).latest_s == paid.decided_at_s
