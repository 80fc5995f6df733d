"""Processes that say when they can be called, as systemd hears it (sd_notify)."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator

from tilld_testkit.shop import SOURCES

PATIENCE_S = 20.0


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[None]:
    """A Python process that has said READY=1; it is killed at the end."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notified:
        name = f"tilld-bench-{uuid.uuid4().hex}"
        notified.bind(f"\0{name}")
        process = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, "PYTHONPATH": SOURCES, "NOTIFY_SOCKET": f"@{name}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            if not select.select([notified], [], [], PATIENCE_S)[0]:
                raise TimeoutError(f"{command} did not start")
            yield
        finally:
            process.kill()
            process.wait()


def connected(path: str) -> socket.socket:
    """A socket to a process that has started."""
    till = socket.socket(socket.AF_UNIX)
    till.settimeout(PATIENCE_S)
    till.connect(path)
    return till
