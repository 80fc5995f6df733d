"""``antomsim --listen HOST:PORT --home DIR``: one JSON line when it is ready, then it serves."""

import argparse
import asyncio
import json
import logging
import pathlib
import signal
import sys

from antomsim.home import HomeInUse, locked, open_home
from antomsim.port import listen, unix_listener, url_of
from antomsim.settings import BadSetting, Settings, from_text
from antomsim.simulator import CONTROL_SOCKET, Simulator


def main() -> int:
    """0 after SIGTERM or SIGINT, 2 when it can't start, with the reason on stderr."""
    options = _options()
    logging.basicConfig(stream=sys.stderr, format="antomsim: %(levelname)s %(message)s")
    settings = Settings()
    try:
        settings.change(from_text(options.set))
        with locked(options.home):
            asyncio.run(_run(options, settings))
    except (BadSetting, HomeInUse, OSError, ValueError) as error:
        print(f"antomsim: {error}", file=sys.stderr)
        return 2
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="antomsim", description="Antom, simulated on loopback.")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="port 0: any")
    parser.add_argument("--home", required=True, type=pathlib.Path, metavar="DIR")
    parser.add_argument(
        "--name", action="append", default=[], help="one more host name or address to certify"
    )
    parser.add_argument(
        "--notify-ca", type=pathlib.Path, metavar="FILE", help="CA of the merchant's notify server"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="see README.md"
    )
    return parser.parse_args()


async def _run(options: argparse.Namespace, settings: Settings) -> None:
    home = open_home(options.home, options.name, options.notify_ca)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with (
        listen(options.listen) as listener,
        unix_listener(options.home / CONTROL_SOCKET) as control,
    ):
        line = json.dumps({"ready": url_of(listener)})
        simulator = Simulator(home, listener, settings, control)
        await simulator.run(lambda: print(line, flush=True), stop)


if __name__ == "__main__":
    sys.exit(main())
