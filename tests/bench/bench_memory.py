"""Resident memory of the daemon with everything in use, while it sells.

Scanner, printer, network watch with zeroconf, TLS and the archive are on. Sales come over the
real socket from several tills at once, with codes that the tills have read; every tenth is
printed. Short by default; ``BENCH_SALES=20000`` makes the whole of the issue's figure.
"""

import contextlib
import os
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import msgpack

from bench.bench import Row
from tilld_testkit.antomsim_process import running
from tilld_testkit.shop import PATIENCE_S, Terminal, new_key

FIRST = 1000
MORE = int(os.environ.get("BENCH_SALES", "3000"))
TILLS = 4
SCALE = 0.1  # used codes are remembered for 90 s, in which no shop sells as fast as this
FIGURE_KIB = 40 * 1024
GROWTH_KIB = 1024
MARKS = (100, 1000, 2000, 3000, 5000, 10000, 15000, 20000)


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        options = ("--set", "unknown_codes=pay")
        with running(Path(folder, "antom"), *options) as simulator:
            everything = {"network": 'driver = "linux"'}
            terminal = Terminal(
                Path(folder, "device"),
                simulator,
                scale=SCALE,
                scanner=True,
                printer=True,
                more=everything,
            )
            with contextlib.closing(terminal):
                terminal.start()
                return _measured(terminal)


def _measured(terminal: Terminal) -> list[Row]:
    seen = {0: _rss_kib(terminal)}
    for mark in [*(mark for mark in MARKS if mark < MORE), MORE]:
        _sell(terminal, max(seen), mark)
        seen[mark] = _rss_kib(terminal)
        print(f"after {mark} sales: {seen[mark] / 1024:.1f} MiB", flush=True)
    first = seen[min(FIRST, MORE)]
    grown = seen[MORE] - first
    return [
        Row(
            f"memory after {min(FIRST, MORE)} sales, everything in use",
            f"at the start: {seen[0] / 1024:.1f} MiB",
            f"≤ {FIGURE_KIB // 1024} MiB",
            f"{first / 1024:.1f} MiB",
            first <= FIGURE_KIB,
        ),
        Row(
            f"its growth from there to {MORE} sales",
            "itself",
            f"≤ {GROWTH_KIB} KiB",
            f"{grown} KiB",
            grown <= GROWTH_KIB,
        ),
    ]


def _rss_kib(terminal: Terminal) -> int:
    assert terminal.process is not None
    for line in Path(f"/proc/{terminal.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("the process says nothing of its memory")


def _sell(terminal: Terminal, first: int, last: int) -> None:
    """The sales of these numbers, by several tills at once."""
    failed: list[BaseException] = []

    def work(till: int) -> None:
        try:
            with contextlib.closing(_Till(terminal)) as one:
                for number in range(first + till, last, TILLS):
                    one.sell(number)
        except (AssertionError, OSError) as error:
            failed.append(error)

    tills = [threading.Thread(target=work, args=(till,)) for till in range(TILLS)]
    for one in tills:
        one.start()
    for one in tills:
        one.join()
    if failed:
        raise failed[0]


class _Till:
    """As bare as can be, so that the terminal is what is measured."""

    def __init__(self, terminal: Terminal) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_S)
        self._socket.connect(str(terminal.socket_path))
        self._unpacker = msgpack.Unpacker()
        self._msgid = 0
        self.ask("hello", client="bench", api=[1, 0])

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._msgid += 1
        self._socket.sendall(msgpack.packb([0, self._msgid, method, [params]]))
        while True:
            for answer in self._unpacker:
                assert answer[2] is None, answer
                result: dict[str, Any] = answer[3]
                return result
            self._unpacker.feed(self._socket.recv(65536))

    def sell(self, number: int) -> None:
        key = new_key()
        amount = {"currency": "EUR", "value": 100 + number % 5000}
        code = f"28{int.from_bytes(os.urandom(8), 'big') % 10**22:022d}"
        order = f"2026-11-23/{number:06d}"
        self.ask("payment.start", key=key, order_ref=order, amount=amount, code=code)
        told = self.ask("payment.wait", key=key, timeout_s=20)
        told = self.ask("payment.acknowledge", key=key)
        assert told["outcome"] == "paid", told
        if number % 10 == 0:
            job = self.ask("receipt.print", key=new_key(), payment=told["payment"])
            self.ask("printer.job", job=job["job"], timeout_s=20)

    def close(self) -> None:
        self._socket.close()
