"""What people see: lines, one of them alive, in colours that mean something.

green: the money is there · red: it is not, or somebody is needed · yellow: a person must do
something now · dim: details. Without a terminal, or with NO_COLOR, only the words are left.
"""

from __future__ import annotations

import json
import os
import shutil
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

PLAIN, GOOD, BAD, ACT, DETAIL, BOLD = "0", "1;32", "1;31", "33", "2", "1"
NO_END = 1_000_000
_CLEAR_LINE = "\r\033[K"


class Screen:
    """Standard output, and standard error for what went wrong."""

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        as_json: bool = False,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._out = out
        self._err = err
        self.as_json = as_json
        self.is_alive = out.isatty() and environment.get("TERM") != "dumb" and not as_json
        self.is_coloured = self.is_alive and not environment.get("NO_COLOR")
        self.notice = ""  # what is said instead of everything that happens now
        self._shown = ""
        self._said = ""

    @property
    def columns(self) -> int:
        """How wide a line may be; where nobody looks at it, it is never cut."""
        return max(20, shutil.get_terminal_size().columns) if self.is_alive else NO_END

    def line(self, text: str, colour: str = PLAIN, indent: int = 0) -> None:
        """One line for good, wrapped where it is too long."""
        self.end_live()
        for part in wrapped(printable(text), self.columns, indent):
            self._out.write(self._in(colour, part) + "\n")
        self._out.flush()

    def row(self, name: str, text: object, colour: str = PLAIN) -> None:
        """A detail: its name, and what it is."""
        if text not in (None, ""):
            self.line(f"  {name:<10} {text}", colour, indent=13 if self.columns > 60 else 4)

    def live(self, left: str, text: str, colour: str = PLAIN) -> None:
        """What happens now. On a terminal it is one line that changes, ``left`` before it; text
        too long for it is said once, above. Elsewhere every new text is a line."""
        text = self.notice or printable(text)
        if not self.is_alive:
            if text != self._said:
                self.line(text)
        elif width(left) + 2 + width(text) < self.columns:
            self._draw(left, text, colour)
        else:
            if text != self._said:
                self.line(text, colour)
            self._draw(left, "", colour)
        self._said = text

    def _draw(self, left: str, text: str, colour: str) -> None:
        shown = f"{_CLEAR_LINE}{self._in(DETAIL, left)}  {self._in(colour, text)}"
        if shown != self._shown:
            self._out.write(shown)
            self._out.flush()
            self._shown = shown

    def end_live(self) -> None:
        """The living line is over; what comes next is written in its place."""
        if self._shown:
            self._out.write(_CLEAR_LINE)
            self._out.flush()
            self._shown = ""

    def wrong(self, text: str) -> None:
        """What went wrong, and what to do."""
        self.end_live()
        for part in wrapped(printable(text), self.columns):
            coloured = self.is_coloured and self._err.isatty()
            self._err.write(f"\033[{BAD}m{part}\033[0m\n" if coloured else part + "\n")
        self._err.flush()

    def json(self, told: dict[str, Any]) -> None:
        """One object, one line."""
        self._out.write(json.dumps(told, ensure_ascii=False) + "\n")
        self._out.flush()

    def raw(self, text: str) -> None:
        """As it is."""
        self.end_live()
        self._out.write(text)
        self._out.flush()

    def _in(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self.is_coloured and text else text


def printable(text: str) -> str:
    """Without anything that would move the cursor or worse; such text comes from far away."""
    return "".join("\ufffd" if unicodedata.category(one)[0] == "C" else one for one in text)


def width(text: str) -> int:
    """How many columns the text takes: Chinese letters take two."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def wrapped(text: str, columns: int, indent: int = 0) -> list[str]:
    """Lines of whole words, all but the first indented; only a word longer than a line is cut."""
    if width(text) <= columns:
        return [text]
    lines: list[str] = []
    start = text[: len(text) - len(text.lstrip())]
    line = start
    for word in text.strip().split(" "):
        longer = line + word if line == start else f"{line} {word}"
        if width(longer) > columns and line.strip():
            lines.append(line.rstrip())
            start = " " * indent
            longer = start + word
        while width(longer) > columns:
            fits = next(n for n in range(len(longer), 0, -1) if width(longer[:n]) <= columns)
            lines.append(longer[:fits])
            start = " " * indent
            longer = start + longer[fits:]
        line = longer
    return [*lines, line]
