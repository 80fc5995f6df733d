"""A printer for till programmers: each job becomes a picture, paper-0001.png, in a folder.

It is the driver of real ESC/POS printers over a simulated one, with faults to be set while it
runs: ``python -m tilld_hal.simulated printer FOLDER paper-out`` (``--help`` lists them).
"""

from tilld_hal.printer_profiles import CODE_WAYS, COLUMNS, NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tilld_hal.printer import Printer

MATURITY = "bench"
SEEN_WITH = ("pictures that were read back by zxing-cpp",)
ALLOWED = {
    "profile": NAMES,
    "columns": COLUMNS,
    "qr": CODE_WAYS,
    "answer_ms": range(20, 10001),
    "job_timeout_s": range(1, 601),
}


def open_device(
    folder: "str",
    profile: "str" = "generic-42",
    columns: "int" = 0,
    qr: "str" = "profile",
    font: "str" = "",
    answer_ms: "int" = 200,
    job_timeout_s: "int" = 5,
) -> "Printer":
    """The printer whose papers come into ``folder``, which is made if need be.

    Beside each picture its lines stand as text.  ``font`` is the path of a font for Chinese letters
    and the like; without it they are "?" on paper, or empty boxes with a Chinese ``profile``.  The
    others are those of ``linux-serial``.  Raises ``Refused``.
    """
    from tilld_hal.simulated.printer import open_printer

    return open_printer(folder, profile, columns, qr, font, answer_ms / 1000, job_timeout_s)
