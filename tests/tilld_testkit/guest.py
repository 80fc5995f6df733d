"""Boots the guest of tilld_house.guest once and runs checks inside, one result a check.

The checks are the functions of the modules in ``tilld_testkit.guest_checks``; a function without an
underscore before its name is one, and its name is its sentence.
"""

from __future__ import annotations

import importlib
import json
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tilld_house import guest
from tilld_house.paths import CACHE, PYTHON, ROOT, SOURCE_ROOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_S = 150.0
MEMORY_MIB = 512
SHOWN_LETTERS = 4000
SOURCES = os.pathsep.join(str(ROOT / folder) for folder in (*SOURCE_ROOTS, "tests"))

# 9p gives the guest the whole machine to read and nothing to write; it has no network.
_EMULATOR = (
    *(guest.EMULATOR, "-accel", "tcg", "-m", str(MEMORY_MIB), "-nic", "none"),
    *("-display", "none", "-nodefaults", "-no-reboot"),
    *("-kernel", str(guest.KERNEL), "-initrd", str(guest.INITRAMFS)),
    "-virtfs",
    "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
)
_KERNEL_WORDS = "console=ttyS0 quiet panic=-1 mitigations=off tilld={script}"

_SCRIPT = """
export LD_LIBRARY_PATH={udev} PATH={udev}:$PATH PYTHONPATH={sources} PYTHONDONTWRITEBYTECODE=1
export PYTHONPYCACHEPREFIX={bytecode}
mkdir -p /run/udev
cp -r {udev}/rules.d /run/udev/rules.d
{udev}/systemd-udevd --daemon 2>/dev/null
exec {python} -m tilld_testkit.guest_checks {modules}
"""


class Result(NamedTuple):
    """``error`` is the check's traceback, or "" when it held; ``up_s``: the guest's age by then."""

    check: str
    error: str
    up_s: float


class Run(NamedTuple):
    """``end``: how the guest ended and what it last said."""

    results: dict[str, Result]
    end: str

    def result(self, check: str) -> Result:
        """A check that the guest did not reach has failed."""
        return self.results.get(check) or Result(check, f"not reached: {self.end}", 0.0)


def checks(*modules: str) -> list[str]:
    """The checks of the modules, as "module.function", in the order in which they are written."""
    found = []
    for name in modules:
        module = importlib.import_module(f"tilld_testkit.guest_checks.{name}")
        for attribute, value in vars(module).items():
            ours = getattr(value, "__module__", "") == module.__name__
            if ours and callable(value) and attribute[0] != "_" and attribute[0].islower():
                found.append(f"{name}.{attribute}")
    return found


def run(*modules: str) -> Run:
    """Boots, runs the checks of the modules, and ends the guest."""
    guest.prepare()
    # Beside the checkout, which the guest sees; it has a /run and a /dev of its own.
    with tempfile.TemporaryDirectory(prefix="guest-", dir=CACHE) as folder:
        return _run(Path(folder), modules)


def _run(folder: Path, modules: tuple[str, ...]) -> Run:
    script = folder / "script"
    script.write_text(
        _SCRIPT.format(
            udev=shlex.quote(str(guest.UDEV)),
            sources=shlex.quote(SOURCES),
            bytecode=shlex.quote(os.environ.get("PYTHONPYCACHEPREFIX", "")),
            python=shlex.quote(str(PYTHON)),
            modules=" ".join(modules),
        )
    )
    words = [
        *_EMULATOR,
        *("-append", _KERNEL_WORDS.format(script=script)),
        *("-serial", f"file:{folder / 'console'}", "-serial", f"file:{folder / 'said'}"),
    ]
    try:
        ended = subprocess.run(
            words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S
        )
        end = f"the guest ended with {ended.returncode}: {ended.stderr}"
    except subprocess.TimeoutExpired:
        end = f"the guest did not end in {LIMIT_S:.0f} s"
    said, console = (_text(folder / name) for name in ("said", "console"))
    end += f"\n{console[-SHOWN_LETTERS:]}\n{said[-SHOWN_LETTERS:]}"
    return Run({result.check: result for result in _results(said)}, end)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _results(said: str) -> Iterator[Result]:
    for line in said.splitlines():
        if line.startswith('{"check"'):
            told = json.loads(line)
            yield Result(told["check"], told["error"], float(told["up_s"]))
