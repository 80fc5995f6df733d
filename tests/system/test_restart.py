"""What a restart, wanted or not, does to every payment that was under way (rules.md §3)."""

import signal
import socket
import subprocess
import sys

import msgpack
import pytest

from tilld_client import CallError
from tilld_testkit.comparison import at_rest
from tilld_testkit.listener import listening
from tilld_testkit.shop import SOURCES, Terminal, new_key, open_shop, sell, settled

TIMES = "pay_in_flight_max_s = 60"
STOPS = ["kill -9", "SIGTERM"]


@pytest.fixture
def terminal(tmp_path, simulator):
    how = {"scale": 0.05, "more": {"timing": TIMES}, "scanner": True}
    with open_shop(tmp_path / "device", simulator, **how) as terminal:
        yield terminal


def restart(terminal, how):
    if how == "SIGTERM":
        assert terminal.stop() == 0
    else:
        terminal.kill()
    terminal.start()


@pytest.mark.parametrize("how", STOPS)
def test_what_was_paid_stays_paid_under_its_key(terminal, simulator, how):
    with terminal.till() as till:
        paid = sell(till, simulator, 1250, "A-1")
        device, epoch = till.greeting["device"], till.greeting["epoch"]
        restart(terminal, how)
        again = till.start(paid["key"], "A-1", "EUR", 1250)
        for name in ("payment", "state", "amount", "antom_payment_id", "paid_at"):
            assert again[name] == paid[name]
        assert till.acknowledge(paid)["outcome"] == "paid"
        with pytest.raises(CallError, match="already_paid"):
            till.cancel(paid["key"])
        with pytest.raises(CallError, match="order_paid"):
            till.start(new_key(), "A-1", "EUR", 1250, code=simulator.fresh_code())
        assert till.greeting["device"] == device
        assert till.greeting["epoch"] != epoch
        assert at_rest(till.get(paid["key"]), simulator) == []


@pytest.mark.parametrize("how", STOPS)
def test_an_approval_that_nobody_acknowledged_is_cancelled(terminal, simulator, how):
    key = new_key()
    with terminal.till() as till:
        payment = till.start(key, "A-1", "EUR", 1250, code=simulator.fresh_code())
        assert till.wait(payment)["state"] == "approved"
        restart(terminal, how)
        late = till.acknowledge(payment)
        assert (late["outcome"], late["reason"]["code"]) == ("not_paid", "restarted")
        end = settled(till, late)
    assert end["state"] == "cancelled"
    assert simulator.payment(payment["payment"])["debited"] == 1250
    assert at_rest(end, simulator) == []


@pytest.mark.parametrize("how", STOPS)
def test_a_payment_whose_answer_is_awaited_is_cancelled(terminal, simulator, how):
    simulator.set_faults({"api": "pay", "fault": "answer lost after the debit"})
    key = new_key()
    with terminal.till() as till, listening(terminal.socket_path) as listener:
        payment = till.start(key, "A-1", "EUR", 1250, code=simulator.fresh_code())
        listener.until(lambda event: "inquiring" in listener.states(payment["payment"]))
        restart(terminal, how)
        end = settled(till, till.get(key))
    assert (end["state"], end["reason"]["code"]) == ("cancelled", "restarted")
    assert at_rest(end, simulator) == []


def test_many_payments_that_were_under_way_are_decided_with_few_flushes(tmp_path, simulator):
    """With the timers of rules.md §2, so that on a slow machine too the restart comes first."""
    simulator.set_faults(
        {"api": "pay", "fault": "no answer"}, {"api": "cancel", "fault": "rate limit"}
    )
    with open_shop(tmp_path / "device", simulator) as terminal, terminal.till() as till:
        keys = [new_key() for _ in range(24)]
        for n, key in enumerate(keys):
            till.start(key, f"A-{n}", "EUR", 1250, code=simulator.fresh_code())
        terminal.kill()
        terminal.start()
        ended = [till.get(key) for key in keys]
        assert {(end["outcome"], end["reason"]["code"]) for end in ended} == {
            ("not_paid", "restarted")
        }
        assert till.call("device.info")["storage"]["flushes"] < len(keys) / 2
        terminal.kill()
        terminal.start()
        assert {till.get(key)["outcome"] for key in keys} == {"not_paid"}


@pytest.mark.parametrize("how", STOPS)
def test_a_payment_that_waited_for_its_code_has_failed(terminal, simulator, how):
    with terminal.till() as till:
        waiting = till.start(new_key(), "A-1", "EUR", 1250)
        restart(terminal, how)
        end = till.get(waiting["key"])
        assert (end["state"], end["reason"]["code"]) == ("failed", "restarted")
        assert till.start(waiting["key"], "A-1", "EUR", 1250)["payment"] == waiting["payment"]
    assert simulator.payment(waiting["payment"]) == {}


