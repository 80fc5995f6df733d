"""`kill -9` at random instants; then till, journal and Antom are compared (I7, I20, I23)."""

from __future__ import annotations

import collections
import os
import random
import threading

import pytest

from tilld_testkit.comparison import at_rest, in_history, journal_of, on_flash
from tilld_testkit.keeping_till import KeepingTill, Lives
from tilld_testkit.listener import listening
from tilld_testkit.shop import Terminal, new_key, settled

LIVES = int(os.environ.get("TILLD_TEST_LIVES", "60"))
LOOK_AT_FLASH_EVERY = 10
LIVE_LONG_EVERY = 60
LIFE_AT_MOST_S = 0.4
BIRTH_AT_MOST_S = 0.3
TIMES = """
acknowledge_within_s = 10
pay_in_flight_max_s = 60
back_off_first_s = 1
back_off_max_s = 10
"""
WEATHER = [
    [],
    [{"api": "pay", "fault": "answer lost after the debit", "times": 1}],
    [{"api": "pay", "fault": "U after the debit", "times": 2}],
    [{"api": "pay", "fault": "cut connection", "times": 1}],
    [{"api": "pay", "fault": "late answer", "times": 2, "after_s": 0.1}],
    [{"api": "cancel", "fault": "answer lost after the debit", "times": 2}],
    [{"api": "cancel", "fault": "cancel window closed", "times": 9}],
    [{"api": "cancel", "fault": "merchant balance not enough", "times": 1}],
    [{"api": "refund", "fault": "answer lost after the debit", "times": 1}],
]


@pytest.fixture
def terminal(tmp_path, simulator):
    terminal = Terminal(tmp_path / "device", simulator, scale=0.05, more={"timing": TIMES})
    yield terminal
    terminal.close()


def test_no_kill_makes_till_journal_and_antom_disagree(terminal, simulator):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}, {LIVES} lives")
    chance = random.Random(seed)
    before = {held["paymentRequestId"] for held in simulator.control("GET", "/_sim/payments")}
    stop, lives = threading.Event(), Lives()
    tills = [KeepingTill(terminal, simulator, seed + one, lives, stop) for one in range(2)]
    for till in tills:
        till.start()
    for life in range(LIVES):
        simulator.set_faults(*chance.choice(WEATHER))
        if life % LIVE_LONG_EVERY == LIVE_LONG_EVERY - 1:
            _live_until_settled(terminal, simulator, lives)
        else:
            _live_and_die(terminal, chance, lives, stop)
        if life % LOOK_AT_FLASH_EVERY == 0:
            assert _untrue(terminal, tills) == []
    terminal.start()
    lives.begin()
    stop.set()
    for till in tills:
        till.join(120)
        assert not till.is_alive(), terminal.log()[-4000:]
        assert till.error is None, f"{till.error!r}\n{terminal.log()[-4000:]}"
    terminal.kill()
    assert _wrong(tills, simulator) == []
    journal = journal_of(terminal)
    assert _untrue(terminal, tills) == []
    held = {held["paymentRequestId"] for held in simulator.control("GET", "/_sim/payments")}
    assert held - before <= set(journal.payments)
    assert journal.unsettled == {}
    told = [views[-1] for till in tills for views in till.told.values() if views]
    print(collections.Counter(view["state"] for view in told))
    assert {view["outcome"] for view in told} == {"paid", "not_paid"}


def _live_and_die(terminal, chance, lives, never):
    """One life; some are ended before they are born, while the journal is read (I23).

    ``never`` is only waited on for the drawn time: nothing sets it while lives are lived.
    """
    if chance.random() < 0.2:
        terminal.start_unheard()
        never.wait(chance.uniform(0, BIRTH_AT_MOST_S))
    else:
        terminal.start()
        lives.begin()
        never.wait(chance.uniform(0, LIFE_AT_MOST_S))
    terminal.kill()


def _live_until_settled(terminal, simulator, lives):
    """A life that is long enough for I8: a `pay` that never arrived is known to be none only some
    time after a restart, and every shorter life begins that time anew."""
    simulator.set_faults()
    terminal.start()
    lives.begin()
    with terminal.till() as till:
        for entry in till.call("queue.list", limit=100)["entries"]:
            settled(till, till.call("payment.get", payment=entry["payment"]))
    terminal.kill()


def _untrue(terminal, tills):
    """What a till was told and the flash of the dead terminal does not bear out."""
    told = [views[-1] for till in tills for views in list(till.told.values()) if views]
    ledger = journal_of(terminal)
    return [
        (view["payment"], sentence)
        for view in told
        if view["decided"]
        for sentence in on_flash(view, ledger)
    ]


def _wrong(tills, simulator):
    return [
        (views[-1]["payment"], sentence)
        for till in tills
        for views in till.told.values()
        if views
        for sentence in at_rest(views[-1], simulator) + in_history(views)
    ]


def test_a_cancel_waits_in_flash_through_a_kill_and_a_dead_network(terminal, simulator):
    terminal.start()
    simulator.set_faults(
        {"api": "pay", "fault": "answer lost after the debit"},
        {"api": "inquiryPayment", "fault": "no answer"},
    )
    key = new_key()
    with terminal.till() as till, listening(terminal.socket_path) as listener:
        payment = till.start(key, "A-1", "EUR", 4711, code=simulator.fresh_code())
        listener.until(lambda event: "inquiring" in listener.states(payment["payment"]))
        _network(simulator, "out")
        assert not till.wait(payment)["settled"]
    terminal.kill()
    terminal.start()
    with terminal.till() as till:
        owed = till.call("queue.list")["entries"]
        assert [entry["payment"] for entry in owed] == [payment["payment"]]
        told = till.get(key)
        assert (told["outcome"], told["settled"]) == ("not_paid", False)
    terminal.kill()
    terminal.start()
    _network(simulator, "back")
    with terminal.till() as till:
        end = settled(till, till.get(key))
    assert end["state"] == "cancelled"
    assert simulator.payment(payment["payment"])["debited"] == 4711
    assert at_rest(end, simulator) == []


def _network(simulator, state):
    faults = [{"api": "*", "fault": "refuse connections"}] if state == "out" else []
    simulator.control_by_socket("PUT", "/_sim/faults", faults)
