"""Identifiers that tell nothing and can be made anywhere."""

import secrets
from uuid import UUID

from uuid_utils.compat import uuid7 as _uuid7

# No 0/O, 1/I/L: a renter may have to read an order number to the landlord over the phone.
_READABLE = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def uuid7() -> UUID:
    """Return a new time-ordered UUID (RFC 9562, version 7)."""
    return _uuid7()


def secret_token(bits: int = 128) -> str:
    """Return an unguessable URL-safe token of at least `bits` bits."""
    return secrets.token_urlsafe((bits + 7) // 8)


def readable_code(length: int) -> str:
    """Return a random code people can read aloud; about five bits a character."""
    return "".join(secrets.choice(_READABLE) for _ in range(length))
