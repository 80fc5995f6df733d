"""What a till may rely on in payments (till_socket.md §2 to §4), asked of the real process."""

import pytest

from tilld_testkit.rpc import Rpc
from tilld_testkit.sales import approved, body, check, declined, inquiring, paid, start, until
from tilld_testkit.shop import new_key, open_shop

NEVER_AGAIN = 2**62  # a revision that is never reached


@pytest.fixture(scope="module")
def shop(tmp_path_factory, _one_simulator):
    """One process for all tests that leave it as they found it; its minutes are three seconds."""
    folder = tmp_path_factory.mktemp("contract") / "device"
    with open_shop(folder, _one_simulator, scale=0.05, scanner=True) as shop:
        yield shop


@pytest.fixture
def till(shop):
    with Rpc(shop.socket_path) as till:
        yield till


@pytest.fixture
def own_shop(tmp_path, simulator):
    """A process of the test's own, to kill or to lead astray."""
    more = {"timing": "cancel_for_s = 30\nback_off_first_s = 60"}
    with open_shop(tmp_path / "device", simulator, scale=0.05, more=more) as own_shop:
        yield own_shop


# What a call does in each state: cancel.


def test_cancel_while_a_code_is_awaited_fails_the_payment(till):
    waiting = start(till)
    check(waiting)
    told = till.ask("payment.cancel", key=waiting["key"])
    check(told)
    assert (told["state"], told["reason"]["code"]) == ("failed", "till_cancelled")


def test_cancel_while_paying_cancels(till, simulator):
    simulator.set_faults({"api": "pay", "fault": "answer lost after the debit", "times": 1})
    asked = body(code=simulator.fresh_code())
    till.send("payment.start", asked)
    told = till.ask("payment.cancel", key=asked["key"])
    check(told)
    assert (told["state"], told["reason"]["code"]) == ("cancelling", "till_cancelled")
    assert until(till, told, "cancelled")["reason"]["code"] == "till_cancelled"
    assert simulator.owed(told["payment"]) == 0


def test_cancel_while_inquiring_cancels(till, simulator):
    told = till.ask("payment.cancel", key=inquiring(till, simulator)["key"])
    assert told["state"] == "cancelling"
    assert told["reason"]["message"] == "The till cancelled the payment."
    until(till, told, "cancelled")


def test_cancel_of_an_approval_gives_the_money_back(till, simulator):
    given = approved(till, simulator)
    assert simulator.owed(given["payment"]) == 1250
    told = till.ask("payment.cancel", key=given["key"])
    assert told["state"] == "cancelling"
    until(till, told, "cancelled")
    assert simulator.owed(given["payment"]) == 0


def test_cancel_of_a_paid_payment_is_already_paid(till, simulator):
    done = paid(till, simulator)
    told = till.refused("payment.cancel", key=done["key"])
    assert (told["code"], told["payment"]) == ("already_paid", done["payment"])
    assert "refund.start" in told["message"]
    assert till.ask("payment.get", key=done["key"]) == done


@pytest.mark.parametrize("how", ["declined", "till_cancelled", "cancelled_before_start"])
def test_cancel_of_a_payment_that_is_not_paid_changes_nothing(till, simulator, how):
    if how == "declined":
        before = declined(till, simulator)
    elif how == "till_cancelled":
        before = till.ask("payment.cancel", key=start(till)["key"])
    else:
        before = till.ask("payment.cancel", key=new_key())
    assert before["reason"]["code"] == how
    assert till.ask("payment.cancel", key=before["key"]) == before


def test_cancel_of_an_unknown_key_closes_it_and_a_later_start_returns_it(till, simulator):
    key = new_key()
    closed = till.ask("payment.cancel", key=key)
    check(closed)
    assert (closed["state"], closed["reason"]["code"]) == ("failed", "cancelled_before_start")
    assert (closed["amount"], closed["order_ref"]) == (None, None)
    assert start(till, key=key, code=simulator.fresh_code()) == closed
    assert till.ask("payment.get", key=key) == closed


def test_cancel_of_an_unknown_payment_is_not_found(till):
    assert till.refused("payment.cancel", payment="2026X")["code"] == "not_found"


# Acknowledge.


