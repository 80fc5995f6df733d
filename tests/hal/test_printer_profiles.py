"""Each profile prints what it promises, on paper that is read by a printer of its family."""

import json
import pathlib
import random
from importlib.resources import files
from typing import Any

import pytest
from PIL import Image

from tilld_hal import drawing_linux
from tilld_hal.errors import Refused
from tilld_hal.escpos_render import EscposRenderer
from tilld_hal.printer_profiles import DOTS, NAMES, PROFILES, columns_of
from tilld_testkit.paper import PICTURE, Code, Paper
from tilld_testkit.printer_font import CHINESE_FONT

WESTERN = ["3,50 € é", "Grüße ß ñ Å", "Łódź ęą", "цена", "čšž ř"]
FULL: list[dict[str, Any]] = [
    {"type": "text", "text": "Grüße 12,50 €", "bold": True, "size": 2, "align": "right"},
    {"type": "barcode", "data": "ABC123"},
    {"type": "qr", "data": "https://example.com/1"},
    {"type": "feed", "lines": 2},
    {"type": "cut"},
]


def paper_of(profile: str, document: list[dict[str, Any]], font: str = "") -> Paper:
    renderer = EscposRenderer(profile, font=font)
    paper = Paper(renderer.columns, PROFILES[profile].chinese)
    paper.feed(renderer.render(document))
    assert paper.unknown == []
    return paper


_POINTS = (0x00, 0x00, 0x80, 0x400, 0x2500, 0x4E00, 0x5100, 0x8000, 0xFF00, 0x20000)
"""Where letters begin: ASCII with its commands, accents, Cyrillic, frames, Chinese."""


def text(*lines: str, **style: object) -> list[dict[str, Any]]:
    return [{"type": "text", "text": "\n".join(lines), **style}]


@pytest.mark.parametrize("profile", NAMES)
def test_every_profile_has_the_letters_of_europe(profile: str) -> None:
    assert paper_of(profile, text(*WESTERN)).lines == WESTERN


@pytest.mark.parametrize("profile", NAMES)
def test_every_profile_prints_every_kind_of_block(profile: str) -> None:
    paper = paper_of(profile, FULL)
    assert paper.lines[0] == "Grüße 12,50 €"
    assert paper.codes() == [Code("code128", "ABC123"), Code("qrcode", "https://example.com/1")]
    assert len(paper.cuts) == (0 if "32" in profile else 1)
    assert (paper.drawer_kicks, paper.power_offs) == (0, 0)


@pytest.mark.parametrize("profile", NAMES)
def test_a_profile_draws_only_what_its_printers_lack(profile: str) -> None:
    data = EscposRenderer(profile).render(FULL)
    assert (b"\x1d(k" in data) == (PROFILES[profile].qr == "native")
    assert (b"\x1dk" in data) == (PROFILES[profile].code128 == "native")


@pytest.mark.parametrize("profile", ["chinese-48", "chinese-32"])
def test_chinese_and_western_letters_share_a_line(profile: str) -> None:
    lines = ["茶叶 2 à 3,50 €", "Łódź 广州 é", "。、"]
    assert paper_of(profile, text(*lines)).lines == lines


def test_a_chinese_letter_of_four_bytes_is_no_printers_and_is_replaced() -> None:
    assert paper_of("chinese-48", text("a\U00020000b")).lines == ["a??b"]


def test_chinese_letters_are_drawn_where_the_printer_has_none_and_a_font_is_set() -> None:
    lines = ["Tea", "茶叶 3.50", "Milk €"]
    paper = paper_of("generic-42", text(*lines), str(CHINESE_FONT))
    assert paper.placed == ["Tea", PICTURE, "Milk €"]


def test_a_drawn_line_looks_like_one_that_a_chinese_printer_prints() -> None:
    drawn = paper_of("generic-48", text("茶叶广州"), str(CHINESE_FONT)).image()
    native = paper_of("chinese-48", text("茶叶广州")).image()
    for cell in range(4):
        box = (24 * cell, 0, 24 * cell + 24, 30)
        blacks = [sum(image.crop(box).histogram()[:128]) for image in (drawn, native)]
        assert min(blacks) > max(blacks) / 2 > 0


def test_a_drawn_line_keeps_its_columns_and_its_style() -> None:
    def ink(line: str, **style: object) -> tuple[int, int, int, int]:
        image = paper_of("generic-42", text(line, **style), str(CHINESE_FONT)).image()
        return Image.eval(image, lambda grey: 255 - grey).getbbox() or (0, 0, 0, 0)

    left, _, right, bottom = ink("茶" + " " * 39 + "x")
    assert left < 24
    assert 492 <= right <= 504
    assert bottom <= 30
    assert ink("茶", align="right")[0] >= 480
    assert ink("茶" * 21)[3] <= 30 < ink("茶" * 22)[3] <= 60
    assert ink("茶", size=2)[3] > 30


