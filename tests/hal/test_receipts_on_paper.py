"""Receipts as a customer holds them: every printer's width, a stranger's decoder, hostile texts."""

from __future__ import annotations

from typing import Any

import pytest
import zxingcpp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

from tilld_core import receipt, report_paper, typeset
from tilld_hal.escpos_render import EscposRenderer
from tilld_hal.printer_profiles import PROFILES
from tilld_testkit.paper import Paper
from tilld_testkit.receipt_pictures import ORDER_CODE, PAYMENT, REFUND, fields, logo

WIDTHS = {"generic-32": 384, "generic-42": 512, "generic-48": 576}
FORMS: dict[str, dict[str, Any]] = {
    "paid": {},
    "refund": {"kind": "refund", "refund": REFUND, "payment_value": 1250, "paid_s": 1795386450},
    "not paid": {"kind": "not_paid", "state": "cancel_queued"},
    "order code": {"kind": "order_code", "code": ORDER_CODE, "expires_s": 1795386570},
}

HOSTILE = "\x1b@\x1dV\0\x10\x14\x01\x00\x05\n\r\t\x0c\x18\x7f\x9b\u202eABC\u2066😀e\u0301\u0301茶"


def printed(document: list[dict[str, Any]], profile: str) -> Paper:
    paper = Paper(PROFILES[profile].columns, PROFILES[profile].chinese)
    paper.feed(EscposRenderer(profile).render(document))
    return paper