def test_acknowledge_before_the_approval_is_refused_and_never_remembered(till, simulator):
    waiting = start(till)
    assert till.refused("payment.acknowledge", key=waiting["key"])["code"] == "not_approved"
    till.ask("payment.cancel", key=waiting["key"])

    simulator.set_faults({"api": "pay", "fault": "answer lost after the debit", "times": 1})
    asked = body(code=simulator.fresh_code())
    till.send("payment.start", asked)
    told = till.refused("payment.acknowledge", key=asked["key"])
    assert told["code"] == "not_approved"
    got = till.ask("payment.wait", key=asked["key"], timeout_s=20)
    assert (got["payment"], got["state"]) == (told["payment"], "approved")
    till.ask("payment.cancel", key=asked["key"])


def test_acknowledge_while_inquiring_is_refused(till, simulator):
    told = inquiring(till, simulator)
    assert till.refused("payment.acknowledge", key=told["key"])["code"] == "not_approved"
    till.ask("payment.cancel", key=told["key"])


def test_acknowledge_of_an_approval_is_paid_and_may_be_repeated(till, simulator):
    done = paid(till, simulator)
    check(done)
    assert (done["state"], done["decides_in_s"]) == ("paid", None)
    assert done["paid_at"][-6:] == "+01:00"  # the shop's own offset
    assert till.ask("payment.acknowledge", key=done["key"]) == done
    assert till.ask("payment.acknowledge", payment=done["payment"]) == done


def test_acknowledge_that_comes_too_late_is_not_paid_and_says_why(till, simulator):
    given = approved(till, simulator)
    until(till, given, "cancelling", "cancelled")
    told = till.ask("payment.acknowledge", key=given["key"])
    assert (told["outcome"], told["reason"]["code"]) == ("not_paid", "not_acknowledged")
    until(till, told, "cancelled")


@pytest.mark.parametrize("call", ["acknowledge", "get", "wait", "explain"])
def test_an_unknown_key_is_not_found(till, call):
    told = till.refused(f"payment.{call}", key=new_key())
    assert (told["code"], told["retry"]) == ("not_found", "same_key")


@pytest.mark.parametrize("call", ["acknowledge", "cancel", "get", "wait", "explain"])
def test_a_call_about_no_payment_is_bad_param(till, call):
    told = till.refused(f"payment.{call}")
    assert (told["code"], told["fields"]) == ("bad_param", ["payment", "key"])


def test_a_payment_is_found_by_our_id_by_antoms_and_by_its_key(till, simulator):
    done = paid(till, simulator)
    for name in ("payment", "antom_payment_id"):
        assert till.ask("payment.get", payment=done[name]) == done
    assert till.ask("payment.get", payment=done["payment"], key=done["key"]) == done
    told = till.refused("payment.get", payment=done["payment"], key=new_key())
    assert (told["code"], told["fields"]) == ("key_mismatch", ["key"])


# Keys and orders.


def test_the_same_key_and_body_are_the_same_payment(till, simulator):
    asked = body(code=simulator.fresh_code())
    begun = till.ask("payment.start", **asked)
    again = asked | {
        "code": simulator.fresh_code(),
        "description": "other words",
        "scan_timeout_s": 5,
        "by": "customer_code",
        "split": False,
    }
    assert till.ask("payment.start", **again)["payment"] == begun["payment"]
    del again["code"]
    assert till.ask("payment.start", **again)["payment"] == begun["payment"]
    till.ask("payment.cancel", key=asked["key"])


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("order_ref", "another"),
        ("amount", {"currency": "EUR", "value": 1251}),
        ("amount", {"currency": "USD", "value": 1250}),
        ("split", True),
        ("by", "order_code"),
    ],
)
def test_another_body_under_the_same_key_names_the_fields(till, field, other):
    asked = body()
    waiting = till.ask("payment.start", **asked)
    told = till.refused("payment.start", **{**asked, field: other})
    assert (told["code"], told["fields"]) == ("key_mismatch", [field])
    assert (told["payment"], told["retry"]) == (waiting["payment"], "new_key")
    till.ask("payment.cancel", key=asked["key"])


