"""`pay` against the real process: it ends as the terminal says, whoever is killed on the way."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tilld_client import (
    AlreadyPaid,
    CallError,
    KeyFolder,
    Lost,
    NotReady,
    Payment,
    ScannerBusy,
    Till,
)
from tilld_testkit.comparison import at_rest
from tilld_testkit.shop import SOURCES, new_key, open_shop, settled

UNANSWERED = {"api": "pay", "fault": "answer lost after the debit"}

ANOTHER_TILL = """
import sys
from tilld_client import KeyFolder, Till
def show(payment):
    print(payment["state"], flush=True)
with Till(sys.argv[1]) as till:
    payment = till.pay(KeyFolder(sys.argv[2]), sys.argv[3], "EUR", 1250, show)
print("paid" if payment.paid else payment["reason"]["code"], flush=True)
"""


@pytest.fixture
def shop(tmp_path, simulator):
    how = {"scale": 0.05, "more": {"timing": "pay_in_flight_max_s = 60"}, "scanner": True}
    with open_shop(tmp_path / "device", simulator, **how) as shop:
        yield shop


@pytest.fixture
def till(shop):
    with shop.till() as till:
        yield till


@pytest.fixture
def store(tmp_path):
    return KeyFolder(tmp_path / "keys")


def a_till(shop, **how):
    return Till(str(shop.socket_path), **how)


def scan(shop, simulator):
    shop.scanner.send(f"{simulator.fresh_code()}\r".encode())


def when(state, do):
    """A progress that does something once, in that state."""
    left = [do]

    def progress(payment):
        if payment["state"] == state and left:
            left.pop()()

    return progress


def another_till(shop, store_folder, order):
    return subprocess.Popen(
        [sys.executable, "-c", ANOTHER_TILL, str(shop.socket_path), str(store_folder), order],
        env={"PYTHONPATH": SOURCES},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_scanned_code_is_paid_acknowledged_and_settled(shop, till, store, simulator):
    seen = []

    def progress(payment):
        seen.append(payment["state"])
        assert store.remembered() == [payment["key"]]
        if seen == ["waiting_for_code"]:
            scan(shop, simulator)

    paid = till.pay(store, "A-1", "EUR", 1250, progress)
    assert paid.paid
    assert (seen[0], seen[-1]) == ("waiting_for_code", "paid")
    assert "approved" not in seen
    assert store.remembered() == []
    assert at_rest(paid, simulator) == []


def test_a_terminal_killed_while_it_waits_for_a_code_says_so(shop, till, store):
    def kill_and_start():
        shop.kill()
        shop.start()

    payment = till.pay(store, "A-2", "EUR", 100, when("waiting_for_code", kill_and_start))
    assert (payment["state"], payment["reason"]["code"]) == ("failed", "restarted")
    assert store.remembered() == []


def test_a_terminal_killed_in_mid_payment_ends_it_and_the_till_is_told(
    shop, till, store, simulator
):
    simulator.set_faults(UNANSWERED)

    def kill_and_start():
        shop.kill()
        shop.start()

    code = simulator.fresh_code()
    progress = when("paying", kill_and_start)
    payment = till.pay(store, "A-3", "EUR", 100, progress, code=code)
    assert (payment["outcome"], payment["reason"]["code"]) == ("not_paid", "restarted")
    end = settled(till, payment)
    assert at_rest(end, simulator) == []


def test_a_terminal_that_is_away_for_a_while_is_waited_for(shop, till, store, simulator):
    """It is stopped in good order, then started again: the start is repeated until it answers."""
    shop.stop()
    heard, lost = [], threading.Event()

    def held_up(why):
        heard.append(why)
        lost.set()

    code = simulator.fresh_code()
    with a_till(shop, held_up=held_up) as patient, ThreadPoolExecutor(1) as aside:
        paying = aside.submit(patient.pay, store, "A-4", "EUR", 100, code=code)
        assert lost.wait(20)
        shop.start()
        assert paying.result(20).paid
    assert isinstance(heard[0], OSError)


def test_a_terminal_that_stays_away_leaves_the_key_to_recover(shop, till, store, simulator):
    shop.stop()
    with a_till(shop, patience_s=0.0) as impatient, pytest.raises(Lost):
        impatient.pay(store, "A-5", "EUR", 100, code=simulator.fresh_code())
    (key,) = store.remembered()
    shop.start()
    (end,) = till.recover(store)
    assert (end["key"], end["reason"]["code"]) == (key, "cancelled_before_start")
    assert store.remembered() == []


def test_a_till_killed_in_mid_sale_finds_how_it_ended(shop, till, tmp_path, simulator):
    simulator.set_faults({"api": "pay", "fault": "late answer", "after_s": 0.3})
    dying = another_till(shop, tmp_path / "keys", "A-6")
    assert dying.stdout.readline() == "waiting_for_code\n"
    scan(shop, simulator)
    while dying.stdout.readline() == "waiting_for_code\n":
        pass
    dying.kill()
    dying.communicate(timeout=20)
    (end,) = till.recover(KeyFolder(tmp_path / "keys"))
    assert end["order_ref"] == "A-6"
    assert end.paid
    assert KeyFolder(tmp_path / "keys").remembered() == []
    assert at_rest(end, simulator) == []


def test_what_a_killed_till_waited_for_is_cancelled(shop, till, tmp_path):
    dying = another_till(shop, tmp_path / "keys", "A-7")
    assert dying.stdout.readline() == "waiting_for_code\n"
    dying.kill()
    dying.communicate(timeout=20)
    (end,) = till.recover(KeyFolder(tmp_path / "keys"))
    assert (end["state"], end["reason"]["code"]) == ("failed", "till_cancelled")


def test_a_cancel_from_another_thread_ends_it(till, store):
    key = new_key()
    cancel = when("waiting_for_code", threading.Thread(target=till.cancel, args=(key,)).start)
    payment = till.pay(store, "A-8", "EUR", 100, cancel, key=key)
    assert (payment["state"], payment["reason"]["code"]) == ("failed", "till_cancelled")


def test_a_cancel_that_comes_too_late_is_already_paid(till, store, simulator):
    paid = till.pay(store, "A-9", "EUR", 100, code=simulator.fresh_code())
    with pytest.raises(AlreadyPaid):
        till.cancel(paid["key"])


def test_ctrl_c_cancels_and_pay_returns_the_end(shop, tmp_path):
    selling = another_till(shop, tmp_path / "keys", "A-10")
    assert selling.stdout.readline() == "waiting_for_code\n"
    selling.send_signal(2)
    said, _ = selling.communicate(timeout=20)
    assert said.splitlines()[-2:] == ["failed", "till_cancelled"]


def test_a_busy_scanner_is_waited_for_and_told(shop, till, store, simulator):
    first = till.start(new_key(), "A-11", "EUR", 100)
    reasons = []

    def held_up(why):
        reasons.append(why)
        till.cancel(first["key"])

    with a_till(shop, held_up=held_up) as second:
        progress = when("waiting_for_code", lambda: scan(shop, simulator))
        assert second.pay(store, "A-12", "EUR", 100, progress).paid
    assert isinstance(reasons[0], ScannerBusy)
    assert "A-11" in reasons[0].message


def test_a_terminal_that_is_not_ready_is_raised_with_its_blocks(shop, till, store, simulator):
    changes = till.events(till.now(), ["device.changed"])
    shop.scanner.unplug()
    next(event for event in changes if event["blocks"])
    changes.close()
    with pytest.raises(NotReady) as refused:
        till.pay(store, "A-13", "EUR", 100)
    assert [block["code"] for block in refused.value.blocks] == ["scanner"]
    assert store.remembered() == []


def test_a_refused_order_is_raised_and_forgotten(till, store, simulator):
    assert till.pay(store, "A-14", "EUR", 100, code=simulator.fresh_code()).paid
    with pytest.raises(CallError) as refused:
        till.pay(store, "A-14", "EUR", 100, code=simulator.fresh_code())
    assert refused.value.code == "order_paid"
    assert store.remembered() == []


def test_a_key_of_an_earlier_life_goes_on_with_its_payment(till, store, simulator):
    key = new_key()
    for payment in till.paying(store, "A-15", "EUR", 100, key, code=simulator.fresh_code()):
        assert not payment.paid
        break
    assert store.remembered() == [key]
    paid = till.pay(store, "A-15", "EUR", 100, key=key)
    assert paid.paid
    assert at_rest(paid, simulator) == []


def test_a_refund_is_followed_to_its_end_and_never_given_twice(till, store, simulator):
    paid = till.pay(store, "A-16", "EUR", 1250, code=simulator.fresh_code())
    key = new_key()
    part = till.refund(store, paid["payment"], "EUR", 250, key=key, reason="a broken egg")
    assert part.refunded
    assert till.refund(store, paid["payment"], "EUR", 250, key=key) == part
    assert till.refund(store, paid["payment"])["amount"]["value"] == 1000
    assert simulator.owed(paid["payment"]) == 0
    assert store.remembered() == []


def test_many_threads_of_one_till_sell_at_once(till, store, simulator):
    def sold(number):
        code = simulator.fresh_code()
        return till.pay(store, f"A-17/{number}", "EUR", 100, code=code)

    with ThreadPoolExecutor(8) as together:
        payments = list(together.map(sold, range(16)))
    assert all(payment.paid for payment in payments)
    assert {type(payment) for payment in payments} == {Payment}
    assert store.remembered() == []
