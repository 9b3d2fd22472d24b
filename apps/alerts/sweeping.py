"""What the sweeper does for alerts: meters on hold, messages whose doorbell was lost or that are to be tried again."""

from datetime import datetime

from django.db.models import Q

from apps.alerts import services
from apps.alerts.models import Alert, Message
from apps.common.scoping import everything, landlord_scope
from apps.meters.models import Meter

_BATCH = 100


def sweep(now: datetime) -> int:
    """Send what waits, tell landlords whose recharges were put on hold; returns how many were touched."""
    with everything("sweeper: messages to send"):
        due = list(
            Message.objects.filter(state=Message.State.WAITING, next_at__lte=now).values_list(
                "landlord_id", "pk"
            )[:_BATCH]
        )
        on_hold = Alert.objects.filter(kind=Alert.Kind.FROZEN, cleared_at=None)
        told = on_hold.values("meter_id")
        news = Meter.objects.exclude(frozen="").filter(archived_at=None).exclude(pk__in=told)
        over = Meter.objects.filter(Q(frozen="") | Q(archived_at__isnull=False), pk__in=told)
        changed = [
            *news.values_list("landlord_id", "pk")[:_BATCH],
            *over.values_list("landlord_id", "pk")[:_BATCH],
        ]
    for landlord_id, meter_id in changed:
        with landlord_scope(landlord_id):
            services.look_at_freeze(meter_id=meter_id, now=now)
    for landlord_id, message_id in due:
        services.send_message(landlord_id=landlord_id, message_id=message_id, now=now)
    return len(due) + len(changed)
