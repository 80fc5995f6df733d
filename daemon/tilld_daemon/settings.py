"""tilld.toml: read whole, checked whole, or the start stops with file, line, key and reason.

Light to import: drivers and time zones are imported by the checks that need them.
"""

import os
from typing import Any, NamedTuple

from tilld_core import limits
from tilld_core.limits import Timing
from tilld_daemon import settings_checks
from tilld_daemon import settings_table as table
from tilld_daemon.settings_file import SettingsError, SettingsFile

DEFAULT_PATH = "/etc/tilld/tilld.toml"
STATE_PATH = "/var/lib/tilld"

__all__ = ["DEFAULT_PATH", "Settings", "SettingsError", "load"]


class Terminal(NamedTuple):
    number: str
    mode: str
    timezone: str


class Merchant(NamedTuple):
    id: str
    name: str
    mcc: str
    store_id: str
    store_name: str
    region: str


class Till(NamedTuple):
    socket: str
    users: tuple[str, ...]
    groups: tuple[str, ...]
    acknowledge: str
    tcp_listen: str
    tcp_cert: str
    tcp_ca: str


class Engineer(NamedTuple):
    listen: str


class Device(NamedTuple):
    """``driver`` is a name of the catalogue, or "" if there is no such device; ``settings`` are
    the keyword arguments of its ``open_device``, checked."""

    driver: str
    settings: dict[str, object]


class Upstream(NamedTuple):
    model: str
    url: str
    ca_file: str
    client_id: str
    merchant_key_file: str
    antom_key_file: str
    key_version: int
    agent_token_file: str
    path_prefix: str
    notify_url: str
    merchant_account_id: str
    settlement_currency: str
    f_is_unknown: tuple[str, ...]


class Code(NamedTuple):
    prefixes: tuple[str, ...]
    lengths: tuple[int, int]
    not_payment: tuple[str, ...]


class Receipt(NamedTuple):
    header: tuple[str, ...]
    footer: tuple[str, ...]
    columns: int
    logo: str
    language: str
    copy_text: str


class Settings(NamedTuple):
    """Everything that was set, defaults filled in, paths absolute.

    ``timing`` is what runs, already multiplied by ``scale``; ``timing_set`` is what the file says.
    ``cancel_window_grace_s`` is wall time and never scaled.
    """

    path: str
    terminal: Terminal
    merchant: Merchant
    till: Till
    engineer: Engineer
    storage: Device
    scanner: Device
    printer: Device
    network: Device
    clock: Device
    upstream: Upstream
    timing: Timing
    timing_set: Timing
    scale: float
    cancel_window_grace_s: int
    code: Code
    receipt: Receipt

    def offset_min(self, at_s: int) -> int:
        """The shop's offset from UTC, in minutes, at a time in epoch seconds."""
        return _offset_min(self.terminal.timezone, at_s)

    @property
    def folder(self) -> str:
        """Where journal and identity live."""
        return str(self.storage.settings.get("path", STATE_PATH))


_KINDS = {
    "terminal": Terminal,
    "merchant": Merchant,
    "till": Till,
    "engineer": Engineer,
    "storage": Device,
    "scanner": Device,
    "printer": Device,
    "network": Device,
    "clock": Device,
    "upstream": Upstream,
    "code": Code,
    "receipt": Receipt,
}
_PATHS = (
    ("till", "socket"),
    ("till", "tcp_cert"),
    ("till", "tcp_ca"),
    ("upstream", "ca_file"),
    ("upstream", "merchant_key_file"),
    ("upstream", "antom_key_file"),
    ("upstream", "agent_token_file"),
    ("receipt", "logo"),
)


def load(path: str = DEFAULT_PATH) -> Settings:
    """The settings of one file; SettingsError at the first fault, before anything is opened.

    A relative path in the file is taken from the file's own folder.
    """
    file = SettingsFile(path)
    _refuse_unknown_sections(file)
    values = {section: _section(file, section) for section in table.SECTIONS}
    found = _built(file, values)
    settings_checks.check_whole(file, found)
    return found


def _refuse_unknown_sections(file: SettingsFile) -> None:
    for section, values in file.tables.items():
        for key, value in list(values.items()):
            if (section, key) not in table.LATER:
                continue
            if value:
                raise file.fault(section, key, "not in this version")
            del values[key]  # switched off, as it is
        if section not in table.SECTIONS:
            known = ", ".join(table.SECTIONS)
            raise file.fault(section, "", f"not a section; there are: {known}")


def _section(file: SettingsFile, section: str) -> dict[str, object]:
    """The section's own keys, typed and checked, then, for a driver's section, the driver's."""
    given = dict(file.tables.get(section, {}))
    keys = table.keys_of(section)
    known = [key.name for key in keys]
    if section not in table.DRIVERS:
        for name in given:  # first of all: a misspelt key also leaves one unset
            if name not in known:
                raise file.fault(section, name, f"not a setting; there are: {', '.join(known)}")
    values = {key.name: _value(file, key, given.pop(key.name, key.default)) for key in keys}
    if section not in table.DRIVERS:
        return values
    driver = given.pop("driver", table.DRIVERS[section])
    return {**values, **_driver(file, section, driver, given)}


