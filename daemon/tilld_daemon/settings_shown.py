"""The settings as they are used, for people: what `tilld --check` prints."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tilld_core import limits
from tilld_daemon import settings_table as table

if TYPE_CHECKING:
    from tilld_daemon.settings import Device, Settings


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
    for whose, path in (
        ("the merchant's private key", settings.upstream.merchant_key_file),
        ("the terminal's private key in tcp_cert", settings.till.tcp_cert),
    ):
        if path and os.stat(path).st_mode & 0o077:
            found.append(f"{whose} can be read by others: chmod 600")
    if settings.engineer.listen:
        found.append(
            "[engineer] listen: a certificate of tcp_ca that names no role is an engineer's there: "
            "put OU=till into every till's"
        )
    for kind in table.DRIVERS:
        driver = getattr(settings, kind).driver
        if not driver and kind in ("scanner", "printer"):
            found.append(f"no {kind} is set")
        if driver in ("dummy", "simulated") and settings.terminal.mode == "live":
            found.append(f"mode live with a {driver} {kind}: it is no real one")
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
