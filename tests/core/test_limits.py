from tilld_core import limits
from tilld_core.limits import Timing


def test_the_totals_are_those_of_the_rules() -> None:
    usual, longest = Timing(), Timing(inquiries=20)
    assert (usual.t_answer_ms, longest.t_answer_ms) == (35000, 65000)
    assert (usual.t_decide_ms, longest.t_decide_ms) == (95000, 125000)
    assert (usual.t_cancel_ms, longest.t_cancel_ms) == (95000, 125000)


def test_every_setting_has_a_field_a_default_inside_its_bounds_and_a_sentence() -> None:
    timing = Timing()
    for name, smallest, largest, sentence in limits.NUMBERS:
        if name.endswith("_s"):
            value = getattr(timing, name[:-2] + "_ms") // 1000
        else:
            value = getattr(timing, name)
        assert smallest <= value <= largest, name
        assert sentence


def test_fields_and_arguments_stand_in_the_same_order() -> None:
    numbers = list(range(1, len(Timing.FIELDS) + 1))
    timing = Timing(*numbers)
    assert [getattr(timing, name) for name in Timing.FIELDS] == numbers


def test_a_factor_applies_to_times_and_not_to_counts() -> None:
    fast = Timing(retry_jitter_ms=0).scaled(0.01)
    assert fast.pay_answer_ms == 50
    assert fast.till_left_after_ms == 100
    assert fast.inquiries == 10
    assert fast.retry_jitter_ms == 0
    assert fast.t_answer_ms == 350
    assert Timing().scaled(0.000001).pay_answer_ms == 1


def test_a_device_runs_with_the_defaults() -> None:
    assert limits.refusal_of_device(Timing()) == ""


def test_a_device_refuses_numbers_that_contradict_and_prints_both() -> None:
    assert limits.refusal_of_device(Timing(retry_every_ms=8000)) == (
        "retry_every_s + retry_jitter_s (13 s) must be at most the seed's bound (10 s)"
    )
    assert limits.refusal_of_device(Timing(answer_within_ms=4000)) == (
        "answer_within_s (4 s) must be at most inquiry_every_s (3 s)"
    )
    assert limits.refusal_of_device(Timing(back_off_first_ms=20000, back_off_max_ms=10500)) == (
        "back_off_first_s (20 s) must be at most back_off_max_s (10500 ms)"
    )


def test_a_forward_gateway_waits_longer_than_its_device() -> None:
    assert limits.refusal_of_forward(Timing(), 130000, 190000) == ""
    assert limits.refusal_of_forward(Timing(), 95000, 190000) == (
        "t_decide (95 s) must be less than the gateway's timeout (95 s)"
    )
    assert limits.refusal_of_forward(Timing(acknowledge_within_ms=10000), 95000, 190000) == (
        "t_cancel (95 s) must be less than the gateway's timeout (95 s)"
    )
    assert limits.refusal_of_forward(Timing(), 130000, 180000) == (
        "order_code_within_s + 60 s (180 s) must be less than "
        "the gateway's timeout for an order code (180 s)"
    )


def test_a_rest_gateway_decides_before_its_device_and_delivers_after_it() -> None:
    assert limits.refusal_of_rest(35000, 45000, 60000, 75000, 60000) == ""
    assert limits.refusal_of_rest(65000, 75000, 90000, 75000, 60000) == ""
    assert limits.refusal_of_rest(45000, 45000, 60000, 75000, 60000) == (
        "the gateway's t_answer (45 s) must be less than the gateway's rest_timeout_s (45 s)"
    )
    assert limits.refusal_of_rest(35000, 60000, 60000, 75000, 60000) == (
        "the gateway's rest_timeout_s (60 s) must be less than the device's wait (60 s)"
    )
    assert limits.refusal_of_rest(35000, 45000, 60000, 60000, 60000) == (
        "acknowledge_within_s (60 s) must be less than the gateway's deliver_within_s (60 s)"
    )
