"""A USB scanner that poses as a keyboard: read at the kernel, and a keyboard for nobody else.

Most scanners leave the factory like that.  What they scan would be typed into whatever has the
focus, a console too; so the device is grabbed (EVIOCGRAB), and from the opening to the closing its
keys reach only this driver.  tilld_hal/evdev_linux.py says why that is done without the `evdev`
package.

What makes a scanner ready: USB keyboard mode, its country code as ``layout``, the suffix Enter (or
Tab), the AIM prefix on if the till is to learn the symbology.  A scanner set to send Alt and the
number of each letter works with every layout.
"""

from tilld_hal.evdev_linux import open_keyboard
from tilld_hal.keyboard_layouts import LAYOUTS
from tilld_hal.scanner_line_linux import LineScanner

MATURITY = "bench"
SEEN_WITH = ("USB HID gadgets of Linux",)
ALLOWED = {"layout": LAYOUTS, "gap_ms": range(0, 5001)}


def open_device(device: "str", layout: "str" = "us", gap_ms: "int" = 0) -> "LineScanner":
    """Grabs the keyboard at ``device``, such as /dev/input/by-id/usb-Maker_Scanner-event-kbd.

    That name survives replugging; /dev/input/event7 may be another keyboard tomorrow.  ``layout``
    is the one that the scanner is set to.  A code ends with Enter or Tab; ``gap_ms`` is for
    scanners that send neither: a silence that long ends a code as well (0: only a key does).

    Keys that the kernel lost spoil their code: it is told as ``Scan("")``, and so is a code that
    was under way when the scanner was opened.  Raises ``Gone``, ``Busy`` or ``Refused``.
    """
    return LineScanner(open_keyboard(device, layout), gap_ms)
