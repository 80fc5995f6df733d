"""Paper goes wrong in every way it can, and no payment notices (till_socket.md §3, Jobs; I30)."""

import pytest

from tilld_client import CallError
from tilld_testkit.listener import listening
from tilld_testkit.shop import new_key, open_shop, sell, settled

PRINTER = "answer_ms = 200\njob_timeout_s = 2"


@pytest.fixture
def terminal(tmp_path, simulator):
    how = {"scale": 0.05, "printer": True, "more": {"printer": PRINTER}}
    with open_shop(tmp_path / "device", simulator, **how) as terminal:
        yield terminal


@pytest.fixture
def till(terminal):
    with terminal.till() as till:
        yield till


def headings(terminal):
    """The first words of each printed receipt: its copy heading, or what kind it is."""
    return [line.strip() for line in terminal.paper.lines if line.strip() in ("COPY", "NOT PAID")]


def test_the_second_receipt_is_a_copy_and_stays_one_through_a_kill(terminal, till, simulator):
    paid = sell(till, simulator)
    assert till.print_receipt(new_key(), paid)["state"] == "done"
    assert headings(terminal) == []
    assert till.print_receipt(new_key(), paid)["state"] == "done"
    assert headings(terminal) == ["COPY"]
    terminal.kill()
    terminal.start()
    assert till.print_receipt(new_key(), paid)["state"] == "done"
    assert headings(terminal) == ["COPY", "COPY"]
    assert [code.text for code in terminal.paper.codes()] == [paid["payment"]] * 3


def test_without_paper_the_job_fails_and_nothing_is_printed_later(terminal, till, simulator):
    paid = sell(till, simulator)
    terminal.paper.paper_out = True
    assert till.call("printer.status")["paper"] == "no"
    job = till.print_receipt(new_key(), paid)
    assert (job["state"], bool(job["reason"])) == ("failed", True)
    assert till.get(paid["key"]) == paid
    terminal.paper.paper_out = False
    assert till.call("printer.status")["paper"] == "yes"
    assert till.call("printer.job", job=job["job"])["state"] == "failed"
    assert terminal.paper.lines == []
    assert till.print_receipt(new_key(), paid)["state"] == "done"
    assert headings(terminal) == []  # not a byte of the first one had left


def test_an_unplugged_printer_fails_the_job_and_prints_again_when_it_is_back(
    terminal, till, simulator
):
    paid = sell(till, simulator)
    terminal.unplug_printer()
    assert till.print_receipt(new_key(), paid)["state"] == "failed"
    assert till.call("printer.status")["online"] == "no"
    assert till.get(paid["key"]) == paid
    assert sell(till, simulator)["outcome"] == "paid"
    terminal.replug_printer()
    assert till.print_receipt(new_key(), paid)["state"] == "done"
    assert headings(terminal) == []


def test_of_a_printer_that_never_answers_nobody_says_that_it_printed(terminal, till, simulator):
    paid = sell(till, simulator)
    terminal.stall_printer()
    job = till.print_receipt(new_key(), paid)
    assert job["state"] == "unknown"
    assert till.get(paid["key"]) == paid
    terminal.replug_printer()
    assert till.print_receipt(new_key(), paid)["state"] == "done"
    assert headings(terminal) == ["COPY"]


def test_a_kill_while_it_prints_leaves_a_job_of_unknown_fate(terminal, till, simulator):
    paid = sell(till, simulator)
    key = new_key()
    with listening(terminal.socket_path) as listener:
        terminal.stall_printer()
        till.call("receipt.print", key=key, payment=paid["payment"])
        listener.until(lambda event: event.get("job", {}).get("state") == "sent")
    terminal.kill()
    terminal.replug_printer()
    terminal.start()
    assert till.call("printer.job", key=key, timeout_s=5)["state"] == "unknown"
    assert till.call("receipt.print", key=key, payment=paid["payment"])["state"] == "unknown"
    assert terminal.paper.lines == []
    assert till.print_receipt(new_key(), paid)["state"] == "done"
    assert headings(terminal) == ["COPY"]


def test_a_job_that_waited_behind_another_when_it_was_killed_has_failed(terminal, till, simulator):
    paid = sell(till, simulator)
    terminal.stall_printer()
    first = till.call("receipt.print", key=new_key(), payment=paid["payment"])
    key = new_key()
    waiting = till.call("receipt.print", key=key, payment=paid["payment"])
    assert (first["state"], waiting["state"]) == ("queued", "queued")
    terminal.kill()
    terminal.start()
    again = till.call("receipt.print", key=key, payment=paid["payment"])
    assert (again["job"], again["state"]) == (waiting["job"], "failed")
    assert "restarted before" in again["reason"]


def test_the_same_job_key_is_the_same_job_and_one_paper(terminal, till, simulator):
    paid = sell(till, simulator)
    key = new_key()
    first = till.print_receipt(key, paid)
    terminal.kill()
    terminal.start()
    assert till.print_receipt(key, paid) == first
    assert len(terminal.paper.codes()) == 1
    other = sell(till, simulator)
    with pytest.raises(CallError, match="key_mismatch"):
        till.print_receipt(key, other)


def test_what_was_sent_and_not_paid_prints_a_slip_that_says_so(terminal, till, simulator):
    key = new_key()
    code = simulator.fresh_code()
    payment = till.wait(till.start(key, "A-1", "EUR", 1250, code=code))
    with pytest.raises(CallError, match="not_paid"):
        till.print_receipt(new_key(), payment)
    cancelled = settled(till, till.cancel(key))
    assert till.print_receipt(new_key(), cancelled)["state"] == "done"
    assert headings(terminal) == ["NOT PAID"]


def test_what_was_never_sent_has_no_paper(terminal, till, simulator):
    closed = till.cancel(new_key())
    with pytest.raises(CallError, match="not_paid"):
        till.print_receipt(new_key(), closed)
    assert terminal.paper.lines == []
