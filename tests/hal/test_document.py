"""Documents are checked and cleaned before any printer's language sees them."""

from typing import Any

import pytest

from tilld_hal.document import checked, clean
from tilld_hal.errors import Refused


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("text", "not a map"),
        ({}, "type must be"),
        ({"type": "drawer"}, "type must be"),
        ({"type": ["text"]}, "type must be"),
        ({"type": "text"}, "text must be a text"),
        ({"type": "text", "text": b"x"}, "text must be a text"),
        ({"type": "text", "text": "x" * 4097}, "longer than 4096"),
        ({"type": "text", "text": "x", "align": "middle"}, "align"),
        ({"type": "text", "text": "x", "align": 1}, "align"),
        ({"type": "text", "text": "x", "bold": 1}, "bold"),
        ({"type": "text", "text": "x", "size": 3}, "size"),
        ({"type": "text", "text": "x", "size": True}, "size"),
        ({"type": "text", "text": "x", "raw": b"x"}, "text has no 'raw'"),
        ({"type": "barcode", "data": ""}, "code128"),
        ({"type": "barcode", "data": "é"}, "code128"),
        ({"type": "barcode", "data": "a\n"}, "code128"),
        ({"type": "barcode", "data": "1" * 65}, "longer than 64"),
        ({"type": "barcode", "data": "1", "symbology": "ean13"}, "symbology"),
        ({"type": "qr", "data": ""}, "qr"),
        ({"type": "qr", "data": "a\x1b"}, "qr"),
        ({"type": "qr", "data": "1" * 513}, "longer than 512"),
        ({"type": "image", "png": "x"}, "png must be bytes"),
        ({"type": "image", "png": bytes(16385)}, "larger than 16384"),
        ({"type": "feed"}, "lines"),
        ({"type": "feed", "lines": 51}, "lines"),
        ({"type": "feed", "lines": True}, "lines"),
        ({"type": "cut", "mode": "full"}, "cut has no 'mode'"),
    ],
)
def test_a_bad_block_is_refused_by_number_and_reason(block: Any, words: str) -> None:
    with pytest.raises(Refused) as caught:
        checked([{"type": "cut"}, block])
    assert caught.value.reason.startswith("block 2: ")
    assert words in caught.value.reason


@pytest.mark.parametrize("document", [[], {}, "cut", None, [{"type": "cut"}] * 501])
def test_what_is_no_document_is_refused(document: Any) -> None:
    with pytest.raises(Refused):
        checked(document)


def test_absent_and_nil_keys_are_the_defaults() -> None:
    block = {"type": "text", "text": "x", "align": None, "bold": None, "size": None}
    assert checked([block]) == [
        {"type": "text", "text": "x", "align": "left", "bold": False, "size": 1}
    ]


def test_every_control_character_is_replaced() -> None:
    controls = [chr(point) for point in [*range(0x20), *range(0x7F, 0xA0)]]
    cleaned = {char: clean(char) for char in controls}
    assert cleaned.pop("\n") == "\n"
    assert cleaned.pop("\t") == " "
    assert set(cleaned.values()) == {"?"}


def test_line_ends_of_every_kind_of_till_are_kept() -> None:
    assert clean("a\r\nb\nc") == "a\nb\nc"


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert clean("\ud800") == "?"
