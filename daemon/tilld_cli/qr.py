"""A QR code in a terminal: half blocks, two rows of modules a line, black on white."""

from __future__ import annotations

QUIETS = (4, 2)  # white modules around it: the standard's four, or half where a screen is narrow
_BLACK_ON_WHITE = "\033[30;107m"
_PLAIN = "\033[0m"
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def drawn(text: str, columns: int) -> str:
    """The code as lines; "" when it is wider than ``columns``."""
    import qrcode  # 40 ms, for the one command that draws

    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_L)
    code.add_data(text)
    code.make(fit=True)
    fitting = [quiet for quiet in QUIETS if code.modules_count + 2 * quiet <= columns]
    if not fitting:
        return ""
    code.border = fitting[0]
    rows: list[list[bool]] = code.get_matrix()
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    lines = [
        "".join(_HALVES[pair] for pair in zip(above, below, strict=True))
        for above, below in zip(rows[::2], rows[1::2], strict=True)
    ]
    return "".join(f"{_BLACK_ON_WHITE}{line}{_PLAIN}\n" for line in lines)
