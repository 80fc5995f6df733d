"""The process: what it prints, keeps, survives and refuses."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from antomsim.settings import Settings
from tilld_testkit.antomsim_process import TOOLS, Merchant, merchant_of, result_code, running
from tilld_testkit.notify_receiver import AGAIN, receiving

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 20.0


def run(*options: str) -> subprocess.CompletedProcess[str]:
    """An antomsim that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "antomsim", *options],
        env=os.environ | {"PYTHONPATH": str(TOOLS)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_the_home_holds_what_a_merchant_needs(tmp_path: Path) -> None:
    with running(tmp_path / "deep" / "home") as simulator:
        home = simulator.home
        assert simulator.url == f"https://127.0.0.1:{simulator.port}"
        pem = (home / "merchant_key.pem").read_bytes()
        assert pem.startswith(b"-----BEGIN PRIVATE KEY-----")
        serialization.load_pem_public_key((home / "antom_public.pem").read_bytes())
        assert (home / "client_id").read_text().startswith("SANDBOX_")
        assert "CERTIFICATE" in (home / "ca.pem").read_text()
        secret = [home / name for name in ("merchant_key.pem", "antom_key.pem", "ca_key.pem")]
        assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


def test_a_merchant_may_bring_his_own_key_and_client_id(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home):
        key = (home / "merchant_key.pem").read_bytes()
    other = tmp_path / "other"
    other.mkdir()
    (other / "merchant_key.pem").write_bytes(key)
    (other / "client_id").write_text("5Y0000000000000001")
    with running(other) as simulator, merchant_of(simulator) as merchant:
        assert merchant.client_id == "5Y0000000000000001"
        assert result_code(merchant.pay()[1]) == "SUCCESS"
    assert (other / "merchant_key.pem").read_bytes() == key


def test_kill_9_keeps_the_ledger_and_everything_else(tmp_path: Path) -> None:
    with receiving() as receiver, running(tmp_path) as simulator:
        receiver.answer(AGAIN)
        with merchant_of(simulator) as merchant:
            paid, answer = merchant.pay(paymentNotifyUrl=receiver.url)
            receiver.next()
            waiting = merchant.order(simulator.fresh_code("?wallet=pin"))
            merchant.call("pay", waiting)
            refunded, other = merchant.pay()
            merchant.refund(other["paymentId"], "R-1", 300)
            code = simulator.fresh_code()
            simulator.set_faults({"api": "cancel", "fault": "rate limit", "times": 2})
            merchant.cancel(paid)
            simulator.control("POST", "/_sim/clock", {"advance_s": 60})
            before = simulator.control("GET", "/_sim/payments")
            log = simulator.control("GET", "/_sim/log")
        simulator.kill()
        simulator.start()
        assert simulator.control("GET", "/_sim/payments") == before
        assert simulator.control("GET", "/_sim/log") == log
        assert simulator.control("GET", "/_sim/faults")[0]["times"] == 1
        assert simulator.control("GET", "/_sim/clock")["ahead_s"] == 60
        assert [simulator.owed(one) for one in (paid, refunded)] == [1000, 700]
        with merchant_of(simulator) as merchant:
            assert merchant.inquire(paid)["paymentId"] == answer["paymentId"]
            assert result_code(merchant.call("pay", merchant.order(code))) == "SUCCESS"
            request_id = waiting["paymentRequestId"]
            simulator.control("POST", "/_sim/customer", {"action": "confirm"})
            assert merchant.inquire(request_id)["paymentStatus"] == "SUCCESS"
        simulator.control("POST", "/_sim/clock", {"advance_s": 121})
        assert receiver.next().body["paymentRequestId"] == paid


def test_what_was_answered_is_kept_whenever_the_kill_comes(tmp_path: Path) -> None:
    """The kill lands in the middle of a later payment: that one is whole or never was."""
    rounds = 4
    with running(tmp_path, "--set", "unknown_codes=pay") as simulator:
        answered: list[str] = []

        def sell(merchant: Merchant, first: str, enough: threading.Event) -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                for number in range(200):
                    body = merchant.order(f"28{first}{number:015d}")
                    assert result_code(merchant.call("pay", body)) == "SUCCESS"
                    answered.append(body["paymentRequestId"])
                    if number == 5:
                        enough.set()

        for turn in range(rounds):
            enough = threading.Event()
            with merchant_of(simulator) as merchant:
                seller = threading.Thread(target=sell, args=(merchant, str(turn), enough))
                seller.start()
                assert enough.wait(PATIENCE_S)
                simulator.kill()
                seller.join(PATIENCE_S)
            simulator.start()
        held = simulator.control("GET", "/_sim/payments")
    assert {one["debited"] for one in held} == {1000}
    assert len(answered) >= rounds * 6
    lost = set(answered) - {one["paymentRequestId"] for one in held}
    assert lost == set()
    assert len(held) - len(answered) <= rounds


def test_time_goes_on_while_it_is_down(tmp_path: Path) -> None:
    with running(tmp_path, "--set", "expiry_s=0.2") as simulator:
        with merchant_of(simulator) as merchant:
            body = merchant.order(simulator.fresh_code("?wallet=pin"))
            merchant.call("pay", body)
        simulator.kill()
        simulator.start()
        simulator.control("POST", "/_sim/clock", {"advance_s": 1})
        held = simulator.payment(body["paymentRequestId"])
        assert (held["status"], held["closed"]) == ("CANCELLED", True)


def test_sigterm_ends_it_cleanly_with_connections_open(tmp_path: Path) -> None:
    with running(tmp_path) as simulator, merchant_of(simulator) as merchant:
        merchant.pay()
        assert simulator.stop() == 0
        assert not (tmp_path / "control.sock").exists()


def test_the_readme_lists_the_settings_with_their_defaults() -> None:
    text = (TOOLS / "antomsim/README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", text.partition("## Settings")[2], re.M)
    shown = {name: default.strip(" `") for name, default in rows}

    def spelt(value: object) -> str:
        return f"{value:.0f}" if isinstance(value, float) else str(value)

    defaults = dataclasses.asdict(Settings())
    assert shown == {
        name: str(value).lower() if isinstance(value, bool) else spelt(value)
        for name, value in defaults.items()
    }


def test_two_in_one_home_are_refused(tmp_path: Path) -> None:
    with running(tmp_path):
        done = run("--listen", "127.0.0.1:0", "--home", str(tmp_path))
    assert done.returncode == 2
    assert "another antomsim runs" in done.stderr


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("nothing=1", "nothing"),
        ("expiry_s=soon", "soon"),
        ("expired_status=GONE", "GONE"),
        ("cancel_window=noon", "noon"),
        ("notify_failures=perhaps", "perhaps"),
        ("expiry_s=-1", "-1"),
        ("expiry_s=inf", "inf"),
    ],
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, option: str, word: str) -> None:
    done = run("--listen", "127.0.0.1:0", "--home", str(tmp_path), "--set", option)
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("--listen", f"127.0.0.1:{port}", "--home", str(tmp_path))
    assert done.returncode == 2
    assert "in use" in done.stderr


def test_it_can_listen_on_every_address(tmp_path: Path) -> None:
    with running(tmp_path, listen="0.0.0.0:0") as simulator:
        assert simulator.url == f"https://localhost:{simulator.port}"
        assert simulator.control("GET", "/_sim/payments") == []


def test_an_answer_is_one_send(tmp_path: Path) -> None:
    """One TLS record, so nothing waits for a delayed acknowledgement."""
    with running(tmp_path) as simulator, merchant_of(simulator) as merchant:
        merchant.pay()
        body = json.dumps(merchant.order(simulator.fresh_code())).encode()
        path = "/ams/api/v1/payments/pay"
        merchant.connection.request("POST", path, body, merchant.headers(path, body))
        sock = merchant.connection.sock
        assert sock is not None
        whole = sock.recv(65536)
        head, _, rest = whole.partition(b"\r\n\r\n")
        assert f"content-length: {len(rest)}".encode() in head
        assert json.loads(rest)["paymentRequestId"]
