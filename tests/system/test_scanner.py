"""Whatever a scanner sends, only a good code pays, and the cashier hears why."""

import pytest

from tilld_client import CallError
from tilld_testkit.comparison import at_rest
from tilld_testkit.listener import listening
from tilld_testkit.shop import new_key, open_shop


@pytest.fixture(scope="module")
def terminal(tmp_path_factory, _one_simulator):
    folder = tmp_path_factory.mktemp("device")
    with open_shop(folder, _one_simulator, scale=0.1, scanner=True) as terminal:
        terminal.read_scanner()
        yield terminal


@pytest.fixture
def till(terminal, simulator):
    with terminal.till() as till:
        yield till


def begin(till):
    return till.start(new_key(), f"order {new_key()}", "EUR", 1250)


def send(terminal, text):
    terminal.scanner.send(text.encode())


def dropped(till, payment):
    """The payment after a scan that was dropped: it waits as before, with another prompt."""
    told = till.call("payment.wait", key=payment["key"], revision=payment["revision"], timeout_s=20)
    assert (told["state"], told["reason"]) == ("waiting_for_code", None)
    assert told["prompt"]["code"] == "scan_again"
    assert told["prompt"]["message"] != payment["prompt"]["message"]
    return told


def pays(terminal, till, simulator, payment):
    send(terminal, f"{simulator.fresh_code()}\r\n")
    paid = till.acknowledge(till.wait(payment))
    assert paid["outcome"] == "paid"
    assert at_rest(paid, simulator) == []
    return paid


@pytest.mark.parametrize(
    "scan",
    [
        "]E04006381333931\r\n",
        "https://example.com/voucher\r",
        "2812\n",
        "28" + "1" * 40 + "\r\n",
        "9912345678901234567890\r\n",
        "28123456789012345678AB\r\n",
    ],
    ids=["a product", "a link", "too short", "too long", "prefix", "letters"],
)
def test_what_is_no_payment_code_is_dropped_with_a_reason(terminal, till, simulator, scan):
    waiting = begin(till)
    send(terminal, scan)
    told = dropped(till, waiting)
    assert simulator.payment(waiting["payment"]) == {}
    pays(terminal, till, simulator, told)


def test_what_cannot_be_read_is_dropped_and_the_cashier_hears_it(terminal, till, simulator):
    waiting = begin(till)
    send(terminal, "28１２３４５６７８９０１２３４５６\r\n")  # noqa: RUF001 - digits, but not ASCII's
    told = dropped(till, waiting)
    assert "could not be read" in told["prompt"]["message"]
    pays(terminal, till, simulator, told)


def test_garbage_on_the_line_changes_nothing(terminal, till, simulator):
    waiting = begin(till)
    terminal.scanner.send(bytes(range(1, 256)) * 8 + b"\r\n")
    pays(terminal, till, simulator, waiting)


def test_a_code_that_comes_in_pieces_is_one_code(terminal, till, simulator):
    waiting = begin(till)
    code = simulator.fresh_code()
    for piece in ("]Q1", code[:1], code[1:20], code[20:], "\r", "\n"):
        send(terminal, piece)
    assert till.acknowledge(till.wait(waiting))["outcome"] == "paid"


def test_a_bouncing_trigger_pays_once(terminal, till, simulator):
    first, code = begin(till), simulator.fresh_code()
    send(terminal, f"{code}\r\n{code}\r\n")
    assert till.acknowledge(till.wait(first))["outcome"] == "paid"
    second = begin(till)
    send(terminal, f"{code}\r\n")
    told = dropped(till, second)
    assert simulator.payment(second["payment"]) == {}
    pays(terminal, till, simulator, told)


def test_of_two_codes_at_once_the_first_pays_and_stays_used(terminal, till, simulator):
    first, code, other = begin(till), simulator.fresh_code(), simulator.fresh_code()
    send(terminal, f"{code}\r\n{other}\r\n")
    assert till.acknowledge(till.wait(first))["outcome"] == "paid"
    second = begin(till)
    send(terminal, f"{code}\r\n")
    dropped(till, second)
    send(terminal, f"{other}\r\n")  # nothing was done with it
    assert till.acknowledge(till.wait(second))["outcome"] == "paid"


def test_what_was_scanned_before_anybody_asked_for_it_does_not_pay(terminal, till, simulator):
    early = simulator.fresh_code()
    send(terminal, f"{early}\r\n")
    waiting = begin(till)
    paid = pays(terminal, till, simulator, waiting)
    log = simulator.control("GET", f"/_sim/log?payment={paid['payment']}")["requests"]
    assert not any(early in request["body"] for request in log)


def test_a_scanner_unplugged_in_mid_wait_pays_when_it_is_back(terminal, till, simulator):
    with listening(terminal.socket_path) as listener:
        waiting = begin(till)
        terminal.scanner.unplug()
        listener.until(lambda event: _blocks(event) == ["scanner"])
        with pytest.raises(CallError) as refused:
            begin(till)
        assert refused.value.code in ("not_ready", "no_scanner")
        told = till.get(waiting["key"])
        assert (told["state"], told["prompt"]["code"]) == ("waiting_for_code", "no_scanner")
        terminal.scanner.replug()
        gone = len(listener.heard)
        listener.until(lambda event: listener.heard.index(event) >= gone and _blocks(event) == [])
    told = till.get(waiting["key"])
    assert (told["prompt"], told["revision"] > waiting["revision"]) == (waiting["prompt"], True)
    pays(terminal, till, simulator, waiting)


def _blocks(event):
    """What stands in the way, as a `device.changed` says it; None for other events."""
    if event["event"] != "device.changed":
        return None
    return [block["code"] for block in event["blocks"]]


def test_one_payment_at_a_time_waits_for_the_scanner(terminal, till, simulator):
    waiting = begin(till)
    with pytest.raises(CallError) as busy:
        begin(till)
    assert (busy.value.code, busy.value.payment) == ("scanner_busy", waiting["payment"])
    assert waiting["order_ref"] in busy.value.message
    pays(terminal, till, simulator, waiting)


def test_nobody_scans_in_time(terminal, till, simulator):
    waiting = till.start(new_key(), "too late", "EUR", 1250, scan_timeout_s=1)
    end = till.wait(waiting)
    assert (end["state"], end["reason"]["code"]) == ("failed", "scan_timeout")
    assert simulator.payment(end["payment"]) == {}
