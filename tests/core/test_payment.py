from tilld_core import payment
from tilld_core.limits import Timing
from tilld_core.machine import IllegalEvent, pick
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

OWING = (cancelling, cancel_queued, needs_attention)


def test_a_sale_is_noted_sent_told_and_paid_with_two_durable_records() -> None:
    sale = approved().hear("acknowledge")
    assert sale.state == payment.PAID
    assert sale.done == [
        "mark start",
        "wait code",
        "tell till",
        "note intent",
        "send pay",
        "wait answer",
        "tell till",
        "wait acknowledgement",
        "tell till",
        "note paid",
        "tell till",
    ]
    assert sale.payment.revision == 4
    assert sale.payment.reason == ""
    assert sale.payment.antom_payment_id == ANTOM_ID


def test_a_code_in_hand_needs_no_scanner() -> None:
    sale = Walk().hear("start with code")
    assert sale.state == payment.PAYING
    assert sale.done[:2] == ["note intent", "send pay"]


def test_a_key_cancelled_before_its_start_is_closed() -> None:
    sale = Walk().hear("close key")
    assert (sale.state, sale.payment.reason) == (payment.FAILED, "cancelled_before_start")
    assert "send pay" not in sale.done


def test_nothing_is_sent_for_a_payment_given_up_before_its_code() -> None:
    for event, reason in (
        ("code timeout", "scan_timeout"),
        ("till cancel", "till_cancelled"),
        ("till left", "till_left"),
        ("restart", "restarted"),
    ):
        sale = Walk().hear("start", event)
        assert (sale.state, sale.payment.reason) == (payment.FAILED, reason)
        assert "send pay" not in sale.done


def test_the_scanner_waits_as_long_as_the_till_asked() -> None:
    sale = Walk()
    sale.payment.scan_timeout_ms = 7000
    sale.hear("start")
    assert sale.payment.deadline_ms == sale.now_ms + 7000
    assert sale.payment.decides_by_ms == sale.now_ms + 7000 + sale.timing.t_decide_ms
    assert sale.deadline().state == payment.FAILED


def test_a_refusal_or_nothing_sent_is_failed_and_told_after_it_is_durable() -> None:
    for at_risk in (paying, inquiring):
        for event, reason in (("refused", "declined"), ("not sent", "not_sent")):
            sale = at_risk().hear((event, {"upstream_code": "X", "message": "words"}))
            assert (sale.state, sale.payment.reason) == (payment.FAILED, reason)
            assert sale.done[-2:] == ["note failed", "tell till"]
            assert (sale.payment.upstream_code, sale.payment.message) == ("X", "words")


def test_an_unknown_answer_a_rumour_and_silence_are_all_asked_about() -> None:
    for event in ("unknown", "silence", "notified other"):
        sale = paying().hear(event)
        assert sale.state == payment.INQUIRING
        assert sale.done[-3:] == ["send inquiry", "wait inquiry", "tell till"]


def test_an_answer_that_adds_nothing_keeps_the_pace_of_the_inquiries() -> None:
    sale = inquiring()
    before_ms = sale.payment.deadline_ms
    sale.wait(1000).hear("unknown", "undecided", "notified other")
    assert (sale.state, sale.payment.deadline_ms) == (payment.INQUIRING, before_ms)


def test_inquiries_come_every_three_seconds_ten_times_and_then_the_cancel_is_decided() -> None:
    sale = paying()
    began_ms = sale.now_ms
    sale.inquire_to_the_last()
    assert sale.inquiries() == 10
    sale.deadline()
    assert sale.now_ms - began_ms == sale.timing.t_answer_ms == 35000
    assert (sale.state, sale.payment.reason) == (payment.CANCELLING, "no_answer")
    assert sale.done[-4:] == ["note cancel", "tell till", "owe cancel", "wait minute"]


def test_an_inquiry_ends_it_each_way() -> None:
    for event, state, reason in (
        ("success", payment.APPROVED, ""),
        ("fail", payment.FAILED, "declined"),
        ("closed", payment.CANCELLED, "cancelled_by_gateway"),
        ("inquiry refused", payment.CANCELLING, "no_answer"),
    ):
        sale = inquiring().hear(event)
        assert (sale.state, sale.payment.reason) == (state, reason)


def test_an_answer_that_cannot_be_trusted_is_named_as_the_reason() -> None:
    sale = paying().hear(("unknown", {"alarm": "signature"}))
    sale.inquire_to_the_last().deadline()
    assert sale.payment.reason == "unverified_answer"


