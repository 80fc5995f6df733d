"""`till` as a cashier and as a script use it: real processes, a terminal or pipes."""

import json

import pytest

from tilld_testkit.shop import new_key, open_shop, sell, settled
from tilld_testkit.till_process import TillProcess

SCAN = "Ask the customer for the payment code and scan it."


@pytest.fixture(scope="module")
def shop(tmp_path_factory, _one_simulator):
    folder = tmp_path_factory.mktemp("device")
    with open_shop(folder, _one_simulator, scale=0.1, scanner=True, printer=True) as shop:
        yield shop


@pytest.fixture
def run(shop, simulator, tmp_path):
    """Starts `till` with these words."""
    running = []

    def start(*words, **how):
        running.append(TillProcess(words, tmp_path, str(shop.socket_path), **how))
        return running[-1]

    yield start
    for process in running:
        process.close()


@pytest.fixture
def till(shop):
    with shop.till() as till:
        yield till


def scan(shop, simulator):
    shop.scanner.send(f"{simulator.fresh_code()}\r".encode())


def told(process):
    """The JSON lines of a run that has ended."""
    return [json.loads(line) for line in process.text.splitlines()]


@pytest.mark.parametrize("columns", [0, 80])
def test_a_sale_is_paid_and_says_so_with_status_0(run, shop, simulator, till, columns):
    order = f"sale {columns}"
    selling = run("pay", "12.50", "EUR", "--order", order, columns=columns)
    selling.until(SCAN)
    scan(shop, simulator)
    assert selling.ended() == 0
    assert "12.50 EUR  Paid." in selling.lines
    (paid,) = till.call("payment.list", order_ref=order)["payments"]
    assert paid["outcome"] == "paid"
    assert paid["payment"] in selling.text
    assert simulator.owed(paid["payment"]) == 1250


def test_at_a_terminal_one_line_lives_with_the_seconds_left(run, shop, simulator):
    selling = run("pay", "1", "EUR", "--order", "living", columns=80)
    selling.until(lambda text: text.count(SCAN) == 2)
    seen = [line.split() for line in selling.text.split("\r") if SCAN in line]
    assert int(seen[0][0]) > int(seen[1][0])
    assert selling.text.count("\n") == 1
    scan(shop, simulator)
    assert selling.ended() == 0
    assert SCAN not in "\n".join(selling.lines)
    assert "\033[33m" in selling.written
    assert "\033[1;32m1.00 EUR  Paid." in selling.written


def test_in_40_columns_no_line_is_longer_and_every_word_is_there(run, shop, simulator):
    selling = run("pay", "1", "EUR", "--order", "narrow", columns=40)
    selling.until("scan it.")
    scan(shop, simulator)
    assert selling.ended() == 0
    assert max(len(line) for line in selling.lines) <= 40
    assert SCAN in " ".join(selling.lines)


@pytest.mark.parametrize("how", [{"columns": 80, "environment": {"NO_COLOR": "1"}}, {"columns": 0}])
def test_without_colours_only_words_are_written(run, shop, simulator, how):
    selling = run("pay", "1", "EUR", "--order", f"plain {how['columns']}", **how)
    selling.until(SCAN)
    scan(shop, simulator)
    assert selling.ended() == 0
    assert "\033[3" not in selling.written
    assert "\033[1" not in selling.written
    assert ("\033" in selling.written) == bool(how["columns"])


@pytest.mark.parametrize("columns", [0, 80])
def test_ctrl_c_cancels_and_waits_for_the_end(run, till, columns):
    order = f"interrupted {columns}"
    selling = run("pay", "3", "EUR", "--order", order, columns=columns)
    selling.until(SCAN)
    selling.press_ctrl_c()
    assert selling.ended() == 130
    assert "3.00 EUR  Not paid. Nothing was charged." in selling.lines
    (payment,) = till.call("payment.list", order_ref=order)["payments"]
    assert (payment["state"], payment["reason"]["code"]) == ("failed", "till_cancelled")