def test_a_key_of_another_kind_is_key_used(till, simulator):
    done = paid(till, simulator)
    refund_key = new_key()
    assert till.refused("refund.start", key=done["key"], payment="x")["code"] == "key_used"
    assert till.refused("refund.get", key=done["key"])["code"] == "key_used"
    till.ask("refund.start", key=refund_key, payment=done["payment"])
    assert till.refused("payment.start", **body(refund_key))["code"] == "key_used"
    assert till.refused("payment.cancel", key=refund_key)["code"] == "key_used"
    assert till.refused("payment.get", key=refund_key)["code"] == "key_used"


def test_an_order_is_busy_while_it_is_undecided(till, simulator):
    waiting = start(till, order_ref="busy")
    told = till.refused("payment.start", **body(order_ref="busy", code=simulator.fresh_code()))
    assert (told["code"], told["payment"]) == ("order_busy", waiting["payment"])
    till.ask("payment.cancel", key=waiting["key"])
    again = start(till, order_ref="busy")
    assert again["state"] == "waiting_for_code"
    till.ask("payment.cancel", key=again["key"])


def test_a_paid_order_is_paid_again_only_when_it_is_split(till, simulator):
    first = paid(till, simulator, order_ref="parts")
    told = till.refused("payment.start", **body(order_ref="parts", code=simulator.fresh_code()))
    assert (told["code"], told["payment"]) == ("order_paid", first["payment"])
    assert paid(till, simulator, order_ref="parts", split=True)["payment"] != first["payment"]


def test_a_code_that_is_brought_to_an_order_code_is_refused_by_name(till, simulator):
    wanted = body(by="order_code", code=simulator.fresh_code())
    told = till.refused("payment.start", **wanted)
    assert (told["code"], told["fields"]) == ("bad_param", ["code"])


# The scanner.


def test_one_payment_waits_for_a_code_and_the_next_is_told_which_and_how_long(till, simulator):
    waiting = start(till, order_ref="first in line", scan_timeout_s=45)
    told = till.refused("payment.start", **body())
    assert (told["code"], told["payment"]) == ("scanner_busy", waiting["payment"])
    assert "first in line" in told["message"]
    assert " 44 s" in told["message"] or " 45 s" in told["message"]
    assert paid(till, simulator)["state"] == "paid"  # with a code of its own it needs no scanner
    till.ask("payment.cancel", key=waiting["key"])


def test_no_code_in_time_fails_the_payment(till):
    waiting = start(till, scan_timeout_s=1)
    told = until(till, waiting, "failed")
    assert told["reason"]["code"] == "scan_timeout"


def test_what_is_no_payment_code_is_dropped_with_words_for_the_cashier(shop, till, simulator):
    waiting = start(till)
    shop.scanner.send(b"4006381333931\r")
    before = waiting["revision"]
    told = till.ask("payment.wait", key=waiting["key"], revision=before, timeout_s=20)
    check(told)
    assert told["state"] == "waiting_for_code"
    assert told["prompt"]["code"] == "scan_again"
    assert "4006381333931" not in str(told)
    shop.scanner.send(simulator.fresh_code().encode() + b"\r")
    assert until(till, told, "approved")["prompt"]["code"] == "please_wait"
    till.ask("payment.acknowledge", key=waiting["key"])


@pytest.mark.parametrize("code", ["4006381333931", "281", "x" * 24, "28100602000000000012573a"])
def test_a_code_that_is_none_is_bad_code_and_takes_nothing(till, simulator, code):
    asked = body(code=code)
    told = till.refused("payment.start", **asked)
    assert (told["code"], told["fields"], told["retry"]) == ("bad_code", ["code"], "after_fix")
    assert code not in told["message"]
    assert till.refused("payment.get", key=asked["key"])["code"] == "not_found"
    asked["code"] = simulator.fresh_code()
    assert till.ask("payment.start", **asked)["state"] == "paying"
    till.ask("payment.cancel", key=asked["key"])


def test_a_code_that_was_just_used_is_refused(till, simulator):
    code = simulator.fresh_code()
    first = start(till, code=code)
    told = till.refused("payment.start", **body(code=code))
    assert told["code"] == "bad_code"
    assert "fresh" in told["message"]
    till.ask("payment.cancel", key=first["key"])


def test_a_device_without_a_scanner_takes_codes_alone(own_shop, simulator):
    with Rpc(own_shop.socket_path) as till:
        assert till.refused("payment.start", **body())["code"] == "no_scanner"
        assert paid(till, simulator)["state"] == "paid"


