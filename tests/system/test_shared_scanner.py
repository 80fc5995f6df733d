"""One scanner for payments and product barcodes, and for every till (till_socket.md §3)."""

import pytest

from tilld_testkit.comparison import at_rest
from tilld_testkit.rpc import Refusal, Rpc
from tilld_testkit.shop import new_key, open_shop

MORE = {"code": 'not_payment = ["2999123456"]'}
EUR = {"currency": "EUR", "value": 1250}
PRODUCT = {"data": "4006381333931", "symbology": "ean13"}


@pytest.fixture(scope="module")
def terminal(tmp_path_factory, _one_simulator):
    folder = tmp_path_factory.mktemp("device")
    with open_shop(folder, _one_simulator, scale=0.1, more=MORE, scanner=True) as terminal:
        terminal.read_scanner()
        yield terminal


@pytest.fixture
def till(terminal):
    with Rpc(terminal.socket_path, client="till 1") as till:
        yield till
        till.ask("scanner.stop")


@pytest.fixture
def other(terminal):
    with Rpc(terminal.socket_path, client="till 2") as other:
        yield other


def scan(terminal, *texts):
    for text in texts:
        terminal.scanner.send(f"{text}\r\n".encode())


def read_at_once(till):
    return till.ask("scanner.read", timeout_s=0)


def claim(till):
    assert read_at_once(till) is None


def reading(till, timeout_s=20):
    """A read that waits: it has claimed the scanner by the time a later call is answered."""
    read = till.send("scanner.read", {"timeout_s": timeout_s})
    till.hello()
    return read


def test_a_product_is_read_with_its_symbology(terminal, till):
    read = reading(till, None)
    scan(terminal, "]E04006381333931")
    assert till.answer(read) == PRODUCT


def test_a_symbology_that_the_scanner_does_not_say_is_nil(terminal, till):
    read = reading(till)
    scan(terminal, "ABC-123")
    assert till.answer(read) == {"data": "ABC-123", "symbology": None}


def test_a_read_without_a_scan_is_nil_at_its_timeout(till):
    assert till.ask("scanner.read", timeout_s=1) is None


def test_the_first_read_claims_the_scanner_until_stop(terminal, till, other):
    claim(till)
    told = other.refused("scanner.read", timeout_s=0)
    assert (told["code"], told["retry"]) == ("scanner_busy", "later")
    assert "till 1" in told["message"]
    assert other.ask("scanner.stop") is None  # it has nothing to give back
    assert other.refused("scanner.read")["code"] == "scanner_busy"
    assert till.ask("scanner.stop") is None
    read = reading(other)
    scan(terminal, "ABC-123")
    assert other.answer(read)["data"] == "ABC-123"
    other.ask("scanner.stop")


def test_of_two_reads_sent_together_the_first_has_the_scanner(terminal, till, other):
    first = reading(till)
    assert other.refused("scanner.read")["code"] == "scanner_busy"
    scan(terminal, "ABC-123")
    assert till.answer(first)["data"] == "ABC-123"


def test_leaving_gives_the_scanner_back(terminal, other):
    with Rpc(terminal.socket_path, client="dead till") as leaving:
        reading(leaving)
    while True:  # its end is seen a moment after it
        try:
            claim(other)
        except Refusal:
            continue
        break
    other.ask("scanner.stop")


def test_stop_ends_the_reads_that_wait(till):
    reads = [till.send("scanner.read", {"timeout_s": 60}) for _ in range(2)]
    till.ask("scanner.stop")
    assert [till.answer(read) for read in reads] == [None, None]


def test_scans_between_two_reads_are_kept_in_their_order(terminal, till):
    claim(till)
    names = [f"ITEM-{n}" for n in range(16)]
    scan(terminal, *names, "ONE-TOO-MANY")
    _until_logged(terminal, till, "dropped, as 16 are kept already: Scan('ON...'")
    assert [read_at_once(till)["data"] for _ in names] == names
    assert read_at_once(till) is None


