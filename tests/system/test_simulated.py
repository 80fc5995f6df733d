"""Hardware that is played: what a till programmer without scanner and printer sells with."""

from __future__ import annotations

import subprocess
import sys

import pytest
import zxingcpp
from PIL import Image

from tilld_client import CallError
from tilld_testkit.comparison import at_rest
from tilld_testkit.listener import listening
from tilld_testkit.shop import new_key, open_shop


@pytest.fixture(scope="module")
def terminal(tmp_path_factory, _one_simulator):
    folder = tmp_path_factory.mktemp("device")
    scanner = f'driver = "simulated"\nfolder = "{folder}/hardware"'
    with open_shop(folder, _one_simulator, scale=0.1, more={"scanner": scanner}) as terminal:
        yield terminal


@pytest.fixture
def till(terminal, simulator):
    with terminal.till() as till:
        yield till


def play(terminal, *words):
    """Runs the command beside the daemon, as a programmer does; what it said."""
    command, *rest = words
    done = subprocess.run(
        [sys.executable, "-m", "tilld_hal.simulated", command, terminal.folder / "hardware", *rest],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown(path, code):
    """The customer's telephone: a PNG of the payment code."""
    drawn = zxingcpp.create_barcode(code, zxingcpp.BarcodeFormat.QRCode)
    Image.fromarray(zxingcpp.write_barcode_to_image(drawn, scale=4)).save(path)
    return path


def begin(till):
    return till.start(new_key(), f"order {new_key()}", "EUR", 1250)


def test_a_sale_is_paid_by_a_picture_of_the_customers_code(terminal, till, simulator, tmp_path):
    waiting, code = begin(till), simulator.fresh_code()
    said = play(terminal, "scan", shown(tmp_path / "telephone.png", code))
    paid = till.acknowledge(till.wait(waiting))
    assert (paid["outcome"], at_rest(paid, simulator)) == ("paid", [])
    assert code[2:] not in said + terminal.log()  # I31


def test_rubbish_and_a_product_leave_the_payment_waiting_with_words(terminal, till, simulator):
    waiting = begin(till)
    play(terminal, "rubbish")
    told = till.call("payment.wait", key=waiting["key"], revision=waiting["revision"], timeout_s=20)
    assert "could not be read" in told["prompt"]["message"]
    play(terminal, "scan", "]E04006381333931")
    told = till.call("payment.wait", key=told["key"], revision=told["revision"], timeout_s=20)
    assert "product" in told["prompt"]["message"]
    play(terminal, "scan", simulator.fresh_code())
    assert till.acknowledge(till.wait(told))["outcome"] == "paid"


def test_a_scanner_is_unplugged_in_mid_sale_and_pays_when_it_is_back(terminal, till, simulator):
    with listening(terminal.socket_path) as listener:
        waiting = begin(till)
        play(terminal, "unplug")
        listener.until(lambda event: _blocks(event) == ["scanner"])
        with pytest.raises(CallError) as refused:
            begin(till)
        assert refused.value.code in ("not_ready", "no_scanner")
        play(terminal, "plug")
        gone = len(listener.heard)
        listener.until(lambda event: listener.heard.index(event) >= gone and _blocks(event) == [])
    play(terminal, "scan", simulator.fresh_code())
    assert till.acknowledge(till.wait(waiting))["outcome"] == "paid"


def _blocks(event):
    """What stands in the way, as a `device.changed` says it; None for other events."""
    if event["event"] != "device.changed":
        return None
    return [block["code"] for block in event["blocks"]]
