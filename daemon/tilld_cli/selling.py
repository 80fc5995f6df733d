"""`till pay`, `refund`, `cancel`, `unfinished`: what moves money."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tilld_cli import amounts, naming, paper, screen
from tilld_cli.statuses import DONE, INTERRUPTED, NOT_DONE, UNKNOWN
from tilld_client import CallError, KeyFolder, Lost, NotFound, Refund

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from tilld_cli.screen import Screen
    from tilld_client import Payment, Till

SCAN_WITHIN_S = 60


class Interrupt:
    """Ctrl-C while a payment runs: `Till.pay` cancels at the first, and leaves at the second."""

    def __init__(self, said: Screen) -> None:
        self.happened = False
        self._screen = said

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.happened = True
        self._screen.notice = "Cancelling…"
        raise KeyboardInterrupt


@contextlib.contextmanager
def ctrl_c(interrupt: Interrupt) -> Iterator[None]:
    """SIGINT goes to ``interrupt`` inside, and to what it was outside."""
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def keys_of(till: Till, environment: Mapping[str, str] = os.environ) -> KeyFolder:
    """Where this user's keys for this terminal are: another terminal knows nothing of them."""
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return KeyFolder(Path(state, "tilld", "keys", str(till.greeting["device"])))


def pay(till: Till, options: Namespace, said: Screen) -> int:
    currency, minor = options.amount
    more: dict[str, Any] = {"by": "order_code"} if options.order_code else {}
    if options.code:
        more["code"] = read_code()
    if options.description is not None:
        more["description"] = options.description
    if options.split:
        more["split"] = True
    if options.scan_timeout is not None:
        more["scan_timeout_s"] = options.scan_timeout
    store = keys_of(till)
    _hint_at_unfinished(till, said)
    interrupt = Interrupt(said)
    shown = Progress(said, options.scan_timeout or SCAN_WITHIN_S)
    if not said.as_json:
        amount = amounts.show({"currency": currency, "value": minor})
        said.line(f"{amount}  order {options.order}", screen.BOLD)
    try:
        with ctrl_c(interrupt):
            payment = till.pay(store, options.order, currency, minor, shown, **more)
    except (Lost, KeyboardInterrupt) as error:
        return _not_known_yet(said, error, "hand over nothing")
    with contextlib.suppress(KeyboardInterrupt):  # the money's part is over
        tell_end(said, payment)
        if options.print:
            paper.printed(till, said, "receipt.print", payment=payment["payment"])
    if payment.paid:
        return DONE
    return INTERRUPTED if interrupt.happened else NOT_DONE


class Progress:
    """Shows a payment on its way: what to do or tell now, and the seconds left; while the scanner
    waits, those in which a code has to come."""

    def __init__(self, said: Screen, scan_within_s: int) -> None:
        self._screen = said
        self._scan_within_s = scan_within_s
        self._waits_since_s: float | None = None
        self._revision = 0
        self._code = ""

    def __call__(self, payment: Payment) -> None:
        if self._screen.as_json:
            if payment["revision"] != self._revision:
                self._screen.json({"payment": payment})
            self._revision = payment["revision"]
            return
        code = payment["order_code"]
        if code and code["text"] != self._code:
            self._code = code["text"]
            paper.show_code(self._screen, self._code)
        if payment["decided"]:
            return
        left_s = payment["decides_in_s"]
        if payment["state"] == "waiting_for_code":
            left_s = self._scan_left_s()
        left = "" if left_s is None else f"{left_s:>4} s"
        prompt = payment["prompt"]
        waits = prompt["code"] == "please_wait"
        self._screen.live(left, prompt["message"], screen.PLAIN if waits else screen.ACT)

    def _scan_left_s(self) -> int:
        now_s = time.monotonic()
        if self._waits_since_s is None:
            self._waits_since_s = now_s
        return max(0, round(self._waits_since_s + self._scan_within_s - now_s))


