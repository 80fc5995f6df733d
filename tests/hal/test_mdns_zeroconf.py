"""What the Linux network says and hears by mDNS, with avahi as the other side of the cable.

The driver runs in a process of its own inside the device's namespace, told what to do line by line.
"""

from __future__ import annotations

import contextlib
import json
import select
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tilld_testkit.avahi import Avahi, avahi
from tilld_testkit.namespaces import DEVICE, Cable, cabled
from tilld_testkit.shop import SOURCES

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator

PATIENCE_S = 20.0
DEVICES = "_tilld._tcp"
GATEWAYS = "_tilld-gateway._tcp"
GOOD = ("v=1", "id=gw1", "models=forward,rest", "path=/v1")

DRIVER = """\
import json, sys, threading
from tilld_hal import catalogue
from tilld_hal.errors import Gone
from tilld_hal.network import Announcement

network = catalogue.open_driver("network", "linux", json.loads(sys.argv[1]))
def act():
    for line in sys.stdin:
        network.announce(Announcement("0123456789abcdef", "7", "0.1.0", int(line), 7000))
    network.close()
threading.Thread(target=act).start()
def said(state):
    gateways = [[one.name, one.host, one.port, one.id, one.models, one.path]
                for one in state.gateways]
    print(json.dumps({"link": state.link, "route": state.route, "changes": state.changes,
                      "gateways": gateways, "heard": state.heard, "trouble": state.trouble}),
          flush=True)
said(network.state())
try:
    while True:
        said(network.watch(None))
except Gone:
    pass
"""


