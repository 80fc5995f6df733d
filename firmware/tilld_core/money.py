"""Amounts: an ISO 4217 code and a whole number of minor units, never a float (rules.md §6).

An amount is the pair ``currency: str`` ("EUR") and ``value: int`` (1250 is 12.50 EUR).
"""

from tilld_core.errors import BadValue

MAX_DIGITS = 16  # antom-api.md §10.5: at most 16 digits
MAX_VALUE: int = 10**MAX_DIGITS - 1

# Currency by number of decimals.  Antom names 0: CLP JPY KRW VND and 2: AUD to USD of
# antom-api.md §10.5, in agreement with ISO 4217; the others are ISO 4217's own.
_BY_EXPONENT = (
    (0, "CLP JPY KRW VND BIF DJF GNF ISK KMF PYG RWF UGX VUV XAF XOF XPF"),
    (
        2,
        "AUD BDT BRL CAD CNY EUR GBP HKD IDR MXN MYR NZD PEN PHP PKR PLN SGD THB TWD USD "
        "AED ALL AMD ARS AZN BAM BGN BOB BWP BYN CHF COP CRC CZK DKK DOP DZD EGP ETB FJD GEL "
        "GHS GTQ HNL HUF ILS INR JMD KES KGS KHR KZT LAK LBP LKR MAD MDL MKD MMK MNT MOP MUR "
        "MVR MZN NAD NGN NIO NOK NPR PAB PGK QAR RON RSD RUB SAR SCR SEK TRY TTD TZS UAH UYU "
        "UZS ZAR ZMW",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
)
EXPONENTS = {code: exponent for exponent, codes in _BY_EXPONENT for code in codes.split()}


def exponent(currency: str) -> int:
    """How many decimals the currency has (ISO 4217); BadValue for a code that is not known."""
    if type(currency) is not str or currency not in EXPONENTS:
        raise BadValue("currency", "not a currency code of ISO 4217 that is known here")
    return EXPONENTS[currency]


def check_amount(currency: object, value: object) -> None:
    """Returns for a payable amount, raises BadValue("currency"|"value", reason) for any other.

    The value is an int (bool and float are not), above 0, of at most 16 digits.
    """
    if type(currency) is not str:
        raise BadValue("currency", "must be text, three capital letters")
    exponent(currency)
    if type(value) is not int:
        raise BadValue("value", "must be a whole number of minor units")
    if value <= 0:
        raise BadValue("value", "must be above 0")
    if value > MAX_VALUE:
        raise BadValue("value", f"must have at most {MAX_DIGITS} digits")


def check_antom(currency: str, value: int) -> None:
    """Antom's own rule about a payable amount (antom-api.md §10.5): BadValue if it is broken.

    Rules of a single wallet (JKOPay, Octopus, the minima) are not checked: which wallet the
    customer holds is not known, and must not be asked, before the code is read.
    """
    if currency == "IDR" and value % 100:
        raise BadValue("value", "must end in 00: Antom takes whole rupiah only")


def show(currency: str, minor: int) -> str:
    """The amount for people, the same in every language: "12.50 EUR", "1000 JPY", "-0.05 EUR"."""
    decimals = exponent(currency)
    digits = str(abs(minor))
    if decimals:
        digits = "0" * (decimals + 1 - len(digits)) + digits
        digits = digits[:-decimals] + "." + digits[-decimals:]
    return ("-" if minor < 0 else "") + digits + " " + currency
