"""An ESC/POS printer on a serial line, or on USB as one (CDC-ACM)."""

from tilld_hal.escpos_printer import EscposPrinter
from tilld_hal.escpos_render import COLUMNS, QR_WAYS, EscposRenderer
from tilld_hal.line_linux_serial import BAUDRATES, FLOWS, SerialLine

MATURITY = "bench"
SEEN_WITH = ("pseudo-terminals",)
ALLOWED = {
    "baudrate": BAUDRATES,
    "flow": FLOWS,
    "columns": COLUMNS,
    "qr": QR_WAYS,
    "answer_ms": range(20, 10001),
    "job_timeout_s": range(1, 601),
}

_BITS_A_BYTE = 10  # start, eight, stop


def open_device(
    port: "str",
    baudrate: "int" = 9600,
    flow: "str" = "none",
    columns: "int" = 42,
    qr: "str" = "native",
    profile: "str" = "default",
    status: "bool" = True,
    double_byte: "bool" = False,
    answer_ms: "int" = 1000,
    job_timeout_s: "int" = 20,
) -> EscposPrinter:
    """Opens the printer at ``port``; nothing is sent yet.  Raises ``Gone``, ``Busy``, ``Refused``.

    ``columns`` is the paper's width in letters; ``qr`` is "drawn" for printers that draw none
    themselves; ``profile`` is python-escpos's name for the model; ``status`` is false for printers
    that print the questions instead of answering them (then every fate is "unknown");
    ``double_byte`` is true for printers that start in a Chinese mode; ``answer_ms`` is how long it
    may think about a question (milliseconds, and 200 over a slow bridge, are usual);
    ``job_timeout_s`` comes on top of the time that the bytes take on the line.
    """
    renderer = EscposRenderer(columns, qr, profile, double_byte, status)
    line = SerialLine(port, baudrate, flow)
    return EscposPrinter(
        line, renderer, status, answer_ms / 1000, job_timeout_s, _BITS_A_BYTE / baudrate
    )