def test_a_paid_that_nobody_heard_is_shown_until_it_is_fetched(terminal, simulator):
    with terminal.till() as till, listening(terminal.socket_path) as listener:
        key = new_key()
        payment = till.wait(till.start(key, "A-1", "EUR", 1250, code=simulator.fresh_code()))
        _acknowledge_and_go(terminal, key)
        listener.until(lambda event: "paid" in listener.states(payment["payment"]))
        assert till.call("hello", client="test", api=[1, 0])["unheard"] == [payment["payment"]]
        restart(terminal, "kill -9")
        assert till.call("hello", client="test", api=[1, 0])["unheard"] == [payment["payment"]]
        assert till.get(key)["outcome"] == "paid"
        assert till.call("hello", client="test", api=[1, 0])["unheard"] == []


def _acknowledge_and_go(terminal, key):
    """A till that dies in the instant of its acknowledge."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(terminal.socket_path))
        line.sendall(msgpack.packb([0, 1, "hello", [{"client": "dies", "api": [1, 0]}]]))
        assert line.recv(65536)
        line.sendall(msgpack.packb([0, 2, "payment.acknowledge", [{"key": key}]]))


def test_a_refund_under_way_is_finished_under_its_own_id(terminal, simulator):
    with terminal.till() as till:
        paid = sell(till, simulator)
        simulator.set_faults({"api": "refund", "fault": "answer lost after the debit"})
        key = new_key()
        refund = till.call("refund.start", key=key, payment=paid["payment"])
        assert refund["outcome"] == "pending"
        restart(terminal, "kill -9")
        while not refund["decided"]:
            refund = till.call("refund.wait", key=key, revision=refund["revision"], timeout_s=20)
        assert refund["outcome"] == "refunded"
        assert till.get(paid["key"])["refunded"]["value"] == 1250
    held = simulator.payment(paid["payment"])
    assert held["returned"] == 1250
    assert len(held["refunds"]) == 1


def test_a_second_daemon_on_the_same_journal_says_so(terminal):
    second = _run(terminal)
    assert second.returncode == 1
    assert "another process has the journal" in second.stderr
    with terminal.till() as till:
        assert till.call("device.info")["terminal"] == "7"


def test_a_second_daemon_does_not_take_the_socket_of_a_running_one(tmp_path, terminal, simulator):
    path = f'socket = "{terminal.socket_path}"'
    other = Terminal(tmp_path / "other", simulator, scale=0.05)
    text = other.settings_path.read_text()
    other.settings_path.write_text(text.replace('socket = "till.sock"', path))
    second = _run(other)
    assert second.returncode == 2
    assert "[till] socket" in second.stderr
    assert "another process answers there" in second.stderr
    with terminal.till() as till:
        assert sell(till, simulator)["outcome"] == "paid"


WRONG = {
    "timezone": ("timezon", "timezon"),
    'mode = "test"': ('mode = "party"', "mode"),
    "size = 4194304": ('size = "large"', "size"),
    "scale = 0.05": ("scale = 0", "scale"),
    'driver = "linux-serial"': ('driver = "telepathy"', "driver"),
    "ca.pem": ("no_such.pem", "ca_file"),
}


@pytest.mark.parametrize("right", WRONG)
def test_a_wrong_setting_stops_the_start_with_its_line(tmp_path, simulator, right):
    terminal = Terminal(tmp_path / "device", simulator, scale=0.05, scanner=True)
    wrong, key = WRONG[right]
    text = terminal.settings_path.read_text()
    assert right in text
    terminal.settings_path.write_text(text.replace(right, wrong, 1))
    ended = _run(terminal)
    terminal.close()
    lines = terminal.settings_path.read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if wrong in line)
    assert ended.returncode == 2
    assert f"{terminal.settings_path}:{number}:" in ended.stderr
    assert key in ended.stderr
    assert not (terminal.folder / "state").exists()


def _run(terminal):
    """A daemon that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "tilld_daemon", "--config", str(terminal.settings_path)],
        env={"PYTHONPATH": SOURCES},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_daemon_that_is_told_to_stop_stops_with_tills_connected(terminal):
    with terminal.till() as till, listening(terminal.socket_path):
        till.call("hello", client="test", api=[1, 0])
        assert terminal.process is not None
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(20) == 0
