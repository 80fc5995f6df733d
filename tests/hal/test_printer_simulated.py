"""The printer of till programmers: papers in a folder, faults that behave like real ones."""

import pathlib
import shutil
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image

from tilld_hal import catalogue
from tilld_hal.errors import Gone, Refused
from tilld_hal.printer import DONE, FAILED, UNKNOWN, Fate, PrinterStatus
from tilld_hal.printer_profiles import NAMES
from tilld_hal.simulated.printer import FAULTS, faults_of, set_faults
from tilld_testkit.paper import Code, codes_in
from tilld_testkit.printer_font import CHINESE_FONT

ROOT = pathlib.Path(__file__).parents[2]
WELL = PrinterStatus("yes", "yes", "yes", "no", "no")
RECEIPT: list[dict[str, Any]] = [
    {"type": "text", "text": "Bäckerei Łódź", "align": "center", "bold": True, "size": 2},
    {"type": "text", "text": "Total                  12,50 €"},
    {"type": "barcode", "data": "20251122194010890100188012345678"},
    {"type": "qr", "data": "https://example.com/ü"},
    {"type": "text", "text": "last line"},
    {"type": "cut"},
]
CODES = [
    Code("code128", "20251122194010890100188012345678"),
    Code("qrcode", "https://example.com/ü"),
]


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "papers"


def opened(folder: pathlib.Path, **settings: Any) -> Any:
    given = {"folder": str(folder), "answer_ms": 50, "job_timeout_s": 1, **settings}
    return catalogue.open_driver("printer", "simulated", given)


def papers(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.glob("paper-*.png"))


