"""The real MicroPython, unix port, from Debian's archive.

Bookworm has none, so the packages come from the next release, unpacked beside each other and run
through their own loader (this machine's libc is too old for them). Apt works on a state of its
own: the machine's sources and package lists stay as they are.
"""

import platform
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tilld_house.commands import Unprepared, run
from tilld_house.paths import CACHE, MICROPYTHON

SUITE = "trixie"
PACKAGES = (
    "micropython",
    "libc6",
    "libffi8",
    "libgcc-s1",
    "libmbedcrypto16",
    "libmbedtls21",
    "libmbedx509-7",
)
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
APT_SOURCES = Path("/etc/apt")
APT_LIMIT_S = 300

WRAPPER = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/{loader}" --library-path "$here/{libraries}" "$here/usr/bin/micropython" "$@"
"""


def prepare() -> Path:
    """The interpreter's path; it runs from any working directory."""
    if _answers(MICROPYTHON):
        return MICROPYTHON
    state = CACHE / "apt"
    shutil.rmtree(state, ignore_errors=True)
    for folder in ("lists/partial", "cache/archives/partial", "sources", "downloads"):
        (state / folder).mkdir(parents=True)
    (state / "sources" / f"{SUITE}.sources").write_text(
        f"Types: deb\nURIs: {_archive()}\nSuites: {SUITE}\nComponents: main\nSigned-By: {KEYRING}\n"
    )
    apt = [
        "apt-get",
        *("-o", "Dir::Etc::sourcelist=/dev/null"),
        *("-o", f"Dir::Etc::sourceparts={state / 'sources'}"),
        *("-o", f"Dir::State::lists={state / 'lists'}"),
        *("-o", f"Dir::Cache={state / 'cache'}"),
        *("-o", "APT::Sandbox::User=root"),  # the unprivileged downloader can't write in here
    ]
    run([*apt, "update"], limit_s=APT_LIMIT_S)
    run([*apt, "download", *PACKAGES], limit_s=APT_LIMIT_S, cwd=state / "downloads")
    _unpack(sorted((state / "downloads").glob("*.deb")), MICROPYTHON.parent)
    shutil.rmtree(state)
    if not _answers(MICROPYTHON):
        raise Unprepared(f"{MICROPYTHON} was unpacked and does not run")
    return MICROPYTHON


def _answers(micropython: Path) -> bool:
    if not micropython.exists():
        return False
    said = run([micropython, "-c", "import sys; print(sys.implementation.name)"], limit_s=20)
    return said.strip() == "micropython"


def _archive() -> str:
    """Where this machine gets Debian from: its mirror also holds the next release."""
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    for path in (APT_SOURCES / "sources.list", *sorted(APT_SOURCES.glob("sources.list.d/*"))):
        if path.is_file():
            for uri, suites, components in apt_sources(path.read_text()):
                if release in suites and "main" in components:
                    return uri
    raise Unprepared(f"{APT_SOURCES} names no Debian archive to take MicroPython from")


def apt_sources(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """URI, suites and components of each entry, in apt's paragraph form and in its line form."""
    for paragraph in re.split(r"\n\s*\n", text):
        keys = dict(re.findall(r"^(URIs|Suites|Components):[ \t]*(.*)$", paragraph, re.MULTILINE))
        if len(keys) == 3:
            yield keys["URIs"].split()[0], keys["Suites"].split(), keys["Components"].split()
    for entry in re.findall(r"^deb\s+(?:\[[^]]*\]\s+)?(\S.*)$", text, re.MULTILINE):
        uri, suite, *components = entry.split()
        yield uri, [suite], components


def _unpack(archives: list[Path], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for archive in archives:
        run(["dpkg-deb", "-x", archive, folder], limit_s=60)
    loaders = sorted(folder.glob("usr/lib*/ld-linux*.so.*"))
    libraries = sorted(folder.glob("usr/lib/*/libc.so.6"))
    if not loaders or not libraries:
        raise Unprepared(f"no loader or no libc in {', '.join(a.name for a in archives)}")
    wrapper = WRAPPER.format(
        loader=loaders[0].relative_to(folder),
        libraries=libraries[0].parent.relative_to(folder),
    )
    MICROPYTHON.write_text(wrapper)
    MICROPYTHON.chmod(0o755)
