"""What other hosts announce, kept within bounds: anybody on the local network can send anything.

A gateway is believed to have announced itself when its pointer, its host and a TXT record that
can be read are all there; it is still no more than a claim. Times are given, in milliseconds.
"""

from tilld_hal.network import GATEWAYS_MAX, Sighting

_TXT_MAX_BYTES = 1024
_TEXT_MAX = 64
_PATH_MAX = 128
_HOST_MAX = 253
_MODELS_MAX = 8
_HALVES_MAX = 4 * GATEWAYS_MAX  # names of which something is known, gateways or not
VERSION = "1"  # of the TXT record
_HOST_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
# Without a shape of their own: spaces of no width, marks of direction, halves of a pair.
_UNSEEN = ((0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0xD800, 0xDFFF), (0xFEFF, 0xFEFF))


class _Half:
    """What is known of one name so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.until_ms = 0.0
        self.host = ""
        self.port = 0
        self.txt = b""
        self.new = False


class Sightings:
    """``heard`` counts the announcements of gateways, ``gateways`` are those that stand."""

    def __init__(self) -> None:
        self.heard = 0
        self._halves: "list[_Half]" = []  # the one heard last comes last

    def pointed(self, name: str, until_ms: float) -> None:
        """The service's pointer: this name exists, until then."""
        self._half(name).until_ms = until_ms

    def located(self, name: str, host: str, port: int) -> None:
        """Where it says that it is."""
        half = self._half(name)
        half.host = host
        half.port = port

    def described(self, name: str, txt: bytes) -> None:
        """Its TXT record, as it travels."""
        self._half(name).txt = txt

    def gone(self, name: str) -> None:
        """It said goodbye, or its time is over."""
        self._halves = [half for half in self._halves if half.name != name]

    def taken(self, now_ms: float) -> bool:
        """To be called when a packet has been read: whether it announced any gateway.

        One packet is one announcement, however many it names.
        """
        new = [half for half in self._halves if half.new]
        for half in new:
            half.new = False
        heard = any([_sighting(half, now_ms) is not None for half in new])
        if heard:
            self.heard += 1
        return heard

    def gateways(self, now_ms: float) -> "tuple[Sighting, ...]":
        """By name; of too many, those that were heard last."""
        found = []
        for half in self._halves:
            seen = _sighting(half, now_ms)
            if seen is not None:
                found.append(seen)
        return tuple(sorted(found[-GATEWAYS_MAX:], key=lambda one: one.name))

    def _half(self, name: str) -> _Half:
        """Known or new, and from now on the youngest; the oldest makes room."""
        known = [half for half in self._halves if half.name == name]
        half = known[0] if known else _Half(name)
        half.new = True
        others = [other for other in self._halves if other is not half]
        self._halves = others[1 - _HALVES_MAX :] + [half]
        return half


def _sighting(half: _Half, now_ms: float) -> "Sighting | None":
    if half.until_ms <= now_ms or not _is_host(half.host) or not 1 <= half.port <= 65535:
        return None
    said = read_txt(half.txt)
    if said is None or said.get("v") != VERSION or not _is_text(said.get("id", ""), _TEXT_MAX):
        return None
    models = tuple([model for model in said.get("models", "").split(",") if model])
    path = said.get("path", "")
    if len(models) > _MODELS_MAX or not all([_is_text(model, _TEXT_MAX) for model in models]):
        return None
    if path and not (path.startswith("/") and _is_text(path, _PATH_MAX)):
        return None
    return Sighting(printable(half.name), half.host, half.port, said["id"], models, path)


def read_txt(txt: bytes) -> "dict[str, str] | None":
    """Its keys, in lower case, and values (RFC 6763 §6); None when it can't be read."""
    if len(txt) > _TXT_MAX_BYTES:
        return None
    said: "dict[str, str]" = {}
    at = 0
    while at < len(txt):
        end = at + 1 + txt[at]
        if end > len(txt):
            return None
        try:
            key, _, value = txt[at + 1 : end].decode("ascii").partition("=")
        except UnicodeError:
            return None
        if key and key.lower() not in said:  # the first counts
            said[key.lower()] = value
        at = end
    return said


def printable(text: str) -> str:
    """For people and logs: nothing that controls a terminal or turns the line around, and no more
    than 63 letters."""
    return "".join([letter if _is_printable(ord(letter)) else "?" for letter in text[:63]])


def _is_printable(point: int) -> bool:
    if point < 0xA0:
        return 0x20 <= point < 0x7F
    return not any([first <= point <= last for first, last in _UNSEEN])


def _is_text(text: str, most: int) -> bool:
    return 1 <= len(text) <= most and all(["!" <= letter <= "~" for letter in text])


def _is_host(host: str) -> bool:
    return _is_text(host, _HOST_MAX) and all([letter in _HOST_LETTERS for letter in host])
