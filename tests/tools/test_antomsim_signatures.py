"""The simulator's signatures against the published vectors, and what it lets through."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from antomsim import wire

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/signature_vectors.json").read_text())
Vector = dict[str, Any]


def private(name: str) -> rsa.RSAPrivateKey:
    der = base64.b64decode(VECTORS["keys"][name]["private_pkcs8_der_base64"])
    key = serialization.load_der_private_key(der, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def public(name: str) -> rsa.RSAPublicKey:
    key = serialization.load_der_public_key(
        base64.b64decode(VECTORS["keys"][name]["public_spki_der_base64"])
    )
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def content_of(vector: Vector) -> bytes:
    return wire.content(
        vector["http_method"],
        vector["path"],
        vector["client_id"],
        vector["time"],
        vector["body"].encode(),
    )


def named(vector: Vector) -> str:
    return str(vector["id"])


SIGNED = [vector for vector in VECTORS["vectors"] if "signature_urlencoded" in vector]


@pytest.mark.parametrize("vector", SIGNED, ids=named)
def test_signing_gives_the_published_bytes(vector: Vector) -> None:
    header = wire.sign(private(vector["signer"]), content_of(vector))
    assert header == vector["signature_header"]


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=named)
def test_verifying_agrees_with_the_official_sdk(vector: Vector) -> None:
    header = wire.read_header(vector["signature_header"])
    expected = vector.get("expected_valid", True)
    assert wire.verify(public(vector["signer"]), content_of(vector), header) is expected


def test_parts_of_the_header_may_be_separated_by_comma_and_space() -> None:
    vector = SIGNED[0]
    header = wire.read_header(vector["signature_header"].replace(",", ", "))
    assert wire.verify(public("merchant"), content_of(vector), header)


def test_base64_that_was_not_escaped_fails_as_in_the_sdks() -> None:
    vector = next(vector for vector in SIGNED if "+" in vector["signature_base64"])
    header = wire.read_header(
        f"algorithm=RSA256,keyVersion=1,signature={vector['signature_base64']}"
    )
    assert not wire.verify(public("merchant"), content_of(vector), header)


@pytest.mark.parametrize("header", ["", "signature", "=,=,=", "signature=%", "signature=A"])
def test_a_header_that_is_no_signature_is_only_wrong(header: str) -> None:
    assert not wire.verify(public("merchant"), b"", wire.read_header(header))


@pytest.mark.parametrize(
    ("target", "uri"),
    [
        ("/ams/api/v1/payments/pay", "/ams/api/v1/payments/pay"),
        ("https://localhost/ams/api/v1/payments/pay", "/ams/api/v1/payments/pay"),
        ("https://localhost:8443/a?b=c", "/a?b=c"),
        ("https://localhost", "/"),
    ],
)
def test_the_absolute_form_signs_the_path_alone(target: str, uri: str) -> None:
    assert wire.uri_of(target) == uri