def test_an_order_code_is_drawn_at_a_terminal_and_its_text_elsewhere(run, shop, simulator, till):
    drawn = run("pay", "3", "EUR", "--order", "drawn", "--order-code", columns=80)
    drawn.until("Show the code to the customer")
    assert "█▀▀▀▀▀█" in drawn.text
    drawn.press_ctrl_c()
    assert drawn.ended() == 130
    told_in_words = run("pay", "3", "EUR", "--order", "in words", "--order-code")
    told_in_words.until("Show the code to the customer")
    (payment,) = till.call("payment.list", order_ref="in words")["payments"]
    assert payment["order_code"]["text"] in told_in_words.lines
    told_in_words.press_ctrl_c()
    assert told_in_words.ended() == 130


def test_a_product_code_is_read_and_a_payment_code_is_shown_to_nobody(run, shop, simulator):
    product = run("scan")
    product.until("Scan a code.")
    shop.scanner.send(b"4006381333931\r")
    assert product.ended() == 0
    assert "4006381333931" in product.lines
    code = simulator.fresh_code()
    paying = run("scan")
    paying.until("Scan a code.")
    shop.scanner.send(f"{code}\r".encode())
    assert paying.ended() == 0
    assert "A payment code of 24 digits; it is shown to nobody." in paying.lines
    assert code not in paying.text
    nothing = run("scan", "--timeout", "1")
    assert nothing.ended() == 1


def test_the_days_end_closes_the_period_and_prints_it(run, till, simulator):
    sell(till, simulator, 1100, "the last of the day")
    before = run("--json", "report")
    assert before.ended() == 0
    (open_one,) = told(before)
    assert open_one["report"]["closed_at"] is None
    closing = run("report", "--close", "--print")
    assert closing.ended() == 0
    number = open_one["report"]["period"]
    assert closing.lines[0] == f"Period {number}"
    assert "Printed." in closing.lines
    again = run("--json", "report", "--period", str(number))
    assert again.ended() == 0
    assert told(again)[0]["report"]["closed_at"] is not None


def test_till_cancel_ends_what_another_till_of_this_user_waits_for(run):
    selling = run("pay", "3", "EUR", "--order", "cancelled")
    selling.until(SCAN)
    cancelling = run("cancel")
    assert cancelling.ended() == 0
    assert selling.ended() == 1
    assert "The till cancelled the payment" in selling.text
    again = run("cancel")
    assert again.ended() == 1


def test_a_refused_customer_is_status_1_with_the_reason(run, simulator):
    simulator.set_faults({"api": "pay", "fault": "result", "code": "RISK_REJECT", "status": "F"})
    words = ("pay", "5", "EUR", "--order", "refused", "--code")
    selling = run(*words, stdin=simulator.fresh_code() + "\n")
    assert selling.ended() == 1
    assert "5.00 EUR  Not paid. Nothing was charged." in selling.lines
    assert "The payment was refused." in selling.text


def test_a_killed_till_is_finished_by_the_next(run, shop, simulator, till):
    selling = run("pay", "7", "EUR", "--order", "killed")
    selling.until(SCAN)
    scan(shop, simulator)
    selling.until("Please wait")
    selling.kill()
    next_sale = run("pay", "8", "EUR", "--order", "next")
    next_sale.until("1 earlier payment is not finished: till unfinished")
    next_sale.until(SCAN)
    finishing = run("unfinished")
    assert finishing.ended() == 0
    assert "order killed" in finishing.text
    assert "order next" not in finishing.text
    scan(shop, simulator)
    assert next_sale.ended() == 0
    (payment,) = till.call("payment.list", order_ref="killed")["payments"]
    assert payment["decided"]
    end = settled(till, payment)
    assert simulator.owed(end["payment"]) == (700 if end["outcome"] == "paid" else 0)


def test_a_till_keeps_off_the_payment_of_another_that_lives(run, shop, simulator):
    selling = run("pay", "7", "EUR", "--order", "alive")
    selling.until(SCAN)
    finishing = run("unfinished")
    assert finishing.ended() == 0
    assert finishing.lines[0] == "Everything is finished."
    scan(shop, simulator)
    assert selling.ended() == 0


