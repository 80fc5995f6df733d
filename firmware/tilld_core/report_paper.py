"""The report of a period on paper, from the map of `report.get` (till_socket.md §2)."""

from tilld_core import civil, money, typeset
from tilld_core.report_words import WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tilld_core.typeset import Block

LISTED_MAX = 20  # payments by name; of more, the till has the list
_SUMS = ("paid", "refunded", "returned")


def document(
    report: "dict[str, Any]",
    columns: int,
    header: "tuple[str, ...]" = (),
    terminal: str = "",
    language: str = "en",
    logo: bytes = b"",
) -> "list[Block]":
    """The report as blocks of `printer.print`.

    ``report`` has ``period``, ``opened_at`` and ``closed_at`` (RFC 3339 or None), ``currencies``
    (maps of ``currency`` and of ``paid``, ``refunded``, ``returned``: each ``count`` and ``sum`` in
    minor units), ``not_paid`` (maps of ``reason`` and ``count``), and the ids ``open_payments``,
    ``owed_cancels`` and ``unheard``.
    """
    words = WORDS[language]
    sections: "list[list[Block]]" = [
        [{"type": "image", "png": logo}] if logo else [],
        typeset.headed(header, columns),
        typeset.big(words["title"] + " " + str(report["period"]), columns),
        _times(report, terminal, columns, language),
    ]
    for sums in report["currencies"]:
        sections.append(_sums(sums, columns, language))
    sections.append(_reasons(report["not_paid"], columns, words))
    for name in ("open_payments", "owed_cancels", "unheard"):
        sections.append(_ids(words[name], report[name], columns, words))
    return typeset.stacked(sections)


def _times(report: "dict[str, Any]", terminal: str, columns: int, language: str) -> "list[Block]":
    words = WORDS[language]
    opened, closed = report["opened_at"], report["closed_at"]
    rows: "list[Block]" = []
    if opened:
        rows += typeset.row(words["opened"], _moment(opened, language), columns)
    shown = _moment(closed, language) if closed else words["open now"]
    rows += typeset.row(words["closed"], shown, columns)
    return rows + typeset.row(words["terminal"], terminal, columns) if terminal else rows


def _sums(sums: "dict[str, Any]", columns: int, language: str) -> "list[Block]":
    """A line for each kind: how many and how much; what is left of the paid stands out below."""
    words = WORDS[language]
    currency = sums["currency"]
    rows = [["", words["count"], words["sum"]]]
    for name in _SUMS:
        if name == "paid" or sums[name]["count"]:
            shown = typeset.amount(money.show(currency, sums[name]["sum"]), language)
            number = shown.split(typeset.KEPT_SPACE + currency)[0]
            rows.append([words[name], str(sums[name]["count"]), number])
    rows[0][0] = currency
    counts = max([typeset.width(row[1]) for row in rows])
    numbers = max([typeset.width(row[2]) for row in rows])
    rule = typeset.rule(columns)
    blocks: "list[Block]" = []
    for label, count, number in rows:
        value = _filled(count, counts) + typeset.KEPT_SPACE * 2 + _filled(number, numbers)
        blocks += typeset.row(label, value, columns) + (rule if label == currency else [])
    left = money.show(currency, sums["paid"]["sum"] - sums["refunded"]["sum"])
    return blocks + rule + typeset.total(words["net"], typeset.amount(left, language), columns)


def _filled(text: str, cells: int) -> str:
    return typeset.KEPT_SPACE * (cells - typeset.width(text)) + text


def _reasons(
    counted: "list[dict[str, Any]]", columns: int, words: "dict[str, str]"
) -> "list[Block]":
    title = words["not_paid"]
    if not counted:
        return typeset.row(title, words["none"], columns, bold=True)
    rows = typeset.row(title, str(sum(one["count"] for one in counted)), columns, bold=True)
    for one in counted:
        rows += typeset.row(words.get(one["reason"], one["reason"]), str(one["count"]), columns)
    return rows


def _ids(title: str, ids: "list[str]", columns: int, words: "dict[str, str]") -> "list[Block]":
    if not ids:
        return typeset.row(title, words["none"], columns, bold=True)
    rows = typeset.row(title, str(len(ids)), columns, bold=True)
    for one in ids[:LISTED_MAX]:
        rows += typeset.identifier(one, columns)
    if len(ids) > LISTED_MAX:
        rows += typeset.row("", "+" + str(len(ids) - LISTED_MAX), columns)
    return rows


def _moment(at: str, language: str) -> str:
    """An RFC 3339 time as it stands, in the language's way."""
    if civil.parse_rfc3339(at) is None:
        return at
    return typeset.moment(at[:10] + " " + at[11:19] + " " + at[19:], language)
