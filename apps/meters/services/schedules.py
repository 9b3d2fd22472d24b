"""Reading by the clock: every online meter once per interval of its model, the fleet spread over the interval."""

from datetime import UTC, datetime
from math import ceil
from uuid import UUID

from django.db.models import Count, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from apps.common.scoping import everything
from apps.meters.intervals import reading_interval
from apps.meters.models import Command, Meter, Presence
from apps.meters.services import commands
from apps.meters.states import CommandKind

# How often beat calls; what is due is divided by the calls that fit into an interval.
CALL_EVERY_S = 60
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def meters_to_read(*, now: datetime, call_every_s: int = CALL_EVERY_S) -> list[tuple[UUID, UUID]]:
    """Return (landlord, meter) of the meters to ask now: those due longest, at most this call's share.

    After a standstill the share is the same, so a fleet that was away is caught up with over one interval and
    not in a burst.
    """
    due: list[tuple[UUID, UUID]] = []
    with everything("schedule: meters due for a reading"):
        online = Meter.objects.filter(
            archived_at=None, serial__in=Presence.objects.filter(is_online=True).values("serial")
        )
        counts = online.order_by().values_list("profile").annotate(count=Count("pk"))
        for profile, count in counts:
            interval = reading_interval(profile)
            last = Command.objects.filter(meter=OuterRef("pk"), kind=CommandKind.READ).order_by("-id")
            of_model = online.filter(profile=profile)
            share = ceil(count * call_every_s / interval.total_seconds())
            # Never asked is asked long ago: with a test for null the subquery would run once more a meter.
            asked_at = Coalesce(Subquery(last.values("created_at")[:1]), Value(_NEVER))
            waiting = (
                of_model.annotate(asked_at=asked_at)
                .filter(asked_at__lte=now - interval)
                .order_by("asked_at", "id")
            )
            due += list(waiting.values_list("landlord_id", "pk")[:share])
    return due


def read_by_the_clock(*, meter_id: UUID, now: datetime) -> None:
    """Queue the meter's reading, unless one is under way; inside the landlord's scope."""
    meter = Meter.objects.filter(pk=meter_id, archived_at=None).first()
    if meter is not None:
        commands.ask_read(meter=meter, by_id=None, now=now)