def command(folder: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tilld_hal.simulated", "printer", str(folder), *words],
        env={"PYTHONPATH": str(ROOT / "hal")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("profile", NAMES)
def test_each_job_becomes_a_paper_that_scans(folder: pathlib.Path, profile: str) -> None:
    printer = opened(folder, profile=profile)
    assert printer.status() == WELL
    assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
    assert printer.send(printer.render(RECEIPT[1:2])) == Fate(DONE)
    assert papers(folder) == ["paper-0001.png", "paper-0002.png"]
    texts = [code.text for code in codes_in(folder / "paper-0001.png")]
    assert texts == [code.text for code in CODES]  # 58 mm hold so long a number as a QR only
    lines = (folder / "paper-0001.txt").read_text().splitlines()
    assert lines[0].strip() == "Bäckerei Łódź"
    assert lines[1].split() == ["Total", "12,50", "€"]
    assert (folder / "paper-0002.txt").read_text().split() == ["Total", "12,50", "€"]


def test_the_next_life_goes_on_counting_and_overwrites_nothing(folder: pathlib.Path) -> None:
    for _ in range(2):
        printer = opened(folder)
        printer.send(printer.render(RECEIPT[1:2]))
        printer.close()
    assert papers(folder) == ["paper-0001.png", "paper-0002.png"]


def test_nothing_but_whole_papers_lies_in_the_folder(folder: pathlib.Path) -> None:
    printer = opened(folder)
    printer.send(printer.render(RECEIPT))
    assert sorted(path.name for path in folder.iterdir()) == ["paper-0001.png", "paper-0001.txt"]


@pytest.mark.parametrize(
    ("faults", "status", "state", "word"),
    [
        ({"paper-out": 0}, PrinterStatus("no", "no", "yes", "yes", "no"), FAILED, "paper"),
        ({"cover-open": 0}, PrinterStatus("no", "yes", "no", "no", "no"), FAILED, "cover"),
        ({"offline": 0}, PrinterStatus("no", "yes", "yes", "no", "no"), FAILED, "offline"),
        ({"paper-low": 0}, PrinterStatus("yes", "yes", "yes", "yes", "no"), DONE, ""),
        ({"swallow": 0}, PrinterStatus(), UNKNOWN, "report"),
        ({"stall": 0}, PrinterStatus(), FAILED, "takes no data"),
        ({"stall": 30}, WELL, UNKNOWN, "stopped taking"),
        ({"cut-off": 30}, WELL, UNKNOWN, "lost"),
    ],
)
def test_a_fault_does_what_it_does_on_a_real_printer(
    folder: pathlib.Path, faults: dict[str, int], status: PrinterStatus, state: str, word: str
) -> None:
    set_faults(folder, faults)  # before the printer is opened: the folder keeps it
    printer = opened(folder)
    assert printer.status() == status
    fate = printer.send(printer.render(RECEIPT))
    assert fate.state == state
    assert word in fate.reason
    assert (papers(folder) == ["paper-0001.png"]) == (state == DONE)
    if "cut-off" in faults:
        with pytest.raises(Gone):
            printer.status()
        printer = opened(folder)
    set_faults(folder, {})
    assert printer.send(printer.render(RECEIPT)) == Fate(DONE)
    assert codes_in(folder / papers(folder)[-1]) == CODES


def test_what_came_out_before_the_cable_was_pulled_is_a_paper(folder: pathlib.Path) -> None:
    printer = opened(folder)
    data = printer.render([{"type": "text", "text": "first\nsecond"}])
    set_faults(folder, {"cut-off": data.index(b"second") + 3})
    assert printer.send(data).state == UNKNOWN
    assert (folder / "paper-0001.txt").read_text() == "first\n"


def test_an_unplugged_printer_is_gone_until_it_is_back(folder: pathlib.Path) -> None:
    printer = opened(folder)
    set_faults(folder, {"unplugged": 0})
    with pytest.raises(Gone):
        printer.send(printer.render(RECEIPT))
    set_faults(folder, {})
    assert printer.status() == WELL


def test_faults_are_set_by_command_and_taken_back(folder: pathlib.Path) -> None:
    assert command(folder, "paper-low", "cut-off", "200").returncode == 0
    assert faults_of(folder) == {"paper-low": 0, "cut-off": 200}
    assert command(folder, "ok").returncode == 0
    assert faults_of(folder) == {}


@pytest.mark.parametrize("words", [("on-fire",), ("ok", "stall"), ("200",)])
def test_a_fault_that_there_is_none_of_changes_nothing(
    folder: pathlib.Path, words: tuple[str, ...]
) -> None:
    set_faults(folder, {"offline": 0})
    refused = command(folder, *words)
    assert refused.returncode == 2
    assert all(fault in refused.stderr for fault in FAULTS)
    assert faults_of(folder) == {"offline": 0}


def test_the_command_says_what_it_can_do(folder: pathlib.Path) -> None:
    told = command(folder, "--help")
    assert told.returncode == 0
    assert all(f"  {fault} " in told.stdout for fault in FAULTS)


def test_a_file_of_faults_that_somebody_wrote_by_hand_is_understood_or_left_out(
    folder: pathlib.Path,
) -> None:
    folder.mkdir()
    (folder / "printer.faults").write_bytes(b"paper-low\non-fire 3\n\n\xff\ncut-off soon\n")
    assert faults_of(folder) == {"paper-low": 0, "cut-off": 0}


def test_a_paper_that_can_not_be_kept_is_no_done_job(folder: pathlib.Path) -> None:
    printer = opened(folder)
    data = printer.render(RECEIPT[1:2])
    shutil.rmtree(folder)
    fate = printer.send(data)
    assert fate.state == UNKNOWN
    assert "could not be kept" in fate.reason
    folder.mkdir()
    assert printer.send(data) == Fate(DONE)


def black(path: pathlib.Path) -> int:
    return sum(Image.open(path).convert("L").histogram()[:128])


def test_chinese_is_drawn_by_the_font_that_is_set(folder: pathlib.Path) -> None:
    text = [{"type": "text", "text": "茶叶 3,50 €"}]
    for settings in (
        {"profile": "chinese-48", "font": str(CHINESE_FONT)},
        {"profile": "generic-48", "font": str(CHINESE_FONT)},
        {"profile": "generic-48"},
    ):
        printer = opened(folder, **settings)
        assert printer.send(printer.render(text)) == Fate(DONE)
    lines = [path.read_text().strip() for path in sorted(folder.glob("*.txt"))]
    assert lines == ["茶叶 3,50 €", "[picture]", "???? 3,50 €"]
    native, drawn = (black(folder / f"paper-000{number}.png") for number in (1, 2))
    assert native > drawn / 2 > native / 4


def test_a_font_or_a_folder_that_can_not_be_used_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Refused, match="is no font"):
        opened(tmp_path, font=str(tmp_path / "nowhere.ttf"))
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused):
        opened(tmp_path / "file")


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 8,
        b"\x1d(k\xff\xff1P0",
        b"\x1dv0\0\xff\xff\xff\xff",
        b"\x1dk\x49\x05AAAAA\x1d!\xff\x1bt\xff\xff\n",
        b"\x1bd\xff" * 2000,
        b"\x1d(k\x03\x001Q0" * 3,
    ],
)
def test_bytes_that_no_renderer_would_send_harm_nobody(folder: pathlib.Path, data: bytes) -> None:
    printer = opened(folder)
    assert printer.send(data).state in (DONE, FAILED, UNKNOWN)
    again = opened(folder)
    assert again.send(again.render(RECEIPT)) == Fate(DONE)
    assert codes_in(folder / papers(folder)[-1]) == CODES
