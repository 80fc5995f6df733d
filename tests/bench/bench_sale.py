"""A sale by the scanner's line: from the code's last byte to `approved`, against its bare parts.

The bare parts, measured in the same run and in turn with the sales: reading a code from a
pseudo-terminal, one preallocated write with its flush, one signed `pay` over a warm raw TLS
connection to the same simulator, one call of a bare till socket.
"""

import contextlib
import json
import os
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import msgpack

from bench.bench import Row, median
from bench.started import connected, started
from tilld_testkit.antomsim_process import Merchant, Simulator, merchant_of, running
from tilld_testkit.serial_line import SerialDevice
from tilld_testkit.shop import PATIENCE_S, Terminal, new_key

SALES = 60
FIGURE = 1.5
PAY = "/ams/api/v1/payments/pay"


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder, "antom")) as simulator:
        terminal = Terminal(Path(folder, "device"), simulator, scanner=True)
        with contextlib.closing(terminal), merchant_of(simulator) as merchant:
            terminal.start()
            with _Parts(Path(folder), simulator, merchant) as parts, terminal.till() as till:
                _sell(terminal, till)  # warm: connections, modules
                before = _flushes(till)
                sales, bare = [], []
                for _ in range(SALES):
                    sales.append(_sell(terminal, till))
                    bare.append(parts.once_s())
                flushes = (_flushes(till) - before) / SALES
    ours_s, bare_s = median(sales), median(bare)
    ratio = ours_s / bare_s
    return [
        Row("an ordinary sale", "counted", "2 flushes", f"{flushes:g}", flushes == 2),
        Row(
            "scan's last byte to `approved`",
            f"sum of the bare parts ({bare_s * 1000:.2f} ms)",
            f"≤ {FIGURE} x",
            f"{ratio:.2f} x ({ours_s * 1000:.2f} ms)",
            ratio <= FIGURE,
        ),
    ]


def _flushes(till: Any) -> int:
    count: int = till.call("device.health")["storage"]["flushes"]
    return count


def _sell(terminal: Terminal, till: Any) -> float:
    """Seconds from the code's last byte to the approval in the till's hands."""
    waiting = till.start(new_key(), f"order-{new_key()[:8]}", "EUR", 1250)
    code = terminal.simulator.fresh_code()
    assert terminal.scanner is not None
    terminal.scanner.send(code.encode())
    began_s = time.perf_counter()
    terminal.scanner.send(b"\r")
    approved = till.wait(waiting)
    took_s = time.perf_counter() - began_s
    assert approved["state"] == "approved", approved
    till.acknowledge(approved)
    return took_s


class _Parts:
    """The four bare parts."""

    def __init__(self, folder: Path, simulator: Simulator, merchant: Merchant) -> None:
        self._simulator = simulator
        self._merchant = merchant
        self._line = SerialDevice(folder / "ttyBare")
        self._port = os.open(self._line.port, os.O_RDWR | os.O_NOCTTY)
        self._file = os.open(folder / "bare", os.O_RDWR | os.O_CREAT)
        os.pwrite(self._file, bytes(1 << 20), 0)
        os.fsync(self._file)
        self._at = 0
        self._tls = socket.create_connection(("localhost", simulator.port), PATIENCE_S)
        self._tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tls = simulator.tls.wrap_socket(self._tls, server_hostname="localhost")
        path = str(folder / "bare.sock")
        self._server = started([str(Path(__file__).with_name("bare_till_server.py")), path])
        self._server.__enter__()
        self._till = connected(path)

    def __enter__(self) -> "_Parts":
        return self

    def __exit__(self, *_: object) -> None:
        self._till.close()
        self._server.__exit__(None, None, None)
        self._tls.close()
        os.close(self._file)
        os.close(self._port)
        self._line.close()

    def once_s(self) -> float:
        """The sum of one of each."""
        code = self._simulator.fresh_code()
        request = self._pay(code)
        self._line.send(code.encode())
        began_s = time.perf_counter()
        self._line.send(b"\r")
        scanned = b""
        while not scanned.endswith(b"\r"):
            scanned += os.read(self._port, 4096)
        os.pwrite(self._file, bytes(400), self._at)
        os.fdatasync(self._file)
        self._at = (self._at + 400) % (1 << 19)
        self._tls.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
            answer += self._tls.recv(65536)
        self._till.sendall(msgpack.packb([0, 1, "payment.get", [{}]]))
        self._till.recv(65536)
        took_s = time.perf_counter() - began_s
        assert b'"SUCCESS"' in answer, answer
        return took_s

    def _pay(self, code: str) -> bytes:
        """A whole signed request, made before the clock runs."""
        body = json.dumps(self._merchant.order(code, 1250)).encode()
        headers = self._merchant.headers(PAY, body)
        lines = [f"POST {PAY} HTTP/1.1", "host: localhost", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body
