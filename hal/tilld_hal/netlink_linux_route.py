"""What the kernel says about links and routes, by rtnetlink(7), which asks for no privilege.

Only reading: dumps of the tables, and a socket that turns readable when one of them changes.
"""

import errno
import socket
import struct
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_LINK = struct.Struct("=BBHiII")  # family, pad, type, index, flags, change
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, dst_len, src_len, tos, table, proto, scope, type, ..
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_NUMBER = struct.Struct("=I")

_ADDRESS = struct.Struct("=BBBBI")  # family, prefix_len, flags, scope, index

_ERROR, _DONE, _NEW_LINK, _GET_LINK, _NEW_ROUTE, _GET_ROUTE = 2, 3, 16, 18, 24, 26
_NEW_ADDRESS, _GET_ADDRESS = 20, 22
_REQUEST_DUMP = 0x301
# RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400

_UP, _LOOPBACK, _LOWER_UP = 0x1, 0x8, 0x10000
_NAME, _CARRIER_CHANGES = 3, 35  # of a link
_OUT_INTERFACE, _ROUTER, _MULTIPATH = 4, 5, 9  # of a route
_ITS_ADDRESS, _LOCAL = 1, 2  # of an address
_UNICAST = 1
_DEAD_OR_DOWN = 0x1 | 0x10
_NEXT_HOP = struct.Struct("=HBBi")  # length, flags, hops, interface

_DUMP_BYTES = 64 * 1024
_DUMP_TIMEOUT_S = 2.0


class NetlinkDamaged(Exception):
    """The kernel could not be asked, or its answer was refused, late or not understood."""


def watching_socket() -> socket.socket:
    """Readable at every change of links, addresses and routes; not blocking.

    Raises ``NetlinkDamaged``.
    """
    try:
        watching = _opened(_GROUPS)
    except OSError as error:
        raise NetlinkDamaged("the kernel tells nothing of its network") from error
    watching.setblocking(False)
    return watching


def read_away(watching: socket.socket) -> None:
    """Empties the socket: what changed is asked for anew, so a lost message loses nothing."""
    while True:
        try:
            watching.recv(_DUMP_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # more changes than it could hold
                raise


class Link(NamedTuple):
    """An interface that is up and has carrier.  ``turns``: how often its carrier came or went."""

    number: int
    name: str
    turns: int


def links_with_carrier() -> "list[Link]":
    """Each interface that is up and has carrier, loopback left out."""
    links = []
    for body in _dump(_GET_LINK, _NEW_LINK):
        _, _, _, index, flags, _ = _LINK.unpack_from(body)
        if flags & _UP and flags & _LOWER_UP and not flags & _LOOPBACK:
            attributes = dict(_attributes(body, _LINK.size))
            name = attributes.get(_NAME, b"").rstrip(b"\0").decode("ascii", "replace")
            turns = _NUMBER.unpack(attributes.get(_CARRIER_CHANGES, bytes(4)))[0]
            links.append(Link(index, name, turns))
    return links


def default_routes() -> "set[tuple[int, bytes]]":
    """Interface and router (b"": none named) of each default route, dead ones left out."""
    routes = set()
    for body in _dump(_GET_ROUTE, _NEW_ROUTE):
        route = _ROUTE.unpack_from(body)
        dst_len, kind, flags = route[1], route[7], route[8]
        if dst_len or kind != _UNICAST or flags & _DEAD_OR_DOWN:
            continue
        attributes = dict(_attributes(body, _ROUTE.size))
        if _OUT_INTERFACE in attributes:
            interface = _NUMBER.unpack(attributes[_OUT_INTERFACE])[0]
            routes.add((interface, attributes.get(_ROUTER, b"")))
        routes.update((hop, b"") for hop in _next_hops(attributes.get(_MULTIPATH, b"")))
    return routes


def addresses() -> "set[tuple[int, bytes]]":
    """Interface and address of every family, 4 or 16 bytes."""
    found = set()
    for body in _dump(_GET_ADDRESS, _NEW_ADDRESS):
        index = _ADDRESS.unpack_from(body)[4]
        attributes = dict(_attributes(body, _ADDRESS.size))
        # On a point-to-point link the first is the other end's.
        address = attributes.get(_LOCAL) or attributes.get(_ITS_ADDRESS, b"")
        if address:
            found.add((index, address))
    return found


def _opened(groups: int) -> socket.socket:
    opened = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
    )
    try:
        opened.bind((0, groups))
    except OSError:
        opened.close()
        raise
    return opened


def _dump(question: int, answer: int) -> "Iterator[bytes]":
    try:
        with _opened(0) as asking:
            asking.settimeout(_DUMP_TIMEOUT_S)
            # ifinfomsg and rtmsg of zeros: every family, every table.
            asking.send(_HEADER.pack(_HEADER.size + 16, question, _REQUEST_DUMP, 1, 0) + bytes(16))
            yield from _answers(asking, answer)
    except OSError as error:
        raise NetlinkDamaged("the kernel does not answer") from error


def _answers(asking: socket.socket, answer: int) -> "Iterator[bytes]":
    while True:
        for kind, body in _messages(asking.recv(_DUMP_BYTES)):
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise NetlinkDamaged("the kernel refuses the question")
            if kind == answer:
                yield body


def _messages(data: bytes) -> "Iterator[tuple[int, bytes]]":
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            raise NetlinkDamaged("a message is cut short")
        yield kind, data[at + _HEADER.size : at + length]
        at += _aligned(length)


def _attributes(body: bytes, at: int) -> "Iterator[tuple[int, bytes]]":
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size:
            raise NetlinkDamaged("an attribute is cut short")
        yield kind, body[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)


def _next_hops(data: bytes) -> "Iterator[int]":
    at = 0
    while at + _NEXT_HOP.size <= len(data):
        length, flags, _, interface = _NEXT_HOP.unpack_from(data, at)
        if length < _NEXT_HOP.size:
            raise NetlinkDamaged("a next hop is cut short")
        if not flags & _DEAD_OR_DOWN:
            yield interface
        at += _aligned(length)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
