"""A store with its CA, and the certificates of its terminal, tills and engineers.

store = Store(folder)
open_shop(folder, simulator, more=store.settings)
Rpc(store.connect(store.till_port, store.till))
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from tilld_testkit import certificates
from tilld_testkit.shop import PATIENCE_S

if TYPE_CHECKING:
    from tilld_testkit.certificates import Identity


def free_port() -> int:
    """A TCP port of loopback that nobody has just now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Store:
    """The store's CA and everybody's certificates, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = certificates.make_ca(folder, "store CA")
        self.stranger_ca = certificates.make_ca(folder, "other CA")
        self.terminal = certificates.issue(self.ca, ["127.0.0.1"])
        self.till = certificates.issue(self.ca, ["till-1"], client=True, unit="till")
        self.engineer = certificates.issue(self.ca, ["ada"], client=True, unit="engineer")
        self.cert_file = folder / "terminal.pem"
        self.cert_file.write_bytes(
            Path(self.terminal.cert_file).read_bytes() + Path(self.terminal.key_file).read_bytes()
        )
        self.till_port, self.engineer_port = free_port(), free_port()

    @property
    def settings(self) -> dict[str, str]:
        """What a terminal needs to serve both ports: lines of its `[till]` and `[engineer]`."""
        return {
            "till": f'tcp_listen = "127.0.0.1:{self.till_port}"\n'
            f'tcp_cert = "{self.cert_file}"\ntcp_ca = "{self.ca.cert_file}"',
            "engineer": f'listen = "127.0.0.1:{self.engineer_port}"',
        }

    def context(self, who: Identity | None = None) -> ssl.SSLContext:
        """A client's TLS: verifies the terminal, shows who it is."""
        context = ssl.create_default_context(cafile=self.ca.cert_file)
        if who is not None:
            context.load_cert_chain(who.cert_file, who.key_file)
        return context

    def connect(
        self, port: int, who: Identity | None, context: ssl.SSLContext | None = None
    ) -> ssl.SSLSocket:
        """A connection after its handshake, as far as TLS 1.3 knows: a refusal may come later."""
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        return (context or self.context(who)).wrap_socket(plain, server_hostname="127.0.0.1")
