"""Reading by the clock: once an interval each, spread over it, and after a standstill no burst and no second record."""

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from apps.common.scoping import landlord_scope
from apps.meters import tasks
from apps.meters.models import Command, Gateway, Letter, Meter, Presence
from apps.meters.services import acts, schedules
from apps.meters.states import CommandKind, CommandState
from apps.meters.tasks import meters_seen
from tests.api.at_once import at_once
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


def test_a_meter_whose_module_sleeps_is_read_when_it_wakes_and_not_by_the_clock(
    meters: list[Meter], street: Street
) -> None:
    sleeper, other = meters[:2]
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(pk=sleeper.pk).update(profile="dtsy-nb")
    asked = schedules.meters_to_read(now=NOON, call_every_s=1_800)
    assert (street.li.landlord.pk, sleeper.pk) not in asked
    assert schedules.awake([sleeper.serial, other.serial]) == [(street.li.landlord.pk, sleeper.pk)]

    def wakes(now: datetime) -> int:
        with landlord_scope(street.li.landlord.pk):
            schedules.read_on_waking(meter_id=sleeper.pk, now=now)
            reads = Command.objects.filter(meter=sleeper, kind=CommandKind.READ)
            reads.update(state=CommandState.DONE, final_at=now)
            return reads.count()

    # Its answers are heard too, and its next heartbeat comes a moment before the half-hour is over.
    assert [wakes(NOON), wakes(NOON + timedelta(seconds=10)), wakes(NOON + 30 * MINUTE - MINUTE)] == [1, 1, 2]


def test_what_waits_for_a_sleeping_meter_is_asked_the_moment_it_speaks(street: Street) -> None:
    meter, landlord = street.li.meter, street.li.landlord.pk
    gateway = Gateway.objects.create(name="gw", node="n", stream="s", hello_at=timezone.now())
    Presence.objects.create(
        serial=meter.serial,
        gateway=gateway,
        session=UUID(int=1),
        epoch=1,
        is_online=True,
        since=NOON,
        seen_at=NOON,
    )
    with landlord_scope(landlord):
        Meter.objects.filter(pk=meter.pk).update(profile="dtsy-nb")
        meter.refresh_from_db()
        lamp = acts.ask_lamp(meter=meter, on=True, by_id=street.li.owner.pk, now=timezone.now())
        Command.objects.filter(pk=lamp.pk).update(next_at=timezone.now() + timedelta(minutes=5))
    at = timezone.now().isoformat()
    meters_seen(
        gateway="gw",
        seen=[{"serial": meter.serial, "session": str(UUID(int=1)), "epoch": 1, "at": at}],
    )
    with landlord_scope(landlord):
        lamp.refresh_from_db()
        letters = Letter.objects.filter(meter=meter)
        assert [letter.command_id for letter in letters] == [lamp.pk]
        assert Command.objects.filter(meter=meter, kind=CommandKind.READ).count() == 1


def test_a_meter_that_is_not_there_is_not_asked(meters: list[Meter]) -> None:
    Presence.objects.update(is_online=False)
    assert schedules.meters_to_read(now=NOON) == []


def test_meters_that_have_not_answered_yet_do_not_keep_the_others_from_their_turn(
    meters: list[Meter], street: Street
) -> None:
    """A model that sleeps for hours leaves its question open for longer than an interval."""
    with landlord_scope(street.li.landlord.pk):
        for meter in meters[:2]:
            schedules.read_by_the_clock(meter_id=meter.pk, now=NOON)
        Command.objects.update(expires_at=NOON + timedelta(hours=3))
    asked = [meter_id for _landlord, meter_id in schedules.meters_to_read(now=NOON + timedelta(hours=1))]
    assert asked == [meter.pk for meter in meters[2:4]]


def test_calls_that_waited_for_the_database_do_not_all_ask_at_once(
    real_street: Street, quiet_doorbells: None
) -> None:
    li = real_street.li
    Presence.objects.bulk_create(
        Presence(serial=meter.serial, is_online=True)
        for house in (li, real_street.wang)
        for meter in (house.meter, house.vacant_meter)
    )
    at_once([lambda: tasks.read_due_meters()] * 6)
    with landlord_scope(li.landlord.pk):
        mine = Command.objects.filter(kind=CommandKind.READ).count()
    with landlord_scope(real_street.wang.landlord.pk):
        assert mine + Command.objects.filter(kind=CommandKind.READ).count() == 1
