"""Where tills and engineers come in: the Unix socket and the TCP ports, and how many (§1)."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import pwd
import socket
import stat
import struct
from typing import TYPE_CHECKING, Any

import msgpack

from tilld_core import limits
from tilld_core.messages import ENGINEER, TILL
from tilld_daemon.till_socket import NOBODY, Caller, Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_daemon.health import Health
    from tilld_daemon.settings import Settings
    from tilld_daemon.till_socket import Desk
    from tilld_daemon.till_tls import TlsPort
    from tilld_hal.clock import Clock

log = logging.getLogger("tilld.socket")

DAY_S = 86400
WARN_BEFORE_S = 14 * DAY_S  # the end of our certificate


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(1.0)
        try:
            caller.connect(path)
        except ConnectionRefusedError:
            return False
        except OSError:
            return True  # busy, or not ours to look at: somebody's
    return True


class TillServer:
    """The listening sockets, who may use them, and how many."""

    def __init__(
        self,
        desk: Desk,
        bug: Callable[[BaseException], None],
        message_within_s: float,
        uids: tuple[int, ...] = (),
        gids: tuple[int, ...] = (),
    ) -> None:
        self.desk = desk
        self.bug = bug
        self.message_within_s = message_within_s
        self.connections: set[Connection] = set()
        self._uids = uids
        self._gids = gids
        self._server: asyncio.Server | None = None
        self._ports: list[TlsPort] = []
        self._path = ""
        self._inode = 0
        self.pack: Callable[[list[Any]], bytes] = msgpack.Packer(use_bin_type=True).pack

    async def listen(self, path: str) -> None:
        """Binds; a socket file that a dead daemon left behind is replaced. Raises OSError, also
        when another process answers there; its text names the setting."""
        try:
            listener = self._bind(path)
        except OSError as error:
            raise OSError(f"[till] socket: {error}") from error
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: Connection(self, self._who), sock=listener, backlog=64
        )

    def _bind(self, path: str) -> socket.socket:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
            if _answers(path):
                raise OSError(errno.EADDRINUSE, "another process answers there", path)
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        self._path = path
        self._inode = os.stat(path).st_ino
        # Whoever may connect is told by its credentials whether it may sell.
        os.chmod(path, 0o666 if self._uids or self._gids else 0o600)
        return listener

    def listen_to_tcp(self, settings: Settings, clock: Clock, health: Health) -> None:
        """The ports of `[till] tcp_listen` and `[engineer] listen`, where they are set. Raises
        OSError with its setting in words; the files were read by the settings' check."""
        till = settings.till
        wanted = [
            (role, name, text)
            for role, name, text in (
                (TILL, "[till] tcp_listen", till.tcp_listen),
                (ENGINEER, "[engineer] listen", settings.engineer.listen),
            )
            if text
        ]
        if not wanted:
            return
        from tilld_daemon import till_tls

        def now_s() -> int:
            return clock.wall_ms() // 1000

        context = till_tls.make_context(till.tcp_cert, till.tcp_ca)
        for role, name, text in wanted:
            port = till_tls.TlsPort(
                self, role, context, lambda: now_s() if clock.trusted() else None, now_s
            )
            try:
                port.listen(text)
            except OSError as error:
                raise OSError(f"{name}: {text}: {error.strerror or error}") from error
            self._ports.append(port)
        self._watch_certificate(till_tls.expires_s(till.tcp_cert), now_s, health)

    def _watch_certificate(self, ends_s: int, now_s: Callable[[], int], health: Health) -> None:
        """Says that our certificate ends soon, or has ended; tills on the Unix socket need none."""
        left_s = ends_s - now_s()
        if left_s <= 0:
            health.degrade("tcp_certificate", "The certificate for TCP has expired.")
        elif left_s <= WARN_BEFORE_S:
            days = left_s // DAY_S
            health.degrade("tcp_certificate", f"The certificate for TCP ends in {days} days.")
        loop = asyncio.get_running_loop()
        loop.call_later(DAY_S, self._watch_certificate, ends_s, now_s, health)

    def close(self) -> None:
        for port in self._ports:
            port.close()
        if self._server:
            self._server.close()
            if os.path.exists(self._path) and os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)

    def admit(self, connection: Connection) -> bool:
        if len(self.connections) >= limits.CONNECTIONS_MAX:
            log.warning("refused a connection: there are %d", limits.CONNECTIONS_MAX)
            return False
        self.connections.add(connection)
        return True

    def forget(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.discard(connection)
            self.desk.left(connection)

    def _who(self, transport: asyncio.Transport) -> Caller:
        peer = transport.get_extra_info("socket")
        return Caller(TILL) if self._may_sell(peer) else NOBODY

    def _may_sell(self, peer: socket.socket) -> bool:
        """By peer credentials: configured users and groups, or our own uid and root."""
        size = struct.calcsize("3i")
        _, uid, gid = struct.unpack(
            "3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        )
        if not self._uids and not self._gids:
            return uid in (0, os.getuid())
        if uid in self._uids or gid in self._gids:
            return True
        try:
            of_user = os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
        except KeyError:
            return False
        return any(group in self._gids for group in of_user)
