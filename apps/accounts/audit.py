"""The audit: one line an act, in the same transaction as the act."""

from datetime import datetime
from typing import Any
from uuid import UUID

from apps.accounts.models import AuditLine


def record(act: str, *, on: Any, by_id: UUID | None, now: datetime, **facts: Any) -> None:
    """Write one line about `on` (an owned row); `by_id` None means the system itself."""
    AuditLine.objects.create(
        landlord_id=on.landlord_id,
        at=now,
        by_id=by_id,
        act=act,
        object_type=type(on).__name__,
        object_id=on.pk,
        facts={key: str(value) for key, value in facts.items()},
    )
