"""What the renderer's bytes look like on paper, and what they can never do."""

import io
import pathlib
import subprocess
import sys
from typing import Any

import pytest
import zxingcpp
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from tilld_hal.drawing_linux import KEPT_BYTES_MAX
from tilld_hal.errors import Refused
from tilld_hal.escpos_render import EscposRenderer
from tilld_hal.printer_profiles import DRAWN, NAMES, NATIVE, PROFILES
from tilld_testkit.paper import Code, Paper

COLUMNS = (32, 42, 48)
QR_WAYS = (NATIVE, DRAWN)
ROOT = pathlib.Path(__file__).parents[2]
ORDER_ID = "17638372001234350A7Q4KZT2M9W8X5Y3B6C1D0EFGHJKLMN7PQRSTVWXYZ23456"


def printed(
    document: list[dict[str, Any]],
    columns: int = 42,
    qr: str = "native",
    profile: str = "generic-42",
) -> Paper:
    known = PROFILES[profile]
    paper = Paper(columns or known.columns, known.chinese)
    paper.feed(EscposRenderer(profile, columns, qr).render(document))
    assert paper.unknown == []
    return paper


def png(image: Image.Image, words: PngInfo | None = None) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=words)
    return file.getvalue()


@pytest.mark.parametrize("profile", NAMES)
def test_the_euro_sign_is_right_in_any_company(profile: str) -> None:
    lines = ["€", "3,50 € é", "Grüße ß € ñ", "Łódź €"]
    paper = printed([{"type": "text", "text": line} for line in lines], 0, "profile", profile)
    assert paper.lines == lines


def test_letters_of_many_pages_share_a_line() -> None:
    assert printed([{"type": "text", "text": "aé€łжΩ“”"}]).lines == ["aé€łжΩ“”"]


def test_a_letter_that_no_page_has_is_visibly_replaced_and_spoils_no_other() -> None:
    assert printed([{"type": "text", "text": "茶 Grün € \u0489"}]).lines == ["?? Grün € ?"]


@pytest.mark.parametrize("profile", ["chinese-48", "chinese-32"])
def test_letters_of_one_column_stay_one_column_wide_in_a_chinese_printer(profile: str) -> None:
    """GB18030 has them as well, at twice the width."""
    document = [{"type": "text", "text": "茶 Καφές → ★ 3,50 €"}]
    (line,) = printed(document, 0, "profile", profile).lines
    assert line.startswith("茶 ")
    assert line.endswith(" 3,50 €")
    assert len(line) == len(document[0]["text"])


def test_the_pixels_of_a_euro_sign_are_those_of_a_euro_sign() -> None:
    paper = Paper()
    paper.feed(b"\x1b@\x1bt\x13\xd5\n")  # code page 858, where 0xD5 is the euro sign
    assert printed([{"type": "text", "text": "€"}]).image().tobytes() == paper.image().tobytes()


def test_alignment_moves_the_ink() -> None:
    def ink(align: str) -> tuple[int, int]:
        image = printed([{"type": "text", "text": "ink", "align": align}]).image()
        left, _, right, _ = Image.eval(image, lambda grey: 255 - grey).getbbox() or (0, 0, 0, 0)
        return left, right

    assert ink("left")[1] < 60
    assert ink("right")[0] > 450
    middle = sum(ink("center")) / 2
    assert abs(middle - 256) < 10


def test_size_two_is_twice_as_high_and_wide_and_bold_is_blacker() -> None:
    def black(**style: object) -> int:
        image = printed([{"type": "text", "text": "Ag", **style}]).image()
        return sum(image.histogram()[:128])

    assert 3 * black() < black(size=2) < 5 * black()
    assert black(bold=True) > black()


def test_style_ends_with_its_block() -> None:
    styled = {"type": "text", "text": "x", "align": "right", "bold": True, "size": 2}
    plain = {"type": "text", "text": "plain"}
    after = printed([styled, plain]).image().crop((0, 60, 512, 90))
    alone = printed([plain]).image().crop((0, 0, 512, 30))
    assert after.tobytes() == alone.tobytes()


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("qr", QR_WAYS)
@pytest.mark.parametrize(
    "data", ["A1", "ABC-{C12", "20251122194010890100188012345678", "2025112219401089010", ORDER_ID]
)
def test_a_barcode_scans_on_every_paper(columns: int, qr: str, data: str) -> None:
    paper = printed([{"type": "barcode", "data": data}], columns, qr)
    assert [code.text for code in paper.codes()] == [data]


def test_a_short_barcode_is_a_code128_and_a_long_one_becomes_a_qr() -> None:
    short = printed([{"type": "barcode", "data": "ABC123"}])
    assert short.codes() == [Code("code128", "ABC123")]
    assert printed([{"type": "barcode", "data": ORDER_ID}]).codes() == [Code("qrcode", ORDER_ID)]


def test_digits_that_would_spell_a_real_time_command_still_scan() -> None:
    data = "201604" * 5  # in code set C the pairs 16 04 are the bytes of DLE EOT
    paper = printed([{"type": "barcode", "data": data}])
    assert [code.text for code in paper.codes()] == [data]


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("qr", QR_WAYS)
@pytest.mark.parametrize("data", ["x", "https://example.com/ü?€=1", "7" * 200])
def test_a_qr_scans_on_every_paper(columns: int, qr: str, data: str) -> None:
    assert printed([{"type": "qr", "data": data}], columns, qr).codes() == [Code("qrcode", data)]


def test_a_qr_too_wide_for_the_paper_is_refused() -> None:
    with pytest.raises(Refused, match="too wide"):
        printed([{"type": "qr", "data": "€" * 500}], 32)


