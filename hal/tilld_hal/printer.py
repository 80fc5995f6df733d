"""The printer: documents become bytes, and every job gets a fate.

A document is a list of blocks, the maps of ``printer.print`` (till_socket.md §2):

- ``{"type": "text", "text": str, "align"?: "left"|"center"|"right", "bold"?: bool, "size"?: 1|2}``
- ``{"type": "barcode", "data": str, "symbology"?: "code128"}``
- ``{"type": "qr", "data": str}``
- ``{"type": "image", "png": bytes}``, at most 16 KiB
- ``{"type": "feed", "lines": int}``
- ``{"type": "cut"}``

Fields are data: nothing in one becomes a command (rules.md §6).
"""

from tilld_hal.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Printer(Protocol):
        """One thread uses it.  ``render`` and ``warm`` touch no hardware and may run anywhere."""

        columns: int
        """Letters of size 1 in a line."""

        def warm(self) -> None:
            """Loads what rendering needs (230 ms the first time), away from the sale's path.

            Raises ``Refused`` when a setting turns out to be unusable.
            """

        def render(self, document: "list[dict[str, Any]]") -> bytes:
            """The document in the printer's own commands; the same document gives the same bytes.

            Control bytes are replaced; a letter that the printer lacks becomes "?".  Raises
            ``Refused`` for a block that is malformed or cannot be printed on this paper.
            """

        def status(self) -> "PrinterStatus":
            """Asks the printer now; what it does not answer is "unknown", never an older answer.

            Raises ``Gone``.
            """

        def send(self, data: bytes) -> "Fate":
            """Prints what ``render`` gave; returns when the printer has confirmed the end, or at a
            total deadline.

            Raises ``Gone`` only when the printer vanished before the first byte of the job.
            """

        def close(self) -> None:
            """Gives the device back.  May be repeated."""


YES = "yes"
NO = "no"
UNKNOWN = "unknown"

DONE = "done"
FAILED = "failed"


class PrinterStatus(Record):
    """Five answers, each "yes", "no" or "unknown".

    ``paper``: there is some.  ``paper_near_end``: the roll will end soon; a printer without that
    sensor says "no" as long as there is paper.  ``error``: by its own word something is wrong
    inside it (a jammed cutter, a head too hot).
    """

    FIELDS = ("online", "paper", "cover_closed", "paper_near_end", "error")

    def __init__(
        self,
        online: str = UNKNOWN,
        paper: str = UNKNOWN,
        cover_closed: str = UNKNOWN,
        paper_near_end: str = UNKNOWN,
        error: str = UNKNOWN,
    ) -> None:
        self.online = online
        self.paper = paper
        self.cover_closed = cover_closed
        self.paper_near_end = paper_near_end
        self.error = error


def refusal(status: PrinterStatus) -> str:
    """Why no job is begun, in words for people; "" also when the printer does not say: unknown is
    tried."""
    if status.paper == NO:
        return "the printer has no paper"
    if status.cover_closed == NO:
        return "the printer's cover is open"
    if status.error == YES:
        return "the printer reports an error"
    return "the printer is offline" if status.online == NO else ""


class Fate(Record):
    """How a job ended, and why, in words for people ("" when all is well).

    "done": the printer said so after the last line.  "failed": certainly no complete print came,
    and none will come by itself.  "unknown": look at the paper; never reprinted silently.
    ``began`` is false when not one byte of the job left.
    """

    FIELDS = ("state", "reason", "began")

    def __init__(self, state: str, reason: str = "", began: bool = True) -> None:
        self.state = state
        self.reason = reason
        self.began = began
