"""One record per meter and local date: from the meter's own midnight freeze, else from the nearest reading."""

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, Exists, F, Max, OuterRef, Q

from apps.common.scoping import everything
from apps.meters.evidence import Evidence
from apps.meters.intervals import reading_interval
from apps.meters.models import Command, Meter, Presence
from apps.meters.selectors import is_online
from apps.meters.services.commands import ask_freeze
from apps.meters.states import OPEN, CommandKind, CommandState
from apps.readings.days import closed_days, closing_midnight, local_date, nearest
from apps.readings.energy import jumped, most_kwh
from apps.readings.models import DailyReading, Reading
from meter_gateway.protocol.profiles import Profile, load_profile

# So long a reading beside the midnight may stand in. What is older only the meter itself can tell.
DAYS_BACK = 7
# A meter that comes back after weeks is asked for so many midnights at a time, newest first: no burst on its line.
ASKED_AT_ONCE = 7
# So long a meter that is away may come back and give its own midnight before the nearest reading stands in for it.
PATIENCE = timedelta(hours=12)
# An answered freeze becomes a record within seconds; the sweeper finds it if its doorbell was lost.
_PULLED_WITHIN = timedelta(minutes=10)
# A midnight that was asked for so often without an answer is not asked for again.
TRIES = 5
# So long a day is still looked at after the meter's last word on it, or the last try: then its gap stays.
GIVEN_UP_AFTER = timedelta(days=1)
_MAY_BE_ASKED_AGAIN = frozenset({CommandState.EXPIRED, CommandState.CANCELLED})


def meters_with_open_days(*, now: datetime) -> list[tuple[UUID, UUID]]:
    """Return (landlord, meter) of the meters in use that lack a record of a day that has ended.

    Old days only of those that are online: nobody else could tell them. Days that were given up count for nobody,
    or a midnight that a meter never had would cost a visit every few minutes for as long as it keeps any.
    """
    with everything("schedule: meters whose days are to be closed"):
        online = set(Presence.objects.filter(is_online=True).values_list("serial", flat=True))
        rows = Meter.objects.filter(archived_at=None).values_list(
            "landlord_id", "pk", "claimed_at", "room__site__time_zone", "profile", "serial"
        )
        kept: dict[tuple[str, int], dict[UUID, tuple[int, date]]] = {}
        found = []
        with_gaps: dict[date, list[tuple[UUID, UUID, int]]] = {}
        for landlord_id, meter_id, claimed_at, zone, profile, serial in rows:
            back = _days_back(load_profile(profile)) if serial in online else DAYS_BACK
            if (zone, back) not in kept:
                kept[zone, back] = _days_kept(local_date(now, zone), back)
            ended = closed_days(since=claimed_at, now=now, zone=zone, at_most=back)
            days, newest = kept[zone, back].get(meter_id, (0, date.min))
            if ended and newest < ended[0]:
                found.append((landlord_id, meter_id))
            elif days < len(ended):
                with_gaps.setdefault(ended[-1], []).append((landlord_id, meter_id, len(ended) - days))
        for first, meters in with_gaps.items():
            given_up = _days_given_up([meter_id for _, meter_id, _ in meters], first, now)
            found += [(who, meter_id) for who, meter_id, gaps in meters if given_up[meter_id] < gaps]
        return found


def _days_kept(today: date, back: int) -> dict[UUID, tuple[int, date]]:
    """Return for each meter how many of its last days have a record, and the newest that has."""
    days = DailyReading.objects.filter(date__gte=today - timedelta(days=back), date__lt=today)
    rows = days.order_by().values_list("meter_id").annotate(days=Count("pk"), newest=Max("date"))
    return {meter_id: (count, newest) for meter_id, count, newest in rows}


def _days_given_up(meter_ids: list[UUID], first: date, now: datetime) -> Counter[UUID]:
    """Return for each meter how many days since `first` have no record and will get none: nobody has that midnight.

    A day is given up once the meter's word on it, or the last of the tries to have it, is GIVEN_UP_AFTER old.
    """
    record = DailyReading.objects.filter(meter=OuterRef("meter"), date=OuterRef("freeze_date"))
    asked = Command.objects.filter(
        ~Exists(record),
        kind=CommandKind.READ_FREEZE,
        meter_id__in=meter_ids,
        device_epoch=F("meter__device_epoch"),
        freeze_date__gte=first,
    ).order_by()
    over = asked.values("meter_id", "freeze_date").annotate(
        tries=Count("pk"),
        last=Max("final_at"),
        words=Count("pk", filter=Q(state__in=[CommandState.DONE, CommandState.REJECTED])),
        still_open=Count("pk", filter=Q(state__in=sorted(OPEN))),
    )
    given_up = over.filter(Q(words__gt=0) | Q(tries__gte=TRIES), still_open=0, last__lte=now - GIVEN_UP_AFTER)
    return Counter(given_up.values_list("meter_id", flat=True))


