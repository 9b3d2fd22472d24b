"""Doors: find the landlord of a token, a serial, an order number, before any scope is open."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from apps.accounts.models import Door
from apps.common.scoping import current_landlord_id

Kind = Door.Kind

# The ORM does not tell whether a row that may be there already was written, and asking costs a payment a statement.
_HANG = """
    INSERT INTO accounts_door (kind, key_hash, landlord_id, object_id) VALUES (%s, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Found:
    """Behind this door stands one object of one landlord."""

    landlord_id: UUID
    object_id: UUID


def _hash(kind: str, key: str) -> str:
    return hashlib.sha256(f"{kind}:{key}".encode()).hexdigest()


def hang(kind: Door.Kind, key: str, *, object_id: UUID) -> bool:
    """Make `key` open on this object of the landlord in scope; False if the key opens on another already.

    In the transaction that makes the object. May run twice: the same door again is True.
    """
    landlord_id = current_landlord_id()
    key_hash = _hash(kind, key)
    with connection.cursor() as cursor:
        cursor.execute(_HANG, [kind.value, key_hash, landlord_id, object_id])
        if cursor.rowcount == 1:
            return True
    return Door.objects.filter(
        kind=kind, key_hash=key_hash, landlord_id=landlord_id, object_id=object_id
    ).exists()


def open_one(kind: Door.Kind, key: str) -> Found | None:
    """Return what `key` opens on, or None for a key nobody hung."""
    row = (
        Door.objects.filter(kind=kind, key_hash=_hash(kind, key))
        .values_list("landlord_id", "object_id")
        .first()
    )
    return Found(*row) if row else None


def open_all(kind: Door.Kind, key: str) -> list[Found]:
    """Return everything `key` opens on; only the renter's kind has more than one."""
    rows = Door.objects.filter(kind=kind, key_hash=_hash(kind, key)).order_by("id")
    return [Found(*row) for row in rows.values_list("landlord_id", "object_id")]


def open_many(kind: Door.Kind, keys: list[str]) -> dict[str, Found]:
    """Return what each of `keys` opens on, in one query and in their order; keys nobody hung are absent."""
    by_hash = {_hash(kind, key): key for key in keys}
    rows = Door.objects.filter(kind=kind, key_hash__in=by_hash)
    found = {
        key_hash: Found(landlord_id, object_id)
        for key_hash, landlord_id, object_id in rows.values_list("key_hash", "landlord_id", "object_id")
    }
    return {key: found[key_hash] for key_hash, key in by_hash.items() if key_hash in found}
