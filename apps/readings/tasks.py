"""Doorbells for readings: load, one service, safe to run twice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.accounts import doors
from apps.common.queue import LandlordTask
from apps.common.scoping import landlord_scope
from apps.readings import daily, services
from apps.readings.months import make_months_ahead


@shared_task(base=LandlordTask, name="readings.pull_letter")
def pull_letter(*, command_id: str, attempt: int, **_: Any) -> None:
    """Make a reading of an answered letter."""
    services.pull_letter(command_id=UUID(command_id), attempt=attempt)


@shared_task(name="readings.close_days")
def close_days(**_: Any) -> None:
    """Close the days that have ended, meter by meter."""
    now = timezone.now()
    for landlord_id, meter_id in daily.meters_with_open_days(now=now):
        with landlord_scope(landlord_id):
            daily.close_days(meter_id=meter_id, now=now)


@shared_task(name="readings.make_months")
def make_months(**_: Any) -> None:
    """Make the months of readings ahead."""
    make_months_ahead(timezone.now())


@shared_task(name="meters.frames_pushed")
def frames_pushed(*, pushes: list[dict[str, Any]], **_: Any) -> None:
    """Make readings of what meters sent unasked, each in its own landlord's scope."""
    found = doors.open_many(doors.Kind.SERIAL, [push["serial"] for push in pushes])
    now = timezone.now()
    for push in pushes:
        door = found.get(push["serial"])
        if door is None:
            continue
        with landlord_scope(door.landlord_id):
            services.record_push(
                meter_id=door.object_id,
                raw=push["raw"],
                taken_at=datetime.fromisoformat(push["at"]),
                received_at=now,
            )
