"""Reading by the clock: once an interval each, spread over it, and after a standstill no burst and no second record."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from apps.common.scoping import landlord_scope
from apps.meters.models import Command, Meter, Presence
from apps.meters.services import schedules
from apps.meters.states import CommandKind, CommandState
from tests.people import NOON, Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")
MINUTE = timedelta(minutes=1)
METERS = 31


@pytest.fixture
def meters(street: Street) -> list[Meter]:
    """A house of many meters, all online; the street's own are not."""
    with landlord_scope(street.li.landlord.pk):
        made = Meter.objects.bulk_create(
            Meter(
                serial=f"{900_000 + n:012d}",
                profile="dtsy-4g-ble",
                qr_token=f"token-{n}",
                room=street.li.room,
                claimed_at=NOON,
            )
            for n in range(METERS)
        )
    Presence.objects.bulk_create([Presence(serial=meter.serial, is_online=True) for meter in made])
    return list(made)


def minute(now: datetime) -> list[object]:
    """What beat rings in a minute; every meter answers at once."""
    asked = schedules.meters_to_read(now=now)
    for landlord_id, meter_id in asked:
        with landlord_scope(landlord_id):
            schedules.read_by_the_clock(meter_id=meter_id, now=now)
            Command.objects.filter(meter_id=meter_id, kind=CommandKind.READ).exclude(
                state=CommandState.DONE
            ).update(state=CommandState.DONE, final_at=now)
    return [meter_id for _landlord, meter_id in asked]


def test_after_a_standstill_each_meter_is_read_once_within_the_next_interval_and_never_in_a_burst(
    meters: list[Meter], street: Street
) -> None:
    with landlord_scope(street.li.landlord.pk):
        Command.objects.bulk_create(
            Command(
                meter=meter,
                kind=CommandKind.READ,
                state=CommandState.DONE,
                created_at=NOON + number * MINUTE,
                next_at=NOON,
                device_epoch=1,
            )
            for number, meter in enumerate(meters)
        )
    # The database, the broker or beat was away: six readings of each meter were missed.
    now = NOON + timedelta(hours=3, minutes=METERS)
    asked = [minute(now + number * MINUTE) for number in range(17)]
    assert [len(of_minute) for of_minute in asked] == [2] * 15 + [1, 0]
    assert Counter(meter_id for of_minute in asked for meter_id in of_minute) == Counter(
        meter.pk for meter in meters
    )
    assert asked[0] == [meter.pk for meter in meters[:2]], "who waited longest comes first"


def test_the_same_minute_rung_twice_asks_nobody_twice(meters: list[Meter], street: Street) -> None:
    """Beat died and came again, or the broker delivered a ring twice."""
    first, second = minute(NOON), minute(NOON)
    assert not set(first) & set(second)
    with landlord_scope(street.li.landlord.pk):
        for meter in meters[:2]:
            schedules.read_by_the_clock(meter_id=meter.pk, now=NOON)
            schedules.read_by_the_clock(meter_id=meter.pk, now=NOON)
        open_reads = Command.objects.filter(meter__in=meters[:2], state=CommandState.QUEUED)
        assert open_reads.count() == 2


def test_a_meter_that_is_not_there_is_not_asked(meters: list[Meter]) -> None:
    Presence.objects.update(is_online=False)
    assert schedules.meters_to_read(now=NOON) == []
