"""Test keys and the certificate chain of the pretend Alipay."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

# Fixed, so that a certificate never expires in the middle of a demo and needs no clock to be made.
_VALID_FROM = datetime(2024, 1, 1, tzinfo=UTC)
_VALID_FOR = timedelta(days=365 * 30)


def new_key() -> RSAPrivateKey:
    """An RSA key of 2048 bits, the size both platforms demand."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: RSAPrivateKey) -> str:
    """PKCS#8 PEM; a PKCS#1 header is refused by some of the SDKs."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: RSAPublicKey) -> str:
    """SubjectPublicKeyInfo PEM."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def load_private(pem: str) -> RSAPrivateKey:
    """:raises ValueError: if `pem` is not an RSA private key."""
    # Proving the primes costs 40 ms a key, and these are test keys this package made itself.
    key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA private key")
    return key


def root_certificate(name: str, key: RSAPrivateKey) -> x509.Certificate:
    """A self-signed authority."""
    subject = _name(name, "Sandbox Certification Authority")
    return _certificate(subject, subject, key.public_key(), key, authority=True)


def leaf_certificate(
    name: str, key: RSAPublicKey, issuer: x509.Certificate, issuer_key: RSAPrivateKey
) -> x509.Certificate:
    """A certificate of `key` signed by the authority."""
    return _certificate(_name(name, name), issuer.subject, key, issuer_key, authority=False)


def certificate_pem(*certificates: x509.Certificate) -> str:
    """PEM with LF line ends and a blank line between certificates: SDKs split the bundle there."""
    return "\n".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def _name(common: str, unit: str) -> x509.Name:
    parts = {
        NameOID.COUNTRY_NAME: "CN",
        NameOID.ORGANIZATION_NAME: "RentMeter Sandbox",
        NameOID.ORGANIZATIONAL_UNIT_NAME: unit,
        NameOID.COMMON_NAME: common,
    }
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts.items()])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: RSAPublicKey, issuer_key: RSAPrivateKey, *, authority: bool
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_FROM + _VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(issuer_key, SHA256())
    )
