"""A serial line made of a pseudo-terminal: the device's end is ours, the port has a stable name.

``SerialDevice`` is what hangs at the end of the cable.  ``port`` is a symbolic link, as under
/dev/serial/by-id: unplugging closes the device's end and removes the link, plugging in again puts
a new pseudo-terminal behind the same name.
"""

import contextlib
import os
import pathlib
import select
import threading
import tty
from collections.abc import Iterator

_AT_ONCE_BYTES = 4096
_BREATH_S = 0.05


class SerialDevice:
    """The far end of a serial line; plugged in from the start."""

    def __init__(self, port: pathlib.Path) -> None:
        self.port = str(port)
        self._link = port
        self._fd = -1
        self._held = -1  # the port's end, kept open: a line without a listener is no hang-up
        self.replug()

    def replug(self) -> None:
        """Plugs the device in: ``port`` exists and can be opened."""
        ours, theirs = os.openpty()
        tty.setraw(theirs)  # no echo of ours before the other end has set its own mode
        os.set_blocking(ours, False)
        self._link.symlink_to(os.ttyname(theirs))
        self._fd, self._held = ours, theirs

    def unplug(self) -> None:
        """Pulls the cable.  May be repeated."""
        if self._fd >= 0:
            self._link.unlink()
            os.close(self._fd)
            os.close(self._held)
            self._fd = self._held = -1

    close = unplug

    def fileno(self) -> int:
        """For selectors; -1 while unplugged."""
        return self._fd

    def send(self, data: bytes, timeout_s: float = 10) -> None:
        """Sends all of ``data``; TimeoutError when nobody takes it."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        while data:
            if not poll.poll(timeout_s * 1000):
                raise TimeoutError(f"{len(data)} bytes were not taken")
            data = data[os.write(self._fd, data) :]

    def receive(self, timeout_s: float) -> bytes:
        """The next bytes that came, or b"" when none did."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return os.read(self._fd, _AT_ONCE_BYTES) if poll.poll(timeout_s * 1000) else b""

    def expect(self, count: int, timeout_s: float = 10) -> bytes:
        """Exactly ``count`` bytes; TimeoutError with what came when they don't."""
        data = b""
        while len(data) < count:
            more = self.receive(timeout_s)
            if not more:
                raise TimeoutError(f"{count} bytes expected, {data!r} came")
            data += more
        return data


@contextlib.contextmanager
def babbling(device: SerialDevice) -> Iterator[None]:
    """The device sends noise without a pause, as one at a wrong baud rate does."""
    ended = threading.Event()

    def babble() -> None:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):  # nobody reads just now
                device.send(b"\xff" * _AT_ONCE_BYTES, _BREATH_S)

    thread = threading.Thread(target=babble, name="babble", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)
