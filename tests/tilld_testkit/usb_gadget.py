"""USB devices made of programs, inside the guest: plugged in and pulled out by one write.

A gadget is the far end of the cable; its keyboard, serial line or printer shows up at this end by
the drivers of a real one, with the stable names that udev gives.  (The kernel's documents:
usb/gadget_configfs.rst, usb/gadget_hid.rst, usb/gadget_printer.rst.)
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import select
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator

GADGETS = Path("/sys/kernel/config/usb_gadget")
UDC = Path("/sys/class/udc")  # the ports of the emulated USB
SETTLED_S = 20
MAKER = "Example"

# A keyboard's report: a byte of modifiers, one unused, six keys (USB HID 1.11, appendix B.1).
_KEYBOARD = bytes.fromhex(
    "05010906a101050719e029e71500250175019508810295017508810395057501050819012905910295017503"
    "910395067508150025650507190029658100c0"
)
_FUNCTIONS = {
    "hid": {"protocol": b"1", "subclass": b"1", "report_length": b"8", "report_desc": _KEYBOARD},
    "acm": {},
    "printer": {"pnp_string": b"MFG:Example;MDL:Receipt Printer;CLS:PRINTER;", "q_len": b"10"},
}

_names = itertools.count()

EVIOCSREP = 0x40084503  # linux/input.h
NO_REPEAT_MS = 600_000

# Usages of keys (USB HID usage tables, page 7) of a US keyboard.
LEFT_SHIFT = 0x02
_USAGES = {
    **{letter: 0x04 + at for at, letter in enumerate("abcdefghijklmnopqrstuvwxyz")},
    **{digit: 0x1E + at for at, digit in enumerate("1234567890")},
    **{"\n": 0x28, "\t": 0x2B, " ": 0x2C, "-": 0x2D, "[": 0x2F, "]": 0x30},
}


class Gadget:
    """One USB device with one function: "hid" (a keyboard), "acm" (a serial line) or "printer"."""

    _taken: ClassVar[set[str]] = set()

    def __init__(self, function: str, product: str, serial: str) -> None:
        self._port = ""
        self._serial = serial
        self._product = product
        name = f"g{next(_names)}"
        self._folder = GADGETS / name
        self._folder.mkdir()
        self._put({"idVendor": b"0x1d6b", "idProduct": b"0x0104"})
        (self._folder / "strings/0x409").mkdir()
        words = {"manufacturer": MAKER, "product": product, "serialnumber": serial}
        self._put({f"strings/0x409/{key}": word.encode() for key, word in words.items()})
        (self._folder / "configs/c.1").mkdir()
        self._function = self._folder / f"functions/{function}.{name}"
        self._function.mkdir()
        self._put({f"functions/{function}.{name}/{k}": v for k, v in _FUNCTIONS[function].items()})
        (self._folder / f"configs/c.1/{function}.{name}").symlink_to(self._function)

    def by_id(self, ending: str) -> str:
        """The name that udev gives it, such as "usb-Example_Scanner_S1-event-kbd"."""
        return f"usb-{MAKER}_{self._product}_{self._serial}{ending}".replace(" ", "_")

    def plug(self, appears: str = "") -> None:
        """Plugs it into a free port; returns when ``appears`` is there."""
        self._port = next(
            port.name for port in sorted(UDC.iterdir()) if port.name not in self._taken
        )
        self._taken.add(self._port)
        self._put({"UDC": self._port.encode()})
        if appears:
            wait_for(appears)

    def unplug(self, vanishes: str = "") -> None:
        """Pulls the cable; returns when ``vanishes`` is away."""
        self._put({"UDC": b"\n"})
        self._taken.discard(self._port)
        if vanishes:
            wait_for(vanishes, "--removed")

    def attribute(self, name: str) -> str:
        """What the function says of itself, such as "dev"."""
        return (self._function / name).read_text().strip()

    def remove(self) -> None:
        if (self._folder / "UDC").read_text().strip():
            self.unplug()
        for link in (self._folder / "configs/c.1").glob("*.g*"):
            link.unlink()
        for folder in ("configs/c.1", f"functions/{self._function.name}", "strings/0x409", ""):
            (self._folder / folder).rmdir()

    def _put(self, values: dict[str, bytes]) -> None:
        for name, value in values.items():
            (self._folder / name).write_bytes(value)


class Keyboard(Gadget):
    """A scanner that poses as a keyboard; ``type`` presses the keys of a US layout."""

    def __init__(self, product: str = "Barcode Scanner", serial: str = "S1") -> None:
        super().__init__("hid", product, serial)
        self.device = f"/dev/input/by-id/{self.by_id('-event-kbd')}"

    def plug(self, appears: str = "") -> None:
        super().plug(appears or self.device)
        fd = os.open(self.device, os.O_RDWR)  # an emulator may pause longer than a key's repeat
        fcntl.ioctl(fd, EVIOCSREP, struct.pack("II", NO_REPEAT_MS, NO_REPEAT_MS))
        os.close(fd)

    def unplug(self, vanishes: str = "") -> None:
        super().unplug(vanishes or self.device)

    def type(self, text: str) -> None:
        """Sends two reports a letter; returns when the other end has fetched them all."""
        major, _, minor = self.attribute("dev").partition(":")
        with own_node(int(major), int(minor)) as fd:
            for letter in text:
                shift = LEFT_SHIFT if letter.isupper() else 0
                os.write(fd, bytes((shift, 0, _USAGES[letter.lower()], 0, 0, 0, 0, 0)))
                self._fetched(fd)
                os.write(fd, bytes(8))
                self._fetched(fd)

    def _fetched(self, fd: int) -> None:
        """Until the last report has gone over the cable: there is room for one."""
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        if not poll.poll(SETTLED_S * 1000):
            raise TimeoutError("nobody fetched the keys")


@contextlib.contextmanager
def own_node(major: int, minor: int) -> Iterator[int]:
    """The gadget's own end by its number, whatever name udev has given it."""
    path = f"/dev/shm/node-{major}-{minor}-{next(_names)}"
    os.mknod(path, 0o20600, os.makedev(major, minor))
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.unlink(path)
    try:
        yield fd
    finally:
        os.close(fd)


def wait_for(path: str, *how: str) -> None:
    """Until udev has made, or removed, a name."""
    words = ["udevadm", "wait", f"--timeout={SETTLED_S}", "--settle", *how, path]
    subprocess.run(words, check=True, timeout=2 * SETTLED_S)
