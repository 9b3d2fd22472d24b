"""What the sweeper does for alerts: messages whose doorbell was lost, or that are to be tried again."""

from datetime import datetime

from apps.alerts import services
from apps.alerts.models import Message
from apps.common.scoping import everything

_BATCH = 100


def sweep(now: datetime) -> int:
    """Send what waits; returns how many were tried."""
    with everything("sweeper: messages to send"):
        due = list(
            Message.objects.filter(state=Message.State.WAITING, next_at__lte=now).values_list(
                "landlord_id", "pk"
            )[:_BATCH]
        )
    for landlord_id, message_id in due:
        services.send_message(landlord_id=landlord_id, message_id=message_id, now=now)
    return len(due)
