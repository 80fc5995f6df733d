"""The letters in a receipt printer: 12 x 24 dots, 24 x 24 the Chinese ones."""

from __future__ import annotations

import functools
import importlib.resources
import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CELL_DOTS = 12
CHINESE_FONT = Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc")  # fonts-wqy-microhei

_LETTER_DOTS = 24
_LATIN, _CHINESE = (18, 19), (22, 20)  # size of the letters, and how far down they stand
_RULE = "─"  # fills its cell, so that a line of them has no gaps


def cells(letter: str) -> int:
    """How many cells a letter of single size takes."""
    return 2 if ord(letter) >= 0x2E80 else 1


def glyph(letter: str, wide: int, high: int, bold: bool) -> Image.Image:
    """``wide`` in cells; drawn at its height, so that it stays sharp, then stretched."""
    is_full = cells(letter) == 2
    cell = Image.new("L", (CELL_DOTS * high * (2 if is_full else 1), _LETTER_DOTS * high), 255)
    draw = ImageDraw.Draw(cell)
    if letter == _RULE:
        draw.rectangle((0, 11 * high, cell.width, 13 * high - 1), 0)
    else:
        size, down = _CHINESE if is_full else _LATIN
        stroke = 0.4 * high if bold else 0
        place = (cell.width / 2, down * high)
        draw.text(place, letter, 0, _font(size * high, is_full), "ms", stroke_width=stroke)
    return cell.resize((CELL_DOTS * wide, cell.height))


@functools.cache
def _font(size: int, is_full: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans Mono, which python-barcode carries: Pillow's own font has no "€" and no "ü"."""
    latin = importlib.resources.files("barcode") / "fonts" / "DejaVuSansMono.ttf"
    found = CHINESE_FONT if is_full else latin
    return ImageFont.truetype(
        io.BytesIO(found.read_bytes()), size, layout_engine=ImageFont.Layout.BASIC
    )
