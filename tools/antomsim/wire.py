"""Signatures (antom-api.md §2) and request targets (§1.5), over exact bytes."""

import base64
import binascii
import dataclasses
import urllib.parse

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


@dataclasses.dataclass(frozen=True)
class SignatureHeader:
    """``algorithm=RSA256, keyVersion=1, signature=…`` taken apart.

    ``signature`` is None when it is not URL-encoded base64. A ``+`` that was not escaped
    decodes to a space, as in Antom's own SDKs, and is therefore refused (§2.2).
    """

    algorithm: str
    key_version: str
    signature: bytes | None


def read_header(header: str) -> SignatureHeader:
    """Parts in any order, spaces round the commas allowed; absent parts are empty."""
    parts: dict[str, str] = {}
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        parts[name] = value
    try:
        raw = base64.b64decode(urllib.parse.unquote_plus(parts.get("signature", "")), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    return SignatureHeader(parts.get("algorithm", ""), parts.get("keyVersion", ""), raw or None)


def content(method: str, uri: str, client_id: str, time: str, body: bytes) -> bytes:
    """What is signed: no scheme, no host, the time as its header spells it, the raw body."""
    return f"{method} {uri}\n{client_id}.{time}.".encode("utf-8", "surrogateescape") + body


def sign(key: rsa.RSAPrivateKey, signed: bytes) -> str:
    """The whole ``signature`` header, with upper-case escapes."""
    raw = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    text = urllib.parse.quote_plus(base64.b64encode(raw))
    return f"algorithm=RSA256,keyVersion=1,signature={text}"


def verify(key: rsa.RSAPublicKey, signed: bytes, header: SignatureHeader) -> bool:
    if header.algorithm != "RSA256" or header.signature is None:
        return False
    try:
        key.verify(header.signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def uri_of(target: str) -> str:
    """Path and query of a request target in origin or absolute form; the signed URI.

    The Python SDK sends the absolute form and signs the path alone (§1.5). "/" for what is
    no target at all.
    """
    if target.startswith("/"):
        return target
    try:
        parts = urllib.parse.urlsplit(target)
    except ValueError:
        return "/"
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
