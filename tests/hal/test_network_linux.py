"""Carrier and routes of a network of our own, seen through rtnetlink.

Each test runs in a thread that has left the machine's network for a new, empty one, which ends
with the thread.  That takes root, or CAP_SYS_ADMIN.
"""

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable

import pytest

from tilld_hal import catalogue
from tilld_hal.drivers.network_linux import LinuxNetwork
from tilld_hal.errors import Gone, Refused
from tilld_hal.network import NetworkState
from tilld_testkit.descriptors import exhausted

PATIENCE_S = 20.0
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET

NOTHING = NetworkState("no", "no")
LINK = NetworkState("yes", "no")
ALL = NetworkState("yes", "yes")


def in_own_network(body: Callable[[], None]) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.unshare(_NEW_NETWORK) != 0:
                raise OSError(ctypes.get_errno(), "a network of its own takes root")
            body()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, timeout=30)


def cable() -> None:
    """Two ends of one cable, both up: each has carrier while the other is up."""
    ip("link set lo up")
    ip("link add till0 type veth peer name wall0")
    ip("link set till0 up")
    ip("link set wall0 up")
    ip("addr add 192.0.2.2/24 dev till0")


def opened(**settings: object) -> LinuxNetwork:
    """Without mDNS, which has a test of its own."""
    quiet = {"discover": False, "announce": False, **settings}
    network: LinuxNetwork = catalogue.open_driver("network", "linux", quiet)
    return network


def becomes(network: LinuxNetwork, state: NetworkState) -> bool:
    """Watches until that state is told: a link comes up in steps."""
    told = network.watch(PATIENCE_S)
    while told is not None and not alike(told, state):
        told = network.watch(PATIENCE_S)
    return told is not None


def alike(told: NetworkState, state: NetworkState) -> bool:
    """By link and route: how many changes led there is the kernel's affair."""
    return (told.link, told.route) == (state.link, state.route)


def seen(**settings: object) -> NetworkState:
    network = opened(**settings)
    state = network.state()
    network.close()
    return state


def test_link_and_route_come_and_go_with_the_cable_and_the_route() -> None:
    def body() -> None:
        network = opened()
        assert network.state() == NOTHING
        cable()
        assert becomes(network, LINK)
        ip("route add default via 192.0.2.1")
        assert becomes(network, ALL)
        ip("link set wall0 down")
        assert becomes(network, NOTHING)
        ip("link set wall0 up")
        assert becomes(network, ALL)
        ip("route del default")
        assert becomes(network, LINK)
        assert alike(network.state(), LINK)
        network.close()

    in_own_network(body)


def test_a_change_ends_the_watch() -> None:
    def body() -> None:
        cable()
        ip("route add default via 192.0.2.1")
        network = opened()
        for words, state in [
            ("link set wall0 down", NOTHING),
            ("link set wall0 up", ALL),
            ("route del default", LINK),
            ("route add default via 192.0.2.1", ALL),
        ]:
            changing = threading.Thread(target=ip, args=[words])
            changing.start()
            assert becomes(network, state), words
            changing.join()
        network.close()

    in_own_network(body)


def test_a_change_before_the_watch_is_not_lost() -> None:
    def body() -> None:
        network = opened()
        cable()
        assert becomes(network, LINK)
        assert network.watch(0) is None
        network.close()

    in_own_network(body)


def test_a_change_that_changes_nothing_is_not_reported() -> None:
    def body() -> None:
        cable()
        network = opened()
        ip("link add other0 type veth peer name other1")
        ip("route add 198.51.100.0/24 via 192.0.2.1")
        assert network.watch(0.2) is None
        network.close()

    in_own_network(body)


