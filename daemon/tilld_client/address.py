"""Where a terminal is: the path of its Unix socket, or ``tls://host:port``."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

DEFAULT = "/run/tilld/till.sock"


def host_and_port(address: str) -> tuple[str, int] | None:
    """The two of a ``tls://`` address; None for a path. Raises ValueError for half an address."""
    if not address.startswith("tls://"):
        return None
    parts = urlsplit(address)
    if not parts.hostname or not parts.port:
        raise ValueError(f"{address}: say tls://host:port")
    return parts.hostname, parts.port


def named(host: str) -> str:
    """What the certificate has to name: a host, or an address without its interface."""
    return host.partition("%")[0]


def tls_context(ca_file: str, cert_file: str, key_file: str) -> ssl.SSLContext:
    """What a till needs for ``tls://``: the store's authority, and its own certificate with key.

    The terminal's certificate is verified, its name too: there is no way to turn that off.
    """
    import ssl  # tills on a Unix socket never need it

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(ca_file)
    context.load_cert_chain(cert_file, key_file)
    return context


def check(address: str, tls: ssl.SSLContext | None) -> None:
    """Raises ValueError for half an address, or for `tls://` without a certificate."""
    if host_and_port(address) is not None and tls is None:
        raise ValueError(f"{address} needs a client certificate: pass tls=tls_context(…)")


def connect(address: str, tls: ssl.SSLContext | None, within_s: float) -> socket.socket:
    """A connected socket. Raises OSError."""
    at = host_and_port(address)
    if at is None or tls is None:
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            plain.settimeout(within_s)
            plain.connect(address)
        except OSError:
            plain.close()
            raise
        return plain
    plain = socket.create_connection(at, within_s)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return tls.wrap_socket(plain, server_hostname=named(at[0]))
    except OSError:
        plain.close()
        raise
