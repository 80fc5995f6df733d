"""Which owed cancel or refund is tried next, and when.

Every payment has a lane of its own, so one poison entry delays no other (I24).
A lane only ever becomes due earlier by outside news (the network is back, the
till asks for a flush, the cancel window is about to close), never later (I19),
and no lane is ever dropped here (I15): it ends when its table says so.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tilld_core.limits import Timing

    Chance = Callable[[int], int]  # Chance(n) is a random whole number from 0 to n

# Before the window closes a lane is hastened (rules.md §2): once at each of these.
HASTEN_AT_S = (600, 120, 30)


class Lane:
    """When the next try of one owed cancel or refund is due.

    ``next_ms`` is None while nothing is owed or a try is under way. ``window_closes_s`` is
    wall time and only orders and hastens; 0 means unknown. ``hastened``: there was news while a
    try was under way, which may have begun too early for it.
    """

    def __init__(self) -> None:
        self.owed_since_s = 0
        self.window_closes_s = 0
        self.attempts = 0
        self.backed_off = 0
        self.next_ms: int | None = None
        self.under_way = False
        self.hastened = False
        self.last_error = ""


def begin(lane: Lane) -> None:
    """A new debt: its first try is due as soon as it is owed."""
    lane.attempts = 0
    lane.backed_off = 0
    lane.hastened = False


def owe(lane: Lane, now_ms: int, first_minute: bool, timing: "Timing", chance: "Chance") -> None:
    """Sets the next try: at once for a new debt, else after the pause that rules.md §2 gives."""
    lane.under_way = False
    if lane.attempts == 0 or lane.hastened:
        lane.next_ms = now_ms
        lane.hastened = False
    elif first_minute:
        jitter_ms = chance(timing.retry_jitter_ms)
        lane.next_ms = now_ms + timing.retry_every_ms + jitter_ms
    else:
        ceiling_ms = min(timing.back_off_max_ms, timing.back_off_first_ms << lane.backed_off)
        if ceiling_ms < timing.back_off_max_ms:
            lane.backed_off += 1
        lane.next_ms = now_ms + chance(ceiling_ms)


def take(lane: Lane) -> None:
    """A try is under way; the lane is not due again before its answer or silence."""
    lane.under_way = True
    lane.next_ms = None


def sent(lane: Lane) -> None:
    """A request of this lane leaves now."""
    take(lane)
    lane.attempts += 1


def hasten(lane: Lane, now_ms: int) -> None:
    """The network is back, or somebody asked: due now, with the back-off begun anew.

    A try that is under way is left to end, and followed by another at once if it brings nothing.
    """
    lane.backed_off = 0
    lane.hastened = lane.under_way
    if lane.next_ms is not None:
        lane.next_ms = min(lane.next_ms, now_ms)


def hasten_for_window(lane: Lane, now_ms: int, wall_s: int, last_wall_s: int) -> None:
    """Due now if one of the marks before the window's end lies between the two wall times."""
    for mark_s in HASTEN_AT_S:
        if last_wall_s < lane.window_closes_s - mark_s <= wall_s:
            hasten(lane, now_ms)


def due(lanes: "Iterable[Lane]", now_ms: int, slots: int) -> "list[Lane]":
    """The lanes to try now, earliest window first, oldest debt first, at most ``slots``."""
    ready = [lane for lane in lanes if lane.next_ms is not None and lane.next_ms <= now_ms]
    ready.sort(key=lambda lane: (lane.window_closes_s or 1 << 40, lane.owed_since_s))
    return ready[:slots]


def next_ms(lanes: "Iterable[Lane]") -> "int | None":
    """When the earliest lane is due, None when none waits."""
    times = [lane.next_ms for lane in lanes if lane.next_ms is not None]
    return min(times) if times else None
