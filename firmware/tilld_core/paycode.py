"""What a scanned text is: a payment code, something too like one, the shop's own card, or data.

A payment code is a bearer secret for a minute (rules.md §6): this module never puts its text into
a reason, and ``mask`` is the only form of it that may be shown or logged.
"""

from tilld_core.record import Record

PAYMENT_CODE = "payment code"
LOOKS_LIKE = "looks like a payment code"  # dropped whole, and never leaves as data
SHOP_CARD = "shop's own card"
OTHER = "other"

PREFIXES = ("25", "26", "27", "28", "29", "30")  # the seed, "Follow the payment code standard"
LENGTHS = (16, 32)  # smallest and largest; antom-api.md §15 C2

GTIN_LENGTHS = (8, 12, 13, 14)  # product barcodes: EAN-8, UPC-A, EAN-13, ITF-14
NEAR_DIGITS = 2  # a read that got so many digits wrong still gives most of the secret away
DIGITS = "0123456789"


class Verdict(Record):
    """``kind`` is one of the four above; ``reason`` says why it is no payment code, or is ""."""

    FIELDS = ("kind", "reason")

    def __init__(self, kind: str, reason: str) -> None:
        self.kind = kind
        self.reason = reason


def judge(
    text: str,
    prefixes: "tuple[str, ...]" = PREFIXES,
    lengths: "tuple[int, int]" = LENGTHS,
    not_payment: "tuple[str, ...]" = (),
) -> Verdict:
    """The kind of one whole scan, and words for the cashier.

    ``lengths`` holds the smallest and the largest number of digits.  ``not_payment`` holds the
    first characters of the shop's own cards and wins over everything else.
    """
    if not text:
        return Verdict(OTHER, "it could not be read")
    if text.startswith(not_payment):
        return Verdict(SHOP_CARD, "this is one of the shop's own cards")
    if _is_digits(text):
        return _judge_digits(text, prefixes, lengths)
    if _holds_a_code(text, prefixes, lengths):
        return Verdict(
            LOOKS_LIKE, "the code has characters that do not belong to it, please scan it again"
        )
    return Verdict(OTHER, "this is not a payment code: it is not made of digits alone")


def mask(code: str) -> str:
    """All that may be shown of a code, its first two digits and its length: "28... (24 digits)"."""
    if _is_digits(code):
        return f"{code[:2]}... ({len(code)} digits)"
    return f"({len(code)} characters)"


def _judge_digits(text: str, prefixes: "tuple[str, ...]", lengths: "tuple[int, int]") -> Verdict:
    smallest, largest = lengths
    if len(text) in GTIN_LENGTHS and len(text) < smallest and _gtin_checks(text):
        return Verdict(OTHER, "this is a product barcode, not a payment code")
    if not text.startswith(prefixes):
        return Verdict(OTHER, _why_foreign(text))
    if len(text) > largest:
        return Verdict(LOOKS_LIKE, "the code is too long, please scan it once more, alone")
    if len(text) >= smallest:
        return Verdict(PAYMENT_CODE, "")
    kind = LOOKS_LIKE if len(text) >= smallest - NEAR_DIGITS else OTHER
    return Verdict(kind, "the code is too short, please scan it again")


def _why_foreign(text: str) -> str:
    # antom-api.md §14: the first two digits and the length decide whose code it is.
    if len(text) == 18 and "10" <= text[:2] <= "15":
        return "this is a WeChat Pay code, it cannot be paid here"
    if len(text) == 19 and text[:2] == "62":
        return "this is a UnionPay code, it cannot be paid here"
    return "this is not a payment code: it begins with other digits"


def _holds_a_code(text: str, prefixes: "tuple[str, ...]", lengths: "tuple[int, int]") -> bool:
    """True if a payment code stands in the text, whole, cut by separators or control bytes, or
    with a letter or two for, or between, its digits."""
    runs = _runs_of_digits(text)
    together = "".join(runs)
    if not any(c.isalpha() for c in text):
        runs.append(together)
    if len(text) - len(together) <= NEAR_DIGITS and together.startswith(prefixes):
        return len(together) >= lengths[0] - NEAR_DIGITS
    # An AIM identifier that was not taken off: "]C1", or "+C1" from another keyboard's layout.
    if text[0] not in DIGITS and len(text) > 3:
        runs.extend(_runs_of_digits(text[3:]))
    return any(len(run) >= lengths[0] and run.startswith(prefixes) for run in runs)


def _runs_of_digits(text: str) -> "list[str]":
    runs = [""]
    for c in text:
        if c in DIGITS:
            runs[-1] += c
        elif runs[-1]:
            runs.append("")
    return runs


def _is_digits(text: str) -> bool:
    # str.isdigit also takes Arabic and full-width digits, on CPython only.
    return text != "" and all(c in DIGITS for c in text)


def _gtin_checks(text: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(text)):
        total += int(digit) * (3 if place % 2 else 1)
    return total % 10 == 0
