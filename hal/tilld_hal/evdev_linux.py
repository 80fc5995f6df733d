"""A keyboard of Linux's input system, held so that nobody else reads it.

Read by the kernel's own interface (linux/input.h): a structure of 24 bytes and four requests.  The
`evdev` package has to be compiled where it is installed, and a fresh Debian has no compiler.
"""

import array
import errno
import fcntl
import grp
import os
import select
import stat
import struct
import time

from tilld_hal.errors import Busy, Gone, HalError, Refused
from tilld_hal.keyboard_decoder import EV_KEY, KeyDecoder
from tilld_hal.waker_linux import Waker

BY_ID = "/dev/input/by-id"
KEYBOARD = "-event-kbd"  # how udev ends the stable names of keyboards
SCANNER_WORDS = ("scan", "barcode", "bar_code", "imager", "honeywell", "datalogic", "zebra")
SHOWN_NAMES = 8

EVENT = struct.Struct("@llHHi")  # seconds, microseconds, type, code, value
_AT_ONCE_EVENTS = 64
_LOOKS = 16

_KEYS_BYTES = 96  # KEY_MAX is 0x2ff
_LEDS_BYTES = 8
_CAPS_LED = 1
_DIGITS_AND_ENTER = (*range(2, 12), 28)


def _request(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord("E") << 8 | number


_WRITE, _READ = 1, 2
EVIOCGLED = _request(_READ, 0x19, _LEDS_BYTES)
EVIOCGBIT_KEYS = _request(_READ, 0x20 + EV_KEY, _KEYS_BYTES)
EVIOCGRAB = _request(_WRITE, 0x90, 4)
EVIOCSCLOCKID = _request(_WRITE, 0xA0, 4)

_GONE = (errno.ENOENT, errno.ENODEV, errno.ENXIO)


class KeyboardLine:
    """``tilld_hal.scanner_line_linux.Line`` over a file of input events."""

    def __init__(self, fd: int, name: str, decoder: KeyDecoder) -> None:
        """Takes ``fd``, which is non-blocking, and closes it in the end.

        Raises OSError when there is no descriptor left; then ``fd`` is not taken.
        """
        self._waker = Waker()
        self._fd = fd
        self._name = name
        self._decoder = decoder
        self._rest = b""

    def wait(self, timeout_s: "float | None") -> str:
        """See ``Line``."""
        return self._waker.wait(self._live_fd(), timeout_s)

    def wake(self) -> None:
        """See ``Line``."""
        self._waker.wake()

    def read_available(self) -> bytes:
        """The bytes of codes that the keys have spelt; b"" when there are no keys, or only keys
        that spell nothing.  Raises ``Gone``."""
        spelt = b""
        for _ in range(_LOOKS):
            try:
                events = self._read()
            except Gone:
                if spelt:
                    return spelt  # the next look says it again
                raise
            if not events:
                break
            spelt += b"".join([self._spelt(event) for event in EVENT.iter_unpack(events)])
        return spelt

    def close(self) -> None:
        """Gives the keyboard back to everybody.  May be repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._waker.close()

    def _spelt(self, event: "tuple[int, int, int, int, int]") -> bytes:
        seconds, microseconds, kind, code, value = event
        at_ms = seconds * 1000 + microseconds // 1000
        return self._decoder.feed(kind, code, value, at_ms)

    def _read(self) -> bytes:
        """Whole events; b"" when there are none."""
        fd = self._live_fd()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(0):
            return b""
        try:
            data = os.read(fd, EVENT.size * _AT_ONCE_EVENTS)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._unplugged() from error
        if not data:
            raise self._unplugged()
        data = self._rest + data
        whole = len(data) - len(data) % EVENT.size
        self._rest = data[whole:]
        return data[:whole]

    def _live_fd(self) -> int:
        if self._fd < 0:
            raise Gone(f"{self._name} is closed")
        return self._fd

    def _unplugged(self) -> Gone:
        return Gone(f"{self._name} was unplugged")


def open_keyboard(path: str, layout: str) -> KeyboardLine:
    """Opens and grabs the keyboard at ``path``: from here on its keys reach nobody else.

    Raises ``Gone`` (not there; the words name what is), ``Busy`` (another program has grabbed it)
    or ``Refused`` (no keyboard, not allowed).
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise not_opened(path, error) from error
    try:
        return _grabbed(fd, path, layout)
    except OSError as error:
        os.close(fd)
        raise _not_grabbed(path, error) from error
    except HalError:
        os.close(fd)
        raise


def keyboards(folder: str = BY_ID) -> "list[str]":
    """The stable names of the keyboards that are plugged in, likely scanners first."""
    try:
        found = sorted(name for name in os.listdir(folder) if name.endswith(KEYBOARD))
    except OSError:
        return []
    return sorted(found, key=lambda name: not any(word in name.lower() for word in SCANNER_WORDS))


def _grabbed(fd: int, path: str, layout: str) -> KeyboardLine:
    _check_keyboard(fd, path)
    fcntl.ioctl(fd, EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))
    fcntl.ioctl(fd, EVIOCGRAB, 1)
    opened_ms = time.monotonic_ns() // 1_000_000
    decoder = KeyDecoder(layout, _CAPS_LED in _bits(fd, EVIOCGLED, _LEDS_BYTES), opened_ms)
    return KeyboardLine(fd, path, decoder)


def _check_keyboard(fd: int, path: str) -> None:
    if not stat.S_ISCHR(os.fstat(fd).st_mode):
        raise Refused(f"{path} is no input device")
    try:
        keys = _bits(fd, EVIOCGBIT_KEYS, _KEYS_BYTES)
    except OSError as error:
        if error.errno in _GONE:
            raise
        raise Refused(f"{path} is no input device") from error
    if not keys.issuperset(_DIGITS_AND_ENTER):
        raise Refused(f"{path} is no keyboard: it has no digits, or no Enter")


def _bits(fd: int, request: int, size: int) -> "set[int]":
    into = array.array("B", bytes(size))
    fcntl.ioctl(fd, request, into)
    return {at * 8 + bit for at, byte in enumerate(into) for bit in range(8) if byte >> bit & 1}


def not_opened(path: str, error: OSError) -> HalError:
    if error.errno in _GONE:
        return Gone(f"{path} is not there; {_what_is_there()}")
    if error.errno == errno.EACCES:
        return Refused(f"{path}: this user may not read it; {_who_may(path)}")
    if error.errno == errno.EPERM:  # what a service's control group answers
        return Refused(f"{path}: this service may not read it (DeviceAllow=char-13 r)")
    return Refused(f"{path} can't be opened: {error.strerror}")


def _not_grabbed(path: str, error: OSError) -> HalError:
    if error.errno == errno.EBUSY:
        return Busy(f"{path} is held by another program")
    if error.errno in _GONE:
        return Gone(f"{path} was unplugged")
    return Refused(f"{path} can't be held: {error.strerror}")


def _what_is_there() -> str:
    names = keyboards()
    if not names:
        return f"no USB keyboard or scanner is in {BY_ID}"
    shown = ", ".join(names[:SHOWN_NAMES]) + (" and more" if len(names) > SHOWN_NAMES else "")
    return f"in {BY_ID} there is {shown}"


def _who_may(path: str) -> str:
    try:
        group = grp.getgrgid(os.stat(path).st_gid).gr_name
    except (OSError, KeyError):
        group = "input"
    if group == "root":
        return "a udev rule has to give it to a group of tilld's (hal/README.md)"
    return f"its user has to be in the group {group}"
