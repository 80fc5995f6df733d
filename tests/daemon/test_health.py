"""What stands in the way of a payment, and who hears of it."""

import pytest

from tilld_core.messages import BLOCKS
from tilld_daemon.health import STALE_AFTER_MS, Health


class Watched:
    def __init__(self):
        self.now_ms = 0
        self.changes: list[str] = []
        self.health = Health(lambda: self.now_ms, lambda: self.changes.append(self.health.ready()))


@pytest.fixture
def watched():
    return Watched()


def test_what_was_never_observed_is_unknown(watched):
    assert watched.health.report() == {"ready": "unknown", "blocks": [], "degraded": []}


def test_an_answer_from_upstream_is_ready(watched):
    watched.health.way("")
    assert watched.health.ready() == "yes"
    watched.health.way("")
    assert watched.changes == ["yes"]


def test_an_obstacle_is_a_block_with_what_was_seen(watched):
    watched.health.way("")
    watched.health.way("connection refused")
    (block,) = watched.health.blocks()
    assert block["code"] == "no_gateway"
    assert block["message"].endswith("(connection refused)")
    assert watched.health.ready() == "no"
    watched.health.way("no route")
    watched.health.way("")
    assert watched.changes == ["yes", "no", "yes"]


def test_an_open_way_takes_its_block_away_and_leaves_the_others(watched):
    watched.health.block("scanner", "unplugged")
    watched.health.way("no route")
    assert [block["code"] for block in watched.health.blocks()] == ["no_gateway", "scanner"]
    watched.health.way("")
    assert [block["code"] for block in watched.health.blocks()] == ["scanner"]
    assert watched.health.ready() == "no"
    watched.health.unblock("scanner")
    assert watched.health.ready() == "yes"


def test_a_till_that_reads_codes_itself_needs_no_scanner(watched):
    watched.health.block("scanner")
    assert watched.health.blocks(but=("scanner",)) == []
    watched.health.block("no_link")
    assert [block["code"] for block in watched.health.blocks(but=("scanner",))] == ["no_link"]


def test_what_is_degraded_stops_no_payment(watched):
    watched.health.way("")
    watched.health.degrade("printer", "It has no paper.")
    assert watched.health.ready() == "yes"
    assert watched.health.degraded() == [{"code": "printer", "message": "It has no paper."}]
    watched.health.recover("printer")
    assert watched.health.degraded() == []


def test_changes_are_told_once(watched):
    for _ in range(3):
        watched.health.block("no_link")
    assert watched.changes == ["no"]
    for _ in range(3):
        watched.health.unblock("no_link")
    assert watched.changes == ["no", "unknown"]
    watched.health.recover("printer")
    assert len(watched.changes) == 2


def test_how_lately_the_way_was_looked_at(watched):
    watched.now_ms = 1000
    assert not watched.health.way_looked_at_since(500)
    watched.health.way("no route")
    watched.now_ms = 1500
    assert watched.health.way_looked_at_since(500)
    watched.now_ms = 1501
    assert not watched.health.way_looked_at_since(500)


def test_an_open_way_that_was_seen_long_ago_is_unknown(watched):
    watched.health.way("")
    watched.now_ms = STALE_AFTER_MS
    assert watched.health.report()["ready"] == "yes"
    watched.now_ms += 1
    assert watched.health.report()["ready"] == "unknown"
    watched.health.way("")
    assert watched.health.report()["ready"] == "yes"
    assert watched.changes == ["yes", "yes"]  # whoever was told "unknown" hears it


def test_what_went_stale_and_was_not_asked_for_is_told_to_nobody(watched):
    watched.health.way("")
    watched.now_ms = 2 * STALE_AFTER_MS
    watched.health.way("")
    assert watched.changes == ["yes"]


def test_a_way_in_doubt_is_unknown_and_blocks_nothing(watched):
    watched.health.way("")
    watched.health.doubt_way()
    assert watched.health.report() == {"ready": "unknown", "blocks": [], "degraded": []}
    watched.health.way("refused")
    watched.health.doubt_way()
    assert watched.health.ready() == "no"


def test_no_link_and_no_gateway_are_in_the_way_of_a_payment_and_a_scanner_is_not(watched):
    watched.health.block("scanner")
    assert not watched.health.way_blocks
    watched.health.block("no_link")
    assert watched.health.way_blocks
    watched.health.unblock("no_link")
    watched.health.way("refused")
    assert watched.health.way_blocks


@pytest.mark.parametrize("code", [row[0] for row in BLOCKS])
def test_every_block_of_the_contract_has_its_sentence(watched, code):
    watched.health.block(code)
    (block,) = watched.health.blocks()
    assert block == {"code": code, "message": dict(BLOCKS)[code]}


def test_a_block_that_the_contract_does_not_know_is_a_bug(watched):
    with pytest.raises(KeyError):
        watched.health.block("a mood")
