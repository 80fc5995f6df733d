"""A disk that fails under the real process: no lie, no new payment, and owed cancels go on (I21).

The faults are put between the process and the kernel by strace. It counts system calls by
thread, so a fault "at call N" comes back in every life of the process that gets so far: a disk
that fails again and again. The last life has a good disk again.
"""

from __future__ import annotations

import pytest

from tilld_client import CallError
from tilld_testkit.comparison import at_rest, in_history, journal_of, on_flash
from tilld_testkit.listener import listening
from tilld_testkit.rpc import Rpc
from tilld_testkit.sales import approved, body
from tilld_testkit.shop import Terminal, new_key, sell, settled

TIMES = "pay_in_flight_max_s = 60\ncancel_for_s = 30\nback_off_max_s = 10"
READ_ONLY = "openat:error=EROFS:when=1+2"  # to write; the second open of each life is to read
FAULTS = ["fdatasync:error=EIO", "pwrite64:error=EIO", "pwrite64:error=ENOSPC"]


@pytest.fixture
def terminal(tmp_path, simulator):
    terminal = Terminal(tmp_path / "device", simulator, scale=0.05, more={"timing": TIMES})
    terminal.start()
    yield terminal
    terminal.close()


def start_on_a_bad_disk(terminal, fault):
    """``fault`` as strace's inject has it. The daemon stays our child, so that it can be killed."""
    call = fault.partition(":")[0]
    words = ["strace", "-D", "-f", "-qq", "-o", str(terminal.folder / "strace")]
    # by its path for what is done to the open file, by its name for opening it in its folder
    for path in (str(terminal.folder / "state" / "journal"), "journal"):
        words += ["-P", path]
    terminal.start(*words, "-e", f"trace={call}", "-e", f"inject={fault}")


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_any_write_of_a_sale_tells_no_lie(terminal, simulator, fault, number):
    before = simulator.control("GET", "/_sim/log")["bodies"].get("pay", 0)
    terminal.kill()
    start_on_a_bad_disk(terminal, f"{fault}:when={number}")
    key = new_key()
    told = _told_of_a_sale(terminal, simulator, key)
    terminal.kill()
    ledger = journal_of(terminal)
    assert [wrong for view in told if view["decided"] for wrong in on_flash(view, ledger)] == []
    terminal.start()
    with terminal.till() as till:
        end = _asked_again(till, key)
        if end is None:
            assert [view for view in told if view["decided"]] == []
            assert simulator.control("GET", "/_sim/log")["bodies"].get("pay", 0) == before
        else:
            assert in_history([*told, end]) == []
            assert at_rest(end, simulator) == []
        assert sell(till, simulator)["outcome"] == "paid"


def _told_of_a_sale(terminal, simulator, key):
    """What the till hears of a whole sale; whatever fails, the next call is made as well."""
    code = simulator.fresh_code()
    order = {"order_ref": "A-1", "amount": {"currency": "EUR", "value": 1250}, "code": code}
    calls = [
        ("payment.start", order),
        ("payment.wait", {"timeout_s": 1}),
        ("payment.acknowledge", {}),
        ("payment.get", {}),
    ]
    told, refused = [], []
    with terminal.till() as till:
        for method, more in calls:
            try:
                told.append(till.call(method, key=key, **more))
            except CallError as error:
                refused.append(error.code)
    assert set(refused) <= {"storage", "not_ready", "not_found", "not_approved"}
    return told


def _asked_again(till, key):
    """The payment at its rest; None when the terminal never heard of its key."""
    try:
        payment = till.wait({"key": key})
    except CallError as error:
        if error.code == "not_found":
            return None
        raise
    return settled(till, till.acknowledge(payment))


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_what_was_told_paid_stays_paid_on_a_disk_that_takes_no_more_writes(
    terminal, simulator, turn
):
    with terminal.till() as till:
        paid = sell(till, simulator)
    terminal.stop()  # not before it has marked what it knows: the writes of each life are counted
    start_on_a_bad_disk(terminal, f"pwrite64:error=ENOSPC:when={turn}+")
    with terminal.till() as till:
        told = till.get(paid["key"])
        assert (told["outcome"], told["decided"]) == ("paid", True)
        assert [block["code"] for block in till.greeting["blocks"]] == ["storage"]