def test_letters_that_are_drawn_nowhere_become_question_marks_as_wide() -> None:
    assert paper_of("generic-42", text("茶 x")).lines == ["?? x"]


@pytest.mark.parametrize("profile", NAMES)
def test_no_field_becomes_a_command_in_any_profile(profile: str) -> None:
    wild = random.Random(profile)
    fonts = ("", str(CHINESE_FONT))
    for font in fonts:
        renderer = EscposRenderer(profile, font=font)
        paper = Paper(renderer.columns, PROFILES[profile].chinese)
        blocks = []
        for _ in range(100):
            points = [wild.choice(_POINTS) + wild.randrange(0x80) for _ in range(20)]
            line = "".join(map(chr, points)) + wild.choice(("\x1bp\0", "\x10\x14\x01", "\x1dV\0"))
            blocks.append({"type": "text", "text": line})
        assert paper.feed(renderer.render(blocks)) == b""
        assert (paper.cuts, paper.drawer_kicks, paper.power_offs) == ([], 0, 0)
        assert paper.unknown == []


def test_a_font_that_is_none_is_refused_when_it_is_warmed(tmp_path: pathlib.Path) -> None:
    no_font = tmp_path / "font.ttf"
    no_font.write_bytes(b"no font")
    for path in (no_font, tmp_path / "nowhere.ttf"):
        with pytest.raises(Refused, match="is no font"):
            EscposRenderer(font=str(path)).warm()


def test_the_same_picture_is_drawn_once() -> None:
    renderer = EscposRenderer()
    document = [{"type": "image", "png": png()}]
    first = renderer.render(document)
    assert renderer.render(document) == first
    assert list(renderer._kept) == [("image", document[0]["png"])]


def test_the_pictures_that_are_kept_have_bounds() -> None:
    renderer = EscposRenderer("generic-48")
    for rows in range(1, 6):
        renderer.render([{"type": "image", "png": png(576, 900 + rows)}])
    kept = renderer._kept
    assert 1 <= len(kept) < 5
    assert sum(map(len, kept.values())) <= drawing_linux.KEPT_BYTES_MAX
    assert ("image", png(576, 905)) in kept


def png(width: int = 64, rows: int = 64) -> bytes:
    import io

    file = io.BytesIO()
    Image.new("1", (width, rows)).save(file, "PNG")
    return file.getvalue()


def test_the_columns_of_a_printer_follow_from_its_settings() -> None:
    assert columns_of({}) == 42
    assert columns_of({"profile": "generic-32"}) == 32
    assert columns_of({"profile": "generic-32", "columns": 0}) == 32
    assert columns_of({"profile": "epson-48", "columns": 42}) == 42
    for profile in PROFILES.values():
        assert profile.columns in DOTS


# What python-escpos's data base calls printers of these families.
KNOWN = {
    "epson-42": ("TM-T88V",),
    "epson-48": ("TM-T20II", "TM-L90"),
    "generic-42": ("default",),
    "generic-32": ("POS-5890", "NT-5890K", "Sunmi-V2"),
    "generic-48": ("RP-F10-80mm", "CT-S651"),
}


@pytest.mark.parametrize(
    ("profile", "model"), [(profile, model) for profile in KNOWN for model in KNOWN[profile]]
)
def test_a_profile_claims_no_more_than_is_known_of_its_printers(profile: str, model: str) -> None:
    known = json.loads((files("escpos") / "capabilities.json").read_text())["profiles"][model]
    ours = PROFILES[profile]
    for page, number in ours.pages:
        assert known["codePages"][str(number)].lower() == page
    if ours.qr == "native":
        assert known["features"]["qrCode"]
    if ours.code128 == "native":
        assert known["features"]["barcodeB"]
    assert known["features"]["bitImageRaster"]
    if b"\x1dV" in ours.cut:
        assert known["features"]["paperFullCut"]


def test_native_commands_are_those_of_python_escpos() -> None:
    from escpos.printer import Dummy

    theirs = Dummy()
    theirs.hw("INIT")
    theirs.set(align="center")
    theirs.print_and_feed(1)
    theirs.qr("https://example.com/é", ec=1, size=6, native=True)
    theirs.print_and_feed(1)
    theirs.set(align="left")
    theirs.cut()
    document = [{"type": "qr", "data": "https://example.com/é"}, {"type": "cut"}]
    assert EscposRenderer().render(document) == bytes(theirs.output)
