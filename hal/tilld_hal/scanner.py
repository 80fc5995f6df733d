"""The scanner: one whole code at a time, and never an old one."""

from tilld_hal.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Scanner(Protocol):
        """One thread reads; ``wake``, ``drain`` and ``close`` may come from any other."""

        @property
        def dropped(self) -> int:
            """Codes thrown away since opening: damaged, too long, interrupted or drained."""

        def read(self, timeout_s: "float | None") -> "Scan | None":
            """Blocks for one whole code and returns it the moment its last byte is in.

            None at the timeout (None waits for ever) or after ``wake``.  Raises ``Gone`` when the
            device was unplugged; the device must then be closed and opened again.
            """

        def wake(self) -> None:
            """Ends a read under way, or else the next one, with None.  Several count as one."""

        def drain(self) -> int:
            """Throws away every code and every part of one that arrived before this call.

            Called when a payment is armed, so that it never takes what was scanned minutes ago.
            Of a code that is just arriving the rest is thrown away too.  Returns how many were
            dropped.  Raises ``Gone``.
            """

        def close(self) -> None:
            """Gives the device back; a read under way ends with ``Gone``.  May be repeated."""


class Scan(Record):
    """One code as the customer or an article bears it: AIM prefix and terminator are removed.

    Empty ``data``: a code came and could not be read; what it was is thrown away.

    ``symbology`` is "qr", "code128", "ean13", ... or "" when the scanner does not say.  The data
    may be a payment code, a bearer secret for a minute (I31): shown as its first two characters
    and its length, never whole.
    """

    FIELDS = ("data", "symbology")

    def __init__(self, data: str, symbology: str = "") -> None:
        self.data = data
        self.symbology = symbology

    def __repr__(self) -> str:
        shown = repr(self.data[:2] + "...") + " of " + str(len(self.data))
        return "Scan(" + shown + ", " + repr(self.symbology) + ")"
