"""tilld: starts, serves the till socket, and stops or starts anew.

Exit codes: 0 after SIGTERM, 2 for settings that can't be used, 1 for anything else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from tilld_daemon import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from tilld_daemon.settings import Settings

log = logging.getLogger("tilld")

USAGE = """usage: tilld [--config PATH] [--check] [--version]

  --config PATH  the settings (default /etc/tilld/tilld.toml)
  --check        checks them, prints what is in force without secrets, and ends
"""
# Says to the next life of this process that the last one ended with a storage fault.
AFTER_FAULT = "TILLD_AFTER_STORAGE_FAULT"


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    path, check = None, False
    while given:
        word = given.pop(0)
        if word == "--config" and given:
            path = given.pop(0)
        elif word.startswith("--config="):
            path = word.partition("=")[2]
        elif word == "--check":
            check = True
        elif word in ("--version", "--help", "-h"):
            print(f"tilld {VERSION}" if word == "--version" else USAGE, end="\n")
            return 0
        else:
            print(f"tilld: what is {word!r}?\n{USAGE}", file=sys.stderr)
            return 2
    return _start(path, check)


def _start(path: str | None, check: bool) -> int:
    from tilld_daemon import settings as reading

    try:
        settings = reading.load(path or reading.DEFAULT_PATH)
        if check:
            from tilld_daemon.direct import build
            from tilld_daemon.settings_shown import effective
            from tilld_hal import catalogue

            clock = settings.clock
            build(settings, catalogue.open_driver("clock", clock.driver, clock.settings))
            print(effective(settings), end="")
            return 0
    except reading.SettingsError as error:
        print(f"tilld: {error}", file=sys.stderr)
        return 2
    from tilld_daemon.logs import start_logging

    start_logging()
    code = asyncio.run(Daemon(settings).run())
    # Calls upstream may still stand in their threads; nothing they could bring is waited for.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Daemon:
    """One life of the process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._code = 0
        self._again = False

    async def run(self) -> int:
        """Serves until told to stop. After a storage fault the same process starts anew: only
        reading the flash tells what became of the last decision (rules.md §3)."""
        from tilld_core.journal import NewerFormat
        from tilld_core.ledger import UnknownKind
        from tilld_daemon.desk import Desk
        from tilld_daemon.device import Device
        from tilld_daemon.settings_checks import gids, uids
        from tilld_daemon.till_server import TillServer
        from tilld_hal.errors import HalError

        self._over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)
        after_fault = os.environ.pop(AFTER_FAULT, "") == "1"
        settings = self._settings
        try:
            device = Device(settings, self._start_anew, self._bug, after_fault)
        except (HalError, NewerFormat, UnknownKind) as error:
            log.error("tilld can't start: %s", error)
            return 1
        if device.journal.fault is not None and not after_fault:
            device.close()
            self._exec()  # once more: only a fault that stays is worth serving with
        device.fatal = self._refuse_settings
        server = TillServer(
            Desk(device),
            self._bug,
            settings.timing.message_within_ms / 1000,
            uids(settings.till.users),
            gids(settings.till.groups),
        )
        await device.wake()
        try:
            await server.listen(settings.till.socket)
            server.listen_to_tcp(settings, device.clock, device.health)
        except OSError as error:
            print(f"tilld: {settings.path}: {error}", file=sys.stderr)
            device.close()
            return 2
        device.load_the_rest()
        self._tell_systemd(loop)
        log.info("tilld %s serves %s", VERSION, settings.till.socket)
        await self._over.wait()
        server.close()
        device.close()
        if self._again:
            self._exec()
        return self._code

    @staticmethod
    def _exec() -> NoReturn:
        os.environ[AFTER_FAULT] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    def _start_anew(self) -> None:
        """Once the answers of this moment are on their way."""
        self._again = True
        asyncio.get_running_loop().call_later(0.05, self._over.set)

    def _bug(self, error: BaseException) -> None:
        """What must not happen: the next life recovers from the journal."""
        log.critical("a bug", exc_info=error)
        self._code = 1
        self._over.set()

    def _refuse_settings(self, error: BaseException) -> None:
        log.critical("%s", error)
        self._code = 2
        self._over.set()

    def _tell_systemd(self, loop: asyncio.AbstractEventLoop) -> None:
        from tilld_daemon import systemd

        systemd.say("READY=1")
        every_s = systemd.watchdog_every_s()

        def alive() -> None:
            systemd.say("WATCHDOG=1")
            if every_s:
                loop.call_later(every_s, alive)

        if every_s:
            alive()


if __name__ == "__main__":
    sys.exit(main())
