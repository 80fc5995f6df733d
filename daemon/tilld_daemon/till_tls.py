"""Tills and engineers over TCP: mutual TLS, and what a certificate allows (till_socket.md §1).

The store's CA signs both kinds, and the port gives the role. A certificate may say in its subject,
as organizational unit "till" or "engineer", what it is for: then it is good for nothing else, so
that a till that is stolen is not enough to write off what is owed.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import TYPE_CHECKING, Any

from tilld_core import limits
from tilld_core.messages import ENGINEER, TILL
from tilld_daemon import listen_address
from tilld_daemon.till_socket import Caller, Connection
from tilld_hal.usb_linux_network import interface_of, is_usb

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_daemon.till_socket import Server

log = logging.getLogger("tilld.tcp")

ACCEPT_AGAIN_S = 1.0  # after the system had no room for another connection
GOODBYE_S = 1.0
# A peer whose cable was pulled says nothing: it is found dead after half a minute.
SILENT_S, ASK_EVERY_S, ASK_TIMES = 15, 5, 3
# X509_V_FLAG_NO_CHECK_TIME of OpenSSL, for which Python has no name: dates are checked here,
# against the terminal's clock (rules.md §2).
_DATES_ARE_OURS = 0x200000


def make_context(cert_file: str, ca_file: str) -> ssl.SSLContext:
    """What both ports speak: TLS 1.2 or newer, and no client without a certificate of the CA.

    ``cert_file`` (PEM) holds our certificate, those between it and its CA, and its key.
    ``ca_file`` (PEM) may hold revocation lists too; then what they list is refused. Raises
    ValueError naming the setting.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VerifyFlags(_DATES_ARE_OURS)
    _load(context, cert_file)
    try:
        context.load_verify_locations(ca_file)
        with open(ca_file, "rb") as opened:
            if b"-----BEGIN X509 CRL-----" in opened.read():
                context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    except OSError as error:
        raise ValueError(f"tcp_ca: {ca_file}: {_why(error)}") from None
    return context


def _load(context: ssl.SSLContext, cert_file: str) -> None:
    try:
        context.load_cert_chain(cert_file, password=_no_password)
    except OSError as error:
        raise ValueError(f"tcp_cert: {cert_file}: {_why(error)}") from None


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "holds no usable PEM, or its key and certificate do not belong together"
    return error.strerror or "cannot be read"


def _no_password() -> str:
    # Without it OpenSSL would ask on the terminal, and a daemon would wait there for ever.
    raise ValueError("tcp_cert: its key is encrypted")


def expires_s(cert_file: str) -> int:
    """When our own certificate ends, in epoch seconds: read as a peer reads it, by a handshake
    in memory."""
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load(ours, cert_file)
    theirs.check_hostname = False
    theirs.load_verify_locations(cert_file)
    theirs.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    theirs.verify_flags |= ssl.VerifyFlags(_DATES_ARE_OURS)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = ours.wrap_bio(up, down, server_side=True)
    client = theirs.wrap_bio(down, up)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    seen: Any = client.getpeercert()
    return int(ssl.cert_time_to_seconds(seen["notAfter"]))


class TlsPort:
    """One TCP port, for one role. ``now_s`` is the terminal's time, None while it is not known
    well enough to say that a certificate is not valid yet; ``floor_s`` is at most the true one."""

    def __init__(
        self,
        server: Server,
        role: str,
        context: ssl.SSLContext,
        now_s: Callable[[], int | None],
        floor_s: Callable[[], int],
    ) -> None:
        self._server = server
        self._role = role
        self._context = context
        self._now_s = now_s
        self._floor_s = floor_s
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._greeting = 0

    def listen(self, text: str) -> None:
        """Raises OSError. The interface may come later: the USB cable need not be plugged in."""
        host, port = listen_address.parsed(text)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(found[0], socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if found[0] == socket.AF_INET:
                listener.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
            else:
                listener.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(found[4])
            listener.listen(64)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self._start(self._accept(listener))

    def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._listener is not None:
            self._listener.close()

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._server.bug(error)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, address = await loop.sock_accept(listener)
            except OSError as error:  # no descriptor left, or a peer that is gone already
                log.warning("a connection could not be taken: %s", error)
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            if self._greeting >= limits.CONNECTIONS_MAX or not self._may_come(peer):
                peer.close()
                continue
            self._greeting += 1
            self._start(self._greet(peer, address[0]))

    def _may_come(self, peer: socket.socket) -> bool:
        """Tills come over loopback or USB; the setting's address alone does not say which."""
        try:
            own = peer.getsockname()
            if self._role == ENGINEER or listen_address.is_loopback(own[0]):
                return True
            interface = interface_of(own)
        except OSError:
            return False  # it is gone already
        if not is_usb(interface):
            log.warning("refused a till: %s is no USB network", interface or own[0])
            return False
        return True

    async def _greet(self, peer: socket.socket, address: str) -> None:
        try:
            _find_the_dead(peer)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self._server, self._who),
                peer,
                ssl=self._context,
                ssl_handshake_timeout=self._server.message_within_s,
                ssl_shutdown_timeout=GOODBYE_S,
            )
        except OSError as error:
            peer.close()
            log.warning("a connection from %s came to nothing: %s", address, _words(error))
        finally:
            self._greeting -= 1

    def _who(self, transport: asyncio.Transport) -> Caller:
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        reason = self._wrong_dates(tls)
        if reason:
            return Caller("", reason)
        named = roles_of(tls.getpeercert())
        if named and self._role not in named:
            reason = f"This port is the {self._role}'s; the certificate is a {named[0]}'s."
            return Caller("", reason)
        import hashlib

        return Caller(self._role, "", hashlib.sha256(tls.getpeercert(True) or b"").hexdigest())

    def _wrong_dates(self, tls: ssl.SSLObject) -> str:
        """Every certificate of the chain that was verified, as OpenSSL would check it."""
        now_s, floor_s = self._now_s(), self._floor_s()
        chain: Any = vars(tls)["_sslobj"].get_verified_chain()  # public from Python 3.13 on
        for certificate in chain:
            valid = certificate.get_info()
            if floor_s > ssl.cert_time_to_seconds(valid["notAfter"]):
                return f"The certificate has expired: {valid['notAfter']}."
            if now_s is not None and now_s < ssl.cert_time_to_seconds(valid["notBefore"]):
                return f"The certificate is not valid before {valid['notBefore']}."
        return ""


def _find_the_dead(peer: socket.socket) -> None:
    for option, value in (
        (socket.TCP_KEEPIDLE, SILENT_S),
        (socket.TCP_KEEPINTVL, ASK_EVERY_S),
        (socket.TCP_KEEPCNT, ASK_TIMES),
        (socket.TCP_USER_TIMEOUT, (SILENT_S + ASK_EVERY_S * ASK_TIMES) * 1000),
    ):
        peer.setsockopt(socket.IPPROTO_TCP, option, value)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


_IP_FREEBIND = 15  # linux/in.h; Python names neither
_IPV6_FREEBIND = 78  # linux/in6.h


def roles_of(certificate: Any) -> list[str]:
    """The roles that a verified certificate is kept to by its subject's organizational units; none
    when it names none."""
    units = [
        value
        for part in certificate.get("subject", ())
        for name, value in part
        if name == "organizationalUnitName"
    ]
    return [role for role in (TILL, ENGINEER) if role in units]


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").lower().replace("_", " ")
    return error.strerror or str(error) or type(error).__name__
