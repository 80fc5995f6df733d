"""`till receipt`, and the codes and receipts that other commands show or print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tilld_cli import naming, qr, screen
from tilld_client import CallError, new_key

if TYPE_CHECKING:
    from argparse import Namespace

    from tilld_cli.screen import Screen
    from tilld_client import Payment, Refund, Till

PRINTED_WITHIN_S = 60
DONE, NOT_PRINTED = 0, 1


def receipt(till: Till, options: Namespace, said: Screen) -> int:
    payment = naming.found(till, options.payment)
    if options.print:
        return print_receipt(till, said, payment=payment)
    told = till.call("receipt.get", payment=payment["payment"])
    if said.as_json:
        said.json({"receipt": told})
        return DONE
    for line in told["lines"]:
        said.line(line)
    return DONE


def print_receipt(
    till: Till, said: Screen, payment: Payment | None = None, refund: Refund | None = None
) -> int:
    """Prints, and says what became of the paper: 0 when it is there."""
    of = {"payment": payment["payment"]} if payment else {}
    of |= {"refund": refund["refund"]} if refund else {}
    try:
        job = till.call("receipt.print", key=new_key(), **of)
    except CallError as refused:
        if said.as_json:
            said.json({"error": as_told(refused)})
        else:
            said.wrong(f"Not printed: {refused.message}")
        return NOT_PRINTED
    return job_end(till, said, job["job"])


def job_end(till: Till, said: Screen, job: str) -> int:
    """Waits for a print job's fate and tells it."""
    told = till.call("printer.job", job=job, timeout_s=PRINTED_WITHIN_S)
    printed = told["state"] == "done"
    if said.as_json:
        said.json({"job": told})
    elif printed:
        said.line("Printed.", screen.GOOD)
    else:
        why = f" ({told['reason']})" if told["reason"] else ""
        said.wrong(f"The print job is {told['state']}{why}. Look at the paper.")
    return DONE if printed else NOT_PRINTED


def show_code(said: Screen, text: str) -> None:
    """The code that the customer scans: drawn where it can be, else its text."""
    drawn = qr.drawn(text, said.columns) if said.is_coloured else ""
    if drawn:
        said.raw(drawn)
    else:
        said.line("The customer scans a code of this text:", screen.ACT)
        said.line(text)


def as_told(refused: CallError) -> dict[str, object]:
    """An error as it stands on the wire."""
    told: dict[str, object] = {
        "code": refused.code,
        "class": refused.kind,
        "changed": refused.changed,
        "retry": refused.retry,
        "message": refused.message,
    }
    if refused.payment:
        told["payment"] = refused.payment
    if refused.fields:
        told["fields"] = refused.fields
    return told
