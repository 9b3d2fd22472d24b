"""What needs a person's look, worst first. Starts from what the open scope owns."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When

from apps.meters.intervals import reading_interval
from apps.meters.models import Meter
from apps.readings.selectors import with_latest
from meter_gateway.protocol.profiles import names


class Look(StrEnum):
    """Why a meter needs a look. The order is the urgency; a meter is counted under its worst reason only."""

    FROZEN = "frozen"
    OFF = "off"
    LOW = "low"
    STALE = "stale"


def with_look(meters: QuerySet[Meter], now: datetime) -> QuerySet[Any]:
    """Annotate meters with their newest reading and with `look`: the worst Look, or "" for none.

    Stale means what the readings mean by it: two reporting intervals of the model, or never read.
    """
    stale = Q(read_at=None)
    for profile in names():
        limit = now - 2 * reading_interval(profile)
        stale |= Q(profile=profile, read_at__lt=limit)
    return with_latest(meters).annotate(
        look=Case(
            When(~Q(frozen=""), then=Value(Look.FROZEN.value)),
            When(power_on=False, then=Value(Look.OFF.value)),
            When(remaining_kwh__lt=F("low_below_kwh"), then=Value(Look.LOW.value)),
            When(stale, then=Value(Look.STALE.value)),
            default=Value(""),
            output_field=CharField(),
        )
    )


def meters_to_look_at(now: datetime) -> QuerySet[Any]:
    """Return the meters in use that need a look, worst first, then by place."""
    order = Case(*[When(look=look.value, then=Value(place)) for place, look in enumerate(Look)])
    return (
        with_look(Meter.objects.filter(archived_at=None), now)
        .exclude(look="")
        .select_related("room__site")
        .order_by(order, "room__site__name", "room__building", "room__floor", "room__name", "id")
    )


def look_counts(now: datetime) -> dict[Look, int]:
    """Return how many meters in use stand under each reason; reasons without a meter are 0."""
    rows = with_look(Meter.objects.filter(archived_at=None), now).exclude(look="")
    found = dict(rows.values_list("look").annotate(count=Count("pk")).order_by())
    return {look: found.get(look.value, 0) for look in Look}
