"""Certificates for a test's own servers and clients; made when asked, valid for a day.

ca = make_ca(folder)
identity = issue(ca, ["localhost", "127.0.0.1"])
identity.cert_file, identity.key_file, ca.cert_file          # PEM files in that folder
"""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)
_HOUR = datetime.timedelta(hours=1)


class Identity:
    """A certificate with its key, in memory and as PEM files."""

    def __init__(
        self, cert: x509.Certificate, key: ec.EllipticCurvePrivateKey, folder: Path, stem: str
    ) -> None:
        self.cert = cert
        self.key = key
        self.folder = folder
        self.cert_file = str(folder / (stem + ".pem"))
        self.key_file = str(folder / (stem + "_key.pem"))
        Path(self.cert_file).write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        Path(self.key_file).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


def make_ca(folder: "str | Path", name: str = "tilld test CA") -> Identity:
    """A new certificate authority; its files are named after it, in `folder`."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    cert = (
        _builder(subject, subject, key, now - _HOUR, now + _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return Identity(cert, key, Path(folder), name.replace(" ", "_"))


def issue(
    ca: Identity,
    names: "list[str]",
    valid_for_s: int = 86400,
    client: bool = False,
    unit: str = "",
) -> Identity:
    """A server's (or client's) certificate from `ca`, for DNS names and IP addresses.

    A negative `valid_for_s` gives one that expired that long ago. The files are named after the
    first name, next to the authority's. ``unit`` is the subject's organizational unit.
    """
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, names[0])]
    if unit:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    subject = x509.Name(parts)
    key = ec.generate_private_key(ec.SECP256R1())
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=valid_for_s)
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
    cert = (
        _builder(subject, ca.cert.subject, key, ends - 2 * _DAY, ends)
        .add_extension(x509.SubjectAlternativeName([_name(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .sign(ca.key, hashes.SHA256())
    )
    stem = f"{names[0]}_{cert.serial_number:x}"
    return Identity(cert, key, ca.folder, stem)


def der(identity: Identity) -> bytes:
    """The certificate's bytes, of which its fingerprint is made."""
    return identity.cert.public_bytes(serialization.Encoding.DER)


def revocations(ca: Identity, revoked: "list[Identity]") -> bytes:
    """The CA's list of certificates that are good no more, as PEM."""
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.cert.subject)
        .last_update(now - _HOUR)
        .next_update(now + _DAY)
    )
    for one in revoked:
        serial = one.cert.serial_number
        gone = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - _HOUR)
        made = made.add_revoked_certificate(gone.build())
    return made.sign(ca.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begins: datetime.datetime,
    ends: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
