"""One signed question to Alipay's gateway, answered with proof. Certificate mode only.

`python-alipay-sdk` composes and signs the question. This module replaces what was measured to be wrong in it:
the process's local time as timestamp, the brace counter that loses an answer with `}{` in a value, root
bundles whose line ends change the serial, business failures returned as if they were answers, deprecated
certificate calls, one timeout for everything, and a changed platform certificate that goes unnoticed.
"""

import base64
import binascii
import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import requests
from alipay import DCAliPay
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from apps.common.keys import private_key_pem, proves, public_key_pem
from apps.common.outside import outside_call
from apps.common.platforms import (
    BEIJING,
    TIMEOUT_S,
    CredentialsInvalid,
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUnreachable,
    credential,
)

GATEWAY = "https://openapi.alipay.com"

# 20000 is "service unavailable"; the sub-codes are Alipay's own words for "we do not know either".
UNKNOWN_CODES = frozenset({"20000", "10003"})
UNKNOWN_SUB_CODES = frozenset(
    {"ACQ.SYSTEM_ERROR", "AOP.ACQ.SYSTEM_ERROR", "isp.unknow-error", "SYSTEM_ERROR"}
)

_PEM_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_RSA_FAMILY_OID = "1.2.840.113549.1.1."
_RSA_FAMILY_DER = bytes.fromhex("06092a864886f70d0101")
_ISSUER_NAMES = {
    x509.NameOID.COMMON_NAME: "CN",
    x509.NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    x509.NameOID.ORGANIZATION_NAME: "O",
    x509.NameOID.LOCALITY_NAME: "L",
    x509.NameOID.STATE_OR_PROVINCE_NAME: "ST",
    x509.NameOID.COUNTRY_NAME: "C",
}


def certificate_serial(pem: str, *, field: str = "certificate") -> str:
    """Return Alipay's name for a certificate: the MD5 of its issuer and serial number.

    Source: Alipay's certificate serial rule; vector `alipay-cert-sn-app`.

    :raises CredentialsInvalid: if the text is no certificate.
    """
    return _serial_of(_load_certificate(pem, field))


def root_serial(bundle: str, *, field: str = "alipay_root_cert_pem") -> str:
    """Return the serial of a root bundle: its RSA certificates' serials joined with `_`, in their order.

    Line ends and the space between certificates do not matter. Alipay's bundle also holds an SM2 and an ECDSA
    root that a strict parser refuses; they do not count and are not read. An RSA certificate that cannot be
    read is an error: leaving it out would change the result silently. Source: vector `alipay-root-cert-sn`.

    :raises CredentialsInvalid: if a certificate cannot be read or none counts.
    """
    serials = []
    for block in _PEM_BLOCK.findall(bundle):
        try:
            der = base64.b64decode("".join(block.split()), validate=True)
        except binascii.Error:
            raise CredentialsInvalid(field, "a certificate in the bundle is damaged") from None
        if _RSA_FAMILY_DER not in der:
            continue
        certificate = _load_certificate(base64.b64encode(der).decode(), field)
        if certificate.signature_algorithm_oid.dotted_string.startswith(_RSA_FAMILY_OID):
            serials.append(_serial_of(certificate))
    if not serials:
        raise CredentialsInvalid(field, "no RSA certificate in the bundle")
    return "_".join(serials)


def _load_certificate(pem: str, field: str) -> x509.Certificate:
    blocks = _PEM_BLOCK.findall(pem)
    try:
        return x509.load_der_x509_certificate(
            base64.b64decode("".join((blocks[0] if blocks else pem).split()))
        )
    except ValueError:
        raise CredentialsInvalid(field, "not a certificate that can be read") from None


def _serial_of(certificate: x509.Certificate) -> str:
    issuer = ",".join(
        f"{_ISSUER_NAMES.get(attribute.oid, attribute.oid.dotted_string)}={attribute.value!s}"
        for attribute in reversed(list(certificate.issuer))
    )
    return hashlib.md5(f"{issuer}{certificate.serial_number}".encode(), usedforsecurity=False).hexdigest()


