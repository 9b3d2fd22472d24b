"""A question to WeChat Pay whose refusal is proved too; its SDK checks the signature of successes only."""

from collections.abc import Mapping, Sequence
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from wechatpayv3.utils import build_authorization

from apps.common.outside import outside_call
from apps.common.platforms import (
    TIMEOUT_S,
    PlatformAnswerInvalid,
    PlatformError,
    PlatformRefused,
    PlatformUnreachable,
)
from apps.income.platforms.base import NotifyRefused
from apps.income.platforms.wechat_envelope import check_signature, unsealed


def ask_proved(transport: Any, path: str, keys: Mapping[str, RSAPublicKey]) -> dict[str, Any]:
    """Return what WeChat Pay answers to the SDK's own key at its address; proved before it is believed.

    :raises PlatformRefused: the platform's own code; `is_signed` unless it did not know who was asking.
    :raises PlatformAnswerInvalid: the answer is not signed with a key of `keys`.
    :raises PlatformUnreachable: nobody knows.
    """
    signed = build_authorization(
        path, "GET", transport._mchid, transport._cert_serial_no, transport._private_key
    )
    headers = {"Authorization": signed, "Accept": "application/json", "User-Agent": "RentMeter"}
    with outside_call("wechat"):
        try:
            reply = requests.get(
                transport._gate_way + path, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            raise PlatformUnreachable(f"wechat: {type(error).__name__}") from None
    try:
        answer = reply.json()
    except ValueError:
        answer = None
    code = str(answer.get("code") or "") if isinstance(answer, dict) else ""
    if reply.status_code >= 500 or reply.status_code == 429:
        raise PlatformUnreachable(f"wechat answered HTTP {reply.status_code} {code}".rstrip())
    if reply.status_code == 401:
        # Who is not known gets no signature that she could check.
        raise PlatformRefused(code or "SIGN_ERROR")
    try:
        check_signature(reply.headers, reply.content, keys)
    except NotifyRefused as refusal:
        raise PlatformAnswerInvalid(refusal.code, refusal.detail) from None
    if reply.status_code != 200:
        raise PlatformRefused(code or f"HTTP_{reply.status_code}", is_signed=True)
    return answer if isinstance(answer, dict) else {}


def is_seal_proved(transport: Any, keys: Mapping[str, RSAPublicKey], apiv3_keys: Sequence[str]) -> bool:
    """Return whether the platform sealed something that opens with an APIv3 key, before any payment.

    Only its certificates come sealed on request, and a merchant of the public-key mode has none (documentation
    4012154180): then, and whenever nobody answers, False. The first notify proves the key.

    :raises PlatformAnswerInvalid: APIV3_KEY; they are sealed with another key.
    """
    try:
        answer = ask_proved(transport, "/v3/certificates", keys)
    except PlatformError:
        return False
    found = answer.get("data")
    listed = found if isinstance(found, list) else []
    sealed: list[dict[str, Any]] = []
    for one in listed:
        certificate = one.get("encrypt_certificate") if isinstance(one, dict) else None
        if isinstance(certificate, dict):
            sealed.append(certificate)
    if sealed and not any(unsealed(one, apiv3_keys) for one in sealed):
        raise PlatformAnswerInvalid("APIV3_KEY", "the platform's certificates do not open with the APIv3 key")
    return bool(sealed)
