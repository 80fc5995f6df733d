"""Many owed cancels leave as fast as Antom answers, none behind another (I15, I24)."""

import pytest

from tilld_core import civil
from tilld_testkit.comparison import at_rest
from tilld_testkit.shop import new_key, open_shop, settled

OWED = 60  # more than are tried at once


@pytest.fixture
def terminal(tmp_path, simulator):
    with open_shop(tmp_path / "device", simulator, scale=0.05) as terminal:
        yield terminal


def test_a_long_queue_drains_without_a_pause_once_antom_answers(terminal, simulator):
    simulator.set_faults(
        {"api": "pay", "fault": "answer lost after the debit"},
        {"api": "cancel", "fault": "rate limit"},
    )
    with terminal.till() as till:
        owed = [_owing(till, simulator) for _ in range(OWED)]
        # of some not a byte of `pay` had left when they were cancelled: nothing is owed for these
        assert len(till.call("queue.list", limit=100)["entries"]) > OWED // 2
        simulator.set_faults()
        till.call("queue.flush")
        ends = [settled(till, one, timeout_s=15) for one in owed]
        assert till.call("queue.list")["entries"] == []
    assert {end["state"] for end in ends} == {"cancelled"}
    assert [wrong for end in ends for wrong in at_rest(end, simulator)] == []


def test_the_window_closes_as_late_as_the_contract_says(tmp_path, simulator):
    simulator.set_faults({"api": "cancel", "fault": "rate limit"})
    grace = {"timing": "cancel_window_grace_s = 900"}
    shop = open_shop(tmp_path / "late", simulator, scale=0.05, more=grace)
    with shop as terminal, terminal.till() as till:
        begun = till.start(new_key(), "A-1", "EUR", 1250, code=simulator.fresh_code())
        assert till.wait(begun)["state"] == "approved"
        till.cancel(begun["key"])
        (entry,) = till.call("queue.list")["entries"]
    closes_s = civil.parse_rfc3339(entry["window_closes_at"])
    assert closes_s is not None
    assert (closes_s + civil.UTC8_S) % civil.DAY_S == 900


def _owing(till, simulator):
    """A payment whose money Antom has, and which the till does not want."""
    key = new_key()
    till.start(key, f"order {key}", "EUR", 1250, code=simulator.fresh_code())
    return till.cancel(key)


def test_a_cancel_that_is_never_answered_holds_up_no_other(terminal, simulator):
    """The oldest debt, so that it is always tried first (I24)."""
    with terminal.till() as till:
        owed = [_approved(till, simulator) for _ in range(OWED // 2)]
        poison, others = owed[0], owed[1:]
        simulator.set_faults({"api": "cancel", "fault": "no answer", "payment": poison["payment"]})
        for one in owed:
            till.cancel(one["key"])
        ends = [settled(till, one, timeout_s=15) for one in others]
        assert {end["state"] for end in ends} == {"cancelled"}
        (entry,) = till.call("queue.list")["entries"]
        assert entry["payment"] == poison["payment"]
        simulator.set_faults()
        till.call("queue.flush")
        assert settled(till, poison, timeout_s=15)["state"] == "cancelled"


def test_everything_owed_leaves_when_antom_is_there_again(terminal, simulator):
    with terminal.till() as till:
        owed = [_approved(till, simulator) for _ in range(OWED // 2)]
        simulator.control_by_socket(
            "PUT", "/_sim/faults", [{"api": "*", "fault": "refuse connections"}]
        )
        cancelled = [till.cancel(one["key"]) for one in owed]
        assert not any(one["settled"] for one in cancelled)
        simulator.control_by_socket("PUT", "/_sim/faults", [])
        ends = [settled(till, one, timeout_s=15) for one in cancelled]
    assert [wrong for end in ends for wrong in at_rest(end, simulator)] == []


def _approved(till, simulator):
    """A payment that waits for the till's word."""
    key = new_key()
    code = simulator.fresh_code()
    return till.wait(till.start(key, f"order {key}", "EUR", 1250, code=code))
