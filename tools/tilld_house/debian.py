"""Debian packages: looked for by what they bring, installed only when missing and allowed."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tilld_house.commands import Unprepared, run

APT_LIMIT_S = 600

TEST_PACKAGES: Mapping[str, Callable[[], bool]] = {
    # the letters of a Chinese printer
    "fonts-wqy-microhei": lambda: Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc").exists(),
    # the other side of mDNS, with a bus of its own
    "avahi-daemon": lambda: Path("/usr/sbin/avahi-daemon").exists(),
    "avahi-utils": lambda: shutil.which("avahi-browse") is not None,
    "dbus": lambda: shutil.which("dbus-daemon") is not None,
    "gcc": lambda: shutil.which("gcc") is not None,  # a till in C, the C reference of tests/bench
    "iproute2": lambda: shutil.which("ip") is not None,  # network namespaces
    "libc6-dev": lambda: Path("/usr/include/stdio.h").exists(),
    "nodejs": lambda: shutil.which("node") is not None,  # a till in another language
    "strace": lambda: shutil.which("strace") is not None,  # failing disks
    "systemd": lambda: shutil.which("systemd-analyze") is not None,  # the unit is verified
    "tzdata": lambda: Path("/usr/share/zoneinfo/Europe/Berlin").exists(),  # a shop's offset
    "zsh": lambda: shutil.which("zsh") is not None,  # its completion of `till` is loaded
}


def install(*packages: str) -> None:
    """Raises Unprepared with the command to type when this user may not install."""
    wanted = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unprepared(f"missing: {wanted}. As root: apt-get install {wanted}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update"], limit_s=APT_LIMIT_S, variables=quiet)
    run(
        ["apt-get", "install", "-y", "--no-install-recommends", *packages],
        limit_s=APT_LIMIT_S,
        variables=quiet,
    )


def prepare() -> None:
    """Installs what the tests lean on and the machine lacks."""
    missing = [name for name, is_here in TEST_PACKAGES.items() if not is_here()]
    if missing:
        install(*missing)
