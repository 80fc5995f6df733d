from tilld_core import refund
from tilld_core.machine import IllegalEvent
from tilld_testkit.walk import ANTOM_ID, Walk, approved, refunding


def sending() -> Walk:
    return approved().hear("acknowledge").ask_refund()


def locating() -> Walk:
    return approved().hear("acknowledge").ask_refund(antom_payment_id="")


def resuming() -> Walk:
    return sending().next_refund_try().power_cut()


def queued() -> Walk:
    return sending().next_refund_try().refund_hears("refund unknown", "minute over")


def needs_attention() -> Walk:
    return sending().next_refund_try().refund_hears("refund disputed")


ASKING = (resuming, queued, needs_attention)


def state_of(walk: Walk) -> str:
    assert walk.refund is not None
    return walk.refund.state


def lane_due_ms(walk: Walk) -> int:
    assert walk.refund is not None
    assert walk.refund.lane.next_ms is not None
    return walk.refund.lane.next_ms


def test_a_refund_is_durable_before_its_first_byte_and_done_before_it_is_told() -> None:
    walk = sending()
    begun = walk.done.index("note requested")
    walk.next_refund_try()
    walk.refund_hears(("refund done", {"antom_refund_id": "R1", "refunded_at": "then"}))
    assert walk.done[begun:] == [
        "note requested",
        "tell till",
        "owe refund",
        "wait minute",
        "send refund",
        "note refunded",
        "tell till",
    ]
    assert state_of(walk) == refund.REFUNDED
    assert walk.refund is not None
    assert (walk.refund.antom_refund_id, walk.refund.refunded_at) == ("R1", "then")


def test_antoms_id_is_asked_for_first_when_it_is_not_known() -> None:
    walk = locating().next_refund_try()
    assert walk.done[-1] == "send locate"
    walk.refund_hears("locate unknown").next_refund_try()
    walk.refund_hears(("located", {"antom_payment_id": ANTOM_ID}))
    assert state_of(walk) == refund.SENDING
    assert walk.refund is not None
    assert walk.refund.antom_payment_id == ANTOM_ID
    assert lane_due_ms(walk) == walk.now_ms
    assert walk.next_refund_try().done[-1] == "send refund"


def test_what_cannot_be_refunded_is_refused() -> None:
    walk = locating().next_refund_try().refund_hears("not refundable")
    assert state_of(walk) == refund.REFUSED
    assert walk.refund is not None
    assert walk.refund.reason == "declined"


def test_a_payment_not_found_in_a_minute_calls_a_person_once_and_goes_on() -> None:
    walk = locating().next_refund_try().refund_hears("minute over")
    assert walk.done[-2:] == ["call person", "tell till"]
    assert walk.refund is not None
    assert walk.refund.deadline_ms is None
    assert state_of(walk.refund_hears("locate unknown")) == refund.LOCATING


def test_a_refund_that_was_located_once_is_asked_about_after_a_power_cut() -> None:
    walk = locating().next_refund_try()
    walk.refund_hears(("located", {"antom_payment_id": ANTOM_ID})).next_refund_try()
    walk.power_cut()
    assert state_of(walk) == refund.RESUMING
    assert walk.next_refund_try().done[-1] == "send refund inquiry"


def test_a_refund_not_located_yet_looks_again_after_a_power_cut() -> None:
    walk = locating().next_refund_try().power_cut()
    assert state_of(walk) == refund.LOCATING
    assert walk.next_refund_try().done[-1] == "send locate"


def test_not_one_byte_of_the_tills_first_try_is_a_refusal() -> None:
    walk = sending().next_refund_try().refund_hears("refund not sent")
    assert state_of(walk) == refund.REFUSED
    assert walk.refund is not None
    assert walk.refund.reason == "not_sent"


def test_not_one_byte_of_a_later_try_says_nothing_about_the_first() -> None:
    walk = sending().next_refund_try().refund_hears("refund unknown")
    walk.next_refund_try().refund_hears("refund not sent")
    assert state_of(walk) == refund.SENDING


def test_a_refund_in_place_of_a_cancel_is_never_given_up_for_want_of_a_route() -> None:
    walk = refunding().next_refund_try().refund_hears("refund not sent")
    assert state_of(walk) == refund.SENDING
    assert walk.done[-1] == "owe refund"


