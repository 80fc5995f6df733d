"""The same calls from the real MicroPython interpreter, against TLS servers of CPython.

The interpreter is the command in MICROPYTHON, or what `tools/test` installs.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tilld_testkit.certificates import Identity, issue, make_ca
from tilld_testkit.tls_peer import Conversation, TlsPeer, echo

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".venv" / "micropython" / "micropython"
PATIENCE_S = 30

# One line a call: what came, or the error's type, reason and `sent`.
PROGRAM = """
import sys
import tilld_urequests

ca_file, url, timeout_s, times = sys.argv[1:5]
identity = sys.argv[5:7] or [None, None]
session = tilld_urequests.Session(ca_file, identity[0], identity[1], max_answer_bytes=4096)
for _ in range(int(times)):
    try:
        response = session.request("POST", url, data="x" * 1500, headers={"Signature": "a"},
                                   timeout_s=float(timeout_s))
        print(response.status_code, len(response.content), response.text[-5:])
    except tilld_urequests.RequestError as error:
        print(type(error).__name__, error.reason, error.sent)
session.close()
"""


@pytest.fixture(scope="module")
def interpreter() -> str:
    command = os.environ.get("MICROPYTHON") or str(INSTALLED)
    if not Path(command).exists():
        pytest.fail(
            f"no MicroPython at {command}: name it in MICROPYTHON, or let tools/test install"
        )
    return command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def ca(folder: Path) -> Identity:
    return make_ca(folder)


@pytest.fixture(scope="module")
def identity(ca: Identity) -> Identity:
    return issue(ca, ["localhost", "127.0.0.1"])


def calls(
    interpreter: str,
    ca: Identity,
    url: str,
    times: int = 1,
    timeout_s: float = 10.0,
    own: "Identity | None" = None,
) -> list[str]:
    """The lines that PROGRAM printed."""
    program = ca.folder / "calls.py"
    program.write_text(PROGRAM)
    files = [own.cert_file, own.key_file] if own else []
    done = subprocess.run(
        [interpreter, str(program), ca.cert_file, url, str(timeout_s), str(times), *files],
        env={"MICROPYPATH": f".frozen:{ROOT / 'firmware'}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("tls12", [False, True])
def test_posts_go_over_one_connection_in_one_send_each(
    tls12: bool, interpreter: str, ca: Identity, identity: Identity
) -> None:
    with TlsPeer(identity, tls12=tls12) as peer:
        assert calls(interpreter, ca, peer.url, times=3) == ["200 1500 xxxxx"] * 3
    assert [request.records for request in peer.requests] == [1, 1, 1]
    assert peer.requests[0].headers == {
        "host": f"127.0.0.1:{peer.port}",
        "user-agent": "tilld",
        "content-length": "1500",
        "signature": "a",
    }
    assert peer.connections == 1


def test_our_own_certificate_is_shown(interpreter: str, ca: Identity, identity: Identity) -> None:
    device = issue(ca, ["device"], client=True)
    with TlsPeer(identity, client_ca=ca) as peer:
        assert calls(interpreter, ca, peer.url, own=device) == ["200 1500 xxxxx"]


def test_what_is_not_trusted_gets_not_one_byte(
    interpreter: str, folder: Path, ca: Identity
) -> None:
    untrusted = {
        "foreign": issue(make_ca(folder, "foreign CA"), ["127.0.0.1"]),
        "expired": issue(ca, ["127.0.0.1"], valid_for_s=-60),
        "another name": issue(ca, ["elsewhere.test"]),
    }
    for name, identity in untrusted.items():
        with TlsPeer(identity) as peer:
            assert (name, calls(interpreter, ca, peer.url)) == (name, ["NotSent tls False"])
        assert (name, peer.shaken, peer.application_bytes) == (name, 0, 0)


def test_a_peer_that_speaks_no_tls_gets_not_one_byte(
    interpreter: str, ca: Identity, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.hello()
        conversation.say_plain(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        conversation.hello()

    with TlsPeer(identity, script, secure=False) as peer:
        assert calls(interpreter, ca, peer.url) == ["NotSent tls False"]
    assert b"POST" not in peer.raw


def test_a_silent_handshake_ends_with_the_deadline(
    interpreter: str, ca: Identity, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        while conversation.hello():
            pass

    with TlsPeer(identity, script, secure=False) as peer:
        assert calls(interpreter, ca, peer.url, timeout_s=0.3) == ["NotSent timeout False"]


HOARDING = """
import sys
from tilld_urequests import NotSent, Session
session = Session(sys.argv[1])
hoard = []
try:
    while True:
        hoard.append(open(sys.argv[1]))
