"""Documents to ESC/POS bytes: python-escpos behind our own checks.

python-escpos knows the printers; what it lets through is not for fields that others wrote
(lessons.md).  So every field is cleaned before it, each letter's code page is chosen here (its own
choice takes ISO 8859-7 for "€" and GB18030 for a whole text with one Chinese letter), and the bytes
are searched after it for real-time commands, which a printer obeys even within pictures.
"""

import io

from tilld_hal.document import REPLACEMENT, checked
from tilld_hal.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from escpos.printer import Dummy
    from PIL.Image import Image

COLUMNS = (32, 42, 48)
QR_WAYS = ("native", "drawn")

_DOTS = {32: 384, 42: 512, 48: 576}  # font A is 12 dots wide; 42 columns leave 8 dots over

# Tried in this order; only pages whose upper half every maker fills alike.
_CODE_PAGES = (
    "CP437",
    "CP858",
    "CP1252",
    "CP850",
    "CP852",
    "CP866",
    "CP737",
    "CP857",
    "CP1250",
    "CP1251",
    "CP1253",
    "CP1254",
    "CP1257",
)

_IMAGE_ROWS_MAX = 960
_IMAGE_DOTS_MAX = 4_000_000  # of the picture as sent: 16 KiB of PNG can claim far more

_BARCODE_ROWS = 80
_BARCODE_QUIET_MODULES = 20
_BARCODE_WIDTHS = (3, 2)

# Byte-mode capacity at error correction M of QR versions 1, 2, ... (ISO/IEC 18004 table 7).
# Beyond version 18 no paper is wide enough for a module that cameras like.
_QR_CAPACITY = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560)
_QR_QUIET_MODULES = 8
_QR_DOTS = (3, 6)  # smallest and largest module

MARK = b"\x1dr\x01"  # GS r 1: answered when the printer gets there
_NO_AUTOMATIC_STATUS = b"\x1da\x00"  # its bytes would look like answers to marks
MARKS = 3
"""In every job that is to be confirmed: before the last block that prints, after it, at the end."""

_PRINTING = ("text", "barcode", "qr", "image")

_DLE = 0x10
_REAL_TIME = (0x04, 0x05, 0x14)  # DLE EOT, DLE ENQ, DLE DC4 (drawer, power off, clear)
_RASTER = b"\x1dv0"


