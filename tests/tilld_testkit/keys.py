"""The events of a keyboard as the kernel gives them: what a scanner's keys look like in a file.

The codes are those of linux/input-event-codes.h; text is typed as on a US keyboard.
"""

from __future__ import annotations

import struct
import time

EVENT = struct.Struct("@llHHi")
SYN, KEY, MSC = 0, 1, 4
SHIFT, RIGHT_SHIFT, CTRL, ALT, ALT_GR, CAPS = 42, 54, 29, 56, 100, 58
ENTER, KEYPAD_ENTER, TAB, SPACE, F5 = 28, 96, 15, 57, 63

_ROWS = {2: "1234567890-=", 16: "qwertyuiop[]", 30: "asdfghjkl;'`", 43: "\\zxcvbnm,./", 57: " "}
_SHIFTED = {2: "!@#$%^&*()_+", 16: "QWERTYUIOP{}", 30: 'ASDFGHJKL:"~', 43: "|ZXCVBNM<>?"}
PLAIN = {letter: first + at for first, row in _ROWS.items() for at, letter in enumerate(row)}
SHIFTED = {letter: first + at for first, row in _SHIFTED.items() for at, letter in enumerate(row)}


class Keys:
    """Events with their times: each key comes ``step_ms`` after the one before.

    ``after_ms``: the first comes so long after now.
    """

    def __init__(self, after_ms: int = 1000, step_ms: int = 4) -> None:
        self.at_ms = time.monotonic_ns() // 1_000_000 + after_ms
        self.step_ms = step_ms
        self._data = b""

    def taken(self) -> bytes:
        """The events since the last call, as bytes."""
        data, self._data = self._data, b""
        return data

    def event(self, kind: int, code: int, value: int) -> Keys:
        seconds, milliseconds = divmod(self.at_ms, 1000)
        self._data += EVENT.pack(seconds, milliseconds * 1000, kind, code, value)
        return self

    def pause(self, milliseconds: int) -> Keys:
        self.at_ms += milliseconds
        return self

    def down(self, code: int, value: int = 1) -> Keys:
        """One report: the scan code, the key, the end of the report."""
        self.at_ms += self.step_ms
        return self.event(MSC, 4, 0x70000 + code).event(KEY, code, value).event(SYN, 0, 0)

    def up(self, code: int) -> Keys:
        return self.down(code, 0)

    def press(self, *codes: int) -> Keys:
        """Presses and releases each in turn."""
        for code in codes:
            self.down(code).up(code)
        return self

    def held(self, modifier: int, *codes: int) -> Keys:
        """Presses the keys while the modifier is down."""
        return self.down(modifier).press(*codes).up(modifier)

    def lost(self) -> Keys:
        """The kernel's buffer ran over (SYN_DROPPED)."""
        return self.event(SYN, 3, 0)

    def text(self, text: str) -> Keys:
        """As a US keyboard types it."""
        for letter in text:
            if letter in PLAIN:
                self.press(PLAIN[letter])
            else:
                self.held(SHIFT, SHIFTED[letter])
        return self

    def scan(self, text: str) -> Keys:
        """A whole code: AIM prefix, text, Enter."""
        return self.text(text).press(ENTER)
