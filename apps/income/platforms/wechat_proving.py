"""A question to WeChat Pay whose refusal is proved too; its SDK checks the signature of successes only."""

from collections.abc import Mapping
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from wechatpayv3.utils import build_authorization

from apps.common.outside import outside_call
from apps.common.platforms import TIMEOUT_S, PlatformAnswerInvalid, PlatformRefused, PlatformUnreachable
from apps.income.platforms.base import NotifyRefused
from apps.income.platforms.wechat_envelope import check_signature


def ask_proved(transport: Any, path: str, keys: Mapping[str, RSAPublicKey]) -> None:
    """Ask WeChat Pay with the SDK's own key and address, and have the answer proved before it is believed.

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
