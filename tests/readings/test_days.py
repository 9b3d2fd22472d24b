"""A day is local, closes at its own midnight, and is a gap where nobody can vouch for it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from apps.common.scoping import landlord_scope
from apps.meters.evidence import Evidence
from apps.meters.models import Command, Presence
from apps.meters.states import CommandKind, CommandState
from apps.readings import daily
from apps.readings.days import closed_days, closing_midnight, local_date, nearest, uses
from apps.readings.models import DailyReading, Reading
from meter_gateway.protocol.profiles import load_profile
from tests.api.at_once import at_once
from tests.people import NOON, Street

SHANGHAI = "Asia/Shanghai"
TODAY = date(2026, 11, 23)
MIDNIGHT = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
"""The instant at which the 23rd ends in Shanghai."""


def test_a_day_ends_at_midnight_in_shanghai() -> None:
    assert closing_midnight(TODAY, SHANGHAI) == MIDNIGHT


def test_closed_days_start_with_yesterday_and_end_with_the_first() -> None:
    since = datetime(2026, 11, 20, 15, 59, tzinfo=UTC)
    assert closed_days(since=since, now=NOON, zone=SHANGHAI, at_most=7) == [
        date(2026, 11, 22),
        date(2026, 11, 21),
        date(2026, 11, 20),
    ]
    assert closed_days(since=NOON, now=NOON, zone=SHANGHAI, at_most=7) == []
    assert len(closed_days(since=NOON - timedelta(days=90), now=NOON, zone=SHANGHAI, at_most=7)) == 7


def test_the_nearest_moment_within_reach_is_taken() -> None:
    moments = [MIDNIGHT - timedelta(minutes=20), MIDNIGHT + timedelta(minutes=10)]
    assert nearest(moments, MIDNIGHT, timedelta(minutes=30)) == moments[1]
    assert nearest(moments, MIDNIGHT, timedelta(minutes=5)) is None


def test_a_day_without_its_neighbour_or_with_another_body_is_a_gap_not_a_zero() -> None:
    days = [date(2026, 11, day) for day in (20, 21, 22, 23)]
    standings = {
        date(2026, 11, 19): (1, Decimal("10.00")),
        date(2026, 11, 20): (1, Decimal("12.50")),
        date(2026, 11, 22): (1, Decimal("20.00")),
        date(2026, 11, 23): (2, Decimal("0.30")),
    }
    assert [use.used_kwh for use in uses(days, standings, Decimal(1900))] == [
        Decimal("2.50"),
        None,
        None,
        None,
    ]


def _reading(street: Street, at: datetime, total: str) -> None:
    Reading.objects.create(
        meter=street.li.meter,
        taken_at=at,
        received_at=at,
        source=Reading.Source.NETWORK,
        device_epoch=1,
        total_kwh=Decimal(total),
        remaining_kwh=Decimal("30.00"),
    )


MORNING = MIDNIGHT + timedelta(hours=8)


def _is_online(street: Street, yes: bool = True) -> None:
    Presence.objects.update_or_create(serial=street.li.meter.serial, defaults={"is_online": yes})


def test_the_meters_own_freeze_is_asked_for_first_and_once(street: Street) -> None:
    _is_online(street)
    with landlord_scope(street.li.landlord.pk):
        _reading(street, MIDNIGHT - timedelta(minutes=12), "100.00")
        assert daily.close_days(meter_id=street.li.meter.pk, now=MORNING) == 0
        assert daily.close_days(meter_id=street.li.meter.pk, now=MORNING) == 0
        command = Command.objects.get(kind=CommandKind.READ_FREEZE)
        assert command.freeze_date == TODAY
        profile = load_profile(street.li.meter.profile)
        evidence = Evidence(profile, {"05060101": (Decimal("100.20"),)}, None, ())
        assert daily.keep_freeze(meter=street.li.meter, freeze_date=TODAY, evidence=evidence)
        record = DailyReading.objects.get()
        assert (record.total_kwh, record.source) == (Decimal("100.20"), DailyReading.Source.FREEZE)
        assert record.taken_at == MIDNIGHT


def test_two_who_close_the_same_day_at_once_ask_the_meter_once(
    real_street: Street, quiet_doorbells: None
) -> None:
    """Beat rings again while the round before is still on its way, or the broker hands it over twice."""
    li, now = real_street.li, NOON + timedelta(days=1)
    Presence.objects.create(serial=li.meter.serial, is_online=True)

    def close() -> None:
        with landlord_scope(li.landlord.pk):
            daily.close_days(meter_id=li.meter.pk, now=now)

    at_once([close] * 4)
    with landlord_scope(li.landlord.pk):
        assert Command.objects.filter(kind=CommandKind.READ_FREEZE).count() == 1


def test_without_a_freeze_the_nearest_half_hour_stands_in_and_late_data_fills_its_day(street: Street) -> None:
    meter = street.li.meter
    _is_online(street)
    with landlord_scope(street.li.landlord.pk):
        daily.close_days(meter_id=meter.pk, now=MORNING)
        Command.objects.update(state=CommandState.REJECTED)
        assert daily.close_days(meter_id=meter.pk, now=MORNING) == 0
        _reading(street, MIDNIGHT + timedelta(minutes=9), "100.00")
        _reading(street, MIDNIGHT - timedelta(minutes=21), "99.00")
        assert daily.close_days(meter_id=meter.pk, now=MORNING) == 1
        assert daily.close_days(meter_id=meter.pk, now=MORNING) == 0
        record = DailyReading.objects.get()
        assert (record.date, record.total_kwh) == (TODAY, Decimal("100.00"))


def test_a_meter_that_is_away_is_waited_for_and_then_the_nearest_reading_stands_in(street: Street) -> None:
    meter = street.li.meter
    _is_online(street, False)
    with landlord_scope(street.li.landlord.pk):
        _reading(street, MIDNIGHT - timedelta(minutes=12), "100.00")
        assert daily.close_days(meter_id=meter.pk, now=MORNING) == 0
        assert not Command.objects.filter(kind=CommandKind.READ_FREEZE).exists()
        assert daily.close_days(meter_id=meter.pk, now=MIDNIGHT + daily.PATIENCE) == 1
        assert DailyReading.objects.get().source == DailyReading.Source.NEAREST


def test_a_freeze_nobody_answered_in_time_is_asked_for_again_once_the_meter_is_back(street: Street) -> None:
    meter = street.li.meter
    _is_online(street)
    freezes = Command.objects.filter(kind=CommandKind.READ_FREEZE)
    with landlord_scope(street.li.landlord.pk):
        daily.close_days(meter_id=meter.pk, now=MORNING)
        freezes.update(state=CommandState.EXPIRED)
        _is_online(street, False)
        assert daily.close_days(meter_id=meter.pk, now=MORNING + timedelta(days=1)) == 0
        assert freezes.count() == 1
        _is_online(street)
        daily.close_days(meter_id=meter.pk, now=MORNING + timedelta(days=1))
        daily.close_days(meter_id=meter.pk, now=MORNING + timedelta(days=1))
        assert sorted(freezes.values_list("freeze_date", "state")) == [
            (TODAY, CommandState.EXPIRED),
            (TODAY, CommandState.QUEUED),
            (TODAY + timedelta(days=1), CommandState.QUEUED),
        ]


def test_a_freeze_the_meter_answered_with_nothing_leaves_the_day_to_the_nearest_reading(
    street: Street,
) -> None:
    meter = street.li.meter
    _is_online(street)
    with landlord_scope(street.li.landlord.pk):
        _reading(street, MIDNIGHT - timedelta(minutes=12), "100.00")
        daily.close_days(meter_id=meter.pk, now=MORNING)
        Command.objects.update(state=CommandState.DONE, final_at=MORNING)
        nothing = Evidence(load_profile(meter.profile), {"05060101": ()}, None, ())
        assert not daily.keep_freeze(meter=meter, freeze_date=TODAY, evidence=nothing)
        assert daily.close_days(meter_id=meter.pk, now=MORNING + timedelta(minutes=5)) == 0
        assert daily.close_days(meter_id=meter.pk, now=MORNING + timedelta(minutes=20)) == 1


def test_a_freeze_that_lies_too_far_above_the_evening_makes_no_record_and_one_of_a_new_meter_does(
    street: Street,
) -> None:
    meter = street.li.meter
    profile = load_profile(meter.profile)
    with landlord_scope(street.li.landlord.pk):
        of_a_new_one = Evidence(profile, {"05060101": (Decimal("0.00"),)}, None, ())
        assert daily.keep_freeze(meter=meter, freeze_date=TODAY - timedelta(days=1), evidence=of_a_new_one)
        _reading(street, MIDNIGHT - timedelta(hours=1), "100.00")
        too_far = Evidence(profile, {"05060101": (Decimal("175.91"),)}, None, ())
        assert not daily.keep_freeze(meter=meter, freeze_date=TODAY, evidence=too_far)
        assert [row.date for row in DailyReading.objects.all()] == [TODAY - timedelta(days=1)]


def test_a_meter_back_after_weeks_is_asked_for_all_the_midnights_it_keeps_and_a_few_at_a_time(
    street: Street,
) -> None:
    meter, freezes = street.li.meter, Command.objects.filter(kind=CommandKind.READ_FREEZE)
    now = MORNING + timedelta(days=80)
    for online, is_visited in ((False, False), (True, True)):
        _is_online(street, online)
        with landlord_scope(street.li.landlord.pk):
            DailyReading.objects.all().delete()
            for back in range(1, 8):
                daily._keep(meter, local_day(now, back), Decimal(1), None, now, DailyReading.Source.FREEZE)
        assert ((street.li.landlord.pk, meter.pk) in daily.meters_with_open_days(now=now)) is is_visited
    with landlord_scope(street.li.landlord.pk):
        asked_each_call = []
        for _call in range(10):
            daily.close_days(meter_id=meter.pk, now=now)
            asked_each_call.append(freezes.filter(state=CommandState.QUEUED).count())
            freezes.update(state=CommandState.DONE, final_at=now - timedelta(hours=1))
        assert asked_each_call == [7] * 7 + [6, 0, 0]
        days = set(freezes.values_list("freeze_date", flat=True))
        assert days == {local_day(now, back) for back in range(8, 63)}


def test_a_midnight_the_meter_never_had_is_given_up_a_day_after_its_word_or_after_a_few_tries(
    street: Street,
) -> None:
    meter, mine = street.li.meter, (street.li.landlord.pk, street.li.meter.pk)
    freezes = Command.objects.filter(kind=CommandKind.READ_FREEZE)
    _is_online(street)

    def is_visited(now: datetime) -> bool:
        return mine in daily.meters_with_open_days(now=now)

    def keep(day: date, now: datetime) -> None:
        daily._keep(meter, day, Decimal(1), None, now, DailyReading.Source.FREEZE)

    with landlord_scope(street.li.landlord.pk):
        daily.close_days(meter_id=meter.pk, now=MORNING)
        freezes.update(state=CommandState.REJECTED, final_at=MORNING)
        later = MORNING + timedelta(days=1)
        keep(TODAY + timedelta(days=1), later)
    assert is_visited(later - timedelta(minutes=1))
    assert not is_visited(later)
    with landlord_scope(street.li.landlord.pk):
        freezes.update(state=CommandState.EXPIRED)
        for _round in range(daily.TRIES + 2):
            daily.close_days(meter_id=meter.pk, now=later)
            freezes.update(state=CommandState.EXPIRED, final_at=later)
        assert freezes.count() == daily.TRIES
        later += timedelta(days=1)
        keep(TODAY + timedelta(days=2), later)
    assert is_visited(later - timedelta(minutes=1))
    assert not is_visited(later)


def local_day(now: datetime, back: int) -> date:
    return local_date(now, SHANGHAI) - timedelta(days=back)


def test_only_meters_with_a_day_to_close_are_visited(street: Street) -> None:
    house = street.li
    assert len(daily.meters_with_open_days(now=MORNING)) == 4
    with landlord_scope(house.landlord.pk):
        _reading(street, MIDNIGHT, "100.00")
        daily.close_days(meter_id=house.meter.pk, now=MIDNIGHT + daily.PATIENCE)
    left = daily.meters_with_open_days(now=MORNING)
    assert len(left) == 3
    assert (house.landlord.pk, house.meter.pk) not in left
    tomorrow = daily.meters_with_open_days(now=MORNING + timedelta(days=1))
    assert (house.landlord.pk, house.meter.pk) in tomorrow
