"""The tree itself: what the configuration, the locks and the documents claim is what is on disk."""

import ast
import configparser
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from tilld_hal.catalogue import DRIVERS
from tilld_house import locks, steps
from tilld_house.paths import DEV_LOCK, ROOT, RUNTIME_LOCK, SBOM, SDK_LOCK, SOURCE_ROOTS

IGNORED = (ROOT / ".gitignore").read_text().split()
MADE = {".git"} | {line.rstrip("/") for line in IGNORED}
NOT_SHIPPED = {"tilld_house", "tilld_story"}
ONLY_ON_MICROPYTHON = {"machine", "micropython", "tls", "vfs"}
FILE_LINES = 500

# Distribution: (what is imported of it, the places that may). The simulator shares no code with
# the product, so it has places of its own.
DEPENDENCIES = {
    "adafruit-circuitpython-requests": (
        {"adafruit_connection_manager", "adafruit_requests"},
        ("firmware/tilld_urequests/",),
    ),
    "cryptography": ({"cryptography"}, ("daemon/tilld_antom/", "tools/antomsim/")),
    "h11": ({"h11"}, ("tools/antomsim/",)),
    "msgpack": ({"msgpack"}, ("daemon/tilld_daemon/", "daemon/tilld_client/")),
    "pillow": ({"PIL"}, ("hal/tilld_hal/",)),
    "pyserial": ({"serial"}, ("hal/tilld_hal/",)),
    "python-escpos": ({"escpos"}, ("hal/tilld_hal/",)),
    "qrcode": ({"qrcode"}, ("daemon/tilld_cli/",)),
    "zeroconf": ({"zeroconf"}, ("hal/tilld_hal/",)),
}
LOADED_LATE = {"PIL", "adafruit_requests", "cryptography", "escpos", "qrcode", "serial", "zeroconf"}

# Put together here so that this file is not the one it finds.
# (XXX alone is a currency: ISO 4217's "none".)
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b|# *XX" + "X")
# A checkout stands by itself: no text leads to a folder beside it or to one package registry.
ELSEWHERE = re.compile(r"\.\./" + r"shared|py" + r"pi\.org|python" + r"hosted|deb\." + r"debian")


def files(*suffixes: str, under: Path = ROOT) -> Iterator[Path]:
    for folder, folders, names in os.walk(under):
        folders[:] = sorted(name for name in folders if name not in MADE)
        for name in sorted(names):
            if name.endswith(suffixes):
                yield Path(folder, name)


def sources() -> Iterator[Path]:
    for folder in SOURCE_ROOTS:
        yield from files(".py", under=ROOT / folder)


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def listed_packages() -> set[str]:
    return set(config()["options"]["packages"].split())


def requirements(section: str, key: str) -> list[Requirement]:
    return [Requirement(line) for line in config()[section][key].split("\n") if line]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_setup_cfg_lists_every_package() -> None:
    on_disk = {
        ".".join(init.parent.relative_to(ROOT / root).parts)
        for root in SOURCE_ROOTS
        for init in files("__init__.py", under=ROOT / root)
    }
    assert listed_packages() == on_disk - NOT_SHIPPED


def test_setup_cfg_knows_the_folder_of_every_package() -> None:
    roots = {name for name in listed_packages() if "." not in name}
    folders = dict(re.findall(r"(\w+) = (\S+)", config()["options"]["package_dir"]))
    assert set(folders) == roots
    assert [name for name, folder in folders.items() if not (ROOT / folder).is_dir()] == []


def test_every_package_says_that_it_is_typed() -> None:
    inits = list(files("__init__.py"))
    roots = [init.parent for init in inits if init.parents[1] / init.name not in inits]
    assert [shown(root) for root in roots if not (root / "py.typed").exists()] == []


def test_the_import_rules_cover_every_package() -> None:
    ruled = set(config()["importlinter"]["root_packages"].split())
    assert ruled == {name for name in listed_packages() if "." not in name} | NOT_SHIPPED


def test_every_driver_is_in_the_catalogue() -> None:
    modules = {path.stem for path in files(".py", under=ROOT / "hal/tilld_hal/drivers")}
    assert modules - {"__init__", "skeleton"} == set(DRIVERS.values())


