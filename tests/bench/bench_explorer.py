"""How long the explorer takes for the whole space of one payment."""

from __future__ import annotations

import time

from bench.bench import Row
from tilld_testkit.explore import explore
from tilld_testkit.world import Weather

FIGURE_S = 60


def run() -> list[Row]:
    began = time.monotonic()
    report = explore(Weather(cuts=2, losses=2, duplicates=1))
    taken_s = time.monotonic() - began
    return [
        Row(
            "explorer: one payment, 2 power cuts, 2 losses, 1 duplicate",
            "",
            f"<= {FIGURE_S} s",
            f"{taken_s:.1f} s, {report.worlds} worlds, {report.moves} moves",
            taken_s <= FIGURE_S and not report.problems,
        )
    ]
