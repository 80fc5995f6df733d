"""What stands on paper: the receipt, the refund's receipt, the NOT PAID slip, the order code's slip
(rules.md §6, I30).

Fields are data: control bytes in any of them are replaced here, so that no field can cut paper or
open a drawer, whatever prints it.  Nothing here can name a wallet or a card issuer, or show the
amount in the customer's currency: there is no parameter for it.
"""

from tilld_core import civil, money, typeset
from tilld_core.receipt_words import LANGUAGES, WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tilld_core.typeset import Block

    Fields = dict[str, "str | None"]

__all__ = ("LANGUAGES", "WORDS", "document", "fields", "lines")

METHOD = "Antom"
COPY_TEXT = "COPY"
COLUMNS_MIN = 16
DEFAULT_LANGUAGE = "en"
CHINESE_LETTERS = ("ja", "zh")  # languages whose letters few printers have

PAID = "paid"
REFUND = "refund"
NOT_PAID = "not_paid"
ORDER_CODE = "order_code"
KINDS = (PAID, REFUND, NOT_PAID, ORDER_CODE)

SLIP_STATES = (
    "failed",
    "cancelling",
    "cancel_queued",
    "refunding",
    "needs_attention",
    "cancelled",
    "returned",
    "handed_over",
    "written_off",
)

# `fields` of receipt.get: name, the kinds of paper that have it, what it is.
FIELDS = (
    ("kind", "", "`paid`, `refund`, `not_paid` or `order_code`"),
    ("payment", "", "the payment request id, which the barcode on paper holds"),
    ("antom_payment_id", "", "Antom's id of the payment"),
    ("order_ref", "", "the till's order"),
    ("description", "", "what the till said of the order"),
    ("amount", "", "the order's amount, or the refund's: `\"12.50 EUR\"`, in every language"),
    ("method", "", "always `Antom`, never the wallet or the card's issuer"),
    ("time", "", 'local time with its offset, `"2026-11-22 23:27:30 +01:00"`, or `"time not set"`'),
    ("terminal", "", "the terminal's number"),
    ("refund", REFUND, "the refund request id"),
    ("antom_refund_id", REFUND, "Antom's id of the refund"),
    ("payment_amount", REFUND, "the amount of the payment, where this terminal knows it"),
    ("payment_time", REFUND, "when it was paid, where this terminal knows it"),
    ("state", NOT_PAID, "the payment's state"),
    ("notice", "not_paid order_code", "for the customer, in the receipt's language"),
    ("code", ORDER_CODE, "the text of the QR code to show or print"),
    ("expires", ORDER_CODE, "until when it may be paid, as `time`"),
)

_ROWS = {
    PAID: ("order_ref", "description", "method", "time", "terminal"),
    REFUND: ("order_ref", "description", "refund method", "time", "terminal"),
    NOT_PAID: ("order_ref", "description", "amount", "not_paid method", "time", "terminal"),
    ORDER_CODE: ("order_ref", "description", "order_code method", "expires", "terminal"),
}
_ORIGINAL = ("payment_amount", "payment_time")
_PAYMENT_IDS = ("payment", "antom_payment_id")
_REFUND_IDS = ("refund", "antom_refund_id")
_TIMES = ("time", "payment_time", "expires")
_AMOUNTS = ("amount", "payment_amount")


def fields(
    kind: str,
    payment: str,
    order_ref: "str | None",
    currency: str,
    value: int,
    at_s: "int | None",
    offset_min: int,
    language: str = DEFAULT_LANGUAGE,
    antom_payment_id: "str | None" = None,
    description: "str | None" = None,
    terminal: "str | None" = None,
    state: "str | None" = None,
    refund: "str | None" = None,
    antom_refund_id: "str | None" = None,
    payment_value: "int | None" = None,
    paid_s: "int | None" = None,
    paid_offset_min: int = 0,
    code: "str | None" = None,
    expires_s: "int | None" = None,
) -> "Fields":
    """The receipt as data, cleaned: every name of FIELDS, None where it is not known.

    Times are epoch seconds with the shop's offset in minutes; ``at_s`` None is a clock that was
    not set.  ``value`` is the order's amount, or the refund's, in minor units; ``payment_value``
    and ``paid_s`` are those of the payment that a refund gives back.  ``state`` is needed for
    NOT_PAID and says what becomes of the money; ``code`` is needed for ORDER_CODE.
    """
    if (
        kind not in KINDS
        or (kind == NOT_PAID and state not in SLIP_STATES)
        or (kind == ORDER_CODE and not code)
    ):
        raise ValueError("no such receipt: " + kind)
    has_paid = payment_value is not None
    found = {
        "kind": kind,
        "payment": payment,
        "antom_payment_id": antom_payment_id,
        "order_ref": order_ref,
        "description": description,
        "amount": money.show(currency, value),
        "method": METHOD,
        "time": civil.receipt_text(at_s, offset_min),
        "terminal": terminal,
        "refund": refund,
        "antom_refund_id": antom_refund_id,
        "payment_amount": money.show(currency, payment_value or 0) if has_paid else None,
        "payment_time": civil.receipt_text(paid_s, paid_offset_min) if paid_s else None,
        "state": state,
        "notice": _notice(kind, state, language),
        "code": code,
        "expires": civil.receipt_text(expires_s, offset_min) if expires_s else None,
    }
    return {name: None if text is None else typeset.clean(text) for name, text in found.items()}


