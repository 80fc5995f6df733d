"""What stands on paper: the receipt, the refund's receipt and the NOT PAID slip (rules.md §6, I30).

Fields are data: control bytes in any of them are replaced here, so that no field can cut paper or
open a drawer, whatever prints it.  Nothing here can name a wallet or a card issuer, or show the
amount in the customer's currency: there is no parameter for it.

A *receipt* is a dict of str -> str (or None where a value is not known):
``kind`` "paid" | "refund" | "not_paid", ``method`` always "Antom", ``payment`` (payment request
id), ``antom_payment_id``, ``refund``, ``antom_refund_id``, ``order_ref``, ``amount`` ("12.50 EUR"),
``time`` ("2026-11-22 23:27:30 +01:00" or "time not set"), ``terminal``, ``state`` (of a slip).
"""

from tilld_core import civil, money

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Block = dict[str, Any]
    Fields = dict[str, "str | None"]

METHOD = "Antom"
COPY_TEXT = "COPY"
COLUMNS_MIN = 16

PAID = "paid"
REFUND = "refund"
NOT_PAID = "not_paid"

# What happens to the money, for each not_paid state of rules.md §1.
_PENDING_EN = "If your wallet shows a charge, it is being cancelled and returned to you by itself."
_PENDING_DE = "Falls Ihre Wallet eine Belastung zeigt, wird sie storniert und von selbst erstattet."
WORDS = {
    "en": {
        "refund title": "REFUND",
        "not_paid title": "NOT PAID",
        "order_ref": "Order",
        "amount": "Amount",
        "method": "Paid with",
        "refund method": "Refunded with",
        "not_paid method": "Payment with",
        "time": "Time",
        "terminal": "Terminal",
        "payment": "Payment request ID",
        "antom_payment_id": "Antom payment ID",
        "refund": "Refund request ID",
        "antom_refund_id": "Antom refund ID",
        "failed": "No money was taken.",
        "cancelling": _PENDING_EN,
        "cancel_queued": _PENDING_EN,
        "handed_over": _PENDING_EN,
        "refunding": "The charge is being returned to you by a refund.",
        "needs_attention": "If your wallet shows a charge, it is to be returned to you. The shop "
        "has been told to see to it. Keep this slip.",
        "cancelled": "The payment was cancelled. A charge, if there was one, has been returned.",
        "returned": "The charge was returned to you by a refund.",
        "written_off": "The shop has closed this payment by hand. If your wallet shows a charge, "
        "ask the shop and show this slip.",
    },
    "de": {
        "refund title": "ERSTATTUNG",
        "not_paid title": "NICHT BEZAHLT",
        "order_ref": "Bestellung",
        "amount": "Betrag",
        "method": "Bezahlt mit",
        "refund method": "Erstattet mit",
        "not_paid method": "Zahlung mit",
        "time": "Zeit",
        "terminal": "Terminal",
        "payment": "Zahlungsanfrage-ID",
        "antom_payment_id": "Antom-Zahlungs-ID",
        "refund": "Erstattungsanfrage-ID",
        "antom_refund_id": "Antom-Erstattungs-ID",
        "failed": "Es wurde kein Geld abgebucht.",
        "cancelling": _PENDING_DE,
        "cancel_queued": _PENDING_DE,
        "handed_over": _PENDING_DE,
        "refunding": "Die Belastung wird Ihnen erstattet.",
        "needs_attention": "Falls Ihre Wallet eine Belastung zeigt, wird sie erstattet. Das "
        "Geschäft ist verständigt. Bewahren Sie diesen Beleg auf.",
        "cancelled": "Die Zahlung wurde storniert. Eine Belastung wurde zurückgegeben.",
        "returned": "Die Belastung wurde Ihnen erstattet.",
        "written_off": "Das Geschäft hat diese Zahlung von Hand abgeschlossen. Falls Ihre Wallet "
        "eine Belastung zeigt, fragen Sie dort mit diesem Beleg nach.",
    },
}
LANGUAGES = tuple(sorted(WORDS))
_TIME_NOT_SET = {"en": civil.TIME_NOT_SET, "de": "Zeit nicht gestellt"}
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

_ROWS = {
    PAID: ("order_ref", "amount", "method", "time", "terminal"),
    REFUND: ("order_ref", "amount", "refund method", "time", "terminal"),
    NOT_PAID: ("order_ref", "amount", "not_paid method", "time", "terminal"),
}
_IDS = {
    PAID: ("payment", "antom_payment_id"),
    REFUND: ("refund", "antom_refund_id", "payment", "antom_payment_id"),
    NOT_PAID: ("payment", "antom_payment_id"),
}


def fields(
    kind: str,
    payment: str,
    order_ref: "str | None",
    currency: str,
    value: int,
    at_s: "int | None",
    offset_min: int,
    antom_payment_id: "str | None" = None,
    refund: "str | None" = None,
    antom_refund_id: "str | None" = None,
    terminal: "str | None" = None,
    state: "str | None" = None,
) -> "Fields":
    """The receipt as data, cleaned.  Times are epoch seconds with the shop's offset in minutes;
    ``at_s`` None is a clock that was not set.

    ``value`` is the order's amount, or the refund's, in minor units; ``state`` is needed for
    NOT_PAID and says what becomes of the money.
    """
    if kind not in _ROWS or (kind == NOT_PAID and state not in SLIP_STATES):
        raise ValueError("no such receipt: " + kind)
    found = {
        "kind": kind,
        "method": METHOD,
        "payment": payment,
        "antom_payment_id": antom_payment_id,
        "refund": refund,
        "antom_refund_id": antom_refund_id,
        "order_ref": order_ref,
        "amount": money.show(currency, value),
        "time": civil.receipt_text(at_s, offset_min),
        "terminal": terminal,
        "state": state,
    }
    return {name: None if text is None else clean(text) for name, text in found.items()}


