"""After an outage: how soon the first owed cancel is on the wire, how long 500 take, and whether
one that never succeeds holds up the others.

The terminal and Antom are two network namespaces with a cable between them (as root), in mode
sandbox with the seed's timers. "Reachable again" is the moment before the cable is mended, or the
moment the gateway's process says that it listens; "on the wire" is when the simulator has the
request.
"""

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.bench import Row, median
from tilld_testkit.antomsim_process import Simulator
from tilld_testkit.avahi import avahi
from tilld_testkit.namespaces import STORE, Cable, cabled
from tilld_testkit.shop import Terminal, new_key

RUNS = 11
BACK_S = 1.5
QUEUE = 500
DRAIN_S = 30.0
FEW = 40  # more than are tried at once
POISON_S = 1.0
POISON_RUNS = 5
TILLS = 8
LISTEN = f"{STORE}:8443"
PATIENCE_S = 60.0
GATEWAY = ("v=1", "id=gw1", "models=forward", "path=/v1")


def run() -> list[Row]:
    with _street() as street:
        rows = [
            _back("a cable mended", street, street.cable.cut, street.cable.mend),
            _back("an interface replugged", street, street.cable.unplug, street.cable.plug),
            _back("the gateway's process back", street, street.simulator.kill, street.start),
            _announced(street),
        ]
        return [*rows, _drained(street), _poisoned(street)]


class _Street:
    def __init__(self, folder: Path, cable: Cable, simulator: Simulator) -> None:
        self.folder = folder
        self.cable = cable
        self.simulator = simulator
        self.terminal = Terminal(
            folder / "device",
            simulator,
            mode="sandbox",
            size=32 * 1024 * 1024,
            more={"timing": "acknowledge_within_s = 300"},  # 500 approvals wait for their cancel
        )

    def start(self) -> None:
        self.simulator.start()

    def approved(self, till: Any) -> Any:
        code = self.simulator.fresh_code()
        key = new_key()
        return till.wait(till.start(key, f"order-{key[:8]}", "EUR", 1250, code=code))

    def cancel_s(self, payment: str, since_ms: int) -> float:
        """When the first cancel of it came in, in seconds after then."""
        found = self.simulator.control("GET", f"/_sim/log?payment={payment}")["requests"]
        times: list[int] = [one["at_ms"] for one in found if one["api"] == "cancel"]
        return min((at_ms - since_ms) / 1000 for at_ms in times if at_ms >= since_ms)


@contextlib.contextmanager
def _street() -> Iterator[_Street]:
    with contextlib.ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        cable = ends.enter_context(cabled())
        simulator = Simulator(
            folder / "antom", "--name", STORE, listen=LISTEN, before=cable.store.before
        )
        ends.callback(simulator.stop)
        street = _Street(folder, cable, simulator)
        ends.callback(street.terminal.close)
        street.terminal.start(*cable.device.before)
        yield street


def _back(
    what: str, street: _Street, away: Callable[[], object], again: Callable[[], object]
) -> Row:
    """``again`` brings back what ``away`` took; a process counts from the end of ``again``."""
    starts = again == street.start
    times = []
    with street.terminal.till() as till:
        for number in range(RUNS):
            payment = _owed(street, till, away, 0.7 * number)
            began_ms = time.time_ns() // 1_000_000
            again()
            if starts:
                began_ms = time.time_ns() // 1_000_000
            _closed(till, payment)
            times.append(street.cancel_s(payment["payment"], began_ms))
    return _figure(f"{what}: cancel on the wire, p50", times)


def _announced(street: _Street) -> Row:
    """Antom is there and answers U, so nobody looks for it; then a gateway says it is there."""
    times = []
    (bus := street.folder / "a").mkdir()
    with street.terminal.till() as till, avahi(street.cable.store, bus) as peer:
        for _ in range(RUNS):
            payment = street.approved(till)
            street.simulator.set_faults({"api": "cancel", "fault": "U for ever"})
            payment = till.call("payment.cancel", key=payment["key"])
            _pause(1.0)
            street.simulator.set_faults()
            began_ms = time.time_ns() // 1_000_000
            with peer.publishing("Store", "_tilld-gateway._tcp", 8443, *GATEWAY):
                _closed(till, payment)
            times.append(street.cancel_s(payment["payment"], began_ms))
            _pause(4.0)  # a gateway is heeded once in 5 s
    return _figure("a gateway's announcement: cancel on the wire, p50", times)


