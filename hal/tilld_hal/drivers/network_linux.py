"""The network of a Linux device: carrier and routes, told by the kernel the moment they change, and
what is said on the local network, by mDNS."""

import os
import select
import socket
import threading
import time
from typing import NamedTuple

from tilld_hal.errors import Gone, Refused
from tilld_hal.netlink_linux_route import (
    NetlinkDamaged,
    addresses,
    default_routes,
    links_with_carrier,
    read_away,
    watching_socket,
)
from tilld_hal.network import NO, UNKNOWN, YES, NetworkState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tilld_hal.mdns_linux_zeroconf import Mdns
    from tilld_hal.network import Announcement

MATURITY = "bench"
SEEN_WITH = ("Linux 6, veth", "avahi 0.8")
ALLOWED: "dict[str, tuple[str, ...]]" = {}

_LOOPBACK_ADDRESS = "127.0.0.1"
_WAKE, _NEWS = b"w", b"n"
_ASK_AGAIN_S = 1.0  # when the kernel could not be asked


def open_device(
    interface: "str" = "",
    host: "str" = "",
    loopback: "bool" = False,
    discover: "bool" = True,
    announce: "bool" = True,
) -> "LinuxNetwork":
    """``interface``: only this one counts ("": any but loopback).  ``host``: the upstream's IP
    address, for set-ups without a default route ("": a default route is asked for).  ``loopback``:
    the upstream is on this machine, so link and route are always there, and what is said by mDNS
    stays on this machine too.  ``discover``: gateways that announce themselves are heard.
    ``announce``: the device announces itself, over IPv4.  Raises ``Refused``."""
    return LinuxNetwork(interface, _address(host), loopback, discover, announce)


class _Look(NamedTuple):
    """What the kernel says now.  ``footprint`` differs when any of it does."""

    link: str
    route: str
    footprint: "tuple[object, ...]"
    places: "tuple[str, ...]"  # our IPv4 addresses


class LinuxNetwork:
    """``tilld_hal.network.Network`` by rtnetlink and zeroconf."""

    def __init__(
        self, interface: str, host: str, loopback: bool, discover: bool, announce: bool
    ) -> None:
        self._interface = interface
        self._host = host
        self._loopback = loopback
        self._discover = discover
        self._announce = announce
        self._facts: "Announcement | None" = None
        self._mdns: "Mdns | None" = None
        self._no_mdns = ""
        self._changes = 0
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
        look = self._look()
        self._footprint: "tuple[object, ...] | None" = look.footprint
        self._told = self._state_of(look)

    def state(self) -> NetworkState:
        """Asks the kernel now."""
        return self._state_of(self._look())

    def watch(self, timeout_s: "float | None") -> "NetworkState | None":
        """See ``tilld_hal.network.Network``."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        with self._in_watch:
            while True:
                if not self._open:
                    raise Gone("the network is no longer watched")
                read_away(self._watching)  # before asking: a change after it wakes us again
                look = self._look()
                if self._mdns is None and (self._discover or self._announce):
                    self._start_mdns(look)
                elif look.footprint and look.footprint != self._footprint:
                    self._moved(look)
                state = self._state_of(look)
                if state != self._told:
                    self._told = state
                    return state
                if not self._changed(deadline_s, look.link == UNKNOWN):
                    if not self._open:
                        raise Gone("the network is no longer watched")
                    return None

    def announce(self, facts: "Announcement") -> None:
        """What `_tilld._tcp` says; kept until the first watch begins to speak."""
        with self._closing:
            self._facts = facts
            if self._mdns is not None:
                self._mdns.tell(facts)

    def _look(self) -> _Look:
        if self._loopback:
            return _Look(YES, YES, (_LOOPBACK_ADDRESS,), (_LOOPBACK_ADDRESS,))
        try:
            links = links_with_carrier()
            if self._interface:
                links = [link for link in links if link.name == self._interface]
            mine = {link.number for link in links}
            routes = {one for one in default_routes() if one[0] in mine}
            found = {one for one in addresses() if one[0] in mine and _leads_away(one[1])}
            route = bool(links) and _reaches(self._host) if self._host else bool(routes)
        except (NetlinkDamaged, OSError):  # OSError: no socket is left to ask with
            return _Look(UNKNOWN, UNKNOWN, (), ())
        places = tuple(sorted(socket.inet_ntoa(one) for _, one in found if len(one) == 4))
        footprint = (tuple(links), frozenset(routes), frozenset(found))
        return _Look(YES if links else NO, YES if route else NO, footprint, places)

    def _state_of(self, look: _Look) -> NetworkState:
        gateways, heard, trouble = self._mdns.seen() if self._mdns is not None else ((), 0, "")
        trouble = trouble or self._no_mdns
        return NetworkState(look.link, look.route, self._changes, gateways, heard, trouble)

    def _start_mdns(self, look: _Look) -> None:
        """Here and not at opening: what takes a while does so in the thread that watches."""
        try:
            from tilld_hal.mdns_linux_zeroconf import Mdns
        except ImportError as error:
            self._discover = self._announce = False
            self._no_mdns = f"zeroconf can't be loaded: {error}"
            return
        with self._closing:
            self._mdns = Mdns(self._announce, self._discover, self._news)
            if self._facts is not None:
                self._mdns.tell(self._facts)
        self._moved(look)

    def _moved(self, look: _Look) -> None:
        """Another cable, address or router: link and route may read as before."""
        if self._footprint != look.footprint:
            self._footprint = look.footprint
            self._changes += 1
        if self._mdns is not None:
            self._mdns.move(look.places)

    def wake(self) -> None:
        """Ends a watch with None."""
        self._poke(_WAKE)

    def close(self) -> None:
        """Stops watching; a watch under way ends first."""
        with self._closing:
            if not self._open:
                return
            self._open = False
            self._write(_WAKE)
        with self._in_watch:
            if self._mdns is not None:
                self._mdns.close()
            self._watching.close()
            os.close(self._woken)
            os.close(self._waker)

    def _changed(self, deadline_s: "float | None", is_unknown: bool) -> bool:
        """True when it is time to look again: at the kernel's word, or soon when all is unknown."""
        poll = select.poll()
        poll.register(self._watching, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        left_s = None if deadline_s is None else max(0, deadline_s - time.monotonic())
        asks_again = is_unknown and (left_s is None or left_s > _ASK_AGAIN_S)
        if asks_again:
            left_s = _ASK_AGAIN_S
        ready = poll.poll(None if left_s is None else left_s * 1000)
        if any(fd == self._woken for fd, _ in ready):
            return _WAKE not in os.read(self._woken, 4096)
        return bool(ready) or asks_again

    def _news(self) -> None:
        """Something was heard: the watch looks again."""
        self._poke(_NEWS)

    def _poke(self, why: bytes) -> None:
        with self._closing:
            if self._open:
                self._write(why)

    def _write(self, why: bytes) -> None:
        try:
            os.write(self._waker, why)
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


def _leads_away(address: bytes) -> bool:
    """Not the address that an interface gives itself for its own cable."""
    return len(address) == 4 or address[:2] != b"\xfe\x80"


def _reaches(host: str) -> bool:
    """The kernel finds a route; connecting a UDP socket sends nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((host, 9))
        except OSError:
            return False
    return True
