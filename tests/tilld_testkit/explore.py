"""Every run of the two tables in a world that loses, delays, repeats, lies and cuts power.

Breadth first, so the first run that breaks a rule is a shortest one.  The device is the tables that
run (device.py), the world is written from Antom's documents and from what networks and mains plugs
do (around.py), the rules are rules.md's (invariants.py).
"""

from __future__ import annotations

import gc
from array import array
from typing import TYPE_CHECKING, NamedTuple

from tilld_core import payment, refund
from tilld_core.machine import IllegalEvent
from tilld_testkit.around import Around, Scene
from tilld_testkit.device import PAYMENT, REFUND, Device, Tables
from tilld_testkit.invariants import Broken
from tilld_testkit.world import NEW_REFUND_OF_A_PAID, OFF, Weather, World

if TYPE_CHECKING:
    from tilld_core.machine import Row

NO_END = "I2: no way to an end"


class Problem(NamedTuple):
    """A rule that does not hold, and a shortest run that shows it."""

    sentence: str
    run: tuple[str, ...]

    def story(self) -> str:
        steps = [f"  {number}. {step}" for number, step in enumerate(self.run, 1)]
        return "\n".join([self.sentence, *steps])


class Report(NamedTuple):
    """What one exploration saw. ``taken`` and ``heard`` hold rows and ignored pairs by table."""

    problems: list[Problem]
    worlds: int
    moves: int
    taken: set[tuple[str, Row]]
    heard: set[tuple[str, str, str]]


def explore(
    weather: Weather,
    tables: Tables | None = None,
    scene: Scene | None = None,
    asked_for: bool = False,
    problems_max: int = 1,
) -> Report:
    """The whole space, or what was seen of it until ``problems_max`` problems were found.

    ``asked_for`` explores the till's refund of a paid payment instead of a payment.
    """
    scene = scene or Scene()
    device = Device(tables or Tables(), asked_for, scene.unknown_id)
    first = (NEW_REFUND_OF_A_PAID if asked_for else World())._replace(left=weather)
    search = _Search(device, Around(device, scene), first, problems_max)
    collecting = gc.isenabled()
    gc.disable()  # millions of tuples without a cycle among them
    try:
        search.run()
    finally:
        if collecting:
            gc.enable()
    return Report(search.problems, len(search.worlds), search.moves, device.taken, device.heard)


class _Search:
    def __init__(self, device: Device, around: Around, first: World, problems_max: int) -> None:
        self.device = device
        self.around = around
        self.problems_max = problems_max
        self.problems: list[Problem] = []
        self.worlds = [first]
        self.number = {first: 0}
        self.parents = array("l", [-1])
        self.labels = [("", 0)]
        self.moves = 0
        self.quiet_from = array("l")
        self.quiet_to = array("l")

    def run(self) -> None:
        at = 0
        while at < len(self.worlds) and len(self.problems) < self.problems_max:
            try:
                moves = self.around.of(self.worlds[at])
            except (Broken, IllegalEvent) as fault:
                self._found(str(fault), at, self.around.trying)
                moves = self.around.moves
            self._note(at, moves)
            at += 1
        if len(self.problems) < self.problems_max:
            self._never_ending()

    def _note(self, at: int, moves: list[tuple[str, int, bool, World]]) -> None:
        self.moves += len(moves)
        number = self.number
        for label, dark, quiet, world in moves:
            to = number.get(world)
            if to is None:
                to = len(self.worlds)
                number[world] = to
                self.worlds.append(world)
                self.parents.append(at)
                self.labels.append((label, dark))
            if quiet:
                self.quiet_from.append(at)
                self.quiet_to.append(to)

    def _never_ending(self) -> None:
        """Worlds from which no end is reached by time, arrivals and answers alone.

        Where every world has such a way, every run that is fair to it (whatever may happen again
        and again does happen once) reaches an end: more bad luck is not needed, nor news, nor
        anybody's decision.
        """
        back: dict[int, list[int]] = {}
        for start, to in zip(self.quiet_from, self.quiet_to, strict=True):
            back.setdefault(to, []).append(start)
        ended = [n for n, world in enumerate(self.worlds) if has_ended(world)]
        good = bytearray(len(self.worlds))
        for n in ended:
            good[n] = 1
        while ended:
            for before in back.get(ended.pop(), ()):
                if not good[before]:
                    good[before] = 1
                    ended.append(before)
        lost = good.find(0)
        if lost >= 0:
            self._found(NO_END, lost, "for ever nothing that ends it")

    def _found(self, sentence: str, at: int, last: str) -> None:
        self.problems.append(Problem(sentence, (*self._run_to(at), last)))

    def _run_to(self, at: int) -> list[str]:
        steps = []
        while self.parents[at] >= 0:
            before = self.worlds[self.parents[at]]
            label, dark = self.labels[at]
            steps.append(told(before, self.worlds[at], label, dark))
            at = self.parents[at]
        return steps[::-1]


def told(before: World, after: World, label: str, dark: int) -> str:
    """One step of a run, for people."""
    if label == "power cut":
        return f"{before.state}: power cut"
    step = label if before.state == OFF else f"{before.state}: {label}"
    if dark:
        return f"{step}, power cut after {dark} effect{'s' if dark > 1 else ''}"
    if after.state != before.state:
        return f"{step} -> {after.state}"
    return step


def has_ended(world: World) -> bool:
    """Nothing is owed: the payment is settled or was never begun, and so is its refund."""
    if world.state not in (*payment.SETTLED, payment.NEW):
        return False
    one = world.refund
    return one is None or one.state in (*refund.SETTLED, refund.NEW)


def untaken(reports: list[Report], tables: Tables) -> list[tuple[str, Row]]:
    """Rows that none of these explorations took."""
    taken = set().union(*(report.taken for report in reports))
    rows = [(PAYMENT, row) for row in tables.payment_rows]
    rows += [(REFUND, row) for row in tables.refund_rows]
    return [row for row in rows if row not in taken]


def unheard(reports: list[Report], tables: Tables) -> list[tuple[str, str, str]]:
    """Pairs that the tables ignore and that none of these explorations heard."""
    heard = set().union(*(report.heard for report in reports))
    pairs = [(PAYMENT, *pair) for pair in tables.payment_ignored]
    pairs += [(REFUND, *pair) for pair in tables.refund_ignored]
    return [pair for pair in pairs if pair not in heard]
