"""Bytes from a scanner's serial line in, whole codes out.

Pure: the time is given.  What is not wholly printable ASCII is dropped whole and counted, never
repaired: a digit lost or gained in a payment code is another customer's code.  That something came
is told all the same, as a scan without data, so that the cashier learns to scan again.
"""

from tilld_hal.scanner import Scan

LIMIT_BYTES = 4096
"""A QR code holds at most 4,296 letters; what is longer than this is noise or a wrong baud rate."""

BROKEN_OFF_MS = 2000
"""A scanner sends a code in one go, 30 bytes taking 31 ms at 9,600 baud.  What had begun before a
pause this long is half a code of somebody else's, and what comes after it is a code of its own."""

_ENDS = b"\r\n"

# AIM symbology identifiers (ISO/IEC 15424): "]", a letter for the symbology, a modifier.
_SYMBOLOGIES = {
    "A": "code39",
    "C": "code128",
    "E": "ean13",
    "F": "codabar",
    "G": "code93",
    "I": "itf",
    "L": "pdf417",
    "Q": "qr",
    "U": "maxicode",
    "d": "datamatrix",
    "e": "databar",
    "z": "aztec",
}
_MODIFIERS = "0123456789ABCDEFabcdef"


class ScanSplitter:
    """Joins partial reads and splits at CR, LF or CRLF; none of the three gives an empty code."""

    def __init__(self) -> None:
        self.dropped = 0
        self._part = bytearray()
        self._bad = False
        self._unwanted = False  # discarded: its end is no news to anybody
        self._last_ms = 0

    def feed(self, data: bytes, now_ms: int) -> "list[Scan]":
        """Takes bytes that arrived at ``now_ms`` (monotonic); returns the codes they complete."""
        if self.partial and now_ms - self._last_ms >= BROKEN_OFF_MS:
            self._drop()
        self._last_ms = now_ms
        scans: "list[Scan]" = []
        for byte in data:
            if byte in _ENDS:
                self._end(scans)
            else:
                self._add(byte)
        return scans

    @property
    def partial(self) -> bool:
        """A code has begun and not ended."""
        return bool(self._part) or self._bad

    def end(self) -> "list[Scan]":
        """Ends the code that has begun: the line fell silent, and it has no terminator."""
        scans: "list[Scan]" = []
        self._end(scans)
        return scans

    def discard(self, now_ms: int) -> None:
        """Forgets the code that has begun; what is still to come of it will be dropped too."""
        if not self.partial:
            return
        if now_ms - self._last_ms >= BROKEN_OFF_MS:
            self._drop()
        else:
            self._spoil()
            self._unwanted = True

    def _spoil(self) -> None:
        self._bad = True
        self._part = bytearray()

    def _add(self, byte: int) -> None:
        if self._bad:
            return
        if not 0x20 <= byte < 0x7F or len(self._part) >= LIMIT_BYTES:
            self._spoil()
            return
        self._part.append(byte)

    def _end(self, scans: "list[Scan]") -> None:
        if self._bad:
            if not self._unwanted:
                scans.append(Scan(""))
            self._drop()
        elif self._part:
            scan = _scan(bytes(self._part).decode())
            self._part = bytearray()
            scans.append(scan)
            self.dropped += not scan.data

    def _drop(self) -> None:
        self._part = bytearray()
        self._bad = self._unwanted = False
        self.dropped += 1


def _scan(text: str) -> Scan:
    if len(text) < 3 or text[0] != "]" or text[2] not in _MODIFIERS:
        return Scan(text)
    symbology = _SYMBOLOGIES.get(text[1])
    if symbology is None:
        return Scan(text)
    if text[:3] == "]E4":
        symbology = "ean8"
    return Scan(text[3:], symbology)