class Driver:
    """The process, and what its watch has said."""

    def __init__(self, cable: Cable, folder: pathlib.Path, **settings: object) -> None:
        script = folder / "driver.py"
        script.write_text(DRIVER)
        with (folder / "stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                [*cable.device.before, sys.executable, str(script), json.dumps(settings)],
                env={"PYTHONPATH": SOURCES},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
            )
        self.said: list[dict[str, Any]] = []

    def owes(self, owed: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"%d\n" % owed)
        self._process.stdin.flush()

    def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next state that fits."""
        assert self._process.stdout is not None
        while select.select([self._process.stdout], [], [], PATIENCE_S)[0]:
            line = self._process.stdout.readline()
            if not line:
                break
            self.said.append(json.loads(line))
            if fits(self.said[-1]):
                return self.said[-1]
        raise AssertionError(f"no such state after {self.said[-5:]}")

    def close(self) -> None:
        self._process.communicate(timeout=20)
        assert self._process.returncode == 0


@contextlib.contextmanager
def driver(cable: Cable, folder: pathlib.Path, **settings: object) -> Iterator[Driver]:
    running = Driver(cable, folder, **settings)
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def cable() -> Iterator[Cable]:
    with cabled() as joined:
        yield joined


@pytest.fixture
def peer(cable: Cable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Avahi]:
    with avahi(cable.store, tmp_path_factory.mktemp("a")) as there:
        yield there


def test_avahi_sees_who_we_are_and_every_change_of_what_we_owe(
    cable: Cable, peer: Avahi, tmp_path: pathlib.Path
) -> None:
    with driver(cable, tmp_path) as device:
        device.owes(3)
        found = peer.found(DEVICES, owed="3")
        assert found.name == "tilld-0123456789abcdef"
        assert (found.address, found.port) == (DEVICE, 7000)
        assert found.txt == {
            "v": "1", "id": "0123456789abcdef", "terminal": "7", "version": "0.1.0", "owed": "3"
        }  # fmt: skip
        for owed in (4, 5, 0):
            device.owes(owed)  # a flurry is told once, its end surely
        assert peer.found(DEVICES, owed="0").txt == {**found.txt, "owed": "0"}


def test_avahi_hears_that_we_come_and_stop(
    cable: Cable, peer: Avahi, tmp_path: pathlib.Path
) -> None:
    with peer.browsing(DEVICES) as browser:
        with driver(cable, tmp_path) as device:
            device.owes(0)
            browser.comes("tilld-0123456789abcdef")
        browser.goes("tilld-0123456789abcdef")


def test_a_replugged_interface_is_announced_on_again(
    cable: Cable, peer: Avahi, tmp_path: pathlib.Path
) -> None:
    with driver(cable, tmp_path) as device:
        device.owes(1)
        peer.found(DEVICES, owed="1")
        cable.unplug()
        device.until(lambda state: state["link"] == "no")
        device.owes(2)
        cable.plug()
        peer.found(DEVICES, owed="2")


def test_a_gateway_is_seen_forgotten_and_seen_again_after_a_replug(
    cable: Cable, peer: Avahi, tmp_path: pathlib.Path
) -> None:
    gateway = ["Shop", "storeserver.local", 8443, "gw1", ["forward", "rest"], "/v1"]
    with driver(cable, tmp_path, announce=False) as device:
        with peer.publishing("Shop", GATEWAYS, 8443, *GOOD):
            device.until(lambda state: state["gateways"] == [gateway] and state["heard"])
        device.until(lambda state: not state["gateways"])
        cable.unplug()
        device.until(lambda state: state["link"] == "no")
        cable.plug()
        with peer.publishing("Shop", GATEWAYS, 8443, *GOOD):
            device.until(lambda state: state["gateways"] == [gateway])


@pytest.mark.parametrize(
    "txt",
    [
        (),
        ("v=2", "id=gw1", "models=rest", "path=/"),
        ("v=1", "models=rest", "path=/"),
        ("v=1", "id=", "models=rest", "path=/"),
        ("v=1", "id=" + "x" * 65),
        ("v=1", "id=gw1", "models=" + ",".join("m" * 9)),
        ("v=1", "id=gw1", "path=elsewhere"),
        ("v=1", "id=gw 1"),
    ],
)
def test_a_txt_record_that_makes_no_sense_is_no_gateway(
    cable: Cable, peer: Avahi, tmp_path: pathlib.Path, txt: tuple[str, ...]
) -> None:
    with driver(cable, tmp_path, announce=False) as device:
        with (
            peer.publishing("Bad", GATEWAYS, 8443, *txt),
            peer.publishing("Good", GATEWAYS, 8443, *GOOD),
        ):
            device.until(lambda state: [one[0] for one in state["gateways"]] == ["Good"])
        assert all(one[0] == "Good" for state in device.said for one in state["gateways"])


def test_a_gateway_that_says_the_same_again_is_heard_again(
    cable: Cable, peer: Avahi, tmp_path: pathlib.Path
) -> None:
    """It was switched off without a goodbye, and is back: its records are all known."""
    with driver(cable, tmp_path, announce=False) as device:
        _hears(device, peer)
        packet = _announcement("Shop", b"v=1", b"id=gw1")
        _send(cable, packet)
        first = device.until(lambda state: "Shop" in [one[0] for one in state["gateways"]])
        _send(cable, _announcement("Other", b"v=1", b"id=gw2"))  # within a second it is an echo
        second = device.until(lambda state: state["heard"] > first["heard"])
        _send(cable, packet)
        assert device.until(lambda state: state["heard"] > second["heard"])["gateways"]


def test_a_flood_of_gateways_is_bounded_and_a_real_one_still_heard(
    cable: Cable, peer: Avahi, tmp_path: pathlib.Path
) -> None:
    with driver(cable, tmp_path, announce=False) as device:
        _hears(device, peer)
        flood = [_announcement(f"Fake {n}", b"v=1", b"id=f%d" % n) for n in range(2000)]
        _send(cable, *flood, *[b"\0" * 12, b"", b"\xff" * 300])
        device.until(lambda state: len(state["gateways"]) == 16)
        with peer.publishing("Shop", GATEWAYS, 8443, *GOOD):
            device.until(lambda state: "Shop" in [one[0] for one in state["gateways"]])
        assert len(device.said) < 100
        assert all(len(state["gateways"]) <= 16 for state in device.said)


def test_a_port_that_is_taken_is_one_sentence_until_the_network_changes(
    cable: Cable, peer: Avahi, tmp_path: pathlib.Path
) -> None:
    thief = subprocess.Popen(
        [*cable.device.before, sys.executable, "-c", _THIEF],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert thief.stdout is not None
    assert thief.stdout.readline() == b"mine\n"
    with driver(cable, tmp_path) as device:
        device.owes(1)
        broken = device.until(lambda state: state["trouble"])
        assert broken["trouble"] == "Address already in use"
        assert (broken["link"], broken["route"]) == ("yes", "yes")
        thief.communicate(timeout=20)
        cable.cut()
        device.until(lambda state: state["link"] == "no")
        cable.mend()
        device.until(lambda state: state["link"] == "yes" and not state["trouble"])
        peer.found(DEVICES, owed="1")
    assert (tmp_path / "stderr").read_text() == ""


def test_a_cable_that_flaps_ends_as_if_it_had_been_plugged_in_once(
    cable: Cable, peer: Avahi, tmp_path: pathlib.Path
) -> None:
    with driver(cable, tmp_path) as device:
        device.owes(1)
        peer.found(DEVICES, owed="1")
        for _ in range(30):
            cable.store.ip("link set wall0 down")
            cable.store.ip("link set wall0 up")
        device.owes(2)
        peer.found(DEVICES, owed="2")
        assert device.until(lambda state: state["link"] == "yes")["trouble"] == ""
    assert (tmp_path / "stderr").read_text() == ""


def test_an_interface_without_multicast_breaks_nothing(
    cable: Cable, peer: Avahi, tmp_path: pathlib.Path
) -> None:
    cable.device.ip("link set till0 multicast off")
    with driver(cable, tmp_path) as device:
        device.owes(1)
        cable.cut()
        device.until(lambda state: state["link"] == "no")
        cable.device.ip("link set till0 multicast on")
        cable.mend()
        peer.found(DEVICES, owed="1")
    assert (tmp_path / "stderr").read_text() == ""


def _hears(device: Driver, peer: Avahi) -> None:
    """Returns when the driver's process listens."""
    with peer.publishing("First", GATEWAYS, 8443, *GOOD):
        device.until(lambda state: state["heard"] > 0)
    device.until(lambda state: not state["gateways"])


