"""The calls about the scanner as tills share it (till_socket.md §2 and §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_core import limits

if TYPE_CHECKING:
    from tilld_daemon.device import Device
    from tilld_daemon.till_socket import Answer, Connection

    Params = dict[str, Any]


class ScannerCalls:
    """One connection at a time reads; its end, or `scanner.stop`, lets the next one."""

    def __init__(self, device: Device) -> None:
        self._scanner = device.scanner

    def read(self, params: Params, connection: Connection) -> Answer:
        """The next scan, or nil after ``timeout_s`` (60). Claims the scanner at once, so that of
        two tills the one that called first has it."""
        timeout_s = params["timeout_s"]
        wait_s = limits.WAIT_MAX_S if timeout_s is None else timeout_s
        return self._scanner.read(connection, wait_s)

    def stop(self, connection: Connection) -> None:
        """Gives the scanner back, if this connection has it."""
        self._scanner.release(connection)

    def left(self, connection: Connection) -> None:
        self._scanner.release(connection)