class EscposRenderer:
    """Renders for one printer: its width, its profile, its way with QR codes."""

    def __init__(
        self, columns: int, qr: str, profile: str, double_byte: bool, marks: bool = False
    ) -> None:
        """``marks``: each document carries ``MARKS`` questions that the printer answers in turn."""
        self.columns = columns
        self._marks = marks
        self._dots = _DOTS[columns]
        self._native_qr = qr == "native"
        self._profile = profile
        self._double_byte = double_byte

    def warm(self) -> None:
        """Imports python-escpos (230 ms) and finds the profile.  Raises ``Refused``."""
        self._printer()

    def render(self, document: "list[dict[str, Any]]") -> bytes:
        """See ``tilld_hal.printer.Printer``."""
        blocks = checked(document)
        printer = self._printer()
        printer.hw("INIT")
        if self._double_byte:
            printer._raw(b"\x1c.")  # FS . : single bytes, not pairs of Chinese text
        if self._marks:
            printer._raw(_NO_AUTOMATIC_STATUS)
        last = _last_printing(blocks)
        for at, block in enumerate(blocks):
            if at == last:
                self._mark(printer)
            self._block(printer, block)
            if at == last:
                self._mark(printer)
        self._mark(printer)
        data = bytes(printer.output)
        if _real_time(data):
            raise Refused("the document would hold a real-time command")
        return data

    def _printer(self) -> "Dummy":
        import shutil

        from escpos import capabilities

        # It leaves a folder in /tmp behind at each import, with a copy that nobody reads.
        shutil.rmtree(capabilities.pickle_dir, ignore_errors=True)
        from escpos.printer import Dummy

        if self._profile not in capabilities.CAPABILITIES["profiles"]:
            known = ", ".join(sorted(capabilities.CAPABILITIES["profiles"]))
            raise Refused(f"no printer profile {self._profile!r}; there are: {known}")
        printer = Dummy(profile=self._profile)
        media = {"width": {"pixels": self._dots, "mm": "Unknown"}, "dpi": "Unknown"}
        data = dict(printer.profile.profile_data)
        data["media"] = media
        printer.profile.profile_data = data
        return printer

    def _mark(self, printer: "Dummy") -> None:
        if self._marks:
            printer._raw(MARK)

    def _block(self, printer: "Dummy", block: "dict[str, Any]") -> None:
        kind = block["type"]
        if kind == "text":
            self._text(printer, block)
        elif kind == "barcode":
            self._barcode(printer, block["data"])
        elif kind == "qr":
            self._qr(printer, block["data"])
        elif kind == "image":
            self._picture(printer, lambda drawn: drawn.image(self._image(block["png"])))
        elif kind == "feed":
            printer.print_and_feed(block["lines"])
        else:
            printer.cut()

    def _text(self, printer: "Dummy", block: "dict[str, Any]") -> None:
        size = block["size"]
        printer.set(
            align=block["align"], bold=block["bold"], custom_size=True, width=size, height=size
        )
        for page, run in _runs(printer, block["text"] + "\n"):
            printer.charcode(page)
            printer.text(run)

    def _barcode(self, printer: "Dummy", data: str) -> None:
        for width in _BARCODE_WIDTHS:
            for symbols, encoded in _code128(data):
                modules = 11 * symbols + 13 + _BARCODE_QUIET_MODULES
                if modules * width <= self._dots and not _real_time(encoded):
                    # python-escpos's barcode() writes to stdout and knows no code set but B.
                    printer.set(align="center")
                    printer._raw(bytes((0x1D, 0x68, _BARCODE_ROWS, 0x1D, 0x77, width)))
                    printer._raw(b"\x1dH\x00\x1dk\x49" + bytes((len(encoded),)) + encoded)
                    printer.set(align="left")
                    return
        self._qr(printer, data)

    def _qr(self, printer: "Dummy", data: str) -> None:
        from escpos.constants import QR_ECLEVEL_M

        room = len(data.encode())
        version = next((v for v, holds in enumerate(_QR_CAPACITY, 1) if room <= holds), None)
        smallest, largest = _QR_DOTS
        dots = 0
        if version is not None:
            dots = min(largest, self._dots // (17 + 4 * version + _QR_QUIET_MODULES))
        if dots < smallest:
            raise Refused(f"a qr of {room} bytes is too wide for this paper")
        if self._native_qr:
            printer.set(align="center")
            printer.qr(data, ec=QR_ECLEVEL_M, size=dots, native=True)
            printer.set(align="left")
        else:
            self._picture(printer, lambda drawn: drawn.qr(data, ec=QR_ECLEVEL_M, size=dots))

    def _picture(self, printer: "Dummy", draw: "Any") -> None:
        drawn = self._printer()
        draw(drawn)
        head, raster, body = bytes(drawn.output).partition(_RASTER)
        printer.set(align="center")
        printer._raw(head + raster + body[:5] + _disarmed(body[5:]))
        printer.set(align="left")

    def _image(self, png: bytes) -> "Image":
        from PIL import Image

        try:
            opened = Image.open(io.BytesIO(png), formats=("PNG",))
            if opened.width * opened.height > _IMAGE_DOTS_MAX:
                raise Refused(f"an image of {opened.width} x {opened.height} dots is too large")
            image = opened.convert("RGBA")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise Refused("png is no PNG picture") from error
        if image.width > self._dots:
            rows = max(1, image.height * self._dots // image.width)
            image = image.resize((self._dots, rows))
        if image.height > _IMAGE_ROWS_MAX:
            raise Refused(f"an image of {image.height} rows is too long")
        return image


def _last_printing(blocks: "list[dict[str, Any]]") -> int:
    printing = [at for at, block in enumerate(blocks) if block["type"] in _PRINTING]
    return printing[-1] if printing else len(blocks) - 1


def _runs(printer: "Dummy", text: str) -> "list[tuple[str, str]]":
    """The text in runs of one code page each; a letter that no page has becomes "?"."""
    encoder = printer.magic.encoder
    pages = [page for page in _CODE_PAGES if page in encoder.codepages]
    runs: "list[tuple[str, str]]" = []
    page = pages[0]
    for char in text:
        if not encoder.can_encode(page, char):
            fitting = [other for other in pages if encoder.can_encode(other, char)]
            if fitting:
                page = fitting[0]
            else:
                char = REPLACEMENT
        if runs and runs[-1][0] == page:
            runs[-1] = (page, runs[-1][1] + char)
        else:
            runs.append((page, char))
    return runs


def _code128(data: str) -> "list[tuple[int, bytes]]":
    """Ways to write the data: (symbols with start and check, what GS k takes), code set B first."""
    ways = [(len(data) + 2, b"{B" + data.replace("{", "{{").encode())]
    if data.isdigit() and len(data) >= 4:
        first, pairs = data[: len(data) % 2], data[len(data) % 2 :]
        values = bytes(int(pairs[at : at + 2]) for at in range(0, len(pairs), 2))
        if first:
            ways.append((len(values) + 4, b"{B" + first.encode() + b"{C" + values))
        else:
            ways.append((len(values) + 2, b"{C" + values))
    return ways


def _real_time(data: bytes) -> bool:
    return any(bytes((_DLE, second)) in data for second in _REAL_TIME)


def _disarmed(raster: bytes) -> bytes:
    """The picture with one more dot wherever its dots would spell a real-time command."""
    for second in _REAL_TIME:
        raster = raster.replace(bytes((_DLE, second)), bytes((_DLE | 0x20, second)))
    return raster
