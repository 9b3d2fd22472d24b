"""Change what is said of a person or a landlord."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.accounts.models import AuditLine, Landlord, User


def rename_user(*, user: User, name: str) -> User:
    """Return the user under the new name."""
    User.objects.filter(pk=user.pk).update(name=name)
    user.name = name
    return user


def change_landlord(
    *,
    landlord: Landlord,
    by_id: UUID,
    now: datetime,
    name: str | None = None,
    phone: str | None = None,
    minimum_recharge_yuan: Decimal | None = None,
) -> Landlord:
    """Return the landlord with what was given changed, None leaving things as they are. Audited.

    Orders that are open already keep the minimum they were made under.
    """
    given = {"name": name, "phone": phone, "minimum_recharge_yuan": minimum_recharge_yuan}
    changes: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if not changes:
        return landlord
    Landlord.objects.filter(pk=landlord.pk).update(**changes)
    AuditLine.objects.create(
        landlord_id=landlord.pk,
        at=now,
        by_id=by_id,
        act="landlord.change",
        object_type="Landlord",
        object_id=landlord.pk,
        facts={field: str(value) for field, value in changes.items()},
    )
    landlord.refresh_from_db()
    return landlord
