"""What every measurement shares: a row of the table, and the middle of many samples.

A file `bench_SUBJECT.py` here has `run() -> list[Row]`; `python -m bench` in `tests` runs them all.
"""


class Row:
    """One figure: `what` is measured, against which `reference`, the `figure` it has to keep, the
    value `measured` (with its unit, for people), and whether it `held`."""

    def __init__(self, what: str, reference: str, figure: str, measured: str, held: bool) -> None:
        self.what = what
        self.reference = reference
        self.figure = figure
        self.measured = measured
        self.held = held

    def cells(self) -> tuple[str, str, str, str, str]:
        return (
            self.what,
            self.reference,
            self.figure,
            self.measured,
            "yes" if self.held else "MISSED",
        )


def median(samples: list[float]) -> float:
    """The p50 of the samples: the lower of the two middle ones."""
    return sorted(samples)[(len(samples) - 1) // 2]


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table, its columns aligned."""
    lines = [("what", "reference in the same run", "figure", "measured", "held")]
    lines += [row.cells() for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    shown = [_line(line, widths) for line in lines]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(shown)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"
