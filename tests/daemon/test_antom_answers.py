"""Answers are read with tolerance, and never raise."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilld_antom.answers import FORGED, SIGNED, UNSIGNED, is_amount, minor_units, parse, read
from tilld_antom.evidence import a_message, a_text, a_time, an_id, clean
from tilld_testkit.antom_ends import CODE, result

JSON = "application/json; charset=UTF-8"


def test_an_answer_gives_its_result_and_keeps_what_it_does_not_know() -> None:
    answer = read(200, JSON, result("S", "SUCCESS", paymentId="1", newField={"x": [1]}), SIGNED)
    assert (answer.trust, answer.status, answer.code) == (SIGNED, "S", "SUCCESS")
    assert answer.message == "words"
    assert answer.body["paymentId"] == "1"


@pytest.mark.parametrize("http_status", [100, 204, 301, 400, 401, 404, 429, 500, 502, 503])
def test_a_status_other_than_200_says_nothing(http_status: int) -> None:
    answer = read(http_status, JSON, result("S", "SUCCESS"), SIGNED)
    assert (answer.trust, answer.status, answer.body) == (UNSIGNED, "", {})
    assert str(http_status) in answer.message


def test_a_forged_answer_is_not_parsed() -> None:
    answer = read(200, JSON, result("S", "SUCCESS"), FORGED)
    assert (answer.trust, answer.status, answer.code, answer.body) == (FORGED, "", "", {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b'"S"',
        b"null",
        b'{"result":{"resultStatus":"S"',
        b'{"x":NaN}',
        b'{"x":Infinity}',
        b"\xff\xff",
        b'{"x":' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"x":' * 100_000,
        b"\x00\x00\x00{",
    ],
)
def test_what_is_no_json_object_says_nothing(content: bytes) -> None:
    assert parse(JSON, content) is None
    assert read(200, JSON, content, SIGNED).status == ""


@pytest.mark.parametrize(
    "made",
    [
        "null",
        "[]",
        '"S"',
        "{}",
        '{"resultStatus":null}',
        '{"resultStatus":1}',
        '{"resultStatus":true}',
        '{"resultStatus":["S"]}',
        '{"resultStatus":{"S":"S"}}',
        '{"resultStatus":"s"}',
        '{"resultStatus":"Success"}',
        '{"resultStatus":"X","resultCode":"SUCCESS"}',
    ],
)
def test_a_result_that_is_absent_or_odd_has_no_status(made: str) -> None:
    assert read(200, JSON, f'{{"result":{made}}}'.encode(), SIGNED).status == ""
    assert read(200, JSON, b"{}", SIGNED).status == ""


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        (JSON, "utf-8"),
        ("application/json", "utf-8"),
        ("", "utf-8"),
        ("application/json;charset=utf8", "utf-8"),
        ('application/json; Charset="GBK"', "gbk"),
        ("application/json; charset=gb18030", "gb18030"),
        ("application/json; charset=no-such", "utf-8"),
        ("application/json; charset=zlib", "utf-8"),
        ("application/json; charset=idna", "utf-8"),
    ],
)
def test_the_charset_of_the_header_is_used_when_it_is_a_known_one(
    content_type: str, charset: str
) -> None:
    content = json.dumps({"a": "支付"}, ensure_ascii=False).encode(charset)
    assert parse(content_type, content) == {"a": "支付"}


def test_escapes_pretty_printing_and_a_byte_order_mark_are_read() -> None:
    assert parse(JSON, b'{"a":"\\u652f"}') == {"a": "支"}
    assert parse(JSON, b'\xef\xbb\xbf{\n   "a": 1\n}\n') == {"a": 1}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SIGNATURE_INVALID", "INVALID_SIGNATURE"),
        ("INVALID_CODE", "INVALID_PAYMENT_CODE"),
        ("INVALID_CLIENT", "CLIENT_INVALID"),
        ("FREFUND_WINDOW_EXCEED", "REFUND_WINDOW_EXCEED"),
        ("ORDER_NOT_EXIST", "ORDER_NOT_EXIST"),
        ("Success", "Success"),
    ],
)
def test_a_code_of_older_material_has_its_present_name(old: str, new: str) -> None:
    assert read(200, JSON, result("F", old), SIGNED).code == new


@pytest.mark.parametrize(
    ("value", "minor"),
    [
        ("500", 500),
        (500, 500),
        ("0500", 500),
        ("0", 0),
        ("9999999999999999", 9999999999999999),
        ("99999999999999999", None),
        (10**30, None),
        (500.0, None),
        (True, None),
        (None, None),
        ("", None),
        ("5.00", None),
        ("-500", None),
        (-500, None),
        ("+500", None),
        (" 500", None),
        ("5_00", None),
        ("\uff15\uff10\uff10", None),
        ("five", None),
        (["500"], None),
        ({"value": "500"}, None),
    ],
)
def test_an_amount_is_digits_or_an_integer_and_nothing_else(value: object, minor: int) -> None:
    assert minor_units(value) == minor


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "500",
        {},
        {"value": "500"},
        {"currency": "EUR"},
        {"currency": "eur", "value": "500"},
        {"currency": "USD", "value": "500"},
        {"currency": "EUR", "value": "501"},
        {"currency": "EUR", "value": None},
        {"currency": ["EUR"], "value": "500"},
    ],
)
def test_another_amount_is_another_amount(value: object) -> None:
    assert not is_amount(value, "EUR", 500)
    assert is_amount({"currency": "EUR", "value": "500"}, "EUR", 500)


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (7, "7"), (0.5, "0.5"), (True, "true"), (False, "false"), (None, ""), ([], "")],
)
def test_a_scalar_is_read_as_text(value: object, text: str) -> None:
    assert a_text(value) == text


@pytest.mark.parametrize("value", ["", None, "a b", "a\n", "é", "x" * 65, "\ud800", [], {}])
def test_what_could_not_be_printed_as_a_barcode_is_no_id(value: object) -> None:
    assert an_id(value) == ""
    assert an_id("202003151940108001001881I0204295953") == "202003151940108001001881I0204295953"
    assert an_id(42) == "42"


@pytest.mark.parametrize(
    ("received", "kept"),
    [
        ("2019-04-04T14:08:56+05:30", "2019-04-04T14:08:56+05:30"),
        ("2019-04-04T14:08:56Z", "2019-04-04T14:08:56Z"),
        ("2019-04-04T14:08:56.123-08:00", "2019-04-04T14:08:56.123-08:00"),
        ("2019-04-04T14:08:56.1234567Z", "2019-04-04T14:08:56.1234567Z"),
        ("2019-04-04T14:08:56+0530", "2019-04-04T14:08:56+05:30"),
        ("2019-04-04T14:08:56", ""),
        ("2019-04-04 14:08:56Z", ""),
        ("2019-13-04T14:08:56Z", ""),
        ("2019-04-04T25:08:56Z", ""),
        ("2019-04-04T14:08:56+99:00", ""),
        ("1685599933871", ""),
        (1685599933871, ""),
        ("", ""),
        (None, ""),
        ("2019-04-04T14:08:56Z\n", ""),
    ],
)
def test_a_time_is_rfc_3339_or_not_a_time(received: object, kept: str) -> None:
    assert a_time(received) == kept


def test_a_message_is_short_printable_and_keeps_secrets_out() -> None:
    assert a_message("a\x1b[2Jb\r\nc\ud800") == "a [2Jb  c"
    assert len(a_message("x" * 5000)) == 256
    assert a_message("token T0KEN refused", ("", "T0KEN")) == "token … refused"
    assert a_message(f"code {CODE} expired") == "code 28… (24 digits) expired"
    assert a_message("payment 202003151940108001001881") == "payment 202003151940108001001881"


def test_facts_that_hold_a_secret_are_not_told() -> None:
    facts = {"antom_payment_id": CODE, "message": f"no {CODE}", "upstream_code": "X", "paid_at": ""}
    assert clean(facts, (CODE, "")) == {"message": "no …", "upstream_code": "X"}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_bytes_make_reading_raise(content: bytes, content_type: str) -> None:
    assert read(200, content_type, content, SIGNED).status in ("", "S", "F", "U")


@given(JSON_VALUES)
def test_no_json_makes_reading_raise(value: object) -> None:
    for made in (value, {"result": value}, {"result": {"resultStatus": value}}):
        assert read(200, JSON, json.dumps(made).encode(), SIGNED).status in ("", "S", "F", "U")
