"""The clocks: time never steps back below what was known, and chance is no repeat."""

import time

from tilld_hal import catalogue
from tilld_hal.clock import BUILT_MS
from tilld_hal.drivers.clock_dummy import DummyClock
from tilld_hal.drivers.clock_linux import LinuxClock

DAY_MS = 86_400_000


def dummy(**settings: object) -> DummyClock:
    clock: DummyClock = catalogue.open_driver("clock", "dummy", settings)
    return clock


def linux() -> LinuxClock:
    clock: LinuxClock = catalogue.open_driver("clock", "linux", {})
    return clock


def test_an_rtc_at_1970_gives_the_build_time_and_no_trust() -> None:
    clock = dummy(rtc_ms=0)
    assert clock.wall_ms() == BUILT_MS
    assert not clock.trusted()


def test_an_rtc_past_the_build_time_is_trusted() -> None:
    clock = dummy(rtc_ms=BUILT_MS + DAY_MS)
    assert clock.wall_ms() == BUILT_MS + DAY_MS
    assert clock.trusted()


def test_the_last_durable_time_moves_the_clock_but_earns_no_trust() -> None:
    clock = dummy(rtc_ms=0)
    clock.advance_wall(BUILT_MS + DAY_MS)
    assert clock.wall_ms() == BUILT_MS + DAY_MS
    assert not clock.trusted()


def test_a_verified_peer_earns_trust_and_the_time_runs_on_from_there() -> None:
    clock = dummy(rtc_ms=0)
    clock.advance_wall(BUILT_MS + DAY_MS, True)
    clock.pass_ms(5000)
    assert clock.wall_ms() == BUILT_MS + DAY_MS + 5000
    assert clock.trusted()


def test_an_earlier_time_changes_nothing() -> None:
    clock = dummy(rtc_ms=0)
    clock.advance_wall(BUILT_MS + DAY_MS)
    clock.advance_wall(BUILT_MS)
    assert clock.wall_ms() == BUILT_MS + DAY_MS


def test_an_rtc_that_steps_back_falls_no_further_than_what_is_known() -> None:
    clock = dummy(rtc_ms=BUILT_MS + 2 * DAY_MS)
    clock.advance_wall(BUILT_MS + DAY_MS)
    clock.step_rtc(-400 * DAY_MS)
    assert clock.wall_ms() == BUILT_MS + DAY_MS
    assert clock.monotonic_ms() == 0


def test_a_seed_repeats_chance_and_another_does_not() -> None:
    first, again, other = dummy(seed=7), dummy(seed=7), dummy(seed=8)
    drawn = first.random_bytes(48)
    assert len(drawn) == 48
    assert again.random_bytes(48) == drawn
    assert other.random_bytes(48) != drawn
    assert first.random_bytes(48) != drawn


def test_linux_time_is_at_least_the_build_time_and_what_it_was_given() -> None:
    clock = linux()
    rtc_ms = time.time_ns() // 1_000_000
    assert clock.wall_ms() >= max(rtc_ms, BUILT_MS)
    clock.advance_wall(rtc_ms + DAY_MS)
    assert clock.wall_ms() >= rtc_ms + DAY_MS
    clock.advance_wall(0)
    assert clock.wall_ms() >= rtc_ms + DAY_MS


def test_linux_trusts_its_rtc_only_past_the_build_time() -> None:
    clock = linux()
    assert clock.trusted() == (time.time_ns() // 1_000_000 > BUILT_MS)
    clock.advance_wall(0, True)
    assert clock.trusted()


def test_linux_monotonic_time_is_the_boot_clock() -> None:
    clock = linux()
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    now = clock.monotonic_ms()
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    assert before <= now <= after


def test_linux_chance_is_as_long_as_asked_and_never_the_same() -> None:
    clock = linux()
    drawn = {clock.random_bytes(12) for _ in range(1000)}
    assert len(drawn) == 1000
    assert {len(some) for some in drawn} == {12}
