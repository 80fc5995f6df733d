"""Tills and engineers over TCP: mutual TLS by the store's CA, a role for a port (§1)."""

import contextlib
import os
import select
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tilld_testkit import certificates
from tilld_testkit.rpc import Rpc, pack
from tilld_testkit.shop import PATIENCE_S, Terminal, new_key, open_shop
from tilld_testkit.store_of_certificates import Store

EUR = {"currency": "EUR", "value": 1250}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def terminal(tmp_path_factory, _one_simulator, store):
    """Its 5 s for a message, and for a handshake, are half a second."""
    folder = tmp_path_factory.mktemp("tcp") / "device"
    with open_shop(folder, _one_simulator, scale=0.1, more=store.settings) as terminal:
        yield terminal


@pytest.fixture
def till(terminal, store):
    with Rpc(store.connect(store.till_port, store.till)) as till:
        yield till


@pytest.fixture
def engineer(terminal, store):
    with Rpc(store.connect(store.engineer_port, store.engineer)) as engineer:
        yield engineer


def test_a_till_with_a_certificate_of_the_stores_ca_sells(till, simulator):
    code = simulator.fresh_code()
    started = till.ask("payment.start", key=new_key(), order_ref="tls", amount=EUR, code=code)
    named = {"key": started["key"], "timeout_s": 20}
    assert till.ask("payment.wait", **named)["state"] == "approved"
    assert till.ask("payment.acknowledge", key=started["key"])["outcome"] == "paid"


def test_a_till_on_tcp_takes_over_from_one_on_the_unix_socket(terminal, till):
    key = new_key()
    with Rpc(terminal.socket_path) as local:
        local.ask("payment.cancel", key=key)
    assert till.ask("payment.get", key=key)["key"] == key


@pytest.mark.parametrize("port", ["till_port", "engineer_port"])
def test_without_a_certificate_nobody_gets_in(terminal, store, port):
    assert is_turned_away(store, getattr(store, port), None)


@pytest.mark.parametrize("port", ["till_port", "engineer_port"])
def test_a_certificate_of_another_ca_gets_nobody_in(terminal, store, port):
    stranger = certificates.issue(store.stranger_ca, ["till-1"], client=True, unit="engineer")
    assert is_turned_away(store, getattr(store, port), stranger)


def test_a_servers_certificate_is_no_tills(terminal, store):
    assert is_turned_away(store, store.till_port, store.terminal)


def is_turned_away(store, port, who):
    """The handshake fails, or in TLS 1.3 the first read after it."""
    try:
        with Rpc(store.connect(port, who), hello=False) as rpc:
            rpc.send_bytes(pack([0, 1, "hello", [{"client": "x", "api": [1, 0]}]]))
            assert rpc.socket.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True
    return True


def test_old_tls_is_refused(terminal, store):
    context = store.context(store.till)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        store.connect(store.till_port, store.till, context)


def test_tls_1_2_is_spoken(terminal, store):
    context = store.context(store.till)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with Rpc(store.connect(store.till_port, store.till, context)) as till:
        assert till.greeting["api"] == [1, 0]


def test_an_expired_certificate_is_told_so(terminal, store):
    late = certificates.issue(store.ca, ["till-2"], valid_for_s=-60, client=True)
    with Rpc(store.connect(store.till_port, late), hello=False) as till:
        told = till.refused("hello", client="late", api=[1, 0])
    assert (told["code"], told["class"]) == ("not_allowed", "security")
    assert "expired" in told["message"]


def test_a_revoked_certificate_gets_nobody_in(tmp_path, simulator, store):
    own = Store(tmp_path)
    Path(own.ca.cert_file).write_bytes(
        Path(own.ca.cert_file).read_bytes() + certificates.revocations(own.ca, [own.till])
    )
    with open_shop(tmp_path / "device", simulator, more=own.settings):
        assert is_turned_away(own, own.till_port, own.till)
        other = certificates.issue(own.ca, ["till-2"], client=True)
        with Rpc(own.connect(own.till_port, other)) as till:
            assert till.greeting["api"] == [1, 0]


