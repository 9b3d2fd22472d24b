"""A meter's days, as people read them: newest first, a gap where nobody can vouch for a day."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from apps.meters.models import Meter
from apps.readings.days import local_date, uses
from apps.readings.energy import most_kwh
from apps.readings.models import DailyReading
from meter_gateway.protocol.profiles import load_profile

# Between two standings taken near their midnights, on the day the clocks go back.
LONGEST_DAY = timedelta(hours=26)


@dataclass(frozen=True)
class DayLine:
    """Where the meter stood at the midnight that closed `date`, and what the day used; None is unknown, never 0."""

    date: date
    total_kwh: Decimal | None
    remaining_kwh: Decimal | None
    used_kwh: Decimal | None
    taken_at: datetime | None
    source: str


def days_on_record(meter: Meter, *, now: datetime) -> tuple[date, date]:
    """Return the first local date of the landlord's record and today's, which has not ended and is not in it."""
    zone = meter.room.site.time_zone
    return local_date(meter.claimed_at, zone), local_date(now, zone)


def day_lines(meter: Meter, *, first: date, end: date) -> list[DayLine]:
    """Return a line for each local date in `[first, end)`, newest first, gaps included."""
    rows = DailyReading.objects.filter(meter=meter, date__gte=first - timedelta(days=1), date__lt=end)
    by_date = {row.date: row for row in rows}
    standings = {row.date: (row.device_epoch, row.total_kwh) for row in by_date.values()}
    most = most_kwh(load_profile(meter.profile), LONGEST_DAY)
    days = [end - timedelta(days=back) for back in range(1, (end - first).days + 1)]
    return [
        DayLine(
            date=use.day,
            total_kwh=use.total_kwh,
            remaining_kwh=row.remaining_kwh if row else None,
            used_kwh=use.used_kwh,
            taken_at=row.taken_at if row else None,
            source=row.source if row else "",
        )
        for use, row in ((use, by_date.get(use.day)) for use in uses(days, standings, most))
    ]
