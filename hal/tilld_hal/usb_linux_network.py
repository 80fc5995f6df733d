"""Which network interface has an address, and whether it is a USB one; asked of the kernel."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import struct

SYS = "/sys"
_SIOCGIFCONF = 0x8912
_IFREQ = struct.Struct("=16s HH4s 16x")  # linux/if.h: a name, then a sockaddr_in
_ROOM = 64 * _IFREQ.size
_USB = re.compile(r"/(usb[0-9]+|udc|gadget[.0-9]*)(/|$)")


def interface_of(address: tuple[object, ...]) -> str:
    """The interface's name for a socket's own address, "" when none has it any more.

    ``address`` is as ``getsockname`` gives it. Of IPv6 only link-local addresses name theirs.
    """
    if len(address) == 4:
        index = address[3]
        try:
            return socket.if_indextoname(index) if isinstance(index, int) and index else ""
        except OSError:
            return ""
    wanted = socket.inet_aton(str(address[0]))
    for name, own in _ipv4():
        if own == wanted:
            return name
    return ""


def _ipv4() -> list[tuple[str, bytes]]:
    """Every interface, aliases too, with its IPv4 address."""
    import array

    room = array.array("B", bytes(_ROOM))
    start, _ = room.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        filled = fcntl.ioctl(asked.fileno(), _SIOCGIFCONF, struct.pack("iL", _ROOM, start))
    size = struct.unpack("iL", filled)[0]
    return [
        (name.partition(b"\0")[0].decode().partition(":")[0], own)
        for name, _, _, own in _IFREQ.iter_unpack(room.tobytes()[:size])
    ]


def is_usb(interface: str, sys: str = SYS) -> bool:
    """Whether the interface hangs on USB: this machine as its host, or as the gadget."""
    device = os.path.join(sys, "class/net", os.path.basename(interface), "device")
    return bool(interface) and _USB.search(os.path.realpath(device)) is not None
