"""How the story is told: short lines, the seconds since its start, and facts that are checked."""

import os
import sys
import time
from collections.abc import Sequence

_PLAIN, _BOLD, _DIM, _GREEN, _RED, _CYAN = "0", "1", "2", "32", "1;31", "36"
_INDENT = " " * 11


class Teller:
    """Writes to standard output; coloured on a terminal unless NO_COLOR is set."""

    def __init__(self) -> None:
        self.held = 0
        self.broken: list[str] = []
        self._began_s = time.monotonic()
        self._coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def title(self, text: str) -> None:
        self._line("\n" + self._in(_BOLD, text))

    def say(self, text: str, state: str = "") -> None:
        """What happened just now; ``state`` is what the till was told of the payment."""
        at = self._in(_DIM, f"{self.elapsed_s():7.1f} s  ")
        told = "  " + self._in(_CYAN, f"[{state}]") if state else ""
        self._line(at + text + told)

    def note(self, text: str) -> None:
        """More about the line before."""
        self._line(_INDENT + self._in(_DIM, text))

    def show(self, lines: Sequence[str], width: int) -> None:
        """A piece of paper; ``width`` in letters."""
        edge = "─" * (width + 2)
        self._line(f"{_INDENT}┌{edge}┐")
        for line in lines:
            self._line(f"{_INDENT}│ {line:<{width}} │")
        self._line(f"{_INDENT}└{edge}┘")

    def plain(self, text: str = "") -> None:
        self._line(text)

    def fact(self, text: str, holds: bool) -> None:
        """Something that was promised: told as held, or as broken, and counted."""
        if holds:
            self.held += 1
            self._line(" " * 9 + self._in(_GREEN, "✓ ") + text)
        else:
            self.broken.append(text)
            self._line(" " * 9 + self._in(_RED, "✗ DOES NOT HOLD: ") + text)

    def elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    def _in(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[{_PLAIN}m" if self._coloured else text

    def _line(self, text: str) -> None:
        print(text, flush=True)