def test_an_approval_that_the_till_does_not_acknowledge_is_cancelled() -> None:
    sale = approved()
    assert sale.payment.decides_by_ms == sale.now_ms + sale.timing.acknowledge_within_ms
    sale.deadline()
    assert (sale.state, sale.payment.reason) == (payment.CANCELLING, "not_acknowledged")


def test_the_till_may_still_cancel_an_approval() -> None:
    sale = approved().hear("till cancel")
    assert (sale.state, sale.payment.reason) == (payment.CANCELLING, "till_cancelled")


def test_an_approval_hears_nothing_that_would_change_it_but_the_till_and_time() -> None:
    for event in ("success", "unknown", "refused", "fail", "closed", "notified other"):
        sale = approved()
        assert sale.hear(event).state == payment.APPROVED
        assert sale.done[-1] == "tell till"


def test_a_paid_payment_stays_paid() -> None:
    sale = approved().hear("acknowledge")
    heard = len(sale.done)
    sale.hear("success", "unknown", "refused", "fail", "closed", "notified other", "restart")
    assert (sale.state, len(sale.done)) == (payment.PAID, heard)


def test_the_first_cancel_leaves_at_once_and_the_next_five_to_ten_seconds_later() -> None:
    sale = cancelling()
    assert sale.payment.lane.next_ms == sale.now_ms
    sale.next_try()
    assert sale.done[-1] == "send cancel"
    assert sale.payment.lane.next_ms is None
    sent_ms = sale.now_ms
    sale.wait(3000).hear("cancel unknown")
    assert sale.payment.lane.next_ms == sent_ms + 3000 + sale.timing.retry_every_ms


def test_a_cancel_done_is_durable_before_it_is_told() -> None:
    for owing in OWING:
        sale = owing().next_try().hear("cancel done")
        assert sale.state == payment.CANCELLED
        assert sale.done[-2:] == ["note closed", "tell till"]


def test_after_a_minute_a_person_is_called_and_the_cancel_waits_in_flash() -> None:
    sale = cancelling()
    sale.deadline()
    assert sale.state == payment.CANCEL_QUEUED
    assert sale.done[-3:] == ["call person", "note queued", "tell till"]
    assert sale.payment.deadline_ms is None


def test_an_unknown_order_closes_only_a_cancel_that_left_late_enough() -> None:
    for owing in OWING:
        sale = owing()
        shut_ms = sale.payment.pay_closed_ms or 0
        sale.now_ms = shut_ms + sale.timing.pay_in_flight_max_ms - 1
        sale.payment.lane.next_ms = sale.now_ms
        before = sale.state
        sale.next_try().wait(5000).hear("no such order")
        assert sale.state == before
        assert sale.done[-1] == "owe cancel"
        assert sale.next_try().hear("no such order").state == payment.CANCELLED


def test_an_open_pay_socket_never_lets_an_unknown_order_close_the_cancel() -> None:
    sale = paying().hear("till cancel").wait(10**9).next_try().hear("no such order")
    assert sale.state == payment.CANCELLING


def test_a_payment_that_antom_named_cannot_turn_out_never_to_have_existed() -> None:
    sale = approved().hear("till cancel").wait(10**6)
    sale.next_try().hear("no such order")
    assert sale.state == payment.CANCELLING


def test_a_pay_that_never_left_needs_no_cancel() -> None:
    for owing in (cancelling, cancel_queued, needs_attention):
        assert owing().hear("not sent").state == payment.CANCELLED


def test_a_refused_cancel_is_looked_into_before_anything_is_concluded() -> None:
    for owing in OWING:
        for refusal, question in (
            ("window closed", "send window check"),
            ("status refuses", "send status check"),
        ):
            sale = owing().next_try().hear(refusal)
            assert sale.done[-1] == question
            before = sale.state
            assert sale.hear("check unknown").state == before
            assert sale.done[-1] == "owe cancel"
        assert owing().next_try().hear("window closed", "check closed").state == payment.CANCELLED
        assert owing().next_try().hear("window closed", "check returned").state == payment.RETURNED


def test_past_the_window_the_money_goes_back_by_a_refund_that_is_durable_first() -> None:
    for owing in OWING:
        sale = owing().next_try()
        sale.hear("window closed", ("window check success", {"antom_payment_id": ANTOM_ID}))
        assert (sale.state, sale.payment.reason) == (payment.REFUNDING, "refunded_instead")
        assert sale.done[-5:-2] == ["note refund", "tell till", "send refund"]


