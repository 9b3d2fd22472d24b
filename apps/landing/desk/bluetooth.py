"""The card of a meter that a phone can reach."""

from typing import Any

from django.urls import reverse

from apps.meters.models import Command, Meter
from apps.meters.services.phone import can_be_carried
from apps.meters.states import OPEN, CommandKind


def bluetooth_of(meter: Meter, *, may_read: bool) -> dict[str, Any] | None:
    """Return what the card shows, None for a model without Bluetooth or a member who may not read it."""
    if not may_read or meter.archived_at is not None or not can_be_carried(meter):
        return None
    credits = Command.objects.filter(meter=meter, kind=CommandKind.CREDIT, state__in=sorted(OPEN))
    return {
        "open": reverse("api_meter_phone_sessions", args=[meter.pk]),
        "has_credit": not meter.frozen and credits.exists(),
    }
