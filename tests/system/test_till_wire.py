"""The wire of the till socket (till_socket.md §1), spoken to the real process by a stranger."""

import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tilld_testkit.rpc import Ext, Pairs, Raw, Refusal, Rpc, pack
from tilld_testkit.shop import new_key, open_shop

ROOT = Path(__file__).parents[2]
EUR = {"currency": "EUR", "value": 100}
API = [1, 0]
NO_REFUNDS: dict[str, object] = {"refunds": [], "next": None}


@pytest.fixture(scope="module")
def terminal(tmp_path_factory, _one_simulator):
    """No test here sells: one process serves them all, its 5 s are half a second."""
    folder = tmp_path_factory.mktemp("wire") / "device"
    with open_shop(folder, _one_simulator, scale=0.1) as terminal:
        yield terminal


@pytest.fixture
def till(terminal):
    with Rpc(terminal.socket_path) as till:
        yield till


@pytest.fixture
def other(terminal):
    """A connection that has nothing to do with the test's own, and must feel nothing of it."""
    with Rpc(terminal.socket_path) as other:
        yield other
        assert other.hello()["api"] == API


def refused(till, method, *params):
    with pytest.raises(Refusal) as refusal:
        till.answer(till.send(method, *params))
    return refusal.value.told


def started(key):
    return {"key": key, "order_ref": "o-1", "amount": EUR}


# Requests and parameters.


@pytest.mark.parametrize("params", [[], [None], [{}]])
def test_absent_nil_and_empty_parameters_are_the_empty_map(till, params):
    assert till.answer(till.send("refund.list", *params)) == NO_REFUNDS


def test_a_nil_parameter_is_the_same_as_an_absent_one(till):
    listed = till.ask("refund.list", payment=None, open=None, limit=None, cursor=None)
    assert listed == NO_REFUNDS


def test_unknown_parameters_are_refused_by_name(till):
    told = till.refused("payment.list", order_reff="o-1", limti=3)
    assert told["code"] == "unknown_param"
    assert told["fields"] == ["limti", "order_reff"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("amount", {"currency": "EUR", "value": 1.0}),
        ("amount", {"currency": "EUR", "value": True}),
        ("amount", {"currency": b"EUR", "value": 1}),
        ("amount", Pairs((("currency", "EUR"), ("value", 1), ("value", 2)))),
        ("amount", {"currency": "EUR", "value": 2**63}),
        ("amount", {"currency": "EUR", "value": 0}),
        ("amount", {"currency": "XYZ", "value": 1}),
        ("amount", {"currency": "EUR", "value": 1, "exponent": 2}),
        ("amount", ["EUR", 1]),
        ("order_ref", b"o-1"),
        ("order_ref", ""),
        ("order_ref", "o" * 65),
        ("order_ref", "two\nlines"),
        ("order_ref", 1),
        ("order_ref", Ext(5, b"o-1")),
        ("order_ref", Raw(b"\xd6\xff\x00\x00\x00\x00")),  # a timestamp
        ("order_ref", Raw(b"\xd7\xff" + b"\xff" * 8)),  # one with impossible nanoseconds
        ("order_ref", Raw(b"\xc7\x05\xff" + bytes(5))),  # one of a length that there is not
        ("key", "fifteen-letters"),
        ("key", "k" * 65),
        ("key", "sixteen letters "),
        ("key", "umlauts-äöü-äöü-"),
        ("scan_timeout_s", 60.0),
        ("scan_timeout_s", True),
        ("scan_timeout_s", 0),
        ("scan_timeout_s", "60"),
        ("split", 1),
        ("split", "true"),
        ("by", "wallet"),
        ("by", ["customer_code"]),
        ("by", {"customer_code": 1}),
    ],
)
def test_a_value_of_the_wrong_kind_is_bad_param_and_names_it(till, field, wrong):
    told = refused(till, "payment.start", {**started(new_key()), field: wrong})
    assert (told["code"], told["fields"]) == ("bad_param", [field])
    assert (told["class"], told["changed"], told["retry"]) == ("caller", "no", "after_fix")


@pytest.mark.parametrize("missing", ["key", "order_ref", "amount"])
def test_a_required_parameter_is_missing(till, missing):
    told = refused(till, "payment.start", {**started(new_key()), missing: None})
    assert (told["code"], told["fields"]) == ("bad_param", [missing])


