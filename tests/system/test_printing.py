"""Paper goes wrong in every way it can, and no payment notices (till_socket.md §3, Jobs; I30)."""

import pytest

from tilld_client import CallError
from tilld_daemon.archive import FILE_NAME
from tilld_daemon.past import BATCH, HOT
from tilld_testkit.listener import listening
from tilld_testkit.paper import Paper, PrinterOnLine
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


def test_a_stalled_printer_holds_no_other_call_and_no_payment(tmp_path, simulator):
    """Nor the next job for ever: it fails when its wait is over (120 s; scaled here)."""
    how = {"scale": 0.02, "printer": True, "more": {"printer": "job_timeout_s = 600"}}
    with (
        open_shop(tmp_path / "device", simulator, **how) as terminal,
        terminal.till() as till,
        listening(terminal.socket_path) as listener,
    ):
        paid = sell(till, simulator)
        terminal.stall_printer()
        assert terminal.printer_line is not None
        terminal.printing = PrinterOnLine(
            terminal.printer_line, terminal.paper, stall_after_bytes=100
        )
        document = [{"type": "text", "text": "x" * 4000}] * 5  # more than the line can hold
        stuck = till.call("printer.print", key=new_key(), document=document)
        listener.until(lambda event: event.get("job", {}).get("state") == "sent")
        behind = till.call("receipt.print", key=new_key(), payment=paid["payment"])
        unknown = {"online": "unknown", "paper": "unknown", "cover_closed": "unknown"}
        assert till.call("printer.status").items() >= unknown.items()
        assert sell(till, simulator)["outcome"] == "paid"
        told = till.call("printer.job", job=behind["job"], timeout_s=30)
        assert told["state"] == "failed"
        assert "busy with an earlier job" in told["reason"]
        assert till.call("printer.job", job=stuck["job"])["state"] == "sent"
        assert till.get(paid["key"]) == paid


def test_a_job_of_two_copies_that_ends_after_the_first_has_not_failed(terminal, till, simulator):
    paid = sell(till, simulator)
    assert till.print_receipt(new_key(), paid)["state"] == "done"
    lines = len(terminal.paper.lines)
    other = sell(till, simulator)
    terminal.paper.paper_out_after_lines = lines + 4
    job = till.call("receipt.print", key=new_key(), payment=other["payment"], copies=2)
    told = till.call("printer.job", job=job["job"], timeout_s=30)
    assert told["state"] == "unknown"
    assert "1 of 2 copies came out" in told["reason"]
    assert len(terminal.paper.cuts) == 2


def test_of_two_copies_the_second_is_headed_copy(terminal, till, simulator):
    paid = sell(till, simulator)
    job = till.call("receipt.print", key=new_key(), payment=paid["payment"], copies=2)
    assert till.call("printer.job", job=job["job"], timeout_s=30)["state"] == "done"
    first, second = terminal.paper.slip_lines(0), terminal.paper.slip_lines(1)
    assert second[0].strip() == "C O P Y"  # as it lies there: two cells a letter
    assert second[2:] == first


def test_a_refunds_receipt_shows_what_it_gives_back_and_is_copied_by_itself(
    terminal, till, simulator
):
    paid = sell(till, simulator)
    till.print_receipt(new_key(), paid)
    refund = till.call("refund.start", key=new_key(), payment=paid["payment"])
    refund = till.call("refund.wait", key=refund["key"], timeout_s=30)
    fields = till.call("receipt.get", refund=refund["refund"])["fields"]
    assert (fields["kind"], fields["payment_amount"]) == ("refund", "12.50 EUR")
    assert (
        fields["payment_time"]
        == till.call("receipt.get", payment=paid["payment"])["fields"]["time"]
    )
    job = till.call("receipt.print", key=new_key(), refund=refund["refund"])
    assert till.call("printer.job", job=job["job"], timeout_s=30)["state"] == "done"
    assert headings(terminal) == []
    assert "REFUND" in [line.strip() for line in terminal.paper.lines]


