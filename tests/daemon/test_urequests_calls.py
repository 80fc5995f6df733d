"""What leaves for the wire in one call: checked, whole, once, in one piece."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

import tilld_urequests
from tilld_testkit.certificates import Identity, issue, make_ca
from tilld_testkit.tls_peer import Conversation, TlsPeer
from tilld_urequests import NotSent, Session

PLENTY_S = 20.0


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_ca(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def identity(ca: Identity) -> Identity:
    return issue(ca, ["localhost", "127.0.0.1"])


@pytest.fixture
def session(ca: Identity) -> Iterator[Session]:
    with Session(ca.cert_file) as session:
        yield session


def test_a_post_is_one_request_in_one_send(session: Session, identity: Identity) -> None:
    body = b"{" + b"x" * 1500 + b"}"
    headers = {"Signature": "algorithm=RSA256, signature=" + "A" * 350, "Client-Id": "C1"}
    with TlsPeer(identity) as peer:
        for _ in range(3):
            session.request("POST", peer.url + "/ams/api/v1/payments/pay", body, headers=headers)
    assert [request.records for request in peer.requests] == [1, 1, 1]
    assert [request.body for request in peer.requests] == [body] * 3
    assert peer.connections == 1


def test_the_largest_request_of_one_tls_record_is_still_one_send(
    session: Session, identity: Identity
) -> None:
    with TlsPeer(identity) as peer:
        session.request("POST", peer.url, b"x" * 16000)
        session.request("POST", peer.url, b"x" * 100_000)
    assert [request.records for request in peer.requests] == [1, 7]
    assert [len(request.body) for request in peer.requests] == [16000, 100_000]


def test_the_request_on_the_wire_is_what_was_asked_for(
    session: Session, identity: Identity
) -> None:
    with TlsPeer(identity) as peer:
        url = peer.url + "/a/b?c=d%20e&f=/g"
        session.request("POST", url, json={"a": ["€", 1]}, headers={"Client-Id": "C 1"})
    request = peer.requests[0]
    assert request.line == "POST /a/b?c=d%20e&f=/g HTTP/1.1"
    assert request.headers == {
        "host": f"127.0.0.1:{peer.port}",
        "user-agent": "tilld",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "client-id": "C 1",
    }
    assert len(request.names) == len(set(request.names))
    assert request.body == b'{"a": ["\\u20ac", 1]}'


ROOTS = {"": "GET / HTTP/1.1", "/": "GET / HTTP/1.1", "?a=b": "GET /?a=b HTTP/1.1"}


@pytest.mark.parametrize("ending", ROOTS)
def test_a_url_without_a_path_asks_for_the_root(
    ending: str, session: Session, identity: Identity
) -> None:
    with TlsPeer(identity) as peer:
        session.request("GET", peer.url + ending)
    assert peer.requests[0].line == ROOTS[ending]
    assert "content-length" not in peer.requests[0].headers


@pytest.mark.parametrize("data", [None, b"", ""])
def test_an_empty_post_says_that_it_is_empty(
    data: "bytes | str | None", session: Session, identity: Identity
) -> None:
    with TlsPeer(identity) as peer:
        session.request("POST", peer.url, data)
    assert peer.requests[0].headers["content-length"] == "0"


def test_bytes_and_text_are_sent_as_they_are(session: Session, identity: Identity) -> None:
    headers = {"content-type": "text/x-mine", "User-Agent": "mine"}
    with TlsPeer(identity) as peer:
        session.request("PUT", peer.url, "zwölf", headers=headers)
        session.request("PUT", peer.url, bytearray(b"\0\xff"), headers=headers)
    assert [request.body for request in peer.requests] == ["zwölf".encode(), b"\0\xff"]
    assert peer.requests[0].headers["content-type"] == "text/x-mine"
    assert peer.requests[0].headers["user-agent"] == "mine"


BAD = {
    "CR in a header": ("GET", "", None, None, {"A": "b\rc"}),
    "LF in a header": ("GET", "", None, None, {"A": "b\nEvil: yes"}),
    "CRLF in a header's name": ("GET", "", None, None, {"A\r\nEvil": "b"}),
    "colon in a header's name": ("GET", "", None, None, {"A:": "b"}),
    "empty header name": ("GET", "", None, None, {"": "b"}),
    "NUL in a header": ("GET", "", None, None, {"A": "b\0"}),
    "non-ASCII header": ("GET", "", None, None, {"A": "ü"}),
    "header of bytes": ("GET", "", None, None, {"A": b"b"}),
    "header of a number": ("GET", "", None, None, {"A": 1}),
    "the same header twice": ("GET", "", None, None, {"A": "b", "a": "c"}),
    "a length of the caller's": ("POST", "", b"x", None, {"Content-Length": "0"}),
    "a coding of the caller's": ("POST", "", b"x", None, {"transfer-encoding": "chunked"}),
    "a host of the caller's": ("POST", "", b"x", None, {"Host": "elsewhere.test"}),
    "CRLF in the path": ("GET", "/a\r\nEvil: yes", None, None, None),
    "space in the path": ("GET", "/a b", None, None, None),
    "non-ASCII path": ("GET", "/ü", None, None, None),
    "fragment": ("GET", "/a#b", None, None, None),
    "CRLF in the method": ("GET / HTTP/1.1\r\nA: b\r\n\r\nGET", "", None, None, None),
    "empty method": ("", "", None, None, None),
    "data and json": ("POST", "", b"x", {}, None),
    "data of a dict": ("POST", "", {"a": "b"}, None, None),
    "json of bytes": ("POST", "", None, {"code": b"28763812345"}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_an_unusable_call_is_refused_before_anything_is_opened(
    name: str, session: Session, identity: Identity
) -> None:
    method, path, data, json, headers = BAD[name]
    with TlsPeer(identity) as peer, pytest.raises(NotSent) as refused:
        session.request(method, peer.url + path, data, json, headers)  # type: ignore[arg-type]
    assert refused.value.reason == "bad_request"
    assert refused.value.sent is False
    assert "2876" not in str(refused.value)
    assert peer.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://127.0.0.1/",
        "HTTPS://127.0.0.1/",
        "https://",
        "https:///path",
        "https://user:word@host/",
        "https://host:/",
        "https://host:0/",
        "https://host:65536/",
        "https://host:4_3/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[host]/",
        "https://ho\\st/",
        None,
    ],
)
def test_an_unusable_url_is_refused(url: str, session: Session) -> None:
    with pytest.raises(NotSent) as refused:
        session.request("GET", url)
    assert refused.value.reason == "bad_request"


def test_calls_of_two_threads_are_in_flight_together(session: Session, identity: Identity) -> None:
    both = threading.Barrier(2, timeout=PLENTY_S)

    def script(conversation: Conversation) -> None:
        while True:
            request = conversation.request()
            both.wait()
            conversation.answer(request.body)

    answers: dict[int, bytes] = {}

    def call(number: int, url: str) -> None:
        body = str(number).encode()
        answers[number] = session.request("POST", url, body, timeout_s=PLENTY_S).content

    with TlsPeer(identity, script) as peer:
        threads = [threading.Thread(target=call, args=(n, peer.url)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PLENTY_S)
        session.close()
    assert answers == {0: b"0", 1: b"1"}
    assert peer.connections == 2


def test_threads_that_share_a_session_get_their_own_answers(
    session: Session, identity: Identity
) -> None:
    wrong: list[bytes] = []

    def calls(number: int, url: str) -> None:
        for turn in range(10):
            body = f"{number}.{turn}".encode()
            answer = session.request("POST", url, body, timeout_s=PLENTY_S)
            if answer.content != body:
                wrong.append(answer.content)

    with TlsPeer(identity) as peer:
        threads = [threading.Thread(target=calls, args=(n, peer.url)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PLENTY_S)
        session.close()
    assert wrong == []
    assert len(peer.requests) == len({request.body for request in peer.requests}) == 60


VERBS = ("get", "post", "put", "patch", "delete", "head")


@pytest.mark.parametrize("verb", VERBS)
def test_the_plain_functions_verify_with_the_system_s_authorities(
    verb: str, identity: Identity
) -> None:
    with TlsPeer(identity) as peer, pytest.raises(NotSent) as refused:
        getattr(tilld_urequests, verb)(peer.url, timeout_s=PLENTY_S)
    assert refused.value.reason == "tls"
    assert peer.shaken == 0


def test_the_plain_functions_work_and_bring_nothing_of_blinka(
    ca: Identity, identity: Identity
) -> None:
    program = (
        "import sys, tilld_urequests as u\n"
        "early = 'adafruit_requests' in sys.modules\n"
        f"print(*[getattr(u, verb)(sys.argv[1]).status_code for verb in {VERBS}])\n"
        "blinka = {'adafruit_blinka', 'board', 'busio', 'digitalio', 'microcontroller',"
        " 'micropython', 'adafruit_bus_device'}\n"
        "print(early, sorted(blinka & set(sys.modules)))\n"
    )
    path = {"PYTHONPATH": ":".join(sys.path), "SSL_CERT_FILE": ca.cert_file}
    with TlsPeer(identity) as peer:
        command = [sys.executable, "-c", program, peer.url]
        done = subprocess.run(command, env=path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "200 200 200 200 200 200\nFalse []\n", done.stderr
    methods = [request.line.split(" ")[0].lower() for request in peer.requests]
    assert methods == list(VERBS)
