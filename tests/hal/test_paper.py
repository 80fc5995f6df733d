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
