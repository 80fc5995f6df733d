"""Logs go to standard error, one line an event, and hold no secret (I31).

Nothing here is given a payment code, a key or a token to log. The filter is the second line:
digits that could be a payment code are masked whoever wrote them.
"""

from __future__ import annotations

import logging
import re
import sys

_CODE = re.compile(r"(?<!\d)(2[5-9]|30)\d{14,30}(?!\d)")
_FORMAT = "%(levelname)s %(name)s: %(message)s"


class Masking(logging.Formatter):
    """Masks what looks like a payment code, in tracebacks too; request ids hold letters."""

    def format(self, record: logging.LogRecord) -> str:
        return _CODE.sub(r"\1...", super().format(record))


def start_logging() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Masking(_FORMAT))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
