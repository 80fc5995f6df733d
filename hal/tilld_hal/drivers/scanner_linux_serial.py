"""A scanner that sends its codes over a serial line, or over USB as one (CDC-ACM)."""

from tilld_hal.line_linux_serial import BAUDRATES, SerialLine
from tilld_hal.scanner_line_linux import LineScanner

MATURITY = "bench"
SEEN_WITH = ("pseudo-terminals", "USB CDC-ACM gadgets of Linux")
ALLOWED = {"baudrate": BAUDRATES, "gap_ms": range(0, 5001)}


def open_device(port: "str", baudrate: "int" = 9600, gap_ms: "int" = 0) -> "LineScanner":
    """Opens the scanner at ``port`` (a stable name under /dev/serial/by-id survives replugging).

    A code ends with CR, LF or CRLF.  ``gap_ms`` is for scanners that send no terminator: a silence
    that long ends a code as well (0: only a terminator does).  Raises ``Gone``, ``Busy`` or
    ``Refused``.
    """
    return LineScanner(SerialLine(port, baudrate), gap_ms)
