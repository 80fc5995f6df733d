"""Documents to ESC/POS bytes: python-escpos behind our own checks.

python-escpos knows the commands and draws pictures; what it lets through is not for fields that
others wrote (lessons.md).  So every field is cleaned before it, each letter's code page is chosen
here (its own choice takes ISO 8859-7 for "€" and GB18030 for a whole text with one Chinese letter),
and the bytes are searched after it for real-time commands, which a printer obeys even within
pictures.  Only its table of commands is loaded here: the whole of it would keep 11 MiB for ever, so
what has to be drawn is drawn by a process that lives as long as the picture takes.
"""

from tilld_hal import code128
from tilld_hal.document import REPLACEMENT, cells, checked
from tilld_hal.errors import Refused
from tilld_hal.printer_profiles import DEFAULT, DOTS, NATIVE, PROFILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from tilld_hal.drawing_linux import Wanted

    Part: TypeAlias = bytes | Wanted

_BARCODE_ROWS = 80
_BARCODE_QUIET_MODULES = 20
_BARCODE_WIDTHS = (3, 2)

# Byte-mode capacity at error correction M of QR versions 1, 2, ... (ISO/IEC 18004 table 7).
# Beyond version 18 no paper is wide enough for a module that cameras like.
_QR_CAPACITY = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560)
_QR_QUIET_MODULES = 8
_QR_DOTS = (3, 6)  # smallest and largest module
_QUIET_LINE = b"\x1bd\x01"  # above and below a QR: what else is printed there spoils it

MARK = b"\x1dr\x01"  # GS r 1: answered when the printer gets there
_NO_AUTOMATIC_STATUS = b"\x1da\x00"  # its bytes would look like answers to marks
_CHINESE_ON = b"\x1c&"
_CHINESE_OFF = b"\x1c."
_CHINESE = "gb18030"
MARKS = 3
"""In every job that is to be confirmed: before the last block that prints, after it, at the end."""

_PRINTING = ("text", "barcode", "qr", "image")

_DLE = 0x10
_REAL_TIME = (0x04, 0x05, 0x14)  # DLE EOT, DLE ENQ, DLE DC4 (drawer, power off, clear)


