"""MessagePack-RPC on one connection (till_socket.md §1): bytes in, calls out, answers back.

One connection is one protocol object. What a call means is the desk's business; here are the
wire's limits, and the promise that a hostile connection costs the others nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tilld_core import limits
from tilld_core.messages import ANY, ENGINEER, METHODS, TILL, CallError, check_params, method
from tilld_daemon.till_messages import CONTAINERS_MAX, NOTHING, Malformed, Messages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from tilld_core.messages import Method

log = logging.getLogger("tilld.socket")

RECEIVE_BYTES = 16384
MSGID_END = 1 << 32
MESSAGES_A_TURN = 2
NEST = (dict, list)
ROWS = {
    role: {row[0]: row for row in METHODS if row[1] in (role, ANY)} for role in (TILL, ENGINEER)
}
HELLO = {"hello": method("hello")}
TOO_MUCH = "The message holds too many maps and lists."


class Desk(Protocol):
    """Where calls are answered."""

    def call(self, row: Method, params: dict[str, Any], connection: Connection) -> Answer: ...
    def delivered(self, result: object) -> None: ...
    def left(self, connection: Connection) -> None: ...
    def caught_up(self, connection: Connection) -> None: ...


class Server(Protocol):
    """What all connections share."""

    desk: Desk
    message_within_s: float

    def admit(self, connection: Connection) -> bool: ...
    def forget(self, connection: Connection) -> None: ...
    def pack(self, message: list[Any]) -> bytes: ...
    def bug(self, error: BaseException) -> None: ...


class Later:
    """An answer that comes by itself. ``ends`` means: it ends with its connection."""

    def __init__(self, work: Awaitable[Any], ends: bool) -> None:
        self.work = work
        self.ends = ends


class Promise:
    """An answer that whoever has it gives by ``keep``, in the same moment: no task, no turn of
    the loop lies between. Given twice, or after its connection's end, it goes nowhere."""

    def __init__(self) -> None:
        self.is_over = False
        self.hear: Callable[[object], object] | None = None

    def keep(self, result: object) -> None:
        if not self.is_over:
            self.is_over = True
            assert self.hear is not None
            self.hear(result)

    def cancel(self) -> None:
        self.is_over = True


Answer = Later | Promise | dict[str, Any] | None


class Caller(NamedTuple):
    """Who is at the other end: ``role`` is messages.TILL, ENGINEER, or "" with the reason in
    ``why_not``; ``fingerprint`` is the client certificate's (SHA-256, hex), "" without one."""

    role: str
    why_not: str = ""
    fingerprint: str = ""


NOBODY = Caller("", "This user may not talk to the terminal.")


def _inside(outer: object) -> Iterable[object]:
    if type(outer) is dict:
        return outer.values()
    return outer if type(outer) is list else ()


