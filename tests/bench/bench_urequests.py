"""`tilld_urequests`, warm, against the barest thing that could do its work.

The reference writes the same bytes to a plain `ssl.SSLSocket` and reads until the answer's length
is there: no parsing, no deadline, no look whether the connection lives. Both talk to one server in
another process, turn by turn, so that the machine's moods meet both.
"""

import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.bench import Row, median
from tilld_testkit.certificates import Identity, issue, make_ca
from tilld_testkit.tls_peer import Conversation, TlsPeer
from tilld_urequests import AnswerLost, Session

TURNS = 2000
WARMING = 200
FIGURE = 1.6
BODY = b"{" + b"x" * 1498 + b"}"
HEADERS = {
    "Content-Type": "application/json; charset=UTF-8",
    "Client-Id": "SANDBOX_5YBX792ZN0BT07890",
    "Request-Time": "2022-01-01T12:08:56+08:00",
    "Signature": "algorithm=RSA256,keyVersion=1,signature=" + "A" * 342,
}
PATH = "/ams/api/v1/payments/pay"
PATIENCE_S = 10.0

# Antom's answer to a pay has about this size and these headers (antom-api.md).
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nClient-Id: SANDBOX\r\n"
    b"Response-Time: 2022-01-01T12:08:56+08:00\r\nSignature: algorithm=RSA256,keyVersion=1,"
    b"signature=" + b"A" * 342 + b"\r\nContent-Length: 800\r\n\r\n" + b"x" * 800
)


def serve(cert_file: str, key_file: str) -> None:
    """The other process: answers each connection's requests until its client goes; one at a time
    is served by a thread of its own. Says its port on stdout."""
    import threading

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        plain, _ = listener.accept()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer_all, args=(context, plain), daemon=True).start()


def _answer_all(context: ssl.SSLContext, plain: socket.socket) -> None:
    plain.settimeout(PATIENCE_S)
    with context.wrap_socket(plain, server_side=True) as tls:
        held = b""
        while came := tls.recv(65536):
            held += came
            if held.endswith(BODY):
                tls.sendall(ANSWER)
                held = b""


class _Bare:
    """The reference: one keep-alive round trip over a plain SSLSocket."""

    def __init__(self, ca: Identity, port: int) -> None:
        lines = [f"POST {PATH} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(BODY)}"]
        lines += [f"{name}: {value}" for name, value in HEADERS.items()]
        self._request = ("\r\n".join(lines) + "\r\n\r\n").encode() + BODY
        context = ssl.create_default_context(cafile=ca.cert_file)
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tls = context.wrap_socket(plain, server_hostname="127.0.0.1")

    def round_trip(self) -> None:
        self._tls.sendall(self._request)
        left = len(ANSWER)
        while left:
            left -= len(self._tls.recv(65536))

    def close(self) -> None:
        self._tls.close()


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _ratio(ca: Identity, identity: Identity) -> Row:
    command = [sys.executable, "-m", "bench.bench_urequests", identity.cert_file, identity.key_file]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    ) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            bare = _Bare(ca, port)
            session = Session(ca.cert_file)
            url = f"https://127.0.0.1:{port}{PATH}"

            def ours() -> None:
                session.request("POST", url, BODY, headers=HEADERS, timeout_s=PATIENCE_S)

            ours_s: list[float] = []
            bare_s: list[float] = []
            for _ in range(WARMING + TURNS):
                ours_s.append(_seconds(ours))
                bare_s.append(_seconds(bare.round_trip))
            session.close()
            bare.close()
        finally:
            server.kill()
    ours_p50_s, bare_p50_s = median(ours_s[WARMING:]), median(bare_s[WARMING:])
    ratio = ours_p50_s / bare_p50_s
    return Row(
        "tilld_urequests, warm POST of 1.5 kB",
        f"raw TLS keep-alive round trip, p50 {bare_p50_s * 1e6:.0f} µs",
        f"p50 ≤ {FIGURE} x",
        f"{ratio:.2f} x ({ours_p50_s * 1e6:.0f} µs)",
        ratio <= FIGURE,
    )


def _sends(ca: Identity, identity: Identity) -> Row:
    """Counted by the server, which sees TLS records: one write of the client is one record."""
    calls = 50

    def script(conversation: Conversation) -> None:
        while True:
            conversation.request()
            conversation.say(ANSWER)

    with TlsPeer(identity, script) as peer, Session(ca.cert_file) as session:
        for _ in range(calls):
            session.request("POST", peer.url, BODY, headers=HEADERS, timeout_s=PATIENCE_S)
    sends = sum(request.records for request in peer.requests)
    good = (sends, len(peer.requests)) == (calls, calls)
    return Row(
        "send()s and POSTs of an answered call",
        "counted at the server",
        "exactly 1 and 1",
        f"{sends / calls:g} and {len(peer.requests) / calls:g}",
        good,
    )


def _posts_on_a_timeout(ca: Identity, identity: Identity) -> Row:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.stay_silent()

    lost = 0
    with TlsPeer(identity, script) as peer, Session(ca.cert_file) as session:
        try:
            session.request("POST", peer.url, BODY, headers=HEADERS, timeout_s=0.3)
        except AnswerLost:
            lost = 1
    sends = sum(request.records for request in peer.requests)
    return Row(
        "send()s and POSTs of a call without an answer",
        "counted at the server (stock library: 34 and 2)",
        "exactly 1 and 1",
        f"{sends} and {len(peer.requests)}",
        (lost, sends, len(peer.requests)) == (1, 1, 1),
    )


def run() -> list[Row]:
    """The rows of `tilld_urequests`; about two seconds."""
    with tempfile.TemporaryDirectory() as folder:
        ca = make_ca(Path(folder))
        identity = issue(ca, ["localhost", "127.0.0.1"])
        return [_ratio(ca, identity), _sends(ca, identity), _posts_on_a_timeout(ca, identity)]


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
