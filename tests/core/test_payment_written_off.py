from tilld_core import payment, refund
from tilld_core.ledger import Ledger
from tilld_testkit.walk import (
    ANTOM_ID,
    PAYMENT_ID,
    REFUND_ID,
    Walk,
    cancel_queued,
    cancelling,
    needs_attention,
    refunding,
)

S = ("success", {"antom_payment_id": ANTOM_ID})
OWED = (cancelling, cancel_queued, needs_attention, refunding)


def signed(sale: Walk) -> Walk:
    sale.payment.written_off_by = "A. Engineer"
    sale.payment.written_off_why = "paid back in cash"
    sale.payment.written_off_signed_by = "ab12"
    sale.payment.written_off_at_s = 1700000900
    return sale.hear("write off")


def written_off(sale: Walk) -> Walk:
    """As the shell does it: the refund in place of the cancel ends with its payment."""
    signed(sale)
    if sale.done[-1] == "end refund":
        sale.refund_hears("write off")
    return sale


def test_what_is_owed_is_closed_by_a_signature_and_stays_not_paid() -> None:
    for owed in OWED:
        sale = owed()
        reason = sale.payment.reason
        written_off(sale)
        assert sale.state == payment.WRITTEN_OFF
        assert sale.state in payment.SETTLED
        assert sale.payment.reason == reason
        assert "note written off" in sale.done


def test_the_record_keeps_name_reason_and_mark_over_a_restart_and_a_snapshot() -> None:
    for owed in OWED:
        sale = written_off(owed()).power_cut()
        for found in (sale.payment, from_snapshot(sale)):
            assert found.state == payment.WRITTEN_OFF
            assert found.written_off_by == "A. Engineer"
            assert found.written_off_why == "paid back in cash"
            assert found.written_off_signed_by == "ab12"
            assert found.written_off_at_s == 1700000900


def from_snapshot(sale: Walk) -> payment.Payment:
    return again(sale).payments[PAYMENT_ID]


def again(sale: Walk) -> Ledger:
    first, second = Ledger(), Ledger()
    for entry in sale.flash:
        first.replay(entry)
    for entry in first.snapshot():
        second.replay(entry)
    return second


def test_a_refund_is_written_off_with_its_payment_and_asks_for_nothing_more() -> None:
    sale = written_off(refunding())
    assert sale.refund is not None
    assert sale.refund.state == refund.WRITTEN_OFF
    assert sale.refund.state in refund.SETTLED
    sent = sale.done.count("send refund")
    sale.refund_hears("try", "refund done", "refund unknown", "restart")
    assert sale.refund.state == refund.WRITTEN_OFF
    assert sale.done.count("send refund") == sent


def test_one_record_closes_both_whatever_came_between() -> None:
    for sale in (signed(refunding()), written_off(refunding())):
        sale.power_cut()
        assert sale.refund is not None
        assert sale.refund.state == refund.WRITTEN_OFF
        kept = again(sale)
        assert kept.refunds[REFUND_ID].state == refund.WRITTEN_OFF
        assert kept.open_refunds() == []


def test_a_refund_that_was_noted_in_the_same_instant_is_not_opened_again() -> None:
    sale = refunding()
    sale.next_refund_try().refund_hears("refund unknown")
    before = len(sale.flash)
    sale.now_ms += 10**6
    sale.refund_hears("minute over")
    late = sale.flash[before:]
    del sale.flash[before:]
    signed(sale)
    sale.flash += late
    sale.power_cut()
    assert sale.refund is not None
    assert sale.refund.state == refund.WRITTEN_OFF


def test_money_that_is_heard_of_afterwards_calls_a_person_and_sends_nothing() -> None:
    for owed in OWED:
        sale = written_off(owed())
        told, sent = sale.payment.revision, sale.done.count("send cancel")
        sale.hear(S)
        assert sale.state == payment.WRITTEN_OFF
        assert sale.done[-1] == "call person"
        assert (sale.payment.revision, sale.done.count("send cancel")) == (told, sent)


def test_an_answer_that_was_under_way_comes_too_late() -> None:
    for answer in ("cancel done", "cancel unknown", "window closed", "check returned", "try"):
        sale = cancelling().next_try()
        heard = written_off(sale).hear(answer)
        assert heard.state == payment.WRITTEN_OFF


def test_a_cancel_that_is_confirmed_afterwards_is_shown_to_a_person() -> None:
    heard = written_off(cancelling().next_try()).hear("cancel done")
    assert heard.state == payment.WRITTEN_OFF
    assert heard.done[-1] == "call about return"
