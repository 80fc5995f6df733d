"""What an ESC/POS printer makes of its bytes: dots on paper, and answers to questions.

Written from the makers' command references.  What it does not know it skips, as printers do.
``Paper`` is pure: bytes in, answers and pictures out; ``tilld_hal.simulated.printer`` gives it a
line, faults and a folder.
"""

import functools
import importlib.resources
import io
from collections.abc import Callable, Generator

from PIL import Image, ImageDraw, ImageFont, ImageOps

from tilld_hal import code128
from tilld_hal.document import cells
from tilld_hal.drawing_linux import draw
from tilld_hal.errors import Refused
from tilld_hal.printer_profiles import DOTS

Reader = Generator[None, None, bytes]
Step = Generator[None, None, None]

CELL_DOTS = 12
LETTER_DOTS = 24
LINE_DOTS = 30
_MARGIN_DOTS = 24  # which the head does not reach
_ROWS_MAX = 32_000
_CHINESE = "gb18030"

# ESC t n, by the numbers that Epson gives its code pages
_CODE_PAGES = {
    **{0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 13: "cp857", 14: "cp737"},
    **{16: "cp1252", 17: "cp866", 18: "cp852", 19: "cp858", 33: "cp775", 34: "cp855"},
    **{45: "cp1250", 46: "cp1251", 47: "cp1253", 48: "cp1254", 49: "cp1255", 51: "cp1257"},
}
# ESC and GS commands that take one byte and change nothing that is drawn here.
_ESC_ONE = b"!-GMRST{3 =c"
_GS_ONE = b"HfaBIb"
_CLEAR = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
_CLEARED = b"\x37\x25\x00"


