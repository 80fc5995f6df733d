"""The command `till` as a table: parser, man page and completions are made from it."""

from __future__ import annotations

from typing import NamedTuple

FLAG = "flag"
TEXT = "text"
NUMBER = "number"
FILE = "file"
SHELL = "shell"
ONE = "one word"
MAYBE = "one word or none"
SOME = "one or two words"
MAYBE_SOME = "two words or none"


class Argument(NamedTuple):
    """An option if its name begins with dashes, else a word of the command line."""

    name: str
    kind: str
    about: str
    shown: str = ""  # what stands for its value
    needed: bool = False


class Command(NamedTuple):
    """One subcommand: ``about`` in one line, ``more`` for who asks for help."""

    name: str
    about: str
    arguments: tuple[Argument, ...] = ()
    more: str = ""


SHELLS = ("bash", "zsh")

OPTIONS = (
    Argument("--socket", TEXT, "the terminal: a path, or tls://host:port", "ADDRESS"),
    Argument("--ca", FILE, "for tls://: the store's certificate authority", "FILE"),
    Argument("--cert", FILE, "for tls://: this till's certificate", "FILE"),
    Argument("--key", FILE, "for tls://: the certificate's private key", "FILE"),
    Argument("--json", FLAG, "one JSON object a line, for scripts"),
    Argument("--completion", SHELL, "print the completion for a shell, bash or zsh", "SHELL"),
    Argument("--manual", FLAG, "print the man page, as for man -l -"),
    Argument("--version", FLAG, "print the version"),
)

_AMOUNT = Argument("AMOUNT", SOME, "as 12.50 EUR, 12,50 EUR or 1500 JPY", "AMOUNT CURRENCY")
_PAYMENT = Argument(
    "PAYMENT", ONE, "an id as receipts show it, a key, or an order with one payment"
)

COMMANDS = (
    Command(
        "pay",
        "ask a customer for money",
        (
            _AMOUNT,
            Argument("--order", TEXT, "the order's number, unique for this shop", "ORDER", True),
            Argument("--order-code", FLAG, "show a code that the customer scans"),
            Argument("--code", FLAG, "read the customer's code from standard input"),
            Argument("--description", TEXT, "what is sold, for the customer's wallet", "TEXT"),
            Argument("--split", FLAG, "the order is paid in parts: it may be paid already"),
            Argument("--scan-timeout", NUMBER, "how long to wait for a code (60)", "SECONDS"),
            Argument("--print", FLAG, "print the receipt, or the slip of a payment not paid"),
        ),
        "Ctrl-C cancels the payment and waits for its end; a second one leaves at once.",
    ),
    Command(
        "refund",
        "give money back",
        (
            _PAYMENT,
            Argument(
                "AMOUNT", MAYBE_SOME, "all that is left, unless it is said", "AMOUNT CURRENCY"
            ),
            Argument("--reason", TEXT, "why, for the records", "TEXT"),
            Argument("--print", FLAG, "print the refund's receipt"),
        ),
        "A payment of another terminal, or of long ago, needs the amount.",
    ),
    Command(
        "cancel",
        "cancel a payment that is not paid yet",
        (_PAYMENT._replace(kind=MAYBE),),
        "Without a payment: whatever this user's tills have begun and not finished.",
    ),
    Command("show", "show a payment", (_PAYMENT,)),
    Command(
        "list",
        "list payments, the newest first",
        (
            Argument("--order", TEXT, "those of one order", "ORDER"),
            Argument("--open", FLAG, "those that are undecided, owed upstream, or unheard"),
            Argument("--period", NUMBER, "those of one period", "N"),
            Argument("--limit", NUMBER, "at most so many (20)", "N"),
        ),
    ),
    Command("explain", "say why a payment is as it is, step by step", (_PAYMENT,)),
    Command(
        "receipt",
        "show a receipt, or print it",
        (_PAYMENT, Argument("--print", FLAG, "print it, and wait for the paper")),
    ),
    Command(
        "report",
        "the figures of a period: this one, unless it is said",
        (
            Argument("--period", NUMBER, "the period", "N"),
            Argument("--close", FLAG, "close the period: the day's end"),
            Argument("--print", FLAG, "print the report"),
        ),
    ),
    Command(
        "queue",
        "the cancels that are still owed",
        (Argument("--flush", FLAG, "try all of them now"),),
    ),
    Command(
        "unfinished",
        "finish what earlier tills of this user began",
        (),
        "Asks the terminal for every key that is not finished and says how it ended."
        " What waited for a code is cancelled, anything else is followed to its end.",
    ),
    Command("watch", "show what happens on the terminal until Ctrl-C"),
    Command(
        "scan",
        "read one code with the terminal's scanner",
        (Argument("--timeout", NUMBER, "how long to wait (60)", "SECONDS"),),
    ),
    Command("health", "say whether the terminal can take payments, and what is wrong"),
)

VARIABLES = (
    ("TILLD_SOCKET", "the default of --socket, else /run/tilld/till.sock"),
    ("TILLD_CA, TILLD_CERT, TILLD_KEY", "the defaults of --ca, --cert and --key"),
    ("XDG_STATE_HOME", "keys of payments that are not finished are kept below it"),
    ("NO_COLOR", "no colours, and no QR codes"),
)
