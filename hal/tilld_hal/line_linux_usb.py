"""A printer on USB on Linux: the character device that the kernel's usblp driver makes of it.

/dev/usb/lpN is numbered in the order of plugging in, so a printer is better chosen by what it says
of itself: vendor, product and serial number, as sysfs shows them.  usblp lets one process at a time
have a printer, so nobody else's bytes come between.
"""

import errno
import os
import stat

from tilld_hal.errors import Busy, Gone, HalError, Refused
from tilld_hal.line_linux import DescriptorLine

CLASS = "/sys/class/usbmisc"
DEVICES = "/dev/usb"


class UsbLine(DescriptorLine):
    """An open usblp device.  One thread uses it."""

    END_IS_GONE = False
    """A printer with nothing to say may answer with an empty packet (usblp_read returns 0)."""

    def __init__(self, path: str) -> None:
        """Raises ``Gone``, ``Busy`` (another program prints) or ``Refused``."""
        super().__init__(path)
        self._open()

    def check(self) -> None:
        """Raises ``Gone`` if it was unplugged."""
        if self._fd < 0:
            self._open()
        super().check()

    def discard_unsent(self) -> None:
        """Closing makes usblp recall what has not left (usblp_release unlinks its transfers)."""
        self.close()
        try:
            self._open()
        except HalError as error:
            raise Gone(error.reason) from error

    def _open(self) -> None:
        try:
            self._fd = os.open(self._name, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            raise _not_opened(self._name, error) from error
        if not stat.S_ISCHR(os.fstat(self._fd).st_mode):  # a receipt would overwrite a file
            self.close()
            raise Refused(f"{self._name} is no USB printer (it is no device)")


class UsbNames:
    """What ``usb`` may say, for a driver's ``ALLOWED``."""

    words = 'vendor and product as lsusb shows them, "04b8:0e15", or "04b8:0e15:SERIAL"'

    def __contains__(self, usb: str) -> bool:
        parts = usb.split(":", 2)
        ids = all(
            len(part) == 4 and set(part.lower()) <= set("0123456789abcdef") for part in parts[:2]
        )
        return usb == "" or (len(parts) > 1 and ids and parts[-1] != "")


def find(usb: str, sysfs: str = CLASS, devices: str = DEVICES) -> str:
    """The device of the one printer that is meant; asked anew at each opening.

    ``usb`` is "" for the only one there is, "04b8:0e15" for a model, "04b8:0e15:SERIAL" for one
    printer.  Raises ``Gone`` (none is plugged in) or ``Refused`` (several are, and which is named).
    """
    there = _printers(sysfs)
    wanted = usb.lower().split(":", 2)
    found = [name for name, ids in there if [part.lower() for part in ids[: len(wanted)]] == wanted]
    if not usb:
        found = [name for name, _ in there]
    if len(found) == 1:
        return os.path.join(devices, found[0])
    known = ", ".join([":".join(ids) for _, ids in there]) or "none"
    if not found:
        raise Gone(f"no USB printer {usb}".rstrip() + f" is plugged in; there are: {known}")
    raise Refused(f"several USB printers are plugged in, name one in usb: {known}")


def _printers(sysfs: str) -> "list[tuple[str, list[str]]]":
    """(lpN, [vendor, product, serial number]) of each; one that vanishes meanwhile is left out.

    Raises ``Refused`` when the folder can't be read.
    """
    try:
        names = sorted(name for name in os.listdir(sysfs) if name.startswith("lp"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Refused(f"{sysfs} can't be read: {error.strerror}") from error
    there = []
    for name in names:
        # usbmisc/lpN/device is the printer's interface; the folder above it is the USB device.
        device = os.path.join(sysfs, name, "device", "..")
        try:
            ids = [_word(device, "idVendor"), _word(device, "idProduct")]
        except OSError:
            continue
        try:
            ids.append(_word(device, "serial"))
        except OSError:
            ids.append("")  # cheap printers have none
        there.append((name, ids))
    return there


def _word(folder: str, name: str) -> str:
    with open(os.path.join(folder, name), encoding="ascii", errors="replace") as file:
        return file.read().strip()


def _not_opened(path: str, error: OSError) -> HalError:
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO):
        return Gone(f"{path} is not there")
    if error.errno == errno.EBUSY:
        return Busy(f"{path} is in use by another program")
    if error.errno == errno.EACCES:
        return Refused(f"{path}: this user may not open it (is he in the group lp?)")
    return Refused(f"{path} is no USB printer ({error.strerror})")