class Paper:
    """``paper_out``, ``paper_low``, ``cover_open``, ``offline`` may be set at any time.

    ``font`` draws the letters that the built-in font lacks, Chinese above all; without one they are
    empty boxes.  ``chinese``: the printer starts in its Chinese mode.
    """

    def __init__(self, columns: int, font: str = "", chinese: bool = False) -> None:
        """Raises ``Refused`` when ``font`` is none."""
        self.width = DOTS[columns]
        self.paper_out = self.paper_low = self.cover_open = self.offline = False
        self._starts_chinese = chinese
        self._font = font
        _face(font, LETTER_DOTS)
        self._queue = bytearray()
        self._heard = bytearray()
        self._answers = bytearray()
        self._begin()
        self._new_paper()

    def feed(self, data: bytes) -> None:
        """Takes bytes as the line brings them."""
        for byte in data:
            self._queue.append(byte)
            self._hear_real_time(byte)
        self.go_on()

    def go_on(self) -> None:
        """Works off what is waiting, as after paper was put in."""
        while self._queue and not (self.paper_out or self.cover_open or self.offline):
            waiting = len(self._queue)
            next(self._step)
            if len(self._queue) == waiting:
                return  # the command needs bytes that have not come

    def answers(self) -> bytes:
        """What the printer has said since the last time."""
        said, self._answers = bytes(self._answers), bytearray()
        return said

    def tear_off(self) -> "tuple[Image.Image, list[str]] | None":
        """The picture and the lines of what was printed since the last time; None for nothing."""
        printed, lines = self._printed, self._lines
        self._new_paper()
        if not printed:
            return None
        roll = _Roll(self.width, self._font)
        for prints in printed:
            prints(roll)
        return roll.image(), lines

    def _new_paper(self) -> None:
        self._printed: "list[Callable[[_Roll], None]]" = []  # drawn when the paper is torn off
        self._lines: "list[str]" = []

    # What is answered at once, whatever else the printer is doing.

    def _hear_real_time(self, byte: int) -> None:
        self._heard.append(byte)
        if self._heard[-3:-1] == b"\x10\x04":
            self._answer_real_time(byte)
        elif self._heard.endswith(_CLEAR):
            self._queue.clear()
            self._begin()
            self._answers += _CLEARED
        del self._heard[: -len(_CLEAR)]

    def _answer_real_time(self, question: int) -> None:
        stopped = self.paper_out or self.cover_open or self.offline
        bits = {
            1: 0x08 if stopped else 0,
            2: (0x04 if self.cover_open else 0) | (0x20 if self.paper_out else 0),
            3: 0,
            4: (0x0C if self.paper_low or self.paper_out else 0) | (0x60 if self.paper_out else 0),
        }
        if question in bits:
            self._answers.append(0x12 | bits[question])

    # What is worked off in order.

    def _begin(self) -> None:
        self._reset()
        self._step = self._commands()
        next(self._step)

    def _reset(self) -> None:
        self._row: "list[tuple[str, int, bool]]" = []
        self._row_high = self._wide = self._high = 1
        self._align = 0
        self._bold = False
        self._chinese = self._starts_chinese
        self._page = "cp437"
        self._bar_rows, self._bar_module = 162, 3
        self._qr_module, self._qr_data = 3, b""

    def _take(self, count: int) -> Reader:
        taken = bytearray()
        while len(taken) < count:
            while not self._queue:
                yield
            taken.append(self._queue.pop(0))
        return bytes(taken)

    def _commands(self) -> Step:
        yield
        while True:
            byte = yield from self._take(1)
            if byte == b"\n":
                self._print_row()
            elif byte in _FAMILIES:
                yield from _FAMILIES[byte](self)
            elif byte[0] >= 0x80 and self._chinese:
                byte += yield from self._take(1)
                self._put(byte.decode(_CHINESE, "replace"))
            elif byte[0] >= 0x20:
                self._put(byte.decode(self._page, "replace"))
            yield

    def _dle(self) -> Step:
        second = yield from self._take(1)
        if second == b"\x04":
            yield from self._take(1)  # answered when it came
        elif second == b"\x14":
            kind = yield from self._take(1)
            yield from self._take(7 if kind == b"\x08" else 2)

    def _esc(self) -> Step:
        letter = yield from self._take(1)
        if letter == b"@":
            self._reset()
        elif letter == b"p":
            yield from self._take(3)
        elif letter in _ESC:
            value = yield from self._take(1)
            _ESC[letter](self, value[0])
        elif letter in _ESC_ONE:
            yield from self._take(1)

    def _gs(self) -> Step:
        letter = yield from self._take(1)
        if letter == b"V":
            kind = yield from self._take(1)
            if kind in b"AB":
                self._feed_rows((yield from self._take(1))[0])
            self._cut()
        elif letter == b"k":
            yield from self._barcode()
        elif letter == b"(":
            yield from self._extended()
        elif letter == b"v":
            yield from self._raster()
        elif letter in _GS:
            value = yield from self._take(1)
            _GS[letter](self, value[0])
        elif letter in _GS_ONE:
            yield from self._take(1)

    def _fs(self) -> Step:
        letter = yield from self._take(1)
        if letter in b"&.":
            self._chinese = letter == b"&"
        elif letter in b"!-SW":
            yield from self._take(1)

    def _barcode(self) -> Step:
        kind, count = yield from self._take(2)
        data = yield from self._take(count)
        bars = code128.widths(data) if kind == 73 else None
        if bars is None or sum(bars) * self._bar_module > self.width:
            return  # a printer prints nothing of a barcode that it can't
        module, rows = self._bar_module, self._bar_rows
        self._picture(lambda: _bars(bars, module, rows), "[barcode]")

    def _extended(self) -> Step:
        letter, low, high = yield from self._take(3)
        data = yield from self._take(low + 256 * high)
        if letter != ord("k") or data[:1] != b"1":
            return
        if data[1] == 67:
            self._qr_module = data[2]
        elif data[1] == 80:
            self._qr_data = data[3:]
        elif data[1] == 81 and self._qr_data:
            text, module = self._qr_data.decode(errors="replace"), self._qr_module
            self._picture(lambda: _qr(text, module), "[qr]")

    def _raster(self) -> Step:
        size = (yield from self._take(6))[2:]
        row_bytes, rows = size[0] + 256 * size[1], size[2] + 256 * size[3]
        data = yield from self._take(row_bytes * rows)
        self._picture(lambda: _dots(row_bytes, rows, data), "[picture]")

    def _mark(self, kind: int) -> None:
        low = 0x03 if self.paper_low else 0
        self._answers.append(low if kind in (1, 49) else 0)

    def _code_page(self, number: int) -> None:
        self._page = _CODE_PAGES.get(number, "cp437")

    # What comes out.

    def _put(self, letter: str) -> None:
        used = sum(cells(char) * wide for char, wide, _ in self._row)
        if (used + cells(letter) * self._wide) * CELL_DOTS > self.width:
            self._print_row()
        self._row.append((letter, self._wide, self._bold))
        self._row_high = max(self._row_high, self._high)

    def _print_row(self) -> None:
        row, high, align = self._row, self._row_high, self._align
        self._row, self._row_high = [], 1
        self._printed.append(lambda roll: roll.row(row, high, align))
        used = sum(cells(letter) * wide for letter, wide, _ in row)
        self._say("".join(letter for letter, _, _ in row), used)

    def _end_row(self) -> None:
        if self._row:
            self._print_row()

    def _feed_rows(self, rows: int) -> None:
        self._end_row()
        self._printed.append(lambda roll: roll.feed(rows))

    def _feed_lines(self, lines: int) -> None:
        self._feed_rows(lines * LINE_DOTS)
        self._lines += [""] * lines

    def _picture(self, draws: "Callable[[], Image.Image]", word: str) -> None:
        self._end_row()
        align = self._align
        self._printed.append(lambda roll: roll.picture(draws(), align))
        self._say(word, len(word))

    def _cut(self) -> None:
        self._printed.append(lambda roll: roll.cut())
        self._lines.append("- " * (self.width // CELL_DOTS // 2))

    def _say(self, text: str, used: int) -> None:
        indent = left(self.width // CELL_DOTS, used, self._align)
        self._lines.append((" " * indent + text).rstrip())

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            setattr(self, "_" + name, value)


_FAMILIES: "dict[bytes, Callable[[Paper], Step]]" = {
    b"\x10": Paper._dle,
    b"\x1b": Paper._esc,
    b"\x1c": Paper._fs,
    b"\x1d": Paper._gs,
}

_ESC: "dict[bytes, Callable[[Paper, int], None]]" = {
    b"a": lambda paper, value: paper._set(align=value % 48 % 3),
    b"E": lambda paper, value: paper._set(bold=bool(value & 1)),
    b"t": Paper._code_page,
    b"d": Paper._feed_lines,
    b"J": Paper._feed_rows,
}

_GS: "dict[bytes, Callable[[Paper, int], None]]" = {
    b"!": lambda paper, value: paper._set(wide=(value >> 4 & 7) + 1, high=(value & 7) + 1),
    b"h": lambda paper, value: paper._set(bar_rows=max(1, value)),
    b"w": lambda paper, value: paper._set(bar_module=max(1, value)),
    b"r": Paper._mark,
}


class _Roll:
    """Dots on paper, from the top."""

    def __init__(self, width: int, font: str) -> None:
        self._width = width
        self._font = font
        self._canvas = Image.new("L", (width, 2048), 255)
        self._y = 0

    def image(self) -> Image.Image:
        printed = self._canvas.crop((0, 0, self._width, self._y))
        return ImageOps.expand(printed, (_MARGIN_DOTS, _MARGIN_DOTS, _MARGIN_DOTS, 0), 255)

    def row(self, row: "list[tuple[str, int, bool]]", high: int, align: int) -> None:
        used = sum(cells(letter) * wide for letter, wide, _ in row) * CELL_DOTS
        x = left(self._width, used, align)
        if self._room(LINE_DOTS * high):
            for letter, wide, bold in row:
                self._canvas.paste(_glyph(letter, wide, high, bold, self._font), (x, self._y))
                x += cells(letter) * wide * CELL_DOTS
            self._y += LINE_DOTS * high

    def feed(self, rows: int) -> None:
        if self._room(rows):
            self._y += rows

    def picture(self, dots: Image.Image, align: int) -> None:
        if self._room(dots.height):
            self._canvas.paste(dots, (left(self._width, dots.width, align), self._y))
            self._y += dots.height

    def cut(self) -> None:
        if self._room(1):
            pen = ImageDraw.Draw(self._canvas)
            for x in range(0, self._width, 16):
                pen.line((x, self._y, x + 7, self._y), 160)
            self._y += 1

    def _room(self, rows: int) -> bool:
        """Makes the canvas long enough; False for a paper that has no end."""
        while self._y + rows >= self._canvas.height:
            if self._canvas.height >= _ROWS_MAX:
                return False
            longer = Image.new("L", (self._width, self._canvas.height * 2), 255)
            longer.paste(self._canvas)
            self._canvas = longer
        return True


def left(width: int, used: int, align: int) -> int:
    """Where something begins that is aligned left (0), in the middle (1) or right (2)."""
    return max(0, (0, (width - used) // 2, width - used)[align])


def _glyph(letter: str, wide: int, high: int, bold: bool, font: str) -> Image.Image:
    """Drawn at its height, so that it stays sharp, then stretched to its width."""
    face = _face("", 18 * high) if cells(letter) == 1 else _face(font, 21 * high)
    room = CELL_DOTS * cells(letter)
    cell = Image.new("L", (room * high, LETTER_DOTS * high), 255)
    stroke = 0.4 * high if bold else 0
    place = (room * high / 2, 18 * high)
    ImageDraw.Draw(cell).text(place, letter, 0, face, "ms", stroke_width=stroke)
    return cell.resize((room * wide, cell.height))


def _bars(widths: "list[int]", module: int, rows: int) -> Image.Image:
    pixels = bytearray()
    for at, width in enumerate(widths):
        pixels += bytes([255 if at % 2 else 0]) * (width * module)
    strip = Image.frombytes("L", (len(pixels), 1), bytes(pixels))
    return strip.resize((len(pixels), rows))


def _dots(row_bytes: int, rows: int, data: bytes) -> Image.Image:
    dots = Image.frombytes("1", (row_bytes * 8, rows), bytes(255 - byte for byte in data))
    return dots.convert("L")


@functools.lru_cache(8)
def _qr(text: str, module: int) -> Image.Image:
    """As printers do it, without a quiet zone: blank paper around it is the document's affair."""
    raster = draw([("qr", text, module)], 4096, "")[0].partition(b"\x1dv0\0")[2]
    row_bytes, rows = raster[0] + 256 * raster[1], raster[2] + 256 * raster[3]
    framed = _dots(row_bytes, rows, raster[4 : 4 + row_bytes * rows])
    return framed.crop(framed.point(lambda grey: 255 - grey).getbbox())


# Each letter is drawn into its own cell. The engine that shapes whole lines is there on some
# systems only, and sets other dots.
_ONE_BY_ONE = ImageFont.Layout.BASIC


@functools.lru_cache(16)
def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    """The font of that path; "" is DejaVu Sans Mono, which python-escpos brings with it: Pillow's
    own has no "€" and no "ü"."""
    if font:
        try:
            return ImageFont.truetype(font, size, layout_engine=_ONE_BY_ONE)
        except OSError as error:
            raise Refused(f"{font} is no font") from error
    found = importlib.resources.files("barcode") / "fonts" / "DejaVuSansMono.ttf"
    return ImageFont.truetype(io.BytesIO(found.read_bytes()), size, layout_engine=_ONE_BY_ONE)
