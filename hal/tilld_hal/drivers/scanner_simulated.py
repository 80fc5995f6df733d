"""A scanner for till programmers, who play the customer by a command:

    python -m tilld_hal.simulated scan FOLDER CODE

What it sends is treated as a real scanner's: AIM prefix, terminator, damaged codes, a cable that is
pulled.  The commands stand in tilld_hal/simulated.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tilld_hal.scanner_line_linux import LineScanner

MATURITY = "bench"
SEEN_WITH = ("its own command",)
ALLOWED: "dict[str, tuple[str, ...]]" = {}


def open_device(folder: "str") -> "LineScanner":
    """Listens in ``folder``, which is made if the one above it exists.

    Raises ``Gone`` (unplugged by its command), ``Busy`` (another process listens there) or
    ``Refused``.
    """
    from tilld_hal.scanner_line_linux import LineScanner
    from tilld_hal.simulated.scanner import Cable

    return LineScanner(Cable(folder), 0)
