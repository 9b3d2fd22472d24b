"""Change what is said of a person or a landlord."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.accounts.models import AuditLine, Landlord, User


def change_user(*, user: User, name: str | None = None, language: str | None = None) -> User:
    """Return the user with what was given changed, None leaving things as they are.

    :param language: of messages to her phone; one that nobody speaks here changes nothing.
    """
    if language not in dict(settings.LANGUAGES):
        language = None
    given = {"name": name, "language": language}
    changes = {field: value for field, value in given.items() if value is not None}
    if changes:
        User.objects.filter(pk=user.pk).update(**changes)
    for field, value in changes.items():
        setattr(user, field, value)
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
