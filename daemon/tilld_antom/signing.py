"""The signature of antom-api.md §2: RSASSA-PKCS1-v1_5 with SHA-256 over the exact bytes.

``cryptography`` is imported when the first key is loaded, not before: it costs about 20 ms,
and checking a private key 35 ms more (lessons.md), so a Signer is made once and kept.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

ALGORITHM = "RSA256"  # the only one defined, antom-api.md §1.4
KEY_BITS_AT_LEAST = 2048  # antom-api.md §2.1, "Keys: RSA 2048"
HEADER_LENGTH_AT_MOST = 4096  # an RSA-4096 signature, every character escaped, is 2 kB


class BadKey(ValueError):
    """A key that can't be used. The text never holds a part of the key (I31)."""


class Signer:
    """Signs with the merchant's private key, verifies with Antom's public key.

    Keys are PEM (PKCS#8, PKCS#1 or SPKI) or the bare base64 of their DER, as the dashboard
    shows it. Both are loaded here, once; a key that can't be used raises BadKey. Threads may
    share a Signer.
    """

    def __init__(self, private_key: str, antom_public_key: str, key_version: str = "1") -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        self._private_key = load_private_key(private_key)
        self._public_key = load_public_key(antom_public_key)
        self._key_version = key_version
        self._scheme = (PKCS1v15(), SHA256())
        self._invalid = InvalidSignature

    def __repr__(self) -> str:
        return f"Signer(key_version={self._key_version!r})"

    def sign(self, path: str, client_id: str, time: str, body: bytes) -> str:
        """The value of the ``signature`` header for this POST, or for the answer to one."""
        content = content_to_sign(path, client_id, time, body)
        return format_header(self._private_key.sign(content, *self._scheme), self._key_version)

    def verify(self, path: str, client_id: str, time: str, body: bytes, header: str) -> bool:
        """Whether Antom signed exactly these bytes for this path, client and time."""
        signature = parse_header(header)
        if signature is None:
            return False
        content = content_to_sign(path, client_id, time, body)
        try:
            self._public_key.verify(signature, content, *self._scheme)
        except self._invalid:
            return False
        return True


def content_to_sign(path: str, client_id: str, time: str, body: bytes) -> bytes:
    """What both sides sign; every call of the interface is a POST (antom-api.md §2.1)."""
    return f"POST {path}\n{client_id}.{time}.".encode() + body


def format_header(signature: bytes, key_version: str) -> str:
    """The header as every official SDK writes it: no space after a comma."""
    escaped = quote(base64.b64encode(signature).decode("ascii"), safe="")
    return f"algorithm={ALGORITHM},keyVersion={key_version},signature={escaped}"


def parse_header(header: str) -> bytes | None:
    """The signature in a header, or None when there is none that can be read.

    Tolerates what antom-api.md §2.2 lists: spaces after commas, percent escapes of either
    case, base64 that was never escaped. A part that occurs twice is refused: two readers
    could take different ones.
    """
    if len(header) > HEADER_LENGTH_AT_MOST:
        return None
    parts: dict[str, str] = {}
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() in parts:
            return None
        parts[name.lower()] = value
    if parts.get("algorithm", ALGORITHM) != ALGORITHM:
        return None
    try:
        return base64.b64decode(unquote(parts.get("signature", "")), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def load_private_key(text: str) -> RSAPrivateKey:
    """An RSA private key from PEM or bare base64, PKCS#8 or PKCS#1."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    der = _der(text)
    try:
        key = load_der_private_key(der, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("not an RSA private key (PKCS#8 or PKCS#1, PEM or base64)") from None
    if not isinstance(key, RSAPrivateKey):
        raise BadKey("a private key, but not an RSA one")
    _check_size(key.key_size)
    return key


def load_public_key(text: str) -> RSAPublicKey:
    """An RSA public key from PEM or bare base64, SPKI or PKCS#1."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    der = _der(text)
    try:
        key = load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("not an RSA public key (SPKI or PKCS#1, PEM or base64)") from None
    if not isinstance(key, RSAPublicKey):
        raise BadKey("a public key, but not an RSA one")
    _check_size(key.key_size)
    return key


def _check_size(bits: int) -> None:
    if bits < KEY_BITS_AT_LEAST:
        raise BadKey(f"an RSA key of {bits} bits; {KEY_BITS_AT_LEAST} is the least")


def _der(text: str) -> bytes:
    """The DER inside; the armour's label is not trusted: the Python SDK wraps any key as PKCS#1."""
    if "ENCRYPTED" in text:
        raise BadKey("the key is encrypted; a device has nobody to type its password")
    lines = [line.strip() for line in text.split("\n")]
    bare = "".join(line for line in lines if not line.startswith("-----"))
    try:
        return base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        raise BadKey("neither PEM nor base64") from None
