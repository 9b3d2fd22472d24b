"""Doorbells for alerts: load, one service, safe to run twice."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.alerts import services
from apps.common.queue import LandlordTask


@shared_task(base=LandlordTask, name="alerts.look_at_meter")
def look_at_meter(*, meter_id: str, **_: Any) -> None:
    """See what a new reading means."""
    services.look_at_meter(meter_id=UUID(meter_id), now=timezone.now())


@shared_task(name="alerts.send_message")
def send_message(*, landlord_id: str, message_id: str, **_: Any) -> None:
    """Send one message."""
    services.send_message(landlord_id=UUID(landlord_id), message_id=UUID(message_id), now=timezone.now())