def test_an_order_code_prints_a_slip_to_pay_by_that_is_no_earlier_receipt(tmp_path, simulator):
    how = {"scale": 0.5, "printer": True, "more": {"printer": PRINTER}}
    with (
        open_shop(tmp_path / "device", simulator, **how) as terminal,
        terminal.till() as till,
    ):
        key = new_key()
        amount = {"currency": "EUR", "value": 1250}
        shown = till.call("payment.start", key=key, order_ref="A-7", amount=amount, by="order_code")
        while shown["state"] in ("paying", "inquiring"):
            shown = till.call("payment.wait", key=key, revision=shown["revision"], timeout_s=20)
        assert shown["state"] == "showing_code"
        receipt = till.call("receipt.get", payment=shown["payment"])
        code = shown["order_code"]["text"]
        assert (receipt["fields"]["kind"], receipt["fields"]["code"]) == ("order_code", code)
        slip = new_key()
        printed = till.print_receipt(slip, shown)
        assert printed["state"] == "done"
        assert [found.text for found in terminal.paper.codes()] == [code]
        confirmed = {"action": "confirm", "order_code": code}
        simulator.control_by_socket("POST", "/_sim/customer", confirmed)
        assert till.wait(shown)["state"] == "approved"
        assert till.print_receipt(slip, shown) == printed  # the same key is the same job
        paid = till.acknowledge(shown)
        assert till.print_receipt(new_key(), paid)["state"] == "done"
        assert headings(terminal) == []


def test_a_receipt_of_long_ago_is_a_copy_and_its_keys_are_the_same_jobs(terminal, till, simulator):
    """So many sales later that the first one has left the terminal's memory for the archive."""
    first = sell(till, simulator)
    key = new_key()
    job = till.print_receipt(key, first)
    told = till.call("receipt.get", payment=first["payment"])
    for _ in range(2 * (HOT + BATCH)):
        sell(till, simulator)
    assert (terminal.folder / "state" / FILE_NAME).exists()
    for _ in range(2):
        assert till.call("receipt.get", payment=first["payment"]) == told
        assert till.call("printer.job", job=job["job"]) == job
        assert till.print_receipt(key, first) == job
        assert till.print_receipt(new_key(), first)["state"] == "done"
        terminal.kill()
        terminal.start()
    assert headings(terminal) == ["COPY", "COPY"]


class EndsAfterALook(Paper):
    """The roll ends between the question about paper and the job."""

    def _answer_real_time(self, question: int) -> None:
        super()._answer_real_time(question)
        self.paper_out = self.paper_out or question == 4


def test_a_job_refused_at_its_first_byte_leaves_the_next_one_no_copy(terminal, till, simulator):
    paid = sell(till, simulator)
    assert till.call("printer.status")["paper"] == "yes"
    terminal.printing.paper = EndsAfterALook()
    job = till.print_receipt(new_key(), paid)
    assert (job["state"], job["reason"]) == ("failed", "Not printed: the printer has no paper.")
    assert bytes(terminal.printing.heard).count(b"\x1b@") == 0
    terminal.kill()
    terminal.replug_printer()
    terminal.start()
    assert till.print_receipt(new_key(), paid)["state"] == "done"
    assert headings(terminal) == []


def test_a_logo_that_cannot_be_printed_costs_nobody_a_receipt(tmp_path, simulator):
    folder = tmp_path / "device"
    folder.mkdir()
    broken = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x08 and then nothing of a picture"
    (folder / "logo.png").write_bytes(broken)
    more = {"printer": PRINTER, "receipt": 'logo = "logo.png"'}
    with (
        open_shop(folder, simulator, scale=0.05, printer=True, more=more) as terminal,
        terminal.till() as till,
    ):
        paid = sell(till, simulator)
        assert till.print_receipt(new_key(), paid)["state"] == "done"
        assert [code.text for code in terminal.paper.codes()] == [paid["payment"]]
        assert "the logo is left out" in terminal.log()
        own = [{"type": "image", "png": broken}, {"type": "text", "text": "below"}]
        job = till.call("printer.print", key=new_key(), document=own)
        told = till.call("printer.job", job=job["job"], timeout_s=20)
        assert (told["state"], len(terminal.paper.cuts)) == ("failed", 1)
