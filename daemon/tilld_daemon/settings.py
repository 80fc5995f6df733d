"""tilld.toml: read whole, checked whole, or the start stops with file, line, key and reason.

Light to import: drivers and time zones are imported by the checks that need them.
"""

import os
import re
from typing import Any, NamedTuple

from tilld_core import limits
from tilld_core.limits import Timing
from tilld_daemon import settings_table as table
from tilld_daemon.settings_file import SettingsError, SettingsFile

DEFAULT_PATH = "/etc/tilld/tilld.toml"
STATE_PATH = "/var/lib/tilld"
ZONES = "/usr/share/zoneinfo"
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")

__all__ = [
    "DEFAULT_PATH",
    "Settings",
    "SettingsError",
    "effective",
    "gids",
    "load",
    "notes",
    "uids",
]


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
    ("upstream", "ca_file"),
    ("upstream", "merchant_key_file"),
    ("upstream", "antom_key_file"),
    ("upstream", "agent_token_file"),
    ("receipt", "logo"),
)
_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")
_PNG = b"\x89PNG\r\n\x1a\n"


def load(path: str = DEFAULT_PATH) -> Settings:
    """The settings of one file; SettingsError at the first fault, before anything is opened.

    A relative path in the file is taken from the file's own folder.
    """
    file = SettingsFile(path)
    _refuse_unknown_sections(file)
    values = {section: _section(file, section) for section in table.SECTIONS}
    found = _built(file, values)
    for check in (_check_timezone, _check_upstream, _check_accounts, _check_files, _check_together):
        check(file, found)
    return found


def uids(users: tuple[str, ...]) -> tuple[int, ...]:
    """The ids of users by name or number; KeyError for a name this system does not know."""
    import pwd

    return tuple(int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid for user in users)


def gids(groups: tuple[str, ...]) -> tuple[int, ...]:
    """The ids of groups by name or number; KeyError for a name this system does not know."""
    import grp

    return tuple(
        int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid for group in groups
    )


def _refuse_unknown_sections(file: SettingsFile) -> None:
    for section, values in file.tables.items():
        for key, value in list(values.items()):
            if (section, key) not in table.LATER:
                continue
            if value:
                raise file.fault(section, key, "not in this version")
            del values[key]  # switched off, as it is
        if section not in table.SECTIONS and (values or section not in table.LATER_SECTIONS):
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
    upstream = values["upstream"]
    network = values["network"]
    if network["driver"] == "linux" and _on_loopback(str(upstream["url"])):
        # No carrier and no route lies between this device and such an upstream.
        network["settings"].setdefault("loopback", True)
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


def _check_timezone(file: SettingsFile, found: Settings) -> None:
    """A zone with a file is there; reading it can wait until a time is shown (8 ms)."""
    name = found.terminal.timezone
    if _ZONE_NAME.fullmatch(name) and os.path.isfile(os.path.join(ZONES, name)):
        return
    try:
        found.offset_min(0)
    except (LookupError, ValueError, OSError) as error:
        reason = f"no such time zone on this system: {found.terminal.timezone}"
        raise file.fault("terminal", "timezone", reason) from error


