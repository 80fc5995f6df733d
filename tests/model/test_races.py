"""Every race that rules.md §5 names and that concerns one device, walked through the real tables.

The races of two tills, of the scanner and of gateways are the shells' (tests/daemon).
"""

from __future__ import annotations

import pytest

from tilld_core import payment, refund
from tilld_testkit.walk import (
    ANTOM_ID,
    Walk,
    approved,
    cancel_queued,
    cancelling,
    inquiring,
    needs_attention,
    paying,
    refunding,
)

S = ("success", {"antom_payment_id": ANTOM_ID})
LATE_S = ("success", {"antom_payment_id": ANTOM_ID, "pay_closed": True})
WINDOW_S = ("window check success", {"antom_payment_id": ANTOM_ID})


def effects_of(walk: Walk, name: str) -> int:
    return walk.done.count(name)


@pytest.mark.parametrize(("first", "second"), [(LATE_S, S), (S, LATE_S)])
def test_answer_against_notification_is_one_approval_whichever_comes_first(
    first: tuple[str, dict[str, object]], second: tuple[str, dict[str, object]]
) -> None:
    sale = paying().hear(first)
    told = sale.payment.revision
    sale.hear(second)
    assert sale.state == payment.APPROVED
    assert sale.payment.revision == told
    assert effects_of(sale, "wait acknowledgement") == 1


def test_a_refusal_by_answer_against_a_success_by_notification_ends_in_a_cancel() -> None:
    sale = paying().hear("refused", S)
    assert sale.state == payment.CANCELLING
    assert paying().hear(S, "refused").state == payment.APPROVED


def test_an_inquirys_success_just_before_the_last_timeout_approves() -> None:
    sale = paying().inquire_to_the_last().hear(S)
    assert sale.state == payment.APPROVED
    assert sale.payment.deadline_event == "acknowledge timeout"


def test_an_inquirys_success_just_after_the_last_timeout_changes_nothing() -> None:
    sale = paying().inquire_to_the_last().deadline()
    assert sale.state == payment.CANCELLING
    heard = len(sale.done)
    sale.hear(S)
    assert (sale.state, len(sale.done)) == (payment.CANCELLING, heard)


@pytest.mark.parametrize("owing", [cancelling, cancel_queued, needs_attention, refunding])
@pytest.mark.parametrize("news", [S, LATE_S])
def test_a_cancel_decision_stands_against_a_late_success_on_any_path(
    owing: type[Walk], news: tuple[str, dict[str, object]]
) -> None:
    sale = owing()
    state, told = sale.state, sale.payment.revision
    sale.hear(news)
    assert (sale.state, sale.payment.revision) == (state, told)


def test_a_cancel_that_overtakes_its_pay_stays_owed_until_no_pay_can_arrive() -> None:
    sale = cancelling()
    shut_ms = sale.payment.pay_closed_ms
    assert shut_ms is not None
    sale.next_try().hear("no such order")
    while sale.now_ms - shut_ms < sale.timing.pay_in_flight_max_ms:
        assert sale.state in payment.OWING
        sale.next_try()
        left_ms = sale.now_ms
        sale.hear("no such order")
    assert left_ms - shut_ms >= sale.timing.pay_in_flight_max_ms
    assert sale.state == payment.CANCELLED


def test_an_answer_that_comes_late_to_a_cancel_sent_early_proves_nothing() -> None:
    sale = cancelling().next_try()
    sale.wait(sale.timing.pay_in_flight_max_ms * 2).hear("no such order")
    assert sale.state == payment.CANCELLING


def test_a_restart_starts_the_time_that_a_pay_may_be_on_its_way_anew() -> None:
    sale = cancelling().wait(10**6).power_cut().next_try().hear("no such order")
    assert sale.state == payment.CANCELLING


@pytest.mark.parametrize("owing", [cancelling, cancel_queued, needs_attention])
def test_a_cancels_lost_answer_is_met_with_the_same_cancel(owing: type[Walk]) -> None:
    sale = owing().next_try()
    sent = effects_of(sale, "send cancel")
    sale.hear("cancel unknown").next_try()
    assert effects_of(sale, "send cancel") == sent + 1
    assert sale.hear("cancel done").state == payment.CANCELLED


def test_of_two_cancels_in_flight_the_second_answer_finds_the_payment_closed() -> None:
    sale = cancelling().next_try().hear("cancel unknown").next_try()
    sale.hear("cancel done")
    heard = len(sale.done)
    for answer in ("cancel done", "cancel unknown", "no such order", "window closed"):
        sale.hear(answer)
    assert (sale.state, len(sale.done)) == (payment.CANCELLED, heard)


