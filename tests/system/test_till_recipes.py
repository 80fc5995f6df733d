"""The recipes of daemon/TILL_SOCKET.md do what they say, as they stand there.

The cashier of these tests reads what the till shows, and does what the words ask for.
"""

from __future__ import annotations

import re

import pytest

from tilld_testkit import till_tables
from tilld_testkit.comparison import at_rest
from tilld_testkit.rpc import Rpc
from tilld_testkit.shop import new_key, open_shop

EVERY_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SCAN_IT = "Ask the customer for the payment code and scan it."
ON_ITS_WAY = "Please wait: the payment is on its way."


def source():
    text = till_tables.DOCUMENT.read_text("utf-8")
    recipes = text.split("\n## Recipes\n")[1].split("\n## ")[0]
    return "\n\n".join(EVERY_BLOCK.findall(recipes))


class Cashier:
    """What the till shows is kept; ``on_reading[text]`` is done once, when that text is shown."""

    def __init__(self):
        self.read = []
        self.on_reading = {}
        self.choices = []

    def show(self, text):
        self.read.append(text)
        self.on_reading.pop(text, lambda: None)()

    def choose(self, question, answers):
        self.read.append(question)
        choice, do = self.choices.pop(0)
        do()
        assert choice in answers
        return choice


class Till:
    """The recipes, loaded: each is an attribute."""

    def __init__(self, shop, cashier, pause=lambda: None):
        self.sales: dict[str, str] = {}
        self.pause = pause
        names = {"sales": self.sales, "show": cashier.show, "choose": cashier.choose}
        names["pause"] = lambda: self.pause()
        exec(source(), names)
        self.__dict__.update(
            {name: thing for name, thing in names.items() if callable(thing) and name != "pause"}
        )
        self.lines = []
        self._terminal, self._path = names["Terminal"], str(shop.socket_path)

    def connect(self):
        self.lines.append(self._terminal(self._path))
        return self.lines[-1]

    def only_key(self):
        (key,) = self.sales
        return key


@pytest.fixture
def shop(tmp_path, simulator):
    more = {"timing": "acknowledge_within_s = 20\npay_in_flight_max_s = 60"}
    how = {"scale": 0.1, "scanner": True, "printer": True, "more": more}
    with open_shop(tmp_path / "device", simulator, **how) as shop:
        yield shop


@pytest.fixture
def cashier():
    return Cashier()


@pytest.fixture
def till(shop, cashier):
    till = Till(shop, cashier)
    yield till
    for terminal in till.lines:
        terminal.socket.close()


@pytest.fixture
def terminal(till):
    return till.connect()


@pytest.fixture
def order():
    return f"order {new_key()[:8]}"


def scanning(shop, simulator):
    return lambda: shop.scanner.send(f"{simulator.fresh_code()}\r".encode())


def sold(till, terminal, simulator, order):
    return till.sell(terminal, order, "EUR", 1250, code=simulator.fresh_code())


def test_a_sale(till, terminal, shop, cashier, simulator, order):
    cashier.on_reading[SCAN_IT] = scanning(shop, simulator)
    paid = till.sell(terminal, order, "EUR", 1250)
    assert (paid["outcome"], till.sales[paid["key"]]) == ("paid", "paid")
    assert cashier.read[-1] == "Paid."
    assert at_rest(paid, simulator) == []


def test_a_sale_by_a_code_that_the_customer_scans(till, terminal, cashier, simulator, order):
    def pays():
        (shown,) = terminal("payment.list", order_ref=order)["payments"]
        scan = {"action": "confirm", "order_code": shown["order_code"]["text"]}
        simulator.control_by_socket("POST", "/_sim/customer", scan)

    asked = till.connect()
    begun = asked(
        "payment.start",
        key=new_key(),
        order_ref=order,
        amount={"currency": "EUR", "value": 1250},
        by="order_code",
    )
    while begun["state"] != "showing_code":
        begun = asked("payment.wait", key=begun["key"], revision=begun["revision"])
    cashier.on_reading[begun["prompt"]["message"]] = pays
    assert till.finish(asked, begun)["outcome"] == "paid"


def test_the_customer_walks_away(till, terminal, cashier, order, simulator):
    def presses_cancel():
        assert till.give_up(till.connect(), till.only_key())["outcome"] == "not_paid"

    cashier.on_reading[SCAN_IT] = presses_cancel
    given_up = till.sell(terminal, order, "EUR", 1250)
    assert (given_up["outcome"], given_up["reason"]["code"]) == ("not_paid", "till_cancelled")
    assert till.sales == {given_up["key"]: "not_paid"}


def test_a_customer_who_was_faster_than_the_cancel_has_paid(till, terminal, simulator, order):
    paid = sold(till, terminal, simulator, order)
    assert till.give_up(terminal, paid["key"])["outcome"] == "paid"