def document(
    receipt: "Fields",
    columns: int,
    header: "tuple[str, ...]" = (),
    footer: "tuple[str, ...]" = (),
    copy_text: str = "",
    language: str = "en",
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
    notice = words[receipt["state"] or ""] if kind == NOT_PAID else ""
    ids: "list[Block]" = []
    for name in _IDS[kind]:
        ids += _id(words[name], receipt[name], columns)
    sections: "list[list[Block]]" = [
        [{"type": "image", "png": logo}] if logo else [],
        _big(copy_text, columns),
        _centred(header, columns),
        _big(words.get(kind + " title", ""), columns),
        _table(receipt, columns, language),
        [_text(line, bold=True) for line in wrap(notice, columns)],
        ids,
        [{"type": "qr", "data": receipt["payment"]}],  # the blank lines are its quiet zone
        _centred(footer, columns),
    ]
    blocks: "list[Block]" = []
    for section in sections:
        if section:
            blocks += [_text("")] + section if blocks else section
    blocks.append({"type": "cut"})
    return blocks


def lines(
    receipt: "Fields",
    columns: int,
    header: "tuple[str, ...]" = (),
    footer: "tuple[str, ...]" = (),
    copy_text: str = "",
    language: str = "en",
) -> "list[str]":
    """The same as plain lines of at most ``columns`` cells, for `receipt.get`."""
    shown: "list[str]" = []
    for block in document(receipt, columns, header, footer, copy_text, language):
        if block["type"] == "text":
            text = block["text"]
            if block.get("align") == "center":
                text = " " * ((columns - width(text)) // 2) + text
            if text or (shown and shown[-1]):  # one blank line where paper has the QR between two
                shown.append(text)
    return shown if shown[-1] else shown[:-1]


def clean(text: str) -> str:
    """The text with every control character, and every character that turns or hides text, as "?".

    Printers obey bytes below 0x20 and 0x7f; some also 0x80 to 0x9f.
    """
    return "".join("?" if _is_control(ord(c)) else c for c in text)


def wrap(text: str, columns: int) -> "list[str]":
    """Lines of at most ``columns`` cells, broken at spaces, or inside a word longer than a line."""
    done: "list[str]" = []
    line = ""
    for word in text.split(" "):
        joined = line + " " + word if line else word
        if width(joined) <= columns:
            line = joined
            continue
        if line:
            done.append(line)
        pieces = _pieces(word, columns)
        done += pieces[:-1]
        line = pieces[-1]
    if line:
        done.append(line)
    return done


def width(text: str) -> int:
    """Printed cells: East Asian wide characters take two."""
    return sum(2 if _is_wide(ord(c)) else 1 for c in text)


def _table(receipt: "Fields", columns: int, language: str) -> "list[Block]":
    words = WORDS[language]
    blocks: "list[Block]" = []
    for row in _ROWS[receipt["kind"] or ""]:
        name = row.split(" ")[-1]
        value = receipt[name]
        if value == civil.TIME_NOT_SET and name == "time":
            value = _TIME_NOT_SET[language]
        if value:
            blocks += [
                _text(line, bold=name == "amount") for line in _row(words[row], value, columns)
            ]
    return blocks


def _row(label: str, value: str, columns: int) -> "list[str]":
    """Label left and value right on one line, or the value below its label."""
    space = columns - width(label) - width(value)
    if space >= 1:
        return [label + " " * space + value]
    return wrap(label, columns) + wrap(value, columns)


def _id(label: str, value: "str | None", columns: int) -> "list[Block]":
    if not value:
        return []
    rows = -(-width(value) // columns)
    # Lines of one length, so that no single character is left over on the last.
    return [_text(line) for line in wrap(label, columns) + _pieces(value, -(-width(value) // rows))]


def _big(text: str, columns: int) -> "list[Block]":
    return [
        {"type": "text", "text": line, "align": "center", "bold": True, "size": 2}
        for line in wrap(clean(text), columns // 2)
    ]


def _centred(texts: "tuple[str, ...]", columns: int) -> "list[Block]":
    return [
        {"type": "text", "text": line, "align": "center"}
        for text in texts
        for line in wrap(clean(text), columns)
    ]


def _text(line: str, bold: bool = False) -> "Block":
    return {"type": "text", "text": line, "bold": True} if bold else {"type": "text", "text": line}


def _pieces(word: str, columns: int) -> "list[str]":
    """The word cut into pieces of at most ``columns`` cells; nothing is lost or added."""
    pieces = [""]
    for c in word:
        if width(pieces[-1] + c) > columns:
            pieces.append("")
        pieces[-1] += c
    return pieces


def _is_control(code: int) -> bool:
    return (
        code < 0x20
        or 0x7F <= code < 0xA0
        or 0x200B <= code <= 0x200F  # zero width, left to right marks
        or 0x2028 <= code <= 0x202E  # line and paragraph separators, direction overrides
        or 0x2060 <= code <= 0x206F
        or code == 0xFEFF
        or 0xD800 <= code <= 0xDFFF  # a lone surrogate can't be encoded
    )


def _is_wide(code: int) -> bool:
    return (
        0x1100 <= code <= 0x115F
        or 0x2E80 <= code <= 0xA4CF
        or 0xAC00 <= code <= 0xD7A3
        or 0xF900 <= code <= 0xFAFF
        or 0xFE30 <= code <= 0xFE6F
        or 0xFF00 <= code <= 0xFF60
        or 0xFFE0 <= code <= 0xFFE6
        or 0x1F300 <= code <= 0x1FAFF
        or 0x20000 <= code <= 0x3FFFD
    )
