"""An ESC/POS printer on a serial line, or on USB as one (CDC-ACM)."""

from tilld_hal.escpos_printer import EscposPrinter
from tilld_hal.escpos_render import EscposRenderer
from tilld_hal.line_linux_serial import BAUDRATES, FLOWS, SerialLine
from tilld_hal.printer_profiles import CODE_WAYS, COLUMNS, NAMES

MATURITY = "bench"
SEEN_WITH = ("pseudo-terminals",)
ALLOWED = {
    "baudrate": BAUDRATES,
    "flow": FLOWS,
    "profile": NAMES,
    "columns": COLUMNS,
    "qr": CODE_WAYS,
    "answer_ms": range(20, 10001),
    "job_timeout_s": range(1, 601),
}

_BITS_A_BYTE = 10  # start, eight, stop


def open_device(
    port: "str",
    baudrate: "int" = 9600,
    flow: "str" = "none",
    profile: "str" = "generic-42",
    columns: "int" = 0,
    qr: "str" = "profile",
    font: "str" = "",
    status: "bool" = True,
    answer_ms: "int" = 1000,
    job_timeout_s: "int" = 20,
) -> EscposPrinter:
    """Opens the printer at ``port``; nothing is sent yet.  Raises ``Gone``, ``Busy``, ``Refused``.

    ``profile`` is what the model can do (printer_profiles.py); ``columns`` is the paper's width in
    letters and ``qr`` "native" or "drawn", where they differ from the profile; ``font`` is the path
    of a font for letters the printer lacks (Chinese, say), which are drawn then and "?" without;
    ``status`` is false for printers that print the questions instead of answering them (then every
    fate is "unknown"); ``answer_ms`` is how long it may think about a question (milliseconds, and
    200 over a slow bridge, are usual); ``job_timeout_s`` comes on top of the time that the bytes
    take on the line.
    """
    renderer = EscposRenderer(profile, columns, qr, font, status)
    line = SerialLine(port, baudrate, flow)
    return EscposPrinter(
        line, renderer, status, answer_ms / 1000, job_timeout_s, _BITS_A_BYTE / baudrate
    )
