"""The explorations that are too long for every day: every scene, larger counts, every mutant.

    PYTHONPATH=firmware:hal:daemon:tools:tests python -m tilld_testkit.prove [scenes|counts|mutants]

Prints a line for each and ends with status 1 if a rule broke or a mutant survived.
"""

from __future__ import annotations

import itertools
import multiprocessing
import sys
import time

from tilld_testkit.around import Scene
from tilld_testkit.explore import Report, explore
from tilld_testkit.harmless import HARMLESS
from tilld_testkit.mutants import Mutant, caught, mutants
from tilld_testkit.world import ANY, Weather

WORST = Weather(ANY, ANY, ANY, ANY, ANY, ANY)
COUNTS = (
    Weather(cuts=2, losses=2, duplicates=1),
    Weather(cuts=3, losses=3, duplicates=1),
    Weather(cuts=2, losses=2, duplicates=1, lates=1),
    Weather(cuts=2, losses=1, duplicates=1, lates=1, oddities=1, others=1),
)


def scenes() -> bool:
    """Any number of everything, in every scene, with an Antom that lies and one that does not."""
    fine = True
    for flags in itertools.product((False, True), repeat=4):
        for lies in (0, ANY):
            fine &= _shown(WORST._replace(lies=lies), Scene(*flags), False)
    for unknown_id in (False, True):
        fine &= _shown(WORST, Scene(unknown_id=unknown_id), True)
    return fine


def counts() -> bool:
    """Bounded numbers of disturbances: more worlds, fewer runs."""
    return all([_shown(weather, Scene(), False) for weather in COUNTS])


def _shown(weather: Weather, scene: Scene, asked_for: bool) -> bool:
    began = time.monotonic()
    report = explore(weather, scene=scene, asked_for=asked_for)
    taken_s = time.monotonic() - began
    what = "refund" if asked_for else "payment"
    print(
        f"{what} {tuple(weather)} {tuple(scene)}: {report.worlds} worlds, {report.moves} moves, "
        f"{taken_s:.1f} s",
        flush=True,
    )
    return _without_problems(report)


def _without_problems(report: Report) -> bool:
    for problem in report.problems:
        print(problem.story(), flush=True)
    return not report.problems


def every_mutant() -> bool:
    """Each mutant that is not listed as harmless must be caught, and each harmless one must not."""
    fine = True
    with multiprocessing.Pool() as pool:
        for mutant, rule in pool.imap_unordered(_judged, mutants()):
            if bool(rule) == (mutant.name in HARMLESS):
                fine = False
                print(f"{mutant.name}: {rule or 'survives'}", flush=True)
    return fine


def _judged(mutant: Mutant) -> tuple[Mutant, str]:
    return mutant, caught(mutant)


def main(wanted: list[str]) -> int:
    every = {"scenes": scenes, "counts": counts, "mutants": every_mutant}
    unknown = [name for name in wanted if name not in every]
    if unknown:
        print(f"no such proof: {', '.join(unknown)}; there are: {', '.join(every)}")
        return 2
    held = [every[name]() for name in wanted or every]
    print("every rule holds" if all(held) else "a rule broke, or a mutant was judged wrongly")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