@pytest.mark.parametrize(("first", "second"), [("till cancel", S), (S, "till cancel")])
def test_a_till_abort_in_the_same_instant_as_approval_is_a_cancel_either_way(
    first: str | tuple[str, dict[str, object]], second: str | tuple[str, dict[str, object]]
) -> None:
    for begun in (paying, inquiring):
        sale = begun().hear(first, second)
        assert (sale.state, sale.payment.reason) == (payment.CANCELLING, "till_cancelled")
        assert effects_of(sale, "note cancel") == 1


def test_the_acknowledge_before_its_timeout_is_paid_and_the_timeout_is_gone() -> None:
    sale = approved()
    assert sale.payment.deadline_ms is not None
    sale.now_ms = sale.payment.deadline_ms
    sale.hear("acknowledge")
    assert sale.state == payment.PAID
    assert sale.payment.deadline_ms is None


def test_the_acknowledge_after_its_timeout_finds_a_cancel_and_no_row() -> None:
    sale = approved().deadline()
    assert (sale.state, sale.payment.reason) == (payment.CANCELLING, "not_acknowledged")
    pairs = [row[:2] for row in payment.ROWS] + list(payment.IGNORED)
    assert (payment.CANCELLING, "acknowledge") not in pairs


def cut_after(sale: Walk, records: int) -> Walk:
    """The same walk, if power had gone after so many durable records."""
    sale.flash = sale.flash[:records]
    return sale.power_cut()


def test_a_power_cut_at_any_record_of_a_sale_ends_paid_or_cancelled_never_between() -> None:
    length = len(approved().hear("acknowledge").flash)
    ends = [cut_after(approved().hear("acknowledge"), n).state for n in range(2, length + 1)]
    assert set(ends[:-1]) == {payment.CANCELLING}
    assert ends[-1] == payment.PAID


def test_a_power_cut_again_and_again_during_recovery_ends_in_the_same_state() -> None:
    sale = approved()
    for _ in range(5):
        sale.power_cut()
        assert (sale.state, sale.payment.reason) == (payment.CANCELLING, "restarted")
    assert effects_of(sale, "note cancel") == 1


def test_a_power_cut_at_any_record_of_a_refund_in_place_of_a_cancel_keeps_the_money_owed() -> None:
    whole = refunding().next_refund_try().refund_hears("refund done").hear("refund done")
    assert whole.state == payment.RETURNED
    for n in range(3, len(whole.flash)):
        sale = refunding().next_refund_try().refund_hears("refund done").hear("refund done")
        sale = cut_after(sale, n)
        assert sale.state in (*payment.OWING, payment.REFUNDING)
        assert sale.state == payment.REFUNDING or sale.payment.lane.next_ms is not None
        if sale.state == payment.REFUNDING:
            assert sale.refund is not None
            assert sale.refund.state in (refund.RESUMING, refund.REFUNDED)


def test_midnight_of_the_window_while_a_cancel_is_in_flight_turns_it_into_a_refund() -> None:
    sale = approved().hear("till cancel").next_try().hear("cancel unknown").next_try()
    sale.hear("window closed")
    assert sale.done[-1] == "send window check"
    sale.hear(WINDOW_S)
    assert (sale.state, sale.payment.reason) == (payment.REFUNDING, "refunded_instead")


def test_midnight_while_the_first_cancel_had_arrived_closes_without_a_refund() -> None:
    sale = approved().hear("till cancel").next_try().hear("cancel unknown").next_try()
    sale.hear("window closed", "check closed")
    assert sale.state == payment.CANCELLED
    assert sale.refund is None


def test_system_error_and_then_the_customer_pays_is_an_approval() -> None:
    sale = paying().hear(("unknown", {"upstream_code": "SYSTEM_ERROR", "pay_closed": True}))
    assert sale.state == payment.INQUIRING
    assert sale.hear(S).state == payment.APPROVED


def test_system_error_and_the_customer_pays_after_the_last_inquiry_is_cancelled() -> None:
    sale = paying().hear(("unknown", {"upstream_code": "SYSTEM_ERROR", "pay_closed": True}))
    sale.inquire_to_the_last().deadline().hear(S).next_try().hear("cancel done")
    assert (sale.state, sale.payment.reason) == (payment.CANCELLED, "no_answer")


def test_a_success_after_a_closed_cancel_opens_a_new_cancel_and_calls_a_person() -> None:
    sale = cancelling().next_try().hear("cancel done").hear(S)
    assert sale.state == payment.CANCELLING
    assert effects_of(sale, "note cancel") == 2
    assert effects_of(sale, "call person") == 1
    sale.next_try().hear("no such order")
    assert sale.state == payment.CANCELLING
