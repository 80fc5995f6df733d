"""`Till.events` against the real process: what was missed comes, over every restart."""

import pytest

from tilld_testkit.shop import open_shop, sell


@pytest.fixture
def shop(tmp_path, simulator):
    with open_shop(tmp_path / "device", simulator) as shop:
        yield shop


def until_paid(events, payment):
    """Every event up to the payment's paid."""
    seen = []
    for event in events:
        seen.append(event)
        if (event.get("payment") or {}) == payment:
            return seen
    raise AssertionError("events do not end")


def test_events_go_on_over_a_restart_with_a_gap_and_what_matters(shop, simulator):
    with shop.till() as till:
        events = till.events(till.now(), ["payment.changed"])
        first = sell(till, simulator)
        until_paid(events, first)
        shop.kill()
        shop.start()
        second = sell(till, simulator)
        seen = until_paid(events, second)
        assert seen[0]["event"] == "gap"
        assert first["payment"] in [one["payment"]["payment"] for one in seen[1:]]
        events.close()


def test_a_stored_position_misses_nothing_and_tells_nothing_twice(shop, simulator):
    with shop.till() as till:
        events = till.events(till.now(), ["payment.changed"])
        until_paid(events, sell(till, simulator))
        stored = events.position
        events.close()
        second = sell(till, simulator)
        again = till.events(stored, ["payment.changed"])
        seen = until_paid(again, second)
        assert {one["payment"]["payment"] for one in seen} == {second["payment"]}
        again.close()
