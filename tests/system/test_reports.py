"""Periods: what a day's report adds up, how it is closed, and that it never changes afterwards."""

import pytest

from tilld_testkit.rpc import Rpc
from tilld_testkit.sales import approved, inquiring, paid, start
from tilld_testkit.shop import new_key, open_shop, settled

TIMES = "pay_in_flight_max_s = 60\ncancel_for_s = 30\nback_off_max_s = 10"
NOTHING = {"count": 0, "sum": 0}


@pytest.fixture
def terminal(tmp_path, simulator):
    with open_shop(
        tmp_path / "device", simulator, scale=0.05, more={"timing": TIMES}, printer=True
    ) as terminal:
        yield terminal


@pytest.fixture
def till(terminal):
    with Rpc(terminal.socket_path) as till:
        yield till


def refunded(till, payment, value):
    begun = till.ask(
        "refund.start",
        key=new_key(),
        payment=payment["payment"],
        amount={"currency": "EUR", "value": value},
    )
    done = till.ask("refund.wait", refund=begun["refund"], timeout_s=20)
    assert done["state"] == "refunded"


def euros(report):
    (row,) = report["currencies"]
    assert row["currency"] == "EUR"
    return row["paid"], row["refunded"], row["returned"]


def test_a_new_terminal_has_an_empty_first_period(till):
    report = till.ask("report.get")
    assert (report["period"], report["closed_at"]) == (1, None)
    assert report["opened_at"]
    for name in ("currencies", "not_paid", "open_payments", "owed_cancels", "unheard"):
        assert report[name] == []


def test_a_report_adds_up_what_was_paid_refunded_and_not_paid(till, simulator):
    first = paid(till, simulator)
    paid(till, simulator)
    refunded(till, first, 300)
    start(till, code=simulator.fresh_code("?wallet=refuse"))
    till.ask("payment.cancel", key=new_key())
    waiting = inquiring(till, simulator)
    report = till.ask("report.get")
    assert euros(report) == ({"count": 2, "sum": 2500}, {"count": 1, "sum": 300}, NOTHING)
    reasons = {row["reason"]: row["count"] for row in report["not_paid"]}
    assert reasons == {"cancelled_before_start": 1, "declined": 1}
    assert report["open_payments"] == [waiting["payment"]]


def test_a_sale_of_the_next_period_and_a_late_refund_are_in_its_report_alone(till, simulator):
    old = paid(till, simulator)
    closed = till.ask("report.close", key=new_key())
    assert (closed["period"], old["period"]) == (1, 1)
    new = paid(till, simulator)
    refunded(till, old, 250)
    assert new["period"] == 2
    assert till.ask("report.get", period=1) == closed
    assert euros(closed) == ({"count": 1, "sum": 1250}, NOTHING, NOTHING)
    open_one = till.ask("report.get")
    assert euros(open_one) == ({"count": 1, "sum": 1250}, {"count": 1, "sum": 250}, NOTHING)
    assert open_one["opened_at"] == closed["closed_at"]
    listed = till.ask("payment.list", period=1)["payments"]
    assert [one["payment"] for one in listed] == [old["payment"]]


def test_the_same_key_closes_the_same_period_after_kill_9_too(terminal, till, simulator):
    paid(till, simulator)
    key = new_key()
    closed = till.ask("report.close", key=key)
    assert till.ask("report.close", key=key) == closed
    terminal.kill()
    terminal.start()
    with Rpc(terminal.socket_path) as again:
        assert again.ask("report.close", key=key) == closed
        assert again.ask("report.close", key=key, period=1) == closed
        assert again.ask("report.get")["period"] == 2
        refused = again.refused("report.close", key=key, period=2)
        assert (refused["code"], refused["fields"]) == ("key_mismatch", ["period"])


def test_closing_with_payments_undecided_is_refused_naming_them(till, simulator):
    first, second = inquiring(till, simulator), approved(till, simulator)
    refused = till.refused("report.close", key=new_key())
    assert refused["code"] == "order_busy"
    assert refused["retry"] == "later"
    assert refused["payment"] == first["payment"]
    for one in (first, second):
        assert one["payment"] in refused["message"]
    till.ask("payment.cancel", key=first["key"])
    till.ask("payment.acknowledge", key=second["key"])
    assert till.ask("report.close", key=new_key())["period"] == 1


def test_cancels_that_are_owed_are_named_and_change_no_closed_report(terminal, simulator):
    simulator.set_faults({"api": "cancel", "fault": "rate limit"})
    with terminal.till() as till:
        begun = till.wait(till.start(new_key(), "A-1", "EUR", 1250, code=simulator.fresh_code()))
        owed = till.cancel(begun["key"])
        closed = till.call("report.close", key=new_key())
        assert closed["owed_cancels"] == [owed["payment"]]
        assert closed["not_paid"] == [{"reason": "till_cancelled", "count": 1}]
        simulator.set_faults()
        till.call("queue.flush")
        end = settled(till, till.get(owed["key"]))
        assert end["state"] == "cancelled"
        assert till.call("report.get", period=1) == closed
        assert till.call("report.get")["owed_cancels"] == []


def test_a_closing_names_the_period_it_means(till):
    refused = till.refused("report.close", key=new_key(), period=2)
    assert (refused["code"], refused["fields"]) == ("bad_param", ["period"])
    assert till.ask("report.close", key=new_key(), period=1)["period"] == 1
    assert till.refused("report.close", key=new_key(), period=1)["code"] == "bad_param"


def test_a_period_that_has_not_begun_is_not_found(till):
    assert till.refused("report.get", period=2)["code"] == "not_found"


def test_a_reports_key_is_good_for_nothing_else(till, simulator):
    key = new_key()
    till.ask("report.close", key=key)
    refused = till.refused("printer.print", key=key, document=[{"type": "text", "text": "x"}])
    assert refused["code"] == "key_used"
    sale = new_key()
    paid(till, simulator, key=sale)
    assert till.refused("report.close", key=sale)["code"] == "key_used"


def test_a_report_is_printed_and_its_key_prints_it_once(terminal, till, simulator):
    paid(till, simulator)
    key = new_key()
    job = till.ask("report.print", key=key)
    assert till.ask("printer.job", job=job["job"], timeout_s=20)["state"] == "done"
    till.ask("report.close", key=new_key())
    assert till.ask("report.print", key=key)["job"] == job["job"]
    refused = till.refused("report.print", key=key, period=2)
    assert (refused["code"], refused["fields"]) == ("key_mismatch", ["period"])


def test_what_nobody_heard_is_on_the_report_and_on_a_closed_one_for_good(terminal, till, simulator):
    given = approved(till, simulator)
    with Rpc(terminal.socket_path) as leaving:
        leaving.send("payment.acknowledge", {"key": given["key"]})
    till.ask("events.subscribe", since={"epoch": till.greeting["epoch"], "seq": 0})
    till.event(
        lambda event: event["event"] == "payment.changed" and event["payment"]["state"] == "paid"
    )
    assert till.ask("report.get")["unheard"] == [given["payment"]]
    closed = till.ask("report.close", key=new_key())
    assert till.ask("payment.get", key=given["key"])["outcome"] == "paid"
    assert till.ask("report.get")["unheard"] == []
    assert till.ask("report.get", period=1) == closed
    assert closed["unheard"] == [given["payment"]]
