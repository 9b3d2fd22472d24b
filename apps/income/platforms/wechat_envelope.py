"""What WeChat Pay wraps its words in: a signature in headers, and a sealed resource in a notify's body. Pure.

Sources: WeChat Pay documentation pages 4012365334 and 4013053420; the five-minute tolerance is the one of
WeChat's own Go and Java SDKs. Vectors: `wxv3-verify-response-doc`, `wxv3-notify-full`, `aesgcm-go`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from wechatpayv3.utils import aes_decrypt

from apps.common.keys import proves
from apps.income.platforms.base import LARGEST_NOTIFY_BYTES, NotifyRefused

REPLAY_WINDOW_S = 300
SIGNATURE_TYPE = "WECHATPAY2-SHA256-RSA2048"
PROBE_PREFIX = "WECHATPAY/SIGNTEST/"

_SIGNED_WITH = ("wechatpay-signature", "wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial")
_UNIX_SECONDS = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True, slots=True)
class Notify:
    """A notify whose signature and seal were good. `resource` is the opened content."""

    id: str
    event_type: str
    serial: str
    resource: dict[str, Any]


def check_signature(
    headers: Mapping[str, str], body: bytes, keys: Mapping[str, RSAPublicKey]
) -> dict[str, str]:
    """Return the signature headers, lower-case, once the platform's signature over `body` was proved.

    :param keys: every key believed at this moment, by serial or key id; no other is ever looked for.
    :raises NotifyRefused: MISSING_HEADER, UNKNOWN_SERIAL, SIGNATURE_PROBE or BAD_SIGNATURE.
    """
    named = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in _SIGNED_WITH if not named.get(name)]
    if missing:
        raise NotifyRefused("MISSING_HEADER", ", ".join(missing))
    # WeChat's own Go and Java SDKs accept the header's absence: there has never been a second algorithm.
    if named.get("wechatpay-signature-type", SIGNATURE_TYPE) != SIGNATURE_TYPE:
        raise NotifyRefused("BAD_SIGNATURE", "an algorithm nobody agreed on")
    key = keys.get(named["wechatpay-serial"])
    if key is None:
        raise NotifyRefused("UNKNOWN_SERIAL", named["wechatpay-serial"][:64])
    signature = named["wechatpay-signature"]
    message = f"{named['wechatpay-timestamp']}\n{named['wechatpay-nonce']}\n".encode() + body + b"\n"
    if not proves(key, message, signature):
        probe = signature.startswith(PROBE_PREFIX)
        raise NotifyRefused("SIGNATURE_PROBE" if probe else "BAD_SIGNATURE")
    return named


def open_notify(
    headers: Mapping[str, str],
    body: bytes,
    *,
    keys: Mapping[str, RSAPublicKey],
    apiv3_keys: Sequence[str],
    now: datetime,
) -> Notify:
    """Return what the platform sealed into a notify.

    :param body: the bytes as they arrived.
    :param apiv3_keys: every key the platform may have sealed with at this moment.
    :param now: aware; a notify from more than 300 s before or after it is refused (a retry is signed anew).
    :raises NotifyRefused: for everything else that can arrive.
    """
    if len(body) > LARGEST_NOTIFY_BYTES:
        raise NotifyRefused("TOO_LARGE", f"{len(body)} bytes")
    if not body:
        raise NotifyRefused("EMPTY")
    named = check_signature(headers, body, keys)
    if not _UNIX_SECONDS.fullmatch(named["wechatpay-timestamp"]):
        raise NotifyRefused("BAD_TIMESTAMP", "not whole seconds")
    age_s = now.timestamp() - int(named["wechatpay-timestamp"])
    if abs(age_s) > REPLAY_WINDOW_S:
        raise NotifyRefused("OUTSIDE_WINDOW", f"{age_s:.0f} s old")
    notify = _object(body, "NOT_JSON")
    resource = notify.get("resource")
    if not isinstance(resource, dict) or resource.get("algorithm") != "AEAD_AES_256_GCM":
        raise NotifyRefused("DECRYPTION", "no sealed resource")
    opened = unsealed(resource, apiv3_keys)
    if opened is None:
        raise NotifyRefused("DECRYPTION", "the seal does not open with the APIv3 key")
    return Notify(
        id=str(notify.get("id") or ""),
        event_type=str(notify.get("event_type") or ""),
        serial=named["wechatpay-serial"],
        resource=_object(opened, "NOT_JSON"),
    )


def unsealed(resource: Mapping[str, Any], apiv3_keys: Sequence[str]) -> str | None:
    """Return what is sealed in `nonce`, `ciphertext` and `associated_data`; None where no key opens it."""
    nonce, ciphertext = resource.get("nonce"), resource.get("ciphertext")
    associated_data = resource.get("associated_data") or ""
    if not all(isinstance(part, str) and part for part in (nonce, ciphertext)):
        return None
    if not isinstance(associated_data, str):
        return None
    for key in apiv3_keys:
        try:
            opened: str | None = aes_decrypt(nonce, ciphertext, associated_data, key)
        except ValueError:
            continue
        if opened is not None:
            return opened
    return None


def _object(text: str | bytes, code: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise NotifyRefused(code, "not a JSON object")
    return content
