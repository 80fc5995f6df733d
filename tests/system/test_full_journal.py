"""A journal that is full because its archive took nothing, as on a full disk: no sale for now.

A folder where the archive is to be made stands for the full disk: nothing can be put away while
it is there. Codes that the wallet does not know pay here.
"""

import os

import pytest

from tilld_testkit.antomsim_process import running
from tilld_testkit.rpc import Refusal, Rpc
from tilld_testkit.shop import Terminal, new_key

SIZE = 65536  # full after some ten sales
FAR_MORE = 1000


@pytest.fixture
def terminal(tmp_path):
    with running(tmp_path / "antom", "--set", "unknown_codes=pay") as simulator:
        terminal = Terminal(tmp_path / "device", simulator, size=SIZE)
        try:
            yield terminal
        finally:
            terminal.close()


def sold(till):
    key = new_key()
    code = f"28{int.from_bytes(os.urandom(8), 'big') % 10**22:022d}"
    amount = {"currency": "EUR", "value": 1250}
    till.ask("payment.start", key=key, order_ref=key, amount=amount, code=code)
    till.ask("payment.wait", key=key, timeout_s=20)
    return till.ask("payment.acknowledge", key=key)["payment"]


def refused(till):
    """Why there is no sale any more."""
    try:
        for _ in range(FAR_MORE):
            sold(till)
    except Refusal as refusal:
        return refusal.code
    raise AssertionError("it sells and sells")


def degraded(report):
    return [one["code"] for one in report["degraded"]]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_the_terminal_sells_again_once_the_disk_takes_the_archive(terminal, is_restarted):
    in_the_way = terminal.folder / "state" / "archive.new"
    terminal.start()
    in_the_way.mkdir()
    with Rpc(terminal.socket_path) as till:
        first = sold(till)
        assert refused(till) == "journal_full"
        till.ask("events.subscribe", topics=["device.changed"])
        if degraded(till.ask("device.health")) != ["archive", "journal_full"]:
            till.event(lambda event: degraded(event) == ["archive", "journal_full"])
    if is_restarted:
        terminal.kill()
        terminal.start()
        with Rpc(terminal.socket_path) as till:
            assert refused(till) == "journal_full"
    in_the_way.rmdir()
    with Rpc(terminal.socket_path) as till:
        till.ask("events.subscribe", topics=["device.changed"])
        assert refused(till) == "journal_full"
        till.event(lambda event: event["event"] == "device.changed" and not event["degraded"])
        sold(till)
        assert till.ask("payment.get", payment=first)["outcome"] == "paid"