def _key_by_serial(pem: str) -> tuple[str, RSAPublicKey]:
    certificate = _load_certificate(pem, "alipay_cert_pem")
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise CredentialsInvalid("alipay_cert_pem", "not an RSA certificate")
    return _serial_of(certificate), key


def signed_slice(answer: str, response_name: str) -> str:
    """Return the text of one top-level value of a JSON object exactly as it was received.

    Alipay signs that text, so it is cut out, never written anew.

    :raises ValueError: if the text is not one JSON object, or the name is missing or there twice.
    """
    decoder = json.JSONDecoder()
    found: list[str] = []

    def skip(position: int, mark: str = "") -> int:
        while position < len(answer) and answer[position] in " \t\r\n":
            position += 1
        if mark and not answer.startswith(mark, position):
            raise ValueError(f"{mark!r} expected at {position}")
        return position + len(mark)

    position = skip(skip(0, "{"))
    while answer[position : position + 1] != "}":
        name, position = decoder.raw_decode(answer, position)
        start = skip(skip(position, ":"))
        _, position = decoder.raw_decode(answer, start)
        if name == response_name:
            found.append(answer[start:position])
        position = skip(position)
        if answer[position : position + 1] == ",":
            position = skip(position + 1)
    if len(found) != 1:
        raise ValueError(f"{response_name} is there {len(found)} times")
    return found[0]


