"""Doorbells for readings: load, one service, safe to run twice."""

from typing import Any
from uuid import UUID

from celery import shared_task

from apps.common.queue import LandlordTask
from apps.readings import services


@shared_task(base=LandlordTask, name="readings.pull_letter")
def pull_letter(*, command_id: str, attempt: int, **_: Any) -> None:
    """Make a reading of an answered letter."""
    services.pull_letter(command_id=UUID(command_id), attempt=attempt)
