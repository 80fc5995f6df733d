"""The drawings beside the tables are the tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tilld_core import payment, refund
from tilld_testkit.diagram import draw, drawn_in

DOCUMENT = Path(payment.__file__).parent / "PAYMENT.md"


def test_the_payment_that_is_drawn_is_the_payment_that_runs() -> None:
    drawing = draw(payment.ROWS, payment.NEW, payment.SETTLED)
    assert drawn_in(DOCUMENT, "Payment") == drawing


def test_the_refund_that_is_drawn_is_the_refund_that_runs() -> None:
    assert drawn_in(DOCUMENT, "Refund") == draw(refund.ROWS, refund.NEW, refund.SETTLED)


def test_every_row_has_its_arrow() -> None:
    for rows, first in ((payment.ROWS, payment.NEW), (refund.ROWS, refund.NEW)):
        arrows = draw(rows, first, ()).splitlines()
        for state, event, guard, after, _ in rows:
            label = f"{event} [{guard}]" if guard else event
            line = next(x for x in arrows if x.startswith(f"    {state} --> {after}: "))
            assert label in line


def test_a_document_without_the_drawing_is_noticed(tmp_path: Path) -> None:
    document = tmp_path / "x.md"
    document.write_text("# Payment\n\nwords\n\n# Other\n\n```mermaid\nx\n```\n")
    with pytest.raises(KeyError):
        drawn_in(document, "Payment")
    assert drawn_in(document, "Other") == "x\n"
