"""The simulator's wall clock, which a test may move forward instead of waiting."""

import datetime
import time
from typing import TypeGuard

#: Longer waits and later dates are nobody's: every sum of them stays a date.
MAX_S = 1e9
_LAST_MS = 250_000_000_000_000

#: Antom's zone in the fixtures is never the merchant's (antom-api.md §1.7).
_ANTOM = datetime.timezone(datetime.timedelta(hours=-8))

_EIGHT_HOURS_MS = 8 * 3600 * 1000
_DAY_MS = 24 * 3600 * 1000


class Clock:
    """Milliseconds since 1970, plus what ``POST /_sim/clock`` added."""

    def __init__(self, ahead_ms: int = 0) -> None:
        self.ahead_ms = ahead_ms

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def advance(self, by_ms: int) -> None:
        self.ahead_ms += by_ms


def is_wait(value: object) -> TypeGuard[float]:
    """A number of seconds that one can wait; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_S


def iso8601(at_ms: int) -> str:
    """Second precision with Antom's offset, as in ``response-time`` and in bodies."""
    return datetime.datetime.fromtimestamp(at_ms // 1000, _ANTOM).isoformat()


def from_iso8601(text: str) -> int:
    """Milliseconds since 1970; raises ValueError, also for a time without offset."""
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no offset: {text!r}")
    at_ms = int(moment.timestamp() * 1000)
    if not 0 <= at_ms <= _LAST_MS:
        raise ValueError(f"nobody's time: {text!r}")
    return at_ms


def midnight_utc8_after(at_ms: int) -> int:
    """The 00:00 UTC+8 that ends the day of ``at_ms`` (rules.md §2, cancel window)."""
    return ((at_ms + _EIGHT_HOURS_MS) // _DAY_MS + 1) * _DAY_MS - _EIGHT_HOURS_MS
