"""A call, checked before anything is opened: what it will put on the wire, and to whom.

adafruit_requests lets CR and LF into headers, cuts the port off the Host header and cannot split
an IPv6 address (lessons.md, and its source). So the checks and the Host header are ours, and they
hold on both Pythons. Whatever fails here is `NotSent`, `bad_request`.
"""

import json as json_module

from tilld_urequests.errors import BAD_REQUEST, NotSent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_PORT = 443

# RFC 9110 §5.6.2; a header's name and a method are made of these.
_DIGITS = set("0123456789")
_LETTERS = set("abcdefghijklmnopqrstuvwxyz")
TOKEN = set("!#$%&'*+-.^_`|~ABCDEFGHIJKLMNOPQRSTUVWXYZ") | _LETTERS | _DIGITS
_HOST = set(".-_") | _LETTERS | _DIGITS
_IPV6 = set("abcdef:.") | _DIGITS
_PRINTABLE = {chr(code) for code in range(0x20, 0x7F)}

# How long the message is and where it goes is decided here, once: a caller that could say it a
# second time could make two requests of one (RFC 9112 §6).
_OURS = ("connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding")
_WITH_BODY = ("POST", "PUT", "PATCH")


def _bad(message: str) -> NotSent:
    return NotSent(BAD_REQUEST, message)


class Target:
    """Where a URL points: `host` (no brackets), `port`, `path` (with query, from its slash on).

    `authority` is the Host header's value (RFC 9110 §7.2): the port is left out when it is 443.
    """

    def __init__(self, host: str, port: int, path: str) -> None:
        self.host = host
        self.port = port
        self.path = path
        shown = "[" + host + "]" if ":" in host else host
        self.authority = shown if port == DEFAULT_PORT else shown + ":" + str(port)


class Call:
    """One request: `method`, `target`, `headers` (a dict of str), `body` (bytes)."""

    def __init__(self, method: str, target: Target, headers: "dict[str, str]", body: bytes) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body


# A device asks the same few URLs with the same few header names all its life; taking them apart
# each time would cost more than the TLS of the call.
_MAX_REMEMBERED = 32
_targets: "dict[str, Target]" = {}
_lower_names: "dict[str, str]" = {}


def target_of(url: str) -> Target:
    """The target of an absolute https URL; anything else is `NotSent`, `bad_request`.

    Plain http is refused: TLS is verified, always, and no setting turns it off (rules.md §6).
    """
    if not isinstance(url, str):
        raise _bad("the URL is not a str")
    known = _targets.get(url)
    if known is not None:
        return known
    if len(_targets) >= _MAX_REMEMBERED:
        _targets.clear()
    target = _parsed(url)
    _targets[url] = target
    return target


def _parsed(url: str) -> Target:
    if not _printable(url) or " " in url:
        raise _bad("the URL holds a space, a control or a non-ASCII character")
    if not url.startswith("https://"):
        raise _bad("the URL does not begin with https://")
    if "#" in url:
        raise _bad("the URL has a fragment")
    rest = url[len("https://") :]
    cut = len(rest)
    for mark in "/?":
        at = rest.find(mark)
        if 0 <= at < cut:
            cut = at
    host, port = _host_and_port(rest[:cut])
    path = rest[cut:]
    return Target(host, port, path if path.startswith("/") else "/" + path)


def _host_and_port(authority: str) -> "tuple[str, int]":
    port_text = str(DEFAULT_PORT)
    if authority.startswith("["):
        host, bracket, after = authority[1:].partition("]")
        allowed = _IPV6
        if not bracket or ":" not in host or (after and not after.startswith(":")):
            raise _bad("the URL's IPv6 address is not one")
        if after:
            port_text = after[1:]
    else:
        host, colon, after = authority.partition(":")
        allowed = _HOST
        if colon:
            port_text = after
    host = host.lower()
    if not host or not _only(host, allowed):
        raise _bad("the URL has no usable host")
    if not _only(port_text, _DIGITS) or not 1 <= len(port_text) <= 5:
        raise _bad("the URL's port is not a number")
    port = int(port_text)
    if not 1 <= port <= 65535:
        raise _bad("the URL's port is not between 1 and 65535")
    return host, port


def _only(text: str, allowed: "set[str]") -> bool:
    return set(text) <= allowed


if hasattr(str, "isprintable"):

    def _printable(text: str) -> bool:
        return text.isascii() and text.isprintable()

else:

    def _printable(text: str) -> bool:
        return _only(text, _PRINTABLE)


def prepared(
    method: str,
    url: str,
    data: "bytes | bytearray | str | None",
    json: "Any",
    headers: "dict[str, str] | None",
) -> Call:
    """The call, checked and complete; raises `NotSent`, `bad_request`.

    `data` is sent as it is (str as UTF-8); `json` is serialised, with its Content-Type unless the
    caller names one. A signed body must be `data`: a signature is over exact bytes.
    """
    if not isinstance(method, str) or not method or not _only(method, TOKEN):
        raise _bad("the method is not an HTTP method")
    target = target_of(url)
    ready, named = _checked_headers(headers)
    if json is not None:
        if data is not None:
            raise _bad("data and json were both given")
        data = _serialised(json)
        if "content-type" not in named:
            ready["Content-Type"] = "application/json"
    body = _as_bytes(data)
    ready["Host"] = target.authority
    if body or method in _WITH_BODY:
        ready["Content-Length"] = str(len(body))
    if "user-agent" not in named:
        ready["User-Agent"] = "tilld"
    return Call(method, target, ready, body)


def _checked_headers(headers: "dict[str, str] | None") -> "tuple[dict[str, str], list[str]]":
    ready: dict[str, str] = {}
    named: list[str] = []
    for name, value in (headers or {}).items():
        lower = _lower_names.get(name) or _checked_name(name)
        if lower in named:
            raise _bad("the header " + name + " is given twice")
        if not isinstance(value, str):
            raise _bad("the header " + name + " is not a str")
        if not _printable(value):
            raise _bad("the header " + name + " holds a control or non-ASCII character")
        named.append(lower)
        ready[name] = value
    return ready, named


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not name or not _only(name, TOKEN):
        raise _bad("a header's name is not one")
    lower = name.lower()
    if lower in _OURS:
        raise _bad("the header " + name + " is set by the library alone")
    if len(_lower_names) >= _MAX_REMEMBERED:
        _lower_names.clear()
    _lower_names[name] = lower
    return lower


def _serialised(json: "Any") -> str:
    try:
        return json_module.dumps(json)
    except (TypeError, ValueError):
        # The original names the value that would not go; it may be a secret (I31).
        raise _bad("json cannot be serialised") from None


def _as_bytes(data: "bytes | bytearray | str | None") -> bytes:
    if data is None:
        return b""
    if isinstance(data, str):
        return data.encode("utf-8")
    if isinstance(data, (bytes, bytearray)):
        return bytes(data)
    raise _bad("data is neither bytes nor str")
