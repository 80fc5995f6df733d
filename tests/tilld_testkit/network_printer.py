"""A printer on the network: ESC/POS on a TCP port of loopback, one connection at a time."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_testkit.paper import Paper

_AT_ONCE_BYTES = 4096


class NetworkPrinter:
    """In a thread of its own until ``close``; ``paper`` may be replaced at any time.

    ``deaf``: it accepts and never reads.  ``hangs_up_after`` and ``resets_after``: so many bytes of
    a connection later it ends it, politely or with a reset.  ``babbles``: sends this to whoever
    connects, and again after everything it hears.
    """

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.deaf = False
        self.hangs_up_after: int | None = None
        self.resets_after: int | None = None
        self.babbles = b""
        self.connections = 0
        self.ended = 0
        self.heard = bytearray()
        self._changed = threading.Condition()
        self._woken, self._waker = os.pipe()
        self._listener = _listener(0)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="printer", daemon=True)
        self._thread.start()

    def switch_off(self) -> None:
        """Nobody listens at its port any more."""
        if self._thread.is_alive():
            os.write(self._waker, b"w")
            self._thread.join(10)
        self._listener.close()

    close = switch_off

    def switch_on(self) -> None:
        """It listens again at the same port."""
        os.read(self._woken, _AT_ONCE_BYTES)
        self._listener = _listener(self.port)
        self._thread = threading.Thread(target=self._run, name="printer", daemon=True)
        self._thread.start()

    def wait_for(self, holds: Callable[[NetworkPrinter], bool], timeout_s: float = 10) -> bool:
        """Blocks until something holds of it; False when it does not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: holds(self), timeout_s)

    def _run(self) -> None:
        while self._waits_for(self._listener.fileno()):
            connection, _ = self._listener.accept()
            with self._changed:
                self.connections += 1
                self._changed.notify_all()
            with contextlib.suppress(ConnectionError):
                self._serve(connection)
            connection.close()
            with self._changed:
                self.ended += 1
                self._changed.notify_all()

    def _serve(self, connection: socket.socket) -> None:
        came = 0
        if self.babbles:
            connection.sendall(self.babbles)
        while self._waits_for(-1 if self.deaf else connection.fileno()):
            data = connection.recv(_AT_ONCE_BYTES)
            if not data:
                return
            came += len(data)
            if self.resets_after is not None and came > self.resets_after:
                hard = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
                return
            if self.hangs_up_after is not None and came > self.hangs_up_after:
                return
            with self._changed:
                self.heard += data
                answers = self.paper.feed(data)
                self._changed.notify_all()
            connection.sendall(answers + self.babbles)

    def _waits_for(self, fd: int) -> bool:
        """True when there is something at ``fd``; False when it is to stop."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        if fd >= 0:
            poll.register(fd, select.POLLIN)
        return self._woken not in [ready for ready, _ in poll.poll()]


def _listener(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _AT_ONCE_BYTES)  # a printer's memory
    return listener