_THIEF = """\
import socket, sys
taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
taken.bind(("", 5353))
print("mine", flush=True)
sys.stdin.read()
"""


def _announcement(name: str, *txt: bytes) -> bytes:
    """An mDNS response with pointer, host and TXT record of a gateway (RFC 6762 §8.3)."""

    def name_of(*labels: str) -> bytes:
        return b"".join(bytes([len(x)]) + x.encode() for x in labels) + b"\0"

    def record(owner: bytes, kind: int, data: bytes) -> bytes:
        return owner + struct.pack("!HHIH", kind, 1, 4500, len(data)) + data

    kind = ("_tilld-gateway", "_tcp", "local")
    mine = name_of(name, *kind)
    described = b"".join(bytes([len(one)]) + one for one in txt)
    return (
        struct.pack("!HHHHHH", 0, 0x8400, 0, 3, 0, 0)
        + record(name_of(*kind), 12, mine)
        + record(mine, 33, struct.pack("!HHH", 0, 0, 8443) + name_of("liar", "local"))
        + record(mine, 16, described)
    )


_SENDER = """\
import socket, sys
sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sending.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
sending.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.0.2.1"))
for line in sys.stdin:
    sending.sendto(bytes.fromhex(line), ("224.0.0.251", 5353))
"""


def _send(cable: Cable, *packets: bytes) -> None:
    subprocess.run(
        [*cable.store.before, sys.executable, "-c", _SENDER],
        input="".join(packet.hex() + "\n" for packet in packets),
        text=True,
        check=True,
        timeout=30,
    )
