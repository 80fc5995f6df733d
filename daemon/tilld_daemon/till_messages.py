"""Bytes from a till in, whole MessagePack values out (till_socket.md §1).

The decoder is msgpack's own. What it refuses though the contract only dislikes it, a timestamp
that is none, is mended here, so that it becomes a `bad_param` and not the connection's end.
"""

from __future__ import annotations

from typing import Any

import msgpack

from tilld_core import limits

NOTHING = object()  # no whole value has come
# A document of 200 blocks is the call with the most of them. More are costly, not useful.
CONTAINERS_MAX = 1000
EXT, TIMESTAMP = 0, 0xFF


class Malformed(ValueError):
    """These bytes can't be read on; the connection is over. The text says why."""


class Repeated:
    """A map that named a key twice: no kind of parameter accepts it."""


class _Maps:
    """Makes the maps of a message. It knows no `Messages`: the decoder keeps it, and a circle of
    these would outlive its connection by far (`tilld_daemon.memory.loaded`)."""

    def __init__(self) -> None:
        self.count = 0

    def made(self, pairs: list[tuple[Any, Any]]) -> dict[Any, Any] | Repeated | None:
        self.count += 1
        if self.count > CONTAINERS_MAX:
            return None
        held = dict(pairs)
        return held if len(held) == len(pairs) else Repeated()


class Messages:
    """One connection's input. ``next`` is called until it gives NOTHING, then ``feed`` again."""

    def __init__(self) -> None:
        self._maps = _Maps()
        self.waiting_bytes = 0  # in no message yet
        self._done = 0  # bytes that the decoder has given as messages
        self._chunk = memoryview(b"")  # the last that was fed
        self._begun = bytearray()  # what came before it of an unfinished message
        self._mended = False
        self._unpacker = self._new_unpacker()

    def _new_unpacker(self) -> Any:
        return msgpack.Unpacker(
            raw=False,
            strict_map_key=False,
            object_pairs_hook=self._maps.made,
            ext_hook=msgpack.ExtType,
            max_buffer_size=3 * limits.MESSAGE_MAX_BYTES,
        )

    @property
    def containers(self) -> int:
        """The maps in the message that was given last; of too many, some are given as nil."""
        return self._maps.count

    def feed(self, data: memoryview) -> None:
        """Takes bytes; they stay the caller's, untouched until ``next`` has given NOTHING."""
        self._chunk = data
        self.waiting_bytes += len(data)
        self._unpacker.feed(data)

    def next(self) -> Any:
        """The next whole value, or NOTHING. Raises Malformed, also for one that is too long."""
        if not self.waiting_bytes:
            return NOTHING
        self._maps.count = 0
        try:
            message = self._unpacker.unpack()
        except msgpack.OutOfData:
            return self._nothing()
        except ValueError:
            return self._mend()
        except (TypeError, OverflowError, RecursionError, msgpack.UnpackException):
            raise Malformed("malformed input") from None
        done = self._unpacker.tell()
        size_bytes, self._done = done - self._done, done
        self.waiting_bytes -= size_bytes
        if size_bytes > limits.MESSAGE_MAX_BYTES:
            raise Malformed("a message of more than 64 KiB")
        self._mended = False
        return message

    def _nothing(self) -> object:
        if self.waiting_bytes > limits.MESSAGE_MAX_BYTES:
            raise Malformed("a message of more than 64 KiB")
        self._begun = self._rest()
        return NOTHING

    def _rest(self) -> bytearray:
        """The bytes that are in no message yet."""
        rest, last = self.waiting_bytes, len(self._chunk)
        if rest > last:
            self._begun += self._chunk
            return self._begun
        return bytearray(self._chunk[last - rest :])

    def _mend(self) -> Any:
        """Reads the message once more, its timestamps as plain extensions; once a message, as
        reading it again and again would cost the others time."""
        rest = self._rest()
        if self._mended or not make_timestamps_plain(rest):
            raise Malformed("malformed input")
        self._mended = True
        self._unpacker = self._new_unpacker()
        self._done = self.waiting_bytes = 0
        self._begun = bytearray()
        self.feed(memoryview(rest))
        return self.next()


# marker -> the bytes of its length field, for what has one; and how many bytes follow, for others
_BYTES_AFTER = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXT_AFTER = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_ITEMS_AFTER = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
_EXT_FIXED = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_FIXED = {
    **{0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8},
    **{0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8},
}


def make_timestamps_plain(data: bytearray) -> bool:
    """Gives every timestamp of the first value in ``data`` the type of an extension without
    meaning, as far as the bytes go; whether there was one."""
    found, at, left = False, 0, 1
    while left and at < len(data):
        marker = data[at]
        at, left = at + 1, left - 1
        if marker < 0x80 or marker >= 0xE0:
            continue
        if marker < 0xC0:
            items, size = _short(marker)
        elif marker in _ITEMS_AFTER:
            width, each = _ITEMS_AFTER[marker]
            items, size = each * int.from_bytes(data[at : at + width], "big"), width
        elif marker in _BYTES_AFTER:
            width = _BYTES_AFTER[marker]
            items, size = 0, width + int.from_bytes(data[at : at + width], "big")
        elif marker in _EXT_AFTER or marker in _EXT_FIXED:
            width = _EXT_AFTER.get(marker, 0)
            length = _EXT_FIXED.get(marker) or int.from_bytes(data[at : at + width], "big")
            if data[at + width : at + width + 1] == bytes((TIMESTAMP,)):
                data[at + width] = EXT
                found = True
            items, size = 0, width + 1 + length
        else:
            items, size = 0, _FIXED.get(marker, 0)
        at, left = at + size, left + items
    return found


def _short(marker: int) -> tuple[int, int]:
    """Items and bytes behind the marker of a short map, array or text."""
    if marker < 0x90:
        return 2 * (marker & 15), 0
    return (marker & 15, 0) if marker < 0xA0 else (0, marker & 31)
