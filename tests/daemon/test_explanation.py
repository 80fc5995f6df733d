"""One sentence for people, whatever a payment has come to."""

from __future__ import annotations

import pytest

from tilld_core import payment
from tilld_core.ledger import Ledger
from tilld_core.messages import PROMPTS, REASONS
from tilld_core.payment import Payment
from tilld_daemon.explanation import explain
from tilld_daemon.views import Views


def sentence(state: str, reason: str) -> str:
    one = Payment("P1", "key-P1", "A-1", "EUR", 1250, 1700000000)
    one.state, one.reason = state, reason
    one.decided_at_s = one.written_off_at_s = 1700000060
    views = Views(Ledger(), lambda at_s: 0)
    told = explain(one, views.payment(one), [], [], views.time)
    assert all(step["at"] for step in told["steps"])
    return str(told["sentence"])


@pytest.mark.parametrize("state", [row[0] for row in PROMPTS])
def test_every_state_is_one_sentence(state: str) -> None:
    said = sentence(state, "")
    assert said.startswith("12.50 EUR for A-1: ")
    assert said.endswith(".")
    assert ". " not in said


@pytest.mark.parametrize("reason", [row[0] for row in REASONS])
def test_every_reason_stands_in_it(reason: str) -> None:
    said = sentence(payment.CANCELLED, reason)
    assert said.startswith("12.50 EUR for A-1: not paid because ")
    assert ". " not in said
