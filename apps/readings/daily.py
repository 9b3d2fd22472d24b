"""One record per meter and local date: from the meter's own midnight freeze, else from the nearest reading."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from apps.common.scoping import everything
from apps.meters.evidence import Evidence
from apps.meters.models import Command, Meter
from apps.meters.services.commands import ask_freeze
from apps.meters.states import CommandKind, CommandState
from apps.readings.days import closed_days, closing_midnight, nearest
from apps.readings.models import DailyReading, Reading
from meter_gateway.protocol.profiles import load_profile

# A week away is caught up with; what is older stays a gap, although the meter may know it.
DAYS_BACK = 7
_GIVEN_UP = (CommandState.REJECTED, CommandState.EXPIRED, CommandState.CANCELLED)


def meters_with_open_days(*, now: datetime) -> list[tuple[UUID, UUID]]:
    """Return (landlord, meter) of every meter that is not archived."""
    with everything("schedule: meters whose days are to be closed"):
        return list(Meter.objects.filter(archived_at=None).values_list("landlord_id", "pk"))


def close_days(*, meter_id: UUID, now: datetime) -> int:
    """Close the meter's ended days that have no record yet; returns how many were closed. May run twice.

    A model with midnight freezes is asked for them first; the nearest reading stands in only where the meter
    has none to give. Late data fills its own day whenever it comes.
    """
    meter = Meter.objects.select_related("room__site").filter(pk=meter_id, archived_at=None).first()
    if meter is None:
        return 0
    zone = meter.room.site.time_zone
    days = closed_days(since=meter.claimed_at, now=now, zone=zone, at_most=DAYS_BACK)
    there = set(DailyReading.objects.filter(meter=meter, date__in=days).values_list("date", flat=True))
    return sum(_close(meter, day, zone, now) for day in days if day not in there)


def _close(meter: Meter, day: date, zone: str, now: datetime) -> bool:
    if load_profile(meter.profile).freeze_di:
        asked = Command.objects.filter(meter=meter, kind=CommandKind.READ_FREEZE, freeze_date=day).first()
        if asked is None:
            ask_freeze(meter=meter, freeze_date=day, now=now)
            return False
        if asked.state not in _GIVEN_UP:
            return False
    midnight = closing_midnight(day, zone)
    reading = _nearest_reading(meter, midnight)
    if reading is None:
        return False
    return _keep(
        meter, day, reading.total_kwh, reading.remaining_kwh, reading.taken_at, DailyReading.Source.NEAREST
    )


def keep_freeze(*, meter: Meter, freeze_date: date, evidence: Evidence) -> bool:
    """Make the daily record of a freeze the meter has answered; say whether it held one."""
    totals = [value for di, value in evidence.registers.items() if di.startswith("050601")]
    if not totals or not totals[0]:
        return False
    zone = meter.room.site.time_zone
    midnight = closing_midnight(freeze_date, zone)
    beside = _nearest_reading(meter, midnight)
    total: Decimal = totals[0][0] if isinstance(totals[0], list | tuple) else totals[0]
    remaining = beside.remaining_kwh if beside else None
    return _keep(meter, freeze_date, total, remaining, midnight, DailyReading.Source.FREEZE)


def _nearest_reading(meter: Meter, midnight: datetime) -> Reading | None:
    reach = timedelta(seconds=load_profile(meter.profile).reading_interval_s)
    near = Reading.objects.filter(
        meter=meter, device_epoch=meter.device_epoch, taken_at__range=(midnight - reach, midnight + reach)
    )
    by_moment = {reading.taken_at: reading for reading in near}
    moment = nearest(by_moment, midnight, reach)
    return by_moment[moment] if moment else None


def _keep(
    meter: Meter,
    day: date,
    total_kwh: Decimal,
    remaining_kwh: Decimal | None,
    taken_at: datetime,
    source: DailyReading.Source,
) -> bool:
    DailyReading.objects.bulk_create(
        [
            DailyReading(
                meter=meter,
                date=day,
                device_epoch=meter.device_epoch,
                total_kwh=total_kwh,
                remaining_kwh=remaining_kwh,
                taken_at=taken_at,
                source=source,
            )
        ],
        ignore_conflicts=True,
    )
    return True
