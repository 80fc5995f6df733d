"""The network is back: what is owed leaves, by the cable, by the route and by a gateway's word.

The device and the store's host are two network namespaces with a cable between them, in mode
sandbox with the real timers; the other side of mDNS is avahi.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tilld_testkit.antomsim_process import Simulator
from tilld_testkit.avahi import avahi
from tilld_testkit.namespaces import STORE, Cable, cabled
from tilld_testkit.shop import Terminal, new_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tilld_client import Till
    from tilld_testkit.avahi import Avahi

LISTEN = f"{STORE}:8443"
GOOD = ("v=1", "id=gw1", "models=forward", "path=/v1")
SLOW = "retry_every_s = 10\nretry_jitter_s = 0"


class Street:
    """The shop: its terminal on one side of the cable, Antom and avahi on the other."""

    def __init__(self, cable: Cable, simulator: Simulator, peer: Avahi, terminal: Terminal) -> None:
        self.cable = cable
        self.simulator = simulator
        self.peer = peer
        self.terminal = terminal

    def approved(self, till: Till) -> Any:
        """A payment that waits for the till's word."""
        code = self.simulator.fresh_code()
        started = till.start(new_key(), f"order-{code[-6:]}", "EUR", 1250, code=code)
        payment = till.wait(started)
        assert payment["state"] == "approved"
        return payment

    def owed(self, till: Till, payment: Any) -> Any:
        """It was cancelled, and its cancel has not been confirmed."""
        payment = till.call("payment.cancel", key=payment["key"])
        assert payment["outcome"] == "not_paid"
        assert not payment["settled"]
        return payment


@pytest.fixture
def street(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with contextlib.ExitStack() as ends:
        cable = ends.enter_context(cabled())
        peer = ends.enter_context(avahi(cable.store, tmp_path_factory.mktemp("a")))
        simulator = Simulator(
            tmp_path / "antom", "--name", STORE, listen=LISTEN, before=cable.store.before
        )
        ends.callback(simulator.stop)
        terminal = Terminal(tmp_path / "device", simulator, mode="sandbox", more={"timing": SLOW})
        ends.callback(terminal.close)
        terminal.start(*cable.device.before)
        yield Street(cable, simulator, peer, terminal)


def closed(till: Till, payment: Any) -> Any:
    """The payment once nothing is owed."""
    while not payment["settled"]:
        payment = till.call(
            "payment.wait", key=payment["key"], revision=payment["revision"], timeout_s=15
        )
    return payment


def tries(till: Till, payment: Any) -> int:
    """How often its cancel was sent; 0 when it is owed no more."""
    entries = till.call("queue.list")["entries"]
    return sum(one["attempts"] for one in entries if one["payment"] == payment["payment"])


def test_a_cable_that_is_cut_and_mended_brings_the_cancel_out(street: Street) -> None:
    with street.terminal.till() as till:
        payment = street.approved(till)
        street.cable.cut()
        payment = street.owed(till, payment)
        street.cable.mend()
        assert closed(till, payment)["state"] == "cancelled"
        assert street.simulator.owed(payment["payment"]) == 0


def test_an_interface_that_is_replugged_brings_the_cancel_out(street: Street) -> None:
    with street.terminal.till() as till:
        payment = street.approved(till)
        street.cable.unplug()
        payment = street.owed(till, payment)
        street.cable.plug()
        assert closed(till, payment)["state"] == "cancelled"
        assert street.simulator.owed(payment["payment"]) == 0


def test_a_gateway_that_announces_itself_brings_the_cancel_out(street: Street) -> None:
    """The way was never closed, so that nothing looks at it, and the timer's turn is 10 s away."""
    with street.terminal.till() as till:
        payment = street.approved(till)
        street.simulator.set_faults({"api": "cancel", "fault": "U for ever", "times": 1})
        payment = street.owed(till, payment)
        assert tries(till, payment) == 1
        with street.peer.publishing("Store", "_tilld-gateway._tcp", 8443, *GOOD):
            ended = till.call(
                "payment.wait", key=payment["key"], revision=payment["revision"], timeout_s=8
            )
            assert ended["state"] == "cancelled"
            seen = till.call("device.health")["network"]
        assert (seen["link"], seen["route"]) == ("yes", "yes")
        (gateway,) = seen["gateways"]
        assert (gateway["name"], gateway["host"]) == ("Store", "storeserver.local")
        assert "a gateway announces itself" in street.terminal.log()


def test_a_gateway_that_was_down_and_comes_back_gets_the_cancel(street: Street) -> None:
    with street.terminal.till() as till:
        payment = street.approved(till)
        street.simulator.kill()
        payment = street.owed(till, payment)
        street.simulator.start()
        with street.peer.publishing("Store", "_tilld-gateway._tcp", 8443, *GOOD):
            assert closed(till, payment)["state"] == "cancelled"
        assert street.simulator.owed(payment["payment"]) == 0


def test_a_gateway_that_lies_changes_nothing_but_the_next_look(street: Street) -> None:
    with street.terminal.till() as till:
        payment = street.approved(till)
        street.simulator.kill()
        payment = street.owed(till, payment)
        with street.peer.publishing("Store", "_tilld-gateway._tcp", 9, *GOOD):
            while not till.call("device.health")["network"]["gateways"]:
                till.call("payment.wait", key=payment["key"], revision=10**6, timeout_s=1)
        assert not till.call("payment.get", key=payment["key"])["settled"]
        street.simulator.start()
        assert closed(till, payment)["state"] == "cancelled"


def test_the_store_sees_what_the_terminal_owes(street: Street) -> None:
    with street.terminal.till() as till:
        found = street.peer.found("_tilld._tcp", owed="0")
        assert found.port == 0  # no engineer is let in
        info = till.call("device.info")
        assert found.txt == {
            "v": "1", "id": info["device"], "terminal": "7", "version": info["version"],
            "owed": "0",
        }  # fmt: skip
        payment = street.approved(till)
        street.simulator.set_faults({"api": "cancel", "fault": "U for ever"})
        payment = street.owed(till, payment)
        street.peer.found("_tilld._tcp", owed="1")
        street.simulator.set_faults()
        till.call("queue.flush")
        closed(till, payment)
        street.peer.found("_tilld._tcp", owed="0")