def test_a_repeated_parameter_is_bad_param(till):
    key = new_key()
    assert refused(till, "payment.get", Pairs((("key", key), ("key", key))))["code"] == "bad_param"


@pytest.mark.parametrize("params", [{"key": "x"}, "params", 7, None])
def test_params_that_are_no_array_are_bad_message(till, params):
    till.send_message([0, 77, "payment.list", params])
    with pytest.raises(Refusal) as refusal:
        till.answer(77)
    assert refusal.value.code == "bad_message"


def test_more_than_one_map_is_bad_message(till):
    assert refused(till, "payment.list", {}, {})["code"] == "bad_message"


@pytest.mark.parametrize("method", ["payment.steal", "", "Hello", "report.reopen", "update.begin"])
def test_an_unknown_method_is_named(till, method):
    told = refused(till, method, {})
    assert told["code"] == "unknown_method"
    assert repr(method) in told["message"]


@pytest.mark.parametrize("method", [None, 7, b"hello", ["hello"]])
def test_a_method_that_is_no_text_is_bad_message(till, method):
    assert refused(till, method, {})["code"] == "bad_message"


def test_every_error_has_code_class_changed_retry_and_message(till):
    told = till.refused("payment.get", key=new_key())
    assert set(told) >= {"code", "class", "changed", "retry", "message"}
    assert (told["class"], told["changed"], told["retry"]) == ("caller", "no", "same_key")


def test_numbers_may_come_in_any_of_messagepacks_widths(till):
    sixty_four_bits = Raw(b"\xcf\x00\x00\x00\x00\x00\x00\x00\x01")
    assert till.ask("refund.list", limit=sixty_four_bits) == NO_REFUNDS


# Answers.


def test_requests_are_answered_out_of_order(till):
    key = new_key()
    till.ask("payment.cancel", key=key)
    slow = till.send("payment.wait", {"key": key, "revision": 2**62, "timeout_s": 1})
    fast = till.send("payment.get", {"key": key})
    till.answer(fast)
    assert slow not in till.answers
    assert till.answer(slow)["state"] == "failed"
    assert till.order[-2:] == [fast, slow]


def test_a_call_that_names_a_key_starts_after_the_call_that_took_it(till):
    key = new_key()
    sent = [till.send(f"payment.{call}", {"key": key}) for call in ("cancel", "acknowledge", "get")]
    closed, acknowledged, got = (till.answer(msgid) for msgid in sent)
    assert closed["reason"]["code"] == "cancelled_before_start"
    assert closed == acknowledged == got


def test_a_msgid_that_is_already_open_closes_the_connection(till, other):
    key = new_key()
    till.ask("payment.cancel", key=key)
    wait = {"key": key, "revision": 2**62, "timeout_s": 60}
    till.send_message([0, 9, "payment.wait", [wait]])
    till.send_message([0, 9, "payment.list", []])
    assert till.ended()


def test_a_msgid_may_be_used_again_once_it_was_answered(till):
    for _ in range(3):
        till.send_message([0, 9, "refund.list", []])
        assert till.answer(9) == NO_REFUNDS


@pytest.mark.parametrize("msgid", [-1, 2**32, None, "1", 1.0, True])
def test_a_msgid_that_is_none_closes_the_connection(till, other, msgid):
    till.send_message([0, msgid, "payment.list", []])
    assert till.ended()


def test_sixty_four_requests_may_be_open_and_the_next_is_too_many(till, other):
    key = new_key()
    till.ask("payment.cancel", key=key)
    wait = {"key": key, "revision": 2**62, "timeout_s": 60}
    waits = [till.send("payment.wait", wait) for _ in range(64)]
    told = refused(till, "payment.wait", wait)
    assert (told["code"], told["class"], told["retry"]) == ("too_many", "busy", "later")
    assert not set(waits) & set(till.answers)
    assert other.ask("payment.get", key=key)["decided"]


def test_errors_as_text_are_one_string(terminal):
    with Rpc(terminal.socket_path, errors="text") as till:
        told = refused(till, "payment.get", {"key": new_key()})
        assert told.startswith("not_found: ")
        till.hello(errors="map")
        assert refused(till, "payment.get", {"key": new_key()})["code"] == "not_found"


# Notifications.


