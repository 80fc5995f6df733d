"""The client over `tls://host:port`: mutual, verified, and refused in words."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from tilld_client import KeyFolder, Lost, Till, tls_context
from tilld_client.aio import AsyncTill
from tilld_testkit.certificates import issue, make_ca
from tilld_testkit.shop import open_shop
from tilld_testkit.till_process import TillProcess


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def till_identity(ca):
    return issue(ca, ["till 7"], client=True)


@pytest.fixture(scope="module")
def address(ca, tmp_path_factory, _one_simulator):
    """A terminal's tls:// address."""
    folder = tmp_path_factory.mktemp("device")
    own = issue(ca, ["127.0.0.1"])
    both = Path(own.cert_file).read_text() + Path(own.key_file).read_text()
    (folder / "tcp.pem").write_text(both)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = (
        f'tcp_listen = "127.0.0.1:{port}"\ntcp_cert = "{folder}/tcp.pem"\ntcp_ca = "{ca.cert_file}"'
    )
    with open_shop(folder, _one_simulator, more={"till": settings}):
        yield f"tls://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def tls(ca, till_identity):
    return tls_context(ca.cert_file, till_identity.cert_file, till_identity.key_file)


def test_a_till_sells_over_mutual_tls(address, tls, tmp_path, simulator):
    with Till(address, tls=tls) as till:
        paid = till.pay(KeyFolder(tmp_path), "A-1", "EUR", 100, code=simulator.fresh_code())
    assert paid.paid


def test_an_asyncio_till_sells_over_mutual_tls(address, tls, tmp_path, simulator):
    code = simulator.fresh_code()

    async def main():
        async with AsyncTill(address, tls=tls) as till:
            return await till.pay(KeyFolder(tmp_path), "A-2", "EUR", 100, code=code)

    assert asyncio.run(main()).paid


def test_a_terminal_of_another_store_is_not_talked_to(address, till_identity, tmp_path):
    other = make_ca(tmp_path, "another store")
    tls = tls_context(other.cert_file, till_identity.cert_file, till_identity.key_file)
    with Till(address, patience_s=0.0, tls=tls) as till, pytest.raises(Lost) as lost:
        till.call("device.health")
    assert isinstance(lost.value.__cause__, ssl.SSLCertVerificationError)


def test_a_till_of_another_store_is_lost_in_words(address, ca, tmp_path):
    stranger = issue(make_ca(tmp_path, "another store"), ["till 7"], client=True)
    tls = tls_context(ca.cert_file, stranger.cert_file, stranger.key_file)
    with Till(address, patience_s=0.0, tls=tls) as till, pytest.raises(Lost):
        till.call("device.health")


@pytest.mark.parametrize("wrong", ["tls://127.0.0.1", "tls://:7", "tls://127.0.0.1:7"])
def test_half_an_address_or_no_certificate_is_refused_at_once(wrong):
    for form in (Till, AsyncTill):
        with pytest.raises(ValueError, match="tls://"):
            form(wrong)


def test_the_command_sells_over_tls(address, ca, till_identity, tmp_path, simulator):
    files = ("--ca", ca.cert_file, "--cert", till_identity.cert_file)
    words = (*files, "--key", till_identity.key_file, "pay", "1", "EUR", "--order", "A-3", "--code")
    process = TillProcess(words, tmp_path, address, stdin=simulator.fresh_code() + "\n")
    assert process.ended() == 0, process.text
    process.close()
