"""The command `till`: reads its arguments, connects, runs one command, gives its status."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from tilld_cli import amounts, asking, completion, manual, naming, paper, parser, screen, selling
from tilld_cli.statuses import (
    DONE,
    INTERRUPTED,
    NO_CONNECTION,
    REFUSED,
    UNKNOWN,
    WRONG_CALL,
)
from tilld_client import CallError, Lost, NotReady, Till, tls_context
from tilld_core.errors import BadValue

if TYPE_CHECKING:
    import argparse
    import ssl
    from collections.abc import Callable

CONNECTED_WITHIN_S = 3.0
PATIENCE_S = 60.0

COMMANDS: dict[str, Callable[[Till, argparse.Namespace, screen.Screen], int]] = {
    "pay": selling.pay,
    "refund": selling.refund,
    "cancel": selling.cancel,
    "show": asking.show,
    "list": asking.list_payments,
    "explain": asking.explain,
    "receipt": paper.receipt,
    "report": asking.report,
    "queue": asking.queue,
    "unfinished": selling.unfinished,
    "watch": asking.watch,
    "scan": asking.scan,
    "health": asking.health,
}


def main(words: list[str] | None = None) -> int:
    reader = parser.parser()
    options = reader.parse_args(words)
    if options.completion:
        print(completion.script(options.completion), end="")
        return DONE
    if options.manual:
        print(manual.page(), end="")
        return DONE
    if options.version:
        print(f"till {_version()}")
        return DONE
    if options.command is None:
        reader.print_help()
        return WRONG_CALL
    said = screen.Screen(sys.stdout, sys.stderr, options.json)
    try:
        return _run(options, said)
    except (BadValue, naming.Unclear, ValueError) as error:
        return _failed(said, "usage", str(error), WRONG_CALL)
    except KeyboardInterrupt:
        said.end_live()
        return INTERRUPTED
    except BrokenPipeError:
        return DONE  # whoever read has read enough


def _run(options: argparse.Namespace, said: screen.Screen) -> int:
    context = _context(options)
    if getattr(options, "amount", None):
        options.amount = amounts.parse(" ".join(options.amount))
    try:
        with _till(options, context, said, CONNECTED_WITHIN_S) as first:
            first.call("device.health")
            greeting = first.greeting
    except Lost as error:
        return _failed(said, "no_connection", f"{error}. Nothing was asked of it.", NO_CONNECTION)
    except CallError as refused:
        return _refused(said, refused)
    with _till(options, context, said, PATIENCE_S) as till:
        till.greeting = greeting
        try:
            return COMMANDS[options.command](till, options, said)
        except CallError as refused:
            return _refused(said, refused)
        except Lost as error:
            return _failed(said, "lost", f"{error}. What was asked may be done.", UNKNOWN)


def _till(
    options: argparse.Namespace, tls: ssl.SSLContext | None, said: screen.Screen, patience_s: float
) -> Till:
    def held_up(why: Exception) -> None:
        if not said.as_json:
            text = why.message if isinstance(why, CallError) else "The terminal does not answer."
            said.live("    …", f"{text} Trying again.", screen.ACT)

    return Till(options.socket, "till", patience_s, tls=tls, held_up=held_up)


def _context(options: argparse.Namespace) -> ssl.SSLContext | None:
    if not options.socket.startswith("tls://"):
        return None
    if not (options.ca and options.cert and options.key):
        raise ValueError("tls:// needs --ca, --cert and --key")
    return tls_context(options.ca, options.cert, options.key)


def _refused(said: screen.Screen, refused: CallError) -> int:
    """Nothing changed, unless the terminal could not say so."""
    status = UNKNOWN if refused.changed == "unknown" else REFUSED
    if said.as_json:
        said.json({"error": refused.told})
        return status
    said.wrong(refused.message)
    if isinstance(refused, NotReady):
        for block in refused.blocks:
            if block["message"] not in refused.message:
                said.wrong(f"  {block['message']}")
    return status


def _failed(said: screen.Screen, code: str, text: str, status: int) -> int:
    if said.as_json:
        said.json({"error": {"code": code, "message": text}})
    said.wrong(f"till: {text}")
    return status


def _version() -> str:
    try:
        return version("tilld")
    except PackageNotFoundError:  # run from a checkout
        return "of a checkout"


if __name__ == "__main__":
    sys.exit(main())
