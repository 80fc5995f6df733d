"""`till receipt`, and the codes and receipts that other commands show or print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_cli import naming, qr, screen
from tilld_cli.statuses import DONE, NOT_DONE
from tilld_client import CallError, Lost, new_key

if TYPE_CHECKING:
    from argparse import Namespace

    from tilld_cli.screen import Screen
    from tilld_client import Till

PRINTED_WITHIN_S = 60


def receipt(till: Till, options: Namespace, said: Screen) -> int:
    payment = naming.found(till, options.payment)
    if options.print:
        is_there = printed(till, said, "receipt.print", payment=payment["payment"])
        return DONE if is_there else NOT_DONE
    told = till.call("receipt.get", payment=payment["payment"])
    if said.as_json:
        said.json({"receipt": told})
        return DONE
    for line in told["lines"]:
        said.line(line)
    return DONE


def printed(till: Till, said: Screen, method: str, **of: Any) -> bool:
    """Prints, and says what became of the paper; whether it is there.

    Nothing that happens here is the money's: what the terminal refuses, its silence and Ctrl-C
    end the waiting and no more.
    """
    try:
        job = till.call(method, key=new_key(), **of)
        told = till.call("printer.job", job=job["job"], timeout_s=PRINTED_WITHIN_S)
    except CallError as refused:
        if said.as_json:
            said.json({"error": refused.told})
        else:
            said.wrong(f"Not printed: {refused.message}")
        return False
    except (Lost, KeyboardInterrupt):
        said.wrong("What becomes of the print is not known. Look at the paper.")
        return False
    if said.as_json:
        said.json({"job": told})
    elif told["state"] == "done":
        said.line("Printed.", screen.GOOD)
    else:
        why = f" ({told['reason']})" if told["reason"] else ""
        said.wrong(f"The print job is {told['state']}{why}. Look at the paper.")
    return bool(told["state"] == "done")


def show_code(said: Screen, text: str) -> None:
    """The code that the customer scans: drawn where it can be, else its text."""
    drawn = qr.drawn(text, said.columns) if said.is_coloured else ""
    if drawn:
        said.raw(drawn)
    else:
        said.line("The customer scans a code of this text:", screen.ACT)
        said.line(text)
