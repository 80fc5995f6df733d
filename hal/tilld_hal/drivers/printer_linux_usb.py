"""An ESC/POS printer on USB, of the printer class (/dev/usb/lpN, the kernel's usblp)."""

from tilld_hal.escpos_printer import EscposPrinter
from tilld_hal.escpos_render import EscposRenderer
from tilld_hal.line_linux_usb import UsbLine, UsbNames, find
from tilld_hal.printer_profiles import CODE_WAYS, COLUMNS, NAMES

MATURITY = "bench"
SEEN_WITH = ("usblp with a USB gadget as the printer", "pseudo-terminals in its place")
ALLOWED = {
    "usb": UsbNames(),
    "profile": NAMES,
    "columns": COLUMNS,
    "qr": CODE_WAYS,
    "answer_ms": range(20, 10001),
    "job_timeout_s": range(1, 601),
}

_BYTE_S = 1 / 10_000  # USB is fast; the slowest print heads work off some 10 kB of text a second


def open_device(
    port: "str" = "",
    usb: "str" = "",
    profile: "str" = "generic-42",
    columns: "int" = 0,
    qr: "str" = "profile",
    font: "str" = "",
    status: "bool" = True,
    answer_ms: "int" = 1000,
    job_timeout_s: "int" = 20,
) -> EscposPrinter:
    """Opens the printer; nothing is sent yet.  Raises ``Gone``, ``Busy``, ``Refused``.

    ``port`` is a path such as /dev/usb/lp0 or a link that udev keeps; without it ``usb`` names the
    printer, "04b8:0e15" (vendor and product, as lsusb shows them) or "04b8:0e15:SERIAL"; without
    both it is the only one that is plugged in.  The others are those of ``linux-serial``.
    """
    renderer = EscposRenderer(profile, columns, qr, font, status)
    line = UsbLine(port or find(usb))
    return EscposPrinter(line, renderer, status, answer_ms / 1000, job_timeout_s, _BYTE_S)
