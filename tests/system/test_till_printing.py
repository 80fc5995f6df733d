"""Jobs, receipts and the scanner's cable as a till sees them (till_socket.md §2 and §3)."""

import pytest

from tilld_testkit.rpc import Rpc
from tilld_testkit.sales import EUR, declined, paid, start
from tilld_testkit.shop import new_key, open_shop

DOCUMENT = [{"type": "text", "text": "hello"}, {"type": "feed", "lines": 2}, {"type": "cut"}]


@pytest.fixture
def shop(tmp_path, simulator):
    folder = tmp_path / "device"
    with open_shop(folder, simulator, scale=0.05, scanner=True, printer=True) as shop:
        yield shop


@pytest.fixture
def till(shop):
    with Rpc(shop.socket_path) as till:
        yield till


def fate(till, job):
    return till.ask("printer.job", job=job["job"], timeout_s=20)


def test_a_receipt_is_printed_once_under_its_key_and_the_next_is_a_copy(shop, till, simulator):
    done = paid(till, simulator)
    key = new_key()
    job = till.ask("receipt.print", key=key, payment=done["payment"])
    assert set(job) >= {"job", "state", "reason"}
    assert fate(till, job)["state"] == "done"
    again = till.ask("receipt.print", key=key, payment=done["payment"])
    assert again == till.ask("printer.job", key=key) == {**job, "state": "done"}
    assert [code.text for code in shop.paper.codes()] == [done["payment"]]
    copy = till.ask("receipt.print", key=new_key(), payment=done["payment"])
    assert fate(till, copy)["state"] == "done"
    assert [code.text for code in shop.paper.codes()] == [done["payment"]] * 2
    assert till.ask("payment.get", key=done["key"]) == done


def test_a_print_key_belongs_to_its_call_and_its_body(till, simulator):
    done, other = paid(till, simulator), paid(till, simulator)
    receipt, document = new_key(), new_key()
    till.ask("receipt.print", key=receipt, payment=done["payment"])
    till.ask("printer.print", key=document, document=DOCUMENT)
    for call, params, code, fields in (
        ("receipt.print", {"key": receipt, "payment": other["payment"]}, "key_mismatch", "payment"),
        (
            "receipt.print",
            {"key": receipt, "payment": done["payment"], "copies": 2},
            "key_mismatch",
            "copies",
        ),
        ("printer.print", {"key": document, "document": DOCUMENT[:1]}, "key_mismatch", "document"),
        ("printer.print", {"key": receipt, "document": DOCUMENT}, "key_used", None),
        ("receipt.print", {"key": document, "payment": done["payment"]}, "key_used", None),
        ("printer.print", {"key": done["key"], "document": DOCUMENT}, "key_used", None),
    ):
        told = till.refused(call, **params)
        assert told["code"] == code
        assert told.get("fields") == ([fields] if fields else None)


def test_a_print_job_is_announced_with_every_state(till):
    till.ask("events.subscribe", topics=["job.changed"])
    job = till.ask("printer.print", key=new_key(), document=DOCUMENT)
    till.event(lambda event: event["job"]["state"] == "done")
    assert [event["job"]["state"] for event in till.events] == ["queued", "sent", "done"]
    assert {event["job"]["job"] for event in till.events} == {job["job"]}


def test_a_printer_without_paper_fails_the_job_and_never_the_payment(shop, till, simulator):
    done = paid(till, simulator)
    shop.paper.paper_out = True
    assert till.ask("printer.status")["paper"] == "no"
    job = till.ask("receipt.print", key=new_key(), payment=done["payment"])
    told = fate(till, job)
    assert told["state"] == "failed"
    assert "paper" in told["reason"]
    assert shop.paper.codes() == []
    shop.paper.paper_out = False
    well = {"online": "yes", "paper": "yes", "cover_closed": "yes"}
    assert till.ask("printer.status").items() >= well.items()
    again = till.ask("receipt.print", key=new_key(), payment=done["payment"])
    assert fate(till, again)["state"] == "done"
    assert till.ask("payment.get", key=done["key"]) == done


