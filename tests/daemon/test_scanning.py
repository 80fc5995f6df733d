"""Which codes are taken, and the trigger that bounces (rules.md §5 and §6)."""

import pytest

from tilld_daemon.scanning import Codes
from tilld_daemon.settings import Code
from tilld_hal.drivers import clock_dummy

CODE = "281006020000000000125733"
SAME_WITHIN_MS = 90_000
SETTINGS = Code(
    prefixes=("25", "26", "27", "28", "29", "30"), lengths=(16, 32), not_payment=("2999",)
)


@pytest.fixture
def clock():
    return clock_dummy.open_device()


@pytest.fixture
def codes(clock):
    return Codes(SETTINGS, SAME_WITHIN_MS, clock)


def test_a_payment_code_is_taken(codes):
    assert codes.refusal(CODE) == ""


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "could not be read"),
        ("4006381333931", "product"),
        ("6212345678901234567", "UnionPay"),
        ("2810060200", "short"),
        (CODE * 2, "long"),
        ("2999060200000000", "shop's own"),
        ("https://example.com", "digits"),
    ],
)
def test_anything_else_is_refused_in_words_for_the_cashier(codes, text, word):
    assert word in codes.refusal(text)
    assert not text or text not in codes.refusal(text)


def test_the_same_code_is_no_second_payment_for_90_seconds(codes, clock):
    codes.use(CODE, "P1")
    assert "fresh" in codes.refusal(CODE)
    clock.pass_ms(SAME_WITHIN_MS)
    assert "fresh" in codes.refusal(CODE)
    clock.pass_ms(1)
    assert codes.refusal(CODE) == ""


def test_another_code_is_free_meanwhile(codes):
    codes.use(CODE, "P1")
    assert codes.refusal(CODE[:-1] + "4") == ""


def test_a_code_of_which_nothing_was_sent_may_be_shown_again(codes):
    codes.use(CODE, "P1")
    codes.give_back_of("P2")
    assert codes.refusal(CODE) != ""
    codes.give_back_of("P1")
    assert codes.refusal(CODE) == ""


def test_a_code_that_was_dropped_for_another_one_may_be_shown_again_and_the_other_may_not(codes):
    other = CODE[:-1] + "4"
    codes.use(CODE, "P1")
    codes.use(other, "P1")
    codes.give_back(other)
    assert codes.refusal(other) == ""
    assert "fresh" in codes.refusal(CODE)


def test_a_wall_clock_that_jumps_changes_nothing(codes, clock):
    codes.use(CODE, "P1")
    clock.step_rtc(365 * 86400 * 1000)
    assert "fresh" in codes.refusal(CODE)


def test_no_code_is_kept_as_it_is(codes):
    """I31."""
    codes.use(CODE, "P1")
    assert CODE not in repr(vars(codes))
    assert CODE.encode() not in b"".join(codes._used)


def test_what_is_long_past_is_forgotten(codes, clock):
    for number in range(50):
        codes.use(f"28{number:020d}", f"P{number}")
        clock.pass_ms(SAME_WITHIN_MS)
    assert len(codes._used) <= 2
