"""Signatures: every vector of the official SDK, and what a peer may write otherwise."""

from __future__ import annotations

import base64
import subprocess
import sys
import traceback
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from tilld_antom.signing import (
    BadKey,
    Signer,
    content_to_sign,
    format_header,
    load_private_key,
    load_public_key,
    parse_header,
)
from tilld_testkit.antom_ends import (
    ANTOM_PUBLIC,
    ANTOMS,
    KEYS,
    MERCHANT_PRIVATE,
    OURS,
    VECTORS,
)

PATH = "/ams/api/v1/payments/pay"
REQUESTS = [v for v in VECTORS["vectors"] if v["kind"] == "request"]
FROM_ANTOM = [v for v in VECTORS["vectors"] if v["kind"] != "request"]


def armoured(label: str, text: str, newline: str = "\n") -> str:
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return newline.join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda v: v["id"])
def test_the_content_to_sign_is_the_sdks(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    made = content_to_sign(vector["path"], vector["client_id"], vector["time"], body)
    assert made == vector["content_to_sign"].encode()


@pytest.mark.parametrize("vector", REQUESTS, ids=lambda v: v["id"])
def test_a_request_is_signed_byte_for_byte_as_the_sdk_signs_it(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    header = OURS.sign(vector["path"], vector["client_id"], vector["time"], body)
    assert header == vector["signature_header"]
    assert header.endswith(vector["signature_urlencoded"])
    raw = parse_header(header)
    assert raw is not None
    assert base64.b64encode(raw).decode() == vector["signature_base64"]


@pytest.mark.parametrize("vector", FROM_ANTOM, ids=lambda v: v["id"])
def test_what_antom_signed_is_told_from_what_was_tampered_with(vector: dict[str, Any]) -> None:
    ok = OURS.verify(
        vector["path"],
        vector["client_id"],
        vector["time"],
        vector["body"].encode(),
        vector["signature_header"],
    )
    assert ok is vector["expected_valid"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        '{"a":"汉字"}'.encode(),
        b'{"a":"\\u6c49"}',
        b'{"a":". & + = % / ? # \\" \\\\"}',
        b'{\n   "a": "pretty"\n}',
        b"x" * 30_000,
        b"\xff\xfe not UTF-8",
    ],
)
def test_any_body_is_signed_and_verified_as_it_is(body: bytes) -> None:
    header = ANTOMS.sign(PATH, "c", "t", body)
    assert OURS.verify(PATH, "c", "t", body, header)
    assert not OURS.verify(PATH, "c", "t", body + b" ", header)


@pytest.mark.parametrize("changed", ["path", "client_id", "time", "body"])
def test_each_signed_part_counts(changed: str) -> None:
    parts = {"path": PATH, "client_id": "client", "time": "2026-11-22T18:30:06Z"}
    header = ANTOMS.sign(**parts, body=b"{}")
    assert OURS.verify(**parts, body=b"{}", header=header)
    other = {changed: parts[changed] + "?"} if changed != "body" else {}
    body = b"{ }" if changed == "body" else b"{}"
    assert not OURS.verify(**{**parts, **other}, body=body, header=header)


def test_a_query_of_a_notify_url_is_part_of_the_path() -> None:
    header = ANTOMS.sign("/notify?shop=1", "c", "t", b"{}")
    assert OURS.verify("/notify?shop=1", "c", "t", b"{}", header)
    assert not OURS.verify("/notify", "c", "t", b"{}", header)


def plus_and_slash() -> tuple[bytes, str]:
    """A body whose signature holds both characters that need an escape."""
    for number in range(100):
        body = str(number).encode()
        raw = parse_header(ANTOMS.sign(PATH, "c", "t", body))
        assert raw is not None
        text = base64.b64encode(raw).decode()
        if "+" in text and "/" in text:
            return body, text
    raise AssertionError("no such signature in a hundred")


@pytest.mark.parametrize(
    "header",
    [
        "algorithm=RSA256,keyVersion=1,signature={upper}",
        "algorithm=RSA256, keyVersion=1, signature={upper}",
        "algorithm=RSA256,keyVersion=1,signature={lower}",
        "algorithm=RSA256,keyVersion=1,signature={bare}",
        "signature={upper},keyVersion=2,algorithm=RSA256",
        "keyVersion=1,signature={upper}",
        "  Algorithm=RSA256 , KeyVersion=1 , Signature={upper} ",
    ],
)
def test_a_header_is_read_however_a_peer_writes_it(header: str) -> None:
    body, text = plus_and_slash()
    upper = quote(text, safe="")
    lower = upper.replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d")
    written = header.format(upper=upper, lower=lower, bare=text)
    assert OURS.verify(PATH, "c", "t", body, written)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "testing_signature",
        "algorithm=RSA256,keyVersion=1",
        "algorithm=RSA256,keyVersion=1,signature=",
        "algorithm=RSA256,keyVersion=1,signature=%%%",
        "algorithm=RSA256,keyVersion=1,signature=é",
        "algorithm=none,keyVersion=1,signature=AAAA",
        "algorithm=RSA256,signature=AAAA,signature=BBBB",
        "signature=" + "A" * 8000,
    ],
)
def test_a_header_without_a_readable_signature_is_none(header: str) -> None:
    assert parse_header(header) is None
    assert not OURS.verify(PATH, "c", "t", b"{}", header)


