"""A clock that nobody has set takes its time from Antom's first signed answer (rules.md §2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tilld_antom.client import Account, Antom
from tilld_daemon.direct import set_by_peer
from tilld_hal.clock import BUILT_MS
from tilld_hal.drivers.clock_dummy import DummyClock
from tilld_testkit.antom_ends import (
    ANTOMS,
    CLIENT_ID,
    OURS,
    SHOP,
    Answered,
    Peer,
    Sent,
    result,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DAY_MS = 86_400_000
NEVER_SET_MS = 0
ANSWERED_AT = "2026-11-25T18:30:06+01:00"
ANSWERED_MS = 1_795_627_806_000


def answered(sent: Sent, time: str = ANSWERED_AT, signs: bool = True) -> Answered:
    content = result("F", "ORDER_NOT_EXIST")
    signature = ANTOMS.sign(sent.path, CLIENT_ID, time, content) if signs else "none"
    headers = {"client-id": CLIENT_ID, "response-time": time, "signature": signature}
    return Answered(content, headers)


def asked(clock: DummyClock, answer: Callable[[Sent], Answered]) -> list[str]:
    """One call of a client with this clock; who was told that it is set."""
    told: list[str] = []
    heard = set_by_peer(clock, lambda: told.append("set"))
    account = Account("https://antom.test", CLIENT_ID)
    Antom(Peer(answer), account, SHOP, OURS, clock.wall_ms, heard).cancel("P1", 3.0)
    return told


def test_the_first_signed_answer_sets_a_clock_that_was_never_set() -> None:
    clock = DummyClock(0, NEVER_SET_MS, 0)
    assert not clock.trusted()
    assert asked(clock, answered) == ["set"]
    assert clock.trusted()
    assert clock.wall_ms() == ANSWERED_MS


def test_a_later_answer_moves_it_no_more() -> None:
    clock = DummyClock(0, NEVER_SET_MS, 0)
    asked(clock, answered)
    asked(clock, lambda sent: answered(sent, "2031-01-01T00:00:00Z"))
    assert clock.wall_ms() == ANSWERED_MS


def test_a_clock_that_is_set_is_left_alone() -> None:
    clock = DummyClock(0, BUILT_MS + DAY_MS, 0)
    asked(clock, answered)
    assert clock.wall_ms() == BUILT_MS + DAY_MS


def test_a_clock_that_something_else_has_set_is_said_to_be_set_once() -> None:
    told: list[str] = []
    heard = set_by_peer(DummyClock(0, BUILT_MS + DAY_MS, 0), lambda: told.append("set"))
    heard(ANSWERED_MS)
    heard(ANSWERED_MS)
    assert told == ["set"]


def test_an_answer_that_antom_did_not_sign_sets_nothing() -> None:
    clock = DummyClock(0, NEVER_SET_MS, 0)
    assert asked(clock, lambda sent: answered(sent, signs=False)) == []
    assert not clock.trusted()


def test_a_time_before_this_release_or_none_at_all_sets_nothing() -> None:
    for time in ("2020-01-01T00:00:00Z", "yesterday", ""):
        clock = DummyClock(0, NEVER_SET_MS, 0)
        assert asked(clock, lambda sent, time=time: answered(sent, time)) == []  # type: ignore[misc]
        assert not clock.trusted()