def worn(image: Image.Image) -> dict[str, Image.Image]:
    """What becomes of a receipt on its way to a scanner."""
    framed = ImageOps.expand(image, 40, 255)
    return {
        "as printed": framed,
        "blurred": framed.filter(ImageFilter.GaussianBlur(2)),
        "small": framed.resize((framed.width * 6 // 10, framed.height * 6 // 10)),
        "large and blurred": framed.resize(
            (framed.width * 17 // 10, framed.height * 17 // 10)
        ).filter(ImageFilter.GaussianBlur(3)),
        "askew": framed.rotate(7, expand=True, fillcolor=255),
        "pale": framed.point(lambda grey: 150 + grey * 80 // 255),
        "stretched": framed.resize((framed.width, framed.height * 106 // 100)),
    }


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("profile", sorted(WIDTHS))
def test_the_code_scans_from_paper_also_worn(profile: str, form: str) -> None:
    columns = PROFILES[profile].columns
    told = fields(**FORMS[form])
    paper = printed(receipt.document(told, columns, ("Shop",), ("Bye",)), profile)
    assert paper.width == WIDTHS[profile]
    expected = ORDER_CODE if form == "order code" else PAYMENT
    for how, image in worn(paper.image()).items():
        assert [code.text for code in zxingcpp.read_barcodes(image)] == [expected], how


@pytest.mark.parametrize("length", [32, 44, 51, 57, 64])
@pytest.mark.parametrize("profile", sorted(WIDTHS))
def test_an_id_of_any_length_scans_whole(profile: str, length: int) -> None:
    payment = ("1795386450T0042" + "ABCDEFGH234567" * 4)[:length]
    document = receipt.document(fields(payment=payment), PROFILES[profile].columns)
    paper = printed(document, profile)
    assert [code.text for code in paper.codes()] == [payment]
    assert payment in "".join(paper.lines)


@pytest.mark.parametrize("language", receipt.LANGUAGES)
def test_every_language_is_printed_letter_by_letter(language: str) -> None:
    profile = "chinese-48" if language in ("zh", "ja") else "generic-48"
    for state in receipt.SLIP_STATES:
        told = fields("not_paid", state=state, language=language)
        document = receipt.document(told, 48, language=language)
        assert lines_of(printed(document, profile)) == texts_of(document)


@pytest.mark.parametrize("language", [one for one in receipt.LANGUAGES if one not in ("zh", "ja")])
def test_a_narrow_printer_knows_the_letters_too(language: str) -> None:
    document = receipt.document(fields(language=language), 32, language=language)
    assert lines_of(printed(document, "generic-32")) == texts_of(document)


def test_a_logo_leaves_the_rest_as_it_is() -> None:
    plain = receipt.document(fields(), 42, ("Shop",))
    with_logo = receipt.document(fields(), 42, ("Shop",), logo=logo())
    below = lines_of(printed(with_logo, "generic-42"))
    assert below == ["", *lines_of(printed(plain, "generic-42"))]


def texts_of(document: list[dict[str, Any]]) -> list[str]:
    return [block["text"] for block in document if block["type"] == "text"]


def lines_of(paper: Paper) -> list[str]:
    assert paper.unknown == []
    return paper.lines


def is_the_job_alone(paper: Paper, document: list[dict[str, Any]], slips: int = 1) -> None:
    """Nothing was obeyed but what the document says, and every letter stands in its cell."""
    assert paper.unknown == []
    assert (paper.drawer_kicks, paper.power_offs, len(paper.cuts)) == (0, 0, slips)
    texts = texts_of(document)
    assert len(paper.lines) == len(texts)
    for line, text in zip(paper.lines, texts, strict=True):
        assert typeset.width(line) == typeset.width(text)
        at = 0
        for letter in text:
            cells = typeset.width(letter)
            assert line[at] == letter or line[at : at + cells] == "?" * cells, (line, text)
            at += 1 if line[at] == letter else cells


TEXTS = st.one_of(
    st.text(max_size=64),
    st.text(alphabet=st.characters(codec="cp437"), max_size=64),
    st.lists(
        st.sampled_from(["\x1b", "\x1d", "\x10", "\x04", "V", "@", "p", "\u202e", "e\u0301", "茶"]),
        max_size=40,
    ).map("".join),
)


@settings(max_examples=30, deadline=None)
@given(TEXTS, TEXTS, TEXTS, TEXTS, st.sampled_from(["generic-42", "generic-48", "chinese-48"]))
@example(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "generic-42")
@example("x" * 64, "w" * 256, "h" * 200, "c" * 16, "chinese-48")
def test_no_text_becomes_a_command_or_leaves_its_cells(
    order_ref: str, description: str, header: str, footer: str, profile: str
) -> None:
    told = fields(order_ref=order_ref, description=description, terminal=order_ref[:16])
    columns = PROFILES[profile].columns
    document = receipt.document(told, columns, (header, footer), (footer,), footer[:16])
    is_the_job_alone(printed(document, profile), document)


@pytest.mark.parametrize("text", [HOSTILE, "x" * 400, "\u0301" * 80, "😀" * 80, "茶" * 80])
def test_hostile_ids_in_a_report_stay_text(text: str) -> None:
    none = {"count": 0, "sum": 0}
    told = {
        "period": 1,
        "opened_at": text,
        "closed_at": None,
        "currencies": [{"currency": "EUR", "paid": none, "refunded": none, "returned": none}],
        "not_paid": [{"reason": text, "count": 1}],
        "open_payments": [text],
        "owed_cancels": [text],
        "unheard": [text],
    }
    document = report_paper.document(told, 42, (text,), text[:16])
    is_the_job_alone(printed(document, "generic-42"), document)


def test_the_checks_of_this_file_can_fail() -> None:
    document: list[dict[str, Any]] = [{"type": "text", "text": "茶a"}, {"type": "cut"}]
    is_the_job_alone(fed(b"??a\n\x1dV\0"), document)
    for wrong in (b"?a\n\x1dV\0", b"??a\n", b"??a\n\x1dV\0\x1bp\0\1\1", b"??b\n\x1dV\0", b"\x1bZ"):
        with pytest.raises(AssertionError):
            is_the_job_alone(fed(wrong), document)


def fed(data: bytes) -> Paper:
    paper = Paper(42)
    paper.feed(data)
    return paper
