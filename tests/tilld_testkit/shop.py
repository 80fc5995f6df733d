"""A shop in a folder: the simulator, the real daemon, a scanner and a printer on serial lines.

Everything is a process, a socket or a pseudo-terminal of its own; nothing is replaced. The
daemon says when it is ready as it says it to systemd, so nobody has to poll.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tilld_client import Till
from tilld_testkit.antomsim_process import Simulator
from tilld_testkit.paper import Paper, PrinterOnLine
from tilld_testkit.serial_line import SerialDevice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
SOURCES = os.pathsep.join(str(ROOT / folder) for folder in ("firmware", "hal", "daemon", "tools"))
PATIENCE_S = 20.0

Json = dict[str, Any]


class Terminal:
    """One device: its folder, its settings, its process through several lives.

    ``scale`` makes the timers of rules.md §2 faster, as mode `test` allows.
    """

    def __init__(
        self,
        folder: Path,
        simulator: Simulator,
        scale: float = 1.0,
        more: Mapping[str, str] | None = None,
        scanner: bool = False,
        printer: bool = False,
        url: str = "",
        mode: str = "test",
        size: int = 4194304,
    ) -> None:
        self.folder = folder
        self.socket_path = folder / "till.sock"
        self.settings_path = folder / "tilld.toml"
        self.simulator = simulator
        folder.mkdir(parents=True, exist_ok=True)
        self.scanner = SerialDevice(folder / "ttyScanner") if scanner else None
        self.printer_line = SerialDevice(folder / "ttyPrinter") if printer else None
        self.paper = Paper()
        self.printing = PrinterOnLine(self.printer_line, self.paper) if self.printer_line else None
        self._write_settings(scale, dict(more or {}), url or simulator.url, mode, size)
        self.process: subprocess.Popen[bytes] | None = None

    def _write_settings(
        self, scale: float, more: dict[str, str], url: str, mode: str, size: int
    ) -> None:
        home = self.simulator.home
        sections = {
            "terminal": f'number = "7"\nmode = "{mode}"\ntimezone = "Europe/Berlin"',
            "merchant": 'id = "m1"\nname = "Shop"\nmcc = "5411"\n'
            'store_id = "s1"\nstore_name = "Shop, High Street"',
            "till": 'socket = "till.sock"',
            "storage": f'path = "state"\nsize = {size}',
            "upstream": f'url = "{url}"\nca_file = "{home}/ca.pem"\n'
            f'client_id = "{(home / "client_id").read_text().strip()}"\n'
            f'merchant_key_file = "{home}/merchant_key.pem"\n'
            f'antom_key_file = "{home}/antom_public.pem"',
        }
        if scale != 1.0:
            sections["timing"] = f"scale = {scale}"
        if self.scanner is not None:
            sections["scanner"] = f'driver = "linux-serial"\nport = "{self.folder}/ttyScanner"'
        if self.printer_line is not None:
            sections["printer"] = f'driver = "linux-serial"\nport = "{self.folder}/ttyPrinter"'
        for section, lines in more.items():
            sections[section] = "\n".join(filter(None, (sections.get(section), lines)))
        text = "\n".join(f"[{name}]\n{lines}\n" for name, lines in sections.items())
        self.settings_path.write_text(text)

    def start(self, *before: str, environment: Mapping[str, str] | None = None) -> None:
        """A new life; returns when the till socket answers. ``before``: a command in front of it,
        such as strace."""
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notified:
            # by path: an abstract name would end at the border of a network namespace
            address = self.folder / "up"
            address.unlink(missing_ok=True)
            notified.bind(str(address))
            self._spawn(before, {**(environment or {}), "NOTIFY_SOCKET": str(address)})
            ready, _, _ = select.select([notified], [], [], PATIENCE_S)
            if not ready or notified.recv(256) != b"READY=1":
                self.kill()
                raise AssertionError(f"the daemon did not start:\n{self.log()}")

    def start_unheard(self, *options: str) -> None:
        """A new life that nobody waits for; ``options`` of the command, such as --check."""
        self._spawn((), {}, options)

    def _spawn(
        self,
        before: tuple[str, ...],
        environment: Mapping[str, str],
        options: tuple[str, ...] = (),
    ) -> None:
        config = ["--config", str(self.settings_path)]
        command = [sys.executable, "-m", "tilld_daemon", *config, *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*before, *command],
                env={**os.environ, "PYTHONPATH": SOURCES, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def log(self) -> str:
        """Everything the daemon has written to its log, all lives."""
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(PATIENCE_S)
            self.process = None

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(PATIENCE_S)
        self.process = None
        return status

    def read_scanner(self) -> None:
        """Returns once the daemon reads its scanner: what is scanned before may be lost."""
        with self.till("scanner?") as till:
            while till.call("device.health")["scanner"] != "yes":
                pass

    def till(self, client: str = "test") -> Till:
        """A till of this terminal; close it, or use it in a `with`."""
        return Till(str(self.socket_path), client, patience_s=PATIENCE_S)

    def stall_printer(self) -> None:
        """The printer takes what its line holds, and neither prints nor answers any more."""
        if self.printing is not None:
            self.printing.close()
            self.printing = None

    def unplug_printer(self) -> None:
        """Pulls the printer's cable."""
        self.stall_printer()
        assert self.printer_line is not None
        self.printer_line.unplug()

    def replug_printer(self) -> None:
        """A printer with an empty memory and new paper is put behind the same name."""
        self.unplug_printer()
        assert self.printer_line is not None
        self.printer_line.replug()
        self.paper = Paper()
        self.printing = PrinterOnLine(self.printer_line, self.paper)

    def close(self) -> None:
        self.kill()
        self.stall_printer()
        if self.printer_line is not None:
            self.printer_line.close()
        if self.scanner is not None:
            self.scanner.close()


@contextlib.contextmanager
def open_shop(folder: Path, simulator: Simulator, **how: Any) -> Iterator[Terminal]:
    """A started terminal in ``folder``; ``how`` as Terminal takes it."""
    terminal = Terminal(folder, simulator, **how)
    try:
        terminal.start()
        yield terminal
    finally:
        terminal.close()


def new_key() -> str:
    """A till's own key: a UUID, never an order number."""
    return str(uuid.uuid4())


def sell(
    till: Till, simulator: Simulator, value: int = 1250, order_ref: str = "", key: str = ""
) -> Json:
    """One ordinary sale with a code the till has read: the payment as it ended."""
    key = key or new_key()
    code = simulator.fresh_code()
    payment = till.start(key, order_ref or f"order-{key[:8]}", "EUR", value, code=code)
    payment = till.wait(payment)
    return till.acknowledge(payment) if payment["state"] == "approved" else payment


def settled(till: Till, payment: Json, timeout_s: int = 30) -> Json:
    """The payment once nothing is owed upstream; each step is waited for, none is polled."""
    while not (payment["decided"] and payment["settled"]):
        before = payment["revision"]
        payment = till.call(
            "payment.wait", key=payment["key"], revision=before, timeout_s=timeout_s
        )
        assert payment["revision"] > before, f"it does not move on: {payment}"
    return payment
