"""The till socket: one call against a bare server, and what one till's ways cost the others.

The contract allows 32 connections, so "64 tills" are as many as it lets in. All of one figure's
samples are taken in turns with its reference's, call by call, so that both meet the same noise.
"""

import contextlib
import fcntl
import os
import select
import socket
import struct
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack

from bench.bench import Row, median
from bench.started import connected, started
from tilld_testkit.antomsim_process import running
from tilld_testkit.serial_line import SerialDevice
from tilld_testkit.shop import Terminal, sell

CALLS = 4000
CALL_FIGURE = 1.3
TILLS = 32
ROUNDS = 12  # each with and without the neighbour, in turns
CALLS_A_ROUND = 100  # of every till
SETTLING_CALLS = 200  # in which all that a neighbour has sent is taken
NEIGHBOUR_FIGURE = 1.10
SCANS = 150
PACE_S = 0.02  # a cashier is slower; both ends sleep between two of them
SCAN_FIGURE = 1.5

HELLO = msgpack.packb([0, 1, "hello", [{"client": "bench", "api": [1, 0]}]])


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder, "antom")) as simulator:
        terminal = Terminal(Path(folder, "device"), simulator, scanner=True)
        with contextlib.closing(terminal):
            terminal.start()
            terminal.read_scanner()
            with terminal.till() as till:
                key = sell(till, simulator)["key"]
            get = msgpack.packb([0, 2, "payment.get", [{"key": key}]])
            path = str(terminal.socket_path)
            rows = [
                _one_call("payment.get", path, get, Path(folder)),
                _one_call("hello", path, HELLO, Path(folder)),
                _one_call("hello", path, HELLO, Path(folder), same=False),
            ]
            rows += [
                _beside(path, get, what, neighbour)
                for what, neighbour in (
                    ("dead in the middle of a message", _half_a_message),
                    ("that never reads", _deaf),
                    ("that reads slowly", _slow),
                    ("that floods it", _flood),
                )
            ]
            assert terminal.scanner is not None
            rows.append(_scan(path, get, terminal.scanner))
    return rows


def _greeted(path: str) -> socket.socket:
    till = connected(path)
    till.sendall(HELLO)
    till.recv(65536)
    return till


def _call_s(till: socket.socket, request: bytes) -> float:
    began_s = time.perf_counter()
    till.sendall(request)
    till.recv(65536)
    return time.perf_counter() - began_s


# One till, one call.