def test_the_receipt_of_a_paid_payment_is_fields_and_lines(till, simulator):
    done = paid(till, simulator, order_ref="bill 7")
    receipt = till.ask("receipt.get", payment=done["payment"])
    fields = receipt["fields"]
    assert (fields["kind"], fields["method"], fields["amount"]) == ("paid", "Antom", "12.50 EUR")
    assert (fields["payment"], fields["order_ref"]) == (done["payment"], "bill 7")
    assert any("12.50 EUR" in line for line in receipt["lines"])


def test_a_payment_that_was_sent_and_not_paid_has_a_slip(till, simulator):
    told = declined(till, simulator)
    receipt = till.ask("receipt.get", payment=told["payment"])
    assert (receipt["fields"]["kind"], receipt["fields"]["state"]) == ("not_paid", "failed")
    assert any("NOT PAID" in line for line in receipt["lines"])


def test_there_is_no_receipt_where_nothing_was_sent_or_decided(till, simulator):
    waiting = start(till)
    assert till.refused("receipt.get", payment=waiting["payment"])["code"] == "not_paid"
    till.ask("payment.cancel", key=waiting["key"])
    assert till.refused("receipt.get", payment=waiting["payment"])["code"] == "not_paid"
    assert till.refused("receipt.get", payment="nobody")["code"] == "not_found"
    told = till.refused("receipt.get")
    assert (told["code"], told["fields"]) == ("bad_param", ["payment", "refund"])


def test_an_unknown_job_is_not_found(till):
    assert till.refused("printer.job", key=new_key())["code"] == "not_found"
    assert till.refused("printer.job", job="job1")["code"] == "not_found"
    assert till.refused("printer.job")["fields"] == ["job", "key"]


def test_an_unplugged_scanner_blocks_only_payments_that_need_it(shop, till, simulator):
    till.ask("events.subscribe", topics=["device.changed"])
    shop.scanner.unplug()
    gone = till.event(lambda event: [block["code"] for block in event["blocks"]] == ["scanner"])
    assert gone["ready"] == "no"
    asked = {"key": new_key(), "order_ref": "no scanner", "amount": EUR}
    told = till.refused("payment.start", **asked)
    assert told["code"] == "not_ready"
    assert "scanner is not connected" in told["message"]
    assert told["blocks"] == till.ask("device.health")["blocks"]
    assert till.ask("device.info")["drivers"]["scanner"]["state"] == "no"
    assert paid(till, simulator)["state"] == "paid"
    shop.scanner.replug()
    till.event(lambda event: event["seq"] > gone["seq"] and event["blocks"] == [])
    waiting = till.ask("payment.start", **asked)
    assert waiting["state"] == "waiting_for_code"
    till.ask("payment.cancel", key=asked["key"])


def test_a_hostile_order_stays_text_on_paper_and_in_the_fields(shop, till, simulator):
    order_ref = "\u202e1001\u2066 e\u0301\u0301 😀 茶 \ufeff" + "x" * 40
    done = paid(till, simulator, order_ref=order_ref[:64], description="茶" * 100 + "\u200b" * 20)
    fields = till.ask("receipt.get", payment=done["payment"])["fields"]
    for hidden in "\u202e\u2066\ufeff\u200b":
        assert hidden not in fields["order_ref"] + fields["description"]
    job = till.ask("receipt.print", key=new_key(), payment=done["payment"])
    assert fate(till, job)["state"] == "done"
    assert shop.paper.unknown == []
    assert (shop.paper.drawer_kicks, len(shop.paper.cuts)) == (0, 1)
    assert [code.text for code in shop.paper.codes()] == [done["payment"]]
    assert any(line.endswith(" Antom") and len(line) == 42 for line in shop.paper.lines)
