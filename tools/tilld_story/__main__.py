"""`tools/run`: exit status 0 when all that was promised held, 1 when not, 2 for a wrong call."""

import argparse
import signal
import sys
from types import FrameType

from tilld_client import CallError, Lost
from tilld_story import stay, story
from tilld_story.shop import SPEED, Broken, Shop, Unusable, folder_for, opened
from tilld_story.telling import Teller

LOG_LINES = 20


def main() -> int:
    options = _options()
    try:
        folder = folder_for(options.out)
    except (Unusable, OSError) as error:
        print(f"tools/run: {error}", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    teller = Teller()
    teller.plain("tilld sells twice; the second time everything goes wrong.")
    teller.plain(f"Antom is simulated. Mode test: timers run {SPEED} times as fast as in a shop.")
    teller.title("The shop opens")
    try:
        with opened(folder) as shop:
            held = _told(shop, teller)
            if options.stay and held:
                stay.stay_open(shop, teller)
    except KeyboardInterrupt:
        teller.plain("\nThe shop is closed.")
        return 0 if options.stay and not teller.broken else 130
    except AssertionError as error:
        teller.plain(f"\nThe shop could not open: {error}")
        return 1
    return 0 if held else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/run", description="A simulated Antom, a scanner, a printer, and two sales."
    )
    parser.add_argument("--out", default="", metavar="DIR", help="where files go: a new folder")
    parser.add_argument("--stay", action="store_true", help="then stay open for a till of yours")
    return parser.parse_args()


def _told(shop: Shop, teller: Teller) -> bool:
    """The whole story; True when everything held."""
    teller.say(f"Antom's simulator answers at {shop.antom.url}.")
    teller.say("tilld answers on its till socket; scanner and printer are on serial lines.")
    teller.note(str(shop.terminal.socket_path))
    try:
        story.tell(shop, teller)
    except (Broken, CallError, Lost) as error:
        teller.fact(f"The story goes on to its end: {error}", False)
    total = teller.held + len(teller.broken)
    teller.title(f"{teller.held} of {total} promises held, in {teller.elapsed_s():.0f} s.")
    if teller.broken:
        teller.plain("\nThe end of the device's log:")
        teller.plain("\n".join(shop.terminal.log().splitlines()[-LOG_LINES:]))
    teller.plain(f"Everything is in {shop.folder}")
    return not teller.broken


def _interrupt(number: int, frame: FrameType | None) -> None:
    """The first one ends the story; what is being tidied up then is not disturbed again."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
