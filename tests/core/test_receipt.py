from tilld_core import receipt, typeset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tilld_core.receipt import Fields

PAYMENT = "1795386450T00421250000000777MYCUQEABHQBKACMACIAAXYZ"
ANTOM = "202003151940108001001881I0204295953"


def paid(**changes: "Any") -> "Fields":
    told: dict[str, Any] = {
        "kind": "paid",
        "payment": PAYMENT,
        "order_ref": "A-1001",
        "currency": "EUR",
        "value": 1250,
        "at_s": 1795386450,
        "offset_min": 60,
        "antom_payment_id": ANTOM,
        "terminal": "T0042",
    }
    told.update(changes)
    return receipt.fields(**told)


def joined(shown: "list[str]") -> str:
    return "".join(shown)


def test_a_receipt_says_who_took_the_money_when_how_much_and_for_what() -> None:
    shown = receipt.lines(paid(), 32, ("Shop",), ("Thank you",))
    assert shown == [
        "              Shop",
        "",
        "        Payment receipt",
        "",
        "--------------------------------",
        "Amount                 12.50 EUR",
        "--------------------------------",
        "",
        "Order                     A-1001",
        "Paid with                  Antom",
        "Time  2026-11-22 23:27:30 +01:00",
        "Terminal                   T0042",
        "",
        "Payment request ID",
        "1795386450T004212500000007",
        "77MYCUQEABHQBKACMACIAAXYZ",
        "Antom payment ID",
        "202003151940108001",
        "001881I0204295953",
        "",
        "           Thank you",
    ]


def test_a_qr_holds_the_whole_payment_request_id_on_every_slip() -> None:
    for fields in (
        paid(),
        paid(kind="refund", refund="R" + PAYMENT),
        paid(kind="not_paid", state="cancel_queued"),
    ):
        codes = [b for b in receipt.document(fields, 32) if b["type"] == "qr"]
        assert codes == [{"type": "qr", "data": PAYMENT}]


def test_every_text_fits_its_columns_and_ids_wrap_whole() -> None:
    for columns in (16, 24, 32, 42, 48):
        for language in receipt.LANGUAGES:
            for state in receipt.SLIP_STATES:
                fields = paid(kind="not_paid", state=state)
                for block in receipt.document(
                    fields, columns, ("Long " * 20,), (), "COPY", language
                ):
                    if block["type"] == "text":
                        assert typeset.width(block["text"]) * block.get("size", 1) <= columns
                flat = joined(receipt.lines(fields, columns, (), (), "", language))
                assert PAYMENT in flat
                assert ANTOM in flat


def test_a_reprint_is_headed_copy_and_a_first_print_is_not() -> None:
    first = receipt.document(paid(), 32)
    again = receipt.document(paid(), 32, (), (), "COPY")
    assert again[0] == {
        "type": "text",
        "text": "COPY",
        "align": "center",
        "bold": True,
        "size": 2,
    }
    assert again[1] == {"type": "text", "text": ""}
    assert again[2:] == first


def test_a_refund_names_its_own_ids_beside_the_payments() -> None:
    fields = paid(kind="refund", refund="R" + PAYMENT, antom_refund_id="2020X", value=250)
    flat = joined(receipt.lines(fields, 42))
    for text in ("REFUND", "2.50 EUR", "Refund request IDR" + PAYMENT, "2020X", ANTOM):
        assert text in flat


def test_a_refund_shows_the_payment_that_it_gives_back() -> None:
    refunded: dict[str, Any] = {"kind": "refund", "refund": "R1", "value": 250}
    known = paid(payment_value=1250, paid_s=1795386450, paid_offset_min=60, **refunded)
    shown = receipt.lines(known, 42)
    at = shown.index("Original payment")
    assert shown[at + 1] == "Amount paid                      12.50 EUR"
    assert shown[at + 2] == "Paid at         2026-11-22 23:27:30 +01:00"
    of_another_terminal = paid(**refunded)
    assert (of_another_terminal["payment_amount"], of_another_terminal["payment_time"]) == (
        None,
        None,
    )
    shown = receipt.lines(of_another_terminal, 42)
    assert shown[shown.index("Original payment") + 2] == "Payment request ID"


def test_an_order_codes_slip_has_its_code_its_amount_and_its_end_and_is_no_receipt() -> None:
    fields = paid(kind="order_code", code="https://pay.example/1", expires_s=1795386570)
    document = receipt.document(fields, 42)
    assert [b["data"] for b in document if b["type"] == "qr"] == ["https://pay.example/1"]
    shown = " ".join(receipt.lines(fields, 42))
    for text in ("SCAN TO PAY", "not a receipt", "12.50 EUR", "A-1001", "23:29:30"):
        assert text in shown
    for text in ("Paid with", "Payment receipt", "Payment request ID"):
        assert text not in shown


def test_the_fields_are_those_of_the_document_and_no_others() -> None:
    names = sorted(row[0] for row in receipt.FIELDS)
    for fields in (
        paid(),
        paid(kind="refund", refund="R1", payment_value=1, paid_s=1),
        paid(kind="not_paid", state="failed"),
        paid(kind="order_code", code="x", expires_s=1),
    ):
        assert sorted(fields) == names
        for name, kinds, _ in receipt.FIELDS:
            belongs = not kinds or fields["kind"] in kinds.split(" ")
            assert belongs or fields[name] is None, name


