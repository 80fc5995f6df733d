"""The simulated printer is judged by bytes written by hand from the makers' references."""

import pytest
import zxingcpp
from PIL import Image

from tilld_testkit import code128
from tilld_testkit.paper import Code, Paper, codes_in


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"{BHello {{ 42", "Hello { 42"),
        (b"{C\x0c\x22\x38", "123456"),
        (b"{B1{C\x17\x2d", "12345"),
        (b"{AABC{Babc", "ABCabc"),
    ],
)
def test_the_bars_of_a_code128_are_read_by_a_stranger(data: bytes, text: str) -> None:
    bars = code128.drawn(data, 2, 60)
    assert bars is not None
    framed = Image.new("L", (bars.width + 80, 100), 255)
    framed.paste(bars, (40, 20))
    assert [found.text for found in zxingcpp.read_barcodes(framed)] == [text]


@pytest.mark.parametrize("data", [b"", b"Hello", b"{B", b"{Ba{", b"{C\x64", b"{Aa", b"{B\x1b"])
def test_what_no_printer_would_draw_is_not_drawn(data: bytes) -> None:
    assert code128.drawn(data, 2, 60) is None


def test_a_barcode_wider_than_the_paper_is_not_printed_and_is_told() -> None:
    paper = Paper(32)
    paper.feed(b"\x1dw\x03\x1dk\x49\x20{B" + b"A" * 30)
    assert paper.codes() == []
    assert len(paper.unknown) == 1


def test_a_code_page_decides_what_a_byte_is() -> None:
    paper = Paper()
    paper.feed(b"\xd5\n\x1bt\x13\xd5\n\x1bt\x10\x80\n")
    assert paper.lines == ["╒", "€", "€"]


def test_commands_may_come_byte_by_byte() -> None:
    whole, dripped = Paper(), Paper()
    job = b"\x1b@\x1ba\x01\x1d!\x11Hi\n\x1d(k\x06\x001P0abc"
    job += b"\x1d(k\x03\x001Q0\x1dv0\0\x01\0\x02\0\xff\x81\x1bd\x02\x1dVA\x03"
    whole.feed(job)
    for byte in job:
        dripped.feed(bytes((byte,)))
    assert dripped.image().tobytes() == whole.image().tobytes()
    assert dripped.codes() == [Code("qrcode", "abc")]
    assert dripped.cuts == whole.cuts
    assert dripped.unknown == []


def test_each_slip_is_taken_from_the_paper_alone(tmp_path) -> None:
    paper = Paper(32)
    for text in (b"first", b"second"):
        qr = b"\x1d(k" + bytes((3 + len(text), 0)) + b"1P0" + text + b"\x1d(k\x03\x001Q0"
        paper.feed(b"\x1ba\x02" + text + b"\n\n" + qr + b"\x1bd\x06\x1dV\0")
    assert [paper.slip_lines(number)[0] for number in (0, 1)] == [
        " " * 27 + "first",
        " " * 26 + "second",
    ]
    paper.save_slip(1, tmp_path / "slip.png")
    assert codes_in(tmp_path / "slip.png") == [Code("qrcode", "second")]


def test_real_time_questions_are_answered_without_paper_and_marks_are_not() -> None:
    paper = Paper()
    paper.paper_out = True
    assert paper.feed(b"x\n\x1dr\x01\x10\x04\x01\x10\x04\x02\x10\x04\x04") == b"\x1a\x32\x7e"
    paper.paper_out = False
    assert paper.feed(b"") == b"\x00"
    assert paper.lines == ["x"]


def test_unknown_commands_are_told() -> None:
    paper = Paper()
    paper.feed(b"\x1bZ\x1dZ\x07ok\n")
    assert paper.unknown == [b"\x1bZ", b"\x1dZ", b"\x07"]
    assert paper.lines == ["ok"]


def test_a_chinese_letter_takes_two_bytes_and_two_cells_in_its_mode_alone() -> None:
    paper = Paper(32, chinese=True)
    paper.feed(
        "付a".encode("gb18030") + b"\n\x1c.\x1bt\x10\xe9\n\x1c&" + "款".encode("gb18030") + b"\n"
    )
    assert paper.lines == ["付a", "é", "款"]
    paper.feed(b"\x1ba\x02" + "付款".encode("gb18030") + b"\n\xff\x20\n")
    assert paper.placed[3] == " " * 28 + "付款"
    assert paper.unknown == [b"\xff\x20"]


def test_a_printer_without_chinese_letters_knows_no_chinese_mode() -> None:
    paper = Paper(32)
    paper.feed(b"\x1c&\x82\n")
    assert (paper.unknown, paper.lines) == ([b"\x1c&"], ["é"])


def test_a_rule_has_no_gaps() -> None:
    paper = Paper(32)
    paper.feed(b"\xc4" * 32 + b"\n")
    dots = paper.image()
    assert all(dots.getpixel((x, 11)) == 0 for x in range(paper.width))


def test_paper_that_ends_soon_is_told_by_questions_and_marks() -> None:
    paper = Paper()
    paper.paper_low = True
    assert paper.feed(b"\x10\x04\x04\x1dr\x01") == b"\x1e\x03"


def test_paper_without_a_cut_is_torn_off_by_hand() -> None:
    paper = Paper(32)
    paper.feed(b"first\n\x1bd\x02")
    paper.tear_off()
    paper.feed(b"second\n\x1bd\x02")
    paper.tear_off()
    assert [paper.slip_lines(number)[0] for number in (0, 1)] == ["first", "second"]
