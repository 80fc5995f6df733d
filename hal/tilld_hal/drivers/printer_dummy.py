"""A printer without hardware: it keeps what it printed and fails as its settings say."""

from tilld_hal.errors import Gone
from tilld_hal.escpos_render import EscposRenderer
from tilld_hal.printer import DONE, FAILED, NO, UNKNOWN, YES, Fate, PrinterStatus, refusal
from tilld_hal.printer_profiles import CODE_WAYS, COLUMNS, NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MATURITY = "bench"
SEEN_WITH = ()
ALLOWED = {
    "profile": NAMES,
    "columns": COLUMNS,
    "qr": CODE_WAYS,
    "cut_off_after": range(0, 1000001),
}

_JOBS_MAX = 1000


def open_device(
    profile: "str" = "generic-42",
    columns: "int" = 0,
    qr: "str" = "profile",
    paper_out: "bool" = False,
    paper_low: "bool" = False,
    cover_open: "bool" = False,
    swallow: "bool" = False,
    cut_off_after: "int" = 0,
    no_status: "bool" = False,
) -> "DummyPrinter":
    """``swallow``: takes jobs, prints nothing, says nothing.  ``no_status``: prints, but answers no
    question.  ``cut_off_after``: the cable is pulled after so many bytes of a job (0: never)."""
    printer = DummyPrinter(EscposRenderer(profile, columns, qr))
    printer.paper_out = paper_out
    printer.paper_low = paper_low
    printer.cover_open = cover_open
    printer.swallow = swallow
    printer.cut_off_after = cut_off_after
    printer.no_status = no_status
    return printer


class DummyPrinter:
    """``tilld_hal.printer.Printer``; its faults are attributes too, to be changed at any time."""

    def __init__(self, renderer: EscposRenderer) -> None:
        self.columns = renderer.columns
        self.paper_out = False
        self.paper_low = False
        self.cover_open = False
        self.swallow = False
        self.cut_off_after = 0
        self.no_status = False
        self.printed: "list[bytes]" = []
        self._renderer = renderer
        self._gone = ""

    def warm(self) -> None:
        """Loads what rendering needs."""
        self._renderer.warm()

    def render(self, document: "list[dict[str, Any]]") -> bytes:
        """The document in ESC/POS, as the real drivers send it."""
        return self._renderer.render(document)

    def unplug(self) -> None:
        """The cable is pulled."""
        self._gone = "the printer was unplugged"

    def status(self) -> PrinterStatus:
        """See ``tilld_hal.printer.Printer``."""
        self._check()
        if self.no_status or self.swallow:
            return PrinterStatus()
        return PrinterStatus(
            NO if self.paper_out or self.cover_open else YES,
            NO if self.paper_out else YES,
            NO if self.cover_open else YES,
            YES if self.paper_low or self.paper_out else NO,
            NO,
        )

    def send(self, data: bytes) -> Fate:
        """See ``tilld_hal.printer.Printer``."""
        self._check()
        if self.swallow:
            return Fate(UNKNOWN, "the printer does not report")
        if self.paper_out or self.cover_open:
            if self.no_status:
                return Fate(UNKNOWN, "the printer does not report")
            return Fate(FAILED, refusal(self.status()), began=False)
        if self.cut_off_after and len(data) > self.cut_off_after:
            self._keep(data[: self.cut_off_after])
            self.unplug()
            return Fate(UNKNOWN, "the printer was lost while printing")
        self._keep(data)
        if self.no_status:
            return Fate(UNKNOWN, "the printer does not report")
        return Fate(DONE)

    def close(self) -> None:
        """Later calls end with ``Gone``."""
        self._gone = self._gone or "the printer was closed"

    def _keep(self, data: bytes) -> None:
        self.printed.append(data)
        del self.printed[:-_JOBS_MAX]

    def _check(self) -> None:
        if self._gone:
            raise Gone(self._gone)
