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


def never_answered(till, simulator):
    """A refund of the till's own that Antom does not answer."""
    key = new_key()
    till.ask(
        "payment.start", key=key, order_ref=f"o {key}", amount=EUR, code=simulator.fresh_code()
    )
    assert till.ask("payment.wait", key=key, timeout_s=20)["state"] == "approved"
    paid = till.ask("payment.acknowledge", key=key)
    return till.ask("refund.start", key=new_key(), payment=paid["payment"])


def test_a_refund_of_the_tills_own_is_closed_by_name_and_told_with_its_payment(
    terminal, store, simulator
):
    with Rpc(terminal.socket_path) as till:
        till.ask("events.subscribe")
        owed = never_answered(till, simulator)
        with Rpc(store.connect(store.engineer_port, store.engineer)) as engineer:
            told = engineer.refused("queue.resolve", refund=owed["refund"], key="k" * 16, **ADA)
            assert (told["code"], told["fields"]) == ("bad_param", ["refund"])
            resolved = engineer.ask("queue.resolve", refund=owed["refund"], **ADA)
            assert (resolved["state"], resolved["settled"]) == ("needs_attention", True)
            assert resolved["reason"]["code"] == "written_off"
            again = engineer.ask("queue.resolve", refund=owed["refund"], name="Eve", reason="me")
            assert again == resolved
        till.event(
            lambda event: event["event"] == "attention" and event.get("refund") == owed["refund"]
        )
        assert ADA["reason"] in str(till.ask("payment.explain", payment=owed["payment"]))
        assert till.ask("report.get")["open_refunds"] == []
    terminal.kill()
    terminal.start()
    with Rpc(terminal.socket_path) as till:
        kept = till.ask("refund.get", refund=owed["refund"])
        assert (kept["settled"], kept["reason"]["code"]) == (True, "written_off")
        words = str(till.ask("payment.explain", payment=owed["payment"]))
        assert all(word in words for word in ADA.values())
        assert "Eve" not in words


def test_a_refund_that_was_never_sent_is_not_refunded_once_it_is_closed(terminal, store):
    with Rpc(terminal.socket_path) as till:
        owed = till.ask("refund.start", key=new_key(), payment="typo", amount=EUR)
        with Rpc(store.connect(store.engineer_port, store.engineer)) as engineer:
            resolved = engineer.ask("queue.resolve", refund=owed["refund"], **ADA)
    assert (resolved["state"], resolved["outcome"]) == ("refused", "not_refunded")
    assert (resolved["decided"], resolved["settled"]) == (True, True)


def test_a_refund_in_place_of_a_cancel_is_resolved_by_its_payment_alone(terminal, store, simulator):
    with Rpc(terminal.socket_path) as till:
        payment = refunding(till, simulator)
        refund = refund_of(till, payment)["refund"]
    with Rpc(store.connect(store.engineer_port, store.engineer)) as engineer:
        told = engineer.refused("queue.resolve", refund=refund, **ADA)
    assert (told["code"], told["payment"]) == ("bad_param", payment["payment"])