def _offset_min(timezone: str, at_s: int) -> int:
    if timezone == "UTC":  # needs no time zone database
        return 0
    import zoneinfo
    from datetime import datetime

    offset = datetime.fromtimestamp(at_s, zoneinfo.ZoneInfo(timezone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60


def _check_upstream(file: SettingsFile, found: Settings) -> None:
    url = found.upstream.url
    if found.terminal.mode == "test" and not _on_loopback(url):
        reason = f'mode "test" pays only on loopback, not at {_host(url)}'
        raise file.fault("upstream", "url", reason)


def _on_loopback(url: str) -> bool:
    return _LOOPBACK.fullmatch(_host(url)) is not None


def _host(url: str) -> str:
    host = url.removeprefix("https://")
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _check_accounts(file: SettingsFile, found: Settings) -> None:
    for key, names, ids in (
        ("users", found.till.users, uids),
        ("groups", found.till.groups, gids),
    ):
        for name in names:
            try:
                ids((name,))
            except KeyError as error:
                raise file.fault("till", key, f"not on this system: {name}") from error


def _check_files(file: SettingsFile, found: Settings) -> None:
    upstream = found.upstream
    for section, key, path in (
        ("upstream", "ca_file", upstream.ca_file),
        ("upstream", "merchant_key_file", upstream.merchant_key_file),
        ("upstream", "antom_key_file", upstream.antom_key_file),
        ("upstream", "agent_token_file", upstream.agent_token_file),
        ("receipt", "logo", found.receipt.logo),
    ):
        begin = _begin_of(file, section, key, path) if path else b""
        if key.endswith("_key_file") and not begin:
            raise file.fault(section, key, "must name a file that holds a key")
        if key == "logo" and path and not begin.startswith(_PNG):
            raise file.fault(section, key, f"must be a PNG: {path}")
        if key == "logo" and len(begin) > limits.IMAGE_MAX_BYTES:
            raise file.fault(section, key, f"must have at most {limits.IMAGE_MAX_BYTES} bytes")


def _begin_of(file: SettingsFile, section: str, key: str, path: str) -> bytes:
    try:
        with open(path, "rb") as opened:
            return opened.read(limits.IMAGE_MAX_BYTES + 1)
    except OSError as error:
        reason = f"cannot be read: {path}: {error.strerror or error}"
        raise file.fault(section, key, reason) from error


def _check_together(file: SettingsFile, found: Settings) -> None:
    for card in found.code.not_payment:
        for prefix in found.code.prefixes:
            if prefix.startswith(card):
                reason = f"{card} would hide every payment code that begins with {prefix}"
                raise file.fault("code", "not_payment", reason)


def notes(settings: Settings) -> tuple[str, ...]:
    """What is allowed and yet worth a sentence to whoever reads `tilld --check`."""
    found = []
    if settings.upstream.model == "direct":
        found.append(
            "model direct has no witness of a dead device: what it owes when it dies for good "
            "is known to nobody else (rules.md §6)"
        )
    if settings.till.acknowledge == "auto":
        found.append(
            "acknowledge auto: an approval that never reaches the till is charged all the same"
        )
    if settings.terminal.mode == "live" and settings.upstream.client_id.startswith("SANDBOX_"):
        found.append("mode live with a client id of the sandbox: no money will move")
    if os.stat(settings.upstream.merchant_key_file).st_mode & 0o077:
        found.append("the merchant's private key can be read by others: chmod 600")
    for kind in ("scanner", "printer"):
        if not getattr(settings, kind).driver:
            found.append(f"no {kind} is set")
    return tuple(found)


def effective(settings: Settings) -> str:
    """Every setting as it is used, as TOML that loads to the same again, then the notes.

    Names of key files are shown; no key and no token is.
    """
    lines = []
    for section in table.SECTIONS:
        lines.append(f"[{section}]")
        for name, value in _shown(settings, section).items():
            lines.append(f"{name} = {_toml(value)}")
        lines.append("")
    lines += ["# note: " + note for note in notes(settings)]
    return "\n".join(lines) + "\n"


def _shown(settings: Settings, section: str) -> dict[str, object]:
    if section in table.DRIVERS:
        from tilld_hal import catalogue

        device: Device = getattr(settings, section)
        if not device.driver:
            return {"driver": ""}
        full = catalogue.effective_settings(section, device.driver, device.settings)
        return {"driver": device.driver, **full}
    if section == "timing":
        shown: dict[str, object] = {}
        for name, *_ in limits.NUMBERS:
            timed = name.endswith("_s")
            value = getattr(settings.timing_set, name[:-2] + "_ms" if timed else name)
            shown[name] = value // 1000 if timed else value
        shown["cancel_window_grace_s"] = settings.cancel_window_grace_s
        shown["scale"] = settings.scale
        return shown
    values: dict[str, object] = getattr(settings, section)._asdict()
    return values


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"'
    return str(value)
