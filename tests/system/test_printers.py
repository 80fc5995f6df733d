"""Printers on the network and simulated ones, through the whole terminal, as a cashier meets them
(till_socket.md §3, Jobs)."""

import contextlib

import pytest

from tilld_hal.simulated.printer import set_faults
from tilld_testkit.listener import listening
from tilld_testkit.network_printer import NetworkPrinter
from tilld_testkit.paper import Paper, codes_in
from tilld_testkit.shop import new_key, open_shop, sell

QUICK = "answer_ms = 200\njob_timeout_s = 1"


@contextlib.contextmanager
def shop(folder, simulator, printer):
    more = {"printer": f"{printer}\n{QUICK}"}
    with open_shop(folder / "device", simulator, scale=0.05, more=more) as terminal:
        yield terminal


@pytest.fixture
def printer():
    printer = NetworkPrinter(Paper(48))
    yield printer
    printer.close()


@pytest.fixture
def on_network(tmp_path, simulator, printer):
    settings = f'driver = "linux-network"\nhost = "127.0.0.1"\nport = {printer.port}'
    with shop(tmp_path, simulator, f'{settings}\nprofile = "epson-48"\nconnect_ms = 300') as one:
        yield one


@pytest.fixture
def papers(tmp_path):
    return tmp_path / "papers"


@pytest.fixture
def simulated(tmp_path, simulator, papers):
    with shop(tmp_path, simulator, f'driver = "simulated"\nfolder = "{papers}"') as one:
        yield one


def codes_of(event):
    return {found["code"] for found in event.get("degraded", ())}


def test_a_receipt_comes_out_of_a_printer_on_the_network(on_network, printer, simulator):
    with on_network.till() as till:
        paid = sell(till, simulator)
        assert till.print_receipt(new_key(), paid)["state"] == "done"
        assert [code.text for code in printer.paper.codes()] == [paid["payment"]]
        assert max(map(len, printer.paper.placed)) == 48  # the profile's columns, all of them


def test_a_printer_that_hangs_up_within_a_receipt_leaves_its_fate_open(
    on_network, printer, simulator
):
    with on_network.till() as till:
        paid = sell(till, simulator)
        printer.hangs_up_after = 200
        job = till.print_receipt(new_key(), paid)
        assert job["state"] == "unknown"
        assert "look at the paper" in job["reason"].lower()
        printer.hangs_up_after = None
        assert till.print_receipt(new_key(), paid)["state"] == "done"
        assert "COPY" in [line.strip() for line in printer.paper.lines]


def test_a_network_printer_that_is_off_fails_the_job_and_takes_the_next_when_it_is_on(
    on_network, printer, simulator
):
    with on_network.till() as till:
        paid = sell(till, simulator)
        printer.switch_off()
        job = till.print_receipt(new_key(), paid)
        assert job["state"] == "failed"
        assert "connection" in job["reason"]
        assert till.call("printer.status")["online"] == "no"
        assert "printer" in codes_of(till.call("device.health"))
        printer.switch_on()
        assert till.print_receipt(new_key(), paid)["state"] == "done"
        assert "printer" not in codes_of(till.call("device.health"))
        assert "COPY" not in [line.strip() for line in printer.paper.lines]


def test_a_network_printer_that_swallows_is_called_silent(on_network, printer, simulator):
    with on_network.till() as till:
        paid = sell(till, simulator)
        printer.paper.swallow = True
        assert till.print_receipt(new_key(), paid)["state"] == "unknown"
        assert set(till.call("printer.status").values()) == {"unknown"}
        assert codes_of(till.call("device.health")) >= {"printer_silent"}
        assert till.get(paid["key"]) == paid


def test_while_a_job_has_the_printer_its_status_is_unknown_at_once(on_network, printer, simulator):
    with on_network.till() as till, listening(on_network.socket_path) as heard:
        paid = sell(till, simulator)
        printer.paper.swallow = True  # so that the job waits for a word of the printer
        till.call("receipt.print", key=new_key(), payment=paid["payment"])
        heard.until(lambda event: event.get("job", {}).get("state") == "sent")
        assert set(till.call("printer.status").values()) == {"unknown"}
        assert heard.until(lambda event: event.get("job", {}).get("state") == "unknown")


def test_the_papers_of_a_simulated_printer_are_pictures_that_scan(simulated, papers, simulator):
    with simulated.till() as till:
        paid = sell(till, simulator)
        assert till.print_receipt(new_key(), paid)["state"] == "done"
        assert [code.text for code in codes_in(papers / "paper-0001.png")] == [paid["payment"]]
        text = (papers / "paper-0001.txt").read_text()
        assert "12.50 EUR" in text
        assert "Antom" in text


@pytest.mark.parametrize(
    ("fault", "state", "words", "code"),
    [
        ("paper-out", "failed", "no paper", "paper_out"),
        ("cover-open", "failed", "cover", "cover_open"),
        ("offline", "failed", "offline", "printer_offline"),
        ("paper-low", "done", "", "paper_low"),
        ("swallow", "unknown", "look at the paper", "printer_silent"),
        ("unplugged", "failed", "unplugged", "printer"),
    ],
)
def test_a_fault_has_words_for_the_cashier_and_a_code_in_health(
    simulated, papers, simulator, fault, state, words, code
):
    with simulated.till() as till:
        paid = sell(till, simulator)
        set_faults(papers, {fault: 0})
        job = till.print_receipt(new_key(), paid)
        assert job["state"] == state
        assert words in (job["reason"] or "").lower()
        health = till.call("device.health")
        assert codes_of(health) & {
            "printer",
            "printer_silent",
            "printer_offline",
            "paper_out",
            "paper_low",
            "cover_open",
            "printer_error",
        } == {code}
        assert all(found["message"] for found in health["degraded"])
        assert till.get(paid["key"]) == paid
        set_faults(papers, {})
        assert till.print_receipt(new_key(), paid)["state"] == "done"
        assert code not in codes_of(till.call("device.health"))


def test_a_cable_pulled_within_a_receipt_and_a_stall_leave_the_fate_open(
    simulated, papers, simulator
):
    with simulated.till() as till:
        paid = sell(till, simulator)
        for fault in ("cut-off", "stall"):
            set_faults(papers, {fault: 300})
            assert till.print_receipt(new_key(), paid)["state"] == "unknown"
            set_faults(papers, {})
        assert till.print_receipt(new_key(), paid)["state"] == "done"


def test_paper_that_runs_low_is_announced_though_nobody_prints(tmp_path, simulator, papers):
    set_faults(papers, {"paper-low": 0})
    printer = f'driver = "simulated"\nfolder = "{papers}"'
    with shop(tmp_path, simulator, printer) as terminal, listening(terminal.socket_path) as heard:
        event = heard.until(
            lambda event: (
                event["event"] in ("device.changed", "gap") and "paper_low" in codes_of(event)
            )
        )
        assert event["event"] == "device.changed"
        set_faults(papers, {"paper-low": 0, "cover-open": 0})
        with terminal.till() as till:
            assert till.call("printer.status")["cover_closed"] == "no"
        heard.until(lambda event: "cover_open" in codes_of(event))
        set_faults(papers, {})  # it is asked again by itself while something is wrong
        heard.until(lambda event: event["event"] == "device.changed" and not codes_of(event))
