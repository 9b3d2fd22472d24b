"""The figures of the desk: what came in, and what was used. Asked of the books and of the readings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from django.db.models import Max, Min, Q, Sum
from django.db.models.functions import TruncDate

from apps.income.models import CollectionAccount, Posting
from apps.income.postings import CASH, Asset, channel_account
from apps.meters.models import Meter
from apps.readings.energy import most_kwh
from apps.readings.models import DailyReading, Reading
from meter_gateway.protocol.profiles import load_profile, names

HALF_HOUR = timedelta(minutes=30)
HALF_HOURS = 48


@dataclass(frozen=True)
class Income:
    """What was paid in a period, yuan, by channel; only channels that took something."""

    total_yuan: Decimal
    by_channel: dict[str, Decimal]


def midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)


def income(now: datetime, zone: tzinfo) -> tuple[Income, Income]:
    """Return what the books say was paid today and this month, both local; two queries.

    Only postings of entries of a paid kind that come from a channel or from cash: what was carried over from
    an earlier recharge is not paid twice.
    """
    today = now.astimezone(zone).date()
    month = midnight(today.replace(day=1), zone)
    rows = (
        Posting.objects.filter(
            Q(source=CASH) | Q(source__startswith="channel:"),
            asset=Asset.CNY,
            entry__kind__startswith="paid_",
            entry__happened_at__gte=month,
            entry__happened_at__lte=now,
        )
        .values_list("source")
        .annotate(
            month=Sum("amount"),
            today=Sum("amount", filter=Q(entry__happened_at__gte=midnight(today, zone))),
        )
    )
    names = {
        channel_account(pk): channel for pk, channel in CollectionAccount.objects.values_list("pk", "channel")
    }
    of_today: dict[str, Decimal] = {}
    of_month: dict[str, Decimal] = {}
    for source, in_month, in_day in rows:
        name = names.get(source, source)
        of_month[name] = of_month.get(name, Decimal(0)) + in_month
        if in_day:
            of_today[name] = of_today.get(name, Decimal(0)) + in_day
    return (
        Income(sum(of_today.values(), Decimal(0)), of_today),
        Income(sum(of_month.values(), Decimal(0)), of_month),
    )


# The strongest model cannot use more; a larger difference within a day is a counter that was reset.
MOST_A_DAY_KWH = max(most_kwh(load_profile(name), timedelta(hours=26)) for name in names())

DAY = timedelta(days=1)
DayRow = tuple[Any, int, date, Decimal, Decimal]
# (meter, device epoch, local day) and the counter at the midnight that closed it.
Midnights = dict[tuple[Any, int, date], Decimal]


def energy_by_day(
    days: int, now: datetime, zone: tzinfo, meter: Meter | None = None
) -> list[tuple[date, Decimal | None]]:
    """Return what was used on each of the last `days` local days, today last; two queries.

    Of readings and of the midnights on record: a meter that was away tells its days when it comes back.
    """
    today = now.astimezone(zone).date()
    first = today - (days - 1) * DAY
    readings = Reading.objects.filter(taken_at__gte=midnight(first - DAY, zone), taken_at__lte=now)
    records = DailyReading.objects.filter(date__gte=first - DAY, date__lt=today)
    if meter is not None:
        readings, records = readings.filter(meter=meter), records.filter(meter=meter)
    rows = (
        readings.annotate(day=TruncDate("taken_at", tzinfo=zone))
        .values_list("meter_id", "device_epoch", "day")
        .annotate(least=Min("total_kwh"), most=Max("total_kwh"))
    )
    midnights = {
        (meter_id, device_epoch, day): total_kwh
        for meter_id, device_epoch, day, total_kwh in records.values_list(
            "meter_id", "device_epoch", "date", "total_kwh"
        )
    }
    used = used_by_day(with_midnights(rows, midnights))
    return [(day, used.get(day)) for day in (first + n * DAY for n in range(days))]


def with_midnights(rows: Iterable[DayRow], midnights: Midnights) -> list[DayRow]:
    """Return the rows of `used_by_day`, widened by what the counter showed at the midnights around each day; pure.

    A day of which only its end is known stays a gap.
    """
    seen = {row[:3]: row[3:] for row in rows}
    found = []
    for meter_id, device_epoch, day in sorted(
        seen.keys() | midnights.keys(), key=lambda key: (str(key[0]), *key[1:])
    ):
        here, before = (meter_id, device_epoch, day), (meter_id, device_epoch, day - DAY)
        counters = [*seen.get(here, ()), *(midnights[key] for key in (before, here) if key in midnights)]
        if here in seen or before in seen or before in midnights:
            found.append((*here, min(counters), max(counters)))
    return found


def used_by_day(rows: Iterable[DayRow]) -> dict[date, Decimal]:
    """Return the use of each day from (meter, device epoch, day, least, most) of absolute counters; pure.

    A day counts from the last counter of the day before, where there is one, else from its own first. A day
    without a reading is absent: it is a gap, not zero, and the day after it does not swallow it.
    """
    used: dict[date, Decimal] = {}
    before: DayRow | None = None
    for row in rows:
        meter_id, device_epoch, day, least, most = row
        start = least
        if before and before[:2] == (meter_id, device_epoch) and before[2] == day - timedelta(days=1):
            start = min(before[4], least)
        # A counter that was reset within the day says nothing of it.
        if most - start <= MOST_A_DAY_KWH:
            used[day] = used.get(day, Decimal(0)) + (most - start)
        before = row
    return used


def half_hours_of(meter: Meter, day: date, zone: tzinfo) -> list[tuple[datetime, Decimal | None]]:
    """Return the use of each half-hour of a local day; one query."""
    start = midnight(day, zone)
    rows = (
        Reading.objects.filter(
            meter=meter, taken_at__gte=start - HALF_HOUR, taken_at__lt=start + timedelta(days=1)
        )
        .order_by("taken_at")
        .values_list("taken_at", "device_epoch", "total_kwh")
    )
    return list(
        zip(
            (start + HALF_HOUR * n for n in range(HALF_HOURS)),
            used_by_half_hour(list(rows), start),
            strict=True,
        )
    )


def used_by_half_hour(rows: Sequence[tuple[datetime, int, Decimal]], start: datetime) -> list[Decimal | None]:
    """Return 48 uses from (taken at, device epoch, counter), oldest first, the half-hour before `start` included.

    A half-hour counts from the last counter of the one before; without one, or across two bodies of the
    meter, it is a gap. Pure.
    """
    last: dict[int, tuple[int, Decimal]] = {}
    for taken_at, device_epoch, total_kwh in rows:
        last[(taken_at - start) // HALF_HOUR] = (device_epoch, total_kwh)
    used: list[Decimal | None] = []
    for place in range(HALF_HOURS):
        here, before = last.get(place), last.get(place - 1)
        same_body = here is not None and before is not None and here[0] == before[0]
        risen = here[1] - before[1] if same_body and here and before else None
        used.append(risen if risen is not None and risen >= 0 else None)
    return used
