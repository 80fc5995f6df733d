from tilld_core import messages, report_paper, typeset
from tilld_core.receipt_words import LANGUAGES
from tilld_core.report_words import WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OWED = "1795386450T00421250000000777MYCUQEABHQBKACMACIAAXYZ"


def report(**changes: "Any") -> "dict[str, Any]":
    told: dict[str, Any] = {
        "period": 12,
        "opened_at": "2026-11-22T08:00:00+01:00",
        "closed_at": "2026-11-22T20:00:00+01:00",
        "currencies": [
            {
                "currency": "EUR",
                "paid": {"count": 127, "sum": 184250},
                "refunded": {"count": 2, "sum": 2750},
                "returned": {"count": 0, "sum": 0},
            }
        ],
        "not_paid": [{"reason": "declined", "count": 4}, {"reason": "till_left", "count": 2}],
        "open_payments": [],
        "owed_cancels": [OWED],
        "unheard": [],
    }
    told.update(changes)
    return told


def lines(told: "dict[str, Any]", columns: int = 42, language: str = "en") -> "list[str]":
    document = report_paper.document(told, columns, ("Shop",), "7", language)
    return typeset.plain(document, columns)


def test_a_report_counts_and_sums_each_currency_and_says_what_is_left() -> None:
    assert lines(report())[2:15] == [
        "                REPORT 12",
        "",
        "Opened          2026-11-22 08:00:00 +01:00",
        "Closed          2026-11-22 20:00:00 +01:00",
        "Terminal                                 7",
        "",
        "EUR                       Number    Amount",
        "------------------------------------------",
        "Paid                         127  1,842.50",
        "Refunded                       2     27.50",
        "------------------------------------------",
        "Paid less refunds",
        "                              1,815.00 EUR",
    ]


def test_what_is_owed_is_named_and_what_is_not_is_none() -> None:
    shown = lines(report())
    assert "Not paid                                 6" in shown
    assert "Refused                                  4" in shown
    assert "Not decided yet                       none" in shown
    assert "Cancels still owed                       1" in shown
    assert OWED in "".join(shown)


def test_a_period_that_is_open_says_so() -> None:
    assert "Closed                          still open" in lines(report(closed_at=None))


def test_a_day_without_a_sale_has_a_report_too() -> None:
    shown = lines(report(currencies=[], not_paid=[], owed_cancels=[], opened_at=None))
    assert "Not paid                              none" in shown


def test_more_refunded_than_paid_is_below_zero() -> None:
    sums = report()["currencies"][0]
    sums["paid"] = {"count": 0, "sum": 0}
    assert any("-27.50 EUR" in line for line in lines(report(currencies=[sums])))


def test_a_long_list_is_cut_and_says_how_many_are_missing() -> None:
    shown = lines(report(unheard=[f"P{number:02d}" for number in range(23)]))
    assert "P19" in shown
    assert "P20" not in shown
    assert shown[-1].strip() == "+3"


def test_a_reason_without_words_is_shown_by_its_code() -> None:
    shown = lines(report(not_paid=[{"reason": "new_reason", "count": 1}]))
    assert "new_reason                               1" in shown


def test_every_language_has_every_word_and_every_line_fits() -> None:
    names = sorted(WORDS["en"])
    assert sorted(WORDS) == sorted(LANGUAGES)
    for language in LANGUAGES:
        assert sorted(WORDS[language]) == names
        for columns in (16, 32, 42, 48):
            for line in lines(report(), columns, language):
                assert typeset.width(line) <= columns


def test_the_reasons_of_the_till_socket_have_words() -> None:
    for reason in ("declined", "no_answer", "till_cancelled", "not_acknowledged"):
        assert reason in [row[0] for row in messages.REASONS]
        assert reason in WORDS["en"]


def test_a_report_ends_with_a_cut_and_may_begin_with_a_logo() -> None:
    document = report_paper.document(report(), 32, logo=b"png")
    assert document[0] == {"type": "image", "png": b"png"}
    assert document[-1] == {"type": "cut"}
