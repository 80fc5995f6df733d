"""The main job as a stranger runs it: `tools/run`, looked at from the outside."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zxingcpp
from PIL import Image

from tilld_house.paths import PYTHON, ROOT
from tilld_testkit.antomsim_process import running
from tilld_testkit.listener import listening

if TYPE_CHECKING:
    Told = tuple[Path, "subprocess.CompletedProcess[str]"]
    Stayed = tuple[Path, "subprocess.Popen[str]"]

RUN = ROOT / "tools" / "run"
LIMIT_S = 90


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(RUN), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.fixture(scope="module")
def stayed(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Stayed]":
    """A shop that stays open; it tells its story while the next fixture's does."""
    folder = tmp_path_factory.mktemp("stay")
    with started("--stay", "--out", str(folder)) as process:
        yield folder, process


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, stayed) -> "Told":
    folder = tmp_path_factory.mktemp("run")
    return folder, run("--out", str(folder))


def test_the_story_is_told_to_its_end_and_every_promise_holds(story) -> None:
    _, done = story
    assert done.returncode == 0, done.stdout + done.stderr
    held, total = re.findall(r"^(\d+) of (\d+) promises held", done.stdout, re.MULTILINE)[0]
    assert int(held) == int(total) >= 15
    assert "DOES NOT HOLD" not in done.stdout
    assert done.stderr == ""


def test_no_colour_and_no_long_line_where_nobody_looks_at_a_terminal(story) -> None:
    folder, done = story
    assert "\033" not in done.stdout
    assert [
        line for line in done.stdout.splitlines() if len(line) > 95 and str(folder) not in line
    ] == []


def test_the_pictures_show_barcodes_that_name_two_payments_of_antoms_ledger(story) -> None:
    folder, _ = story
    ids = []
    for name in ("receipt.png", "not-paid.png"):
        with Image.open(folder / name) as picture:
            (code,) = zxingcpp.read_barcodes(picture)
            ids.append(code.text)
    with running(folder / "antom") as antom:
        paid, cancelled = (antom.payment(each) for each in ids)
    assert (paid["status"], paid["debited"], paid["returned"]) == ("SUCCESS", 1250, 0)
    assert (cancelled["status"], cancelled["debited"], cancelled["returned"]) == (
        "CANCELLED",
        340,
        340,
    )


def test_a_folder_that_is_not_empty_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    done = run("--out", str(tmp_path))
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_ctrl_c_in_the_middle_ends_it_and_all_that_it_started(tmp_path: Path) -> None:
    with started("--out", str(tmp_path)) as process:
        read_to(process, "The scanner waits")
        assert interrupted(process) == 130


def test_a_shop_that_stays_sells_to_the_till_that_it_prints(stayed) -> None:
    folder, process = stayed
    read_to(process, "print_receipt")
    till = [PYTHON, folder / "till.py", "990"]
    with listening(folder / "device" / "till.sock") as listener:
        sale = subprocess.Popen(till, stdout=subprocess.PIPE, text=True)
        listener.until(lambda event: event.get("payment", {}).get("state") == "waiting_for_code")
        process.stdin.write("\n")
        process.stdin.flush()
        assert sale.communicate(timeout=LIMIT_S)[0] == "paid - Paid.\n"
    assert sale.returncode == 0
    read_to(process, "slip-3.png")
    with Image.open(folder / "slip-3.png") as picture:
        assert len(zxingcpp.read_barcodes(picture)) == 1
    assert interrupted(process) == 0


@contextlib.contextmanager
def started(*words: str) -> Iterator["subprocess.Popen[str]"]:
    """`tools/run` in a session of its own, which ends with the block."""
    with subprocess.Popen(
        [str(RUN), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def read_to(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if words in line:
            return
    raise AssertionError(f"it ended without saying: {words}\n{''.join(said)}")


def interrupted(process: "subprocess.Popen[str]") -> int:
    """Ctrl-C: the exit status, once everything that it started has ended too."""
    assert process.stdout is not None
    os.killpg(process.pid, signal.SIGINT)
    rest = process.stdout.read()  # ends when the last process has closed it
    assert "Traceback" not in rest
    assert rest.endswith("The shop is closed.\n")
    return process.wait(LIMIT_S)
