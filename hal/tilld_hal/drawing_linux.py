"""Pictures for an ESC/POS printer, drawn by a process of its own.

Pillow, qrcode and the whole of python-escpos take 11 MiB and 200 ms; a receipt needs them only when
something on it has to be drawn.  So ``draw`` starts this module as a process, which draws
everything of one document and ends.
"""

import base64
import io
import json
import os
import subprocess
import sys

from tilld_hal.document import cells
from tilld_hal.errors import Refused
from tilld_hal.escpos_render import disarmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

    Wanted: TypeAlias = tuple[Any, ...]
    """("image", png) | ("qr", text, dots of a module) | ("line", text, bold, size)"""

KEPT_BYTES_MAX = 128 * 1024
DRAW_S = 30

_IMAGE_ROWS_MAX = 960
_IMAGE_DOTS_MAX = 4_000_000  # of the picture as sent: 16 KiB of PNG can claim far more
_RASTER = b"\x1dv0\x00"
_CELL_DOTS = 12
_LETTER_DOTS = 24
_LINE_DOTS = 30
_FONT_DOTS = 21  # leaves room for what hangs below the line
_REFUSED = 3


def draw(wanted: "list[Wanted]", dots: int, font: str) -> "list[bytes]":
    """The commands that print each of them on paper of ``dots`` dots.  Raises ``Refused``."""
    asked = {"dots": dots, "font": font, "wanted": [_packed(want) for want in wanted]}
    paths = os.pathsep.join([path for path in sys.path if path])
    # A folder that python-escpos were told to keep things in would be thrown away below.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ESCPOS_")}
    try:
        done = subprocess.run(
            (sys.executable, "-m", "tilld_hal.drawing_linux"),
            input=json.dumps(asked).encode(),
            env=dict(kept, PYTHONPATH=paths),
            capture_output=True,
            timeout=DRAW_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused("a picture could not be drawn in time") from error
    if done.returncode == _REFUSED:
        raise Refused(done.stdout.decode())
    if done.returncode != 0:
        raise Refused(
            "a picture could not be drawn: " + done.stderr.decode(errors="replace")[-200:].strip()
        )
    return [base64.b64decode(drawn) for drawn in json.loads(done.stdout)]


def main() -> int:
    """The process: what is wanted on standard input, what prints it on standard output."""
    asked = json.loads(sys.stdin.buffer.read())
    draws: "dict[str, Callable[..., bytes]]" = {"image": _image, "qr": _qr, "line": _line}
    try:
        drawn = [
            draws[want[0]](*want[1:], dots=asked["dots"], font=asked["font"])
            for want in asked["wanted"]
        ]
    except Refused as refused:
        sys.stdout.write(refused.reason)
        return _REFUSED
    json.dump([base64.b64encode(data).decode() for data in drawn], sys.stdout)
    return 0


def _packed(want: "Wanted") -> "list[Any]":
    return [base64.b64encode(part).decode() if isinstance(part, bytes) else part for part in want]


def _image(png: str, dots: int, font: str) -> bytes:
    from PIL import Image

    try:
        opened = Image.open(io.BytesIO(base64.b64decode(png)), formats=("PNG",))
        if opened.width * opened.height > _IMAGE_DOTS_MAX:
            raise Refused(f"an image of {opened.width} x {opened.height} dots is too large")
        image = opened.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Refused("png is no PNG picture") from error
    if image.width > dots:
        rows = max(1, image.height * dots // image.width)
        image = image.resize((dots, rows))
    if image.height > _IMAGE_ROWS_MAX:
        raise Refused(f"an image of {image.height} rows is too long")
    return _by_python_escpos(dots, lambda printer: printer.image(image))


def _qr(data: str, module: int, dots: int, font: str) -> bytes:
    from escpos.constants import QR_ECLEVEL_M

    return _by_python_escpos(
        dots, lambda printer: printer.qr(data, ec=QR_ECLEVEL_M, size=module, native=False)
    )


def _by_python_escpos(dots: int, draws: "Any") -> bytes:
    import shutil

    from escpos import capabilities

    # It leaves a folder in /tmp behind at each import, with a copy that nobody reads.
    shutil.rmtree(capabilities.pickle_dir, ignore_errors=True)
    from escpos.printer import Dummy

    printer = Dummy()
    printer.profile.profile_data = dict(
        printer.profile.profile_data,
        media={"width": {"pixels": dots, "mm": "Unknown"}, "dpi": "Unknown"},
    )
    draws(printer)
    _, _, body = bytes(printer.output).partition(_RASTER)
    room = (body[0] + 256 * body[1]) * (body[2] + 256 * body[3])
    return disarmed(body[:4], body[4 : 4 + room])


def _line(text: str, bold: bool, size: int, dots: int, font: str) -> bytes:
    """One printed line, or several where it is too long, each letter in its columns."""
    from PIL import ImageFont

    try:
        face = ImageFont.truetype(font, _FONT_DOTS * size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise Refused(f"{font} is no font") from error
    rows: "list[list[str]]" = [[]]
    room = dots // (_CELL_DOTS * size)
    for char in text:
        if sum([cells(other) for other in rows[-1]]) + cells(char) > room:
            rows.append([])
        rows[-1].append(char)
    return b"".join([_drawn_row(row, face, bold, size) for row in rows])


def _drawn_row(row: "list[str]", face: "FreeTypeFont", bold: bool, size: int) -> bytes:
    from PIL import Image

    width = sum([cells(char) for char in row]) * _CELL_DOTS * size
    paper = Image.new("L", (-(-width // 8) * 8, _LINE_DOTS * size), 0)
    at = 0
    for char in row:
        wide = cells(char) * _CELL_DOTS * size
        paper.paste(_glyph(char, wide, face, bold, size), (at, 0))
        at += wide
    black = paper.point(lambda grey: 255 if grey > 110 else 0).convert("1")
    return disarmed(bytes((paper.width // 8, 0, paper.height, 0)), black.tobytes())


def _glyph(char: str, wide: int, face: "FreeTypeFont", bold: bool, size: int) -> "Image":
    """White on black, in the middle of its columns; a letter too wide for them is squeezed."""
    from PIL import Image, ImageDraw

    advance = max(wide, int(face.getlength(char)) + 1)
    cell = Image.new("L", (advance, _LETTER_DOTS * size), 0)
    stroke = 0.5 * size if bold else 0
    base = _FONT_DOTS * size - size
    ImageDraw.Draw(cell).text((advance / 2, base), char, 255, face, "ms", stroke_width=stroke)
    return cell if advance == wide else cell.resize((wide, cell.height))


if __name__ == "__main__":
    sys.exit(main())