def test_nothing_on_paper_can_name_a_wallet_or_another_currency() -> None:
    for language in receipt.LANGUAGES:
        for words in receipt.WORDS[language].values():
            for name in ("Alipay", "WeChat", "PayPal", "GCash"):
                assert name.lower() not in words.lower()
    assert paid()["method"] == "Antom"


def test_the_orders_details_stand_below_its_number() -> None:
    fields = paid(description="2 coffees, 1 cake and something that needs a second line")
    shown = receipt.lines(fields, 32)
    at = shown.index("Order                     A-1001")
    assert shown[at + 1 : at + 3] == ["2 coffees, 1 cake and something", "that needs a second line"]


def test_the_notice_is_given_in_the_receipts_language() -> None:
    fields = paid(kind="not_paid", state="failed", language="de")
    assert fields["notice"] == "Es wurde kein Geld abgebucht."
    assert "NICHT BEZAHLT" in " ".join(receipt.lines(fields, 42, (), (), "", "de"))


def test_a_slip_says_not_paid_and_what_happens_to_the_money() -> None:
    for state, words in (
        ("failed", "No money was taken."),
        ("cancelling", "is being cancelled. The money comes back to you by itself."),
        ("cancel_queued", "as soon as the connection allows. The money comes back to you"),
        ("refunding", "is being returned to you by a refund."),
        ("needs_attention", "Keep this slip."),
        ("cancelled", "The payment was cancelled."),
        ("returned", "was returned to you by a refund."),
        ("handed_over", "The money comes back to you by itself."),
        ("written_off", "ask the shop"),
    ):
        shown = " ".join(receipt.lines(paid(kind="not_paid", state=state), 42))
        assert "NOT PAID" in shown
        assert words in shown, state
        assert "Paid with" not in shown


def test_every_language_has_every_word() -> None:
    names = sorted(receipt.WORDS["en"])
    for language in receipt.LANGUAGES:
        assert sorted(receipt.WORDS[language]) == names
        assert all(receipt.WORDS[language].values())
        assert set("{}[]<>") & set("".join(receipt.WORDS[language].values())) == set()


def test_a_clock_that_was_not_set_is_said() -> None:
    assert paid(at_s=None)["time"] == "time not set"
    assert "time not set" in " ".join(receipt.lines(paid(at_s=None), 32))
    assert "Zeit nicht gestellt" in " ".join(receipt.lines(paid(at_s=None), 32, (), (), "", "de"))


def test_control_bytes_in_any_field_are_replaced() -> None:
    hostile = "a\x1bp\x00\x10\x14\x01b\n\x7f\x9b\u202e\u2028\ufeff"
    fields = paid(
        order_ref=hostile, antom_payment_id=hostile, terminal=hostile, description=hostile
    )
    document = receipt.document(fields, 32, (hostile,), (hostile,), hostile)
    for block in document:
        for c in block.get("text", "") + block.get("data", ""):
            assert 0x20 <= ord(c) < 0x7F or ord(c) >= 0xA0
            assert c not in "\u202e\u2028\ufeff"
    assert fields["order_ref"] == "a?p????b??????"


def test_what_is_not_known_is_left_out_of_paper_and_none_in_the_fields() -> None:
    fields = paid(antom_payment_id=None, order_ref=None, terminal=None)
    assert fields["antom_payment_id"] is None
    shown = joined(receipt.lines(fields, 32))
    assert "Antom payment ID" not in shown
    assert "Order" not in shown
    assert "Terminal" not in shown


def test_a_slip_without_its_state_and_paper_too_narrow_are_bugs() -> None:
    for act in (
        lambda: paid(kind="not_paid"),
        lambda: paid(kind="not_paid", state="paid"),
        lambda: paid(kind="other"),
        lambda: paid(kind="order_code"),
        lambda: receipt.document(paid(), 15),
    ):
        try:
            act()
        except ValueError:
            continue
        raise AssertionError("accepted")


def test_paper_ends_with_a_cut_and_may_begin_with_a_logo() -> None:
    document = receipt.document(paid(), 32, logo=b"png")
    assert document[0] == {"type": "image", "png": b"png"}
    assert document[-1] == {"type": "cut"}


def test_blank_lines_keep_the_qr_free_on_every_slip() -> None:
    blank = {"type": "text", "text": ""}
    for kind, state in (("paid", None), ("not_paid", "failed")):
        document = receipt.document(paid(kind=kind, state=state), 42, (), ("Thank you",))
        at = [block["type"] for block in document].index("qr")
        assert document[at - 1] == blank
        assert document[at + 1] in (blank, {"type": "cut"})  # a cut feeds the paper first
        assert document[0] != blank


def test_the_footer_gives_thanks_only_where_somebody_paid() -> None:
    for kind, state, code, thanks in (
        ("paid", None, None, True),
        ("refund", None, None, True),
        ("not_paid", "failed", None, False),
        ("order_code", None, "x", False),
    ):
        fields = paid(kind=kind, state=state, code=code)
        shown = " ".join(receipt.lines(fields, 42, ("Shop",), ("Thank you",)))
        assert ("Thank you" in shown) == thanks, kind
