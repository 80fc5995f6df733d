"""The dummies ship: they keep the interfaces' promises and carry their faults as settings."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tilld_hal import catalogue
from tilld_hal.drivers.clock_dummy import DummyClock
from tilld_hal.drivers.clock_linux import LinuxClock
from tilld_hal.drivers.network_dummy import DummyNetwork
from tilld_hal.drivers.network_linux import LinuxNetwork
from tilld_hal.drivers.printer_dummy import DummyPrinter
from tilld_hal.drivers.scanner_dummy import DummyScanner
from tilld_hal.errors import Gone
from tilld_hal.escpos_printer import EscposPrinter
from tilld_hal.network import GATEWAYS_MAX, Announcement, NetworkState, Sighting
from tilld_hal.printer import DONE, FAILED, UNKNOWN, Fate, PrinterStatus
from tilld_hal.scanner import Scan
from tilld_hal.scanner_line_linux import LineScanner
from tilld_testkit.paper import Paper

if TYPE_CHECKING:
    from tilld_hal.clock import Clock
    from tilld_hal.network import Network
    from tilld_hal.printer import Printer
    from tilld_hal.scanner import Scanner

PATIENCE_S = 20.0
RECEIPT: list[dict[str, Any]] = [{"type": "text", "text": "12,50 €"}, {"type": "cut"}]


def scanner(**settings: object) -> DummyScanner:
    device: DummyScanner = catalogue.open_driver("scanner", "dummy", settings)
    return device


def printer(**settings: object) -> DummyPrinter:
    device: DummyPrinter = catalogue.open_driver("printer", "dummy", settings)
    return device


def network(**settings: object) -> DummyNetwork:
    device: DummyNetwork = catalogue.open_driver("network", "dummy", settings)
    return device


def test_every_device_keeps_to_its_interface_and_may_be_closed_twice() -> None:
    scanners: list[type[Scanner]] = [DummyScanner, LineScanner]
    printers: list[type[Printer]] = [DummyPrinter, EscposPrinter]
    networks: list[type[Network]] = [DummyNetwork, LinuxNetwork]
    clocks: list[type[Clock]] = [DummyClock, LinuxClock]
    devices = [
        scanner(),
        printer(),
        network(),
        catalogue.open_driver("network", "linux", {"loopback": True}),
        catalogue.open_driver("clock", "dummy", {}),
        catalogue.open_driver("clock", "linux", {}),
    ]
    for device in devices:
        assert type(device) in [*scanners, *printers, *networks, *clocks]
        device.close()
        device.close()


def test_the_scanner_delivers_its_codes_in_order_and_then_nothing() -> None:
    device = scanner(codes="2811 2812")
    assert device.read(PATIENCE_S) == Scan("2811", "qr")
    assert device.read(PATIENCE_S) == Scan("2812", "qr")
    assert device.read(0) is None


def test_the_scanner_is_gone_at_the_read_it_was_told() -> None:
    device = scanner(codes="2811 2812", gone_at=2)
    assert device.read(0) == Scan("2811", "qr")
    for _ in range(2):
        with pytest.raises(Gone):
            device.read(0)


def test_a_scan_a_wake_and_a_pulled_cable_each_end_a_read_under_way() -> None:
    for act, expected in [
        (lambda device: device.scan("2811"), Scan("2811", "qr")),
        (lambda device: device.wake(), None),
        (lambda device: device.unplug(), Gone),
        (lambda device: device.close(), Gone),
    ]:
        device = scanner()
        ended: list[object] = []

        def read(device: DummyScanner = device, ended: list[object] = ended) -> None:
            try:
                ended.append(device.read(PATIENCE_S))
            except Gone:
                ended.append(Gone)

        reading = threading.Thread(target=read)
        reading.start()
        act(device)
        reading.join(PATIENCE_S)
        assert ended == [expected]


def test_a_drained_scanner_has_forgotten_what_came_before() -> None:
    device = scanner(codes="2811 2812")
    assert device.drain() == 2
    device.scan("2999")
    assert device.read(0) == Scan("2999", "qr")
    assert device.dropped == 2


def test_the_printer_keeps_what_a_real_one_would_have_printed() -> None:
    device = printer(columns=32)
    assert device.status() == PrinterStatus("yes", "yes", "yes", "no", "no")
    assert device.send(device.render(RECEIPT)) == Fate(DONE)
    paper = Paper(32)
    paper.feed(device.printed[0])
    assert paper.lines == ["12,50 €"]
    assert len(paper.cuts) == 1


@pytest.mark.parametrize(
    ("faults", "status", "state", "prints"),
    [
        ({"paper_out": True}, PrinterStatus("no", "no", "yes", "yes", "no"), FAILED, False),
        ({"cover_open": True}, PrinterStatus("no", "yes", "no", "no", "no"), FAILED, False),
        ({"no_status": True}, PrinterStatus(), UNKNOWN, True),
        ({"swallow": True}, PrinterStatus(), UNKNOWN, False),
        (
            {"paper_out": True, "no_status": True},
            PrinterStatus(),
            UNKNOWN,
            False,
        ),
    ],
)
def test_a_printer_with_a_fault_says_only_what_it_could_know(
    faults: dict[str, object], status: PrinterStatus, state: str, prints: bool
) -> None:
    device = printer(**faults)
    assert device.status() == status
    assert device.send(device.render(RECEIPT)).state == state
    assert bool(device.printed) == prints


def test_a_printer_cut_off_within_a_job_is_unknown_and_then_gone() -> None:
    device = printer(cut_off_after=10)
    data = device.render(RECEIPT)
    assert device.send(data).state == UNKNOWN
    assert device.printed == [data[:10]]
    with pytest.raises(Gone):
        device.send(data)


def test_the_network_tells_each_scripted_change_once() -> None:
    device = network(link="no", route="no")
    assert device.state() == NetworkState("no", "no")
    device.change("yes", "no")
    device.change("yes", "no")
    device.change("yes", "yes")
    assert device.state() == NetworkState("yes", "yes")
    assert device.watch(PATIENCE_S) == NetworkState("yes", "no")
    assert device.watch(PATIENCE_S) == NetworkState("yes", "yes")
    assert device.watch(0) is None


def test_a_gateway_that_is_seen_is_told_each_time_and_the_oldest_makes_room() -> None:
    device = network()
    shop = Sighting("Shop", "shop.local", 8443, "gw1", ("forward",), "/v1")
    device.see(shop)
    device.see(shop)
    assert device.watch(0) == NetworkState("yes", "yes", gateways=(shop,), heard=1)
    assert device.watch(0) == NetworkState("yes", "yes", gateways=(shop,), heard=2)
    for number in range(GATEWAYS_MAX):
        device.see(Sighting(f"G{number}", "g.local", 1, "g", (), ""))
    gateways = device.state().gateways
    assert len(gateways) == GATEWAYS_MAX
    assert shop not in gateways


def test_a_replug_and_a_broken_discovery_are_told_and_a_link_keeps_what_was_seen() -> None:
    device = network()
    shop = Sighting("Shop", "shop.local", 8443, "gw1", ("forward",), "/v1")
    device.see(shop)
    device.replug()
    device.change("yes", "no")
    assert device.state() == NetworkState("yes", "no", changes=1, gateways=(shop,), heard=1)
    device.break_discovery("no multicast")
    assert (device.state().gateways, device.state().trouble) == ((), "no multicast")


def test_the_network_keeps_what_the_device_says_of_itself() -> None:
    device = network()
    device.announce(Announcement("id", "7", "0.1.0", 2, 0))
    assert device.announced == Announcement("id", "7", "0.1.0", 2, 0)


def test_a_watch_ends_by_wake_and_by_close() -> None:
    device = network()
    device.wake()
    assert device.watch(None) is None
    device.close()
    with pytest.raises(Gone):
        device.watch(None)
