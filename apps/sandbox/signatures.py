"""What both platforms sign, verify and encrypt, byte for byte.

WeChat Pay: pages 4012365334, 4012365336 and 4013053420 of its API v3 documentation. Alipay: RSA2 over sorted
parameters, certificate numbers as in its certificate mode. Checked against the published examples in
`tests/sandbox/vectors/payments.json`.
"""

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509.oid import NameOID

_RSA_SIGNATURES = "1.2.840.113549.1.1."
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def rsa_sign(key: RSAPrivateKey, message: bytes) -> str:
    """Base64 of RSA-SHA256 with PKCS#1 v1.5 padding: WeChat's SHA256-RSA2048 and Alipay's RSA2."""
    return b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()


def rsa_verifies(key: RSAPublicKey, message: bytes, signature: str) -> bool:
    """Whether `signature` is the one canonical base64 text of a valid signature of `message`.

    Base64 leaves four bits of a 256-byte signature unused; a text that differs only there is refused too, so
    that no byte of a signed request can be changed unnoticed.
    """
    try:
        raw = b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if b64encode(raw).decode() != signature:
        return False
    try:
        key.verify(raw, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def wechat_request_message(method: str, target: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """The five lines a merchant signs; `target` is the path with its query string as sent."""
    return f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def wechat_answer_message(timestamp: str, nonce: str, body: bytes) -> bytes:
    """The three lines WeChat signs for an answer or a notify, over the raw body."""
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def gcm_encrypt(key: str, nonce: str, associated_data: str, plaintext: bytes) -> str:
    """Base64 of ciphertext and 16-byte tag, as in a notify's `resource.ciphertext`.

    :param key: the APIv3 key; its UTF-8 bytes are the AES key (32 bytes on the real platform).
    """
    sealed = AESGCM(key.encode()).encrypt(nonce.encode(), plaintext, associated_data.encode())
    return b64encode(sealed).decode()


def oaep_opened(key: RSAPrivateKey, sealed: object) -> str | None:
    """What a merchant sealed for the platform alone, RSA-OAEP with SHA1 as WeChat asks; None if it does not open."""
    if not isinstance(sealed, str) or not sealed:
        return None
    try:
        raw = b64decode(sealed, validate=True)
        return key.decrypt(raw, OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)).decode()  # noqa: S303
    except ValueError:
        return None


def alipay_message(parameters: Mapping[str, str], *, without: frozenset[str] = frozenset({"sign"})) -> bytes:
    """Sorted `k=v` pairs joined with `&`, decoded values, empty ones left out.

    A request keeps `sign_type` in the signed text; a trade notify and a return address drop it.
    """
    pairs = sorted((k, v) for k, v in parameters.items() if k not in without and v != "")
    return "&".join(f"{k}={v}" for k, v in pairs).encode()


NOTIFY_WITHOUT = frozenset({"sign", "sign_type"})


def certificate_sn(certificate: x509.Certificate) -> str:
    """Alipay's number of a certificate: MD5 of the issuer's CN, OU, O, C and the decimal serial number."""
    names = {"CN": NameOID.COMMON_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME}
    names |= {"O": NameOID.ORGANIZATION_NAME, "C": NameOID.COUNTRY_NAME}
    issuer = certificate.issuer
    parts = [f"{short}={_first(issuer, oid)}" for short, oid in names.items()]
    text = ",".join(parts) + str(certificate.serial_number)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def root_certificate_sn(bundle_pem: str) -> str:
    """`alipay_root_cert_sn` of a root bundle: numbers of its RSA-signed certificates, joined with `_`.

    The real bundle also holds SM2 certificates, which take no part and which some parsers refuse outright.
    """
    numbers = []
    for pem in _CERTIFICATE.findall(bundle_pem):
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
        except ValueError:
            continue
        if certificate.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES):
            numbers.append(certificate_sn(certificate))
    return "_".join(numbers)


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    values = name.get_attributes_for_oid(oid)
    return str(values[0].value) if values else "None"