def _one_call(name: str, path: str, request: bytes, folder: Path, same: bool = True) -> Row:
    """Whole calls, against the same answer from the bare server, or against an empty one."""
    with contextlib.closing(_greeted(path)) as ours:
        ours.sendall(request)
        answer = msgpack.unpackb(ours.recv(65536))[3] if same else {}
        (folder / "answer").write_bytes(msgpack.packb(answer))
        bare_path = str(folder / f"{name}{same}.sock")
        server = str(Path(__file__).with_name("bare_till_server.py"))
        with (
            started([server, bare_path, str(folder / "answer")]),
            contextlib.closing(connected(bare_path)) as bare,
        ):
            samples: list[tuple[float, float]] = [
                (_call_s(bare, request), _call_s(ours, request)) for _ in range(CALLS)
            ]
    bare_s, ours_s = (median([pair[n] for pair in samples[CALLS // 10 :]]) for n in (0, 1))
    ratio = ours_s / bare_s
    return Row(
        f"till socket, {name}, p50",
        f"bare server, {'the same' if same else 'an empty'} answer ({bare_s * 1e6:.1f} µs)",
        f"≤ {CALL_FIGURE} x",
        f"{ratio:.2f} x ({ours_s * 1e6:.1f} µs)",
        ratio <= CALL_FIGURE,
    )


# Many tills, and one that is slow, dead or hostile.


def _beside(
    path: str,
    request: bytes,
    what: str,
    neighbour: Callable[[str], contextlib.AbstractContextManager[None]],
) -> Row:
    """Each till's p99 of a round, alone and beside the neighbour, in turns; the middle of the
    rounds, as one round may have met somebody else's work on this machine."""
    with contextlib.ExitStack() as held:
        tills = [held.enter_context(contextlib.closing(_greeted(path))) for _ in range(TILLS - 1)]
        alone: list[list[float]] = [[] for _ in tills]
        beside: list[list[float]] = [[] for _ in tills]
        for _ in range(ROUNDS):
            _round(tills, request, SETTLING_CALLS)  # what the last neighbour had begun is over
            _extend(alone, _round(tills, request, CALLS_A_ROUND))
            with neighbour(path):
                _round(tills, request, SETTLING_CALLS)  # it is slow or dead by now
                _extend(beside, _round(tills, request, CALLS_A_ROUND))
    ratios = sorted(median(b) / median(a) for a, b in zip(alone, beside, strict=True))
    middle = median(ratios)
    p99_s = median([median(p99s) for p99s in alone])
    return Row(
        f"p99 of {TILLS - 1} tills beside one {what}",
        f"themselves alone ({p99_s * 1e6:.0f} µs)",
        f"≤ {NEIGHBOUR_FIGURE} x",
        f"{middle:.2f} x (each till: {ratios[0]:.2f} to {ratios[-1]:.2f})",
        middle <= NEIGHBOUR_FIGURE,
    )


def _extend(kept: list[list[float]], more: list[list[float]]) -> None:
    for p99s, samples in zip(kept, more, strict=True):
        p99s.append(_p99(samples))


def _p99(samples: list[float]) -> float:
    return sorted(samples)[int(len(samples) * 0.99)]


def _round(tills: list[socket.socket], request: bytes, calls: int) -> list[list[float]]:
    """Every till calls again as soon as it is answered."""
    poll = select.epoll()
    numbers = {till.fileno(): n for n, till in enumerate(tills)}
    took: list[list[float]] = [[] for _ in tills]
    began = [0.0] * len(tills)
    for n, till in enumerate(tills):
        poll.register(till, select.EPOLLIN)
        began[n] = time.perf_counter()
        till.sendall(request)
    left = len(tills)
    while left:
        for number, _ in poll.poll(20):
            n = numbers[number]
            tills[n].recv(65536)
            took[n].append(time.perf_counter() - began[n])
            if len(took[n]) == calls:
                left -= 1
                continue
            began[n] = time.perf_counter()
            tills[n].sendall(request)
    poll.close()
    return took


@contextlib.contextmanager
def _half_a_message(path: str) -> Iterator[None]:
    with contextlib.closing(_greeted(path)) as dead:
        dead.sendall(HELLO[:-1])
        yield


@contextlib.contextmanager
def _deaf(path: str) -> Iterator[None]:
    """Its answers fill the kernel's buffers and most of the mebibyte that it may owe."""
    with contextlib.closing(_greeted(path)) as deaf:
        _send_and_wait(deaf, HELLO * 3000)
        yield


def _send_and_wait(till: socket.socket, data: bytes) -> None:
    """Sends, and returns when the terminal has read it all."""
    till.sendall(data)
    while struct.unpack("i", fcntl.ioctl(till, termios.TIOCOUTQ, bytes(4)))[0]:
        select.select([], [], [], PACE_S)


@contextlib.contextmanager
def _slow(path: str) -> Iterator[None]:
    """It reads one answer now and then."""
    with contextlib.closing(_greeted(path)) as slow:
        _send_and_wait(slow, HELLO * 2000)
        with _beside_it(lambda: slow.recv(256), every_s=0.002):
            yield


@contextlib.contextmanager
def _flood(path: str) -> Iterator[None]:
    """A process that sends calls as fast as they are taken, and reads the answers."""
    code = (
        "import socket, sys, threading\n"
        "till = socket.socket(socket.AF_UNIX)\n"
        "till.connect(sys.argv[1])\n"
        "calls = bytes.fromhex(sys.argv[2]) * 20\n"
        "def send():\n"
        "    while True:\n"
        "        till.sendall(calls)\n"
        "threading.Thread(target=send, daemon=True).start()\n"
        "till.recv(65536)\n"
        "notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "import os\n"
        "notified.sendto(b'READY=1', chr(0) + os.environ['NOTIFY_SOCKET'][1:])\n"
        "while till.recv(65536):\n"
        "    pass\n"
    )
    with started(["-c", code, path, HELLO.hex()]):
        yield


@contextlib.contextmanager
def _beside_it(act: Callable[[], Any], every_s: float) -> Iterator[None]:
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(every_s):
            act()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# A product barcode.


def _scan(path: str, request: bytes, scanner: SerialDevice) -> Row:
    """From the scanner's last byte to the answer in the till's hands; both ends sleep before."""
    read = msgpack.packb([0, 3, "scanner.read", [{"timeout_s": 60}]])
    pause = threading.Event()
    with contextlib.closing(_greeted(path)) as till:
        calls, scans = [], []
        for _ in range(SCANS):
            till.sendall(read)
            scanner.send(b"4006381333931")
            pause.wait(PACE_S)
            began_s = time.perf_counter()
            os.write(scanner.fileno(), b"\r")
            answer = till.recv(65536)
            scans.append(time.perf_counter() - began_s)
            assert b"4006381333931" in answer, answer
            pause.wait(PACE_S)
            calls.append(_call_s(till, request))
    ratio = median(scans) / median(calls)
    return Row(
        "scan's last byte to the till, p50",
        f"payment.get at the same pacing ({median(calls) * 1e6:.0f} µs)",
        f"≤ {SCAN_FIGURE} x",
        f"{ratio:.2f} x ({median(scans) * 1e6:.0f} µs)",
        ratio <= SCAN_FIGURE,
    )
