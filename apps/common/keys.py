"""Keys as merchants paste them: with or without PEM lines, PKCS#1 or PKCS#8, key or certificate."""

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from apps.common.platforms import CredentialsInvalid, credential

_FIRST_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def _der(text: str) -> bytes:
    body = re.sub(r"-----(BEGIN|END)[A-Z0-9 ]*-----", "", text)
    return base64.b64decode("".join(body.split()), validate=True)


def private_key_pem(credentials: dict[str, Any], field: str) -> str:
    """Return a merchant's RSA private key as PKCS#8 PEM, the one form both SDKs load.

    :raises CredentialsInvalid: if it is no RSA private key of at least 2048 bits.
    """
    try:
        key = serialization.load_der_private_key(_der(credential(credentials, field)), password=None)
    except (ValueError, TypeError):
        raise CredentialsInvalid(field, "not a private key that can be read") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < 2048:
        raise CredentialsInvalid(field, "not an RSA key of 2048 bits or more")
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_key(pem: str, *, field: str) -> RSAPublicKey:
    """Return the RSA public key of a PEM public key or certificate.

    :raises CredentialsInvalid: if it is neither.
    """
    try:
        if "CERTIFICATE" in pem:
            key = x509.load_der_x509_certificate(_der(pem)).public_key()
        else:
            key = serialization.load_der_public_key(_der(pem))  # type: ignore[assignment]
    except (ValueError, TypeError):
        raise CredentialsInvalid(field, "not a public key that can be read") from None
    if not isinstance(key, RSAPublicKey):
        raise CredentialsInvalid(field, "not an RSA key")
    return key


def public_key_pem(key: RSAPublicKey) -> str:
    """Return it as PEM, the form both SDKs load."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def proves(key: RSAPublicKey, message: bytes, signature: str) -> bool:
    """Say whether `signature` is the canonical base64 of an RSA-SHA256 signature of `message`. Never raises.

    Both platforms sign so (PKCS#1 v1.5): WeChat calls it SHA256-RSA2048, Alipay RSA2.
    """
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, message, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return base64.b64encode(raw).decode() == signature


@dataclass(frozen=True)
class CertificateFacts:
    """What a certificate says of itself; `serial` in hexadecimal as WeChat names it, `ends_at` aware, UTC."""

    serial: str
    ends_at: datetime
    key: RSAPublicKey


def certificate_facts(pem: str, *, field: str) -> CertificateFacts:
    """Return the facts of the first certificate in a text.

    :raises CredentialsInvalid: if there is none that can be read, or it is not RSA.
    """
    first = _FIRST_CERTIFICATE.search(pem)
    try:
        certificate = x509.load_der_x509_certificate(_der(first[1] if first else pem))
    except (ValueError, TypeError):
        raise CredentialsInvalid(field, "not a certificate that can be read") from None
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise CredentialsInvalid(field, "not an RSA certificate")
    return CertificateFacts(f"{certificate.serial_number:X}", certificate.not_valid_after_utc, key)


def belongs(certificate: CertificateFacts, private_pem: str) -> bool:
    """Say whether a PKCS#8 private key is the one the certificate speaks of."""
    key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key.public_key().public_numbers() == certificate.key.public_numbers()