def test_plain_bytes_are_no_handshake_and_hold_up_nobody(terminal, store, till):
    with socket.create_connection(("127.0.0.1", store.till_port), PATIENCE_S) as plain:
        plain.sendall(pack([0, 1, "hello", [{"client": "x", "api": [1, 0]}]]))
        while plain.recv(1024):  # an alert of TLS, then the end
            pass
    assert till.hello()["api"] == [1, 0]


def test_a_handshake_once_begun_is_finished_within_its_time(terminal, store, till):
    with socket.create_connection(("127.0.0.1", store.till_port), PATIENCE_S) as silent:
        assert silent.recv(1) == b""
    assert till.hello()["api"] == [1, 0]


def test_strangers_who_never_shake_hands_lock_out_no_local_till(terminal, store):
    with contextlib.ExitStack() as held:
        for _ in range(40):
            address = ("127.0.0.1", store.till_port)
            held.enter_context(socket.create_connection(address, PATIENCE_S))
        with Rpc(terminal.socket_path) as local:
            assert local.greeting["api"] == [1, 0]


def test_both_kinds_of_socket_share_the_32_connections(terminal, store):
    with contextlib.ExitStack() as held:
        for _ in range(16):
            held.enter_context(Rpc(terminal.socket_path))
        held.enter_context(Rpc(store.connect(store.till_port, store.till)))
        for _ in range(15):
            held.enter_context(Rpc(terminal.socket_path))
        with contextlib.suppress(ConnectionError):
            late = held.enter_context(Rpc(store.connect(store.till_port, store.till), hello=False))
            assert late.ended()


def test_a_till_over_tls_that_does_not_read_is_closed(terminal, store, till):
    with Rpc(store.connect(store.till_port, store.till)) as deaf:
        request = pack([0, 1, "hello", [{"client": "x", "api": [1, 0]}]]) * 200
        deaf.socket.setblocking(False)
        poll = select.poll()
        poll.register(deaf.socket, select.POLLOUT)
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            sent = 0
            while sent < 16 << 20:  # more than ten times as much comes back
                poll.poll(20000)
                with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    sent += deaf.socket.send(request)
                assert till.hello()["api"] == [1, 0]
            raise AssertionError("it was never closed")
    assert "unread" in terminal.log()


HOUSE = "192.168.77.1"  # of an interface that is not USB
COMING_IN = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 20) as till:
    till.settimeout(20)
    try:
        print("closed" if till.recv(1) == b"" else "greeted")
    except ConnectionResetError:
        print("closed")
