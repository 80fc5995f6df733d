"""From the keys that a scanner presses to the bytes of its codes.

Pure: every event comes with its time.  A key that is lost, unknown or out of place spoils the
code it belongs to; nothing is repaired (a digit lost or gained in a payment code is another
customer's code).  What a code was is in no message and in no attribute that is printed (I31).
"""

from tilld_hal import keyboard_layouts as layouts

EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
UP, DOWN, REPEATED = 0, 1, 2

TAB, ENTER, KEYPAD_ENTER, CAPS_LOCK, NUM_LOCK, SPACE = 15, 28, 96, 58, 69, 57
SHIFTS = (42, 54)
CTRLS = (29, 97)
ALT, ALT_GR = 56, 100
METAS = (125, 126)
MODIFIERS = SHIFTS + CTRLS + METAS + (ALT, ALT_GR)
ENDS = (TAB, ENTER, KEYPAD_ENTER)

UNDER_WAY_MS = 100
"""Keys of one code follow each other faster than this: a key so soon after the opening belongs to a
code whose beginning went elsewhere."""

PAUSE_MS = 500
"""After so long without a key a new code begins, also when the end of the last one was lost."""

MISREAD_KEYS = 8
"""So many signs in a row from the row of digits are digits of another layout.  A payment code must
not leave as data in such a disguise either (till_socket.md §3)."""

END = b"\r"
SPOILT = b"\0"  # no code holds it, so the splitter drops the code whole


class KeyDecoder:
    """Events of one keyboard in, bytes for ``ScanSplitter`` out.

    ``caps``: Caps Lock is on at the opening.  ``opened_ms``: when it was grabbed, on the clock of
    the events.
    """

    def __init__(self, layout: str, caps: bool, opened_ms: int) -> None:
        self._layout = layout
        self._caps = caps
        self._held: "set[int]" = set()
        self._last_ms = opened_ms
        self._first = True
        self._deaf = False  # the rest of a code whose beginning is lost
        self._dead = ""
        self._alt_digits = ""
        self._misread = 0

    def feed(self, kind: int, code: int, value: int, at_ms: int) -> bytes:
        """The bytes that this event completes; often none."""
        if kind == EV_SYN and code == SYN_DROPPED:
            self._last_ms = at_ms
            return self._lost()
        if kind != EV_KEY or value == REPEATED:  # the kernel's own invention; no scanner sends it
            return b""
        before = self._told_of_a_tail(at_ms)
        told = self._key(code, value, at_ms - self._last_ms)
        self._last_ms = at_ms
        return before + told

    def _told_of_a_tail(self, at_ms: int) -> bytes:
        first, self._first = self._first, False
        return self._lost() if first and at_ms - self._last_ms < UNDER_WAY_MS else b""

    def _lost(self) -> bytes:
        """Ends the code under way with a word, and leaves the rest of it unheard.

        The keys that are down are not asked for (EVIOCGKEY): the kernel would throw away what is
        queued, in the middle of the next code.  At the end of a code none is down.
        """
        self._forget()
        self._held.clear()
        self._deaf = True
        return SPOILT + END

    def _forget(self) -> None:
        self._dead = self._alt_digits = ""
        self._misread = 0

    def _key(self, code: int, value: int, pause_ms: int) -> bytes:
        if code in MODIFIERS:
            return self._modifier(code, value)
        if value == UP or code == NUM_LOCK:
            return b""
        if code == CAPS_LOCK:
            self._caps = not self._caps
            return b""
        if self._deaf:
            self._deaf = pause_ms < PAUSE_MS and code not in ENDS
            if self._deaf or code in ENDS:
                return b""
        if code in ENDS:
            return self._ended()
        return self._letter(code)

    def _modifier(self, code: int, value: int) -> bytes:
        if value == DOWN:
            self._held.add(code)
        else:
            self._held.discard(code)
            if code == ALT and self._alt_digits:
                return self._by_number()
        return b""

    def _ended(self) -> bytes:
        left_over = SPOILT if self._dead or self._alt_digits else b""
        self._forget()
        return left_over + END

    def _letter(self, code: int) -> bytes:
        alt, ctrl = ALT in self._held, self._any_held(CTRLS)
        alt_gr = ALT_GR in self._held or (alt and ctrl)
        if alt and not alt_gr and code in layouts.KEYPAD:
            return self._of_a_number(code)
        if (not alt_gr and (alt or ctrl)) or self._any_held(METAS):
            return SPOILT
        letter = layouts.meaning(self._layout, code, self._any_held(SHIFTS), alt_gr, self._caps)
        if self._dead:
            letter = self._dead if code == SPACE else layouts.NOTHING
            self._dead = ""
        elif layouts.is_dead(self._layout, code, letter):
            self._dead = letter
            return b""
        return self._checked(code, letter)

    def _checked(self, code: int, letter: str) -> bytes:
        is_sign = code in layouts.DIGIT_ROW and not letter.isdigit()
        self._misread = self._misread + 1 if is_sign else 0
        return SPOILT if self._misread >= MISREAD_KEYS else letter.encode()

    def _of_a_number(self, code: int) -> bytes:
        """Alt is held: the keypad types the number of a letter, whatever the layout is."""
        digit = layouts.KEYPAD[code]
        if not digit.isdigit() or len(self._alt_digits) >= 4:
            return SPOILT
        self._alt_digits += digit
        return b""

    def _by_number(self) -> bytes:
        number, self._alt_digits = int(self._alt_digits), ""
        if number in (9, 10, 13):
            return END
        return bytes((number,)) if 0x20 <= number < 0x7F else SPOILT

    def _any_held(self, codes: "tuple[int, ...]") -> bool:
        return any([code in self._held for code in codes])