def test_an_image_is_printed_dot_by_dot_in_the_middle() -> None:
    square = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(square).rectangle((16, 16, 47, 47), fill=0)
    paper = printed([{"type": "image", "png": png(square)}], 48)
    assert paper.image().crop((256, 0, 320, 64)).tobytes() == square.tobytes()


def test_an_image_wider_than_the_paper_is_made_smaller() -> None:
    code = zxingcpp.create_barcode("wide", zxingcpp.BarcodeFormat.QRCode)
    drawn = Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=40))
    assert drawn.width > 576
    paper = printed([{"type": "image", "png": png(drawn.convert("1"))}], 48)
    assert paper.codes() == [Code("qrcode", "wide")]


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"GIF89a",
        png(Image.new("L", (8, 8)))[:45],
        png(Image.new("1", (3000, 3000))),
        png(Image.new("1", (8, 1000))),
    ],
)
def test_an_image_that_is_none_or_a_bomb_is_refused(bad: bytes) -> None:
    with pytest.raises(Refused):
        printed([{"type": "image", "png": bad}])


def test_no_image_can_open_the_drawer_or_switch_the_printer_off() -> None:
    evil = bytes.fromhex("1014010001 1014020108 100401 100502 10140801031401060208")
    evil += bytes(-len(evil) % 8)
    raw = Paper()
    assert raw.feed(evil)
    assert (raw.drawer_kicks, raw.power_offs) == (1, 1)

    dots = Image.frombytes("1", (64, len(evil) // 8), bytes(255 - byte for byte in evil))
    data = EscposRenderer().render([{"type": "image", "png": png(dots)}])
    paper = Paper()
    assert paper.feed(data) == b""
    assert (paper.drawer_kicks, paper.power_offs) == (0, 0)


def test_no_field_can_cut_or_kick_whatever_bytes_it_holds() -> None:
    paper = Paper()
    for point in range(0x100):
        for after in ("p\0\x19\x19", "V\0", "\x04\x01", "\x14\x01\0\x01", "@", "t\x02"):
            document = [{"type": "text", "text": "a" + chr(point) + after + "b"}]
            paper.feed(EscposRenderer().render(document))
    assert paper.cuts == []
    assert (paper.drawer_kicks, paper.power_offs, paper.unknown) == (0, 0, [])


def test_the_test_above_can_fail() -> None:
    paper = Paper()
    assert paper.feed(b"a\x1bp\0\x19\x19\x1dV\0\x10\x14\x01\0\x01\x10\x04\x01") == b"\x12"
    assert (len(paper.cuts), paper.drawer_kicks) == (1, 2)


def test_the_same_document_gives_the_same_bytes() -> None:
    renderer = EscposRenderer()
    document = [{"type": "text", "text": "é € ж"}, {"type": "qr", "data": "x"}, {"type": "cut"}]
    first = renderer.render(document)
    renderer.render([{"type": "text", "text": "ł Ω"}])
    assert renderer.render(document) == first
    assert document[0] == {"type": "text", "text": "é € ж"}


def test_feed_and_cut_do_what_they_say() -> None:
    paper = printed([{"type": "text", "text": "a"}, {"type": "feed", "lines": 3}, {"type": "cut"}])
    assert paper.cuts == [30 + 90 + 180]


def test_warming_leaves_nothing_behind_and_says_nothing(tmp_path: pathlib.Path) -> None:
    program = """
from tilld_hal.escpos_render import EscposRenderer
renderer = EscposRenderer("generic-42", 42, "drawn")
renderer.warm()
renderer.render([{"type": "barcode", "data": "A" * 60}, {"type": "barcode", "data": "A1"}])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "hal"), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (ran.stdout, ran.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_python_escpos_was_told_to_use_is_left_alone(
    tmp_path: pathlib.Path,
) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    program = """
from tilld_hal.escpos_render import EscposRenderer
EscposRenderer("generic-42", 42, "drawn").render([{"type": "qr", "data": "x"}])
"""
    subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "hal"), "ESCPOS_CAPABILITIES_PICKLE_DIR": str(tmp_path)},
        timeout=60,
        check=True,
    )
    assert list(tmp_path.iterdir()) == [mine]


def test_pictures_that_are_kept_are_kept_within_bounds_with_what_asked_for_them() -> None:
    renderer = EscposRenderer()
    words = PngInfo()
    words.add_text("Comment", "x" * 16_000)
    pictures = [png(Image.new("1", (8, n)), words) for n in range(1, 21)]
    renderer.render([{"type": "image", "png": picture} for picture in pictures])
    kept = [want[1] for want in renderer._kept]
    assert 0 < sum([len(picture) for picture in kept]) <= KEPT_BYTES_MAX
    assert kept == pictures[-len(kept) :]


def test_not_even_pictures_load_what_draws_them() -> None:
    program = """
import io, sys
from tilld_hal.escpos_render import EscposRenderer
renderer = EscposRenderer("generic-32")
renderer.warm()
blocks = [{"type": "text", "text": "é"}, {"type": "barcode", "data": "A1"}]
blocks += [{"type": "qr", "data": "x"}, {"type": "image", "png": bytes.fromhex(sys.argv[1])}]
assert len(renderer.render(blocks)) > 4000
print(sorted({"PIL", "barcode", "escpos.printer", "qrcode", "yaml"} & set(sys.modules)))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, png(Image.new("1", (64, 64))).hex()],
        env={"PYTHONPATH": str(ROOT / "hal")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout == "[]\n"
