"""A table with one mistake is noticed: the explorer has teeth."""

from __future__ import annotations

import pytest

from tilld_testkit.harmless import HARMLESS
from tilld_testkit.mutants import caught, mutants, quick

QUICK = {mutant.name: mutant for mutant in quick()}


@pytest.mark.parametrize("name", QUICK)
def test_a_row_with_a_mistake_breaks_a_rule(name: str) -> None:
    assert caught(QUICK[name]) != ""


def test_the_quick_form_holds_every_kind_of_mistake_in_both_tables() -> None:
    assert len(QUICK) >= 60
    kinds = {
        (mutant.table, kind)
        for mutant in QUICK.values()
        for kind in ("the row is missing", "no guard", ": no ", " before ", ": to ")
        if kind in mutant.name
    }
    assert len(kinds) == 10


def test_what_is_called_harmless_is_a_mutant_and_has_a_reason() -> None:
    names = {mutant.name for mutant in mutants()}
    assert set(HARMLESS) <= names
    assert all(HARMLESS.values())
    assert not set(HARMLESS) & set(QUICK)


def test_no_two_mutants_have_one_name() -> None:
    names = [mutant.name for mutant in mutants()]
    assert len(names) == len(set(names))
