from tilld_core import money
from tilld_core.errors import BadValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# antom-api.md §10.5
NAMED_WITHOUT_DECIMALS = "CLP JPY KRW VND"
NAMED_WITH_TWO = "AUD BDT BRL CAD CNY EUR GBP HKD IDR MXN MYR NZD PEN PHP PKR PLN SGD THB TWD USD"


def refused(act: "Callable[..., None]", *arguments: object) -> str:
    """The field that BadValue names, or "" if the call went through."""
    try:
        act(*arguments)
    except BadValue as error:
        return error.field if error.reason else "without a reason"
    return ""


def test_a_payable_amount_is_a_whole_number_above_zero_of_at_most_16_digits() -> None:
    for value in (1, 1250, 10**16 - 1):
        assert refused(money.check_amount, "EUR", value) == ""
    for value in (0, -1, 10**16, 2**63):
        assert refused(money.check_amount, "EUR", value) == "value"


def test_a_bool_a_float_and_text_are_no_amounts() -> None:
    for value in (True, False, 1.0, float("nan"), "1250", None, b"1"):
        assert refused(money.check_amount, "EUR", value) == "value"


def test_a_currency_is_a_known_code_in_capital_letters() -> None:
    for currency in ("", "eur", "EURO", "XXX", "€", None, 978, b"EUR"):
        assert refused(money.check_amount, currency, 1250) == "currency"


def test_every_currency_that_antom_names_is_known_with_its_exponent() -> None:
    for code in NAMED_WITHOUT_DECIMALS.split():
        assert money.exponent(code) == 0
    for code in NAMED_WITH_TWO.split():
        assert money.exponent(code) == 2
    assert money.exponent("KWD") == 3


def test_no_currency_has_two_exponents() -> None:
    codes = " ".join(codes for _, codes in money._BY_EXPONENT).split()
    assert len(codes) == len(set(codes))
    assert all(len(code) == 3 and code.upper() == code for code in codes)


def test_rupiah_end_in_00_and_nothing_else_has_to() -> None:
    assert refused(money.check_antom, "IDR", 30000) == ""
    assert refused(money.check_antom, "IDR", 30001) == "value"
    assert refused(money.check_antom, "EUR", 30001) == ""


def test_an_amount_is_shown_with_its_decimals_and_code() -> None:
    for currency, minor, shown in (
        ("EUR", 1250, "12.50 EUR"),
        ("EUR", 5, "0.05 EUR"),
        ("EUR", 0, "0.00 EUR"),
        ("EUR", -5, "-0.05 EUR"),
        ("JPY", 1000, "1000 JPY"),
        ("KWD", 1, "0.001 KWD"),
        ("IDR", 30000, "300.00 IDR"),
        ("EUR", 10**16 - 1, "99999999999999.99 EUR"),
    ):
        assert money.show(currency, minor) == shown
