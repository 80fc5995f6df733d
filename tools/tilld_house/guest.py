"""A Linux in an emulator: Debian's stock kernel and what it needs to reach this machine's files.

It has what the machine itself may not have: a USB whose devices are programs. The packages are
unpacked into the cache; nothing of them is installed here.
"""

import gzip
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tilld_house import debian
from tilld_house.commands import Unprepared, run
from tilld_house.paths import CACHE

FOLDER = CACHE / "guest"
KERNEL = FOLDER / "kernel"
INITRAMFS = FOLDER / "initramfs"
UDEV = FOLDER / "udev"
EMULATOR = "qemu-system-x86_64"

# In the order in which they are needed; what each leans on comes before it by itself.
MODULES = (
    *("virtio_pci", "9pnet_virtio", "9p"),
    *("evdev", "usbhid", "hid_generic", "usblp", "cdc_acm"),
    *("configfs", "libcomposite", "usb_f_hid", "usb_f_printer", "usb_f_acm", "dummy_hcd"),
)
OPTIONS = {"dummy_hcd": "num=4"}  # so many ports has the emulated USB
RULES = (
    "50-udev-default.rules",
    "60-input-id.rules",
    "60-persistent-input.rules",
    "60-serial.rules",
)
APT = ("apt-get", "-o", "APT::Sandbox::User=root")
APT_LIMIT_S = 600

# The root is the host's, read-only; on it lie the guest's own /dev, /proc, /sys and /run. Standard
# output is the second serial port. "tilld=" of the kernel's command line names what to run.
INIT = """#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
$B mount -t devtmpfs dev /dev
{load}
$B mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 host /host
$B mount --move /proc /host/proc
$B mount --move /sys /host/sys
$B mount --move /dev /host/dev
$B mkdir -p /host/dev/shm /host/dev/pts
$B mount -t tmpfs shm /host/dev/shm
$B mount -t devpts pts /host/dev/pts
$B mount -t tmpfs run /host/run
$B mount -t configfs config /host/sys/kernel/config
for word in $($B cat /host/proc/cmdline); do
    case $word in tilld=*) command=${{word#tilld=}} ;; esac
done
TMPDIR=/dev/shm $B chroot /host /bin/sh "$command" </host/dev/null >/host/dev/ttyS1 2>&1
$B poweroff -f
"""


def prepare() -> Path:
    """The folder with kernel, initial file system and udev; made when it is missing or outdated."""
    if shutil.which(EMULATOR) is None:
        debian.install("qemu-system-x86")
    stamp = FOLDER / "made"
    wanted = repr((MODULES, OPTIONS, RULES, INIT))
    if stamp.exists() and stamp.read_text() == wanted:
        return FOLDER
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        there = _unpacked(Path(scratch))
        shutil.copy(_one(there, "boot/vmlinuz-*"), KERNEL)
        modules = chosen({_module(path): path for path in there.rglob("*.ko")}, MODULES)
        INITRAMFS.write_bytes(gzip.compress(_initramfs(there, modules), 1))
        _keep_udev(there)
    stamp.write_text(wanted)
    return FOLDER


def chosen(known: Mapping[str, Path], names: Iterable[str]) -> dict[str, Path]:
    """The modules of these names, each after those that it says it depends on."""
    order: dict[str, Path] = {}

    def take(name: str) -> None:
        if name in order:
            return
        if name not in known:
            raise Unprepared(f"Debian's kernel has no module {name}")
        said = re.search(rb"\0depends=([^\0]*)\0", known[name].read_bytes())
        for needed in said[1].decode().split(",") if said and said[1] else ():
            take(needed.replace("-", "_"))
        order[name] = known[name]

    for name in names:
        take(name)
    return order


def cpio(files: Mapping[str, tuple[int, bytes]]) -> bytes:
    """An archive in the form that the kernel unpacks ("newc"): name to mode and contents."""
    out = b""
    for number, (name, (mode, data)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))], 1):
        words = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % word for word in words) + name.encode() + b"\0"
        out += head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
    return out


def _unpacked(scratch: Path) -> Path:
    run([*APT, "update"], limit_s=APT_LIMIT_S)
    told = run(["apt-cache", "show", "linux-image-amd64"], limit_s=60)
    kernel = re.search(r"^Depends:.*?(linux-image-[\w.+-]+)", told, re.MULTILINE)
    if kernel is None:
        raise Unprepared("Debian's archive names no kernel for this machine")
    downloads, there = scratch / "downloads", scratch / "there"
    downloads.mkdir()
    packages = (kernel[1], "busybox-static", "udev", "libkmod2")
    run([*APT, "download", *packages], limit_s=APT_LIMIT_S, cwd=downloads)
    for archive in sorted(downloads.glob("*.deb")):
        run(["dpkg-deb", "-x", archive, there], limit_s=120)
    return there


def _initramfs(there: Path, modules: Mapping[str, Path]) -> bytes:
    load = "\n".join(f"$B insmod /lib/{name}.ko {OPTIONS.get(name, '')}" for name in modules)
    folders = ("bin", "lib", "proc", "sys", "dev", "host")
    return cpio(
        {
            **{name: (0o040755, b"") for name in folders},
            "init": (0o100755, INIT.format(load=load).encode()),
            "bin/busybox": (0o100755, (there / "bin/busybox").read_bytes()),
            **{f"lib/{name}.ko": (0o100644, path.read_bytes()) for name, path in modules.items()},
        }
    )


def _keep_udev(there: Path) -> None:
    """The programme by both of its names, its library, and the rules that give stable names."""
    UDEV.mkdir()
    shutil.copy(_one(there, "bin/udevadm"), UDEV / "udevadm")
    (UDEV / "systemd-udevd").symlink_to("udevadm")
    shutil.copy(_one(there, "usr/lib/*/libkmod.so.2"), UDEV / "libkmod.so.2")
    (UDEV / "rules.d").mkdir()
    for name in RULES:
        shutil.copy(_one(there, f"lib/udev/rules.d/{name}"), UDEV / "rules.d")


def _module(path: Path) -> str:
    return path.stem.replace("-", "_")


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise Unprepared(f"Debian's packages hold no {pattern}")
    return found[0]
