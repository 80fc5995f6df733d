"""Waits for a file or for a word from another thread, whichever comes first."""

import os
import select
import threading

READABLE = "readable"
WOKEN = "woken"
SILENT = "silent"

_AT_ONCE_BYTES = 4096


class Waker:
    """A pipe: ``wake`` and ``close`` may come from any thread."""

    def __init__(self) -> None:
        """Raises OSError when there is no descriptor left."""
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._open = True
        self._closing = threading.Lock()  # so that no wake writes to a number given to another file

    def wake(self) -> None:
        """Ends a ``wait`` under way, or else the next one.  Several count as one."""
        with self._closing:
            if not self._open:
                return
            try:
                os.write(self._waker, b"w")
            except BlockingIOError:
                return  # full of wake-ups already: one is as good as many

    def wait(self, fd: int, timeout_s: "float | None") -> str:
        """READABLE: bytes, or a hang-up, are at ``fd``; WOKEN; SILENT: the timeout came."""
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        ready = poll.poll(None if timeout_s is None else max(0, timeout_s) * 1000)
        if any(file == self._woken for file, _ in ready):
            os.read(self._woken, _AT_ONCE_BYTES)
            return WOKEN
        return READABLE if ready else SILENT

    def close(self) -> None:
        """A wait under way must have ended before.  May be repeated."""
        with self._closing:
            if self._open:
                self._open = False
                os.close(self._woken)
                os.close(self._waker)
