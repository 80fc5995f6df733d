"""From the start of the process to an answered call, against a bare asyncio server."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgpack
from tilld_testkit.antomsim_process import running
from tilld_testkit.shop import SOURCES, Terminal

from bench.bench import Row, median

ROUNDS = 15
FIGURE = 1.3
PATIENCE_S = 20.0
HELLO = msgpack.packb([0, 1, "hello", [{"client": "bench", "api": [1, 0]}]])


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder, "antom")) as simulator:
        terminal = Terminal(Path(folder, "device"), simulator)
        with contextlib.closing(terminal):
            terminal.start()  # makes the journal, and the compiled modules of both
            terminal.stop()
            ours = ["-m", "tilld_daemon", "--config", str(terminal.settings_path)]
            bare = [str(Path(__file__).with_name("bare_till_server.py")), f"{folder}/bare.sock"]
            _start_s(bare, f"{folder}/bare.sock")
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(ROUNDS):
                times[0].append(_start_s(ours, str(terminal.socket_path)))
                times[1].append(_start_s(bare, f"{folder}/bare.sock"))
    ours_s, bare_s = median(times[0]), median(times[1])
    ratio = ours_s / bare_s
    return [
        Row(
            "start to an answering socket",
            f"bare asyncio + msgpack server ({bare_s * 1000:.0f} ms)",
            f"≤ {FIGURE} ×",
            f"{ratio:.2f} × ({ours_s * 1000:.0f} ms)",
            ratio <= FIGURE,
        )
    ]


def _start_s(command: list[str], path: str) -> float:
    Path(path).unlink(missing_ok=True)
    began_s = time.perf_counter()
    with _process(command):
        _answered(path, began_s)
        return time.perf_counter() - began_s


@contextlib.contextmanager
def _process(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": SOURCES},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _answered(path: str, began_s: float) -> None:
    while time.perf_counter() - began_s < PATIENCE_S:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as till:
            till.settimeout(PATIENCE_S)
            try:
                till.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.0005)
                continue
            till.sendall(HELLO)
            if till.recv(65536):
                return
    raise TimeoutError(path)
