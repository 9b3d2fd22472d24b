"""Days of a fleet on real load, on virtual time, through the real database: reads, closed days, messages.

Two days in the thorough run; `make week` plays seven.
"""

import os
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from apps.alerts import services as alerts
from apps.alerts.models import Alert, Message
from apps.common.scoping import landlord_scope
from apps.meters.deciding import Rung, SendLetter
from apps.meters.models import Command, Meter
from apps.meters.services import delivery, presence, schedules
from apps.meters.states import CommandKind, Outcome
from apps.meters.store import PostgresStore
from apps.readings import daily
from apps.readings import services as readings
from apps.readings.models import DailyReading, Reading
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.simulator import load as loads
from meter_gateway.simulator.meter import Meter as SimulatedMeter
from meter_gateway.simulator.port import Port
from meter_gateway.simulator.roster import Entry, first_day
from tests.people import NOON, Street

DAYS = int(os.environ.get("RENTMETER_WEEK_DAYS", "2"))
STEP = timedelta(minutes=5)
LOAD_FILE = Path(__file__).resolve().parents[2] / "meter_gateway/simulator/data/load_halfhour_dev.csv"


class Fleet:
    """Simulated meters on real load behind a post that carries every letter there and back at once."""

    def __init__(self) -> None:
        self.now = NOON
        self.silent: set[str] = set()
        self.answers: list[tuple[SendLetter, tuple[str | None, ...]]] = []
        self.asked_at: Counter[int] = Counter()
        self._ports: dict[str, Port] = {}
        self._recordings = list(loads.read_households(LOAD_FILE).values())

    def hang(self, serial: str, remaining_kwh: str) -> None:
        profile = load_profile("dtsy-4g-ble")
        demand = loads.HouseholdLoad(self._recordings[len(self._ports)])
        entry = Entry(
            serial=serial,
            profile="dtsy-4g-ble",
            household="",
            start_total_kwh=Decimal("900.00"),
            start_remaining_kwh=Decimal(remaining_kwh),
            start_purchase_count=3,
            start_purchased_kwh=Decimal("160.00"),
            customer_no="000000000001",
            relay_closed=True,
            load_factor=Decimal(1),
            alarm_1_kwh=Decimal(10),
            alarm_2_kwh=Decimal(5),
            hoarding_limit_kwh=Decimal(99999),
            overdraft_limit_kwh=Decimal(0),
        )
        state = first_day(entry, demand, pulses_per_kwh=profile.pulses_per_kwh, now=NOON)
        self._ports[serial] = Port(
            SimulatedMeter(state, demand, pulses_per_kwh=profile.pulses_per_kwh), profile
        )

    def ask(self, serial: str, letter: SendLetter) -> None:
        self.asked_at[self.now.minute % 30] += 1
        replies: list[str | None] = []
        for frame in letter.frames:
            heard = (
                [] if serial in self.silent else self._ports[serial].receive(bytes.fromhex(frame), self.now)
            )
            replies.append(b"".join(answer.raw for answer in heard).hex().upper() or None)
        self.answers.append((letter, tuple(replies)))

    def grant(self, gateway: str, serial: str, session: UUID, epoch: int) -> None:
        """The sessions of this test need no telling."""

    def refuse(self, gateway: str, serial: str, session: UUID, reason: str) -> None:
        raise AssertionError(f"{serial} was refused: {reason}")


def _online(fleet: Fleet, meters: list[Meter]) -> None:
    presence.gateway_said_hello(gateway="gw", node="gw", stream="s", now=NOON)
    logins = [{"serial": meter.serial, "session": str(uuid4())} for meter in meters]
    presence.grant_logins(post=fleet, gateway="gw", logins=logins, now=NOON)


def _hear(fleet: Fleet, owners: dict[UUID, UUID]) -> None:
    """Take in what the fleet answered, and do what the doorbells of a worker would do."""
    while fleet.answers:
        letter, replies = fleet.answers.pop(0)
        with landlord_scope(owners[letter.command_id]):
            meter_id = Command.objects.values_list("meter_id", flat=True).get(pk=letter.command_id)
            outcome = Outcome.ANSWERED if all(replies) else Outcome.NO_ANSWER
            delivery.take_answer(
                post=fleet,
                meter_id=meter_id,
                command_id=letter.command_id,
                attempt=letter.attempt,
                epoch=letter.epoch,
                outcome=outcome,
                replies=list(replies),
                now=fleet.now,
            )
            if readings.pull_letter(command_id=letter.command_id, attempt=letter.attempt):
                alerts.look_at_meter(meter_id=meter_id, now=fleet.now)


