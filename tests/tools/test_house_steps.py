"""What `tools/test` counts: nothing passes by not running."""

import sys
from pathlib import Path

import pytest

from tilld_house.paths import PYTHON
from tilld_house.steps import Step, Tally, outcome


def said(code: str) -> Tally:
    return outcome(Step("said", (sys.executable, "-c", code), 30))


def given(folder: Path, code: str) -> Tally:
    file = folder / "test_given.py"
    file.write_text(code)
    command = (PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", file)
    return outcome(Step("given", command, 60, junit=True))


def test_a_check_that_ends_well_is_one_test() -> None:
    assert said("print('fine')") == Tally(1, 0)


def test_a_check_that_ends_badly_is_one_failure() -> None:
    assert said("raise SystemExit(3)") == Tally(0, 1)


def test_a_closing_line_is_believed() -> None:
    assert said("print('57 passed, 2 failed'); raise SystemExit(1)") == Tally(57, 2)


def test_a_closing_line_without_a_failure_cannot_hide_a_bad_end() -> None:
    assert said("print('57 passed, 0 failed'); raise SystemExit(1)") == Tally(57, 1)


def test_running_nothing_is_a_failure() -> None:
    assert said("print('0 passed, 0 failed')") == Tally(0, 1)


def test_a_program_that_is_not_there_is_a_failure() -> None:
    assert outcome(Step("absent", ("/nowhere/to/be/found",), 30)) == Tally(0, 1)


def test_a_step_without_an_end_is_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    forever = "import signal; signal.pause()"
    assert outcome(Step("forever", (sys.executable, "-c", forever), 0.5)) == Tally(0, 1)
    assert "stopped: no end after" in capsys.readouterr().out


def test_pytests_own_counts_are_taken(tmp_path: Path) -> None:
    code = "def test_a(): pass\ndef test_b(): pass\ndef test_c(): assert 0\n"
    assert given(tmp_path, code) == Tally(2, 1)


def test_a_skipped_test_is_a_failure(tmp_path: Path) -> None:
    code = "import pytest\ndef test_a(): pass\ndef test_b(): pytest.skip('not here')\n"
    assert given(tmp_path, code) == Tally(1, 1)


def test_a_file_that_cannot_be_loaded_is_a_failure(tmp_path: Path) -> None:
    assert given(tmp_path, "import nowhere_to_be_found\n") == Tally(0, 1)


def test_a_folder_without_tests_is_a_failure(tmp_path: Path) -> None:
    assert given(tmp_path, "") == Tally(0, 1)
