"""The simulated scanner: played by its command, read through its driver."""

import os
import pathlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import zxingcpp
from PIL import Image

from tilld_hal import catalogue
from tilld_hal.errors import Busy, Gone, Refused
from tilld_hal.scanner import Scan
from tilld_hal.scanner_line_linux import LineScanner
from tilld_hal.simulated import __main__ as command
from tilld_testkit.descriptors import exhausted

PATIENCE_S = 20.0
CODE = "281234567890123456789012"


def opened(folder: pathlib.Path) -> LineScanner:
    scanner: LineScanner = catalogue.open_driver("scanner", "simulated", {"folder": str(folder)})
    return scanner


@pytest.fixture
def scanner(tmp_path: pathlib.Path) -> Iterator[LineScanner]:
    scanner = opened(tmp_path)
    yield scanner
    scanner.close()


def picture(path: pathlib.Path, format_: zxingcpp.BarcodeFormat, *texts: str) -> str:
    """A PNG that shows the codes one under the other."""
    drawn = [zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(t, format_)) for t in texts]
    paper = Image.new("L", (1000, 300 * len(drawn)), 255)
    for at, code in enumerate(drawn):
        image = Image.fromarray(code)
        paper.paste(image.resize((image.width * 3, image.height * 3), 0), (20, 300 * at + 20))
    paper.save(path)
    return str(path)


def test_a_text_is_scanned(tmp_path, scanner):
    assert command.main(["scan", str(tmp_path), CODE]) == 0
    assert scanner.read(PATIENCE_S) == Scan(CODE)


@pytest.mark.parametrize(
    ("format_", "text", "symbology"),
    [
        (zxingcpp.BarcodeFormat.QRCode, CODE, "qr"),
        (zxingcpp.BarcodeFormat.Code128, CODE, "code128"),
        (zxingcpp.BarcodeFormat.EAN13, "4006381333931", "ean13"),
    ],
)
def test_a_picture_is_scanned_and_its_symbology_told(tmp_path, scanner, format_, text, symbology):
    path = picture(tmp_path / "code.png", format_, text)
    assert command.main(["scan", str(tmp_path), path]) == 0
    assert scanner.read(PATIENCE_S) == Scan(text, symbology)


def test_a_picture_of_two_codes_or_of_none_is_refused(tmp_path, scanner, capsys):
    two = picture(tmp_path / "two.png", zxingcpp.BarcodeFormat.QRCode, CODE, CODE[::-1])
    Image.new("L", (100, 100), 255).save(tmp_path / "none.png")
    assert command.main(["scan", str(tmp_path), two]) == 1
    assert command.main(["scan", str(tmp_path), str(tmp_path / "none.png")]) == 1
    assert command.main(["scan", str(tmp_path), str(tmp_path / "missing.png")]) == 1
    told = capsys.readouterr().err
    assert "2 codes" in told
    assert "0 codes" in told
    assert "missing.png" in told
    assert scanner.read(0) is None


def test_rubbish_is_a_code_that_can_not_be_read_and_harms_no_other(tmp_path, scanner):
    assert command.main(["rubbish", str(tmp_path)]) == 0
    assert command.main(["scan", str(tmp_path), CODE]) == 0
    assert [scanner.read(PATIENCE_S), scanner.read(PATIENCE_S)] == [Scan(""), Scan(CODE)]
    assert scanner.dropped == 1


def test_the_text_may_come_by_standard_input_where_no_list_of_processes_shows_it(tmp_path, scanner):
    done = subprocess.run(
        [sys.executable, "-m", "tilld_hal.simulated", "scan", str(tmp_path), "-"],
        input=f"{CODE}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert scanner.read(PATIENCE_S) == Scan(CODE)
    assert CODE[2:] not in done.stdout  # I31


def test_an_unplugged_scanner_is_gone_until_it_is_plugged_in(tmp_path, scanner, capsys):
    ended = []

    def read() -> None:
        try:
            scanner.read(PATIENCE_S)
        except Gone as error:
            ended.append(error.reason)

    reading = threading.Thread(target=read)
    reading.start()
    assert command.main(["unplug", str(tmp_path)]) == 0
    reading.join(PATIENCE_S)
    assert ended == [f"the simulated scanner in {tmp_path} was unplugged"]
    with pytest.raises(Gone):
        scanner.drain()
    scanner.close()
    with pytest.raises(Gone):
        opened(tmp_path)
    assert command.main(["scan", str(tmp_path), CODE]) == 1
    assert "unplugged" in capsys.readouterr().err
    assert command.main(["plug", str(tmp_path)]) == 0
    again = opened(tmp_path)
    assert again.read(0) is None  # nothing of before
    assert command.main(["scan", str(tmp_path), CODE]) == 0
    assert again.read(PATIENCE_S) == Scan(CODE)
    again.close()


def test_a_code_that_was_not_read_when_the_cable_was_pulled_is_lost(tmp_path, scanner):
    command.main(["scan", str(tmp_path), CODE])
    command.main(["unplug", str(tmp_path)])
    with pytest.raises(Gone):
        scanner.read(PATIENCE_S)


def test_two_processes_can_not_have_one_scanner(tmp_path, scanner):
    with pytest.raises(Busy):
        opened(tmp_path)
    scanner.close()
    opened(tmp_path).close()


def test_what_a_killed_process_left_behind_is_taken_over(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(str(tmp_path / "scanner.sock"))
    opened(tmp_path).close()
    assert not (tmp_path / "scanner.sock").exists()


def test_nobody_listens_and_the_command_says_so(tmp_path, capsys):
    assert command.main(["scan", str(tmp_path), CODE]) == 1
    assert command.main(["scan", str(tmp_path / "none"), CODE]) == 1
    told = capsys.readouterr().err
    assert "no tilld reads" in told
    assert "No such file" in told
    assert CODE[2:] not in told


def test_a_folder_is_made_and_a_file_is_refused(tmp_path):
    opened(tmp_path / "new").close()
    (tmp_path / "file").touch()
    with pytest.raises(Refused) as caught:
        opened(tmp_path / "file")
    assert str(tmp_path / "file") in caught.value.reason


def test_a_long_path_is_no_obstacle(tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    scanner = opened(deep)
    assert command.main(["scan", str(deep), CODE]) == 0
    assert scanner.read(PATIENCE_S) == Scan(CODE)
    scanner.close()


def test_a_wake_a_drain_and_a_close_do_what_every_scanner_does(tmp_path, scanner):
    scanner.wake()
    assert scanner.read(None) is None
    command.main(["scan", str(tmp_path), CODE])
    assert scanner.drain() == 1
    assert scanner.read(0) is None
    scanner.close()
    scanner.close()
    scanner.wake()
    with pytest.raises(Gone):
        scanner.read(0)


def test_without_a_file_descriptor_it_is_refused_and_nothing_is_held(tmp_path):
    opened(tmp_path).close()
    held = set(os.listdir("/proc/self/fd"))
    for left in range(5):  # the folder, the lock, the wake-up's two, the socket
        with exhausted(left), pytest.raises(Refused):
            opened(tmp_path)
    assert set(os.listdir("/proc/self/fd")) == held
    opened(tmp_path).close()
