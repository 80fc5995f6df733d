"""Runs every measurement of this folder and prints one table.

    PYTHONPATH=firmware:hal:daemon:tools:tests python -m bench [SUBJECT ...]

A figure that was missed is printed as missed; the exit status says only whether all could be run.
"""

import importlib
import sys
from pathlib import Path

from bench.bench import Row, table

PREFIX = "bench_"


def subjects() -> list[str]:
    """The subjects that have a file here, in alphabetical order."""
    return sorted(
        file.stem.removeprefix(PREFIX) for file in Path(__file__).parent.glob("bench_*.py")
    )


def main(wanted: list[str]) -> int:
    known = subjects()
    unknown = [subject for subject in wanted if subject not in known]
    if unknown:
        print(f"no such subject: {', '.join(unknown)}; there are: {', '.join(known)}")
        return 2
    rows: list[Row] = []
    for subject in wanted or known:
        rows += importlib.import_module(f"bench.{PREFIX}{subject}").run()
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
