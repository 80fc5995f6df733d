from tilld_core.paycode import LOOKS_LIKE, OTHER, PAYMENT_CODE, SHOP_CARD, judge, mask

SAMPLE = "281006020000000000125733"  # antom-api.md §3.3


def test_a_code_of_16_to_32_digits_that_begins_with_25_to_30_is_a_payment_code() -> None:
    for length in range(16, 33):
        for prefix in ("25", "26", "27", "28", "29", "30"):
            assert judge(prefix + "7" * (length - 2)).kind == PAYMENT_CODE
    assert judge(SAMPLE).reason == ""


def test_no_other_two_digits_begin_a_payment_code() -> None:
    for first in range(100):
        if not 25 <= first <= 30:
            assert judge(f"{first:02d}" + "1" * 16).kind == OTHER


def test_a_read_that_is_too_long_or_just_too_short_never_leaves_as_data() -> None:
    for text, words in (
        (SAMPLE + SAMPLE, "too long"),
        ("28" + "1" * 31, "too long"),
        ("28" + "1" * 13, "too short"),
        ("28" + "1" * 12, "too short"),
    ):
        verdict = judge(text)
        assert verdict.kind == LOOKS_LIKE
        assert words in verdict.reason


def test_a_code_with_foreign_characters_never_leaves_as_data() -> None:
    for text in (
        SAMPLE + "\r",
        SAMPLE[:8] + " " + SAMPLE[8:],
        "-".join(SAMPLE[n : n + 4] for n in range(0, 24, 4)),
        "\x02" + SAMPLE + "\x03",
        "]C1" + SAMPLE,
        "+Q1" + SAMPLE,  # "]Q1" as a German layout reads a US scanner
        "PAY:" + SAMPLE,
        SAMPLE + "X",
        "https://example.test/?code=" + SAMPLE,
    ):
        verdict = judge(text)
        assert verdict.kind == LOOKS_LIKE, text
        assert "do not belong" in verdict.reason


def test_a_code_with_a_letter_or_two_in_it_never_leaves_as_data() -> None:
    for at in range(len(SAMPLE) + 1):
        assert judge(SAMPLE[:at] + "x" + SAMPLE[at:]).kind == LOOKS_LIKE, at
        assert judge(SAMPLE[:at] + "x\u00e9" + SAMPLE[at:]).kind == LOOKS_LIKE, at
    for at in range(2, len(SAMPLE)):
        assert judge(SAMPLE[:at] + "O" + SAMPLE[at + 1 :]).kind == LOOKS_LIKE, at
    assert judge("28" + "1" * 12 + "A").kind == LOOKS_LIKE
    assert judge("28" + "1" * 11 + "A").kind == OTHER


def test_product_barcodes_and_other_wallets_are_named_for_the_cashier() -> None:
    for text, words in (
        ("4006381333931", "product barcode"),  # EAN-13
        ("2800000000004", "product barcode"),  # an in-store EAN-13 that begins like a code
        ("036000291452", "product barcode"),  # UPC-A
        ("96385074", "product barcode"),  # EAN-8
        ("134567890123456789", "WeChat Pay"),
        ("6212345678901234567", "UnionPay"),
        ("9912345678901234567", "begins with other digits"),
        ("28123", "too short"),
        ("https://example.test/menu", "not made of digits alone"),
        ("", "it could not be read"),
    ):
        verdict = judge(text)
        assert verdict.kind == OTHER, text
        assert words in verdict.reason


def test_text_with_a_short_number_in_it_is_data() -> None:
    for text in ("ORDER-28123456", "2026-11-22 23:27", "tel:+30 210 123 4567"):
        assert judge(text).kind == OTHER


def test_digits_of_other_scripts_are_no_payment_code() -> None:
    assert judge("\u0662\u0668" + "\u0661" * 16).kind == OTHER


def test_the_shops_own_cards_win_over_payment_codes() -> None:
    assert judge("2899" + "1" * 16, not_payment=("2899",)).kind == SHOP_CARD
    assert judge("2898" + "1" * 16, not_payment=("2899",)).kind == PAYMENT_CODE


def test_prefixes_and_lengths_are_open_to_expansion() -> None:
    assert judge("31" + "1" * 38, ("31",), (40, 40)).kind == PAYMENT_CODE
    assert judge(SAMPLE, ("31",), (40, 40)).kind == OTHER


def test_no_reason_repeats_what_was_read() -> None:
    for text in (SAMPLE + "X", SAMPLE + SAMPLE, "6212345678901234567", SAMPLE[:15]):
        assert text[:6] not in judge(text).reason


def test_a_mask_shows_two_digits_and_the_length() -> None:
    assert mask(SAMPLE) == "28... (24 digits)"
    assert mask(SAMPLE + "\r") == "(25 characters)"