@pytest.mark.parametrize(
    "parts",
    [
        (),
        ("payment.start", [started("notified-key-0001")]),
        ("payment.cancel", [{"key": "notified-key-0001"}]),
        (None, None),
        (7, [1, 2, 3], "more"),
        ({"a": 1}, {"b": [b"bin", 1.5]}),
    ],
)
def test_a_clients_notification_is_ignored_whatever_its_shape(till, parts):
    till.notify(*parts)
    assert till.refused("payment.get", key="notified-key-0001")["code"] == "not_found"


# Malformed input.


@pytest.mark.parametrize(
    "data",
    [
        pack({"not": "an array"}),
        pack([]),
        pack("hello"),
        pack([0, 1, "hello"]),
        pack([0, 1, "hello", [], 5]),
        pack([1, 1, None, None]),
        pack([3, 1, "hello", []]),
        pack([False, 1, "hello", []]),
        b"\xc1",
        b"\x94\x00\x01\xa2\xff\xfe\x90",  # a method that is no UTF-8
        b"\xdd\xff\xff\xff\xff",  # an array of four thousand million
        b"\x91" * 2000,
        b"GET / HTTP/1.1\r\nHost: till\r\n\r\n",
    ],
)
def test_malformed_input_closes_the_connection_and_no_other(till, other, data):
    till.send_bytes(data)
    assert till.ended()


def test_a_message_may_have_64_kib_and_not_one_byte_more(terminal, till, other):
    frame = len(pack([0, 1, "hello", [{"client": "x" * 300, "api": API}]])) - 300
    longest = "x" * (65536 - frame)
    message = pack([0, 1, "hello", [{"client": longest, "api": API}]])
    assert len(message) == 65536
    till.send_bytes(message)
    with pytest.raises(Refusal) as refusal:
        till.answer(1)
    assert refusal.value.code == "bad_param"
    with Rpc(terminal.socket_path) as longer:
        longer.send_bytes(pack([0, 1, "hello", [{"client": longest + "x", "api": API}]]))
        assert longer.ended()


def test_a_message_may_be_eight_deep(till):
    deep: object = "bottom"
    for _ in range(5):
        deep = [deep]
    assert refused(till, "payment.list", {"cursor": deep})["code"] == "bad_param"
    assert refused(till, "payment.list", {"cursor": [deep]})["code"] == "bad_message"


def test_more_maps_and_lists_than_any_call_needs_are_bad_message(till):
    many: list[Any]
    for many in ([{}] * 2000, [[]] * 2000, [[[]] * 30] * 40):
        told = refused(till, "printer.print", {"key": new_key(), "document": many})
        assert told["code"] == "bad_message"
    assert refused(till, "payment.list", {"cursor": [[]] * 900})["code"] == "bad_param"


def test_a_message_once_begun_is_finished_within_its_time(till, other):
    till.send_bytes(pack([0, 1, "payment.list", []])[:-1])
    assert till.ended()


def test_a_connection_that_says_nothing_stays(terminal, till):
    with Rpc(terminal.socket_path) as slow:
        slow.send_bytes(pack([0, 1, "payment.list", []])[:-1])
        assert slow.ended()
    assert till.hello()["api"] == API


def test_messages_may_come_byte_by_byte_and_many_at_once(till):
    for byte in pack([0, 70, "refund.list", []]):
        till.send_bytes(bytes((byte,)))
    assert till.answer(70) == NO_REFUNDS
    till.send_bytes(b"".join(pack([0, n, "refund.list", []]) for n in range(100, 400)))
    assert all(till.answer(n) == NO_REFUNDS for n in range(100, 400))


# Unread answers.


def test_a_till_that_does_not_read_is_closed_at_one_mebibyte(terminal, other):
    with Rpc(terminal.socket_path) as deaf:
        request = b"".join(pack([0, n, "hello", [{"client": "x", "api": API}]]) for n in range(200))
        deaf.socket.setblocking(False)
        poll = select.poll()
        poll.register(deaf.socket, select.POLLOUT)
        for _ in range(200):  # 40,000 answers of some 300 bytes: far more than it may owe
            poll.poll(20000)
            try:
                deaf.socket.send(request)
            except BlockingIOError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
            assert other.hello()["api"] == API
        else:
            raise AssertionError("it was never closed")


# Connections.


