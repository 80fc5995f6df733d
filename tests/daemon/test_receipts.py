"""Which paper a payment has, and no time on it that is a guess (rules.md §2, Clock)."""

from __future__ import annotations

from tilld_core import civil, payment
from tilld_core.ledger import Ledger
from tilld_core.payment import Payment
from tilld_daemon.receipts import Receipts
from tilld_daemon.settings import Receipt

STARTED_S = 1_795_372_200
SETTINGS = Receipt(header=(), footer=(), columns=42, logo="", language="en", copy_text="COPY")


def receipts(clock_was_set: bool) -> Receipts:
    return Receipts(Ledger(), SETTINGS, "7", lambda at_s: 60, lambda: clock_was_set, 42, "Shop")


def an_order_code() -> Payment:
    shown = Payment("P1", "key-0123456789abcdef", "A-1", "EUR", 500, STARTED_S)
    shown.state, shown.by, shown.order_code = payment.SHOWING, payment.ORDER_CODE, "https://qr/1"
    shown.code_expires_s = STARTED_S + 121
    return shown


def test_an_order_codes_slip_says_until_when_it_may_be_paid() -> None:
    fields = receipts(clock_was_set=True).shown(an_order_code())["fields"]
    assert fields["expires"] == "2026-11-22 19:32:01 +01:00"


def test_an_order_codes_slip_names_no_end_while_the_clock_is_not_set() -> None:
    shown = receipts(clock_was_set=False).shown(an_order_code())
    assert (shown["fields"]["expires"], shown["fields"]["time"]) == (None, civil.TIME_NOT_SET)
    assert not any("2026" in line for line in shown["lines"])
