"""From the start of the process to an answered call, against a bare asyncio server."""

import contextlib
import tempfile
import time
from pathlib import Path

import msgpack

from bench.bench import Row, median
from bench.started import connected, started
from tilld_testkit.antomsim_process import running
from tilld_testkit.shop import Terminal

ROUNDS = 15
FIGURE = 1.3
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
            f"≤ {FIGURE} x",
            f"{ratio:.2f} x ({ours_s * 1000:.0f} ms)",
            ratio <= FIGURE,
        )
    ]


def _start_s(command: list[str], path: str) -> float:
    """Seconds from the start of the process to the answer of its first call."""
    Path(path).unlink(missing_ok=True)
    began_s = time.perf_counter()
    with started(command), contextlib.closing(connected(path)) as till:
        till.sendall(HELLO)
        assert till.recv(65536)
        return time.perf_counter() - began_s