def test_on_a_disk_that_stays_broken_no_payment_begins_and_the_block_is_shown(terminal, simulator):
    terminal.kill()
    start_on_a_bad_disk(terminal, "fdatasync:error=EIO:when=1+")
    with terminal.till() as till:
        greeting = till.call("hello", client="test", api=[1, 0])
        assert greeting["ready"] == "no"
        assert "storage" in [block["code"] for block in greeting["blocks"]]
        with pytest.raises(CallError) as refused:
            till.start(new_key(), "A-1", "EUR", 100, code=simulator.fresh_code())
        assert refused.value.code in ("storage", "not_ready")
        with pytest.raises(CallError) as refused:
            till.cancel(new_key())
        assert refused.value.code == "storage"


@pytest.mark.parametrize("fault", [READ_ONLY, *(f"{fault}:when=1+" for fault in FAULTS)])
def test_a_cancel_that_is_on_flash_leaves_though_the_disk_is_broken(terminal, simulator, fault):
    key = new_key()
    with terminal.till() as till:
        payment = till.wait(till.start(key, "A-1", "EUR", 1250, code=simulator.fresh_code()))
        simulator.set_faults({"api": "*", "fault": "refuse connections"})
        assert till.cancel(key)["outcome"] == "not_paid"
    terminal.kill()
    start_on_a_bad_disk(terminal, fault)
    with terminal.till() as till, listening(terminal.socket_path) as listener:
        told = till.get(key)
        assert (told["outcome"], told["settled"]) == ("not_paid", False)
        simulator.control_by_socket("PUT", "/_sim/faults", [])
        till.call("queue.flush")
        # what Antom answered can't be written, which is said (as may be, before, its minute's end)
        listener.until(
            lambda event: (
                event.get("payment") == payment["payment"]
                and simulator.owed(payment["payment"]) == 0
            )
        )
        assert till.get(key)["outcome"] == "not_paid"
    terminal.kill()
    terminal.start()
    with terminal.till() as till:
        end = settled(till, till.get(key))
    assert end["state"] == "cancelled"
    assert at_rest(end, simulator) == []


def test_a_cancel_goes_on_past_its_minute_on_a_broken_disk(terminal, simulator):
    key = new_key()
    with terminal.till() as till:
        payment = till.wait(till.start(key, "A-1", "EUR", 1250, code=simulator.fresh_code()))
        simulator.set_faults({"api": "cancel", "fault": "rate limit"})
        assert till.cancel(key)["outcome"] == "not_paid"
    terminal.kill()
    start_on_a_bad_disk(terminal, "fdatasync:error=EIO:when=1+")
    with terminal.till() as till, listening(terminal.socket_path) as listener:
        told = till.get(key)
        while told["state"] == "cancelling":
            told = till.call("payment.wait", key=key, revision=told["revision"], timeout_s=20)
        assert told["state"] == "cancel_queued"
        simulator.set_faults()
        till.call("queue.flush")
        listener.until(lambda event: "record" in event.get("message", ""))
    assert simulator.owed(payment["payment"]) == 0


def test_a_journal_without_room_is_shown_until_there_is_room(tmp_path, simulator):
    """I22: what was accepted has its room, the next payment is refused, and health says it."""
    terminal = Terminal(tmp_path / "small", simulator)
    settings = terminal.settings_path.read_text()
    terminal.settings_path.write_text(settings.replace("size = 4194304", "size = 65536"))
    terminal.start()
    with Rpc(terminal.socket_path) as till, listening(terminal.socket_path) as listener:
        held = [approved(till, simulator) for _ in range(2)]
        refused = till.refused("payment.start", **body(code=simulator.fresh_code()))
        assert refused["code"] == "journal_full"
        listener.until(lambda event: _degraded(event) == ["journal_full"])
        full = len(listener.heard)
        for payment in held:
            assert till.ask("payment.acknowledge", key=payment["key"])["outcome"] == "paid"
        listener.until(lambda event: listener.heard.index(event) >= full and _degraded(event) == [])
        approved(till, simulator)
    terminal.close()


def _degraded(event):
    """What works less than it should, as a `device.changed` says it; None for other events."""
    if event["event"] != "device.changed":
        return None
    return [item["code"] for item in event["degraded"]]


def test_an_ordinary_sale_costs_two_flushes(terminal, simulator):
    terminal.kill()
    traced = terminal.folder / "flushes"
    watch = "trace=fsync,fdatasync,sync_file_range,msync"
    terminal.start("strace", "-D", "-f", "-qq", "-o", str(traced), "-e", watch)
    with terminal.till() as till:
        before = till.call("device.health")["storage"]["flushes"]
        seen = len(traced.read_text().splitlines())
        assert sell(till, simulator)["outcome"] == "paid"
        assert till.call("device.health")["storage"]["flushes"] - before == 2
    assert len(traced.read_text().splitlines()) - seen == 2
