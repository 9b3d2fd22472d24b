"""What a meter said last, and how old that is."""

from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from apps.meters.intervals import reading_interval
from apps.meters.models import Meter
from apps.readings.models import Reading


def latest(meter: Meter) -> Reading | None:
    """Return the newest reading of the meter's present body, or None before the first."""
    return Reading.objects.filter(meter=meter, device_epoch=meter.device_epoch).order_by("-taken_at").first()


def nearest(meter: Meter, moment: datetime) -> Reading | None:
    """Return the reading of the meter taken nearest to `moment`, of any of its bodies; the earlier of two as near."""
    readings = Reading.objects.filter(meter=meter)
    before = readings.filter(taken_at__lte=moment).order_by("-taken_at").first()
    after = readings.filter(taken_at__gt=moment).order_by("taken_at").first()
    if before is None or after is None:
        return before or after
    return before if moment - before.taken_at <= after.taken_at - moment else after


def with_latest(meters: QuerySet[Meter]) -> QuerySet[Meter]:
    """Annotate meters with `remaining_kwh`, `total_kwh` and `read_at`, all three of one and the same reading."""
    newest = Reading.objects.filter(meter=OuterRef("pk"), device_epoch=OuterRef("device_epoch")).order_by(
        "-taken_at"
    )
    return meters.annotate(
        remaining_kwh=Subquery(newest.values("remaining_kwh")[:1]),
        total_kwh=Subquery(newest.values("total_kwh")[:1]),
        read_at=Subquery(newest.values("taken_at")[:1]),
    )


def is_stale(profile: str, read_at: datetime | None, now: datetime) -> bool:
    """Say whether two reporting intervals of the model have passed without a reading; never read is stale."""
    if read_at is None:
        return True
    return now - read_at > 2 * reading_interval(profile)
