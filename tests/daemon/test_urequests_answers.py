"""What a peer answers, from orderly to hostile, and what the caller is told of it."""

from collections.abc import Callable, Iterator

import pytest

from tilld_testkit.certificates import Identity, issue, make_ca
from tilld_testkit.tls_peer import Conversation, Script, TlsPeer
from tilld_urequests import AnswerLost, Session

PLENTY_S = 20.0
SOON_S = 0.4
CAP_BYTES = 4096


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_ca(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def identity(ca: Identity) -> Identity:
    return issue(ca, ["localhost", "127.0.0.1"])


@pytest.fixture
def session(ca: Identity) -> Iterator[Session]:
    with Session(ca.cert_file, max_answer_bytes=CAP_BYTES) as session:
        yield session


Ending = Callable[[Conversation], None]


def saying(text: bytes, ending: Ending = Conversation.stay_silent) -> Script:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.say(text)
        ending(conversation)

    return script


def chunked(text: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + text


def sized(length: bytes, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n" + body


GOOD = {
    "Content-Length": (sized(b"5", b"hello"), b"hello"),
    "no body": (sized(b"0"), b""),
    "no reason and no space": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "one chunk": (chunked(b"5\r\nhello\r\n0\r\n\r\n"), b"hello"),
    "chunks, extensions, trailers": (
        chunked(b"3;a=b\r\nhel\r\n02 \r\nlo\r\n0\r\nSignature: late\r\n\r\n"),
        b"hello",
    ),
    "chunks that hold CRLF": (chunked(b"4\r\n\r\n\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n"), None),
    "after interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
        + sized(b"5", b"hello"),
        b"hello",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_whole_answer_is_handed_over(name: str, session: Session, identity: Identity) -> None:
    text, body = GOOD[name]
    with TlsPeer(identity, saying(text)) as peer:
        response = session.request("POST", peer.url, b"x", timeout_s=PLENTY_S)
    assert response.status_code == 200
    assert response.content == (b"\r\n\r\n0123456789" if body is None else body)
    assert "signature" not in response.headers


def test_an_answer_without_length_lasts_until_an_orderly_end(
    session: Session, identity: Identity
) -> None:
    text = b"HTTP/1.0 200 OK\r\n\r\nhello"
    with TlsPeer(identity, saying(text, Conversation.leave)) as peer:
        response = session.request("GET", peer.url, timeout_s=PLENTY_S)
    assert response.content == b"hello"


def test_a_whole_answer_counts_although_the_peer_hangs_up_rudely(
    session: Session, identity: Identity
) -> None:
    with TlsPeer(identity, saying(sized(b"5", b"hello"), Conversation.hang_up)) as peer:
        response = session.request("GET", peer.url, timeout_s=PLENTY_S)
    assert response.content == b"hello"


def test_an_answer_in_single_bytes_is_the_same_answer(session: Session, identity: Identity) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        for byte in chunked(b"5\r\nhello\r\n0\r\n\r\n"):
            conversation.say(bytes((byte,)))
        conversation.stay_silent()

    with TlsPeer(identity, script) as peer:
        response = session.request("GET", peer.url, timeout_s=PLENTY_S)
    assert response.content == b"hello"


@pytest.mark.parametrize(("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content")])
def test_some_answers_have_no_body_whatever_they_say(
    method: str, status: str, session: Session, identity: Identity
) -> None:
    text = f"HTTP/1.1 {status}\r\nContent-Length: 500\r\n\r\n".encode()
    with TlsPeer(identity, saying(text)) as peer:
        response = session.request(method, peer.url, timeout_s=PLENTY_S)
    assert response.content == b""


def test_a_response_reads_as_urequests_has_it(session: Session, identity: Identity) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        body = '{"amount": "€"}'.encode()
        headers = "Signature: a=b, c\r\nX-Twice: 1\r\nx-twice: 2\r\n"
        conversation.answer(body, "503 Service Unavailable", headers)

    with TlsPeer(identity, script) as peer:
        response = session.request("GET", peer.url, timeout_s=PLENTY_S)
    assert response.status_code == 503
    assert response.reason == "Service Unavailable"
    assert response.headers["signature"] == "a=b, c"
    assert response.headers["x-twice"] == "1, 2"
    assert response.text == '{"amount": "€"}'
    assert response.json() == {"amount": "€"}
    assert response.content == response.text.encode()
    response.close()
    assert response.json() == {"amount": "€"}


def test_a_body_that_is_no_json_is_a_value_error(session: Session, identity: Identity) -> None:
    with TlsPeer(identity, saying(sized(b"2", b"\xff{"))) as peer:
        response = session.request("GET", peer.url, timeout_s=PLENTY_S)
    with pytest.raises(ValueError, match="decode"):
        response.json()


BAD = {
    "cut head": (b"HTTP/1.1 200 OK\r\nContent-Le", "truncated"),
    "cut Content-Length": (sized(b"10", b"hello"), "truncated"),
    "cut in a chunk": (chunked(b"A\r\nhello"), "truncated"),
    "cut after a chunk": (chunked(b"5\r\nhello\r\n"), "truncated"),
    "cut in a chunk's length": (chunked(b"5"), "truncated"),
    "cut in the trailers": (chunked(b"0\r\nA: b\r\n"), "truncated"),
    "not HTTP": (b"220 mail.test ESMTP\r\n\r\n", "malformed"),
    "binary": (bytes(range(128, 256)) + b"\r\n\r\n", "malformed"),
    "HTTP/2": (b"HTTP/2 200\r\n\r\n", "malformed"),
    "no status": (b"HTTP/1.1 OK\r\n\r\n", "malformed"),
    "status of letters": (b"HTTP/1.1 2x0 OK\r\n\r\n", "malformed"),
    "status of four digits": (b"HTTP/1.1 2000\r\n\r\n", "malformed"),
    "status 099": (b"HTTP/1.1 099 No\r\n\r\n", "malformed"),
    "protocol change": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "malformed"),
    "interim for ever": (b"HTTP/1.1 100 Continue\r\n\r\n" * 20, "malformed"),
    "header without colon": (b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "malformed"),
    "header without name": (b"HTTP/1.1 200 OK\r\n: x\r\n\r\n", "malformed"),
    "folded header": (b"HTTP/1.1 200 OK\r\nA: b\r\n c: d\r\n\r\n", "malformed"),
    "bare line feed": (b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n", "malformed"),
    "negative length": (sized(b"-5", b"hello"), "malformed"),
    "signed length": (sized(b"+5", b"hello"), "malformed"),
    "underlined length": (sized(b"1_0", b"hellohello"), "malformed"),
    "empty length": (sized(b"", b"hello"), "malformed"),
    "two lengths": (sized(b"5\r\nContent-Length: 6", b"hello!"), "malformed"),
    "length and chunks": (chunked(b"").replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
                          "malformed"),
    "unknown coding": (chunked(b"").replace(b"chunked", b"gzip, chunked"), "malformed"),
    "negative chunk": (chunked(b"-5\r\nhello\r\n0\r\n\r\n"), "malformed"),
    "prefixed chunk": (chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), "malformed"),
    "empty chunk line": (chunked(b"\r\nhello\r\n0\r\n\r\n"), "malformed"),
    "chunk longer than said": (chunked(b"3\r\nhello\r\n0\r\n\r\n"), "malformed"),
    "chunk without its end": (chunked(b"5\r\nhello--0\r\n\r\n"), "malformed"),
    "endless chunk line": (chunked(b"5;" + b"x" * 1000), "malformed"),
    "announced too large": (sized(b"5000"), "too_large"),
    "announced enormous": (sized(b"9" * 16), "too_large"),
    "chunk too large": (chunked(b"FFFFFFFF\r\n"), "too_large"),
    "sent too large": (sized(b"4090", b"x" * 4090), "too_large"),
    "without length too large": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, "too_large"),
    "head too large": (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 5000, "too_large"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("ending", ["leave", "hang_up"])
def test_an_answer_that_is_none_is_lost_with_a_reason_and_not_asked_for_again(
    name: str, ending: str, session: Session, identity: Identity
) -> None:
    text, reason = BAD[name]
    script = saying(text, getattr(Conversation, ending))
    with TlsPeer(identity, script) as peer, pytest.raises(AnswerLost) as lost:
        session.request("POST", peer.url, b"once", timeout_s=PLENTY_S)
    assert lost.value.reason == reason
    assert lost.value.sent is True
    assert [request.body for request in peer.requests] == [b"once"]
    assert peer.connections == 1


ENDINGS = {
    "an end in order": (Conversation.leave, "closed"),
    "an end without TLS": (Conversation.hang_up, "closed"),
    "a reset": (Conversation.reset, "closed"),
    "silence": (Conversation.stay_silent, "timeout"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_no_answer_is_lost_and_the_body_went_once(
    name: str, session: Session, identity: Identity
) -> None:
    ending, reason = ENDINGS[name]
    with TlsPeer(identity, saying(b"", ending)) as peer, pytest.raises(AnswerLost) as lost:
        session.request("POST", peer.url, b"once", timeout_s=2.0)
    assert lost.value.reason == reason
    assert lost.value.sent is True
    assert [request.body for request in peer.requests] == [b"once"]
    assert peer.connections == 1


def test_an_answer_without_length_that_ends_without_tls_is_truncated(
    session: Session, identity: Identity
) -> None:
    text = b"HTTP/1.1 200 OK\r\n\r\nhello"
    script = saying(text, Conversation.hang_up)
    with TlsPeer(identity, script) as peer, pytest.raises(AnswerLost) as lost:
        session.request("GET", peer.url, timeout_s=PLENTY_S)
    assert lost.value.reason == "truncated"


DRIPS = {
    "a head": b"HTTP/1.1 200 OK\r\nA: bb",
    "a body": sized(b"4000", b"xx"),
    "chunks": chunked(b"FFF\r\nxx"),
}


@pytest.mark.parametrize("name", DRIPS)
def test_dripping_bytes_do_not_stretch_the_deadline(
    name: str, session: Session, identity: Identity
) -> None:
    # The peer stops after 10 s: a timeout for each operation would see a truncated answer.
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.drip(DRIPS[name])

    with TlsPeer(identity, script) as peer, pytest.raises(AnswerLost) as lost:
        session.request("POST", peer.url, b"once", timeout_s=SOON_S)
    assert lost.value.reason == "timeout"
    assert [request.body for request in peer.requests] == [b"once"]


def test_dripping_a_single_tls_record_does_not_stretch_the_deadline_either(
    session: Session, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.say_plain(b"\x17\x03\x03\x40\x00")
        conversation.drip(b"x", conversation.say_plain)

    with TlsPeer(identity, script) as peer, pytest.raises(AnswerLost) as lost:
        session.request("POST", peer.url, b"once", timeout_s=SOON_S)
    assert lost.value.reason == "timeout"


def test_a_peer_that_does_not_read_ends_the_call_with_its_deadline(
    session: Session, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        assert conversation.stopped.wait(PLENTY_S)

    with TlsPeer(identity, script) as peer, pytest.raises(AnswerLost) as lost:
        session.request("POST", peer.url, b"x" * 30_000_000, timeout_s=1.0)
    assert lost.value.reason == "timeout"
    assert peer.requests == []


@pytest.mark.parametrize("text", [b"HTTP/1.1 200 OK\r\n\r\n", chunked(b"")])
def test_an_answer_without_end_is_cut_at_the_cap(
    text: bytes, session: Session, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.say(text)
        while not conversation.stopped.is_set():
            conversation.say(b"100\r\n" + b"x" * 256 + b"\r\n")

    with TlsPeer(identity, script) as peer, pytest.raises(AnswerLost) as lost:
        session.request("GET", peer.url, timeout_s=PLENTY_S)
    assert lost.value.reason == "too_large"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_an_error_and_nothing_follows_it(
    status: str, session: Session, identity: Identity
) -> None:
    with TlsPeer(identity) as elsewhere:

        def script(conversation: Conversation) -> None:
            conversation.request()
            conversation.answer(b"moved", status, f"Location: {elsewhere.url}/there\r\n")
            conversation.request()

        with TlsPeer(identity, script) as peer, pytest.raises(AnswerLost) as lost:
            session.request("POST", peer.url, b"once", timeout_s=PLENTY_S)
    assert lost.value.reason == "redirect"
    assert [request.body for request in peer.requests] == [b"once"]
    assert elsewhere.connections == 0


def test_bytes_that_break_tls_are_no_answer(session: Session, identity: Identity) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.say_plain(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with TlsPeer(identity, script) as peer, pytest.raises(AnswerLost) as lost:
        session.request("GET", peer.url, timeout_s=PLENTY_S)
    assert lost.value.reason == "tls"
