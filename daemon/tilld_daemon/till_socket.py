"""MessagePack-RPC on a Unix socket (till_socket.md §1): bytes in, calls out, answers back.

One connection is one protocol object. What a call means is the desk's business; here are the
wire's limits, and the promise that a hostile connection costs the others nothing.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import pwd
import socket
import stat
import struct
from typing import TYPE_CHECKING, Any, Protocol

import msgpack

from tilld_core import limits
from tilld_core.messages import CallError, check_params, method

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tilld_core.messages import Method

log = logging.getLogger("tilld.socket")

RECEIVE_BYTES = 65536
MSGID_END = 1 << 32


class Desk(Protocol):
    """Where calls are answered."""

    def call(self, row: Method, params: dict[str, Any], connection: Connection) -> Answer: ...
    def delivered(self, result: object) -> None: ...
    def left(self, connection: Connection) -> None: ...
    def caught_up(self, connection: Connection) -> None: ...


class Later:
    """An answer that comes by itself. ``ends`` means: it ends with its connection."""

    def __init__(self, work: Awaitable[Any], ends: bool) -> None:
        self.work = work
        self.ends = ends


Answer = Later | dict[str, Any] | None


class Repeated:
    """A map that named a key twice: no kind of parameter accepts it."""


def _map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any] | Repeated:
    held = dict(pairs)
    return held if len(held) == len(pairs) else Repeated()


class Connection(asyncio.BufferedProtocol):
    """One till's connection."""

    def __init__(self, server: TillSocket) -> None:
        self.server = server
        self.client = ""
        self.greeted = False
        self.errors_as_text = False
        self.allowed = False
        self.ignored = 0
        self.transport: asyncio.Transport | None = None
        self._received = bytearray(RECEIVE_BYTES)
        self._view = memoryview(self._received)
        self._unpacker = msgpack.Unpacker(
            raw=False,
            strict_map_key=False,
            object_pairs_hook=_map,
            ext_hook=msgpack.ExtType,
            max_buffer_size=limits.MESSAGE_MAX_BYTES + RECEIVE_BYTES,
        )
        self._fed = 0
        self._done = 0
        self._unfinished: asyncio.TimerHandle | None = None
        self._open: dict[int, asyncio.Future[Any] | None] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if not self.server.admit(self):
            transport.abort()
            return
        transport.set_write_buffer_limits(high=limits.UNREAD_EVENTS_MAX_BYTES)
        self.allowed = self.server.may_sell(transport.get_extra_info("socket"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._unfinished:
            self._unfinished.cancel()
        self.server.forget(self)
        for waiting in self._open.values():
            if waiting is not None:
                waiting.cancel()
        self._open.clear()

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    # In.

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        self._fed += nbytes
        self._unpacker.feed(self._view[:nbytes])
        while self._take():
            pass
        if self.is_open:
            self._watch_the_rest()

    def _take(self) -> bool:
        try:
            message = self._unpacker.unpack()
        except msgpack.OutOfData:
            return False
        except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException):
            return self._close("malformed input")
        done = self._unpacker.tell()
        too_long = done - self._done > limits.MESSAGE_MAX_BYTES
        self._done = done
        if self._unfinished:
            self._unfinished.cancel()
            self._unfinished = None
        if too_long:
            self._close("a message of more than 64 KiB")
            return False
        return self._hear(message)

    def _watch_the_rest(self) -> None:
        rest = self._fed - self._done
        if rest > limits.MESSAGE_MAX_BYTES:
            self._close("a message of more than 64 KiB")
        elif rest and self._unfinished is None:
            self._unfinished = asyncio.get_running_loop().call_later(
                self.server.message_within_s, self._close, "a message that was never finished"
            )

    def _hear(self, message: Any) -> bool:
        """Acts on one message; False when the connection is over."""
        if not isinstance(message, list) or not message or type(message[0]) is not int:
            return self._close("a message that is no MessagePack-RPC")
        if message[0] == 2:
            self.ignored += 1
            return True
        if message[0] != 0 or len(message) != 4:
            return self._close("a message that is no MessagePack-RPC request")
        msgid = message[1]
        if type(msgid) is not int or not 0 <= msgid < MSGID_END:
            return self._close("a request without a proper msgid")
        if msgid in self._open:
            return self._close("a msgid that is already open")
        self._request(msgid, message[2], message[3])
        return self.transport is not None and not self.transport.is_closing()

    def _request(self, msgid: int, name: object, params: object) -> None:
        try:
            if len(self._open) >= limits.OPEN_REQUESTS_MAX:
                raise CallError("too_many", "64 requests of this connection are open.")
            row = method(name)
            self._check_role(row)
            if _deeper_than(params, limits.MESSAGE_MAX_DEPTH - 1):
                raise CallError("bad_message", "The message is nested more than 8 deep.")
            answer = self.server.desk.call(row, check_params(row, params), self)
        except CallError as error:
            self._answer(msgid, error, None)
            return
        if not isinstance(answer, Later):
            self._answer(msgid, None, answer)
            return
        task = asyncio.ensure_future(answer.work)
        self._open[msgid] = task if answer.ends else None
        task.add_done_callback(lambda done: self._finished(msgid, done))

    def _check_role(self, row: Method) -> None:
        if not self.allowed:
            raise CallError("not_allowed", "This user may not talk to the terminal.")
        if not self.greeted and row[0] != "hello":
            raise CallError("bad_message", "The first call of a connection must be hello.")

    def _finished(self, msgid: int, done: asyncio.Future[Any]) -> None:
        known = self._open.pop(msgid, False) is not False
        if done.cancelled():
            return
        error = done.exception()
        if error is not None and not isinstance(error, CallError):
            self.server.bug(error)
            return
        if known:
            self._answer(msgid, error, None if error else done.result())

    def _close(self, why: str) -> bool:
        log.warning("closed the connection of %r: %s", self.client, why)
        if self.transport is not None:
            self.transport.abort()
        return False

    # Out.

    def _answer(self, msgid: int, error: CallError | None, result: object) -> None:
        told: object = None
        if error is not None:
            told = f"{error.code}: {error.message}" if self.errors_as_text else error.as_map()
        if self._write([1, msgid, told, result]) and error is None:
            self.server.desk.delivered(result)

    @property
    def is_full(self) -> bool:
        """It reads too slowly: no event goes out until ``resume_writing``."""
        return (
            self.transport is not None
            and self.transport.get_write_buffer_size() > limits.UNREAD_EVENTS_MAX_BYTES
        )

    def tell(self, event: dict[str, Any]) -> None:
        self._write([2, "event", [event]])

    def resume_writing(self) -> None:
        self.server.desk.caught_up(self)

    def _write(self, message: list[Any]) -> bool:
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        transport.write(self.server.pack(message))
        if transport.get_write_buffer_size() > limits.UNREAD_MAX_BYTES:
            self._close("more than 1 MiB of answers unread")
            return False
        return True


def _deeper_than(thing: object, depth: int) -> bool:
    if isinstance(thing, dict):
        inner: Any = thing.values()
    elif isinstance(thing, list):
        inner = thing
    else:
        return False
    if depth == 0:
        return True
    return any(_deeper_than(each, depth - 1) for each in inner)


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


class TillSocket:
    """The listening socket, who may use it, and how many."""

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
        self._path = ""
        self._inode = 0
        self._packer = msgpack.Packer(use_bin_type=True)

    async def listen(self, path: str) -> None:
        """Binds; a socket file that a dead daemon left behind is replaced. Raises OSError, also
        when another process answers there."""
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
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: Connection(self), sock=listener, backlog=64
        )

    def close(self) -> None:
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

    def pack(self, message: list[Any]) -> bytes:
        packed: bytes = self._packer.pack(message)
        return packed

    def may_sell(self, peer: socket.socket) -> bool:
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