"""


@pytest.fixture
def house():
    """A network namespace that has an Ethernet interface of its own."""
    name = f"tilld-{os.getpid()}-house"
    inside = ["ip", "-n", name]
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=20)
    try:
        for command in (
            [*inside, "link", "set", "lo", "up"],
            [*inside, "link", "add", "house0", "type", "veth", "peer", "name", "house1"],
            [*inside, "addr", "add", f"{HOUSE}/24", "dev", "house0"],
            [*inside, "link", "set", "house0", "up"],
            [*inside, "link", "set", "house1", "up"],
        ):
            subprocess.run(command, check=True, timeout=20)
        yield ["ip", "netns", "exec", name]
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True, timeout=20)


def test_a_till_that_comes_over_no_usb_interface_is_closed(tmp_path, simulator, store, house):
    more = {name: lines.replace("127.0.0.1", HOUSE) for name, lines in store.settings.items()}
    terminal = Terminal(tmp_path / "device", simulator, more=more)
    with contextlib.closing(terminal):
        terminal.start(*house)
        command = [*house, sys.executable, "-c", COMING_IN, HOUSE, str(store.till_port)]
        came = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert came.stdout == "closed\n"
        assert "house0 is no USB network" in terminal.log()


def test_a_port_waits_for_a_usb_cable_that_is_not_plugged_in_yet(tmp_path, simulator, store):
    more = {name: lines.replace("127.0.0.1", HOUSE) for name, lines in store.settings.items()}
    with (
        open_shop(tmp_path / "device", simulator, more=more) as terminal,
        Rpc(terminal.socket_path) as till,
    ):
        assert till.greeting["api"] == [1, 0]


# Roles.


@pytest.mark.parametrize(
    "method", ["payment.start", "payment.cancel", "refund.start", "scanner.read", "queue.flush"]
)
def test_an_engineer_cannot_sell(engineer, method):
    told = engineer.refused(method)
    assert (told["code"], told["changed"]) == ("not_allowed", "no")
    assert "engineer" in told["message"]


def test_an_engineer_sees_what_is_needed_to_resolve(engineer, till):
    key = new_key()
    till.ask("payment.cancel", key=key)
    assert engineer.ask("payment.get", key=key)["state"] == "failed"
    assert engineer.ask("payment.explain", key=key)
    assert engineer.ask("queue.list")["entries"] == []
    assert engineer.ask("device.info")["terminal"] == "7"
    assert engineer.ask("device.health")["owed"] == 0


@pytest.mark.parametrize("where", ["unix", "tcp"])
def test_a_till_resolves_nothing(terminal, till, where):
    with contextlib.ExitStack() as held:
        asks = till if where == "tcp" else held.enter_context(Rpc(terminal.socket_path))
        told = asks.refused("queue.resolve", key=new_key(), name="Eve", reason="because")
    assert told["code"] == "not_allowed"


def test_each_port_is_for_its_own_kind_of_certificate(terminal, store):
    for port, who in ((store.engineer_port, store.till), (store.till_port, store.engineer)):
        with Rpc(store.connect(port, who), hello=False) as rpc:
            told = rpc.refused("hello", client="x", api=[1, 0])
        assert told["code"] == "not_allowed"
        assert "port" in told["message"]


def test_a_certificate_that_names_no_role_has_the_ports(store, terminal):
    plain = certificates.issue(store.ca, ["somebody"], client=True)
    with Rpc(store.connect(store.engineer_port, plain)) as engineer:
        assert engineer.refused("payment.start")["code"] == "not_allowed"
        by = {"name": "Ada", "reason": "none"}
        assert engineer.refused("queue.resolve", key=new_key(), **by)["code"] == "not_found"
    with Rpc(store.connect(store.till_port, plain)) as till:
        assert till.refused("queue.resolve", key=new_key())["code"] == "not_allowed"
        assert "payments" in till.ask("payment.list")


def test_resolving_what_is_not_owed_changes_nothing(engineer, till):
    key = new_key()
    by = {"name": "Ada", "reason": "paid back in cash"}
    assert engineer.refused("queue.resolve", key=key, **by)["code"] == "not_found"
    closed = till.ask("payment.cancel", key=key)
    assert engineer.ask("queue.resolve", key=key, **by) == closed


# Our own certificate.


@pytest.mark.parametrize(("valid_for_s", "word"), [(5 * 86400, "days"), (-60, "expired")])
def test_the_end_of_our_certificate_is_said_and_blocks_no_payment(
    tmp_path, simulator, valid_for_s, word
):
    own = Store(tmp_path)
    ending = certificates.issue(own.ca, ["127.0.0.1"], valid_for_s=valid_for_s)
    own.cert_file.write_bytes(
        Path(ending.cert_file).read_bytes() + Path(ending.key_file).read_bytes()
    )
    with (
        open_shop(tmp_path / "device", simulator, more=own.settings) as terminal,
        Rpc(terminal.socket_path) as till,
    ):
        (degraded,) = till.greeting["degraded"]
        assert degraded["code"] == "tcp_certificate"
        assert word in degraded["message"]
        assert till.greeting["blocks"] == []