def test_every_dependency_has_its_place() -> None:
    asked = requirements("options", "install_requires")
    assert {locks.normal(need.name) for need in asked} == set(DEPENDENCIES)


def test_third_party_code_is_imported_in_its_place_only() -> None:
    ours = listed_packages() | NOT_SHIPPED
    places = {name: where for names, where in DEPENDENCIES.values() for name in names}
    places["tilld_testkit"] = ("tools/tilld_story/",)
    places["zxingcpp"] = ("hal/tilld_hal/simulated/",)  # the extra "simulated"
    known = ours | set(sys.stdlib_module_names) | ONLY_ON_MICROPYTHON
    strays = [
        f"{shown(path)}: {name}"
        for path in sources()
        for name in sorted(imported(path) - known)
        if not shown(path).startswith(places.get(name, ("nowhere",)))
    ]
    assert strays == []


def test_every_dependency_is_used() -> None:
    used = set().union(*(imported(path) for path in sources()))
    assert [name for name, (names, _) in DEPENDENCIES.items() if not names & used] == []


def test_the_daemon_starts_without_what_only_a_driver_needs() -> None:
    code = "import sys, tilld_daemon.__main__; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) & LOADED_LATE == set()


def test_the_locks_cover_what_setup_cfg_asks_for() -> None:
    runtime = {pin.name: pin.version for pin in locks.pins(RUNTIME_LOCK.read_text())}
    both = runtime | {pin.name: pin.version for pin in locks.pins(DEV_LOCK.read_text())}
    asked = [(need, runtime) for need in requirements("options", "install_requires")]
    asked += [(need, both) for need in requirements("options.extras_require", "dev")]
    unmet = [
        str(need)
        for need, locked in asked
        if locks.normal(need.name) not in locked
        or not need.specifier.contains(locked[locks.normal(need.name)])
    ]
    assert unmet == []


def test_every_locked_package_has_hashes_and_no_address() -> None:
    for path in (RUNTIME_LOCK, DEV_LOCK, SDK_LOCK):
        text = path.read_text()
        assert text == "".join(locks.blocks(text).values())
        assert [pin.name for pin in locks.pins(text) if not pin.sha256] == []


def test_the_bill_of_materials_follows_from_the_lock() -> None:
    version = config()["metadata"]["version"]
    assert SBOM.read_text() == locks.bill_of_materials(RUNTIME_LOCK.read_text(), version)


def test_every_folder_of_tests_is_run_by_a_step() -> None:
    words = {str(word) for step in (*steps.STEPS, *steps.PROOFS) for word in step.command}
    tests = {path for path in files(".py", under=ROOT / "tests") if path.name.startswith("test_")}
    needed = {path if path.parent == ROOT / "tests" else path.parent for path in tests}
    assert {shown(path) for path in needed} - words == set()


def test_nothing_is_left_for_later() -> None:
    assert [shown(path) for path in texts() if UNFINISHED.search(path.read_text())] == []


def test_no_file_leans_on_the_place_where_it_was_written() -> None:
    found = [
        f"{shown(path)}: {match[0]}"
        for path in texts()
        if (match := ELSEWHERE.search(path.read_text()))
    ]
    assert found == []


def texts() -> list[Path]:
    """Everything people write; not the licence, which is its author's."""
    return [path for path in files("") if path.name != "LICENSE" and is_text(path)]


def is_text(path: Path) -> bool:
    try:
        path.read_text()
    except UnicodeDecodeError:
        return False
    return True


def test_no_test_sleeps() -> None:
    sleepers = [
        f"{shown(path)}:{node.lineno}"
        for path in files(".py", under=ROOT / "tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "sleep"
    ]
    assert sleepers == []


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{shown(path)}: {target}"
        for path in files(".md")
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text())
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert broken == []


def test_every_top_folder_says_what_it_is_for() -> None:
    folders = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    assert [shown(path) for path in folders if not (path / "README.md").exists()] == []


def test_no_file_is_too_long_to_hold_in_the_head() -> None:
    sizes = {shown(path): len(path.read_text().splitlines()) for path in files(".py")}
    assert {name: size for name, size in sizes.items() if size > FILE_LINES} == {}
