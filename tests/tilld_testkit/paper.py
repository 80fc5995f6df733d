"""A receipt printer's inside: ESC/POS bytes become pixels, and questions get answers.

Written from the makers' command references, not from what tilld sends: what it does not know it
puts on ``unknown`` and prints on.  ``Paper`` is pure; ``PrinterOnLine`` hangs it at the end of a
serial line.
"""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING, NamedTuple

import zxingcpp
from PIL import Image, ImageOps

from tilld_testkit import code128
from tilld_testkit.printer_font import CELL_DOTS, cells, glyph

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from tilld_testkit.serial_line import SerialDevice

    Reader = Generator[None, None, bytes]
    Step = Generator[None, None, None]

PICTURE = "▞▚▞▚▞▚▞▚"
LINE_DOTS = 30
_MARGIN_DOTS = 32
_TABLE_GREY = 214
_WIDTH_DOTS = {32: 384, 42: 512, 48: 576}

# ESC t n (the numbers that Epson gives its code pages)
_CODE_PAGES = {
    **{0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 13: "cp857", 14: "cp737"},
    **{16: "cp1252", 17: "cp866", 18: "cp852", 19: "cp858", 33: "cp775", 34: "cp855"},
    **{35: "cp861", 36: "cp862", 37: "cp864", 38: "cp869", 39: "iso8859-2", 40: "iso8859-15"},
    **{45: "cp1250", 46: "cp1251", 47: "cp1253", 48: "cp1254", 49: "cp1255", 51: "cp1257"},
}

_QR_LEVELS = {"0": "L", "1": "M", "2": "Q", "3": "H"}

_CLEAR = bytes((1, 3, 20, 1, 6, 2, 8))


class Code(NamedTuple):
    """A barcode as a customer's or a cashier's scanner reads it from the paper."""

    symbology: str
    text: str


