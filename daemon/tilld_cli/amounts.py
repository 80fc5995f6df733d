"""Amounts as people type them: exact, or refused (rules.md §6: never a float)."""

from __future__ import annotations

import re

from tilld_core import money
from tilld_core.errors import BadValue

_TYPED = re.compile(r"([0-9]+)(?:[.,]([0-9]+))?\s*([A-Za-z]{3})", re.ASCII)


def parse(text: str) -> tuple[str, int]:
    """Currency and minor units of "12.50 EUR", "12,50 EUR", "12 EUR", "1500 JPY".

    Decimals are all there or left out: who types 12.5 may have meant 12.05, and in 1.250 EUR
    nobody knows what the dot is. Raises BadValue.
    """
    typed = _TYPED.fullmatch(text.strip())
    if typed is None:
        raise BadValue("amount", "say it as 12.50 EUR")
    whole, decimals, currency = typed[1], typed[2] or "", typed[3].upper()
    wanted = money.exponent(currency)
    if decimals and len(decimals) != wanted:
        example = money.show(currency, int(whole + decimals.ljust(wanted, "0")[:wanted]))
        raise BadValue("amount", f"{currency} has {wanted} decimals: say it as {example}")
    minor = int(whole + (decimals or "0" * wanted))
    money.check_amount(currency, minor)
    return currency, minor


def show(amount: dict[str, object] | None) -> str:
    """An amount of the wire for people; a dash for none."""
    if not amount:
        return "-"
    currency, value = str(amount["currency"]), amount["value"]
    if not isinstance(value, int) or currency not in money.EXPONENTS:
        return f"{value} {currency}"
    return money.show(currency, value)
