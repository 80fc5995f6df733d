"""A gateway that goes away while nobody sells: said before a customer is asked for a code."""

import pytest

from tilld_testkit.antomsim_process import Simulator
from tilld_testkit.rpc import Rpc
from tilld_testkit.sales import body, paid, start, until
from tilld_testkit.shop import open_shop


@pytest.fixture
def antom(tmp_path):
    """A process of the test's own, to kill and to start again on its port."""
    first = Simulator(tmp_path / "antom")
    first.stop()
    antom = Simulator(tmp_path / "antom", listen=f"127.0.0.1:{first.port}")
    yield antom
    antom.stop()


@pytest.fixture
def shop(tmp_path, antom):
    with open_shop(tmp_path / "device", antom, scale=0.1, scanner=True) as shop:
        shop.read_scanner()
        yield shop


@pytest.fixture
def till(shop):
    with Rpc(shop.socket_path) as till:
        till.ask("events.subscribe", topics=["device.changed"])
        yield till


def hears(till, ready, after=0):
    """The first `device.changed` behind that one which says so."""
    return till.event(lambda event: event["ready"] == ready and event["seq"] > after)


def test_a_gateway_that_died_while_nobody_sold_is_unknown_then_no_then_yes(antom, shop, till):
    paid(till, antom)
    antom.kill()
    with Rpc(shop.socket_path) as other:
        assert other.ask("device.health")["ready"] in ("unknown", "no")
    gone = hears(till, "no")
    assert [block["code"] for block in gone["blocks"]] == ["no_gateway"]
    antom.start()
    hears(till, "yes", after=gone["seq"])
    assert till.ask("device.health")["ready"] == "yes"


def test_a_payment_is_refused_before_it_is_armed_when_the_gateway_died_unseen(antom, till):
    paid(till, antom)
    antom.kill()
    asked = body()
    refused = till.refused("payment.start", **asked)
    assert [block["code"] for block in refused["blocks"]] == ["no_gateway"]
    assert till.refused("payment.get", key=asked["key"])["code"] == "not_found"


def test_the_cashier_of_an_armed_payment_hears_of_the_outage_and_of_its_end(antom, shop, till):
    paid(till, antom)
    armed = start(till, scan_timeout_s=300)
    assert armed["prompt"]["code"] == "scan_code"
    antom.kill()
    till.ask("device.health")
    told = till.ask("payment.wait", key=armed["key"], revision=armed["revision"], timeout_s=20)
    assert (told["state"], told["prompt"]["code"]) == ("waiting_for_code", "no_network")
    antom.start()
    told = till.ask("payment.wait", key=armed["key"], revision=told["revision"], timeout_s=20)
    assert (told["state"], told["prompt"]) == ("waiting_for_code", armed["prompt"])
    shop.scanner.send(f"{antom.fresh_code()}\r\n".encode())
    assert until(till, told, "approved", "failed")["state"] == "approved"
