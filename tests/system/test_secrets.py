"""No payment code, key or token leaves the terminal's memory by any way but the wire (I31)."""

import json

import pytest

from tilld_client import CallError
from tilld_testkit.listener import listening
from tilld_testkit.shop import Terminal, new_key, sell, settled

TOKEN = "canary-agent-token-7f3a9c"
DECLINED = {"api": "pay", "fault": "result", "code": "RISK_REJECT", "status": "F"}


@pytest.fixture
def terminal(tmp_path, simulator):
    token = tmp_path / "agent_token"
    token.write_text(TOKEN + "\n")
    more = {"upstream": f'agent_token_file = "{token}"'}
    terminal = Terminal(tmp_path / "device", simulator, 0.05, more, scanner=True, printer=True)
    yield terminal
    terminal.close()


def test_codes_keys_and_tokens_are_in_no_log_answer_event_or_flash(terminal, simulator):
    terminal.start()
    codes, told = [], []

    def code():
        codes.append(simulator.fresh_code())
        return codes[-1]

    with terminal.till() as till, listening(terminal.socket_path) as listener:
        key = new_key()
        told.append(till.start(key, "scanned", "EUR", 100))
        terminal.scanner.send(f"{code()}\r\n{codes[-1]}\r\n".encode())
        told.append(till.acknowledge(till.wait({"key": key})))
        told.append(till.print_receipt(new_key(), told[-1]))
        for fault in (
            DECLINED,
            {"api": "pay", "fault": "unsigned"},
            {"api": "pay", "fault": "garbage answer"},
            {"api": "pay", "fault": "cut in the answer"},
        ):
            simulator.set_faults({"times": 1, **fault})
            told.append(till.wait(till.start(new_key(), new_key(), "EUR", 1, code=code())))
            told.append(till.call("payment.explain", key=told[-1]["key"]))
        simulator.set_faults()
        told.append(settled(till, till.cancel(told[-2]["key"])))
        for wrong in (code() + "12345678901234567890", "99" + codes[-1], codes[0]):
            codes.append(wrong)
            with pytest.raises(CallError) as refused:
                till.start(new_key(), new_key(), "EUR", 1, code=wrong)
            told.append(str(refused.value))
        terminal.scanner.send(f"{code()}\r\n".encode())  # nobody waits for it
        for method in ("hello", "device.info", "device.health", "payment.list", "queue.list"):
            given = {"client": "test", "api": [1, 0]} if method == "hello" else {}
            told.append(till.call(method, **given))
        sell(till, simulator)
        told.append(listener.heard)
    terminal.kill()
    seen = {
        "answers and events": json.dumps(told, ensure_ascii=False, default=str).encode(),
        "log": terminal.log().encode(),
        "paper": "\n".join(terminal.paper.lines).encode(),
    }
    for path in (terminal.folder / "state").rglob("*"):
        if path.is_file():
            seen[path.name] = path.read_bytes()
    assert "journal" in seen
    key_lines = (simulator.home / "merchant_key.pem").read_text().splitlines()[1:-1]
    secrets = [*codes, TOKEN, *key_lines]
    found = [
        (where, secret)
        for where, text in seen.items()
        for secret in secrets
        if secret.encode() in text
    ]
    assert found == []


@pytest.mark.parametrize("check", [["--check"], []], ids=["asked", "at run time"])
def test_an_authority_that_is_none_is_named_with_its_line(terminal, simulator, tmp_path, check):
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate\n")
    text = terminal.settings_path.read_text()
    terminal.settings_path.write_text(text.replace(f"{simulator.home}/ca.pem", str(broken)))
    terminal.start_unheard(*check)
    assert terminal.process.wait(20) == 2
    lines = terminal.settings_path.read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if "ca_file" in line)
    assert f"tilld.toml:{number}: [upstream] ca_file: " in terminal.log()
    assert "Traceback" not in terminal.log()


def test_a_key_that_can_not_be_read_is_named_and_not_shown(terminal, simulator, tmp_path):
    pem = (simulator.home / "merchant_key.pem").read_text()
    broken = tmp_path / "broken.pem"
    broken.write_text(pem.replace("\n", "\nx", 3))
    text = terminal.settings_path.read_text()
    terminal.settings_path.write_text(
        text.replace(str(simulator.home / "merchant_key.pem"), str(broken))
    )
    terminal.start_unheard()
    assert terminal.process.wait(20) == 2
    lines = terminal.settings_path.read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if "merchant_key_file" in line)
    assert f"tilld.toml:{number}: [upstream] merchant_key_file: " in terminal.log()
    assert not [line for line in pem.splitlines()[1:-1] if line in terminal.log()]
