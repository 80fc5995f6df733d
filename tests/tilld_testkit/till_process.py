"""The command `till` as a process of its own, at a terminal of a given width or between pipes."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

from tilld_testkit.shop import SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PATIENCE_S = 20.0
_SIGNS = re.compile(r"\033\[[0-9;?]*[A-Za-z]")
CTRL_C = b"\x03"


class TillProcess:
    """One run. ``columns`` 0: standard output and error go to pipes, joined."""

    def __init__(
        self,
        words: tuple[str, ...],
        home: Path,
        socket: str = "",
        columns: int = 0,
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.written = ""
        self._columns = columns
        if columns:
            self._ours, theirs = os.openpty()
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        else:
            self._ours, theirs = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tilld_cli", *words],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": SOURCES,
                "HOME": str(home),
                "TERM": "xterm",
                "LC_ALL": "C.UTF-8",
                "PYTHONUTF8": "1",
                "TILLD_SOCKET": socket,
                **(environment or {}),
            },
            stdin=theirs if columns else subprocess.PIPE,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_take_terminal if columns else None,
        )
        os.close(theirs)
        if self._process.stdin is not None:
            self._process.stdin.write(stdin.encode())
            self._process.stdin.close()

    @property
    def text(self) -> str:
        """What was written, without colours and cursor."""
        return _SIGNS.sub("", self.written).replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        """What stays to be seen: a line that was written over is as it was last."""
        return [line.rpartition("\r")[2].rstrip() for line in self.text.split("\n")]

    def until(self, wanted: str | Callable[[str], bool]) -> str:
        """Reads until that was written; AssertionError when it ends or waits too long before."""
        ends_s = time.monotonic() + PATIENCE_S
        is_there = wanted if callable(wanted) else lambda text: wanted in text
        while not is_there(self.text):
            if not self._read(ends_s):
                raise AssertionError(f"it ended before {wanted!r}:\n{self.text}")
        return self.text

    def ended(self) -> int:
        """Reads to the end; the exit status."""
        ends_s = time.monotonic() + PATIENCE_S
        while self._read(ends_s):
            pass
        return self._process.wait(PATIENCE_S)

    def press_ctrl_c(self) -> None:
        """At a terminal the key, else the signal."""
        if self._columns:
            os.write(self._ours, CTRL_C)
        else:
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def close(self) -> None:
        if self._process.poll() is None:
            self.kill()
        os.close(self._ours)

    def _read(self, ends_s: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0.0, ends_s - time.monotonic()))
        if not ready:
            raise AssertionError(f"nothing more came:\n{self.text}")
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # a terminal whose other end is closed
            return False
        self.written += data.decode(errors="replace")
        return bool(data)


def _take_terminal() -> None:
    """Ctrl-C becomes a signal for whoever's terminal it is."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
