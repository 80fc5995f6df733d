"""The refund that took the place of a cancel is written off with its payment, and stays so."""

import pytest

from tilld_testkit.rpc import Rpc
from tilld_testkit.shop import new_key, open_shop
from tilld_testkit.store_of_certificates import Store

EUR = {"currency": "EUR", "value": 1250}
ADA = {"name": "Ada Byron", "reason": "paid back in cash, slip 17"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def terminal(tmp_path, simulator, store):
    simulator.set_faults(
        {"api": "cancel", "fault": "cancel window closed"},
        {"api": "refund", "fault": "no answer"},
        {"api": "inquiryRefund", "fault": "no answer"},
    )
    with open_shop(tmp_path / "device", simulator, scale=0.05, more=store.settings) as terminal:
        yield terminal


def refunding(till, simulator):
    """A payment whose money goes back by a refund that Antom does not answer."""
    key = new_key()
    code = simulator.fresh_code()
    till.ask("payment.start", key=key, order_ref=f"order {key}", amount=EUR, code=code)
    assert till.ask("payment.wait", key=key, timeout_s=20)["state"] == "approved"
    payment = till.ask("payment.cancel", key=key)
    while payment["state"] != "refunding":
        seen = payment["revision"]
        payment = till.ask("payment.wait", key=key, revision=seen, timeout_s=20)
        assert payment["revision"] > seen
    return payment


def refund_of(till, payment):
    (refund,) = till.ask("refund.list", payment=payment["payment"])["refunds"]
    return refund


def test_the_refund_is_settled_with_its_payment_over_a_restart_too(terminal, store, simulator):
    with Rpc(terminal.socket_path) as till:
        till.ask("events.subscribe")
        payment = refunding(till, simulator)
        with Rpc(store.connect(store.engineer_port, store.engineer)) as engineer:
            resolved = engineer.ask("queue.resolve", payment=payment["payment"], **ADA)
        assert (resolved["state"], resolved["settled"]) == ("written_off", True)
        till.event(lambda event: event["event"] == "refund.changed" and event["refund"]["settled"])
        refund = refund_of(till, payment)
        assert (refund["state"], refund["decided"]) == ("needs_attention", False)
        assert till.ask("refund.list", open=True)["refunds"] == []
        assert till.ask("queue.list")["entries"] == []
    terminal.kill()
    terminal.start()
    with Rpc(terminal.socket_path) as till:
        again = till.ask("payment.get", payment=payment["payment"])
        assert (again["state"], again["reason"]) == ("written_off", resolved["reason"])
        assert refund_of(till, payment)["settled"] is True
        assert till.ask("refund.list", open=True)["refunds"] == []
        words = str(till.ask("payment.explain", payment=payment["payment"]))
        assert ADA["name"] in words
        assert ADA["reason"] in words
