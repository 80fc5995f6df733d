"""The three words systemd wants to hear: ready, still alive, stopping (sd_notify(3))."""

from __future__ import annotations

import os
import socket


def say(state: str) -> None:
    """Sends one state to the service manager, if there is one; its absence is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.settimeout(1.0)
        manager.sendto(state.encode(), address)


def watchdog_every_s() -> float | None:
    """How often to say WATCHDOG=1: half of what the unit allows; None without a watchdog."""
    allowed_us = os.environ.get("WATCHDOG_USEC", "")
    return int(allowed_us) / 2_000_000 if allowed_us.isdecimal() else None
