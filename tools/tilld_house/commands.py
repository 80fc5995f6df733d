"""Runs another programme to its end, with a limit, and says why it failed."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Unprepared(Exception):
    """Something that the checkout needs could not be had; the text is for people."""


def run(
    command: Sequence[str | Path],
    *,
    limit_s: float,
    cwd: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Its standard output. Raises Unprepared with the end of what it printed."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=dict(os.environ) | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except FileNotFoundError:
        raise Unprepared(f"{words[0]} is not on this machine") from None
    except subprocess.TimeoutExpired:
        raise Unprepared(f"no end after {limit_s:.0f} s: {shlex.join(words)}") from None
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise Unprepared(f"exit {done.returncode}: {shlex.join(words)}\n{said}")
    return done.stdout
