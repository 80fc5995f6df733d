"""Room for all that may still have to be written is counted from the records themselves (I22)."""

from tilld_core import journal, ledger, packing, room
from tilld_core import payment as payments
from tilld_core.ledger import entry_of
from tilld_core.payment import Payment
from tilld_core.refund import Refund

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

WIDE = "\U0001f600"
NOW_S = 1795390000


def the_longest() -> "tuple[Payment, Refund]":
    """Every text as long as tills, operators and Antom may make it, four bytes a letter."""
    paid = Payment("P" * 64, "k" * 64, WIDE * 64, "EUR", 10**12, NOW_S, "order_code", True)
    paid.description = WIDE * 256
    back = Refund("R" * 64, "k" * 64, "P" * 64, "A" * 64, "EUR", 10**12, NOW_S, WIDE * 256, True)
    for thing in (paid, back):
        thing.reason = thing.upstream_code = "c" * 64
        thing.message = WIDE * 1000
        thing.decided_at_s = thing.number = thing.period = 2**62
    paid.antom_payment_id = back.antom_refund_id = "A" * 64
    paid.paid_at = back.refunded_at = "2026-11-22T18:30:06+01:00"
    paid.written_off_by = WIDE * 64
    paid.written_off_why, paid.written_off_signed_by = WIDE * 256, "f" * 64
    return paid, back


def test_every_record_fits_its_frame_with_the_longest_texts_there_can_be() -> None:
    paid, back = the_longest()
    for thing, kinds in ((paid, ledger.PAYMENT_RECORDS), (back, ledger.REFUND_RECORDS)):
        for kind in kinds:
            entries = [["serial", 2**62], entry_of(kind, thing)]
            assert len(packing.pack(entries)) <= journal.BODY_MAX, kind


def cost(kinds: "Sequence[str]", thing: "Payment | Refund") -> int:
    return sum(journal.worst_cost_bytes(len(packing.pack([entry_of(k, thing)]))) for k in kinds)


def test_the_longest_way_of_the_longest_payment_has_its_room() -> None:
    paid, back = the_longest()
    way = ("start", "intent", "cancel", "queued", "attention", "attention", "returned")
    instead = Refund("R" * 64, "", "P" * 64, "A" * 64, "EUR", 1, NOW_S, "cancelled too late", True)
    instead.message = back.message
    ends = ("refund requested", "refund queued", "refund attention", "refund refused")
    assert room.payment_needs_bytes(paid) >= cost(way, paid) + cost(ends, instead)


def test_the_longest_way_of_the_longest_refund_has_its_room() -> None:
    _, back = the_longest()
    way = ("refund requested", "refund located", "refund queued", "refund attention")
    back.written_off_by, back.written_off_why = "n" * 128, "w" * 256
    back.written_off_signed_by, back.written_off_at_s = "f" * 64, NOW_S
    for end in ("refund refunded", "refund refused", "refund written off"):
        assert room.refund_needs_bytes(back) >= cost(list(way) + [end], back), end


def test_as_many_ordinary_payments_may_be_open_as_the_rules_allow() -> None:
    """rules.md §6: at 500 unsettled payments a new one is refused; the journal must hold them."""
    usual = Payment("P" * 52, "k" * 36, "2026-11-23/0042", "EUR", 1250, NOW_S)
    usual.state = payments.CANCEL_QUEUED
    segment = 8 * 1024 * 1024 - journal.PAGE
    assert 500 * room.payment_needs_bytes(usual) <= segment
