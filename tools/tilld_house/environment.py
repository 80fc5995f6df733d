"""The project's own Python environment, made from the lock files and nothing else.

`python3 tools/tilld_house/environment.py` makes it and prints its interpreter.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tilld_house import debian, locks
from tilld_house.commands import Unprepared, run
from tilld_house.paths import (
    CACHE,
    DEV_LOCK,
    MICROPYTHON,
    PYTHON,
    ROOT,
    RUNTIME_LOCK,
    SDK_LOCK,
    SDK_PYTHON,
    SOURCE_ROOTS,
    VENV,
)

INSTALL_LIMIT_S = 900
PORTABLE_ROOTS = ("firmware", "hal", "tests")


def prepare() -> Path:
    """The interpreter of `.venv` with exactly the locked packages and our own folders."""
    with _alone():
        _install(VENV, PYTHON, (RUNTIME_LOCK, DEV_LOCK))
        _point_at_sources()
    return PYTHON


def prepare_sdk() -> Path:
    """Antom's official SDK apart: it pins a `cryptography` that the product must not be held to."""
    with _alone():
        _install(VENV / "sdk", SDK_PYTHON, (SDK_LOCK,))
    return SDK_PYTHON


def variables() -> dict[str, str]:
    """What a child needs beside this process's environment; keeps caches out of the tree."""
    return {
        "ANTOM_SDK_PYTHON": str(SDK_PYTHON),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(CACHE / "hypothesis"),
        "MICROPYPATH": os.pathsep.join((".frozen", *(str(ROOT / f) for f in PORTABLE_ROOTS))),
        "MICROPYTHON": str(MICROPYTHON),
        "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "",  # a start without .pyc files is four times as long
        "PYTHONPYCACHEPREFIX": str(CACHE / "pyc"),
        "VIRTUAL_ENV": str(VENV),
    }


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two runs in one checkout prepare it one after the other."""
    VENV.mkdir(exist_ok=True)
    with (VENV / "prepare.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _install(folder: Path, python: Path, lock_files: tuple[Path, ...]) -> None:
    """Does nothing when the folder's stamp says that it was made from these locks."""
    stamp = folder / "locked"
    texts = [path.read_text() for path in lock_files]
    wanted = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted and _answers(python):
        return
    if not _answers(python):
        _create(folder)
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    exact = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    listed: list[str | Path] = [word for path in lock_files for word in ("-r", path)]
    run([*pip, "install", "--quiet", *exact, *listed], limit_s=INSTALL_LIMIT_S)
    here = json.loads(run([*pip, "list", "--format", "json"], limit_s=60))
    locked = {pin.name for text in texts for pin in locks.pins(text)} | {"pip"}
    surplus = sorted({locks.normal(row["name"]) for row in here} - locked)
    if surplus:  # it would hide a package that the lock lacks
        run([*pip, "uninstall", "--quiet", "--yes", *surplus], limit_s=INSTALL_LIMIT_S)
    stamp.write_text(wanted)


def _answers(python: Path) -> bool:
    if not python.exists():
        return False
    try:
        run([python, "-m", "pip", "--version"], limit_s=60)
    except Unprepared:
        return False
    return True


def _create(folder: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        debian.install("python3-venv")
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    run([base, "-m", "venv", folder], limit_s=120)


def _point_at_sources() -> None:
    """Our packages by a path file: nothing is built, so nothing lands in the tree."""
    text = "".join(f"{ROOT / folder}\n" for folder in SOURCE_ROOTS)
    for site in (VENV / "lib").glob("python3*/site-packages"):
        (site / "tilld.pth").write_text(text)


if __name__ == "__main__":
    try:
        print(prepare())
    except Unprepared as error:
        sys.exit(str(error))
