from tilld_core import typeset
from tilld_core.receipt_words import LANGUAGES, WORDS

SPACE = typeset.KEPT_SPACE


def test_wide_characters_take_two_cells() -> None:
    assert typeset.width("茶館") == 4
    assert typeset.width("Zażółć 12") == 9
    assert typeset.wrap("茶館茶館茶", 4) == ["茶館", "茶館", "茶"]


def test_words_wrap_at_spaces_and_inside_only_when_they_must() -> None:
    assert typeset.wrap("one two three", 7) == ["one two", "three"]
    assert typeset.wrap("one abcdefghij k", 4) == ["one", "abcd", "efgh", "ij k"]
    assert typeset.wrap("", 4) == []


def test_chinese_lines_are_filled_and_none_begins_with_a_full_stop() -> None:
    assert typeset.wrap("请保留此单。谢谢", 10) == ["请保留此", "单。谢谢"]
    assert typeset.wrap("Antom 付款号", 10) == ["Antom 付款", "号"]
    notice = WORDS["zh"]["cancel_queued"]
    comma, stop = notice[11], notice[-1]
    for columns in range(4, 40):
        for line in typeset.wrap(notice, columns):
            assert typeset.width(line) <= columns
            assert line[0] not in (comma, stop)


def test_a_long_word_is_cut_into_even_lines_without_hyphens() -> None:
    assert [block["text"] for block in typeset.identifier("abcdefghij", 6)] == ["abcde", "fghij"]
    assert typeset.cut("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert typeset.cut("茶", 1) == ["茶"]


def test_a_row_has_its_value_at_the_right_edge() -> None:
    assert typeset.row("Order", "A-1", 12) == [{"type": "text", "text": "Order    A-1"}]
    below = [block["text"] for block in typeset.row("Order", "A-1001-2026", 12)]
    assert below == ["Order", " A-1001-2026"]
    assert [b["text"] for b in typeset.row("订单", "茶館", 9)] == ["订单 茶館"]


def test_a_total_is_as_large_as_there_is_room_for() -> None:
    assert typeset.total("Sum", "1 EUR", 20) == [
        {"type": "text", "text": "Sum  1 EUR", "bold": True, "size": 2}
    ]
    label, value = typeset.total("A long label", "1 EUR", 20)
    assert (label.get("size"), value["text"], value["size"]) == (None, "     1 EUR", 2)
    (small,) = typeset.total("Sum", "1234567890 EUR", 20)
    assert (small["text"], small.get("size")) == ("Sum   1234567890 EUR", None)


def test_plain_lines_spread_what_paper_has_in_double_size() -> None:
    blocks = typeset.total("Sum", "1 EUR", 20) + typeset.rule(20) + typeset.big("COPY", 20)
    assert typeset.plain(blocks, 20) == [
        "Sum            1 EUR",
        "-" * 20,
        "        COPY",
    ]


def test_amounts_are_written_as_each_language_writes_them() -> None:
    for language, written in (
        ("en", "1,250.00 EUR"),
        ("de", "1.250,00 EUR"),
        ("fr", "1 250,00 EUR"),
        ("it", "1.250,00 EUR"),
        ("nl", "1.250,00 EUR"),
        ("es", "1250,00 EUR"),
        ("pl", "1250,00 EUR"),
        ("zh", "1,250.00 EUR"),
        ("ja", "1,250.00 EUR"),
    ):
        assert typeset.amount("1250.00 EUR", language).replace(SPACE, " ") == written
    assert typeset.amount("12500 JPY", "pl") == SPACE.join(("12", "500", "JPY"))
    assert typeset.amount("-1234567.890 KWD", "en") == "-1,234,567.890" + SPACE + "KWD"
    assert typeset.amount("0.05 EUR", "de") == "0,05" + SPACE + "EUR"


def test_every_language_writes_the_same_digits() -> None:
    for language in LANGUAGES:
        amount = typeset.amount("9876543210.99 EUR", language)
        assert "".join([c for c in amount if c in "0123456789"]) == "987654321099"
        moment = typeset.moment("2026-11-22 23:27:30 +01:00", language)
        for part in ("2026", "11", "22", "23:27:30", "+01:00"):
            assert part in moment


def test_dates_are_written_as_each_language_writes_them() -> None:
    at = "2026-11-22 23:27:30 +01:00"
    assert typeset.moment(at, "de").replace(SPACE, " ") == "22.11.2026 23:27:30 +01:00"
    assert typeset.moment(at, "en").replace(SPACE, " ") == at


def test_marks_join_their_letters_and_stray_ones_are_seen() -> None:
    assert typeset.printable("Cafe\u0301 Mu\u0308ller") == "Café Müller"
    assert typeset.printable("\u0301x\u0301") == "?x?"
    assert typeset.printable("a😀b") == "a?b"
    assert typeset.printable("茶館") == "茶館"


def test_control_characters_and_hidden_ones_are_replaced() -> None:
    hostile = "a\x1bp\x00\x10\x14\x01b\n\x7f\x9b\u202e\u2028\ufeff\u200d\xad\u061c"
    assert typeset.clean(hostile) == "a?p????b?????????"
    assert typeset.clean("Café 茶館 €") == "Café 茶館 €"


def test_hostile_texts_keep_every_line_within_its_cells() -> None:
    bad = (
        "x" * 300,
        "\u202e" * 50,
        "e\u0301" * 60,
        "\u0301" * 60,
        "😀" * 40,
        "茶" * 70,
        "a\tb\rc\nd" * 20,
        "\x1b@\x1dV\0" * 20,
        " " * 90,
        "word " * 40,
        "ﾃｽﾄ" * 30,
    )
    for columns in (16, 32, 42, 48):
        for text in bad:
            blocks = typeset.row("Order", text, columns) + typeset.headed((text, text), columns)
            blocks += typeset.row(typeset.printable(text), text, columns)
            for block in blocks:
                assert typeset.width(block["text"]) * block.get("size", 1) <= columns
                assert typeset.clean(block["text"]) == block["text"]
