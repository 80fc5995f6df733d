"""An engineer closes what is owed by a signed action, and it stays closed (I15)."""

import contextlib
import hashlib

import pytest

from tilld_testkit import certificates
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
    simulator.set_faults({"api": "cancel", "fault": "rate limit"})
    with open_shop(tmp_path / "device", simulator, scale=0.05, more=store.settings) as terminal:
        yield terminal


@pytest.fixture
def till(terminal):
    with Rpc(terminal.socket_path) as till:
        yield till


@pytest.fixture
def engineer(terminal, store):
    with Rpc(store.connect(store.engineer_port, store.engineer)) as engineer:
        yield engineer


def owing(till, simulator):
    """A payment whose money Antom has, whose cancel it refuses, and which no till wants."""
    key = new_key()
    code = simulator.fresh_code()
    till.ask("payment.start", key=key, order_ref=f"order {key}", amount=EUR, code=code)
    assert till.ask("payment.wait", key=key, timeout_s=20)["state"] == "approved"
    return till.ask("payment.cancel", key=key)


def test_what_is_owed_is_written_off_by_name_reason_and_certificate(
    till, engineer, store, simulator
):
    till.ask("events.subscribe")
    owed = owing(till, simulator)
    (entry,) = engineer.ask("queue.list")["entries"]
    assert entry["payment"] == owed["payment"]
    resolved = engineer.ask("queue.resolve", payment=owed["payment"], **ADA)
    assert (resolved["state"], resolved["outcome"]) == ("written_off", "not_paid")
    assert (resolved["decided"], resolved["settled"]) == (True, True)
    assert engineer.ask("queue.list")["entries"] == []
    told = str(till.ask("payment.explain", key=owed["key"]))
    fingerprint = hashlib.sha256(certificates.der(store.engineer)).hexdigest()
    assert all(word in told for word in (ADA["name"], ADA["reason"], fingerprint))
    till.event(lambda event: event["event"] == "queue.changed" and event["owed"] == 0)
    changed = till.event(
        lambda event: (
            event["event"] == "payment.changed" and event["payment"]["state"] == "written_off"
        )
    )
    assert changed["payment"]["key"] == owed["key"]
    till.event(
        lambda event: (
            event["event"] == "attention"
            and event.get("payment") == owed["payment"]
            and ADA["name"] in event["message"]
        )
    )


def test_a_second_signature_changes_nothing(till, engineer, simulator):
    owed = owing(till, simulator)
    first = engineer.ask("queue.resolve", key=owed["key"], **ADA)
    again = engineer.ask("queue.resolve", key=owed["key"], name="Eve", reason="me too")
    assert (again["state"], again["settled"]) == (first["state"], True)
    assert "Eve" not in str(engineer.ask("payment.explain", key=owed["key"]))


def test_it_stays_written_off_through_kill_9(terminal, till, engineer, store, simulator):
    owed = owing(till, simulator)
    engineer.ask("queue.resolve", key=owed["key"], **ADA)
    terminal.kill()
    terminal.start()
    with Rpc(terminal.socket_path) as later:
        assert later.ask("payment.get", key=owed["key"])["state"] == "written_off"
        assert later.ask("queue.list")["entries"] == []
        assert ADA["reason"] in str(later.ask("payment.explain", key=owed["key"]))


def test_a_payment_that_is_paid_or_undecided_is_not_resolved(till, engineer, simulator):
    code, key = simulator.fresh_code(), new_key()
    till.ask("payment.start", key=key, order_ref="kept", amount=EUR, code=code)
    assert till.ask("payment.wait", key=key, timeout_s=20)["state"] == "approved"
    told = engineer.refused("queue.resolve", key=key, **ADA)
    assert (told["code"], told["fields"]) == ("bad_param", ["payment"])
    assert till.ask("payment.acknowledge", key=key)["outcome"] == "paid"
    assert engineer.refused("queue.resolve", key=key, **ADA)["code"] == "already_paid"


@pytest.mark.parametrize("missing", ["name", "reason"])
def test_nothing_is_resolved_without_a_name_and_a_reason(till, engineer, simulator, missing):
    owed = owing(till, simulator)
    told = engineer.refused("queue.resolve", key=owed["key"], **{**ADA, missing: None})
    assert (told["code"], told["fields"]) == ("bad_param", [missing])
    assert len(engineer.ask("queue.list")["entries"]) == 1


def test_an_engineer_who_sees_a_paid_payment_is_no_till_that_heard_of_it(
    terminal, till, engineer, simulator
):
    key, code = new_key(), simulator.fresh_code()
    till.ask("payment.start", key=key, order_ref="heard", amount=EUR, code=code)
    assert till.ask("payment.wait", key=key, timeout_s=20)["state"] == "approved"
    with contextlib.closing(Rpc(terminal.socket_path)) as dying:
        dying.send("payment.acknowledge", {"key": key})
    while engineer.ask("payment.get", key=key)["state"] != "paid":
        pass
    unheard = engineer.hello()["unheard"]
    seen = engineer.ask("payment.get", key=key)["payment"]
    assert engineer.hello()["unheard"] == unheard
    assert till.ask("payment.get", key=key)["payment"] == seen
    assert seen not in engineer.hello()["unheard"]