def document(
    receipt: "Fields",
    columns: int,
    header: "tuple[str, ...]" = (),
    footer: "tuple[str, ...]" = (),
    copy_text: str = "",
    language: str = DEFAULT_LANGUAGE,
    logo: bytes = b"",
) -> "list[Block]":
    """The receipt as blocks of `printer.print` (till_socket.md §2), each text one printed line.

    ``copy_text`` ("" on the first print, else the setting, default COPY) heads a reprint.
    ``logo`` is a PNG of at most 16 KiB.
    """
    if columns < COLUMNS_MIN:
        raise ValueError("a receipt needs 16 columns")
    kind = receipt["kind"] or ""
    words = WORDS[language]
    is_code = kind == ORDER_CODE
    barcode: "Block" = {"type": "qr", "data": receipt["code" if is_code else "payment"]}
    # The blank lines around it are its quiet zone.
    sections: "list[list[Block]]" = [
        typeset.big(copy_text, columns) if copy_text else [],
        [{"type": "image", "png": logo}] if logo else [],
        typeset.headed(header, columns),
        _title(kind, words, columns),
        typeset.paragraph(receipt["notice"] or "", columns, bold=True),
        _total(receipt, words, columns, language),
        [barcode] if is_code else [],
        _rows(receipt, _ROWS[kind], columns, language),
        _ids(receipt, _REFUND_IDS, columns, language),
        _original(receipt, columns, language),
        [] if is_code else _ids(receipt, _PAYMENT_IDS, columns, language),
        [] if is_code else [barcode],
        typeset.centred(footer, columns) if kind in (PAID, REFUND) else [],  # it gives thanks
    ]
    return typeset.stacked(sections)


def lines(
    receipt: "Fields",
    columns: int,
    header: "tuple[str, ...]" = (),
    footer: "tuple[str, ...]" = (),
    copy_text: str = "",
    language: str = DEFAULT_LANGUAGE,
) -> "list[str]":
    """The same as plain lines of at most ``columns`` cells, for `receipt.get`."""
    blocks = document(receipt, columns, header, footer, copy_text, language)
    return typeset.plain(blocks, columns)


def _notice(kind: str, state: "str | None", language: str) -> "str | None":
    if kind == NOT_PAID:
        return WORDS[language][state or ""]
    return WORDS[language]["order_code notice"] if kind == ORDER_CODE else None


def _title(kind: str, words: "dict[str, str]", columns: int) -> "list[Block]":
    title = words[kind + " title"]
    if kind == PAID:  # "12.50 EUR, paid with Antom" says it; what is not a receipt must shout
        return typeset.centred((title,), columns, bold=True)
    return typeset.big(title, columns)


def _total(
    receipt: "Fields", words: "dict[str, str]", columns: int, language: str
) -> "list[Block]":
    kind = receipt["kind"]
    if kind == NOT_PAID:
        return []  # its amount was not paid: a row among the others
    label = words["refund amount" if kind == REFUND else "amount"]
    shown = typeset.amount(receipt["amount"] or "", language)
    rule = typeset.rule(columns)
    return rule + typeset.total(label, shown, columns) + rule


def _rows(
    receipt: "Fields", names: "tuple[str, ...]", columns: int, language: str
) -> "list[Block]":
    blocks: "list[Block]" = []
    for label in names:
        name = label.split(" ")[-1]
        value = _shown(name, receipt[name], language)
        if value and name == "description":
            blocks += typeset.paragraph(value, columns)
        elif value:
            blocks += typeset.row(WORDS[language][label], value, columns)
    return blocks


def _original(receipt: "Fields", columns: int, language: str) -> "list[Block]":
    """Of a refund: what it gives back."""
    if receipt["kind"] != REFUND:
        return []
    title = WORDS[language]["original title"]
    rows = _rows(receipt, _ORIGINAL, columns, language)
    return typeset.paragraph(title, columns, bold=True) + rows


def _shown(name: str, value: "str | None", language: str) -> str:
    if not value:
        return ""
    if name in _AMOUNTS:
        return typeset.amount(value, language)
    if name not in _TIMES:
        return value
    if value == civil.TIME_NOT_SET:
        return WORDS[language]["time not set"]
    return typeset.moment(value, language)


def _ids(receipt: "Fields", names: "tuple[str, ...]", columns: int, language: str) -> "list[Block]":
    blocks: "list[Block]" = []
    for name in names:
        value = receipt[name]
        if value:
            blocks += typeset.paragraph(WORDS[language][name], columns)
            blocks += typeset.identifier(value, columns)
    return blocks
