"""A sale, from the till's call to the receipt, with the real process and a real serial line."""

import pytest

from tilld_testkit.shop import new_key, open_shop, sell


@pytest.fixture
def terminal(tmp_path, simulator):
    with open_shop(tmp_path / "device", simulator, scanner=True, printer=True) as terminal:
        yield terminal


def test_a_scanned_code_is_paid_and_its_receipt_holds_the_id(terminal, simulator):
    with terminal.till() as till:
        key = new_key()
        waiting = till.start(key, "A-1001", "EUR", 1250)
        assert waiting["state"] == "waiting_for_code"
        terminal.scanner.send(f"]Q1{simulator.fresh_code()}\r\n".encode())
        approved = till.wait(waiting)
        assert approved["state"] == "approved"
        assert approved["outcome"] == "pending"
        paid = till.acknowledge(approved)
        assert (paid["state"], paid["decided"], paid["settled"]) == ("paid", True, True)
        job = till.print_receipt(new_key(), paid)
        assert job["state"] == "done"
    assert simulator.owed(paid["payment"]) == 1250
    codes = [code.text for code in terminal.paper.codes()]
    assert codes == [paid["payment"]]


def test_a_sale_without_a_scanner_pays_with_the_code_the_till_read(terminal, simulator):
    with terminal.till() as till:
        paid = sell(till, simulator, 990)
    assert paid["outcome"] == "paid"
    assert simulator.owed(paid["payment"]) == 990
