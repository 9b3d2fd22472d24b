"""Days: local dates, the midnights that close them, and what was used between two of them; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from apps.readings.energy import used_kwh


def closing_midnight(day: date, zone: str) -> datetime:
    """Return the instant (UTC) at which the local date ends."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def local_date(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


def closed_days(*, since: datetime, now: datetime, zone: str, at_most: int) -> list[date]:
    """Return the local dates that have ended between `since` and `now`, newest first, at most so many."""
    first, today = local_date(since, zone), local_date(now, zone)
    days = min((today - first).days, at_most)
    return [today - timedelta(days=back) for back in range(1, days + 1)]


def nearest(moments: Iterable[datetime], to: datetime, within: timedelta) -> datetime | None:
    """Return the moment nearest to `to`, None if none is within reach; of two equally near the earlier."""
    reachable = [moment for moment in moments if abs(moment - to) <= within]
    return min(reachable, key=lambda moment: (abs(moment - to), moment), default=None)


@dataclass(frozen=True)
class DayUse:
    """What a day used: `used_kwh` is None where the day or the one before is a gap, or the body was changed."""

    day: date
    total_kwh: Decimal | None
    used_kwh: Decimal | None


def uses(days: Sequence[date], standings: dict[date, tuple[int, Decimal]], most_kwh: Decimal) -> list[DayUse]:
    """Return each day's use from the standings (device epoch, total) at the closing midnights.

    A standing of another body, a counter that was reset or jumped over `most_kwh` is no use but a gap.
    """
    result = []
    for day in days:
        here, before = standings.get(day), standings.get(day - timedelta(days=1))
        used = None
        if here and before and here[0] == before[0]:
            used = used_kwh(before[1], here[1], most_kwh)
        result.append(DayUse(day, here[1] if here else None, used))
    return result