def test_the_same_refund_is_repeated_five_seconds_after_its_answer_is_missed() -> None:
    walk = sending().next_refund_try().refund_hears("refund unknown")
    assert lane_due_ms(walk) == walk.now_ms + walk.timing.retry_every_ms
    assert walk.next_refund_try().done[-1] == "send refund"


def test_after_a_minute_a_person_is_called_and_antom_is_asked_before_each_repeat() -> None:
    for walk in (sending().next_refund_try(), resuming()):
        walk.refund_hears("refund unknown", "minute over")
        assert state_of(walk) == refund.QUEUED
        assert walk.done[-3:] == ["call person", "note queued", "tell till"]
        assert walk.next_refund_try().done[-1] == "send refund inquiry"


def test_only_what_antom_did_not_know_three_times_in_45_seconds_is_sent_again() -> None:
    for asking in ASKING:
        walk = asking()
        for _ in range(2):
            walk.next_refund_try().refund_hears("not found")
            assert walk.done[-1] == "owe refund"
            assert lane_due_ms(walk) == walk.now_ms + 15000
        walk.next_refund_try().refund_hears("not found")
        assert walk.done[-1] == "send refund"
        walk.refund_hears("refund unknown").next_refund_try().refund_hears("not found")
        assert walk.done[-1] == "owe refund"


def test_what_antom_found_ends_it_or_is_waited_for() -> None:
    for asking in ASKING:
        for event, state in (
            ("found done", refund.REFUNDED),
            ("refund done", refund.REFUNDED),
            ("found failed", refund.REFUSED),
        ):
            assert state_of(asking().next_refund_try().refund_hears(event)) == state
        for event in ("found processing", "refund unknown", "refund not sent"):
            walk = asking()
            state = state_of(walk)
            assert state_of(walk.next_refund_try().refund_hears(event)) == state
            assert walk.done[-1] == "owe refund"


def test_the_refusal_of_the_only_try_is_final() -> None:
    walk = sending().next_refund_try().refund_hears("refund refused")
    assert state_of(walk) == refund.REFUSED
    late = sending().next_refund_try().refund_hears("minute over", "refund refused")
    assert state_of(late) == refund.REFUSED


def test_the_refusal_of_a_repeat_says_nothing_of_the_first_and_is_asked_about_at_once() -> None:
    in_time = ("refund refused",)
    for events, state in ((in_time, refund.RESUMING), (("minute over",) + in_time, refund.QUEUED)):
        for found, end in (("found done", refund.REFUNDED), ("found failed", refund.REFUSED)):
            walk = sending().next_refund_try().refund_hears("refund unknown").next_refund_try()
            walk.refund_hears(*events)
            assert state_of(walk) == state
            assert lane_due_ms(walk) == walk.now_ms
            assert walk.next_refund_try().done[-1] == "send refund inquiry"
            assert state_of(walk.refund_hears(found)) == end


def test_a_refusal_is_final_once_antom_did_not_know_of_any_try_before() -> None:
    walk = sending().next_refund_try().refund_hears("refund unknown").next_refund_try()
    walk.refund_hears("refund refused")
    for _ in range(3):
        walk.next_refund_try().refund_hears("not found")
    assert walk.done[-1] == "send refund"
    assert state_of(walk.refund_hears("refund refused")) == refund.REFUSED


def test_a_disputed_refund_calls_a_person_once_and_is_asked_about() -> None:
    for begun in (sending, resuming, queued):
        walk = begun().next_refund_try().refund_hears("refund disputed")
        assert state_of(walk) == refund.NEEDS_ATTENTION
        assert walk.done[-4:] == ["call person", "note attention", "tell till", "owe refund"]
        calls = walk.done.count("call person")
        assert walk.refund_hears("refund disputed").done.count("call person") == calls


def test_a_restart_resumes_what_flash_says() -> None:
    for begun, state in (
        (sending, refund.RESUMING),
        (queued, refund.QUEUED),
        (needs_attention, refund.NEEDS_ATTENTION),
    ):
        walk = begun().power_cut()
        assert state_of(walk) == state
        assert lane_due_ms(walk) == walk.now_ms