def test_another_address_router_or_cable_is_told_while_link_and_route_read_the_same() -> None:
    def body() -> None:
        cable()
        ip("route add default via 192.0.2.1")
        network = opened()
        changes = network.state().changes
        for words in (
            ["addr add 192.0.2.3/24 dev till0"],
            ["route replace default via 192.0.2.9"],
            ["link set wall0 down", "link set wall0 up"],
        ):
            for one in words:
                ip(one)
            told = network.watch(PATIENCE_S)
            while told is not None and not alike(told, ALL):
                told = network.watch(PATIENCE_S)
            assert told is not None, words
            assert told.changes > changes, words
            changes = told.changes
        network.close()

    in_own_network(body)


def test_only_the_configured_interface_counts() -> None:
    def body() -> None:
        cable()
        ip("route add default via 192.0.2.1")
        ip("link add idle0 type veth peer name idle1")
        assert seen(interface="till0") == ALL
        assert seen(interface="wall0") == LINK
        assert seen(interface="idle0") == NOTHING
        assert seen(interface="none0") == NOTHING

    in_own_network(body)


def test_a_route_to_the_upstream_is_enough_when_it_is_named() -> None:
    def body() -> None:
        cable()
        assert seen(host="192.0.2.77") == ALL
        assert seen(host="198.51.100.1") == LINK
        ip("route add 198.51.100.0/24 via 192.0.2.1")
        assert seen(host="198.51.100.1") == ALL
        ip("link set wall0 down")
        assert seen(host="198.51.100.1") == NOTHING

    in_own_network(body)


def test_a_default_route_that_refuses_packets_is_none() -> None:
    def body() -> None:
        cable()
        ip("route add unreachable default")
        assert seen() == LINK

    in_own_network(body)


def test_a_default_route_of_the_newer_internet_counts() -> None:
    def body() -> None:
        cable()
        ip("-6 addr add 2001:db8::2/64 dev till0 nodad")
        ip("-6 route add default via 2001:db8::1 dev till0")
        assert seen() == ALL
        assert seen(host="2001:db8:1::1") == ALL

    in_own_network(body)


def test_loopback_alone_is_no_network_unless_the_upstream_is_there() -> None:
    def body() -> None:
        ip("link set lo up")
        assert seen() == NOTHING
        assert seen(loopback=True) == ALL

    in_own_network(body)


def test_no_privilege_is_needed_to_watch() -> None:
    def body() -> None:
        cable()
        child = os.fork()
        if child == 0:
            os.setuid(65534)
            os._exit(0 if seen() == LINK else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    in_own_network(body)


def test_a_wake_ends_the_watch() -> None:
    network = opened(loopback=True)
    network.wake()
    assert network.watch(None) is None
    watching = threading.Thread(target=network.watch, args=[PATIENCE_S])
    watching.start()
    network.wake()
    watching.join(PATIENCE_S)
    assert not watching.is_alive()
    network.close()


def test_a_closed_network_is_gone() -> None:
    network = opened(loopback=True)
    network.close()
    network.close()
    network.wake()
    with pytest.raises(Gone):
        network.watch(None)


@pytest.mark.parametrize("host", ["", "192.0.2.1"])
def test_a_kernel_that_cannot_be_asked_makes_the_state_unknown(host: str) -> None:
    network = opened(host=host)
    with exhausted():
        state = network.state()
    network.close()
    assert state == NetworkState("unknown", "unknown")


def test_what_was_unknown_for_a_moment_is_asked_again_though_nothing_changes() -> None:
    def body() -> None:
        cable()
        network = opened()
        with exhausted():
            told = network.watch(PATIENCE_S)
        assert told == NetworkState("unknown", "unknown")
        assert becomes(network, LINK)
        network.close()

    in_own_network(body)


def test_a_network_that_cannot_be_watched_is_refused() -> None:
    with exhausted(), pytest.raises(Refused, match="the kernel"):
        opened()
    held = set(os.listdir("/proc/self/fd"))
    with exhausted(left=1), pytest.raises(Refused, match="watched"):
        opened()
    assert set(os.listdir("/proc/self/fd")) == held


def test_a_host_by_name_is_refused() -> None:
    with pytest.raises(Refused, match="IP address"):
        opened(host="antom.example")
