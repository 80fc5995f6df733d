"""What one setting alone can't show: files, users, the zone, and what must fit together."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tilld_core import limits, receipt
from tilld_hal.printer_profiles import DEFAULT, PROFILES, columns_of

if TYPE_CHECKING:
    from tilld_daemon.settings import Settings
    from tilld_daemon.settings_file import SettingsFile

ZONES = "/usr/share/zoneinfo"
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")
LOGO_ROWS_MAX = 960  # 12 cm of paper
_FONTS = (b"\0\1\0\0", b"OTTO", b"ttcf", b"true")  # how a TTF, an OTF and a collection begin
_PNG = b"\x89PNG\r\n\x1a\n"


def check_whole(file: SettingsFile, found: Settings) -> None:
    """SettingsError at the first fault."""
    for check in (
        _check_timezone,
        _check_upstream,
        _check_accounts,
        _check_files,
        _check_devices,
        _check_letters,
        _check_tcp,
        _check_together,
    ):
        check(file, found)


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


def _check_upstream(file: SettingsFile, found: Settings) -> None:
    url = found.upstream.url
    if found.terminal.mode == "test" and not is_on_loopback(url):
        reason = f'mode "test" pays only on loopback, not at {host_of(url)}'
        raise file.fault("upstream", "url", reason)


def is_on_loopback(url: str) -> bool:
    return _LOOPBACK.fullmatch(host_of(url)) is not None


def host_of(url: str) -> str:
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
        ("till", "tcp_cert", found.till.tcp_cert),
        ("till", "tcp_ca", found.till.tcp_ca),
    ):
        begin = _begin_of(file, section, key, path) if path else b""
        if key.endswith("_key_file") and not begin:
            raise file.fault(section, key, "must name a file that holds a key")
        if key == "logo" and path and not begin.startswith(_PNG):
            raise file.fault(section, key, f"must be a PNG: {path}")
        if key == "logo" and len(begin) > limits.IMAGE_MAX_BYTES:
            raise file.fault(section, key, f"must have at most {limits.IMAGE_MAX_BYTES} bytes")
        if key == "logo" and path and int.from_bytes(begin[20:24], "big") > LOGO_ROWS_MAX:
            raise file.fault(section, key, f"must be at most {LOGO_ROWS_MAX} dots high: {path}")


def _check_devices(file: SettingsFile, found: Settings) -> None:
    """Two devices are not at one port, a font is there to be drawn with, and a line has room."""
    port = found.scanner.settings.get("port")
    if isinstance(port, str) and port and port == found.printer.settings.get("port"):
        raise file.fault("printer", "port", f"is the scanner's: {port}")
    font = found.printer.settings.get("font")
    if font and not _begin_of(file, "printer", "font", str(font)).startswith(_FONTS):
        raise file.fault("printer", "font", f"must be a TrueType or OpenType font: {font}")
    if found.printer.driver not in ("", "dummy"):
        room = columns_of(found.printer.settings)
        if found.receipt.columns > room:
            raise file.fault("receipt", "columns", f"the printer has {room} in a line")


def _check_letters(file: SettingsFile, found: Settings) -> None:
    """A receipt of nothing but question marks shows none of what it must (rules.md §6)."""
    language, printer = found.receipt.language, found.printer
    if not printer.driver or language not in receipt.CHINESE_LETTERS:
        return
    profile = PROFILES.get(str(printer.settings.get("profile")), PROFILES[DEFAULT])
    if not profile.chinese and not printer.settings.get("font"):
        reason = f'"{language}" needs a [printer] profile with Chinese letters, or a font'
        raise file.fault("receipt", "language", reason)


def _check_tcp(file: SettingsFile, found: Settings) -> None:
    """Whoever comes over TCP has a certificate, and so has the terminal (till_socket.md §1)."""
    till = found.till
    if not till.tcp_listen and not found.engineer.listen:
        return
    for key, path in (("tcp_cert", till.tcp_cert), ("tcp_ca", till.tcp_ca)):
        if not path:
            raise file.fault("till", key, "must be set where tills or engineers come over TCP")
    if till.tcp_listen == found.engineer.listen:
        raise file.fault("engineer", "listen", "must be another port than the tills'")
    from tilld_daemon.till_tls import make_context

    try:
        make_context(till.tcp_cert, till.tcp_ca)
    except ValueError as error:
        key, _, reason = str(error).partition(": ")
        raise file.fault("till", key, reason) from error


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
