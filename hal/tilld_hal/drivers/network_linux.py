"""The network of a Linux device: carrier and routes, told by the kernel the moment they change."""

import os
import select
import socket
import threading
import time

from tilld_hal.errors import Gone, Refused
from tilld_hal.netlink_linux_route import (
    NetlinkDamaged,
    default_route_interfaces,
    links_with_carrier,
    read_away,
    watching_socket,
)
from tilld_hal.network import NO, UNKNOWN, YES, NetworkState

MATURITY = "bench"
SEEN_WITH = ("Linux 6, veth",)
ALLOWED: "dict[str, tuple[str, ...]]" = {}


def open_device(
    interface: "str" = "", host: "str" = "", loopback: "bool" = False
) -> "LinuxNetwork":
    """``interface``: only this one counts ("": any but loopback).  ``host``: the upstream's IP
    address, for set-ups without a default route ("": a default route is asked for).  ``loopback``:
    the upstream is on this machine, so link and route are always there.  Raises ``Refused``."""
    return LinuxNetwork(interface, _address(host), loopback)


class LinuxNetwork:
    """``tilld_hal.network.Network`` by rtnetlink."""

    def __init__(self, interface: str, host: str, loopback: bool) -> None:
        self._interface = interface
        self._host = host
        self._loopback = loopback
        try:
            self._watching = watching_socket()
        except NetlinkDamaged as error:
            raise Refused(str(error)) from error
        try:
            self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self._watching.close()
            raise Refused(f"the network can't be watched: {error.strerror}") from error
        self._open = True
        self._closing = threading.Lock()  # so that no wake writes to a number given to another file
        self._in_watch = threading.Lock()
        self._told = self.state()

    def state(self) -> NetworkState:
        """Asks the kernel now."""
        if self._loopback:
            return NetworkState(YES, YES)
        try:
            links = links_with_carrier()
            if self._interface:
                links = {at: name for at, name in links.items() if name == self._interface}
            if self._host:
                route = bool(links) and _reaches(self._host)
            else:
                route = bool(default_route_interfaces() & set(links))
        except (NetlinkDamaged, OSError):  # OSError: no socket is left to ask with
            return NetworkState(UNKNOWN, UNKNOWN)
        return NetworkState(YES if links else NO, YES if route else NO)

    def watch(self, timeout_s: "float | None") -> "NetworkState | None":
        """See ``tilld_hal.network.Network``."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        with self._in_watch:
            while True:
                if not self._open:
                    raise Gone("the network is no longer watched")
                read_away(self._watching)  # before asking: a change after it wakes us again
                state = self.state()
                if state != self._told:
                    self._told = state
                    return state
                if not self._changed(deadline_s):
                    if not self._open:
                        raise Gone("the network is no longer watched")
                    return None

    def wake(self) -> None:
        """Ends a watch with None."""
        with self._closing:
            if self._open:
                self._write_waker()

    def close(self) -> None:
        """Stops watching; a watch under way ends first."""
        with self._closing:
            if not self._open:
                return
            self._open = False
            self._write_waker()
        with self._in_watch:
            self._watching.close()
            os.close(self._woken)
            os.close(self._waker)

    def _changed(self, deadline_s: "float | None") -> bool:
        poll = select.poll()
        poll.register(self._watching, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        left_ms = None if deadline_s is None else max(0, deadline_s - time.monotonic()) * 1000
        ready = poll.poll(left_ms)
        if any(fd == self._woken for fd, _ in ready):
            os.read(self._woken, 4096)
            return False
        return bool(ready)

    def _write_waker(self) -> None:
        try:
            os.write(self._waker, b"w")
        except BlockingIOError:
            return  # full of wake-ups already: one is as good as many


def _address(host: str) -> str:
    if not host:
        return ""
    try:
        import ipaddress  # seldom set, and 2 ms

        return str(ipaddress.ip_address(host))
    except ValueError as error:
        raise Refused("host must be an IP address, not a name") from error


def _reaches(host: str) -> bool:
    """The kernel finds a route; connecting a UDP socket sends nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((host, 9))
        except OSError:
            return False
    return True