def _until_logged(terminal, till, words):
    """The daemon says in its log what becomes of a scan that nobody waits for just now."""
    while words not in terminal.log():
        till.hello()


def test_stop_drops_what_was_kept(terminal, till):
    claim(till)
    scan(terminal, "KEPT")
    _until_logged(terminal, till, "kept for the next read: Scan('KE...'")
    till.ask("scanner.stop")
    read = reading(till)
    scan(terminal, "NEXT")
    assert till.answer(read)["data"] == "NEXT"


def test_what_looks_like_a_payment_code_never_leaves_as_data(terminal, till, simulator):
    code = simulator.fresh_code()
    shapes = (code, f"PAY:{code}", code + code, code[:15], f"{code[:8]} {code[8:]}", f"]C1{code}")
    for shape in shapes:
        read = reading(till)
        scan(terminal, shape)
        told = till.answer(read)
        assert set(told) == {"payment_code", "length"}, shape
        assert told["payment_code"] is True
        assert told["length"] == len(shape.removeprefix("]C1"))
    assert code not in terminal.log()


def test_a_card_of_the_shop_is_data(terminal, till):
    card = "2999123456" + "1" * 10
    read = reading(till)
    scan(terminal, card)
    assert till.answer(read) == {"data": card, "symbology": None}


def test_what_could_not_be_read_is_nothing(terminal, till):
    read = reading(till)
    terminal.scanner.send(b"\xff\xfe\r\n")
    scan(terminal, "ABC-123")
    assert till.answer(read)["data"] == "ABC-123"


def test_a_payment_that_waits_comes_first_and_the_read_goes_on(terminal, till, other, simulator):
    read = reading(till, 60)
    waiting = other.ask("payment.start", key=new_key(), order_ref="shared", amount=EUR)
    named = {"key": waiting["key"], "timeout_s": 20}
    scan(terminal, "]E04006381333931")
    told = other.ask("payment.wait", **named, revision=waiting["revision"])
    assert (told["state"], told["prompt"]["code"]) == ("waiting_for_code", "scan_again")
    assert "product" in told["prompt"]["message"]
    scan(terminal, simulator.fresh_code())
    assert other.ask("payment.wait", **named)["state"] == "approved"
    paid = other.ask("payment.acknowledge", key=waiting["key"])
    assert at_rest(paid, simulator) == []
    assert read not in till.answers
    scan(terminal, "]E04006381333931")
    assert till.answer(read) == PRODUCT


def test_a_scanner_that_is_claimed_for_products_still_waits_for_payments(
    terminal, till, other, simulator
):
    claim(till)
    waiting = other.ask("payment.start", key=new_key(), order_ref="armed", amount=EUR)
    scan(terminal, simulator.fresh_code())
    assert other.ask("payment.wait", key=waiting["key"], timeout_s=20)["state"] == "approved"
    assert other.ask("payment.acknowledge", key=waiting["key"])["outcome"] == "paid"
    assert read_at_once(till) is None


def test_a_read_goes_on_through_an_unplugged_scanner(terminal, till, other):
    read = reading(till, 60)
    other.ask("events.subscribe", topics=["device.changed"])
    terminal.scanner.unplug()
    gone = other.event(lambda event: _scanner_is_gone(event))
    assert other.refused("scanner.read")["code"] == "no_scanner"
    terminal.scanner.replug()
    other.event(lambda event: event["seq"] > gone["seq"] and not _scanner_is_gone(event))
    scan(terminal, "ABC-123")
    assert till.answer(read)["data"] == "ABC-123"


def _scanner_is_gone(event):
    return "scanner" in [block["code"] for block in event["blocks"]]


def test_without_a_scanner_there_is_nothing_to_read(tmp_path, simulator):
    with open_shop(tmp_path / "device", simulator) as terminal, Rpc(terminal.socket_path) as till:
        assert till.refused("scanner.read")["code"] == "no_scanner"
        assert till.ask("scanner.stop") is None
