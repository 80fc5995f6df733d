"""Bytes from the scanner become whole codes or nothing."""

import pytest

from tilld_hal.scan_splitter import BROKEN_OFF_MS, LIMIT_BYTES, ScanSplitter
from tilld_hal.scanner import Scan


def read(*pieces: bytes) -> list[Scan]:
    splitter = ScanSplitter()
    return [scan for piece in pieces for scan in splitter.feed(piece, 0)]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_each_terminator_ends_one_code(end: bytes) -> None:
    assert read(b"2812" + end + b"2999" + end) == [Scan("2812"), Scan("2999")]


def test_cr_and_lf_in_two_reads_are_one_terminator() -> None:
    assert read(b"2812\r", b"\n2999\r", b"\n") == [Scan("2812"), Scan("2999")]


def test_a_code_is_joined_from_any_partial_reads() -> None:
    line = b"]Q1281234567890123456\r\n"
    for cut in range(len(line)):
        assert read(line[:cut], line[cut:]) == [Scan("281234567890123456", "qr")]
    assert read(*[line[at : at + 1] for at in range(len(line))]) == [
        Scan("281234567890123456", "qr")
    ]


@pytest.mark.parametrize(
    ("prefix", "symbology"),
    [
        (b"]Q1", "qr"),
        (b"]C0", "code128"),
        (b"]C1", "code128"),
        (b"]E0", "ean13"),
        (b"]E4", "ean8"),
        (b"]d2", "datamatrix"),
        (b"]A0", "code39"),
        (b"]e0", "databar"),
        (b"]z3", "aztec"),
    ],
)
def test_an_aim_prefix_is_taken_off_and_named(prefix: bytes, symbology: str) -> None:
    assert read(prefix + b"4006381333931\r") == [Scan("4006381333931", symbology)]


@pytest.mark.parametrize("text", ["]", "]Q", "]y1281", "]Qx281", "x]Q1", "]]Q1"])
def test_what_is_no_aim_prefix_stays(text: str) -> None:
    assert read(text.encode() + b"\r") == [Scan(text)]


@pytest.mark.parametrize("bad", [b"\0", b"\x07", b"\x1b", b"\x7f", b"\x80", b"\xe2\x82\xac"])
def test_a_code_with_a_damaged_byte_is_dropped_whole_and_counted(bad: bytes) -> None:
    splitter = ScanSplitter()
    assert splitter.feed(b"2812" + bad + b"3456\r2999\r", 0) == [Scan(""), Scan("2999")]
    assert splitter.dropped == 1


def test_a_line_without_end_is_dropped_whole_and_bounded() -> None:
    splitter = ScanSplitter()
    assert splitter.feed(b"2" * (LIMIT_BYTES + 1), 0) == []
    assert splitter.feed(b"2" * LIMIT_BYTES + b"\r2999\r", 0) == [Scan(""), Scan("2999")]
    assert splitter.dropped == 1


def test_the_longest_code_passes() -> None:
    assert len(read(b"2" * LIMIT_BYTES + b"\r")[0].data) == LIMIT_BYTES


def test_half_a_code_is_not_glued_to_what_comes_after_a_long_pause() -> None:
    splitter = ScanSplitter()
    assert splitter.feed(b"2812", 0) == []
    assert splitter.feed(b"3456\r2999\r", BROKEN_OFF_MS) == [Scan("3456"), Scan("2999")]
    assert splitter.dropped == 1


def test_a_short_pause_within_a_code_is_bridged() -> None:
    splitter = ScanSplitter()
    assert splitter.feed(b"2812", 0) == []
    assert splitter.feed(b"3456\r", BROKEN_OFF_MS - 1) == [Scan("28123456")]


def test_a_pause_between_codes_means_nothing() -> None:
    splitter = ScanSplitter()
    splitter.feed(b"2812\r", 0)
    assert splitter.feed(b"2999\r", 10 * BROKEN_OFF_MS) == [Scan("2999")]


def test_the_rest_of_a_discarded_code_is_dropped_with_it() -> None:
    splitter = ScanSplitter()
    splitter.feed(b"28123", 0)
    splitter.discard(1)
    assert splitter.feed(b"456789\r2999\r", 2) == [Scan("2999")]
    assert splitter.dropped == 1


def test_a_code_broken_off_long_ago_does_not_spoil_the_next() -> None:
    splitter = ScanSplitter()
    splitter.feed(b"28123", 0)
    splitter.discard(BROKEN_OFF_MS)
    assert splitter.feed(b"2999\r", BROKEN_OFF_MS + 1) == [Scan("2999")]


def test_silence_ends_a_code_without_terminator() -> None:
    splitter = ScanSplitter()
    splitter.feed(b"2812", 0)
    assert splitter.partial
    assert splitter.end() == [Scan("2812")]
    assert not splitter.partial


def test_a_prefix_without_data_is_a_code_that_could_not_be_read() -> None:
    assert read(b"]Q1\r\r\n") == [Scan("", "qr")]


def test_a_scan_never_shows_its_code() -> None:
    code = "281234567890123456789012"
    shown = repr(Scan(code, "qr")) + str(Scan(code, "qr")) + f"{Scan(code)} {[Scan(code)]}"
    assert "28..." in shown
    assert "of 24" in shown
    assert "281" not in shown