def tell_end(said: Screen, payment: Payment) -> None:
    """How it ended, why, and its id."""
    if said.as_json:
        return  # the last progress was the end
    colour = screen.GOOD if payment.paid else screen.BAD
    said.line(f"{amounts.show(payment['amount'])}  {payment['prompt']['message']}", colour)
    if payment["reason"]:
        said.line(payment["reason"]["message"])
    said.row("payment", payment["payment"], screen.DETAIL)


def refund(till: Till, options: Namespace, said: Screen) -> int:
    currency, minor = options.amount or ("", 0)
    try:
        payment = naming.found(till, options.payment)["payment"]
    except naming.Unclear:
        if not currency:
            raise
        payment = options.payment  # of another terminal, or of long ago
    try:
        given = till.refund(keys_of(till), payment, currency, minor, reason=options.reason or "")
    except (Lost, KeyboardInterrupt) as error:
        return _not_known_yet(said, error, "promise nothing")
    if said.as_json:
        said.json({"refund": given})
    else:
        tell_refund(said, given)
    if given.refunded:
        if options.print:
            paper.printed(till, said, "receipt.print", refund=given["refund"])
        return DONE
    return NOT_DONE if given["decided"] else UNKNOWN


def tell_refund(said: Screen, given: Refund) -> None:
    amount = amounts.show(given["amount"])
    if given.refunded:
        said.line(f"Refunded  {amount}", screen.GOOD)
    elif given["decided"]:
        said.line(f"Not refunded  {amount}", screen.BAD)
    else:
        said.line(f"Not refunded yet  {amount}", screen.ACT)
        said.line("The terminal goes on with it. Later: till unfinished")
    if given["reason"]:
        said.line(given["reason"]["message"], screen.DETAIL)
    said.row("refund", given["refund"], screen.DETAIL)
    said.row("payment", given["payment"], screen.DETAIL)


def cancel(till: Till, options: Namespace, said: Screen) -> int:
    if options.payment is not None:
        key = naming.found(till, options.payment)["key"]
        return _cancelled(till, said, key)
    begun = [key for key in keys_of(till).remembered() if _is_undecided(till, key)]
    if not begun:
        said.wrong("There is no payment to cancel.")
        return NOT_DONE
    return max(_cancelled(till, said, key) for key in begun)


def _is_undecided(till: Till, key: str) -> bool:
    try:
        return not till.get(key)["decided"]
    except NotFound:
        return False
    except CallError as refused:
        if refused.code != "key_used":  # a refund's
            raise
        return False


def _cancelled(till: Till, said: Screen, key: str) -> int:
    payment = till.cancel(key)
    if said.as_json:
        said.json({"payment": payment})
    tell_end(said, payment)
    return DONE


def unfinished(till: Till, options: Namespace, said: Screen) -> int:
    """Each key's end; 5 while one has none yet."""
    any_left = False
    any_told = False
    for thing in till.recover(keys_of(till)):
        any_told = True
        any_left = any_left or not thing["decided"]
        if said.as_json:
            said.json({"refund" if isinstance(thing, Refund) else "payment": thing})
        elif isinstance(thing, Refund):
            tell_refund(said, thing)
        else:
            said.line(f"order {thing['order_ref'] or '-'}", screen.BOLD)
            tell_end(said, thing)
    if not any_told and not said.as_json:
        said.line("Everything is finished.")
    return UNKNOWN if any_left else DONE


def read_code() -> str:
    """The customer's code from standard input, so that it stands in no list of processes."""
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass("The customer's code: ").strip()
    return sys.stdin.readline().strip()


def _hint_at_unfinished(till: Till, said: Screen) -> None:
    looked = keys_of(till)
    left = len(looked.unfinished())
    looked.close()
    if left:
        what = "1 earlier payment is" if left == 1 else f"{left} earlier payments are"
        said.wrong(f"{what} not finished: till unfinished")


def _not_known_yet(said: Screen, error: BaseException, do: str) -> int:
    why = str(error) or "Interrupted."
    if said.as_json:
        said.json({"error": {"code": "lost", "retry": "same_key", "message": why}})
    said.wrong(f"{why} How it ends is not known yet: {do}. Then: till unfinished")
    return UNKNOWN
