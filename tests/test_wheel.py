"""What a device is given: the wheel, built from a copy so that nothing lands in the tree."""

import configparser
import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tilld_house.paths import ROOT


def said(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def packages() -> list[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config["options"]["packages"].split()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, as an installer would lay it out."""
    scratch = tmp_path_factory.mktemp("wheel")
    copy = scratch / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__"))
    offline = ("--no-build-isolation", "--no-deps", "--no-index", "--quiet")
    said("-m", "pip", "wheel", *offline, "--wheel-dir", "out", "./copy", cwd=scratch)
    (wheel,) = (scratch / "out").glob("tilld-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch / "site")
    return scratch / "site"


def test_it_holds_every_package_and_nothing_else(unpacked: Path) -> None:
    roots = {name for name in packages() if "." not in name}
    assert {path.name for path in unpacked.iterdir() if path.suffix != ".dist-info"} == roots
    assert [name for name in roots if not (unpacked / name / "py.typed").exists()] == []


def test_it_brings_the_licence_and_the_commands(unpacked: Path) -> None:
    (about,) = unpacked.glob("*.dist-info")
    assert [path.name for path in about.rglob("LICENSE")] == ["LICENSE"]
    assert "tilld = tilld_daemon.__main__:main" in (about / "entry_points.txt").read_text()


def test_its_packages_work_away_from_the_sources(unpacked: Path) -> None:
    """`-S` keeps the checkout's own path file out; the locked packages are added by hand."""
    code = (
        "import importlib, json, sys; "
        "sys.path += json.loads(sys.argv[1]); "
        "print(json.dumps([importlib.import_module(n).__file__ for n in json.loads(sys.argv[2])]))"
    )
    path = json.dumps([str(unpacked), sysconfig.get_path("purelib")])
    loaded = json.loads(
        said(
            "-I",
            "-S",
            "-c",
            code,
            path,
            json.dumps([*packages(), "tilld_daemon.__main__"]),
            cwd=unpacked,
        )
    )
    assert [name for name in loaded if not Path(name).is_relative_to(unpacked)] == []
