"""The model `direct`: the device holds the merchant's key and speaks to Antom itself.

Imported when the till socket answers already: keys, TLS and cryptography are slow to load.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tilld_antom.client import Account, Antom
from tilld_antom.requests import Merchant
from tilld_antom.signing import BadKey, Signer, load_private_key, load_public_key
from tilld_daemon.settings_file import SettingsError, SettingsFile
from tilld_hal.clock import BUILT_MS
from tilld_urequests import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_daemon.settings import Settings
    from tilld_hal.clock import Clock

IDLE_CONNECTIONS = 4


def build(
    settings: Settings, clock: Clock, clock_is_set: Callable[[], object] = lambda: None
) -> Antom:
    """The client, keys loaded; ``clock_is_set`` is called, in any thread, at the first answer after
    which the clock is set. Raises SettingsError for a key or authority that is none."""
    upstream = settings.upstream
    try:
        signer = Signer(
            Path(upstream.merchant_key_file).read_text(),
            Path(upstream.antom_key_file).read_text(),
            str(upstream.key_version),
        )
    except BadKey as error:
        raise _bad_key(settings) from error
    token = Path(upstream.agent_token_file).read_text().strip() if upstream.agent_token_file else ""
    account = Account(
        base_url=upstream.url,
        client_id=upstream.client_id,
        path_prefix=upstream.path_prefix,
        agent_token=token,
        f_is_unknown=upstream.f_is_unknown,
    )
    session, merchant = _session(settings, clock), _merchant(settings)
    heard_time = set_by_peer(clock, clock_is_set)
    return Antom(session, account, merchant, signer, clock.wall_ms, heard_time)


def set_by_peer(clock: Clock, is_set: Callable[[], object]) -> Callable[[int], None]:
    """What takes the time of a verified answer: the first one moves a clock that nobody has set
    forward, and no later one does anything (rules.md §2, Clock). ``is_set`` is called once, also
    for a clock that something else has set since the start."""
    said = threading.Event()

    def heard(ms: int) -> None:
        if said.is_set():
            return
        if not clock.trusted() and ms >= BUILT_MS:
            clock.advance_wall(ms, verified=True)
        if clock.trusted():
            said.set()
            is_set()

    return heard


def _session(settings: Settings, clock: Clock) -> Session:
    try:
        return Session(
            ca_file=settings.upstream.ca_file or None,
            max_idle=IDLE_CONNECTIONS,
            now_s=lambda: clock.wall_ms() // 1000,
        )
    except ValueError as error:
        raise SettingsFile(settings.path).fault("upstream", "ca_file", str(error)) from error


def _bad_key(settings: Settings) -> SettingsError:
    """Which of the two keys is none, and why; the reason shows nothing of the key (I31)."""
    keys: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("antom_key_file", load_public_key),
        ("merchant_key_file", load_private_key),
    )
    for name, load in keys:
        try:
            load(Path(getattr(settings.upstream, name)).read_text())
        except BadKey as error:
            return SettingsFile(settings.path).fault("upstream", name, str(error))
    return SettingsFile(settings.path).fault("upstream", "", "a key changed while it was read")


def _merchant(settings: Settings) -> Merchant:
    merchant, upstream = settings.merchant, settings.upstream
    return Merchant(
        terminal=settings.terminal.number,
        merchant_id=merchant.id,
        name=merchant.name,
        mcc=merchant.mcc,
        store_id=merchant.store_id,
        store_name=merchant.store_name,
        region=merchant.region,
        account_id=upstream.merchant_account_id,
        settlement_currency=upstream.settlement_currency,
        notify_url=upstream.notify_url,
    )