class AlipayGateway(DCAliPay):
    """The SDK for one app, with certificates checked at the door and answers that are proved or refused.

    :param credentials: `app_id`, `app_private_key_pem` (PKCS#1 or PKCS#8, with or without PEM lines),
        `app_cert_pem`, `alipay_cert_pem`, `alipay_root_cert_pem`; while the platform changes certificates also
        `more_alipay_certs`, a list, all believed at once; `app_auth_token` where a merchant has authorised this app.
    :param base_url: where the gateway lives; None means Alipay itself.
    :raises CredentialsInvalid: naming the field that cannot be used. Makes no call.
    """

    def __init__(self, credentials: dict[str, Any], *, base_url: str | None = None) -> None:
        newest = credential(credentials, "alipay_cert_pem")
        self._platform_keys = dict(
            _key_by_serial(pem) for pem in [*(credentials.get("more_alipay_certs") or ()), newest]
        )
        self._platform_key = _key_by_serial(newest)[1]
        self._app_cert_sn = certificate_serial(credential(credentials, "app_cert_pem"), field="app_cert_pem")
        self._alipay_root_cert_sn = root_serial(credential(credentials, "alipay_root_cert_pem"))
        super().__init__(
            appid=credential(credentials, "app_id"),
            app_private_key_string=private_key_pem(credentials, "app_private_key_pem"),
            app_public_key_cert_string=None,
            alipay_public_key_cert_string=None,
            alipay_root_cert_string=None,
        )
        self._app_auth_token = str(credentials.get("app_auth_token") or "")
        self._gateway = f"{(base_url or GATEWAY).rstrip('/')}/gateway.do"

    def ask(self, method: str, content: dict[str, Any] | None = None, **top: str) -> dict[str, Any]:
        """Call `method` and return the signed answer's fields; only code 10000 is an answer.

        :param content: the business part; `top` are fields beside it (`notify_url`, `grant_type`, …).
        :raises PlatformRefused: the platform said no; `code` is the sub-code where there is one.
        :raises PlatformUnreachable: nobody answered, or the platform does not know.
        :raises PlatformAnswerInvalid: the answer proves nothing.
        """
        with outside_call("alipay"):
            answer: dict[str, Any] = self.server_api(method, content, **self._for_merchant(top))
        _require_success(answer)
        return answer

    def address(self, method: str, content: dict[str, Any], **top: str) -> str:
        """Return the address at which a payer's browser asks `method` by itself, signed now; makes no call.

        The signature covers the decoded fields, so that the same text may be posted as a form.
        """
        return f"{self._gateway}?{self.client_api(method, content, **self._for_merchant(top))}"

    def _for_merchant(self, top: dict[str, str]) -> dict[str, str]:
        return {"app_auth_token": self._app_auth_token, **top} if self._app_auth_token else top

    def proves(self, message: bytes, signature: str) -> bool:
        """Say whether the platform signed `message`, with any certificate believed now. Never raises."""
        return any(proves(key, message, signature) for key in self._platform_keys.values())

    def build_body(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        body: dict[str, Any] = super().build_body(*args, **kwargs)
        # Alipay reads this as Beijing time whatever the zone of this process (isv.invalid-timestamp).
        body["timestamp"] = datetime.now(UTC).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
        return body

    def load_alipay_public_key_string(self) -> str:
        return public_key_pem(self._platform_key)

    def verified_sync_response(self, data: dict[str, Any], response_type: str) -> dict[str, Any]:
        """Send what the SDK composed and return the proved answer, whatever its business code."""
        try:
            reply = requests.get(
                f"{self._gateway}?{self.sign_data(data)}", timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            # The error's own text repeats the address, and with it the whole signed question.
            raise PlatformUnreachable(f"alipay: {type(error).__name__}") from None
        if reply.status_code != 200:
            raise PlatformUnreachable(f"alipay answered HTTP {reply.status_code}")
        text, charset = _decoded(reply)
        return self._proved(text, charset, response_type)

    def _proved(self, text: str, charset: str, response_type: str) -> dict[str, Any]:
        try:
            envelope = json.loads(text)
            if not isinstance(envelope, dict):
                raise ValueError
            failure = envelope.get("error_response")
            if failure is None and "sign" not in envelope:
                failure = envelope[response_type]
            if isinstance(failure, dict):
                _raise_failure(failure)
            if failure is not None:
                raise ValueError
            signed = signed_slice(text, response_type)
            answer = json.loads(signed)
            if not isinstance(answer, dict):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise PlatformAnswerInvalid("NOT_READABLE", "not the JSON that was asked for") from None
        serial = envelope.get("alipay_cert_sn")
        if serial is not None and serial not in self._platform_keys:
            raise PlatformAnswerInvalid("CERTIFICATE_CHANGED", f"signed with {serial}")
        if not self.proves(signed.encode(charset), str(envelope.get("sign"))):
            raise PlatformAnswerInvalid("BAD_SIGNATURE", response_type)
        return answer


def _require_success(answer: dict[str, Any]) -> None:
    # alipay.system.oauth.token answers a success without any code.
    if answer.get("code", "10000") != "10000":
        _raise_failure(answer, is_signed=True)


def _raise_failure(failure: dict[str, Any], *, is_signed: bool = False) -> None:
    code, sub_code = str(failure.get("code", "")), str(failure.get("sub_code") or "")
    if not code or code == "10000":
        # A success that nobody signed is no answer; a failure needs no proof, since it moves nothing.
        raise PlatformAnswerInvalid("BAD_SIGNATURE", "an unsigned success")
    detail = str(failure.get("sub_msg") or failure.get("msg") or "")
    if code in UNKNOWN_CODES or sub_code in UNKNOWN_SUB_CODES:
        raise PlatformUnreachable(f"alipay does not know: {sub_code or code}")
    raise PlatformRefused(sub_code or code, detail, is_signed=is_signed)


def _decoded(reply: requests.Response) -> tuple[str, str]:
    declared = re.search(
        r"charset=\"?(gbk|gb2312|gb18030)", reply.headers.get("Content-Type", ""), re.IGNORECASE
    )
    for charset in ["gb18030"] if declared else ["utf-8", "gb18030"]:
        try:
            return reply.content.decode(charset), charset
        except UnicodeDecodeError:
            continue
    raise PlatformAnswerInvalid("NOT_READABLE", "no known character set")