@given(st.text(max_size=200))
def test_no_header_makes_verification_raise_or_pass(header: str) -> None:
    assert not OURS.verify(PATH, "c", "t", b"{}", header)
    assert not OURS.verify(PATH, "c", "t", b"{}", "algorithm=RSA256,signature=" + header)


@given(st.binary(min_size=1, max_size=600))
def test_a_written_header_is_read_back(signature: bytes) -> None:
    assert parse_header(format_header(signature, "7")) == signature


@pytest.mark.parametrize(
    "text",
    [
        MERCHANT_PRIVATE,
        KEYS["merchant"]["private_pkcs1_der_base64"],
        "\n" + MERCHANT_PRIVATE + "\n",
        armoured("PRIVATE KEY", MERCHANT_PRIVATE),
        armoured("PRIVATE KEY", MERCHANT_PRIVATE, "\r\n"),
        armoured("RSA PRIVATE KEY", KEYS["merchant"]["private_pkcs1_der_base64"]),
        armoured("RSA PRIVATE KEY", MERCHANT_PRIVATE),
    ],
)
def test_every_form_of_a_private_key_is_the_same_key(text: str) -> None:
    vector = REQUESTS[0]
    signer = Signer(text, armoured("PUBLIC KEY", ANTOM_PUBLIC))
    body = vector["body"].encode()
    header = signer.sign(vector["path"], vector["client_id"], vector["time"], body)
    assert header == vector["signature_header"]


def test_a_public_key_may_be_spki_or_pkcs1() -> None:
    key = load_public_key(ANTOM_PUBLIC)
    pkcs1 = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    assert load_public_key(pkcs1.decode()).public_numbers() == key.public_numbers()


def encoded(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> str:
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        how = serialization.BestAvailableEncryption(password)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption_algorithm=how
    )
    return pem.decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not an RSA private key"),
        ("hello, world", "neither PEM nor base64"),
        ("é", "neither PEM nor base64"),
        (ANTOM_PUBLIC, "not an RSA private key"),
        (MERCHANT_PRIVATE[:-40], "not an RSA private key"),
        (encoded(ec.generate_private_key(ec.SECP256R1())), "not an RSA one"),
        (encoded(rsa.generate_private_key(65537, 1024)), "2048 is the least"),
        (encoded(load_private_key(MERCHANT_PRIVATE), b"secret"), "is encrypted"),
    ],
)
def test_a_private_key_that_cannot_be_used_says_why_and_shows_nothing(text: str, said: str) -> None:
    with pytest.raises(BadKey, match=said) as caught:
        load_private_key(text)
    shown = "".join(traceback.format_exception(caught.value))
    assert "During handling" not in shown
    assert MERCHANT_PRIVATE[40:60] not in shown


@pytest.mark.parametrize("text", ["", MERCHANT_PRIVATE, "-----BEGIN CERTIFICATE-----\nAAAA"])
def test_a_public_key_that_is_none_says_so(text: str) -> None:
    with pytest.raises(BadKey, match="not an RSA public key"):
        load_public_key(text)


def test_cryptography_waits_for_the_first_key() -> None:
    """It costs 20 ms of a start that has no key to load yet (lessons.md)."""
    script = (
        "import sys, tilld_antom.client, tilld_antom.notifications\n"
        "sys.exit(any(name.split('.')[0] == 'cryptography' for name in sys.modules))"
    )
    path = ":".join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": path}, timeout=60, check=False
    )
    assert done.returncode == 0
