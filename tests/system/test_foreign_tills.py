"""Tills in other languages, without our client: they sell, crash and recover.

Each keeps a database of its own; what stands there is compared with Antom's ledger.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tilld_testkit.comparison import at_rest
from tilld_testkit.shop import new_key, open_shop, settled

HERE = Path(__file__).parent / "tills"
LINES_MAX = 150
PATIENCE_S = 60
TIMES = "acknowledge_within_s = 20\npay_in_flight_max_s = 60"


@pytest.fixture(scope="module")
def terminal(tmp_path_factory, _one_simulator):
    how = {"scale": 0.05, "more": {"timing": TIMES}}
    with open_shop(tmp_path_factory.mktemp("device"), _one_simulator, **how) as terminal:
        yield terminal


@pytest.fixture(scope="module")
def till_in_c(tmp_path_factory):
    built = tmp_path_factory.mktemp("till") / "till"
    strict = ["-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *strict, "-o", built, HERE / "till.c"], check=True, timeout=PATIENCE_S)
    return [str(built)]


@pytest.fixture(params=["Node", "C"])
def till(request, terminal, simulator, tmp_path, till_in_c):
    """Runs the till once; its answer is the lines that it printed, each split into words."""
    command = till_in_c if request.param == "C" else ["node", str(HERE / "till.mjs")]

    def run(*words, dies_at=""):
        ended = subprocess.run(
            [*command, str(terminal.socket_path), str(tmp_path / "sales"), *words],
            env={**os.environ, "TILL_DIES_AT": dies_at},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ended.returncode == (-9 if dies_at else 0), ended.stderr
        return [line.split() for line in ended.stdout.splitlines()]

    return run


@pytest.fixture
def order():
    return f"order {new_key()[:8]}"


def sell(till, simulator, order, **how):
    return till("sell", order, "1250", simulator.fresh_code(), **how)


def only_sale_of(terminal, order):
    with terminal.till() as asking:
        (payment,) = asking.call("payment.list", order_ref=order)["payments"]
        return settled(asking, payment)


@pytest.mark.parametrize("name", ["till.mjs", "till.c"])
def test_each_till_is_short_enough_to_copy(name):
    assert len((HERE / name).read_text().splitlines()) < LINES_MAX


def test_a_till_sells(till, terminal, simulator, order):
    ((key, outcome, state),) = sell(till, simulator, order)
    assert (outcome, state) == ("paid", "paid")
    paid = only_sale_of(terminal, order)
    assert (paid["key"], simulator.owed(paid["payment"])) == (key, 1250)
    assert till("recover") == []


@pytest.mark.parametrize(
    ("step", "outcome"),
    [("stored", "not_paid"), ("started", "paid"), ("approved", "paid"), ("paid", "paid")],
)
def test_a_till_killed_at_any_step_recovers_the_truth(
    till, terminal, simulator, order, step, outcome
):
    sell(till, simulator, order, dies_at=step)
    recovered = till("recover")
    if step == "paid":
        assert recovered == []  # it was stored before the kill
    else:
        assert [told[1] for told in recovered] == [outcome]
    with terminal.till() as asking:
        sales = asking.call("payment.list", order_ref=order)["payments"]
        ends = [settled(asking, sale) for sale in sales]
    assert [end["outcome"] for end in ends] == ([] if step == "stored" else [outcome])
    for end in ends:
        assert at_rest(end, simulator) == []


def test_a_till_learns_that_a_sale_without_an_answer_is_not_paid(till, terminal, simulator, order):
    simulator.set_faults(
        {"api": "pay", "fault": "answer lost after the debit"},
        {"api": "inquiryPayment", "fault": "no answer"},
    )
    ((_, outcome, state, reason),) = sell(till, simulator, order)
    assert (outcome, state, reason) == ("not_paid", "cancelling", "no_answer")
    simulator.set_faults()
    assert at_rest(only_sale_of(terminal, order), simulator) == []


def test_a_till_learns_that_the_customer_was_refused(till, simulator, order):
    refused = simulator.fresh_code("?wallet=no-money")
    ((_, *told),) = till("sell", order, "1250", refused)
    assert told == ["not_paid", "failed", "declined"]
