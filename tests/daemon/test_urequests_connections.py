"""Connections: whom they trust, when they are kept, and how they fail before a byte leaves."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tilld_testkit.certificates import Identity, issue, make_ca
from tilld_testkit.descriptors import exhausted
from tilld_testkit.tls_peer import Conversation, TlsPeer, echo
from tilld_urequests import AnswerLost, NotSent, RequestError, Session, _cpython

PLENTY_S = 20.0
SOON_S = 0.3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def ca(folder: Path) -> Identity:
    return make_ca(folder)


@pytest.fixture(scope="module")
def identity(ca: Identity) -> Identity:
    return issue(ca, ["localhost", "127.0.0.1"])


@pytest.fixture
def session(ca: Identity) -> Iterator[Session]:
    with Session(ca.cert_file) as session:
        yield session


def refused_post(session: Session, url: str, timeout_s: float = PLENTY_S) -> NotSent:
    with pytest.raises(NotSent) as refused:
        session.request("POST", url, b"secret", timeout_s=timeout_s)
    assert refused.value.sent is False
    return refused.value


# Trust.


def test_a_foreign_authority_is_refused_before_a_byte_leaves(
    session: Session, folder: Path
) -> None:
    foreign = issue(make_ca(folder, "foreign CA"), ["127.0.0.1"])
    with TlsPeer(foreign) as peer:
        refused = refused_post(session, peer.url)
    assert (refused.reason, peer.shaken, peer.application_bytes) == ("tls", 0, 0)
    assert "authority that is not ours" in refused.message


def test_another_name_is_refused_before_a_byte_leaves(session: Session, ca: Identity) -> None:
    with TlsPeer(issue(ca, ["elsewhere.test", "127.0.0.2"])) as peer:
        by_address = refused_post(session, peer.url)
        by_name = refused_post(session, f"https://localhost:{peer.port}")
    assert (by_address.reason, by_name.reason) == ("tls", "tls")
    assert (peer.shaken, peer.application_bytes) == (0, 0)
    assert "for another address" in by_address.message
    assert "for another name" in by_name.message


def test_an_expired_certificate_is_refused_before_a_byte_leaves(
    session: Session, ca: Identity
) -> None:
    with TlsPeer(issue(ca, ["127.0.0.1"], valid_for_s=-60)) as peer:
        refused = refused_post(session, peer.url)
    assert (refused.reason, peer.shaken, peer.application_bytes) == ("tls", 0, 0)
    assert "expired" in refused.message


def test_dates_are_checked_against_the_clock_that_is_given(ca: Identity) -> None:
    now_s = int(time.time())
    ended_a_minute_ago = issue(ca, ["127.0.0.1"], valid_for_s=-60)
    late = Session(ca_file=str(ca.cert_file), now_s=lambda: now_s - 3600)
    with TlsPeer(ended_a_minute_ago) as peer, late as session:
        assert session.request("POST", peer.url, data=b"secret", timeout_s=10).status_code == 200
    for clock_s, words in ((0, "not valid yet"), (now_s, "expired")):
        with TlsPeer(ended_a_minute_ago) as peer:
            session = Session(ca_file=str(ca.cert_file), now_s=int(clock_s).__index__)
            refused = refused_post(session, peer.url)
        assert (refused.reason, refused.sent) == ("tls", False)
        assert words in refused.message
        assert b"secret" not in peer.raw


def test_a_client_s_certificate_is_no_server_s(session: Session, ca: Identity) -> None:
    with TlsPeer(issue(ca, ["127.0.0.1"], client=True)) as peer:
        refused = refused_post(session, peer.url)
    assert (refused.reason, peer.shaken) == ("tls", 0)


def test_tls_1_1_is_refused_before_a_byte_leaves(session: Session, identity: Identity) -> None:
    # A ServerHello that chooses TLS 1.1, as an old or a malicious server would.
    old = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02" + bytes(32) + b"\x00\xc0\x14\x00"

    def script(conversation: Conversation) -> None:
        conversation.hello()
        conversation.say_plain(old)
        conversation.hello()

    with TlsPeer(identity, script, secure=False) as peer:
        refused = refused_post(session, peer.url)
    assert refused.reason == "tls"
    assert b"secret" not in peer.raw


def test_a_peer_that_speaks_no_tls_gets_a_client_hello_and_nothing_else(
    session: Session, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.hello()
        conversation.say_plain(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        conversation.hello()

    with TlsPeer(identity, script, secure=False) as peer:
        refused = refused_post(session, peer.url)
    assert refused.reason == "tls"
    assert "does not speak TLS" in refused.message
    assert peer.raw[:1] == b"\x16"
    assert b"secret" not in peer.raw
    assert b"POST" not in peer.raw


def test_our_own_certificate_is_shown_to_those_who_ask(ca: Identity, identity: Identity) -> None:
    device = issue(ca, ["device"], client=True)
    own = Session(ca.cert_file, device.cert_file, device.key_file)
    with TlsPeer(identity, client_ca=ca) as peer, own as session:
        answer = session.request("POST", peer.url, b"hello", timeout_s=PLENTY_S)
    assert answer.content == b"hello"


@pytest.mark.parametrize(("tls12", "kind"), [(True, NotSent), (False, AnswerLost)])
def test_a_missing_certificate_of_ours_is_an_error_of_tls(
    tls12: bool, kind: "type[RequestError]", session: Session, ca: Identity, identity: Identity
) -> None:
    # In TLS 1.3 the server refuses after our side of the handshake is over: bytes have left.
    with TlsPeer(identity, client_ca=ca, tls12=tls12) as peer, pytest.raises(kind) as refused:
        session.request("POST", peer.url, b"secret", timeout_s=PLENTY_S)
    assert refused.value.reason in ("tls", "closed")
    assert peer.requests == []


@pytest.mark.parametrize("content", [None, "", "not PEM"])
def test_a_ca_file_that_cannot_be_used_is_named(content: "str | None", tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ValueError, match=r"ca_file .*ca\.pem: "):
        Session(str(file))


def test_a_key_that_does_not_belong_to_its_certificate_is_named(
    ca: Identity, identity: Identity
) -> None:
    with pytest.raises(ValueError, match="key_file"):
        Session(ca.cert_file, identity.cert_file, ca.key_file)


# Failing before a byte leaves.


def test_a_closed_port_is_refused(session: Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert refused_post(session, f"https://127.0.0.1:{port}").reason == "refused"


def test_without_a_socket_nothing_was_sent(session: Session) -> None:
    refused_post(session, "https://127.0.0.1:9")  # what is imported is imported
    with exhausted():
        refused = refused_post(session, "https://127.0.0.1:9")
    assert refused.reason == "unreachable"


def test_a_name_without_an_address_is_not_resolved(session: Session) -> None:
    # A label of more than 63 characters: no resolver needs to be asked.
    assert refused_post(session, "https://" + "a" * 64 + ".test/").reason == "resolve"


def test_a_resolver_that_hangs_does_not_hang_the_call(session: Session) -> None:
    # An answer that another call has been waiting for, and that does not come.
    hanging = _cpython._Lookup("slow.test", 443)
    _cpython._lookups["slow.test", 443] = hanging
    try:
        refused = refused_post(session, "https://slow.test/", SOON_S)
    finally:
        del _cpython._lookups["slow.test", 443]
    assert refused.reason == "resolve"


def test_a_peer_that_hangs_up_in_the_handshake_got_nothing(
    session: Session, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.hello()
        conversation.hang_up()

    with TlsPeer(identity, script, secure=False) as peer:
        refused = refused_post(session, peer.url)
    assert refused.reason == "closed"
    assert b"secret" not in peer.raw


def test_a_silent_handshake_ends_with_the_connect_budget(
    session: Session, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        while conversation.hello():
            pass

    with TlsPeer(identity, script, secure=False) as peer:
        with pytest.raises(NotSent) as refused:
            # The whole call has an hour: only its budget for connecting can end it.
            session.request("POST", peer.url, b"secret", timeout_s=3600.0, connect_timeout_s=SOON_S)
        with pytest.raises(NotSent) as refused_whole:
            session.request("POST", peer.url, b"secret", timeout_s=SOON_S)
        with pytest.raises(NotSent) as refused_ahead:
            session.open_ahead(peer.url, SOON_S)
    for error in (refused, refused_whole, refused_ahead):
        assert error.value.reason == "timeout"
        assert error.value.sent is False
    assert b"secret" not in peer.raw


def test_a_handshake_that_drips_ends_with_the_budget_too(
    session: Session, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.hello()
        conversation.say_plain(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
        conversation.drip(b"\x00", conversation.say_plain)

    with TlsPeer(identity, script, secure=False) as peer:
        assert refused_post(session, peer.url, SOON_S).reason == "timeout"


def test_a_call_without_time_sends_nothing(session: Session, identity: Identity) -> None:
    with TlsPeer(identity) as peer:
        session.open_ahead(peer.url, PLENTY_S)
        assert refused_post(session, peer.url, 0.0).reason == "timeout"
        session.close()
    assert peer.application_bytes == 0


# Keeping and opening ahead.


def wait_until_readable(session: Session) -> None:
    """Until what the peer did to the idle connection has arrived."""
    ready, _, _ = select.select([session._idle[0].connection._tls], [], [], PLENTY_S)
    assert ready


def test_a_connection_opened_ahead_carries_the_next_request(
    session: Session, identity: Identity
) -> None:
    with TlsPeer(identity) as peer:
        session.open_ahead(peer.url, PLENTY_S)
        assert (peer.connections, peer.application_bytes) == (1, 0)
        assert session.request("POST", peer.url, b"hello").content == b"hello"
    assert peer.connections == 1


def test_opening_ahead_twice_opens_once(session: Session, identity: Identity) -> None:
    with TlsPeer(identity) as peer:
        session.open_ahead(peer.url, PLENTY_S)
        session.open_ahead(peer.url + "/other/path", PLENTY_S)
        session.close()
    assert peer.connections == 1


def test_a_fresh_connection_replaces_every_idle_one(session: Session, identity: Identity) -> None:
    """After the network was away nobody may be left to say that a connection is dead."""
    with TlsPeer(identity) as peer:
        session.open_ahead(peer.url, PLENTY_S)
        session.open_ahead(peer.url, PLENTY_S, fresh=True)
        assert peer.connections == 2
        assert len(session._idle) == 1
        assert session.request("POST", peer.url, b"hello").content == b"hello"
    assert peer.connections == 2


def aged(session: Session, by_s: int) -> None:
    """Lets the idle connection have been idle for so long already."""
    session._idle[0].since_ms -= by_s * 1000


def test_a_connection_that_was_idle_too_long_is_not_used(ca: Identity, identity: Identity) -> None:
    with TlsPeer(identity) as peer, Session(ca.cert_file, max_idle_s=60.0) as session:
        session.open_ahead(peer.url, PLENTY_S)
        aged(session, 59 - int(PLENTY_S))
        session.request("GET", peer.url, timeout_s=PLENTY_S)
        assert peer.connections == 1
        aged(session, 60)
        session.request("GET", peer.url, timeout_s=PLENTY_S)
    assert peer.connections == 2


def test_opening_ahead_replaces_a_connection_that_is_half_its_age(
    ca: Identity, identity: Identity
) -> None:
    with TlsPeer(identity) as peer, Session(ca.cert_file, max_idle_s=60.0) as session:
        session.open_ahead(peer.url, PLENTY_S)
        aged(session, 30)
        session.open_ahead(peer.url, PLENTY_S)
        session.request("GET", peer.url, timeout_s=PLENTY_S)
    assert peer.connections == 2


def test_session_tickets_do_not_make_a_connection_stale(
    session: Session, identity: Identity
) -> None:
    with TlsPeer(identity) as peer:
        session.open_ahead(peer.url, PLENTY_S)
        wait_until_readable(session)
        assert session.request("POST", peer.url, b"hello").content == b"hello"
    assert peer.connections == 1


def unwelcome(conversation: Conversation) -> None:
    conversation.say(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    conversation.stay_silent()


STALE = {
    "closed in order": Conversation.leave,
    "hung up": Conversation.hang_up,
    "reset": Conversation.reset,
    "speaks unasked": unwelcome,
    "breaks TLS": lambda conversation: conversation.say_plain(b"garbage" * 3),
}


@pytest.mark.parametrize("name", STALE)
@pytest.mark.parametrize("tls12", [False, True])
def test_a_connection_that_went_stale_is_replaced_silently(
    name: str, tls12: bool, session: Session, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        if conversation.number == 1:
            STALE[name](conversation)
        else:
            echo(conversation)

    with TlsPeer(identity, script, tls12=tls12, tickets=0) as peer:
        session.open_ahead(peer.url, PLENTY_S)
        wait_until_readable(session)
        assert session.request("POST", peer.url, b"hello").content == b"hello"
    assert peer.connections == 2
    assert [request.body for request in peer.requests] == [b"hello"]


@pytest.mark.parametrize("name", STALE)
def test_an_idle_connection_that_the_peer_has_closed_is_seen_and_let_go(
    name: str, session: Session, identity: Identity
) -> None:
    with TlsPeer(identity, STALE[name], tickets=0) as peer:
        session.open_ahead(peer.url, PLENTY_S)
        wait_until_readable(session)
        assert session.has_lost_one()
        assert session._idle == []
        assert not session.has_lost_one()
    assert (peer.connections, peer.application_bytes) == (1, 0)


def test_an_idle_connection_that_lives_is_kept(session: Session, identity: Identity) -> None:
    with TlsPeer(identity) as peer:
        session.open_ahead(peer.url, PLENTY_S)
        assert not session.has_lost_one()
        assert session.request("POST", peer.url, b"hello").content == b"hello"
    assert peer.connections == 1


def test_a_stale_connection_and_a_peer_that_is_gone_is_not_sent(
    session: Session, identity: Identity
) -> None:
    with TlsPeer(identity, Conversation.leave, tickets=0) as peer:
        session.open_ahead(peer.url, PLENTY_S)
        wait_until_readable(session)
    assert refused_post(session, peer.url).reason == "refused"


def test_a_peer_that_goes_after_the_look_and_before_the_answer_is_an_answer_lost(
    session: Session, identity: Identity
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.answer(conversation.request().body)
        conversation.more()
        conversation.reset()

    with TlsPeer(identity, script) as peer:
        session.request("POST", peer.url, b"first")
        with pytest.raises(AnswerLost) as lost:
            session.request("POST", peer.url, b"second")
    assert lost.value.reason == "closed"
    assert peer.connections == 1


NOT_KEPT = {
    "it says close": b"HTTP/1.1 200 OK\r\nConnection: a, Close\r\nContent-Length: 0\r\n\r\n",
    "it speaks HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "it goes on after its answer": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore",
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_KEPT)
def test_a_connection_is_not_kept_when(name: str, session: Session, identity: Identity) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.say(NOT_KEPT[name])
        conversation.stay_silent()

    with TlsPeer(identity, script) as peer:
        for _ in range(2):
            assert session.request("GET", peer.url, timeout_s=PLENTY_S).status_code == 200
    assert peer.connections == 2


@pytest.mark.parametrize(("max_idle", "max_idle_s"), [(0, 30.0), (4, 0.0)])
def test_a_session_that_keeps_nothing_connects_each_time(
    max_idle: int, max_idle_s: float, ca: Identity, identity: Identity
) -> None:
    forgetful = Session(ca.cert_file, max_idle=max_idle, max_idle_s=max_idle_s)
    with TlsPeer(identity) as peer, forgetful as session:
        for _ in range(2):
            session.request("GET", peer.url, timeout_s=PLENTY_S)
    assert peer.connections == 2


def test_no_more_connections_are_kept_than_allowed(ca: Identity, identity: Identity) -> None:
    gone = threading.Event()

    def script(conversation: Conversation) -> None:
        try:
            echo(conversation)
        finally:
            gone.set()

    small = Session(ca.cert_file, max_idle=1)
    with TlsPeer(identity, script) as first, TlsPeer(identity) as second, small as session:
        session.open_ahead(first.url, PLENTY_S)
        session.open_ahead(second.url, PLENTY_S)
        assert gone.wait(PLENTY_S)
        assert session.request("POST", second.url, b"hello").content == b"hello"
    assert (first.connections, second.connections) == (1, 1)


def test_a_connection_is_kept_for_its_own_host_and_port_only(
    session: Session, identity: Identity
) -> None:
    with TlsPeer(identity) as first, TlsPeer(identity) as second:
        session.open_ahead(first.url, PLENTY_S)
        session.request("GET", second.url, timeout_s=PLENTY_S)
        session.request("GET", f"https://localhost:{first.port}", timeout_s=PLENTY_S)
        session.close()
    assert (first.connections, second.connections) == (2, 1)
    assert first.requests[0].headers["host"] == f"localhost:{first.port}"
