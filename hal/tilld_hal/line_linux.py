"""Bytes with deadlines over a file descriptor, and plain words when its other end is gone.

What serial lines, USB printers and connections share.  Reading and writing never block: each waits
in ``poll`` for at most what is left until its deadline.
"""

import os
import select
import time

from tilld_hal.errors import Gone

AT_ONCE_BYTES = 4096
_WRITE_BYTES = 512
_FULL_S = 0.05

HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL


class DescriptorLine:
    """``tilld_hal.escpos_printer.Line`` over ``self._fd``, which is non-blocking; -1: closed."""

    END_IS_GONE = True
    """Reading nothing means that the other end has closed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._fd = -1

    def check(self) -> None:
        """Raises ``Gone`` if the other end is gone."""
        poll = select.poll()
        poll.register(self._live_fd(), 0)
        if poll.poll(0):
            raise self._gone()

    def read_available(self) -> bytes:
        """What has arrived, b"" when nothing has; never blocks.  Raises ``Gone``."""
        return self._read(time.monotonic())

    def read_until(self, deadline_s: float) -> bytes:
        """The next bytes, or b"" when none came until ``deadline_s`` (``time.monotonic``)."""
        while True:
            data = self._read(deadline_s)
            if data or time.monotonic() >= deadline_s:
                return data

    def write_some(self, data: bytes, deadline_s: float) -> int:
        """Hands over a first part of ``data`` and returns how many bytes were taken.

        0 when none was until ``deadline_s``, or for a moment.  Raises ``Gone``.
        """
        fd = self._live_fd()
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        ready = poll.poll(_left_ms(deadline_s))
        if not ready:
            return 0
        if ready[0][1] & HUNG_UP:
            raise self._gone()
        try:
            return os.write(fd, data[:_WRITE_BYTES])
        except BlockingIOError:
            # usblp says "writable" of a printer without paper (its usblp_poll), and takes nothing.
            poll.modify(fd, 0)
            poll.poll(min(_left_ms(deadline_s), _FULL_S * 1000))
            return 0
        except OSError as error:
            raise self._gone() from error

    def discard_unsent(self) -> None:
        """Forgets what was taken and has not left: it must not come out later by itself."""

    def rest(self, all_said: bool) -> None:
        """The talk is over; ``all_said``: whatever could be answered has been."""

    def close(self) -> None:
        """Gives the descriptor back.  May be repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self, deadline_s: float) -> bytes:
        fd = self._live_fd()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(_left_ms(deadline_s)):
            return b""
        try:
            data = os.read(fd, AT_ONCE_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone() from error
        if not data and self.END_IS_GONE:
            raise self._gone()
        return data

    def _live_fd(self) -> int:
        if self._fd < 0:
            raise Gone(f"{self._name} is closed")
        return self._fd

    def _gone(self) -> Gone:
        return Gone(f"{self._name} was unplugged")


def _left_ms(deadline_s: float) -> float:
    return max(0, deadline_s - time.monotonic()) * 1000
