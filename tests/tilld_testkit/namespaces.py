"""Hosts of our own on one machine: network namespaces with a cable between them.

A namespace lives as long as the process that holds it, and that one ends with the test, however
the test ends. It takes root, or CAP_SYS_ADMIN.
"""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 20.0

DEVICE = "192.0.2.2"
STORE = "192.0.2.1"


class Host:
    """One namespace, with loopback up. ``before`` is the command in front of a process in it."""

    def __init__(self) -> None:
        # cat answers from inside the namespace, and ends when nobody holds its input any more
        self._holder = subprocess.Popen(
            ["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.write(b"there\n")
        self._holder.stdin.flush()
        if self._holder.stdout.readline() != b"there\n":
            raise RuntimeError("a network of its own takes root")
        self.pid = self._holder.pid
        self.before = ("nsenter", f"--net=/proc/{self.pid}/ns/net")
        self.ip("link set lo up")

    def ip(self, words: str) -> None:
        """ip(8) in this host."""
        subprocess.run([*self.before, "ip", *words.split()], check=True, timeout=PATIENCE_S)

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._holder.communicate(timeout=PATIENCE_S)


class Cable:
    """Between ``till0`` of the device and ``wall0`` of the store's host; both have an address and
    a default route to the other."""

    def __init__(self, device: Host, store: Host) -> None:
        self.device = device
        self.store = store
        self.plug()

    def plug(self) -> None:
        """A new interface at each end: another index, as after a replugged USB adapter."""
        ends = f"till0 netns {self.device.pid} type veth peer name wall0 netns {self.store.pid}"
        self.device.ip(f"link add {ends}")
        self.store.ip(f"addr add {STORE}/24 dev wall0")
        self.device.ip(f"addr add {DEVICE}/24 dev till0")
        self.store.ip("link set wall0 up")
        self.device.ip("link set till0 up")
        self.store.ip(f"route add default via {DEVICE}")
        self.device.ip(f"route add default via {STORE}")

    def unplug(self) -> None:
        """Both interfaces are gone."""
        self.device.ip("link del till0")

    def cut(self) -> None:
        """The device loses its carrier; its interface stays."""
        self.store.ip("link set wall0 down")

    def mend(self) -> None:
        self.store.ip("link set wall0 up")
        self.store.ip(f"route replace default via {DEVICE}")


@contextlib.contextmanager
def cabled() -> Iterator[Cable]:
    """A device's host and the store's host, joined by one cable."""
    with contextlib.ExitStack() as ends:
        device, store = Host(), Host()
        ends.callback(device.close)
        ends.callback(store.close)
        yield Cable(device, store)