def _value(file: SettingsFile, key: table.Key, given: object) -> object:
    if given is table.REQUIRED:
        raise file.fault(key.section, key.name, f"must be set: {key.sentence}")
    value = _typed(key.type, given)
    if value is None:
        raise file.fault(key.section, key.name, f"must be {key.type}")
    if _holds_control(value):
        raise file.fault(key.section, key.name, "must not hold control characters")
    reason = key.check(value)
    if reason:
        raise file.fault(key.section, key.name, reason)
    return value


def _typed(kind: str, given: object) -> object:
    """The value if it has the type, a list as a tuple; None if not.  A bool is not a number."""
    if kind == table.LINES:
        if isinstance(given, str):
            return tuple(given.splitlines())
        kind = table.TEXTS
    if kind in (table.TEXTS, table.NUMBERS):
        member = str if kind == table.TEXTS else int
        if not isinstance(given, list | tuple) or any(type(one) is not member for one in given):
            return None
        return tuple(given)
    wanted = {table.TEXT: (str,), table.NUMBER: (int,), table.FACTOR: (int, float)}[kind]
    return given if type(given) in wanted else None


def _holds_control(value: object) -> bool:
    texts = value if isinstance(value, tuple) else (value,)
    return any(
        isinstance(text, str) and any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text)
        for text in texts
    )


def _driver(
    file: SettingsFile, section: str, driver: object, given: dict[str, object]
) -> dict[str, object]:
    from tilld_hal import catalogue

    if not isinstance(driver, str):
        raise file.fault(section, "driver", "must be a text")
    if not driver:
        if given:
            raise file.fault(section, next(iter(given)), "needs a driver, and none is named")
        return {"driver": "", "settings": {}}
    if section == "storage" and driver == table.DRIVERS[section]:
        given.setdefault("path", STATE_PATH)
    try:
        catalogue.check_settings(section, driver, given)
    except catalogue.UnknownDriver as error:
        raise file.fault(section, "driver", str(error)) from error
    except catalogue.BadSetting as error:
        raise file.fault(section, error.key, error.reason) from error
    return {"driver": driver, "settings": given}


def _built(file: SettingsFile, values: dict[str, dict[str, Any]]) -> Settings:
    folder = os.path.dirname(os.path.abspath(file.path))
    for section, name in _PATHS:
        path = values[section].get(name)
        if isinstance(path, str) and path:
            values[section][name] = os.path.join(folder, path)
    storage = values["storage"]["settings"]
    if isinstance(storage.get("path"), str):
        storage["path"] = os.path.join(folder, storage["path"])
    font = values["printer"]["settings"].get("font")
    if isinstance(font, str) and font:
        values["printer"]["settings"]["font"] = os.path.join(folder, font)
    upstream = values["upstream"]
    network = values["network"]
    if network["driver"] == "linux" and settings_checks.is_on_loopback(str(upstream["url"])):
        # No carrier and no route lies between this device and such an upstream, and nobody else
        # is on this machine to be announced to, unless the file says so.
        for name, value in (("loopback", True), ("discover", False), ("announce", False)):
            network["settings"].setdefault(name, value)
    upstream["path_prefix"] = upstream["path_prefix"] or _usual_prefix(str(upstream["client_id"]))
    timing_set, scale, grace_s = _timing(file, values["timing"], str(values["terminal"]["mode"]))
    made: dict[str, Any] = {section: kind(**values[section]) for section, kind in _KINDS.items()}
    return Settings(
        path=file.path,
        timing=timing_set.scaled(scale) if scale != 1 else timing_set,
        timing_set=timing_set,
        scale=scale,
        cancel_window_grace_s=grace_s,
        **made,
    )


def _usual_prefix(client_id: str) -> str:
    # The rule of Antom's SDKs (antom-api.md §1.3).
    return "/ams/sandbox/api" if client_id.startswith("SANDBOX_") else "/ams/api"


def _timing(file: SettingsFile, values: dict[str, Any], mode: str) -> tuple[Timing, float, int]:
    values = dict(values)
    scale, grace_s = values.pop("scale"), values.pop("cancel_window_grace_s")
    if scale != 1 and mode != "test":
        raise file.fault("timing", "scale", 'only in mode "test"')
    numbers = {
        name[:-2] + "_ms" if name.endswith("_s") else name: (
            value * 1000 if name.endswith("_s") else value
        )
        for name, value in values.items()
    }
    timing = Timing(**numbers)
    reason = limits.refusal_of_device(timing)
    if reason:
        raise file.fault("timing", reason.split(" ")[0], reason)
    return timing, scale, grace_s


def _offset_min(timezone: str, at_s: int) -> int:
    if timezone == "UTC":  # needs no time zone database
        return 0
    import zoneinfo
    from datetime import datetime

    offset = datetime.fromtimestamp(at_s, zoneinfo.ZoneInfo(timezone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60
