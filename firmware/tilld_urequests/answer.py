"""One HTTP/1.1 answer, taken off a connection whole or not at all (RFC 9112).

The reader is strict because its caller is a payment: an answer that is short, contradicts itself
about its length or goes on after its end is no answer, and what it would have said stays unknown.
Every way of being short is seen (an end in the middle of a head, of a Content-Length body, of a
chunk, of a trailer), and none can spin, because an end is an error here and not an empty read.
"""

import json as json_module

from tilld_urequests.call import TOKEN
from tilld_urequests.errors import (
    CLOSED,
    MALFORMED,
    REDIRECT,
    TOO_LARGE,
    TRUNCATED,
    AnswerLost,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# More than any server sends by habit (the usual limit is 8 KiB), little enough for a board.
_MAX_HEAD_BYTES = 16384
_MAX_INTERIM = 8
_MAX_CHUNK_LINE = 256
_DIGITS = set("0123456789")
_HEX_DIGITS = set("abcdefABCDEF") | _DIGITS


class Response:
    """What the peer answered; whole, in memory, independent of any connection.

    `status_code` int · `reason` str · `headers` dict, names in lower case, repeated ones joined by
    ", " · `content` bytes, unchunked.
    """

    def __init__(
        self, status_code: int, reason: str, headers: "dict[str, str]", content: bytes
    ) -> None:
        self.status_code = status_code
        self.reason = reason
        self.headers = headers
        self.content = content

    @property
    def text(self) -> str:
        """The content as UTF-8; raises UnicodeError (a ValueError) when it is not."""
        return str(self.content, "utf-8")

    def json(self) -> "Any":
        """The content as JSON; raises ValueError when it is not."""
        return json_module.loads(self.text)

    def close(self) -> None:
        """Nothing: the connection went back before the answer was handed over."""

    def __enter__(self) -> "Response":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def refuse_redirect(status_code: int) -> None:
    """Raises `AnswerLost`, `redirect` for a 3xx: a body is never sent twice (rules.md §6)."""
    if 300 <= status_code <= 399:
        raise AnswerLost(REDIRECT, "the peer answered " + str(status_code) + "; not followed")


class Reader:
    """Reads the answer to one `method` request.

    `receive()` gives the next bytes of it: b"" at an orderly end, None when the peer vanished; it
    raises `AnswerLost` by itself when the time is over. The answer as it travels, head and framing
    included, is at most `max_answer_bytes`.
    """

    def __init__(
        self, receive: "Callable[[], bytes | None]", method: str, max_answer_bytes: int
    ) -> None:
        self._receive = receive
        self._method = method
        self._max_answer_bytes = max_answer_bytes
        self._held = bytearray()
        self._received = 0
        self.reusable = False

    def answer(self) -> Response:
        """The whole answer; afterwards `reusable` says whether the connection may be kept."""
        for _ in range(_MAX_INTERIM):
            minor, status, reason, headers = self._head()
            if status >= 200:
                break
            if status == 101:
                raise AnswerLost(MALFORMED, "the peer changed the protocol unasked")
        else:
            raise AnswerLost(MALFORMED, "only interim answers came")
        body, delimited = self._body(minor, status, headers)
        tokens = headers.get("connection", "").lower().replace(",", " ")
        closing = minor == 0 or "close" in tokens.split()
        self.reusable = delimited and not closing and not self._held
        return Response(status, reason, headers, body)

    def _more(self) -> bool:
        """Adds what comes next to `_held`; False at an orderly end."""
        piece = self._receive()
        if piece is None:
            raise self._short()
        if not piece:
            return False
        self._received += len(piece)
        if self._received > self._max_answer_bytes:
            raise self._too_large()
        self._held.extend(piece)
        return True

    def _too_large(self) -> AnswerLost:
        limit = str(self._max_answer_bytes)
        return AnswerLost(TOO_LARGE, "the answer is larger than " + limit + " bytes")

    def _short(self) -> AnswerLost:
        if self._received:
            return AnswerLost(TRUNCATED, "the connection ended in the middle of the answer")
        return AnswerLost(CLOSED, "the connection ended before the answer")

    def _take(self, size: int) -> bytes:
        while len(self._held) < size:
            if not self._more():
                raise self._short()
        if len(self._held) == size:
            taken = bytes(self._held)
            self._held = bytearray()
            return taken
        taken = bytes(self._held[:size])
        # Not `del`: MicroPython's bytearray cannot delete a slice.
        self._held = self._held[size:]
        return taken

    def _take_until(self, mark: bytes, limit: int) -> bytes:
        """Everything up to `mark`, which is taken too; at most `limit` bytes."""
        searched = 0
        while True:
            at = self._held.find(mark, searched)
            if at > limit or (at < 0 and len(self._held) > limit + len(mark)):
                raise AnswerLost(MALFORMED, "a line or the head of the answer has no end")
            if at >= 0:
                return self._take(at + len(mark))[:at]
            searched = max(0, len(self._held) - len(mark) + 1)
            if not self._more():
                raise self._short()

    def _head(self) -> "tuple[int, int, str, dict[str, str]]":
        raw = self._take_until(b"\r\n\r\n", _MAX_HEAD_BYTES)
        try:
            text = str(raw, "utf-8")
        except UnicodeError:
            raise AnswerLost(MALFORMED, "the answer's head is not text") from None
        lines = text.split("\r\n")
        ends = len(lines) - 1
        if text.count("\n") != ends or text.count("\r") != ends or "\0" in text:
            raise AnswerLost(MALFORMED, "the answer's head holds a control character")
        minor, status, reason = _status_line(lines[0])
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise AnswerLost(MALFORMED, "a header of the answer is not one")
            lower = _lower_names.get(name) or _checked_name(name)
            value = value.strip(" \t")
            headers[lower] = headers[lower] + ", " + value if lower in headers else value
        return minor, status, reason, headers

    def _body(self, minor: int, status: int, headers: "dict[str, str]") -> "tuple[bytes, bool]":
        """The body, and whether the answer itself said where it ends."""
        if self._method == "HEAD" or status in (204, 304):
            return b"", True
        length = headers.get("content-length")
        coding = headers.get("transfer-encoding")
        if coding is not None:
            # RFC 9112 §6.3 lets a reader choose; the choice here is not to guess.
            if length is not None or minor != 1 or coding.lower() != "chunked":
                raise AnswerLost(MALFORMED, "the answer contradicts itself about its length")
            return self._chunked(), True
        if length is not None:
            return self._take(self._size(length, 10)), True
        while self._more():
            pass
        return self._take(len(self._held)), False

    def _size(self, digits: str, base: int) -> int:
        allowed = _HEX_DIGITS if base == 16 else _DIGITS
        if not 1 <= len(digits) <= 16 or not set(digits) <= allowed:
            raise AnswerLost(MALFORMED, "a length of the answer is not a number")
        size = int(digits, base)
        if size > self._max_answer_bytes:
            raise self._too_large()
        return size

    def _chunked(self) -> bytes:
        chunks: list[bytes] = []
        while True:
            line = self._take_until(b"\r\n", _MAX_CHUNK_LINE)
            try:
                digits = str(line, "utf-8").split(";")[0].strip(" \t")
            except UnicodeError:
                raise AnswerLost(MALFORMED, "a length of the answer is not a number") from None
            size = self._size(digits, 16)
            if size == 0:
                break
            chunks.append(self._take(size))
            if self._take(2) != b"\r\n":
                raise AnswerLost(MALFORMED, "a chunk of the answer is longer than it says")
        # Trailers are read and dropped: a header that comes after the body was never asked for.
        while self._take_until(b"\r\n", _MAX_HEAD_BYTES):
            pass
        return b"".join(chunks)


def _status_line(line: str) -> "tuple[int, int, str]":
    code = line[9:12]
    if not line.startswith("HTTP/1.") or line[7:9] not in ("0 ", "1 ") or line[12:13].strip():
        raise AnswerLost(MALFORMED, "the answer does not begin as HTTP/1.x does")
    if len(code) != 3 or not set(code) <= _DIGITS or not 100 <= int(code) <= 599:
        raise AnswerLost(MALFORMED, "the answer has no status")
    return int(line[7]), int(code), line[13:]


# Peers use the same few names all the time; they are looked at once.
_MAX_REMEMBERED = 64
_lower_names: "dict[str, str]" = {}


def _checked_name(name: str) -> str:
    if not name or not set(name) <= TOKEN:
        raise AnswerLost(MALFORMED, "a header of the answer is not one")
    if len(_lower_names) >= _MAX_REMEMBERED:
        _lower_names.clear()
    _lower_names[name] = name.lower()
    return _lower_names[name]
