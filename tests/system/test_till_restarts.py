"""What a till finds after outages and restarts (till_socket.md §1 and §3)."""

import pytest

from tilld_testkit.rpc import Rpc
from tilld_testkit.sales import EUR, SPENT, approved, body, paid, start, until
from tilld_testkit.shop import new_key, open_shop


@pytest.fixture
def own_shop(tmp_path, simulator):
    """A process of the test's own, to kill or to lead astray."""
    more = {"timing": "cancel_for_s = 30\nback_off_first_s = 60"}
    with open_shop(tmp_path / "device", simulator, scale=0.05, more=more) as own_shop:
        yield own_shop


@pytest.fixture
def scanning_shop(tmp_path, simulator):
    with open_shop(tmp_path / "device", simulator, scale=0.05, scanner=True) as scanning_shop:
        yield scanning_shop


# Blocks.


def test_a_payment_that_cannot_be_sent_is_refused_before_anything_is_armed(own_shop, simulator):
    with Rpc(own_shop.socket_path) as till:
        till.ask("events.subscribe", topics=["device.changed"])
        paid(till, simulator)
        simulator.set_faults({"api": "*", "fault": "refuse connections"})
        cut = start(till, code=SPENT)
        assert until(till, cut, "failed")["reason"]["code"] == "not_sent"
        changed = till.event(lambda event: event["ready"] == "no")
        assert [block["code"] for block in changed["blocks"]] == ["no_gateway"]
        asked = body(code=SPENT)
        told = till.refused("payment.start", **asked)
        assert (told["code"], told["class"]) == ("not_ready", "hardware")
        assert changed["blocks"][0]["message"] in told["message"]
        assert till.refused("payment.get", key=asked["key"])["code"] == "not_found"
        simulator.control_by_socket("PUT", "/_sim/faults", [])
        till.event(lambda event: event["ready"] == "yes" and event["seq"] > changed["seq"])
        assert till.ask("payment.start", **asked)["state"] == "paying"


# Owed cancels.


def owed_cancel(till, simulator):
    """A payment that is cancelled while Antom does not answer."""
    simulator.set_faults({"api": "cancel", "fault": "U for ever"})
    return till.ask("payment.cancel", key=approved(till, simulator)["key"])


ENTRY = {
    "payment",
    "amount",
    "age_s",
    "attempts",
    "next_try_in_s",
    "window_closes_at",
    "last_error",
}


def test_the_queue_shows_a_cancel_from_its_decision_until_it_is_done(own_shop, simulator):
    with Rpc(own_shop.socket_path) as till:
        till.ask("events.subscribe", topics=["queue.changed", "attention"])
        told = owed_cancel(till, simulator)
        assert told["state"] == "cancelling"
        (entry,) = till.ask("queue.list")["entries"]
        assert set(entry) == ENTRY
        assert (entry["payment"], entry["amount"]) == (told["payment"], EUR)
        assert till.event(lambda event: event["event"] == "queue.changed")["owed"] == 1

        queued = until(till, told, "cancel_queued")
        assert till.event(lambda event: event["event"] == "attention")["payment"]
        (entry,) = till.ask("queue.list")["entries"]
        assert entry["attempts"] >= 2
        assert entry["last_error"] == "UNKNOWN_EXCEPTION"
        assert entry["window_closes_at"][-6:] == "+01:00"

        simulator.set_faults()
        (flushed,) = till.ask("queue.flush")["entries"]
        assert flushed["payment"] == told["payment"]
        until(till, queued, "cancelled")
        assert till.ask("queue.list") == {"entries": [], "next": None}
        assert till.ask("device.info")["owed"] == 0
        assert simulator.owed(told["payment"]) == 0


def test_an_owed_cancel_stays_through_kill_9_and_the_next_sale_goes_on(own_shop, simulator):
    with Rpc(own_shop.socket_path) as till:
        told = owed_cancel(till, simulator)
        assert paid(till, simulator)["state"] == "paid"
    own_shop.kill()
    own_shop.start()
    with Rpc(own_shop.socket_path) as till:
        (entry,) = till.ask("queue.list")["entries"]
        assert entry["payment"] == told["payment"]
        before = told["revision"]
        told = till.ask("payment.wait", key=told["key"], revision=before, timeout_s=20)
        assert told["revision"] > before  # revisions go on over restarts
        simulator.set_faults()
        till.ask("queue.flush")
        until(till, told, "cancelled")