class Paper:
    """Feed it bytes, look at what is printed.  Its faults are attributes, to be set at any time."""

    def __init__(self, columns: int = 42, chinese: bool = False) -> None:
        """``chinese``: a printer for China, taking pairs of bytes for GB18030 until FS ``.``"""
        self.width = _WIDTH_DOTS[columns]
        self._has_chinese = chinese
        self.lines: list[str] = []
        self.placed: list[str] = []
        """The lines where they lie on the paper, a letter over its cells; a picture is a line."""
        self.cuts: list[int] = []
        self._cut_lines: list[int] = []
        self.drawer_kicks = 0
        self.power_offs = 0
        self.unknown: list[bytes] = []

        self.paper_out = False
        self.paper_low = False
        self.paper_out_after_lines: int | None = None
        self.cover_open = False
        self.swallow = False
        self.answers_real_time = True
        self.answers_marks = True
        self.clears = True

        self._canvas = Image.new("L", (self.width, 4096), 255)
        self._y = 0
        self._queue = bytearray()
        self._real_time = bytearray()
        self._answers = bytearray()
        self._reset()
        self._step = self._commands()
        next(self._step)

    def feed(self, data: bytes) -> bytes:
        """Takes bytes as the line brings them; returns what the printer answers."""
        if self.swallow:
            return b""
        for byte in data:
            self._queue.append(byte)
            self._hear_real_time(byte)
        self.go_on()
        answers, self._answers = bytes(self._answers), bytearray()
        return answers

    def go_on(self) -> None:
        """Works off what is waiting, as after paper was put in."""
        while self._queue and not self.paper_out and not self.cover_open:
            waiting = len(self._queue)
            next(self._step)
            if len(self._queue) == waiting:
                return  # the command needs bytes that have not come

    def image(self) -> Image.Image:
        """What is on the paper so far, one grey byte a dot."""
        return self._canvas.crop((0, 0, self.width, self._y + LINE_DOTS))

    def save(self, path: Path) -> None:
        """The paper as a PNG."""
        self.image().save(path)

    def codes(self) -> list[Code]:
        """Every barcode and QR code that can be read from the pixels, from the top."""
        return _codes(self.image())

    def slip_lines(self, number: int) -> list[str]:
        """What ``placed`` holds of the slip that was cut off as the ``number``-th, from 0."""
        start = self._cut_lines[number - 1] if number else 0
        return self.placed[start : self._cut_lines[number]]

    def slip(self, number: int) -> Image.Image:
        """That slip as it lies on the table, with the margins of its paper."""
        top = self.cuts[number - 1] if number else 0
        printed = self._canvas.crop((0, top, self.width, self.cuts[number]))
        return ImageOps.expand(printed, (_MARGIN_DOTS, 2 * _MARGIN_DOTS, _MARGIN_DOTS, 0), 255)

    def tear_off(self) -> None:
        """By hand: what a printer without a knife leaves to the cashier."""
        self.cuts.append(self._y)
        self._cut_lines.append(len(self.placed))

    def save_slip(self, number: int, path: Path) -> None:
        """That slip as a PNG, on a grey table."""
        ImageOps.expand(self.slip(number), _MARGIN_DOTS, _TABLE_GREY).save(path)

    # What is answered at once, whatever else the printer is doing.

    def _hear_real_time(self, byte: int) -> None:
        heard = self._real_time
        heard.append(byte)
        if heard[-3:-1] == b"\x10\x04" and self.answers_real_time:
            self._answer_real_time(byte)
        elif heard[-3:] == b"\x10\x14\x01":
            self.drawer_kicks += 1
        elif heard[-3:] == b"\x10\x14\x02":
            self.power_offs += 1
        elif heard[-10:] == b"\x10\x14\x08" + _CLEAR and self.clears:
            self._queue.clear()
            self._reset()
            self._step = self._commands()
            next(self._step)
            self._answers += b"\x37\x25\x00"
        del heard[:-16]

    def _answer_real_time(self, question: int) -> None:
        stopped = self.paper_out or self.cover_open
        answer = 0x12
        if question == 1 and stopped:
            answer |= 0x08
        if question == 2:
            answer |= (0x04 if self.cover_open else 0) | (0x20 if self.paper_out else 0)
        if question == 4:
            answer |= 0x6C if self.paper_out else 0x0C if self.paper_low else 0
        if 1 <= question <= 4:
            self._answers.append(answer)

    # What is worked off in order.

    def _reset(self) -> None:
        self._row: list[tuple[str, int, bool]] = []
        self._height = 1
        self._align = 0
        self._bold = False
        self._wide = self._high = 1
        self._page = "cp437"
        self._in_pairs = self._has_chinese
        self._bar_rows, self._bar_module = 162, 3
        self._qr_module, self._qr_level, self._qr_data = 3, "0", b""

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
            byte = (yield from self._take(1))[0]
            if byte == 0x0A:
                self._print_row()
            elif byte in _FAMILIES:
                yield from _FAMILIES[byte](self)
            elif byte > 0x80 and self._in_pairs:
                yield from self._pair(byte)
            elif byte >= 0x20:
                self._put(bytes((byte,)).decode(self._page, "replace"))
            else:
                self.unknown.append(bytes((byte,)))
            yield

    def _dle(self) -> Step:
        second = (yield from self._take(1))[0]
        if second == 0x04:
            yield from self._take(1)  # answered when it came
        elif second == 0x14:
            kind = (yield from self._take(1))[0]
            yield from self._take(7 if kind == 8 else 2)
        else:
            self.unknown.append(bytes((0x10, second)))

    def _esc(self) -> Step:
        letter = yield from self._take(1)
        if letter == b"@":
            self._reset()
        elif letter == b"p":
            yield from self._take(3)
            self.drawer_kicks += 1
        elif letter in _ESC:
            value = (yield from self._take(1))[0]
            _ESC[letter](self, value)
        else:
            self.unknown.append(b"\x1b" + letter)

    def _gs(self) -> Step:
        letter = yield from self._take(1)
        if letter == b"V":
            kind = (yield from self._take(1))[0]
            if kind in (65, 66):
                yield from self._take(1)
            self.tear_off()
        elif letter == b"k":
            yield from self._barcode()
        elif letter == b"(":
            yield from self._extended()
        elif letter == b"v":
            yield from self._raster()
        elif letter in _GS:
            value = (yield from self._take(1))[0]
            _GS[letter](self, value)
        else:
            self.unknown.append(b"\x1d" + letter)

    def _fs(self) -> Step:
        letter = yield from self._take(1)
        if letter in (b"&", b".") and self._has_chinese:
            self._in_pairs = letter == b"&"
        else:
            self.unknown.append(b"\x1c" + letter)

    def _pair(self, first: int) -> Step:
        """A Chinese letter takes two cells; those of four bytes are in the font of no printer."""
        second = yield from self._take(1)
        try:
            letter = (bytes((first,)) + second).decode("gb18030")
        except UnicodeDecodeError:
            self.unknown.append(bytes((first,)) + second)
        else:
            self._put(letter, 2)

    def _barcode(self) -> Step:
        kind, count = yield from self._take(2)
        data = yield from self._take(count)
        bars = code128.drawn(data, self._bar_module, self._bar_rows) if kind == 73 else None
        if bars is None or bars.width > self.width:
            self.unknown.append(b"\x1dk" + bytes((kind, count)) + data)
        else:
            self._paste(bars)

    def _extended(self) -> Step:
        letter, low, high = yield from self._take(3)
        data = yield from self._take(low + 256 * high)
        if letter != ord("k") or data[:1] != b"1":
            self.unknown.append(b"\x1d(" + bytes((letter,)) + data)
        elif data[1] == 67:
            self._qr_module = data[2]
        elif data[1] == 69:
            self._qr_level = chr(data[2])
        elif data[1] == 80:
            self._qr_data = data[3:]
        elif data[1] == 81:
            self._print_qr()

    def _print_qr(self) -> None:
        """Like a printer, without a quiet zone: blank paper around it is the document's affair."""
        code = zxingcpp.create_barcode(
            self._qr_data.decode(),
            zxingcpp.BarcodeFormat.QRCode,
            ec_level=_QR_LEVELS[self._qr_level],
        )
        drawn = Image.fromarray(
            zxingcpp.write_barcode_to_image(code, scale=self._qr_module, add_quiet_zones=False)
        )
        if drawn.width > self.width:
            self.unknown.append(b"\x1d(k too wide")
        else:
            self._paste(drawn)

    def _raster(self) -> Step:
        _, _, *size = yield from self._take(6)
        row_bytes, rows = size[0] + 256 * size[1], size[2] + 256 * size[3]
        data = yield from self._take(row_bytes * rows)
        dots = Image.frombytes("1", (row_bytes * 8, rows), bytes(255 - byte for byte in data))
        self._paste(dots.convert("L").crop((0, 0, min(self.width, dots.width), rows)))

    def _mark(self, kind: int) -> None:
        ends = 0x0C if self.paper_out else 0x03 if self.paper_low else 0
        if self.answers_marks:
            self._answers.append(ends if kind == 1 else 0)

    # Dots.

    def _put(self, letter: str, size: int = 1) -> None:
        used = sum(wide for _, wide, _ in self._row)
        wide = self._wide * size
        if (used + wide) * CELL_DOTS > self.width:
            self._print_row()
        self._row.append((letter, wide, self._bold))
        self._height = max(self._height, self._high)

    def _print_row(self) -> None:
        row, height = self._row, self._height
        self._row, self._height = [], 1
        used = sum(wide for _, wide, _ in row)
        x = self._left(used * CELL_DOTS)
        self._room(LINE_DOTS * height)
        for letter, wide, bold in row:
            self._canvas.paste(glyph(letter, wide, height, bold), (x, self._y))
            x += wide * CELL_DOTS
        self._y += LINE_DOTS * height
        self.lines.append("".join(letter for letter, _, _ in row))
        spread = "".join(letter + " " * (wide - cells(letter)) for letter, wide, _ in row)
        self._place(spread.rstrip(), used)
        if self.paper_out_after_lines is not None:
            self.paper_out_after_lines -= 1
            self.paper_out = self.paper_out or self.paper_out_after_lines <= 0

    def _feed_rows(self, rows: int) -> None:
        if self._row:
            self._print_row()
        self._room(rows)
        self._y += rows

    def _paste(self, dots: Image.Image) -> None:
        if self._row:
            self._print_row()
        self._room(dots.height)
        self._canvas.paste(dots, (self._left(dots.width), self._y))
        self._y += dots.height
        self._place(PICTURE, len(PICTURE))

    def _place(self, text: str, used: int) -> None:
        indent = self._left(used * CELL_DOTS) // CELL_DOTS
        self.placed.append((" " * indent + text).rstrip())

    def _left(self, dots: int) -> int:
        return max(0, (0, (self.width - dots) // 2, self.width - dots)[self._align])

    def _room(self, rows: int) -> None:
        while self._y + rows + LINE_DOTS > self._canvas.height:
            longer = Image.new("L", (self.width, self._canvas.height * 2), 255)
            longer.paste(self._canvas)
            self._canvas = longer

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            setattr(self, "_" + name, value)

    def _code_page(self, number: int) -> None:
        if number in _CODE_PAGES:
            self._page = _CODE_PAGES[number]
        else:
            self.unknown.append(bytes((0x1B, 0x74, number)))


def codes_in(picture: Path) -> list[Code]:
    """Every barcode and QR code that can be read from a picture, from the top."""
    with Image.open(picture) as image:
        return _codes(image.convert("L"))


def _codes(image: Image.Image) -> list[Code]:
    found = zxingcpp.read_barcodes(image)
    found.sort(key=lambda code: code.position.top_left.y)
    return [Code(str(code.format).lower().replace(" ", ""), code.text) for code in found]


_FAMILIES: dict[int, Callable[[Paper], Step]] = {
    0x10: Paper._dle,
    0x1B: Paper._esc,
    0x1C: Paper._fs,
    0x1D: Paper._gs,
}

_ESC: dict[bytes, Callable[[Paper, int], None]] = {
    b"a": lambda paper, value: paper._set(align=value % 48),
    b"E": lambda paper, value: paper._set(bold=bool(value & 1)),
    b"t": Paper._code_page,
    b"d": lambda paper, value: paper._feed_rows(value * LINE_DOTS),
    b"J": Paper._feed_rows,
}

_GS: dict[bytes, Callable[[Paper, int], None]] = {
    b"!": lambda paper, value: paper._set(wide=(value >> 4) + 1, high=(value & 7) + 1),
    b"h": lambda paper, value: paper._set(bar_rows=value),
    b"w": lambda paper, value: paper._set(bar_module=value),
    b"H": lambda paper, value: None,
    b"f": lambda paper, value: None,
    b"a": lambda paper, value: None,
    b"r": Paper._mark,
}


class PrinterOnLine:
    """A printer at the end of a serial line, in a thread of its own until ``close``.

    ``stall_after_bytes``: the printer stops taking data there, as with a full buffer, until it is
    closed.  ``unplug_after_bytes``: the cable is pulled there.
    """

    def __init__(
        self,
        device: SerialDevice,
        paper: Paper,
        stall_after_bytes: int | None = None,
        unplug_after_bytes: int | None = None,
    ) -> None:
        self.paper = paper
        self.heard = bytearray()
        self._device = device
        self._woken, self._waker = os.pipe()
        self._stall_after = stall_after_bytes
        self._unplug_after = unplug_after_bytes
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="printer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; the device stays plugged in."""
        if self._thread.is_alive():
            os.write(self._waker, b"w")
        self._thread.join(10)

    def wait_for(self, holds: Callable[[Paper], bool], timeout_s: float = 10) -> bool:
        """Blocks until something holds of the paper; False when it does not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: holds(self.paper), timeout_s)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(self._device.fileno(), select.POLLIN)
        while self._woken not in [fd for fd, _ in poll.poll()]:
            data = self._device.receive(0)
            if self._unplug_after is not None:
                data = data[: self._unplug_after - len(self.heard)]
            self.heard += data
            if self._stall_after is not None and len(self.heard) >= self._stall_after:
                poll.unregister(self._device.fileno())
            elif self._unplug_after is not None and len(self.heard) >= self._unplug_after:
                self._print(data)
                self._device.unplug()
                return
            else:
                self._print(data)

    def _print(self, data: bytes) -> None:
        with self._changed:
            answers = self.paper.feed(data)
            self._changed.notify_all()
        if answers:
            self._device.send(answers)