# A till that leaves.


def test_a_waiting_payment_that_no_connection_names_is_given_up(shop, till):
    with Rpc(shop.socket_path) as leaving:
        waiting = start(leaving)
    till.ask("events.subscribe", topics=["payment.changed"])
    till.event(
        lambda event: (
            event["payment"]["payment"] == waiting["payment"]
            and event["payment"]["state"] == "failed"
            and event["payment"]["reason"]["code"] == "till_left"
        )
    )


def test_a_till_that_left_before_its_start_was_answered_is_given_up_too(shop, till):
    till.ask("events.subscribe", topics=["payment.changed"])
    asked = body()
    with Rpc(shop.socket_path) as leaving:
        leaving.send("payment.start", asked)
    seen = till.event(lambda event: event["payment"]["state"] == "failed")
    assert seen["payment"]["key"] == asked["key"]
    assert seen["payment"]["reason"]["code"] == "till_left"


def test_a_till_that_takes_over_keeps_the_payment_alive(shop, till):
    with Rpc(shop.socket_path) as leaving:
        waiting = start(leaving)
        till.ask("payment.get", key=waiting["key"])
    told = till.ask(
        "payment.wait", key=waiting["key"], revision=waiting["revision"], timeout_s=1
    )  # twice as long as it may be without a till
    assert told["state"] == "waiting_for_code"
    till.ask("payment.cancel", key=waiting["key"])


def test_once_its_code_is_read_a_payment_needs_no_till(shop, till, simulator):
    asked = body(code=simulator.fresh_code("?wallet=pin"))
    till.ask("events.subscribe", topics=["payment.changed"])
    with Rpc(shop.socket_path) as leaving:
        leaving.send("payment.start", asked)
    ended = till.event(lambda event: event["payment"]["state"] == "cancelled")["payment"]
    assert (ended["key"], ended["reason"]["code"]) == (asked["key"], "no_answer")


# Waiting.


def test_wait_without_a_revision_answers_when_approved_or_decided(till, simulator):
    begun = start(till, code=simulator.fresh_code())
    assert till.ask("payment.wait", key=begun["key"], timeout_s=20)["state"] == "approved"
    assert till.ask("payment.wait", key=begun["key"])["state"] == "approved"
    till.ask("payment.acknowledge", key=begun["key"])
    assert till.ask("payment.wait", key=begun["key"], timeout_s=60)["state"] == "paid"


def test_wait_with_a_revision_shows_every_step(till, simulator):
    told = start(till, code=simulator.fresh_code("?wallet=pin"))
    steps = [told["state"]]
    while steps[-1] != "cancelled":
        before = told["revision"]
        told = till.ask("payment.wait", key=told["key"], revision=before, timeout_s=20)
        assert told["revision"] == before + 1
        check(told)
        if told["state"] != steps[-1]:
            steps.append(told["state"])
    assert steps == ["paying", "inquiring", "cancelling", "cancelled"]
    assert told["reason"]["code"] == "no_answer"


@pytest.mark.parametrize("timeout_s", [0, 1])
def test_wait_answers_at_its_timeout_in_any_case(till, timeout_s):
    waiting = start(till)
    for revision in (None, NEVER_AGAIN):
        told = till.ask("payment.wait", key=waiting["key"], revision=revision, timeout_s=timeout_s)
        assert (told["state"], told["revision"]) == ("waiting_for_code", waiting["revision"])
    till.ask("payment.cancel", key=waiting["key"])


@pytest.mark.parametrize("timeout_s", [-1, 61, "5", 1.0])
def test_wait_takes_a_timeout_of_0_to_60_seconds(till, timeout_s):
    told = till.refused("payment.wait", key=new_key(), timeout_s=timeout_s)
    assert (told["code"], told["fields"]) == ("bad_param", ["timeout_s"])


def test_a_wait_of_one_connection_ends_with_a_change_made_by_another(shop, till):
    waiting = start(till)
    with Rpc(shop.socket_path) as other:
        waits = till.send("payment.wait", {"key": waiting["key"], "timeout_s": 60})
        till.hello()
        assert waits not in till.answers
        other.ask("payment.cancel", key=waiting["key"])
        assert till.answer(waits)["state"] == "failed"