def test_a_refusal_that_nobody_can_mend_calls_a_person_and_is_tried_again() -> None:
    for owing in (cancelling, cancel_queued):
        for news in (("cancel refused",), ("status refuses", "status check success")):
            sale = owing().next_try().hear(*news)
            assert sale.state == payment.NEEDS_ATTENTION
            assert sale.done[-4:] == ["call person", "note attention", "tell till", "owe cancel"]
            calls = sale.done.count("call person")
            sale.next_try().hear(*news)
            assert sale.done.count("call person") == calls
            assert sale.next_try().hear("cancel done").state == payment.CANCELLED


def test_every_end_of_the_refund_moves_its_payment() -> None:
    for event, state in (
        ("refund done", payment.RETURNED),
        ("refund closed", payment.CANCELLED),
        ("refund refused", payment.NEEDS_ATTENTION),
    ):
        assert refunding().hear(event).state == state


def test_a_refund_that_exceeds_is_looked_into() -> None:
    for answer, state in (
        ("check returned", payment.RETURNED),
        ("check closed", payment.CANCELLED),
        ("check unknown", payment.NEEDS_ATTENTION),
        ("window check success", payment.NEEDS_ATTENTION),
    ):
        sale = refunding().hear("refund exceeds")
        assert sale.done[-1] == "send window check"
        assert sale.hear(answer).state == state


def test_money_after_a_no_calls_a_person_and_is_cancelled() -> None:
    for no in (paying().hear("refused"), cancelling().next_try().hear("cancel done")):
        reason = no.payment.reason
        no.hear(("success", {"antom_payment_id": ANTOM_ID}))
        assert no.state == payment.CANCELLING
        assert no.done[-5:-3] == ["call person", "note cancel"]
        assert no.payment.reason == reason


def test_a_restart_resumes_what_flash_says() -> None:
    for begun, state, first in (
        (paying, payment.CANCELLING, "note cancel"),
        (inquiring, payment.CANCELLING, "note cancel"),
        (approved, payment.CANCELLING, "note cancel"),
        (cancelling, payment.CANCELLING, "tell till"),
        (cancel_queued, payment.CANCEL_QUEUED, "tell till"),
        (needs_attention, payment.NEEDS_ATTENTION, "tell till"),
    ):
        sale = begun().power_cut()
        assert sale.state == state
        assert sale.since_power()[0] == first
        assert sale.payment.lane.next_ms == sale.now_ms
        assert sale.payment.pay_closed_ms == sale.now_ms
    assert paying().power_cut().payment.reason == "restarted"


def test_a_restart_while_the_scanner_waits_ends_the_payment() -> None:
    sale = Walk().hear("start").process_death()
    assert (sale.state, sale.payment.reason) == (payment.FAILED, "restarted")


def test_a_restart_while_the_money_goes_back_resumes_the_refund() -> None:
    sale = refunding().power_cut()
    assert sale.state == payment.REFUNDING
    assert sale.next_refund_try().done[-1] == "send refund inquiry"


def test_an_end_stays_an_end() -> None:
    for ended in (
        paying().hear("refused"),
        cancelling().next_try().hear("cancel done"),
        refunding().hear("refund done"),
        approved().hear("acknowledge"),
    ):
        state = ended.state
        assert ended.hear("restart", "notified other", "unknown").state == state


def fault_of(state: str, event: str) -> "IllegalEvent | None":
    try:
        pick(payment.ROWS, payment.IGNORED, state, event, bool)
    except IllegalEvent as fault:
        return fault
    return None


def test_what_a_state_cannot_hear_is_a_bug() -> None:
    for state, event in ((payment.NEW, "acknowledge"), (payment.PAID, "till cancel")):
        fault = fault_of(state, event)
        assert fault is not None
        assert (fault.state, fault.event) == (state, event)
        assert event in str(fault)


def test_every_way_to_a_no_has_its_reason() -> None:
    for state, event, _, after, _ in payment.ROWS:
        if state in payment.UNDECIDED and after not in payment.UNDECIDED and after != payment.PAID:
            assert event in payment.REASONS


def test_no_pair_is_both_a_row_and_ignored() -> None:
    pairs = [row[:2] for row in payment.ROWS]
    assert [pair for pair in payment.IGNORED if pair in pairs] == []
    assert len(set(payment.IGNORED)) == len(payment.IGNORED)


def test_a_faster_clock_changes_no_order() -> None:
    sale = Walk(Timing().scaled(0.01)).hear("start", "code")
    began_ms = sale.now_ms
    sale.inquire_to_the_last().deadline()
    assert sale.now_ms - began_ms == 350
    assert sale.state == payment.CANCELLING


def test_a_payment_shows_its_id_and_state() -> None:
    assert payment.WAITING in repr(Walk().hear("start").payment)
