"""DIR: the keys, the CA and the client id, made on the first start and kept.

Files that are there already are taken as they are: a merchant may bring his own key.
"""

import contextlib
import dataclasses
import datetime
import fcntl
import ipaddress
import os
import pathlib
import secrets
from collections.abc import Callable, Iterator

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: The names of antom-api.md §1.2, so that a name server or hosts file can point them here.
HOSTS = (
    "localhost",
    "127.0.0.1",
    "::1",
    "open-na-global.alipay.com",
    "open-sea-global.alipay.com",
    "open-de-global.alipay.com",
)

#: Wide, because devices under test start with a clock anywhere.
_NOT_BEFORE = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_NOT_AFTER = datetime.datetime(2049, 12, 31, tzinfo=datetime.UTC)


class HomeInUse(Exception):
    """Another simulator runs in this DIR."""


@dataclasses.dataclass(frozen=True)
class Home:
    path: pathlib.Path
    client_id: str
    antom_key: rsa.RSAPrivateKey
    merchant_key: rsa.RSAPublicKey
    #: certificate and key of the TLS server, in one PEM file
    server_pem: pathlib.Path
    #: CA files that a merchant's notify server may have been signed with
    trusted: tuple[pathlib.Path, ...]


@contextlib.contextmanager
def locked(path: pathlib.Path) -> Iterator[None]:
    """DIR, made if it isn't there, for this process alone; raises HomeInUse."""
    path.mkdir(parents=True, exist_ok=True)
    with (path / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeInUse(f"another antomsim runs in {path}") from None
        yield


def open_home(path: pathlib.Path, names: list[str], notify_ca: pathlib.Path | None) -> Home:
    """Everything of DIR; ``names`` are more hosts for the server's certificate."""
    antom = _rsa_key(path / "antom_key.pem")
    merchant = _rsa_key(path / "merchant_key.pem")
    _keep(path / "antom_public.pem", lambda: _public_pem(antom), 0o644)
    client_id = _keep(path / "client_id", _new_client_id, 0o644).decode().strip()
    _write(path / "server.pem", _server_pem(path, [*HOSTS, *names]), 0o600)
    return Home(
        path=path,
        client_id=client_id,
        antom_key=antom,
        merchant_key=merchant.public_key(),
        server_pem=path / "server.pem",
        trusted=(path / "ca.pem", *([notify_ca] if notify_ca else [])),
    )


def _new_client_id() -> bytes:
    """Sandbox ids begin so, and the SDKs choose the path by it (antom-api.md §1.3)."""
    return f"SANDBOX_5Y{secrets.randbelow(10**16):016d}".encode()


def _rsa_key(path: pathlib.Path) -> rsa.RSAPrivateKey:
    pem = _keep(path, lambda: _private_pem(rsa.generate_private_key(65537, 2048)), 0o600)
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{path} holds no RSA key")
    return key


def _private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _server_pem(path: pathlib.Path, names: list[str]) -> bytes:
    """A fresh certificate for every start: its names may have changed, its CA has not."""
    ca_pem = _keep(path / "ca_key.pem", lambda: _private_pem(_ec_key()), 0o600)
    ca_key = serialization.load_pem_private_key(ca_pem, password=None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path / 'ca_key.pem'} holds no EC key")
    ca = x509.load_pem_x509_certificate(_keep(path / "ca.pem", lambda: _ca_pem(ca_key), 0o644))
    key = _ec_key()
    certificate = (
        _certificate("localhost", ca.subject, key.public_key(), ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + _private_pem(key)


def _ca_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "antomsim CA")])
    certificate = (
        _certificate("antomsim CA", subject, key.public_key(), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _certificate(
    name: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(identifier, critical=False)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _keep(path: pathlib.Path, make: Callable[[], bytes], mode: int) -> bytes:
    """The file's bytes; made once, whole or not at all."""
    if not path.exists():
        _write(path, make(), mode)
    return path.read_bytes()


def _write(path: pathlib.Path, data: bytes, mode: int) -> None:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    part.rename(path)