def test_json_is_one_object_a_line_to_the_decided_payment(run, simulator, till):
    code = simulator.fresh_code()
    words = ("--json", "pay", "12,50", "EUR", "--order", "json", "--code")
    selling = run(*words, stdin=code + "\n")
    assert selling.ended() == 0
    payments = [line["payment"] for line in told(selling)]
    assert payments[-1] == till.get(payments[-1]["key"])
    assert payments[-1]["amount"] == {"currency": "EUR", "value": 1250}
    assert [one["decided"] for one in payments[:-1]] == [False] * (len(payments) - 1)
    assert code not in selling.text


def test_json_tells_a_refusal_as_the_terminal_does(run, till, simulator):
    sell(till, simulator, order_ref="paid already")
    words = ("--json", "pay", "1", "EUR", "--order", "paid already", "--code")
    refused = run(*words, stdin=simulator.fresh_code() + "\n")
    assert refused.ended() == 3
    (line,) = told(refused)
    assert (line["error"]["code"], line["error"]["retry"]) == ("order_paid", "never")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("pay", "12.5", "EUR", "--order", "A"), "12.50 EUR"),
        (("pay", "1.250", "EUR", "--order", "A"), "EUR has 2 decimals"),
        (("pay", "15.00", "JPY", "--order", "A"), "JPY has 0 decimals"),
        (("pay", "1", "XXX", "--order", "A"), "currency"),
        (("pay", "0", "EUR", "--order", "A"), "above 0"),
        (("pay", "1", "EUR"), "--order"),
        (("show", "nothing of this name"), "knows no payment"),
        (("sell",), "invalid choice"),
    ],
)
def test_a_wrong_call_is_status_2_and_says_what_is_right(run, words, says):
    wrong = run(*words)
    assert wrong.ended() == 2
    assert says in wrong.text


def test_no_terminal_is_status_4(run, tmp_path):
    nobody = run("--socket", str(tmp_path / "none.sock"), "pay", "1", "EUR", "--order", "A")
    assert nobody.ended() == 4
    assert "Nothing was asked of it." in nobody.text


def test_a_refund_of_a_part_and_then_of_the_rest(run, till, simulator):
    paid = sell(till, simulator, 1250, "refunded")
    part = run("refund", "refunded", "2.50", "EUR")
    assert part.ended() == 0
    assert "Refunded  2.50 EUR" in part.lines
    rest = run("--json", "refund", paid["payment"], "--print")
    assert rest.ended() == 0
    refund, job = told(rest)
    assert refund["refund"]["amount"]["value"] == 1000
    assert job["job"]["state"] == "done"
    assert simulator.owed(paid["payment"]) == 0
    more = run("refund", paid["antom_payment_id"], "0.01", "EUR")
    assert more.ended() == 3
    assert "left to refund" in more.text


def test_a_payment_is_shown_explained_listed_and_printed(run, till, simulator, shop):
    paid = sell(till, simulator, 1250, "shown")
    shown = run("show", "shown")
    assert shown.ended() == 0
    assert f"  payment    {paid['payment']}" in shown.lines
    explained = run("explain", paid["key"])
    assert explained.ended() == 0
    assert "rules.md" in explained.text
    listed = run("list", "--order", "shown")
    assert listed.ended() == 0
    assert "12.50 EUR" in listed.text
    receipt = run("receipt", paid["payment"])
    assert receipt.ended() == 0
    assert "Antom" in receipt.text
    printed = run("receipt", paid["payment"], "--print")
    assert printed.ended() == 0
    assert printed.lines[0] == "Printed."
    assert paid["payment"] in [code.text for code in shop.paper.codes()]


def test_a_word_that_means_several_payments_is_asked_back(run, till, simulator):
    first = sell(till, simulator, 600, "split")
    code = simulator.fresh_code()
    second = till.wait(till.start(new_key(), "split", "EUR", 400, code=code, split=True))
    till.acknowledge(second)
    unclear = run("refund", "split")
    assert unclear.ended() == 2
    assert first["payment"] in unclear.text
    assert second["payment"] in unclear.text


def test_the_queue_says_what_is_owed_and_flushes(run, till, simulator):
    simulator.set_faults({"api": "cancel", "fault": "rate limit"})
    code = simulator.fresh_code()
    approved = till.wait(till.start(new_key(), "owed", "EUR", 900, code=code))
    owed = till.cancel(approved["key"])
    queue = run("queue")
    assert queue.ended() == 0
    assert "9.00 EUR  cancel owed for" in queue.text
    flushed = run("--json", "queue", "--flush")
    assert flushed.ended() == 0
    assert [line["entry"]["payment"] for line in told(flushed)] == [owed["payment"]]
    simulator.set_faults()
    assert settled(till, owed)["state"] == "cancelled"
    empty = run("queue")
    assert empty.ended() == 0
    assert empty.lines[0] == "Nothing is owed."


