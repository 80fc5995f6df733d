"""A journal with records that can't be taken: words, never a traceback, and no cancel forgotten."""

import contextlib

import pytest

from tilld_client import CallError
from tilld_daemon.store import Store
from tilld_hal import catalogue
from tilld_testkit.comparison import JOURNAL_BYTES
from tilld_testkit.listener import listening
from tilld_testkit.shop import PATIENCE_S, Terminal, new_key


@pytest.fixture
def terminal(tmp_path, simulator):
    terminal = Terminal(tmp_path / "device", simulator)
    yield terminal
    terminal.close()


def add(terminal, *records):
    """As another release, or a bug, might have written them."""
    settings = {"path": str(terminal.folder / "state"), "size": JOURNAL_BYTES}
    with contextlib.closing(catalogue.open_driver("storage", "linux-file", settings)) as storage:
        store = Store(storage)
        store.recover()
        store.append(list(records))


def test_a_record_of_a_later_release_stops_the_start_with_words(terminal):
    add(terminal, ["device", "d1"], ["something of tomorrow", 1])
    terminal.start_unheard()
    assert terminal.process is not None
    assert terminal.process.wait(PATIENCE_S) == 1
    assert "something of tomorrow" in terminal.log()
    assert "Traceback" not in terminal.log()


def test_a_record_about_nothing_is_a_damage_and_what_is_owed_goes_on(terminal, simulator):
    """I20, I21: no new payment until a person has looked, and the cancel on flash leaves."""
    terminal.start()
    key = new_key()
    with terminal.till() as till:
        payment = till.wait(till.start(key, "A-1", "EUR", 1250, code=simulator.fresh_code()))
        simulator.set_faults({"api": "*", "fault": "refuse connections"})
        assert till.cancel(key)["outcome"] == "not_paid"
    terminal.kill()
    add(terminal, ["heard", "nobody"])
    terminal.start()
    with terminal.till() as till, listening(terminal.socket_path) as listener:
        assert till.get(key)["outcome"] == "not_paid"
        assert "storage" in [block["code"] for block in till.greeting["blocks"]]
        with pytest.raises(CallError) as refused:
            till.start(new_key(), "A-2", "EUR", 100, code="281006020000000000125733")
        assert refused.value.code in ("storage", "not_ready")
        simulator.control_by_socket("PUT", "/_sim/faults", [])
        till.call("queue.flush")
        listener.until(
            lambda event: (
                event.get("payment") == payment["payment"]
                and simulator.owed(payment["payment"]) == 0
            )
        )
        assert till.get(key)["outcome"] == "not_paid"
    assert "Traceback" not in terminal.log()
