"""The shop that the story plays in: real processes, pseudo-terminals, one folder."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tilld_client import Till
from tilld_testkit import paper
from tilld_testkit.antomsim_process import Simulator, running
from tilld_testkit.shop import Terminal, open_shop

SPEED = 5
COLUMNS = 42
SOCKET_PATH_MAX_BYTES = 107

RECEIPT = """header = ["Corner Bakery", "1 High Street"]
footer = ["Thank you!"]"""

Json = dict[str, Any]


class Unusable(Exception):
    """The folder can't be used; the text is for people."""


class Broken(Exception):
    """The story can't go on; the text is for people."""


def folder_for(asked: str) -> Path:
    """The folder of one run: a new one under the system's temporary files, or ``asked``, empty."""
    folder = Path(asked).resolve() if asked else Path(tempfile.mkdtemp(prefix="tilld-run-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Unusable(f"{folder} is not empty")
    if len(bytes(folder / "device" / "till.sock")) > SOCKET_PATH_MAX_BYTES:
        raise Unusable(f"{folder}: its name is too long for a Unix socket in it")
    return folder


class Shop:
    """Antom's simulator, one terminal, and the till that speaks to it."""

    def __init__(self, folder: Path, antom: Simulator, terminal: Terminal, till: Till) -> None:
        self.folder = folder
        self.antom = antom
        self.terminal = terminal
        self.till = till
        self.codes: list[str] = []
        self.slips_taken = 0

    def await_slip(self) -> None:
        """Returns when there is a slip that nobody has taken yet."""
        assert self.terminal.printing is not None
        taken = self.slips_taken
        while not self.terminal.printing.wait_for(lambda paper: len(paper.cuts) > taken, 3600):
            pass

    @property
    def journal(self) -> Path:
        return self.terminal.folder / "state" / "journal"

    def scan(self, code: str) -> None:
        """The scanner sends a code over its line, as from a QR code on a telephone."""
        self.codes.append(code)
        assert self.terminal.scanner is not None
        self.terminal.scanner.send(f"]Q1{code}\r".encode())

    def fresh_code(self) -> str:
        code: str = self.control("GET", "/_sim/code")["code"]
        return code

    def control(self, method: str, path: str, body: object = None) -> Any:
        """The simulator's control paths, by its Unix socket: an outage leaves that alone."""
        return self.antom.control_by_socket(method, path, body)

    def faults(self, *faults: Json) -> None:
        self.control("PUT", "/_sim/faults", list(faults))

    def in_antoms_ledger(self, payment: str) -> Json:
        """The truth about the customer's money."""
        found: list[Json] = self.control("GET", f"/_sim/payments?payment={payment}")
        if not found:
            raise Broken(f"Antom has never heard of {payment}")
        return found[0]

    def until(self, payment: Json, *states: str, patience_s: int = 40) -> Json:
        """Follows the payment, change by change, to one of the states."""
        while payment["state"] not in states:
            seen = payment["revision"]
            payment = self.till.call(
                "payment.wait", key=payment["key"], revision=seen, timeout_s=patience_s
            )
            if payment["revision"] == seen:
                raise Broken(f"the payment stays {payment['state']} for {patience_s} s")
        return payment

    def take_slip(self, name: str) -> tuple[Path, list[str], list[str]]:
        """What the printer printed last: its picture, its lines, and what its barcodes hold."""
        picture = self.folder / name
        lines = self.terminal.paper.slip_lines(self.slips_taken)
        self.terminal.paper.save_slip(self.slips_taken, picture)
        self.slips_taken += 1
        return picture, lines, [code.text for code in paper.codes_in(picture)]


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Shop]:
    """Everything started; ended with the block, in whatever way that ends."""
    with (
        running(folder / "antom") as antom,
        open_shop(
            folder / "device",
            antom,
            scale=1 / SPEED,
            scanner=True,
            printer=True,
            more={"receipt": RECEIPT},
        ) as terminal,
        terminal.till("story") as till,
    ):
        yield Shop(folder, antom, terminal, till)
