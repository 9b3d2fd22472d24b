"""Secrets at rest: AES-256-GCM, the key's id in front, bound to the row they stand in.

    "1:" base64( nonce(12) | ciphertext | tag(16) )

FIELD_KEYS holds "id:base64key" pairs, comma-separated; the first seals, all unseal, so keys can be rotated.
"""

import base64
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings


class SealBroken(ValueError):
    """A sealed text was changed, moved to another row, or its key is gone."""


@lru_cache(maxsize=4)
def _keys(text: str) -> dict[str, AESGCM]:
    pairs = (part.split(":", 1) for part in text.split(",") if part)
    return {key_id: AESGCM(base64.b64decode(key)) for key_id, key in pairs}


def seal(text: str, *, context: str) -> str:
    """Return `text` encrypted so that it opens only with the same `context` (table, row, landlord)."""
    keys = _keys(settings.FIELD_KEYS)
    key_id = next(iter(keys))
    nonce = os.urandom(12)
    body = keys[key_id].encrypt(nonce, text.encode(), context.encode())
    return f"{key_id}:{base64.b64encode(nonce + body).decode()}"


def unseal(sealed: str, *, context: str) -> str:
    """Return the text inside.

    :raises SealBroken: if it was altered, moved, or sealed with a key we no longer have.
    """
    key_id, _, body = sealed.partition(":")
    key = _keys(settings.FIELD_KEYS).get(key_id)
    if key is None:
        raise SealBroken(f"There is no key {key_id!r}.")
    raw = base64.b64decode(body)
    try:
        return key.decrypt(raw[:12], raw[12:], context.encode()).decode()
    except InvalidTag:
        raise SealBroken("A sealed text does not belong to this row, or was altered.") from None
