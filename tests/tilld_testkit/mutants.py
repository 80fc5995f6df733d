"""Tables with one mistake each, and the question whether the explorer notices.

A mutant is one row of one table with a typist's mistake: the row forgotten, an effect forgotten,
two neighbouring effects exchanged, another next state, a guard forgotten.  ``caught`` runs it in
weathers of growing harshness and gives the first rule that breaks; what survives all of them must
stand in ``HARMLESS`` with the reason why it is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tilld_core import payment, refund
from tilld_testkit.around import Scene
from tilld_testkit.device import PAYMENT, REFUND, Tables
from tilld_testkit.explore import Report, explore, untaken
from tilld_testkit.harmless import HARMLESS
from tilld_testkit.world import ANY, Weather

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tilld_core.machine import Row

# These touch memory that nobody reads before the batch is done and that no power cut spares, so
# their place among the effects is no mistake.
MEMORY_ALONE = ("wait", "owe")

STATES = {
    PAYMENT: (
        payment.FAILED,
        payment.CANCELLING,
        payment.CANCELLED,
        payment.APPROVED,
        payment.CANCEL_QUEUED,
    ),
    REFUND: (refund.REFUNDED, refund.REFUSED, refund.QUEUED, refund.SENDING),
}


class Mutant(NamedTuple):
    name: str
    table: str
    number: int  # of the row
    row: Row | None  # what stands there instead; None: nothing

    def tables(self) -> Tables:
        rows = list(ROWS_OF[self.table])
        rows[self.number : self.number + 1] = [] if self.row is None else [self.row]
        if self.table == PAYMENT:
            return Tables(payment_rows=tuple(rows))
        return Tables(refund_rows=tuple(rows))


FIRST, EVERY = 2, 12  # of the quick form: all kinds of mistakes, and 113 mutants for 30 s

ROWS_OF = {PAYMENT: payment.ROWS, REFUND: refund.ROWS}


def mutants() -> Iterator[Mutant]:
    """Every mutant of both tables, in the order of the rows."""
    for table in (PAYMENT, REFUND):
        for number, row in enumerate(ROWS_OF[table]):
            for mistake, other in mistakes(table, row):
                guard = f" [{row[2]}]" if row[2] else ""
                name = f"{table}: {row[0]}, {row[1]}{guard}: {mistake}"
                yield Mutant(name, table, number, other)


def mistakes(table: str, row: Row) -> Iterator[tuple[str, Row | None]]:
    """What a typist may do to one row."""
    state, event, guard, after, effects = row
    yield "the row is missing", None
    if guard is not None:
        yield "no guard", (state, event, None, after, effects)
    for n, effect in enumerate(effects):
        yield f"no {effect}", (state, event, guard, after, effects[:n] + effects[n + 1 :])
    for n in range(len(effects) - 1):
        first, second = effects[n : n + 2]
        if {first.split()[0], second.split()[0]} & set(MEMORY_ALONE):
            continue
        swapped = (*effects[:n], second, first, *effects[n + 2 :])
        yield f"{second} before {first}", (state, event, guard, after, swapped)
    for other in STATES[table]:
        if other != after:
            yield f"to {other}", (state, event, guard, other, effects)


def explorations(tables: Tables, refunds_first: bool = False) -> Iterator[Report]:
    """From fair weather to any number of everything, for payments and for the till's refunds."""
    payments = [
        (False, Weather(), Scene()),
        (False, Weather(cuts=1, oddities=1, lies=1), Scene()),
        (False, Weather(oddities=1, lies=1), Scene(order_code=True)),
        (False, Weather(oddities=1, write_offs=1), Scene(unknown_id=True)),
        (False, Weather(ANY, ANY, ANY, ANY, ANY, ANY), Scene()),
        (False, Weather(ANY, ANY, ANY, ANY, ANY, ANY), Scene(unknown_id=True)),
        (
            False,
            Weather(ANY, ANY, ANY, ANY, ANY, ANY, ANY),
            Scene(tombstones=True, wrong_amounts=True),
        ),
        (
            False,
            Weather(ANY, ANY, ANY, ANY, ANY, ANY, write_offs=ANY),
            Scene(unknown_id=True, order_code=True),
        ),
    ]
    refunds = [
        (True, Weather(ANY, ANY, ANY, ANY, ANY, write_offs=ANY), Scene(unknown_id=unknown_id))
        for unknown_id in (False, True)
    ]
    for asked_for, weather, scene in refunds + payments if refunds_first else payments + refunds:
        yield explore(weather, tables, scene, asked_for)


def quick() -> list[Mutant]:
    """The form for every day, spread over all rows and all kinds of mistakes."""
    return [mutant for mutant in list(mutants())[FIRST::EVERY] if mutant.name not in HARMLESS]


def caught(mutant: Mutant) -> str:
    """The rule that breaks, or "" if the whole space in every weather is without a fault."""
    tables = mutant.tables()
    reports = []
    for report in explorations(tables, mutant.table == REFUND):
        if report.problems:
            return report.problems[0].sentence
        reports.append(report)
    rows = untaken(reports, tables)
    return f"a row is never taken: {rows[0][1][:3]}" if rows else ""