# Reasons, words, lists.


def test_a_refusal_carries_antoms_code_and_words(till, simulator):
    told = declined(till, simulator)
    assert told["reason"]["code"] == "declined"
    assert told["reason"]["upstream_code"] == "USER_BALANCE_NOT_ENOUGH"
    assert told["reason"]["rule"].startswith("rules.md")


def test_explain_is_a_sentence_and_steps_with_their_rules(till, simulator):
    told = declined(till, simulator)
    explained = till.ask("payment.explain", key=told["key"])
    assert "not paid because it was refused (USER_BALANCE_NOT_ENOUGH)" in explained["sentence"]
    assert explained["payment"] == told["payment"]
    for step in explained["steps"]:
        assert set(step) == {"at", "known", "rule"}
    assert explained["steps"][0]["at"] == told["created_at"]
    assert "Decided not paid" in explained["steps"][-1]["known"]
    done = paid(till, simulator)
    words = str(till.ask("payment.explain", payment=done["payment"]))
    assert "Decided paid" in words
    assert done["antom_payment_id"] in words


def test_lists_are_paged_newest_first_and_a_cursor_stays_good(till, simulator):
    keys = []
    for _ in range(5):
        keys.append(start(till, order_ref="paged")["key"])
        till.ask("payment.cancel", key=keys[-1])
    seen, cursor = [], None
    while True:
        page = till.ask("payment.list", order_ref="paged", limit=2, cursor=cursor)
        assert len(page["payments"]) <= 2
        seen += [one["key"] for one in page["payments"]]
        cursor = page["next"]
        if cursor is None:
            break
        if len(keys) == 5:  # a new one comes while the till turns the page
            keys.append(start(till, order_ref="paged")["key"])
    assert seen == keys[4::-1]
    opened = till.ask("payment.list", order_ref="paged", open=True)["payments"]
    assert [one["key"] for one in opened] == [keys[5]]
    till.ask("payment.cancel", key=keys[5])
    gone = till.ask("payment.list", order_ref="paged", open=True, cursor=opened[0]["payment"])
    assert gone == {"payments": [], "next": None}
    assert till.ask("payment.list", order_ref="paged", period=1)["payments"]
    assert till.ask("payment.list", order_ref="paged", period=2)["payments"] == []


def test_a_page_holds_fifty_and_at_most_a_hundred(till):
    for msgid in [till.send("payment.cancel", {"key": new_key()}) for _ in range(60)]:
        till.answer(msgid)
    page = till.ask("payment.list")
    assert len(page["payments"]) == 50
    assert page["next"] == page["payments"][-1]["payment"]
    assert len(till.ask("payment.list", limit=60)["payments"]) == 60


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 101}, {"cursor": "nowhere"}])
def test_a_page_that_cannot_be_is_bad_param(till, wrong):
    told = till.refused("payment.list", **wrong)
    assert (told["code"], told["fields"]) == ("bad_param", list(wrong))


# The device.


def test_without_a_printer_printing_is_no_printer(till, simulator):
    done = paid(till, simulator)
    told = till.refused("receipt.print", key=new_key(), payment=done["payment"])
    assert (told["code"], told["class"]) == ("no_printer", "hardware")
    blocks = [{"type": "text", "text": "hello"}]
    assert till.refused("printer.print", key=new_key(), document=blocks)["code"] == "no_printer"
    assert till.refused("printer.status")["code"] == "no_printer"


def test_the_device_tells_who_it_is_and_how_it_is(till):
    info = till.ask("device.info")
    assert info["device"] == till.greeting["device"]
    assert info["drivers"]["scanner"] == {
        "driver": "linux-serial",
        "state": "yes",
        "maturity": info["drivers"]["scanner"]["maturity"],
    }
    assert info["drivers"]["scanner"]["maturity"] in ("bench", "field", "certified")
    assert set(info["drivers"]) >= {"scanner", "storage", "clock", "network"}
    assert info["owed"] == 0
    assert set(info["storage"]) == {"room_bytes", "flushes", "written_bytes"}
    health = till.ask("device.health")
    assert health["ready"] in ("yes", "unknown")
    assert (health["blocks"], health["degraded"]) == ([], [])