def test_an_ended_refund_hears_a_stray_try_and_a_restart_in_peace() -> None:
    for end in ("refund done", "refund refused"):
        walk = sending().next_refund_try().refund_hears(end)
        heard = len(walk.done)
        walk.refund_hears("try", "restart")
        assert len(walk.done) == heard


def test_a_refund_that_replaced_a_cancel_without_antoms_id_asks_for_it() -> None:
    walk = approved().hear("till cancel")
    walk.payment.antom_payment_id = ""
    walk.next_try().hear("window closed", "window check success")
    assert state_of(walk) == refund.LOCATING
    assert walk.next_refund_try().done[-1] == "send locate"


def test_words_of_the_answer_are_kept() -> None:
    walk = sending().next_refund_try()
    walk.refund_hears(("refund refused", {"upstream_code": "X", "message": "words"}))
    assert walk.refund is not None
    assert (walk.refund.upstream_code, walk.refund.message) == ("X", "words")
    assert refund.REFUSED in repr(walk.refund)


def fault_of(walk: Walk, event: str) -> "IllegalEvent | None":
    try:
        walk.refund_hears(event)
    except IllegalEvent as fault:
        return fault
    return None


def test_what_a_state_cannot_hear_is_a_bug() -> None:
    fault = fault_of(sending(), "found done")
    assert fault is not None
    assert (fault.state, fault.event) == (refund.SENDING, "found done")


def test_the_till_sees_four_words() -> None:
    states = list(refund.OPEN + refund.SETTLED)
    states.append(refund.NEW)
    assert sorted(refund.SHOWN) == sorted(states)
    shown = {refund.SHOWN[state] for state in states}
    assert shown == {"refunding", "refunded", "refused", "needs_attention"}


def test_a_number_that_antom_denies_three_times_fifteen_seconds_apart_is_refused() -> None:
    walk = locating().next_refund_try()
    assert walk.refund is not None
    told = walk.refund.revision
    walk.refund_hears(("no such payment", {"upstream_code": "ORDER_NOT_EXIST"}))
    assert (state_of(walk), walk.refund.reason) == (refund.LOCATING, "no_such_payment")
    assert walk.refund.revision == told + 1
    assert lane_due_ms(walk) == walk.now_ms + walk.timing.refund_absent_every_ms
    walk.next_refund_try().refund_hears("no such payment")
    assert state_of(walk) == refund.LOCATING
    walk.next_refund_try().refund_hears("no such payment")
    assert (state_of(walk), walk.refund.reason) == (refund.REFUSED, "no_such_payment")
    assert "send refund" not in walk.done


def test_a_payment_that_is_found_after_all_is_refunded_and_its_denials_count_no_more() -> None:
    walk = locating()
    for _ in range(2):
        walk.next_refund_try().refund_hears("no such payment")
    walk.next_refund_try().refund_hears(("located", {"antom_payment_id": ANTOM_ID}))
    assert walk.refund is not None
    assert (state_of(walk), walk.refund.reason) == (refund.SENDING, "")
    assert walk.refund.absent == 0


def test_a_refund_is_written_off_by_its_own_record_and_stays_so() -> None:
    for made in (locating, sending, resuming, queued, needs_attention):
        walk = made()
        assert walk.refund is not None
        walk.refund.written_off_by, walk.refund.written_off_why = "Ada", "typed wrong"
        walk.refund_hears("write off")
        assert walk.done[-2:] == ["note written off", "tell till"]
        walk.power_cut()
        assert walk.refund is not None
        assert (state_of(walk), walk.refund.reason) == (refund.WRITTEN_OFF, "written_off")
        assert (walk.refund.written_off_by, walk.refund.written_off_why) == ("Ada", "typed wrong")
        assert refund.was_never_sent(walk.refund) == (made is locating)


def test_a_return_that_is_confirmed_after_a_write_off_is_shown_to_a_person() -> None:
    for answer in ("refund done", "found done"):
        walk = sending().next_refund_try().refund_hears("write off", answer)
        assert walk.done[-1] == "call about return"
        assert state_of(walk) == refund.WRITTEN_OFF
