"""The steps of `tools/test` and `tools/prove`: what runs, how long it may, how it is counted.

Nothing is skipped on the quiet: a skipped test, a step without a test, a step that can't start and
a step that reaches its limit each count as a failure.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tilld_house import debian, environment, micropython
from tilld_house.commands import Unprepared
from tilld_house.paths import CACHE, MICROPYTHON, PYTHON, ROOT

BIN = PYTHON.parent
SHOWN_LINES = 300


class Tally(NamedTuple):
    passed: int
    failed: int


class Step(NamedTuple):
    """One programme. `junit` is where pytest leaves its counts; else the exit status is one test,
    unless the last line says "N passed, N failed"."""

    name: str
    command: tuple[str | Path, ...]
    limit_s: float
    junit: bool = False
    needs_machine: bool = False
    more: tuple[tuple[str, str], ...] = ()  # environment variables of its own


def _pytest(name: str, limit_s: float, *words: str) -> Step:
    return Step(name, (PYTHON, "-m", "pytest", "-q", *words), limit_s, True, True)


STEPS = (
    Step("format", (BIN / "ruff", "format", "--check", "."), 60),
    Step("lint", (BIN / "ruff", "check", "."), 60),
    Step("types", (BIN / "mypy",), 240),
    Step("imports", (BIN / "lint-imports", "--cache-dir", CACHE / "imports"), 60),
    _pytest("tidy", 60, "tests/test_tidy.py", "tests/test_wheel.py"),
    _pytest("unit", 240, "-n2", "tests/core", "tests/hal", "tests/daemon", "tests/tools"),
    Step("portable", (MICROPYTHON, "tests/run_portable.py", "tests/core"), 120, False, True),
    _pytest("model", 240, "-n2", "tests/model"),
    _pytest("power", 180, "-n2", "tests/power"),
    _pytest("system", 300, "-n2", "--dist", "loadfile", "tests/system"),
)

PROVE = (PYTHON, "-m", "tilld_testkit.prove")
TESTS = (("PYTHONPATH", str(ROOT / "tests")),)

# The long forms of what STEPS holds in short; a quarter of an hour, so not for every day.
PROOFS = (
    Step("scenes", (*PROVE, "scenes"), 1200, more=TESTS),
    Step("counts", (*PROVE, "counts"), 1200, more=TESTS),
    Step("mutants", (*PROVE, "mutants"), 1800, more=TESTS),
    _pytest("usb", 600, "tests/usb"),
    Step(
        "kill",
        (PYTHON, "-m", "pytest", "-q", "tests/system/test_power_and_kill.py"),
        1800,
        True,
        True,
        (("TILLD_TEST_LIVES", "500"),),
    ),
)

MACHINE: tuple[tuple[str, Callable[[], object]], ...] = (
    ("debian", debian.prepare),
    ("micropython", micropython.prepare),
    ("sdk", environment.prepare_sdk),
)


def main(name: str, steps: tuple[Step, ...], words: list[str]) -> int:
    """The command: all steps, the named ones, or their names. The exit status."""
    names = [step.name for step in steps]
    if words == ["--list"]:
        print("\n".join(names))
        return 0
    unknown = [word for word in words if word not in names]
    if unknown:
        print(f"{name}: no such step: {' '.join(unknown)}; there are: {' '.join(names)}")
        return 2
    return 0 if run_all(steps, words) else 1


def run_all(steps: tuple[Step, ...], names: list[str]) -> bool:
    """Runs the named steps (all when empty), each to its end; True when nothing failed."""
    chosen = [step for step in steps if not names or step.name in names]
    total = [_prepared("environment", environment.prepare)]
    if total[0].failed == 0:
        if any(step.needs_machine for step in chosen):
            total += [_prepared(name, make) for name, make in MACHINE]
        total += [outcome(step) for step in chosen]
    passed = sum(tally.passed for tally in total)
    failed = sum(tally.failed for tally in total)
    print(f"\n{passed} passed, {failed} failed", flush=True)
    return failed == 0


def _prepared(name: str, make: Callable[[], object]) -> Tally:
    """Preparation is told like a step; it adds nothing to the tests that passed."""
    began_s = time.monotonic()
    try:
        make()
    except (Unprepared, OSError) as error:
        _tell(name, Tally(0, 1), time.monotonic() - began_s, str(error))
        return Tally(0, 1)
    _tell(name, Tally(0, 0), time.monotonic() - began_s, "")
    return Tally(0, 0)


def outcome(step: Step) -> Tally:
    """Runs one step, tells how it went, and counts: at least one test, or it failed."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tilld-test-") as scratch:
        junit = Path(scratch, "junit.xml")
        said = Path(scratch, "said.txt")
        words = [str(word) for word in step.command]
        words += [f"--junit-xml={junit}"] if step.junit else []
        status = _finish(words, said, step.limit_s, dict(step.more))
        text = said.read_text(errors="replace")
        counted = _counted_by_pytest(junit) if step.junit else _counted_by_closing_line(text)
    tally = counted or Tally(int(status == 0), 0)
    if tally.failed == 0 and (status != 0 or tally.passed == 0):
        tally = Tally(tally.passed, 1)
    _tell(step.name, tally, time.monotonic() - began_s, text)
    return tally


def _finish(words: list[str], said: Path, limit_s: float, more: dict[str, str]) -> int:
    """The exit status; whatever the step started ends with it."""
    with said.open("w") as out:
        try:
            child = subprocess.Popen(
                words,
                cwd=ROOT,
                env=dict(os.environ) | environment.variables() | more,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            out.write(f"can't start: {error}\n")
            return 127
        try:
            return child.wait(limit_s)
        except subprocess.TimeoutExpired:
            out.write(f"\nstopped: no end after {limit_s:.0f} s\n")
            return 124
        finally:
            _end_group(child.pid)
            child.wait()


def _end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return  # all of it has ended already


def _counted_by_pytest(path: Path) -> Tally | None:
    if not path.exists():
        return None
    suites = list(ElementTree.parse(path).getroot().iter("testsuite"))
    tests, failures, errors, skipped = (
        sum(int(suite.get(key, "0")) for suite in suites)
        for key in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors + skipped
    return Tally(max(0, tests - failed), failed)


def _counted_by_closing_line(text: str) -> Tally | None:
    match = re.search(r"^(\d+) passed, (\d+) failed$", text.rstrip().rpartition("\n")[2])
    return Tally(int(match[1]), int(match[2])) if match else None


def _tell(name: str, tally: Tally, took_s: float, text: str) -> None:
    verdict = "FAILED" if tally.failed else "ok"
    counts = f"{tally.passed} passed, {tally.failed} failed" if sum(tally) else "ready"
    print(f"{verdict:<6}  {name:<12} {took_s:6.1f} s  {counts}", flush=True)
    if tally.failed:
        for line in text.rstrip().splitlines()[-SHOWN_LINES:]:
            print(f"    {line}", flush=True)