# Restarts.


def test_after_a_restart_keys_are_what_they_were(own_shop, simulator):
    with Rpc(own_shop.socket_path) as till:
        asked = body(code=simulator.fresh_code())
        begun = till.ask("payment.start", **asked)
        till.ask("payment.wait", key=asked["key"], timeout_s=20)
        done = till.ask("payment.acknowledge", key=asked["key"])
        closed = till.ask("payment.cancel", key=new_key())
        open_one = approved(till, simulator)
    own_shop.kill()
    own_shop.start()
    with Rpc(own_shop.socket_path) as till:
        again = till.ask("payment.start", **asked)
        assert (again["payment"], again["state"]) == (begun["payment"], "paid")
        assert again["paid_at"] == done["paid_at"]
        assert till.refused("payment.start", **asked | {"split": True})["code"] == "key_mismatch"
        told = start(till, key=closed["key"])
        assert (told["payment"], told["reason"]["code"]) == (
            closed["payment"],
            "cancelled_before_start",
        )
        told = till.ask("payment.get", key=open_one["key"])
        assert (told["outcome"], told["reason"]["code"]) == ("not_paid", "restarted")
        assert simulator.owed(until(till, told, "cancelled")["payment"]) == 0
        told = till.refused("payment.start", **asked | {"key": new_key()})
        assert told["code"] == "order_paid"


def test_an_order_that_was_scanned_and_paid_can_be_split_after_a_restart(scanning_shop, simulator):
    shop = scanning_shop
    with Rpc(shop.socket_path) as till:
        waiting = start(till, order_ref="scanned")
        shop.scanner.send(simulator.fresh_code().encode() + b"\r")
        until(till, waiting, "approved")
        till.ask("payment.acknowledge", key=waiting["key"])
    shop.kill()
    shop.start()
    with Rpc(shop.socket_path) as till:
        (listed,) = till.ask("payment.list", order_ref="scanned")["payments"]
        assert listed["state"] == "paid"
        assert paid(till, simulator, order_ref="scanned", split=True)["state"] == "paid"
        lost = start(till, order_ref="armed")
    shop.kill()
    shop.start()
    with Rpc(shop.socket_path) as till:
        told = till.ask("payment.get", key=lost["key"])
        assert (told["state"], told["reason"]["code"]) == ("failed", "restarted")


def test_a_paid_that_nobody_heard_is_unheard_until_it_is_fetched(own_shop, simulator):
    with Rpc(own_shop.socket_path) as till:
        given = approved(till, simulator)
        heard = paid(till, simulator)
        assert till.hello()["unheard"] == []
        with Rpc(own_shop.socket_path) as leaving:
            leaving.send("payment.acknowledge", {"key": given["key"]})
        till.ask("events.subscribe", since={"epoch": till.greeting["epoch"], "seq": 0})
        till.event(
            lambda event: (
                event["event"] == "payment.changed"
                and event["payment"]["payment"] == given["payment"]
                and event["payment"]["state"] == "paid"
            )
        )
        assert till.hello()["unheard"] == [given["payment"]]
    own_shop.kill()
    own_shop.start()
    with Rpc(own_shop.socket_path) as till:
        assert till.greeting["unheard"] == [given["payment"]]
        listed = till.ask("payment.list", open=True)["payments"]
        assert [one["payment"] for one in listed] == [given["payment"]]
        assert till.hello()["unheard"] == []
        till.ask("payment.cancel", key=new_key())  # on flash, and all that came before it too
    own_shop.kill()
    own_shop.start()
    with Rpc(own_shop.socket_path) as till:
        assert till.greeting["unheard"] == []
        assert till.ask("payment.get", key=heard["key"])["state"] == "paid"
