from tilld_core import cancel_queue
from tilld_core.cancel_queue import Lane
from tilld_core.limits import Timing
from tilld_testkit.walk import all_chance, no_chance

TIMING = Timing()
NOON = 1000000


def lane(due_ms: "int | None" = None, closes_s: int = 0, since_s: int = 0) -> Lane:
    made = Lane()
    made.next_ms = due_ms
    made.window_closes_s = closes_s
    made.owed_since_s = since_s
    return made


def missed(made: Lane, first_minute: bool, chance: "cancel_queue.Chance") -> int:
    """The pause after one more try without an answer."""
    cancel_queue.sent(made)
    cancel_queue.owe(made, NOON, first_minute, TIMING, chance)
    assert made.next_ms is not None
    return made.next_ms - NOON


def test_a_new_debt_is_tried_at_once() -> None:
    made = Lane()
    cancel_queue.owe(made, NOON, True, TIMING, all_chance)
    assert made.next_ms == NOON


def test_in_the_first_minute_a_repeat_comes_every_five_to_ten_seconds() -> None:
    assert missed(Lane(), True, no_chance) == 5000
    assert missed(Lane(), True, all_chance) == 10000


def test_the_queue_backs_off_from_ten_seconds_to_five_minutes_with_full_jitter() -> None:
    made = Lane()
    pauses = [missed(made, False, all_chance) for _ in range(8)]
    assert pauses == [10000, 20000, 40000, 80000, 160000, 300000, 300000, 300000]
    assert missed(made, False, no_chance) == 0


def test_a_lane_whose_try_is_under_way_is_not_due() -> None:
    made = lane(NOON)
    cancel_queue.take(made)
    assert (made.under_way, made.attempts) == (True, 0)
    cancel_queue.sent(made)
    assert (made.under_way, made.attempts) == (True, 1)
    cancel_queue.hasten(made, NOON)
    assert cancel_queue.due([made], NOON, 1) == []
    assert cancel_queue.next_ms([made]) is None


def test_an_answer_frees_the_lane() -> None:
    made = lane(NOON)
    cancel_queue.sent(made)
    cancel_queue.owe(made, NOON, True, TIMING, no_chance)
    assert not made.under_way


def test_news_makes_a_lane_due_earlier_and_never_later() -> None:
    made = lane(NOON + 5000)
    made.backed_off = 4
    cancel_queue.hasten(made, NOON)
    assert (made.next_ms, made.backed_off) == (NOON, 0)
    cancel_queue.hasten(made, NOON + 1)
    assert made.next_ms == NOON


def test_news_while_a_try_is_under_way_brings_the_next_one_at_once_and_once() -> None:
    made = lane(NOON)
    cancel_queue.sent(made)
    cancel_queue.hasten(made, NOON)
    cancel_queue.owe(made, NOON + 3000, False, TIMING, all_chance)
    assert made.next_ms == NOON + 3000
    assert missed(made, False, all_chance) == 10000


def test_a_new_debt_has_heard_no_news() -> None:
    made = lane(NOON)
    cancel_queue.take(made)
    cancel_queue.hasten(made, NOON)
    cancel_queue.begin(made)
    assert not made.hastened


def test_a_lane_is_hastened_ten_minutes_two_minutes_and_half_a_minute_before_its_window() -> None:
    for before_s, hastened in ((601, False), (600, True), (120, True), (30, True), (29, False)):
        made = lane(NOON + 300000, closes_s=10000)
        now_s = 10000 - before_s
        cancel_queue.hasten_for_window(made, NOON, now_s, now_s - 1)
        assert (made.next_ms == NOON) == hastened


def test_a_clock_that_steps_over_the_marks_hastens_and_one_that_steps_back_does_not() -> None:
    made = lane(NOON + 300000, closes_s=10000)
    cancel_queue.hasten_for_window(made, NOON, 9000, 20000)
    assert made.next_ms == NOON + 300000
    cancel_queue.hasten_for_window(made, NOON, 20000, 9000)
    assert made.next_ms == NOON


def test_a_lane_without_a_known_window_is_not_hastened() -> None:
    made = lane(NOON + 5000)
    cancel_queue.hasten_for_window(made, NOON, 10**9, 10**9 - 60)
    assert made.next_ms == NOON + 5000


def test_the_earliest_window_goes_first_then_the_oldest_debt() -> None:
    late = lane(NOON, closes_s=200)
    early = lane(NOON, closes_s=100)
    unknown = lane(NOON, since_s=5)
    older = lane(NOON, since_s=4)
    waiting = lane(NOON + 1, closes_s=1)
    lanes = [unknown, late, waiting, older, early]
    assert cancel_queue.due(lanes, NOON, 9) == [early, late, older, unknown]
    assert cancel_queue.due(lanes, NOON, 2) == [early, late]


def test_a_lane_that_hangs_delays_no_other() -> None:
    hangs, other = lane(NOON, closes_s=1), lane(NOON + 10, closes_s=2)
    cancel_queue.sent(hangs)
    assert cancel_queue.due([hangs, other], NOON + 10, 1) == [other]


def test_the_next_look_is_when_the_earliest_lane_is_due() -> None:
    assert cancel_queue.next_ms([lane(7), lane(3), lane()]) == 3
    assert cancel_queue.next_ms([]) is None
