"""The tables that run, in every weather; and the explorer's own eyes."""

from __future__ import annotations

import pytest

from tilld_core import payment, refund
from tilld_testkit.around import Scene
from tilld_testkit.device import REFUND, Tables
from tilld_testkit.explore import NO_END, Report, explore, unheard, untaken
from tilld_testkit.unreachable import unreachable
from tilld_testkit.world import ANY, Weather

WORST = Weather(ANY, ANY, ANY, ANY, ANY, ANY)

EVERYTHING = {
    "a payment whose Antom id is known at the refund": (WORST, Scene(), False),
    "a payment whose Antom id is not": (WORST, Scene(unknown_id=True), False),
    "an Antom that lies, closes unknown ids and debits other amounts": (
        WORST._replace(lies=ANY),
        Scene(tombstones=True, wrong_amounts=True),
        False,
    ),
    "a payment that an operator may write off": (
        WORST._replace(write_offs=ANY),
        Scene(unknown_id=True),
        False,
    ),
    "an order code": (WORST._replace(write_offs=ANY), Scene(order_code=True), False),
    "an order code of an Antom that lies and closes unknown ids": (
        WORST._replace(lies=ANY),
        Scene(tombstones=True, wrong_amounts=True, order_code=True),
        False,
    ),
    "a refund": (WORST, Scene(), True),
    "a refund that must be located": (WORST, Scene(unknown_id=True), True),
    "a refund that an operator may write off": (
        WORST._replace(write_offs=ANY),
        Scene(unknown_id=True),
        True,
    ),
}


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return {
        name: explore(weather, scene=scene, asked_for=asked_for)
        for name, (weather, scene, asked_for) in EVERYTHING.items()
    }


def stories(report: Report) -> list[str]:
    return [problem.story() for problem in report.problems]


@pytest.mark.parametrize("name", EVERYTHING)
def test_no_run_breaks_a_rule_and_every_world_has_a_way_to_an_end(
    reports: dict[str, Report], name: str
) -> None:
    assert stories(reports[name]) == []


def test_every_row_is_taken(reports: dict[str, Report]) -> None:
    assert untaken(list(reports.values()), Tables()) == []


def test_every_ignored_pair_is_heard_or_known_to_be_unreachable(
    reports: dict[str, Report],
) -> None:
    assert set(unheard(list(reports.values()), Tables())) == unreachable()


def test_two_power_cuts_two_losses_and_a_duplicate_break_nothing() -> None:
    report = explore(Weather(cuts=2, losses=2, duplicates=1))
    assert stories(report) == []
    assert report.worlds > 10_000


def test_more_bad_luck_reaches_more_worlds_and_any_number_reaches_them_all() -> None:
    counted = [explore(Weather(cuts, 1)).worlds for cuts in (0, 1, 2)]
    assert counted == sorted(set(counted))
    once = explore(Weather(1, 1))
    every = explore(Weather(ANY, ANY))
    assert once.taken <= every.taken
    assert once.heard <= every.heard


# Mistakes that were made on the way to these tables, and the run that showed each.


def test_a_refund_located_in_a_mark_alone_is_found() -> None:
    """A power cut takes the mark, and with it the knowledge that a request may have left."""
    rows = tuple(
        (*row[:4], tuple(effect.replace("note located", "mark located") for effect in row[4]))
        for row in refund.ROWS
    )
    honest = WORST._replace(oddities=0)
    report = explore(honest, Tables(refund_rows=rows), Scene(unknown_id=True), asked_for=True)
    (problem,) = report.problems
    assert problem.sentence.startswith("I17: a refund is durable as refused")
    assert problem.run[-1] == "refund: refund not sent"
    assert any("power cut" in step for step in problem.run)


def test_a_person_who_is_called_only_after_the_record_is_found() -> None:
    late_call = ("note cancel", "call person", "tell till", "owe cancel", "wait minute")
    rows = tuple(
        (*row[:4], late_call) if "call person" in row[4] and "note cancel" in row[4] else row
        for row in payment.ROWS
    )
    (problem,) = explore(WORST, Tables(payment_rows=rows)).problems
    assert problem.sentence.startswith("§3, late evidence")
    assert "power cut after 1 effect" in problem.run[-2]


def test_a_cancel_that_a_late_pay_overtakes_is_told_as_a_story() -> None:
    """Without I8: the cancel finds nothing, closes, and then the pay arrives."""
    rows = tuple(
        (*row[:2], None, *row[3:]) if row[2] == payment.NEVER_EXISTED else row
        for row in payment.ROWS
    )
    (problem,) = explore(Weather(), Tables(payment_rows=rows)).problems
    assert problem.story() == "\n".join(
        [
            "I7: not paid and settled is durable, and the customer is or may be charged",
            "  1. new: start with code -> paying",
            "  2. paying: till cancel -> cancelling",
            "  3. cancelling: try",
            "  4. cancelling: the cancel arrives",
            "  5. no such order",
        ]
    )


def test_a_try_that_is_forgotten_leaves_no_way_to_an_end() -> None:
    """A check that is asked for ever: nothing breaks, and nothing ends."""
    rows = tuple(
        (*row[:3], row[0], ("owe refund",)) if row[1] == "found done" else row
        for row in refund.ROWS
    )
    (problem,) = explore(WORST, Tables(refund_rows=rows), asked_for=True).problems
    assert problem.sentence == NO_END


def test_an_event_without_a_row_is_a_problem_with_its_run() -> None:
    rows = tuple(row for row in payment.ROWS if row[1] != "till left")
    (problem,) = explore(Weather(), Tables(payment_rows=rows)).problems
    assert problem.sentence == "no row for till left in waiting_for_code"
    assert problem.run == ("new: start -> waiting_for_code", "till left")


def test_a_table_is_asked_by_its_name() -> None:
    assert Tables().of(REFUND) == (refund.ROWS, refund.IGNORED)