def test_watch_tells_what_happens_until_ctrl_c(run, till, simulator, shop):
    watching = run("watch", columns=80)
    watching.until("Watching")
    sell(till, simulator, 1234, "watched")
    watching.until("12.34 EUR  watched  paid")
    watching.press_ctrl_c()
    assert watching.ended() == 130


def test_health_is_status_0_when_the_terminal_is_ready(run):
    health = run("health")
    assert health.ended() == 0
    assert health.lines[0] == "Ready: terminal 7"


def test_a_second_ctrl_c_leaves_with_what_is_not_known_yet(run, shop):
    selling = run("pay", "3", "EUR", "--order", "left")
    selling.until(SCAN)
    shop.kill()
    selling.until("The terminal does not answer.")
    selling.press_ctrl_c()
    selling.until("Cancelling")
    selling.press_ctrl_c()
    assert selling.ended() == 5
    assert "hand over nothing. Then: till unfinished" in selling.text
    shop.start()
    finishing = run("unfinished")
    assert finishing.ended() == 0
    assert finishing.lines[:2] == ["order left", "3.00 EUR  Not paid. Nothing was charged."]


def test_a_terminal_that_restarts_in_mid_payment_is_waited_for(run, shop):
    selling = run("pay", "4", "EUR", "--order", "restarted", columns=80)
    selling.until(SCAN)
    shop.kill()
    selling.until("The terminal does not answer. Trying again.")
    shop.start()
    assert selling.ended() == 1
    assert "The terminal restarted in the middle of the payment." in selling.text


def test_a_terminal_that_is_not_ready_is_status_3_and_says_why(run, shop, till):
    changes = till.events(till.now(), ["device.changed"])
    shop.scanner.unplug()
    next(event for event in changes if event["blocks"])
    refused = run("pay", "4", "EUR", "--order", "not ready")
    assert refused.ended() == 3
    assert "The scanner is not connected." in refused.text
    assert run("health").ended() == 3
    shop.scanner.replug()
    next(event for event in changes if not event["blocks"])
    changes.close()


def test_a_refusal_in_json_is_the_error_as_it_stands_on_the_wire(run, shop, till):
    changes = till.events(till.now(), ["device.changed"])
    shop.scanner.unplug()
    next(event for event in changes if event["blocks"])
    refused = run("--json", "pay", "4", "EUR", "--order", "not ready")
    assert refused.ended() == 3
    (line,) = told(refused)
    assert [block["code"] for block in line["error"]["blocks"]] == ["scanner"]
    shop.scanner.replug()
    next(event for event in changes if not event["blocks"])
    changes.close()


def test_paid_is_status_0_when_nothing_could_be_printed(run, till, simulator, shop):
    shop.unplug_printer()
    words = ("pay", "2", "EUR", "--order", "no paper", "--code", "--print")
    selling = run(*words, stdin=f"{simulator.fresh_code()}\n")
    assert selling.ended() == 0
    assert "2.00 EUR  Paid." in selling.lines
    assert "Printed." not in selling.lines
    (paid,) = till.call("payment.list", order_ref="no paper")["payments"]
    assert run("receipt", paid["payment"], "--print").ended() == 1
    shop.replug_printer()


def test_ctrl_c_while_the_receipt_is_printed_leaves_a_paid_sale_at_status_0(
    run, till, simulator, shop
):
    shop.stall_printer()
    jobs = till.events(till.now(), ["job.changed"])
    words = ("pay", "2", "EUR", "--order", "slow paper", "--code", "--print")
    selling = run(*words, stdin=f"{simulator.fresh_code()}\n")
    next(jobs)
    jobs.close()
    selling.press_ctrl_c()
    assert selling.ended() == 0
    assert "2.00 EUR  Paid." in selling.lines
    assert "Look at the paper." in selling.text
    shop.replug_printer()