class EscposRenderer:
    """Renders for one printer: its profile, its width, its way with QR codes, its font."""

    def __init__(
        self,
        profile: str = DEFAULT,
        columns: int = 0,
        qr: str = "profile",
        font: str = "",
        marks: bool = False,
    ) -> None:
        """``font`` is the path of a font that draws the letters the printer lacks; "": they become
        "?".  ``marks``: each document carries ``MARKS`` questions that the printer answers."""
        self._profile = PROFILES[profile]
        self.columns = columns or self._profile.columns
        self._dots = DOTS[self.columns]
        self._qr_way = self._profile.qr if qr == "profile" else qr
        self._font = font
        self._marks = marks
        self._kept: "dict[Wanted, bytes]" = {}

    def warm(self) -> None:
        """Loads the commands, and tries the font.  Raises ``Refused``."""
        __import__("escpos.constants")
        if self._font:
            self._drawn([("line", "A", False, 1)])

    def render(self, document: "list[dict[str, Any]]") -> bytes:
        """See ``tilld_hal.printer.Printer``."""
        from escpos.constants import HW_INIT

        blocks = checked(document)
        parts: "list[Part]" = [HW_INIT]
        if self._profile.chinese:
            parts.append(_CHINESE_OFF)
        if self._marks:
            parts.append(_NO_AUTOMATIC_STATUS)
        last = _last_printing(blocks)
        for at, block in enumerate(blocks):
            if at == last:
                parts += self._mark()
            parts += self._block(block)
            if at == last:
                parts += self._mark()
        parts += self._mark()
        drawn = self._drawn([part for part in parts if not isinstance(part, bytes)])
        data = b"".join([part if isinstance(part, bytes) else drawn[part] for part in parts])
        if _real_time(data):
            raise Refused("the document would hold a real-time command")
        return data

    def _drawn(self, wanted: "list[Wanted]") -> "dict[Wanted, bytes]":
        """Each picture as the bytes that print it; a picture of a till or a shop is kept, because
        the next receipt has it too."""
        kept = dict(self._kept)
        missing = [want for want in wanted if want not in kept]
        if not missing:
            return kept
        from tilld_hal.drawing_linux import KEPT_BYTES_MAX, draw

        drawn: "dict[Wanted, bytes]" = {}
        for at, data in enumerate(draw(missing, self._dots, self._font)):
            drawn[missing[at]] = data
            if missing[at][0] == "image":
                self._kept[missing[at]] = data
        while sum([len(want[1]) + len(data) for want, data in self._kept.items()]) > KEPT_BYTES_MAX:
            del self._kept[next(iter(self._kept))]
        drawn.update(kept)
        return drawn

    def _mark(self) -> "list[Part]":
        return [MARK] if self._marks else []

    def _block(self, block: "dict[str, Any]") -> "list[Part]":
        kind = block["type"]
        if kind == "text":
            return self._text(block)
        if kind == "barcode":
            return self._barcode(block["data"])
        if kind == "qr":
            return self._qr(block["data"])
        if kind == "image":
            return _centred([("image", block["png"])])
        if kind == "feed":
            return [bytes((0x1B, 0x64, block["lines"]))]
        return [self._profile.cut]

    # Letters.

    def _text(self, block: "dict[str, Any]") -> "list[Part]":
        from escpos.constants import TXT_SIZE, TXT_STYLE

        size, bold = block["size"], block["bold"]
        style = TXT_STYLE["width"][size] | TXT_STYLE["height"][size]
        parts: "list[Part]" = [
            TXT_STYLE["align"][block["align"]]
            + TXT_STYLE["bold"][bold]
            + TXT_SIZE
            + bytes((style,))
        ]
        for line in block["text"].split("\n"):
            whole = [page for page, _ in self._profile.pages if _holds(page, line)]
            if not whole and self._font and any([not self._page_of(char) for char in line]):
                parts.append(("line", line, bold, size))
            elif whole:
                parts.append(self._switch_to(whole[0]) + (line + "\n").encode(whole[0]))
            else:
                parts.append(self._line(line))
        return parts

    def _switch_to(self, page: str) -> bytes:
        from escpos.constants import CODEPAGE_CHANGE

        change: bytes = CODEPAGE_CHANGE + bytes((dict(self._profile.pages)[page],))
        return change

    def _line(self, line: str) -> bytes:
        """The line in runs of one code page each; a letter that no page has becomes "?"."""
        data, page = b"", ""
        for char in line + "\n":
            fitting = self._page_of(char, page)
            if not fitting:
                fitting = self._page_of(REPLACEMENT, page)
                char = REPLACEMENT * cells(char)  # as wide as what it stands for
            if fitting != page:
                if page == _CHINESE:
                    data += _CHINESE_OFF
                if fitting == _CHINESE:
                    data += _CHINESE_ON
                else:
                    data += self._switch_to(fitting)
                page = fitting
            data += char.encode(page)
        return data

    def _page_of(self, char: str, preferred: str = "") -> str:
        """The first code page that has the letter, the preferred one before all; "" when none."""
        pages = [page for page, _ in self._profile.pages]
        if preferred and preferred != _CHINESE:
            pages.insert(0, preferred)
        for page in pages:
            if _holds(page, char):
                return page
        # GB18030 has Greek and arrows too, two columns wide: they would push what is right-aligned
        wide = cells(char) == 2 and _is_pair(char)
        return _CHINESE if self._profile.chinese and wide else ""

    # Codes.

    def _barcode(self, data: str) -> "list[Part]":
        for width in _BARCODE_WIDTHS:
            for symbols, encoded in _code128(data):
                modules = 11 * symbols + 13 + _BARCODE_QUIET_MODULES
                if modules * width <= self._dots and not _real_time(encoded):
                    return self._bars(encoded, width)
        return self._qr(data)

    def _bars(self, encoded: bytes, width: int) -> "list[Part]":
        if self._profile.code128 != NATIVE:
            return _centred([_drawn_bars(encoded, width)])
        from escpos.constants import BARCODE_HEIGHT, BARCODE_TXT_OFF, BARCODE_TYPES, BARCODE_WIDTH

        head = BARCODE_HEIGHT + bytes((_BARCODE_ROWS,)) + BARCODE_WIDTH + bytes((width,))
        kind: bytes = BARCODE_TYPES["B"]["CODE128"]
        return _centred([head + BARCODE_TXT_OFF + kind + bytes((len(encoded),)) + encoded])

    def _qr(self, data: str) -> "list[Part]":
        room = len(data.encode())
        fitting = [v for v, holds in enumerate(_QR_CAPACITY, 1) if room <= holds]
        smallest, largest = _QR_DOTS
        dots = 0
        if fitting:
            dots = min(largest, self._dots // (17 + 4 * fitting[0] + _QR_QUIET_MODULES))
        if dots < smallest:
            raise Refused("a qr of " + str(room) + " bytes is too wide for this paper")
        code: Part = ("qr", data, dots)
        if self._qr_way == NATIVE:
            code = _native_qr(data.encode(), dots)
        return _centred([_QUIET_LINE, code, _QUIET_LINE])


def _centred(parts: "list[Part]") -> "list[Part]":
    from escpos.constants import TXT_STYLE

    first: "list[Part]" = [TXT_STYLE["align"]["center"]]
    return first + parts + [TXT_STYLE["align"]["left"]]


def _last_printing(blocks: "list[dict[str, Any]]") -> int:
    printing = [at for at, block in enumerate(blocks) if block["type"] in _PRINTING]
    return printing[-1] if printing else len(blocks) - 1


def _holds(page: str, text: str) -> bool:
    try:
        text.encode(page)
    except UnicodeEncodeError:
        return False
    return True


def _is_pair(char: str) -> bool:
    """Of GB18030 the two-byte letters: the four-byte ones are in no printer's memory."""
    return _holds(_CHINESE, char) and len(char.encode(_CHINESE)) == 2


def _native_qr(data: bytes, dots: int) -> bytes:
    """GS ( k, functions 165 (model 2), 167 (dots of a module), 169 (level M), 180 and 181."""
    from escpos.constants import GS, QR_ECLEVEL_M, QR_MODEL_2

    functions = (
        bytes((0x41, 0x30 + QR_MODEL_2, 0)),
        bytes((0x43, dots)),
        bytes((0x45, 0x30 + QR_ECLEVEL_M)),
        b"P0" + data,
        b"Q0",
    )
    made = b""
    for function in functions:
        room = len(function) + 1
        made += GS + b"(k" + bytes((room % 256, room // 256)) + b"1" + function
    return made


def _drawn_bars(encoded: bytes, width: int) -> bytes:
    """The bars as a raster picture, for printers that know no CODE128."""
    dots, black = "", True
    for modules in code128.widths(encoded) or []:
        dots += ("1" if black else "0") * (modules * width)
        black = not black
    dots += "0" * (-len(dots) % 8)
    row = int(dots, 2).to_bytes(len(dots) // 8, "big")
    return disarmed(bytes((len(row), 0, _BARCODE_ROWS, 0)), row * _BARCODE_ROWS)


def _code128(data: str) -> "list[tuple[int, bytes]]":
    """Ways to write the data: (symbols with start and check, what GS k takes), code set B first."""
    ways = [(len(data) + 2, b"{B" + data.replace("{", "{{").encode())]
    if data.isdigit() and len(data) >= 4:
        first, pairs = data[: len(data) % 2], data[len(data) % 2 :]
        values = bytes([int(pairs[at : at + 2]) for at in range(0, len(pairs), 2)])
        if first:
            ways.append((len(values) + 4, b"{B" + first.encode() + b"{C" + values))
        else:
            ways.append((len(values) + 2, b"{C" + values))
    return ways


def _real_time(data: bytes) -> bool:
    return any([bytes((_DLE, second)) in data for second in _REAL_TIME])


def disarmed(size: bytes, raster: bytes) -> bytes:
    """GS v 0 with one more dot wherever the picture's dots would spell a real-time command.

    ``size`` is what the command says of the width and the height, two bytes each.
    """
    for second in _REAL_TIME:
        raster = raster.replace(bytes((_DLE, second)), bytes((_DLE | 0x20, second)))
    return b"\x1dv0\x00" + size + raster