def test_the_connection_is_lost(till, cashier, simulator, order):
    cashier.on_reading[ON_ITS_WAY] = lambda: till.lines[-1].socket.close()
    code = simulator.fresh_code()
    paid = till.sell_through_anything(till.connect, order, "EUR", 1250, code=code)
    assert (paid["outcome"], len(till.lines)) == ("paid", 2)
    assert till.sales == {paid["key"]: "paid"}
    assert at_rest(paid, simulator) == []


def test_the_terminal_is_killed_in_mid_payment(till, shop, cashier, simulator, order):
    code = simulator.fresh_code("?wallet=pin")
    cashier.on_reading[ON_ITS_WAY] = shop.kill
    till.pause = shop.start
    ended = till.sell_through_anything(till.connect, order, "EUR", 1250, code=code)
    assert (ended["outcome"], ended["reason"]["code"]) == ("not_paid", "restarted")
    assert till.sales == {ended["key"]: "not_paid"}


def test_the_till_was_restarted(till, terminal, simulator, order):
    never_started, approved = new_key(), new_key()
    till.sales.update({never_started: "open", approved: "approved", new_key(): "paid"})
    amount = {"currency": "EUR", "value": 1250}
    code = simulator.fresh_code()
    terminal("payment.start", key=approved, order_ref=order, amount=amount, code=code)
    terminal("payment.wait", key=approved)
    till.recover(terminal)
    assert till.sales[never_started] == "not_paid"
    assert till.sales[approved] == "paid"
    closed = terminal("payment.get", key=never_started)
    assert closed["reason"]["code"] == "cancelled_before_start"


@pytest.mark.parametrize("name", ["payment", "antom_payment_id"])
def test_a_refund_a_week_later(till, terminal, simulator, order, name):
    paid = sold(till, terminal, simulator, order)
    refund = till.give_back(terminal, paid[name], "EUR", 1000)
    assert (refund["outcome"], till.sales[refund["key"]]) == ("refunded", "refunded")
    assert simulator.owed(paid["payment"]) == 250


def test_a_receipt_and_the_receipt_once_more(till, terminal, shop, simulator, order):
    paid = sold(till, terminal, simulator, order)
    for _ in range(2):
        assert till.print_receipt(terminal, paid["payment"])["state"] == "done"
    assert [code.text for code in shop.paper.codes()] == [paid["payment"]] * 2
    assert sum("COPY" in line for line in shop.paper.lines) == 1


def test_no_paper(till, terminal, shop, cashier, simulator, order):
    paid = sold(till, terminal, simulator, order)
    shop.paper.paper_out = True
    cashier.choices = [("show it", lambda: None)]
    assert till.receipt_or_display(terminal, paid["payment"])["state"] == "failed"
    assert paid["payment"] in "".join(cashier.read[-1].split())
    assert shop.paper.codes() == []

    def puts_paper_in():
        shop.paper.paper_out = False

    cashier.choices = [("print again", puts_paper_in)]
    assert till.receipt_or_display(terminal, paid["payment"])["state"] == "done"
    assert [code.text for code in shop.paper.codes()] == [paid["payment"]]


def test_the_days_end(till, terminal, simulator, order):
    paid = sold(till, terminal, simulator, order)
    report = till.close_the_day(terminal)
    assert report["period"] == paid["period"]
    (euros,) = report["currencies"]
    assert (euros["currency"], euros["paid"]) == ("EUR", {"count": 1, "sum": 1250})
    assert sold(till, terminal, simulator, order + " b")["period"] == report["period"] + 1


def test_one_scanner_for_goods_and_payments(till, terminal, shop, cashier, simulator):
    goods: list[str] = []
    cashier.choices = [
        ("go on", lambda: shop.scanner.send(b"4006381333931\r")),
        ("go on", scanning(shop, simulator)),
        ("done", lambda: None),
    ]
    till.scan_goods(terminal, goods.append)
    assert goods == ["4006381333931"]
    assert cashier.read[-2].startswith("That is a payment code")


def test_no_network_in_the_morning(till, shop, cashier, simulator, order):
    shop.stop()
    code = simulator.fresh_code()
    simulator.set_faults({"api": "*", "fault": "refuse connections"})
    shop.start()
    terminal = till.connect()
    with Rpc(shop.socket_path) as watching:  # until the way was looked at, and found closed
        watching.ask("events.subscribe", topics=["device.changed"])
        if watching.ask("device.health")["ready"] != "no":
            watching.event(lambda event: event["ready"] == "no")
    with pytest.raises(till.Refused) as refused:
        till.sell(terminal, order, "EUR", 1250, code=code)
    assert refused.value.code == "not_ready"
    till.pause = lambda: simulator.control_by_socket("PUT", "/_sim/faults", [])
    till.open_the_till(terminal)
    assert cashier.read[0] == refused.value.args[0]
    assert cashier.read[-1] == "Ready."
    assert till.sales == {till.only_key(): "not_paid"}  # the key of the morning's try is closed