except OSError:
    pass
try:
    session.request("POST", "https://127.0.0.1:9", b"x", timeout_s=5)
except NotSent as error:
    print(error.reason)
"""


def test_without_a_socket_nothing_was_sent(interpreter: str, ca: Identity) -> None:
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 16; exec "$0" -c "$1" "$2"', interpreter, HOARDING, ca.cert_file],
        env={"MICROPYPATH": f".frozen:{ROOT / 'firmware'}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.stdout, done.stderr) == ("unreachable\n", "")


def test_a_closed_port_is_not_sent(interpreter: str, ca: Identity, identity: Identity) -> None:
    with TlsPeer(identity) as peer:
        url = peer.url
    assert calls(interpreter, ca, url) == ["NotSent refused False"]


def test_dripping_bytes_do_not_stretch_the_deadline(
    interpreter: str, ca: Identity, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.drip(b"HTTP/1.1 200 OK\r\nA: bb")

    with TlsPeer(identity, script) as peer:
        assert calls(interpreter, ca, peer.url, timeout_s=0.5) == ["AnswerLost timeout True"]
    assert len(peer.requests) == 1


HEAD = b"HTTP/1.1 200 OK\r\n"
ANSWERS = {
    "whole": (HEAD + b"Content-Length: 5\r\n\r\nhello", "200 5 hello"),
    "chunked": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "200 5 hello",
    ),
    "nothing": (b"", "AnswerLost closed True"),
    "short": (HEAD + b"Content-Length: 50\r\n\r\nhello", "AnswerLost truncated True"),
    "short chunk": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n50\r\nhello",
        "AnswerLost truncated True",
    ),
    "too large": (HEAD + b"Content-Length: 5000\r\n\r\n", "AnswerLost too_large True"),
    "garbage": (bytes(range(128, 256)) + b"\r\n\r\n", "AnswerLost malformed True"),
    "redirect": (
        b"HTTP/1.1 307 There\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        "AnswerLost redirect True",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_reads_as_on_cpython(
    name: str, interpreter: str, ca: Identity, identity: Identity
) -> None:
    text, line = ANSWERS[name]

    def script(conversation: Conversation) -> None:
        conversation.request()
        if text:
            conversation.say(text)
        conversation.hang_up()

    with TlsPeer(identity, script) as peer:
        assert calls(interpreter, ca, peer.url) == [line]
    assert len(peer.requests) == 1


def test_a_connection_that_went_stale_is_replaced_silently(
    interpreter: str, ca: Identity, identity: Identity
) -> None:
    # The goodbye is in the same segment as the answer, so it is there when the second call looks.
    def script(conversation: Conversation) -> None:
        if conversation.number > 1:
            echo(conversation)
        conversation.request()
        conversation.answer_and_leave(b"first")

    with TlsPeer(identity, script) as peer:
        assert calls(interpreter, ca, peer.url, times=2) == ["200 5 first", "200 1500 xxxxx"]
    assert (peer.connections, len(peer.requests)) == (2, 2)


@pytest.mark.parametrize("content", [None, "", "not PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_ca_file_that_cannot_be_used_is_named(
    content: "str | None", interpreter: str, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    program = f"import tilld_urequests\ntilld_urequests.Session({str(file)!r})"
    done = subprocess.run(
        [interpreter, "-c", program],
        env={"MICROPYPATH": f".frozen:{ROOT / 'firmware'}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    assert f"ValueError: ca_file {file}: " in done.stderr
