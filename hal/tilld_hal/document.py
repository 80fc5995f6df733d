"""Checks and cleans the blocks of a document before any printer's language sees them.

What leaves here is well formed, of bounded size, and free of control characters.
"""

from tilld_hal.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BLOCKS_MAX = 500
TEXT_MAX = 4096
BARCODE_MAX = 64
QR_MAX = 512
PNG_MAX_BYTES = 16 * 1024
FEED_MAX = 50

REPLACEMENT = "?"

_WIDE = (
    (0x1100, 0x115F),
    (0x2E80, 0x303E),
    (0x3041, 0xA4CF),
    (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE6F),
    (0xFF01, 0xFF60),
    (0xFFE0, 0xFFE6),
    (0x1F300, 0x1FAFF),
    (0x20000, 0x3FFFD),
)

_ALIGNS = ("left", "center", "right")


def checked(document: "list[dict[str, Any]]") -> "list[dict[str, Any]]":
    """The blocks with every optional key filled in and every text clean.

    Raises ``Refused`` naming the block (counted from 1) and what is wrong with it.
    """
    if not isinstance(document, list) or not document:
        raise Refused("a document is a list of at least one block")
    if len(document) > BLOCKS_MAX:
        raise Refused("more than " + str(BLOCKS_MAX) + " blocks")
    blocks = []
    for at, block in enumerate(document):
        try:
            blocks.append(_checked_block(block))
        except _Wrong as wrong:
            raise Refused("block " + str(at + 1) + ": " + wrong.args[0])
    return blocks


def clean(text: str) -> str:
    """One line or several: line ends are "\\n", a tab is a space, other control characters "?"."""
    text = text.replace("\r\n", "\n").replace("\t", " ")
    return "".join([char if char == "\n" or _prints(char) else REPLACEMENT for char in text])


def cells(char: str) -> int:
    """How many columns of a receipt a letter takes: 2 for Chinese, Japanese and Korean ones and for
    pictures (the wide and full-width ranges of Unicode's East Asian Width), else 1."""
    point = ord(char)
    return 2 if any([low <= point <= high for low, high in _WIDE]) else 1


class _Wrong(Exception):
    pass


def _prints(char: str) -> bool:
    point = ord(char)
    return 0x20 <= point < 0x7F or (point >= 0xA0 and not 0xD800 <= point <= 0xDFFF)


def _checked_block(block: "Any") -> "dict[str, Any]":
    if not isinstance(block, dict):
        raise _Wrong("not a map")
    kind = block.get("type")
    if not isinstance(kind, str) or kind not in _BLOCKS:
        raise _Wrong("type must be one of " + ", ".join(sorted(_BLOCKS)))
    keys, check = _BLOCKS[kind]
    for key in block:
        if key != "type" and key not in keys:
            raise _Wrong(kind + " has no " + repr(key))
    made = check(block)
    made["type"] = kind
    return made


def _text(block: "dict[str, Any]") -> "dict[str, Any]":
    text = _string(block, "text", TEXT_MAX)
    align = block.get("align")
    if align is None:
        align = "left"
    if not isinstance(align, str) or align not in _ALIGNS:
        raise _Wrong("align must be one of " + ", ".join(_ALIGNS))
    bold = block.get("bold")
    if bold is not None and type(bold) is not bool:
        raise _Wrong("bold must be true or false")
    size = block.get("size")
    if size is None:
        size = 1
    if type(size) is not int or size not in (1, 2):
        raise _Wrong("size must be 1 or 2")
    return {"text": clean(text), "align": align, "bold": bool(bold), "size": size}


def _barcode(block: "dict[str, Any]") -> "dict[str, Any]":
    data = _string(block, "data", BARCODE_MAX)
    if block.get("symbology") not in (None, "code128"):
        raise _Wrong("symbology must be 'code128'")
    if not data or any(not 0x20 <= ord(char) < 0x7F for char in data):
        raise _Wrong("a code128 holds printable ASCII, at least one letter")
    return {"data": data}


def _qr(block: "dict[str, Any]") -> "dict[str, Any]":
    data = _string(block, "data", QR_MAX)
    if not data or any(not _prints(char) for char in data):
        raise _Wrong("a qr holds printable text, at least one letter")
    return {"data": data}


def _image(block: "dict[str, Any]") -> "dict[str, Any]":
    png = block.get("png")
    if not isinstance(png, bytes):
        raise _Wrong("png must be bytes")
    if len(png) > PNG_MAX_BYTES:
        raise _Wrong("png is larger than " + str(PNG_MAX_BYTES) + " bytes")
    return {"png": png}


def _feed(block: "dict[str, Any]") -> "dict[str, Any]":
    lines = block.get("lines")
    if type(lines) is not int or not 1 <= lines <= FEED_MAX:
        raise _Wrong("lines must be from 1 to " + str(FEED_MAX))
    return {"lines": lines}


def _cut(block: "dict[str, Any]") -> "dict[str, Any]":
    return {}


def _string(block: "dict[str, Any]", key: str, longest: int) -> str:
    value = block.get(key)
    if not isinstance(value, str):
        raise _Wrong(key + " must be a text")
    if len(value) > longest:
        raise _Wrong(key + " is longer than " + str(longest))
    return value


_BLOCKS = {
    "text": (("text", "align", "bold", "size"), _text),
    "barcode": (("data", "symbology"), _barcode),
    "qr": (("data",), _qr),
    "image": (("png",), _image),
    "feed": (("lines",), _feed),
    "cut": ((), _cut),
}
