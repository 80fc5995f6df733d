"""The man page till(1), made from the table of commands; ``till.1`` holds it for packagers."""

from __future__ import annotations

from tilld_cli import command_table as table
from tilld_cli import statuses

_HEAD = r"""
.TH TILL 1 "" tilld "User Commands"
.SH NAME
till \- a till for people at a command line
.SH SYNOPSIS
.B till
.RI [ OPTION ]...
.I COMMAND
.RI [ ARGUMENT ]...
.SH DESCRIPTION
.B till
asks a payment terminal for money, gives money back, and shows what the terminal knows.
On a terminal it draws one line that lives: the seconds left, and what the cashier should do or tell
now. Elsewhere it writes each new sentence as a line.
.PP
It stores the key of a payment before it asks for one. A till that is killed, a connection that is
lost, or a terminal that restarts leaves no payment behind that nobody asks for:
.B till unfinished
says how each of them ended. Goods are handed over when
.B till pay
ends with status 0, and for nothing else.
"""

_TAIL = r"""
.SH FILES
.TP
.I $XDG_STATE_HOME/tilld/keys/
One file for each payment or refund that is not finished, in a folder for each terminal;
.I ~/.local/state
when the variable is not set. No payment code is ever in it.
.SH EXAMPLES
.nf
till pay 12.50 EUR \-\-order 2026\-11\-22/0042
till refund 2026\-11\-22/0042 2.50 EUR
till \-\-json pay 1500 JPY \-\-order 43 \-\-order\-code
source <(till \-\-completion bash)
.fi
"""


def page() -> str:
    """The page in roff."""
    parts = [_HEAD.lstrip("\n"), ".SH OPTIONS\n"]
    parts += [_argument(one) for one in table.OPTIONS]
    parts.append(".SH COMMANDS\n")
    parts += [_command(one) for one in table.COMMANDS]
    parts.append(".SH EXIT STATUS\n")
    parts += [f".TP\n.B {status}\n{_text(about)}.\n" for status, about in statuses.TABLE]
    parts.append(".SH ENVIRONMENT\n")
    parts += [f".TP\n.B {name}\n{_text(about)}.\n" for name, about in table.VARIABLES]
    parts.append(_TAIL.lstrip("\n"))
    return "".join(parts)


def _command(command: table.Command) -> str:
    words = [command.name]
    for one in command.arguments:
        if one.name[0] != "-":
            shown = one.shown or one.name
            words.append(f"[{shown}]" if one.kind in (table.MAYBE, table.MAYBE_SOME) else shown)
        elif one.needed:
            words.append(f"{one.name} {one.shown}")
    more = f" {_text(command.more)}" if command.more else ""
    head = f".SS {_text(' '.join(words))}\n{_sentence(command.about)}{more}\n"
    options = [_argument(one) for one in command.arguments if one.name[0] == "-"]
    return head + "".join(options)


def _argument(one: table.Argument) -> str:
    value = f" {one.shown}" if one.shown else ""
    return f".TP\n.B {_text(one.name + value)}\n{_sentence(one.about)}\n"


def _sentence(text: str) -> str:
    return _text(f"{text[0].upper()}{text[1:]}.")


def _text(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")