def _turn(fleet: Fleet, landlord_id: UUID, meter_id: UUID, owners: dict[UUID, UUID]) -> None:
    with landlord_scope(landlord_id):
        for pk in Command.objects.filter(meter_id=meter_id, final_at=None).values_list("pk", flat=True):
            owners[pk] = landlord_id
        delivery.take_turn(store=PostgresStore(), post=fleet, meter_id=meter_id, event=Rung(now=fleet.now))


@pytest.mark.thorough
@pytest.mark.usefixtures("quiet_doorbells")
def test_every_meter_has_its_days_its_half_hours_and_one_message_per_crossing(real_street: Street) -> None:
    fleet = Fleet()
    houses = [real_street.li, real_street.wang]
    meters = [house.meter for house in houses] + [house.vacant_meter for house in houses]
    for meter, remaining in zip(meters, ("16.00", "200.00", "300.00", "400.00"), strict=True):
        fleet.hang(meter.serial, remaining)
    away = real_street.wang.vacant_meter
    with landlord_scope(real_street.li.landlord.pk):
        alerts.subscribe(lease=real_street.li.lease, phone=real_street.li.renter.phone, now=NOON)
    _online(fleet, meters)
    owners: dict[UUID, UUID] = {}
    end = NOON + timedelta(days=DAYS, hours=1)
    while fleet.now < end:
        is_away = timedelta(hours=13) <= fleet.now - NOON < timedelta(hours=37)
        fleet.silent = {away.serial} if is_away else set()
        for landlord_id, meter_id in schedules.meters_to_read(now=fleet.now, call_every_s=STEP.seconds):
            with landlord_scope(landlord_id):
                schedules.read_by_the_clock(meter_id=meter_id, now=fleet.now)
            _turn(fleet, landlord_id, meter_id, owners)
        if fleet.now.minute == 0:
            for landlord_id, meter_id in daily.meters_with_open_days(now=fleet.now):
                with landlord_scope(landlord_id):
                    daily.close_days(meter_id=meter_id, now=fleet.now)
                _turn(fleet, landlord_id, meter_id, owners)
        _hear(fleet, owners)
        fleet.now += STEP
    _closes_every_day(real_street, meters)
    _spreads_over_the_interval(fleet)
    _tells_once(real_street)


def _closes_every_day(street: Street, meters: list[Meter]) -> None:
    for meter in meters:
        with landlord_scope(meter.landlord_id):
            days = list(DailyReading.objects.filter(meter=meter).order_by("date"))
            assert len(days) == DAYS, meter.serial
            assert all(a.total_kwh <= b.total_kwh for a, b in pairwise(days))
            halves = Reading.objects.filter(meter=meter).count()
            expected = 48 * DAYS if meter != street.wang.vacant_meter else 48 * DAYS - 48
            assert abs(halves - expected) <= 4, (meter.serial, halves)
            assert not Command.objects.filter(meter=meter, kind=CommandKind.CREDIT).exists()
    with landlord_scope(street.wang.landlord.pk):
        away = DailyReading.objects.filter(meter=street.wang.vacant_meter)
        assert set(away.values_list("source", flat=True)) == {DailyReading.Source.FREEZE}


def _spreads_over_the_interval(fleet: Fleet) -> None:
    busiest = max(fleet.asked_at.values())
    assert busiest <= sum(fleet.asked_at.values()) / 2
    assert len(fleet.asked_at) >= 4


def _tells_once(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        low = Alert.objects.filter(kind=Alert.Kind.LOW_BALANCE)
        assert [alert.meter_id for alert in low] == [street.li.meter.pk]
        assert Message.objects.filter(alert__in=low).count() == 1
    with landlord_scope(street.wang.landlord.pk):
        assert not Alert.objects.exists()
