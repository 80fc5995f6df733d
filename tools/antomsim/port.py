"""A listening socket and its connections: plain or TLS, cut and refused during an outage."""

import asyncio
import contextlib
import ipaddress
import os
import pathlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator

import h11

from antomsim.http import Conversation, Reply, Request, TooLarge

_HANDSHAKE_S = 10.0
_BACKLOG = 128

Answering = Callable[[Request, int], Awaitable[Reply]]


class Port:
    def __init__(
        self,
        listener: socket.socket,
        tls: ssl.SSLContext | None,
        answering: Answering,
        refused: Callable[[], bool],
        is_out: Callable[[], bool],
    ) -> None:
        """``refused`` says of each new connection whether the network is out for it, ``is_out``
        whether it is out at all."""
        self._listener = listener
        self._tls = tls
        self._answering = answering
        self._refused = refused
        self._is_out = is_out
        self._open: dict[int, Conversation] = {}
        self._count = 0

    async def run(self) -> None:
        """Accept for ever; a bug in answering ends it, with the process."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                sock, _ = await loop.sock_accept(self._listener)
                if self._refused():
                    sock.close()
                    continue
                self._count += 1
                group.create_task(self._serve(sock, self._count))

    def cut_all(self, but: int = 0) -> None:
        """Cut every open connection except the one with that number."""
        for number, conversation in list(self._open.items()):
            if number != but:
                conversation.sever()

    async def _serve(self, sock: socket.socket, number: int) -> None:
        loop = asyncio.get_running_loop()
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                sock,
                ssl=self._tls,
                ssl_handshake_timeout=_HANDSHAKE_S if self._tls else None,
            )
        except OSError:
            sock.close()
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        conversation = Conversation(reader, writer)
        if self._is_out():  # since the handshake began: no connection is whole in an outage
            conversation.sever()
            return
        self._open[number] = conversation
        try:
            await self._converse(conversation, number)
        except OSError:
            conversation.abort()
        finally:
            del self._open[number]
            writer.close()

    async def _converse(self, conversation: Conversation, number: int) -> None:
        while True:
            try:
                request = await conversation.next_request()
            except h11.RemoteProtocolError:
                await conversation.refuse(400)
                return
            except TooLarge:
                await conversation.refuse(413)
                return
            if request is None:
                return
            reply = await self._answering(request, number)
            if not await conversation.deliver(reply):
                return


def listen(address: str) -> socket.socket:
    """A listener at HOST:PORT or [HOST]:PORT; raises OSError, ValueError."""
    host, _, port = address.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    family, kind, protocol, _, where = sorted(found)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(where)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a client on this machine finds it, by a name that the certificate holds."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


@contextlib.contextmanager
def unix_listener(path: pathlib.Path) -> Iterator[socket.socket]:
    """A Unix socket at ``path``, for its owner alone, gone at the end.

    Bound by its folder's descriptor: a socket's address holds 107 bytes, a path may not.
    """
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener, _folder(path.parent) as folder:
        listener.bind(f"{folder}/{path.name}")
        path.chmod(0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _folder(path: pathlib.Path) -> Iterator[str]:
    handle = os.open(path, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