class Connection(asyncio.BufferedProtocol):
    """One till's or engineer's connection; ``who`` tells which from its transport."""

    def __init__(
        self, server: Server, who: Callable[[asyncio.Transport], Caller] = lambda _: NOBODY
    ) -> None:
        self.server = server
        self.client = ""
        self.caller = NOBODY
        self.errors_as_text = False
        self.ignored = 0
        self.transport: asyncio.Transport | None = None
        self._who = who
        self._rows: dict[str, Method] = {}  # what it may call now
        self._received = bytearray(RECEIVE_BYTES)
        self._view = memoryview(self._received)
        self._messages = Messages()
        self._unfinished: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._open: dict[int, asyncio.Future[Any] | Promise | None] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if not self.server.admit(self):
            transport.abort()
            return
        transport.set_write_buffer_limits(high=limits.UNREAD_EVENTS_MAX_BYTES)
        self.caller = self._who(transport)
        self._rows = HELLO if self.caller.role else {}

    def greet(self, client: str) -> None:
        """It has said hello: from now on it may call what its role may."""
        self.client = client
        self._rows = ROWS[self.caller.role]

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
        self._messages.feed(self._view[:nbytes])
        self._take_turn()

    def _take_turn(self) -> None:
        """Acts on a few messages; one who sends without a pause waits then for the others."""
        transport, messages = self.transport, self._messages
        if transport is None or transport.is_closing():
            return
        try:
            for _ in range(MESSAGES_A_TURN):
                message = messages.next()
                if message is NOTHING:
                    break
                if self._unfinished is not None:
                    self._unfinished.cancel()
                    self._unfinished = None
                if not self._hear(message):
                    return
                if not messages.waiting_bytes:
                    break
            else:
                self._wait_for_turn(transport)
                return
        except Malformed as error:
            self._close(str(error))
            return
        if self._is_paused:
            self._is_paused = False
            transport.resume_reading()
        if messages.waiting_bytes and self._unfinished is None:
            self._unfinished = asyncio.get_running_loop().call_later(
                self.server.message_within_s, self._close, "a message that was never finished"
            )

    def _wait_for_turn(self, transport: asyncio.Transport) -> None:
        if not self._is_paused:
            self._is_paused = True
            transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._take_turn)

    def _hear(self, message: Any) -> bool:
        """Acts on one message; False when the connection is over."""
        if type(message) is not list or not message or type(message[0]) is not int:
            return self._close("a message that is no MessagePack-RPC")
        if message[0] == 2:
            self.ignored += 1
            return True
        if message[0] != 0 or len(message) != 4:
            return self._close("a message that is no MessagePack-RPC request")
        _, msgid, name, params = message
        if type(msgid) is not int or not 0 <= msgid < MSGID_END:
            return self._close("a request without a proper msgid")
        if msgid in self._open:
            return self._close("a msgid that is already open")
        try:
            row = self._rows.get(name) if type(name) is str else None
            if row is None or len(self._open) >= limits.OPEN_REQUESTS_MAX:
                raise self._refusal(name)
            answer = self.server.desk.call(row, self._checked(row, params), self)
        except CallError as error:
            return self._answer(msgid, error, None)
        if type(answer) is Promise:
            self._open[msgid] = answer
            answer.hear = lambda result: self._kept(msgid, result)
            return True
        if type(answer) is not Later:
            return self._answer(msgid, None, answer)
        task = asyncio.ensure_future(answer.work)
        self._open[msgid] = task if answer.ends else None
        task.add_done_callback(lambda done: self._finished(msgid, done))
        return True

    def _refusal(self, name: object) -> CallError:
        """Why this connection may not call that now."""
        if len(self._open) >= limits.OPEN_REQUESTS_MAX:
            return CallError("too_many", "64 requests of this connection are open.")
        role, caller = method(name)[1], self.caller.role
        if not caller:
            return CallError("not_allowed", self.caller.why_not)
        if not self._rows or self._rows is HELLO:
            return CallError("bad_message", "The first call of a connection must be hello.")
        return CallError("not_allowed", f"{name} is the {role}'s, not the {caller}'s.")

    def _checked(self, row: Method, params: object) -> dict[str, Any]:
        if self._messages.containers > CONTAINERS_MAX:
            raise CallError("bad_message", TOO_MUCH)
        try:
            return check_params(row, params)
        except CallError:
            # No method takes what is so deep or so much: the right calls need no look at it.
            self._check_shape(params)
            raise

    def _check_shape(self, params: object) -> None:
        """At most 8 levels, the message itself being the first, and so many maps and lists."""
        level, count = [params], self._messages.containers
        for _ in range(limits.MESSAGE_MAX_DEPTH - 1):
            level = [inner for outer in level for inner in _inside(outer) if type(inner) in NEST]
            if not level:
                return
            count += len(level)
            if count > CONTAINERS_MAX:
                raise CallError("bad_message", TOO_MUCH)
        raise CallError("bad_message", "The message is nested more than 8 deep.")

    def _kept(self, msgid: int, result: object) -> None:
        del self._open[msgid]
        self._answer(msgid, None, result)

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

    def _answer(self, msgid: int, error: CallError | None, result: object) -> bool:
        """Whether the connection goes on."""
        told: object = None
        if error is not None:
            told = f"{error.code}: {error.message}" if self.errors_as_text else error.as_map()
        if not self._write([1, msgid, told, result]):
            return False
        if result is not None and self.caller.role == TILL:
            self.server.desk.delivered(result)
        return True

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