def _days_back(profile: Profile) -> int:
    """As far as the meter itself remembers."""
    return profile.freeze_days if profile.freeze_di else DAYS_BACK


def close_days(*, meter_id: UUID, now: datetime) -> int:
    """Close the meter's ended days that have no record yet; returns how many were closed. May run twice.

    A model with midnight freezes is asked for them while it is online, as far back as it keeps them and a few at
    a time, again where it did not answer in time. Within a week the nearest reading stands in once the meter has
    said that it has none, or was away for long after that midnight. Late data fills its own day whenever it comes.
    """
    meter = Meter.objects.select_related("room__site").filter(pk=meter_id, archived_at=None).first()
    if meter is None:
        return 0
    zone, profile = meter.room.site.time_zone, load_profile(meter.profile)
    days = closed_days(since=meter.claimed_at, now=now, zone=zone, at_most=_days_back(profile))
    there = set(DailyReading.objects.filter(meter=meter, date__in=days).values_list("date", flat=True))
    missing = [day for day in days if day not in there]
    if not missing:
        return 0
    asked: dict[date | None, Command] = {}
    tries: Counter[date | None] = Counter()
    if profile.freeze_di:
        freezes = Command.objects.filter(
            meter=meter,
            kind=CommandKind.READ_FREEZE,
            device_epoch=meter.device_epoch,
            freeze_date__in=missing,
        )
        asked = {command.freeze_date: command for command in freezes.order_by("id")}
        tries = Counter(command.freeze_date for command in freezes)
        is_heard = is_online(meter)
        missing = [day for day in missing if not _freeze_is_due(meter, day, asked, is_heard, now)]
    closed = 0
    for day in missing:
        if day in days[:DAYS_BACK] and _close_with_the_nearest(meter, day, zone):
            closed += 1
        elif (
            0 < tries[day] < TRIES
            and is_heard
            and asked[day].state in _MAY_BE_ASKED_AGAIN
            and _may_ask(asked)
        ):
            _ask(meter, day, asked, now)
    return closed


Asked = dict[date | None, Command]


def _may_ask(asked: Asked) -> bool:
    return sum(command.state in OPEN for command in asked.values()) < ASKED_AT_ONCE


def _ask(meter: Meter, day: date, asked: Asked, now: datetime) -> None:
    command = ask_freeze(meter=meter, freeze_date=day, now=now)
    if command is not None:
        asked[day] = command


def _freeze_is_due(meter: Meter, day: date, asked: Asked, is_heard: bool, now: datetime) -> bool:
    """Say whether the meter's own midnight may still come; asks for it if nobody has and the line is not full."""
    if day in asked:
        command = asked[day]
        just_answered = (
            command.state == CommandState.DONE
            and command.final_at is not None
            and now - command.final_at < _PULLED_WITHIN
        )
        return command.state in OPEN or just_answered
    if is_heard:
        if _may_ask(asked):
            _ask(meter, day, asked, now)
        return True
    return now < closing_midnight(day, meter.room.site.time_zone) + PATIENCE


def _close_with_the_nearest(meter: Meter, day: date, zone: str) -> bool:
    reading = _nearest_reading(meter, closing_midnight(day, zone))
    if reading is None:
        return False
    return _keep(
        meter, day, reading.total_kwh, reading.remaining_kwh, reading.taken_at, DailyReading.Source.NEAREST
    )


def keep_freeze(*, meter: Meter, freeze_date: date, evidence: Evidence) -> bool:
    """Make the daily record of a freeze the meter has answered; say whether it held one."""
    totals = [value for di, value in evidence.registers.items() if di.startswith("050601")]
    stored = totals[0] if totals else None
    # Of several figures the first is the sum over the tariffs.
    total: Decimal | None = next(iter(stored), None) if isinstance(stored, list | tuple) else stored
    if total is None:
        return False
    zone = meter.room.site.time_zone
    midnight = closing_midnight(freeze_date, zone)
    beside = _nearest_reading(meter, midnight)
    remaining = beside.remaining_kwh if beside else None
    if _cannot_be(meter, midnight, total):
        return False
    return _keep(meter, freeze_date, total, remaining, midnight, DailyReading.Source.FREEZE)


def _cannot_be(meter: Meter, midnight: datetime, total_kwh: Decimal) -> bool:
    """Say whether a freeze lies further above the reading before it than can have passed through the meter."""
    readings = Reading.objects.filter(meter=meter, device_epoch=meter.device_epoch, taken_at__lt=midnight)
    before = readings.order_by("-taken_at").first()
    if before is None:
        return False
    most = most_kwh(load_profile(meter.profile), midnight - before.taken_at)
    return jumped(before.total_kwh, total_kwh, most)


def _nearest_reading(meter: Meter, midnight: datetime) -> Reading | None:
    reach = reading_interval(meter.profile)
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
