"""A busy day: what is settled leaves memory for the archive, and tills notice nothing of it.

Codes that the wallet does not know pay here, so that some hundred sales take seconds.
"""

import os

import pytest

from tilld_testkit.antomsim_process import running
from tilld_testkit.rpc import Rpc
from tilld_testkit.shop import Terminal, new_key

SALES = 180  # more than stay in memory, and a batch besides
EUR = {"currency": "EUR", "value": 1250}


@pytest.fixture(scope="module")
def easy_antom(tmp_path_factory):
    with running(tmp_path_factory.mktemp("antom"), "--set", "unknown_codes=pay") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def busy(tmp_path_factory, easy_antom):
    """A terminal behind its day, and the payments as they were told."""
    terminal = Terminal(tmp_path_factory.mktemp("busy") / "device", easy_antom, printer=True)
    terminal.start()
    try:
        with Rpc(terminal.socket_path) as till:
            told = [sold(till, number) for number in range(SALES)]
        assert (terminal.folder / "state" / "archive").stat().st_size
        yield terminal, told
    finally:
        terminal.close()


@pytest.fixture
def till(busy):
    with Rpc(busy[0].socket_path) as till:
        yield till


def sold(till, number):
    key = new_key()
    code = f"28{int.from_bytes(os.urandom(8), 'big') % 10**22:022d}"
    till.ask("payment.start", key=key, order_ref=f"o-{number}", amount=EUR, code=code)
    till.ask("payment.wait", key=key, timeout_s=20)
    paid = till.ask("payment.acknowledge", key=key)
    if number == 0:  # its receipt is printed on the day
        printed(till, paid)
    return paid


def printed(till, paid):
    job = till.ask("receipt.print", key=new_key(), payment=paid["payment"])
    assert till.ask("printer.job", job=job["job"], timeout_s=20)["state"] == "done"


def same(one, other):
    return {**one, "revision": 0} == {**other, "revision": 0}


def test_an_archived_payment_is_told_as_before_by_key_and_by_both_ids(till, busy):
    told = busy[1][1]
    for name in ({"key": told["key"]}, *({"payment": told[i]} for i in IDS)):
        assert till.ask("payment.get", **name) == told


IDS = ("payment", "antom_payment_id")


def test_the_key_of_an_archived_payment_starts_nothing_new(till, busy):
    told = busy[1][2]
    again = till.ask(
        "payment.start",
        key=told["key"],
        order_ref=told["order_ref"],
        amount=EUR,
        code="281006020000000000125733",
    )
    assert again == told
    refused = till.refused(
        "payment.start", key=told["key"], order_ref="another", amount=EUR, code="2810060200000000"
    )
    assert refused["code"] == "key_mismatch"


def test_an_order_that_was_paid_and_archived_is_paid(till, busy):
    told = busy[1][3]
    refused = till.refused(
        "payment.start",
        key=new_key(),
        order_ref=told["order_ref"],
        amount=EUR,
        code="281006020000000000125733",
    )
    assert (refused["code"], refused["payment"]) == ("order_paid", told["payment"])


def test_an_archived_payment_is_refunded_and_its_refunds_count_for_good(till, busy):
    terminal, told = busy
    paid = told[4]
    for value in (300, 200):
        begun = till.ask(
            "refund.start",
            key=new_key(),
            payment_key=paid["key"],
            amount={"currency": "EUR", "value": value},
        )
        done = till.ask("refund.wait", refund=begun["refund"], timeout_s=20)
        assert done["state"] == "refunded"
    refused = till.refused(
        "refund.start", key=new_key(), payment_key=paid["key"], amount={**EUR, "value": 751}
    )
    assert refused["code"] == "refund_exceeds"
    terminal.kill()
    terminal.start()
    with Rpc(terminal.socket_path) as again:
        assert again.ask("payment.get", key=paid["key"])["refunded"]["value"] == 500
        assert len(again.ask("refund.list", payment=paid["payment"])["refunds"]) == 2
        assert not same(again.ask("payment.get", key=paid["key"]), paid)


def test_the_second_receipt_of_an_archived_payment_is_a_copy(till, busy):
    terminal, told = busy
    before = len(terminal.paper.lines)
    printed(till, told[0])
    printed(till, told[5])
    copies = [line for line in terminal.paper.lines[before:] if "COPY" in line]
    assert len(copies) == 1


def test_a_list_goes_on_from_memory_into_the_archive_without_a_seam(till, busy):
    told = busy[1]
    seen, cursor = [], None
    while True:
        page = till.ask("payment.list", limit=70, cursor=cursor)
        seen += [one["order_ref"] for one in page["payments"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [one["order_ref"] for one in reversed(told)]
    for asked in ({"order_ref": "o-7"}, {"period": 1, "limit": 1, "cursor": told[8]["payment"]}):
        (one,) = till.ask("payment.list", **asked)["payments"]
        assert one["order_ref"] == "o-7"
    assert till.ask("payment.list", open=True)["payments"] == []


def test_a_report_counts_what_is_in_memory_and_what_is_not_once_each(till):
    (row,) = till.ask("report.get")["currencies"]
    assert row["paid"] == {"count": SALES, "sum": SALES * 1250}


def test_after_a_gap_the_archived_payments_of_the_last_hour_are_told_as_well(till, busy):
    till.ask("events.subscribe", since={"epoch": 1, "seq": 1}, topics=["payment.changed"])
    left = {one["payment"] for one in busy[1]}

    def is_last(event):
        left.discard(event.get("payment", {}).get("payment"))
        return not left

    till.event(is_last)
