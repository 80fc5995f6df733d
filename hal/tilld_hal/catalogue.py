"""Every driver by kind and name; its module is imported when it is asked for (design.md §5).

A driver is a module in ``tilld_hal.drivers`` with

- ``open_device(...)``: its parameters are the driver's settings, annotated ``"str"``, ``"int"``
  or ``"bool"``; a parameter without a default must be set;
- ``ALLOWED``: for a setting with a bounded choice, the tuple of values, ``range(low, high)``, or
  anything else that has ``in``, with ``words`` that say what it holds;
- ``MATURITY``: ``"bench"`` (seen on simulated hardware), ``"field"`` (seen in a shop) or
  ``"certified"``; ``SEEN_WITH``: what it was seen to work with.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DRIVERS = {
    ("scanner", "dummy"): "scanner_dummy",
    ("scanner", "linux-hid"): "scanner_linux_hid",
    ("scanner", "linux-serial"): "scanner_linux_serial",
    ("scanner", "simulated"): "scanner_simulated",
    ("printer", "dummy"): "printer_dummy",
    ("printer", "linux-network"): "printer_linux_network",
    ("printer", "linux-serial"): "printer_linux_serial",
    ("printer", "linux-usb"): "printer_linux_usb",
    ("printer", "simulated"): "printer_simulated",
    ("network", "dummy"): "network_dummy",
    ("network", "linux"): "network_linux",
    ("storage", "dummy"): "storage_dummy",
    ("storage", "linux-file"): "storage_linux_file",
    ("clock", "dummy"): "clock_dummy",
    ("clock", "linux"): "clock_linux",
}

KINDS = ("scanner", "printer", "network", "storage", "clock")
MATURITIES = ("bench", "field", "certified")

_TYPES = {"str": str, "int": int, "bool": bool}
_IN_WORDS = {"str": "a text", "int": "a whole number", "bool": "true or false"}


class UnknownDriver(Exception):
    """There is no driver of that kind and name; the message lists those there are."""


class BadSetting(Exception):
    """The setting ``key`` cannot be used; ``reason`` says why in words for people."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key + ": " + reason)
        self.key = key
        self.reason = reason


def names(kind: str) -> "list[str]":
    """The names of the drivers of a kind, sorted."""
    return sorted([name for of_kind, name in DRIVERS if of_kind == kind])


def open_driver(kind: str, name: str, settings: "dict[str, Any]") -> "Any":
    """The device, opened.

    Raises ``UnknownDriver`` and ``BadSetting`` before anything is opened, then whatever the driver
    says: ``Gone``, ``Busy`` or ``Refused``.
    """
    check_settings(kind, name, settings)
    return driver_module(kind, name).open_device(**settings)


def check_settings(kind: str, name: str, settings: "dict[str, Any]") -> None:
    """Refuses undeclared, missing, wrongly typed and impossible settings; opens nothing.

    A text holds no NUL; a bool is not a number (rules.md §6, Money).  An interpreter that keeps no
    signatures (MicroPython) checks the choices alone: its settings come from a bundle that this
    same function has checked on the host.
    """
    module = driver_module(kind, name)
    declared = _declared(module.open_device)
    if declared is not None:
        _check_declared(name, declared, settings)
    allowed = module.ALLOWED
    for key in sorted(settings):
        if key in allowed and settings[key] not in allowed[key]:
            raise BadSetting(key, "must be " + _choice(allowed[key]))


def effective_settings(kind: str, name: str, settings: "dict[str, Any]") -> "dict[str, Any]":
    """The checked settings with the driver's defaults filled in (what ``--check`` prints)."""
    check_settings(kind, name, settings)
    declared = _declared(driver_module(kind, name).open_device) or {}
    full = dict([(key, default) for key, (_, given, default) in declared.items() if given])
    full.update(settings)
    return full


def maturity(kind: str, name: str) -> "tuple[str, tuple[str, ...]]":
    """How mature the driver is (one of ``MATURITIES``) and what it was seen to work with."""
    module = driver_module(kind, name)
    return module.MATURITY, module.SEEN_WITH


def driver_module(kind: str, name: str) -> "Any":
    """The driver's module, imported now if it was not yet."""
    if (kind, name) not in DRIVERS:
        known = ", ".join(names(kind)) or "none of that kind"
        raise UnknownDriver("no " + kind + " driver " + repr(name) + "; there are: " + known)
    path = "tilld_hal.drivers." + DRIVERS[kind, name]
    __import__(path)
    return sys.modules[path]  # MicroPython has no importlib


def _declared(opener: "Any") -> "dict[str, tuple[str, bool, Any]] | None":
    """key -> (type's name, has a default, default), or None where signatures are not kept."""
    annotations = getattr(opener, "__annotations__", None)
    if annotations is None:
        return None
    code = opener.__code__
    keys = code.co_varnames[: code.co_argcount]
    defaults = opener.__defaults__ or ()
    first = len(keys) - len(defaults)
    declared = {}
    for at, key in enumerate(keys):
        given = at >= first
        declared[key] = (annotations[key], given, defaults[at - first] if given else None)
    return declared


def _check_declared(
    name: str, declared: "dict[str, tuple[str, bool, Any]]", settings: "dict[str, Any]"
) -> None:
    for key in sorted(settings):
        if key not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise BadSetting(key, "not a setting of " + repr(name) + "; there are: " + known)
        wanted, value = declared[key][0], settings[key]
        if type(value) is not _TYPES[wanted]:
            raise BadSetting(key, "must be " + _IN_WORDS[wanted])
        if type(value) is str and "\0" in value:
            raise BadSetting(key, "must not hold a NUL")
    for key in sorted(declared):
        if not declared[key][1] and settings.get(key, "") == "":
            raise BadSetting(key, "must be set for driver " + repr(name))


def _choice(allowed: "Any") -> str:
    if hasattr(allowed, "words"):
        return str(allowed.words)
    if isinstance(allowed, range):
        return "from " + str(allowed[0]) + " to " + str(allowed[-1])
    return "one of " + ", ".join([repr(value) for value in allowed])