def test_thirty_two_connections_and_the_next_is_closed(terminal, till):
    held = [till]
    try:
        while len(held) < 32:
            held.append(Rpc(terminal.socket_path))
        late = Rpc(terminal.socket_path, hello=False)
        assert late.ended()
        late.close()
        assert all(each.hello()["api"] == API for each in held)
        held.pop().close()
        held[0].hello()  # the end of the other was seen before this was answered, or is soon
        again = _connected(terminal)
        assert again.greeting["api"] == API
        again.close()
    finally:
        for each in held[1:]:
            each.close()


def _connected(terminal):
    """The place of a connection that has just ended is free as soon as its end was seen."""
    while True:
        fresh = Rpc(terminal.socket_path, hello=False)
        try:
            fresh.greeting = fresh.hello()
        except (EOFError, ConnectionError):
            fresh.close()
            continue
        return fresh


# Hello.


def test_hello_comes_first(terminal):
    with Rpc(terminal.socket_path, hello=False) as till:
        for method in ("payment.list", "device.info", "no.such"):
            told = refused(till, method, {})
            assert told["code"] in ("bad_message", "unknown_method")
        assert refused(till, "payment.list", {})["code"] == "bad_message"
        till.hello()
        assert till.ask("refund.list") == NO_REFUNDS


def test_hello_tells_everything_and_may_be_repeated_as_a_ping(till):
    listed = (
        "device terminal version api features mode ready blocks degraded unheard epoch last_seq"
    )
    assert set(listed.split()) <= set(till.greeting)
    again = till.hello(version="7.1")
    assert again["epoch"] == till.greeting["epoch"]
    assert (again["terminal"], again["mode"], again["api"]) == ("7", "test", API)
    assert again["ready"] in ("yes", "no", "unknown")


def test_another_major_version_is_api_mismatch_naming_both(terminal):
    with Rpc(terminal.socket_path, hello=False) as till:
        told = refused(till, "hello", {"client": "new", "api": [2, 4]})
        assert told["code"] == "api_mismatch"
        assert "2" in told["message"]
        assert "1" in told["message"]
        assert refused(till, "payment.list", {})["code"] == "bad_message"
        assert refused(
            till, "hello", {"client": "new", "api": [2, 4], "errors": "text"}
        ).startswith("api_mismatch: ")
        assert till.hello(api=[1, 9])["api"] == API


@pytest.mark.parametrize("api", [None, 1, [1], [1, 0, 0], ["1", "0"], [1.0, 0], [True, 0]])
def test_hello_needs_an_api_of_two_whole_numbers(terminal, api):
    with Rpc(terminal.socket_path, hello=False) as till:
        assert refused(till, "hello", {"client": "x", "api": api})["fields"] == ["api"]


# Who may call.

CLIENT_OF_UID = """
import os, sys
sys.path.insert(0, sys.argv[1])
from tilld_testkit.rpc import Refusal, Rpc
from pathlib import Path
os.chdir(sys.argv[2])
uid, gid = int(sys.argv[3]), int(sys.argv[4])
os.setgroups([])
os.setresgid(gid, gid, gid)
os.setresuid(uid, uid, uid)
try:
    with Rpc(Path("till.sock"), hello=False) as till:
        print(till.hello()["terminal"])
except Refusal as refusal:
    print(refusal.code)
except PermissionError:
    print("no way in")
"""


def as_user(terminal, uid, gid):
    """What a client of that user and group hears."""
    os.chmod(terminal.folder, 0o711)
    command = [sys.executable, "-c", CLIENT_OF_UID, str(ROOT / "tests"), str(terminal.folder)]
    ran = subprocess.run(
        [*command, str(uid), str(gid)], capture_output=True, text=True, timeout=30, check=True
    )
    return ran.stdout.strip()


def test_without_configured_users_only_its_own_uid_and_root_get_in(terminal):
    assert as_user(terminal, 0, 0) == "7"
    assert as_user(terminal, 65534, 65534) == "no way in"


def test_configured_users_and_groups_sell_and_others_are_not_allowed(tmp_path, simulator):
    more = {"till": 'users = ["daemon"]\ngroups = ["games"]'}
    with open_shop(tmp_path / "device", simulator, more=more) as terminal:
        assert as_user(terminal, 1, 1) == "7"  # daemon
        assert as_user(terminal, 65534, 60) == "7"  # nobody, of the group games
        assert as_user(terminal, 65534, 65534) == "not_allowed"
