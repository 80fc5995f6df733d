"""What others announce, kept within bounds; packets are given by their parts."""

from __future__ import annotations

import pytest

from tilld_hal.mdns_sightings import Sightings, printable, read_txt
from tilld_hal.network import GATEWAYS_MAX, Sighting


def txt(*entries: str) -> bytes:
    return b"".join(bytes([len(entry.encode())]) + entry.encode() for entry in entries)


GOOD = txt("v=1", "id=gw1", "models=forward,rest", "path=/v1")


def announced(seen: Sightings, name: str, said: bytes = GOOD, until_ms: float = 1000.0) -> bool:
    seen.pointed(name, until_ms)
    seen.located(name, "shop.local", 8443)
    seen.described(name, said)
    return seen.taken(0.0)


def test_a_gateway_is_one_when_pointer_host_and_description_are_there() -> None:
    seen = Sightings()
    seen.pointed("Shop", 1000.0)
    assert not seen.taken(0.0)
    seen.located("Shop", "shop.local", 8443)
    assert not seen.taken(0.0)
    seen.described("Shop", GOOD)
    assert seen.taken(0.0)
    assert seen.gateways(0.0) == (
        Sighting("Shop", "shop.local", 8443, "gw1", ("forward", "rest"), "/v1"),
    )


def test_the_same_words_again_are_heard_again_and_silence_is_not() -> None:
    seen = Sightings()
    assert announced(seen, "Shop")
    assert announced(seen, "Shop")
    assert not seen.taken(0.0)
    assert seen.heard == 2


def test_a_packet_is_one_announcement_however_many_it_names() -> None:
    seen = Sightings()
    for name in ("A", "B", "C"):
        seen.pointed(name, 1000.0)
        seen.located(name, "shop.local", 8443)
        seen.described(name, GOOD)
    assert seen.taken(0.0)
    assert (seen.heard, len(seen.gateways(0.0))) == (1, 3)


def test_a_goodbye_and_the_end_of_its_time_end_a_sighting() -> None:
    seen = Sightings()
    announced(seen, "Shop")
    announced(seen, "Other", until_ms=2000.0)
    assert [one.name for one in seen.gateways(1000.0)] == ["Other"]
    seen.gone("Other")
    seen.gone("Nobody")
    assert seen.gateways(1000.0) == ()


def test_thousands_of_names_keep_no_more_than_the_last_few() -> None:
    seen = Sightings()
    for number in range(5000):
        announced(seen, f"Fake {number:04}")
    announced(seen, "Shop")
    names = [one.name for one in seen.gateways(0.0)]
    assert len(names) == GATEWAYS_MAX
    assert "Shop" in names
    assert len(seen._halves) <= 4 * GATEWAYS_MAX


@pytest.mark.parametrize(
    "said",
    [
        b"",
        txt("v=1"),
        txt("v=2", "id=gw1"),
        txt("id=gw1"),
        txt("v=1", "id=" + "x" * 65),
        txt("v=1", "id=a b"),
        txt("v=1", "id=gw1", "models=a b"),
        txt("v=1", "id=gw1", "models=" + ",".join("abcdefghi")),
        txt("v=1", "id=gw1", "path=v1"),
        txt("v=1", "id=gw1", "path=/\x1b"),
        txt("v=1", "id=gwé"),
        b"\x50v=1",
        txt(*["k=" + "x" * 250] * 5),
    ],
)
def test_a_description_that_makes_no_sense_is_no_gateway(said: bytes) -> None:
    seen = Sightings()
    assert not announced(seen, "Shop", said)
    assert seen.gateways(0.0) == ()


@pytest.mark.parametrize(("host", "port"), [("", 1), ("a b", 1), ("x" * 254, 1), ("shop", 0)])
def test_a_place_that_is_none_is_no_gateway(host: str, port: int) -> None:
    seen = Sightings()
    announced(seen, "Shop")
    seen.located("Shop", host, port)
    assert not seen.taken(0.0)


def test_the_first_of_two_like_keys_counts_and_keys_have_no_case() -> None:
    assert read_txt(txt("V=1", "v=2", "=x", "flag")) == {"v": "1", "flag": ""}


def test_a_name_can_neither_steer_a_terminal_nor_turn_a_line() -> None:
    assert printable("Käse \u5e97\x1b[31m\u202e\ud800") == "Käse \u5e97?[31m??"
    assert len(printable("x" * 500)) == 63
