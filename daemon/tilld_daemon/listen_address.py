"""HOST:PORT of a TCP listener: what it may be, for tills and for engineers (till_socket.md §1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address


def parsed(text: str) -> tuple[str, int]:
    """Host and port of "HOST:PORT", an IPv6 host in brackets. ValueError says what is wrong."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ValueError("must be HOST:PORT")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("must have an IPv6 address in brackets, [ADDRESS]:PORT")
    try:
        _address(host)
    except ValueError:
        raise ValueError(f"must name an address, not {host or 'nothing'}") from None
    return host, int(port)


def is_loopback(host: str) -> bool:
    return _address(host).is_loopback


def refusal_for_tills(text: str) -> str:
    """Why tills can't be served there, or "": only on loopback or the USB network. Which
    interface a private address is on shows when a till comes."""
    if not text:
        return ""
    try:
        host, _ = parsed(text)
    except ValueError as error:
        return str(error)
    address = _address(host)
    if address.is_unspecified or address.is_multicast or not address.is_private:
        return "must be an address of loopback or of the USB network"
    if address.version == 6 and not address.is_loopback and "%" not in host:
        return "must name its interface, as [fe80::1%usb0]:PORT"
    return ""


def refusal_for_engineers(text: str) -> str:
    """Why engineers can't be served there, or ""; they come over the store's network."""
    if not text:
        return ""
    try:
        parsed(text)
    except ValueError as error:
        return str(error)
    return ""


def _address(host: str) -> IPv4Address | IPv6Address:
    import ipaddress  # 5 ms that a start without TCP does not wait for

    return ipaddress.ip_address(host.partition("%")[0])
