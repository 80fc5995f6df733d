"""What receipt printers can do, a profile a family of models.

A printer can't be asked for any of this, and a wrong guess prints rubbish: a native QR where there
is none comes out as letters, a code page under another number makes "€" an "Õ".  Where a family
disagrees the profile takes what all of them can.  The numbers of code pages are those of the
makers' command references; tests compare them with python-escpos's data base.
"""

from tilld_hal.record import Record

NATIVE = "native"
DRAWN = "drawn"

# ESC t n, the same on every Epson and on most others; Western first, so that most texts need one.
_EPSON_PAGES = (
    ("cp437", 0),
    ("cp858", 19),
    ("cp1252", 16),
    ("cp850", 2),
    ("cp852", 18),
    ("cp866", 17),
    ("cp737", 14),
    ("cp857", 13),
    ("cp1250", 45),
    ("cp1251", 46),
    ("cp1253", 47),
    ("cp1254", 48),
    ("cp1257", 51),
)
# What the makers of 58 mm printers, of Star's emulation and of Chinese models agree upon.
_FEW_PAGES = _EPSON_PAGES[:6]

# GS V 0 cuts at once, so the last line is fed past the knife first; a printer without a knife is
# fed past its tearing edge.
_CUT = b"\x1bd\x06\x1dV\x00"
_TEAR_OFF = b"\x1bd\x04"

DOTS = {32: 384, 42: 512, 48: 576}  # font A is 12 dots wide; 42 columns leave 8 dots over
COLUMNS = (0, 32, 42, 48)
"""What the setting ``columns`` may be; 0: as the profile says."""
CODE_WAYS = ("profile", NATIVE, DRAWN)
"""What the setting ``qr`` may be."""


class Profile(Record):
    """``pages``: (codec's name, n of ESC t n), in the order in which they are tried.  ``qr``,
    ``code128``: "native", or "drawn" as a picture.  ``chinese``: it has a Chinese mode (FS &) with
    GB18030, in which it starts.  ``cut``: the bytes of a cut block."""

    FIELDS = ("columns", "pages", "qr", "code128", "chinese", "cut")

    def __init__(
        self,
        columns: int,
        pages: "tuple[tuple[str, int], ...]",
        qr: str,
        code128: str,
        chinese: bool,
        cut: bytes,
    ) -> None:
        self.columns = columns
        self.pages = pages
        self.qr = qr
        self.code128 = code128
        self.chinese = chinese
        self.cut = cut


PROFILES = {
    "generic-42": Profile(42, _EPSON_PAGES, NATIVE, NATIVE, False, _CUT),
    "generic-48": Profile(48, _FEW_PAGES, NATIVE, NATIVE, False, _CUT),
    # 58 mm: no knife, and few of them draw a QR or a CODE128 by themselves.
    "generic-32": Profile(32, _FEW_PAGES, DRAWN, DRAWN, False, _TEAR_OFF),
    "epson-42": Profile(42, _EPSON_PAGES, NATIVE, NATIVE, False, _CUT),  # TM-T88, 180 dpi
    "epson-48": Profile(48, _EPSON_PAGES, NATIVE, NATIVE, False, _CUT),  # TM-T20, TM-m30, 203 dpi
    "star-48": Profile(48, _FEW_PAGES, NATIVE, NATIVE, False, _CUT),  # set to ESC/POS emulation
    "chinese-48": Profile(48, _FEW_PAGES, NATIVE, NATIVE, True, _CUT),
    "chinese-32": Profile(32, _FEW_PAGES, DRAWN, DRAWN, True, _TEAR_OFF),
}
DEFAULT = "generic-42"
NAMES = tuple(sorted(PROFILES))


def columns_of(settings: "dict[str, object]") -> int:
    """Letters in a line of the printer with these settings, whatever its driver."""
    columns = settings.get("columns")
    if isinstance(columns, int) and columns:
        return columns
    profile = PROFILES.get(str(settings.get("profile", DEFAULT)), PROFILES[DEFAULT])
    return int(profile.columns)
