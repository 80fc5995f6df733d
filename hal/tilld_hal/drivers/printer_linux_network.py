"""An ESC/POS printer on the network, by raw TCP (port 9100)."""

from tilld_hal.escpos_printer import EscposPrinter
from tilld_hal.escpos_render import EscposRenderer
from tilld_hal.line_linux_network import NetworkLine
from tilld_hal.printer_profiles import CODE_WAYS, COLUMNS, NAMES

MATURITY = "bench"
SEEN_WITH = ("TCP sockets on loopback",)
ALLOWED = {
    "port": range(1, 65536),
    "profile": NAMES,
    "columns": COLUMNS,
    "qr": CODE_WAYS,
    "connect_ms": range(20, 30001),
    "answer_ms": range(20, 10001),
    "job_timeout_s": range(1, 601),
}

_BYTE_S = 1 / 10_000  # as fast as the print head


def open_device(
    host: "str",
    port: "int" = 9100,
    profile: "str" = "generic-42",
    columns: "int" = 0,
    qr: "str" = "profile",
    font: "str" = "",
    status: "bool" = True,
    connect_ms: "int" = 3000,
    answer_ms: "int" = 1000,
    job_timeout_s: "int" = 20,
) -> EscposPrinter:
    """The printer at ``host``, an address or a name; it is called when there is something to say,
    and the line is free between, for the other tills that print there.

    ``connect_ms`` is for calling it, also while it serves another; the others are those of
    ``linux-serial``.
    """
    renderer = EscposRenderer(profile, columns, qr, font, status)
    line = NetworkLine(host, port, connect_ms / 1000)
    return EscposPrinter(line, renderer, status, answer_ms / 1000, job_timeout_s, _BYTE_S)
