"""While a decision is on its way to flash, no call tells of it (I4)."""

import pytest

from tilld_testkit.rpc import Rpc
from tilld_testkit.sales import approved, body
from tilld_testkit.shop import Terminal

SLOW_FLUSH = "inject=fdatasync:delay_enter=700000:when=1+"


@pytest.fixture
def till(tmp_path, simulator):
    terminal = Terminal(tmp_path / "device", simulator)
    try:
        terminal.start("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", SLOW_FLUSH)
        with Rpc(terminal.socket_path) as till:
            yield till
    finally:
        terminal.close()


def test_no_call_says_paid_before_the_acknowledge_does(till, simulator):
    payment = approved(till, simulator)
    acknowledge = till.send("payment.acknowledge", {"key": payment["key"]})
    till.ask("device.health")  # by its answer the acknowledge is under way
    assert till.ask("payment.get", key=payment["key"])["state"] == "approved"
    explained = till.ask("payment.explain", key=payment["key"])
    assert "the till has not confirmed that yet" in explained["sentence"]
    assert not any("Decided" in step["known"] for step in explained["steps"])
    refused = till.refused("receipt.get", payment=payment["payment"])
    assert refused["code"] == "not_paid"
    again = body(order_ref=payment["order_ref"], code=simulator.fresh_code())
    assert till.refused("payment.start", **again)["code"] == "order_busy"
    assert acknowledge not in till.answers
    assert till.answer(acknowledge)["state"] == "paid"
    assert till.ask("receipt.get", payment=payment["payment"])["fields"]
    assert till.refused("payment.start", **again)["code"] == "order_paid"
