"""The part of MessagePack that records need, on both Pythons.

None, bool, int64, str, bytes, list and dict with str keys; nothing else goes in or comes out.
Floats are left out on purpose: no amount is ever one (rules.md §6).  What is packed here is byte
for byte what the ``msgpack`` package writes; what is read here may also be a longer spelling.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DEPTH_MAX = 16  # lists and dicts inside each other
ITEMS_MAX = 10_000  # values in one message: a megabyte of empty maps costs 76 MB (lessons.md)
INT_MIN = -(1 << 63)
INT_MAX = (1 << 63) - 1


class PackingError(ValueError):
    """The value or the bytes are outside the subset; the text says where."""


def pack(value: "Any") -> bytes:
    """The bytes of one value, every number and length in its shortest spelling.

    Tuples are written as lists.  Raises PackingError for any other type, for an int outside
    int64, a key that is no str, and nesting deeper than DEPTH_MAX.
    """
    out = bytearray()
    _pack(value, out, 0)
    return bytes(out)


def join(parts: "list[bytes]") -> bytes:
    """The bytes of a list whose items are packed already."""
    out = bytearray()
    _pack_count(len(parts), 0x90, 0xDC, 0xDD, out, 0)
    for part in parts:
        out.extend(part)
    return bytes(out)


def unpack(data: bytes, items_max: int = ITEMS_MAX) -> "Any":
    """The one value that ``data`` holds, whole.

    Raises PackingError for cut or trailing bytes, a type outside the subset, a key that is no str
    or comes twice, an int above int64, bad UTF-8, more than ``items_max`` values, and nesting
    deeper than DEPTH_MAX.
    """
    reader = _Unpacker(data, items_max)
    value = reader.value(0)
    if reader.at != len(data):
        raise PackingError("bytes follow the value")
    return value


def _pack(value: "Any", out: bytearray, depth: int) -> None:
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise PackingError("can't pack a " + type(value).__name__)
    writer(value, out, depth)


def _pack_none(value: None, out: bytearray, depth: int) -> None:
    out.append(0xC0)


def _pack_bool(value: bool, out: bytearray, depth: int) -> None:
    out.append(0xC3 if value else 0xC2)


def _pack_int(value: int, out: bytearray, depth: int) -> None:
    if not INT_MIN <= value <= INT_MAX:
        raise PackingError("an int needs more than 64 bits")
    if -32 <= value <= 127:
        out.append(value & 0xFF)
        return
    for code, shape, low, high in _POSITIVE if value >= 0 else _NEGATIVE:
        if low <= value <= high:
            out.append(code)
            out.extend(struct.pack(shape, value))
            return


_POSITIVE = (
    (0xCC, ">B", 0, 0xFF),
    (0xCD, ">H", 0, 0xFFFF),
    (0xCE, ">I", 0, 0xFFFFFFFF),
    (0xCF, ">Q", 0, INT_MAX),
)
_NEGATIVE = (
    (0xD0, ">b", -0x80, -1),
    (0xD1, ">h", -0x8000, -1),
    (0xD2, ">i", -0x80000000, -1),
    (0xD3, ">q", INT_MIN, -1),
)


def _pack_str(value: str, out: bytearray, depth: int) -> None:
    data = value.encode()
    size = len(data)
    if size < 32:
        out.append(0xA0 | size)
    else:
        _pack_size(size, 0xD9, 0xDA, 0xDB, out)
    out.extend(data)


def _pack_bytes(value: bytes, out: bytearray, depth: int) -> None:
    _pack_size(len(value), 0xC4, 0xC5, 0xC6, out)
    out.extend(value)


def _pack_list(value: "list[Any]", out: bytearray, depth: int) -> None:
    _pack_count(len(value), 0x90, 0xDC, 0xDD, out, depth)
    for item in value:
        _pack(item, out, depth + 1)


def _pack_dict(value: "dict[str, Any]", out: bytearray, depth: int) -> None:
    _pack_count(len(value), 0x80, 0xDE, 0xDF, out, depth)
    for key in value:
        if type(key) is not str:
            raise PackingError("a key is no str")
        _pack_str(key, out, depth)
        _pack(value[key], out, depth + 1)


def _pack_size(size: int, code8: int, code16: int, code32: int, out: bytearray) -> None:
    if size <= 0xFF:
        out.append(code8)
        out.append(size)
    elif size <= 0xFFFF:
        out.append(code16)
        out.extend(struct.pack(">H", size))
    elif size <= 0xFFFFFFFF:
        out.append(code32)
        out.extend(struct.pack(">I", size))
    else:
        raise PackingError("text or bytes above 4 GiB")


def _pack_count(count: int, fix: int, code16: int, code32: int, out: bytearray, depth: int) -> None:
    if depth >= DEPTH_MAX:
        raise PackingError("nested too deeply")
    if count < 16:
        out.append(fix | count)
    elif count <= 0xFFFF:
        out.append(code16)
        out.extend(struct.pack(">H", count))
    else:
        out.append(code32)
        out.extend(struct.pack(">I", count))


_WRITERS: "dict[type, Callable[[Any, bytearray, int], None]]" = {
    type(None): _pack_none,
    bool: _pack_bool,
    int: _pack_int,
    str: _pack_str,
    bytes: _pack_bytes,
    bytearray: _pack_bytes,
    list: _pack_list,
    tuple: _pack_list,
    dict: _pack_dict,
}

# first byte of a number: how struct reads what follows, and how many bytes that is
_NUMBERS = {
    0xCC: (">B", 1),
    0xCD: (">H", 2),
    0xCE: (">I", 4),
    0xCF: (">Q", 8),
    0xD0: (">b", 1),
    0xD1: (">h", 2),
    0xD2: (">i", 4),
    0xD3: (">q", 8),
}
_STR, _BYTES, _LIST, _DICT = 0, 1, 2, 3
# first byte of anything with a length: what it is, and how that length is spelled
_SIZED = {
    0xC4: (_BYTES, ">B", 1),
    0xC5: (_BYTES, ">H", 2),
    0xC6: (_BYTES, ">I", 4),
    0xD9: (_STR, ">B", 1),
    0xDA: (_STR, ">H", 2),
    0xDB: (_STR, ">I", 4),
    0xDC: (_LIST, ">H", 2),
    0xDD: (_LIST, ">I", 4),
    0xDE: (_DICT, ">H", 2),
    0xDF: (_DICT, ">I", 4),
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


class _Unpacker:
    """Reads values from the front; ``at`` is the next byte."""

    def __init__(self, data: bytes, items_max: int) -> None:
        self.data = data
        self.at = 0
        self.items_left = items_max

    def value(self, depth: int) -> "Any":
        self.items_left -= 1
        if self.items_left < 0:
            raise PackingError("too many values")
        first = self.take(1)[0]
        if first < 0x80:
            return first
        if first >= 0xE0:
            return first - 0x100
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if first in _NUMBERS:
            return self.number(first)
        kind, size = self.sized(first)
        if kind == _STR:
            return self.text(size)
        if kind == _BYTES:
            return self.take(size)
        if depth >= DEPTH_MAX:
            raise PackingError("nested too deeply")
        return self.items(size, depth + 1) if kind == _LIST else self.pairs(size, depth + 1)

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise PackingError("the bytes end too early")
        part = bytes(self.data[self.at : end])
        self.at = end
        return part

    def number(self, first: int) -> int:
        shape, size = _NUMBERS[first]
        value: int = struct.unpack(shape, self.take(size))[0]
        if value > INT_MAX:
            raise PackingError("an int needs more than 64 bits")
        return value

    def sized(self, first: int) -> "tuple[int, int]":
        """What begins here and how long it is; a fixed form carries the length in itself."""
        if first < 0x90:
            return _DICT, first & 0x0F
        if first < 0xA0:
            return _LIST, first & 0x0F
        if first < 0xC0:
            return _STR, first & 0x1F
        if first not in _SIZED:
            raise PackingError(f"no such type here: byte 0x{first:02x}")
        kind, shape, width = _SIZED[first]
        return kind, struct.unpack(shape, self.take(width))[0]

    def text(self, size: int) -> str:
        part = self.take(size)
        try:
            return part.decode()
        except UnicodeError:
            raise PackingError("text is not UTF-8")

    def items(self, count: int, depth: int) -> "list[Any]":
        self.expect(count)
        return [self.value(depth) for _ in range(count)]

    def pairs(self, count: int, depth: int) -> "dict[str, Any]":
        self.expect(2 * count)
        found: dict[str, Any] = {}
        for _ in range(count):
            key = self.value(depth)
            if type(key) is not str:
                raise PackingError("a key is no str")
            if key in found:
                raise PackingError("a key comes twice")
            found[key] = self.value(depth)
        return found

    def expect(self, count: int) -> None:
        """A count that the bytes behind it can't hold is refused before anything is built."""
        if count > len(self.data) - self.at:
            raise PackingError("the bytes end too early")
