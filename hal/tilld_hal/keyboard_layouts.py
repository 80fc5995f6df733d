"""What the keys of a keyboard mean, by layout: us, de and fr, as Windows has them.

A scanner that poses as a keyboard sends places of keys, and takes for granted that its host has
the layout it is set to.  Only printable ASCII is here: a place that gives another letter is
``NOTHING``, and a code in which it occurs is dropped whole.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    Layout = tuple[str, str, str, str]

NOTHING = "\0"

# Places in the order of the kernel's key codes (linux/input-event-codes.h): the row of digits, the
# three rows of letters, the key beside Enter, the one beside the left Shift, the space bar.
_PLACES = (
    tuple(range(2, 14)) + tuple(range(16, 28)) + tuple(range(30, 42)) + (43,) + tuple(range(44, 54))
) + (86, 57)

DIGIT_ROW = range(2, 12)

_KEYPAD_CODES = (71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 98, 55)
KEYPAD = dict([(code, "789-456+1230./*"[at]) for at, code in enumerate(_KEYPAD_CODES)])

LAYOUTS = ("us", "de", "fr")

# Row by row, in the order of _PLACES: plain, with Shift, with AltGr.
_ROWS = {
    "us": (
        ("1234567890-=", "qwertyuiop[]", "asdfghjkl;'`", "\\", "zxcvbnm,./", "\\ "),
        ("!@#$%^&*()_+", "QWERTYUIOP{}", 'ASDFGHJKL:"~', "|", "ZXCVBNM<>?", "| "),
        (),
    ),
    "de": (
        ("1234567890\0\0", "qwertzuiop\0+", "asdfghjkl\0\0^", "#", "yxcvbnm,.-", "< "),
        ('!"\0$%&/()=?`', "QWERTZUIOP\0*", "ASDFGHJKL\0\0\0", "'", "YXCVBNM;:_", "> "),
        ("\0\0\0\0\0\0{[]}\\\0", "@\0\0\0\0\0\0\0\0\0\0~", "\0" * 12, "\0", "\0" * 10, "|\0"),
    ),
    "fr": (
        ("&\0\"'(-\0_\0\0)=", "azertyuiop^$", "qsdfghjklm\0\0", "*", "wxcvbn,;:!", "< "),
        ("1234567890\0+", "AZERTYUIOP\0\0", "QSDFGHJKLM%\0", "\0", "WXCVBN?./\0", "> "),
        ("\0~#{[|`\\^@]}", "\0" * 12, "\0" * 12, "\0", "\0" * 10, "\0\0"),
    ),
}

# Keys that print nothing until the next one comes; followed by the space bar they give themselves.
_DEAD = {
    "us": "",
    "de": "^`",
    "fr": "^`~",
}
_NOT_DEAD = {("fr", 10): "^"}  # AltGr gives it at once


def meaning(layout: str, code: int, shift: bool, alt_gr: bool, caps: bool) -> str:
    """The letter of the key ``code``, or ``NOTHING``.  Caps Lock turns letters only."""
    if code in KEYPAD:
        return KEYPAD[code]
    if code not in _AT:
        return NOTHING
    plain, shifted, third = _LEVELS[layout]
    at = _AT[code]
    if alt_gr:
        return third[at] if third and not shift else NOTHING
    if caps and plain[at].isalpha():
        shift = not shift
    return shifted[at] if shift else plain[at]


def is_dead(layout: str, code: int, letter: str) -> bool:
    """True if this key waits for the next one."""
    return letter in _DEAD[layout] and _NOT_DEAD.get((layout, code)) != letter


_AT = dict([(code, at) for at, code in enumerate(_PLACES)])
_LEVELS = dict(
    [(name, tuple(["".join(rows) for rows in levels])) for name, levels in _ROWS.items()]
)