def _figure(what: str, times: list[float]) -> Row:
    measured = median(times)
    shown = f"{measured:.2f} s ({len(times)} runs, longest {max(times):.2f} s)"
    return Row(what, "counted", f"≤ {BACK_S} s", shown, measured <= BACK_S)


def _owed(street: _Street, till: Any, away: Callable[[], object], for_s: float) -> Any:
    """A payment that was cancelled while Antom was away, for so long by now."""
    payment = street.approved(till)
    away()
    payment = till.call("payment.cancel", key=payment["key"])
    _pause(0.5 + for_s)
    return payment


def _closed(till: Any, payment: Any) -> None:
    while not payment["settled"]:
        payment = till.call(
            "payment.wait", key=payment["key"], revision=payment["revision"], timeout_s=30
        )


def _pause(for_s: float) -> None:
    threading.Event().wait(for_s)


def _drained(street: _Street) -> Row:
    with _payments(street, QUEUE) as (till, payments):
        street.cable.cut()
        for payment in payments:
            till.call("payment.cancel", key=payment["key"])
        _pause(5.0)
        began_s = time.perf_counter()
        street.cable.mend()
        for payment in payments:
            _closed(till, till.call("payment.get", key=payment["key"]))
        took_s = time.perf_counter() - began_s
    return Row(
        f"{QUEUE} queued cancels confirmed after the return",
        "counted",
        f"≤ {DRAIN_S:.0f} s",
        f"{took_s:.1f} s",
        took_s <= DRAIN_S,
    )


def _poisoned(street: _Street) -> Row:
    clean, poisoned = [], []
    for _ in range(POISON_RUNS):
        clean.append(_flushed_s(street, poisoned=False))
        poisoned.append(_flushed_s(street, poisoned=True))
    later_s = median(poisoned) - median(clean)
    return Row(
        f"one of {FEW} cancels never answered: the last of the others comes later",
        f"the same without it ({median(clean):.2f} s)",
        f"≤ {POISON_S:.0f} s",
        f"{later_s:+.2f} s",
        later_s <= POISON_S,
    )


def _flushed_s(street: _Street, poisoned: bool) -> float:
    """Seconds from a flush until all are confirmed but the poison's: the oldest debt, so that it
    is always tried first, and never answered."""
    with _payments(street, FEW) as (till, payments):
        poison = {"api": "cancel", "fault": "no answer", "payment": payments[0]["payment"]}
        faults = [poison] if poisoned else []
        street.simulator.set_faults(*faults, {"api": "cancel", "fault": "rate limit"})
        for payment in payments:
            till.call("payment.cancel", key=payment["key"])
        _pause(1.0)
        street.simulator.set_faults(*faults)
        began_s = time.perf_counter()
        till.call("queue.flush")
        for payment in payments[poisoned:]:
            _closed(till, till.call("payment.get", key=payment["key"]))
        took_s = time.perf_counter() - began_s
        street.simulator.set_faults()
        till.call("queue.flush")
        _closed(till, till.call("payment.get", key=payments[0]["key"]))
    return took_s


@contextlib.contextmanager
def _payments(street: _Street, count: int) -> Iterator[tuple[Any, list[Any]]]:
    """A till, and so many payments that wait for its word."""
    with contextlib.ExitStack() as ends, ThreadPoolExecutor(TILLS) as threads:
        tills = [ends.enter_context(street.terminal.till()) for _ in range(TILLS)]
        shares = threads.map(
            lambda n: [street.approved(tills[n]) for _ in range(n, count, TILLS)], range(TILLS)
        )
        yield tills[0], [payment for share in shares for payment in share]
