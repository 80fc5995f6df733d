"""The table of commands as an argparse parser."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from tilld_cli import command_table as table
from tilld_client.address import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBER_OF_WORDS: dict[str, Any] = {
    table.ONE: None,
    table.MAYBE: "?",
    table.SOME: "+",
    table.MAYBE_SOME: "*",
}


def parser(environment: Mapping[str, str] = os.environ) -> argparse.ArgumentParser:
    """For ``till``; what stands in the environment are the defaults."""
    made = argparse.ArgumentParser(
        prog="till",
        description="A till for people at a command line.",
        epilog="`man till` says more; `till COMMAND --help` says what a command takes.",
        allow_abbrev=False,
    )
    for option in table.OPTIONS:
        _add(made, option)
    made.set_defaults(
        socket=environment.get("TILLD_SOCKET") or DEFAULT,
        ca=environment.get("TILLD_CA", ""),
        cert=environment.get("TILLD_CERT", ""),
        key=environment.get("TILLD_KEY", ""),
    )
    commands = made.add_subparsers(dest="command", metavar="COMMAND")
    for command in table.COMMANDS:
        one = commands.add_parser(
            command.name,
            help=command.about,
            description=f"{command.about[0].upper()}{command.about[1:]}.",
            epilog=command.more or None,
            allow_abbrev=False,
        )
        for argument in command.arguments:
            _add(one, argument)
    return made


def _add(to: argparse.ArgumentParser, argument: table.Argument) -> None:
    name, about = argument.name, argument.about
    if not name.startswith("-"):
        words = NUMBER_OF_WORDS[argument.kind]
        shown = argument.shown or argument.name
        to.add_argument(name.lower(), metavar=shown, nargs=words, help=about)
    elif argument.kind == table.FLAG:
        to.add_argument(name, action="store_true", help=about)
    elif argument.kind == table.NUMBER:
        to.add_argument(name, type=int, metavar=argument.shown, help=about)
    else:
        choices = table.SHELLS if argument.kind == table.SHELL else None
        to.add_argument(
            name, metavar=argument.shown, choices=choices, required=argument.needed, help=about
        )
