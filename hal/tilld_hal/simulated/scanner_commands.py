"""The commands that play a scanner: scan, rubbish, unplug, plug."""

from __future__ import annotations

import argparse
import sys
import time

from tilld_hal.simulated import scanner

_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
_RUBBISH = bytes(range(128, 256)) + b"28\0" + bytes(range(1, 10)) + b"\r"
_OPENS_WITHIN_S = 2.0  # a daemon looks for a scanner that was plugged in every half a second
_BREATH_S = 0.05


class NoCode(Exception):
    """The picture gives no code; the text is for people."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the scanner's commands; each sets ``run``, which returns the exit status."""
    scan = _command(commands, "scan", "hold a code before the scanner", _scan)
    scan.add_argument(
        "code", help="the text of a code (- reads it from standard input), or a picture of one"
    )
    _command(commands, "rubbish", "bytes that are no code, as at a wrong baud rate", _rubbish)
    _command(commands, "unplug", "pull the scanner's cable", _unplug)
    _command(commands, "plug", "put the scanner's cable back", _plug)


def code_in(path: str) -> tuple[str, str]:
    """AIM prefix and text of the one code in a picture.  Raises NoCode."""
    try:
        import zxingcpp
        from PIL import Image
    except ImportError as error:
        raise NoCode("pictures need zxing-cpp: pip install 'tilld[simulated]'") from error
    try:
        with Image.open(path) as picture:
            found = zxingcpp.read_barcodes(picture.convert("L"))
    except OSError as error:
        raise NoCode(f"{path} is no picture that can be read: {error}") from error
    if len(found) != 1:
        raise NoCode(f"{path} shows {len(found)} codes; a scanner needs exactly one")
    return found[0].symbology_identifier, found[0].text


def _scan(arguments: argparse.Namespace) -> int:
    prefix, text = "", str(arguments.code)
    if text == "-":
        text = sys.stdin.readline().rstrip("\r\n")
    elif text.lower().endswith(_PICTURES):
        prefix, text = code_in(text)
    _sent(arguments.folder, (prefix + text).encode(errors="surrogateescape") + b"\r")
    print(f"scanned {text[:2]}... ({len(text)} characters)")  # a code is a secret (I31)
    return 0


def _rubbish(arguments: argparse.Namespace) -> int:
    _sent(arguments.folder, _RUBBISH)
    print(f"sent {len(_RUBBISH)} bytes of rubbish")
    return 0


def _unplug(arguments: argparse.Namespace) -> int:
    scanner.unplug(arguments.folder)
    print("the scanner is unplugged")
    return 0


def _plug(arguments: argparse.Namespace) -> int:
    scanner.plug(arguments.folder)
    print("the scanner is plugged in")
    return 0


def _sent(folder: str, data: bytes) -> None:
    """Sends, and gives a daemon that is about to open the scanner the time to do so."""
    until_s = time.monotonic() + _OPENS_WITHIN_S
    while True:
        try:
            return scanner.send(folder, data)
        except scanner.NobodyReads:
            if scanner.is_unplugged(folder):
                raise scanner.NobodyReads(f"the scanner in {folder} is unplugged") from None
            if time.monotonic() >= until_s:
                raise
        time.sleep(_BREATH_S)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    words: str,
    run: object,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=words)
    parser.add_argument("folder", help="the setting `folder` of the driver `simulated`")
    parser.set_defaults(run=run)
    return parser
