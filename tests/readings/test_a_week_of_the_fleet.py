"""Days of the demo's whole fleet on virtual time: every half-hour, every day, every message, spread over the interval.

The thorough run plays two days of a quarter of the fleet; `make week` plays seven of all of it, in two halves at
once, and prints the figures.
"""

import json
import os
import time
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from apps.alerts.models import Alert, Message
from apps.alerts.rules import MARGIN_KWH
from apps.common.scoping import landlord_scope
from apps.meters.models import Command, Lease, Meter
from apps.meters.states import CommandKind
from apps.readings.models import DailyReading, QuarantinedReading, Reading
from tests.people import NOON
from tests.readings.fleet import MINUTE, Fleet, Hung, subscribe_everybody

# Where `make week` wants its figures.
FIGURES = os.environ.get("RENTMETER_WEEK_FIGURES", "")
DAYS = int(os.environ.get("RENTMETER_WEEK_DAYS", "2"))
PARTS = 2 if FIGURES else 4
PLAYED = range(PARTS) if FIGURES else range(1)
# Beat rings every minute; ringing less often costs nothing but the fineness of the spread.
STEP = (2 if FIGURES else 5) * MINUTE
INTERVAL = timedelta(minutes=30)
# Midnight in Shanghai: the day after it is the first whole one.
START = NOON + timedelta(hours=12)
FIRST_DAY = date(2026, 11, 24)
END = START + timedelta(days=DAYS, hours=2)
AWAY = (START + timedelta(hours=13), START + timedelta(hours=38))
"""One meter is gone for a day and a midnight, and comes back."""
GONE = START + timedelta(hours=30)
"""Another one leaves for good."""


@dataclass(frozen=True)
class Kept:
    """What is on record of one meter at the end."""

    readings: list[Reading]
    days: dict[date, DailyReading]
    crossings: int
    low_alerts: int
    messages: int
    is_leased: bool
    credits: int


def _kept(meter: Hung) -> Kept:
    with landlord_scope(meter.landlord_id):
        row = Meter.objects.get(pk=meter.meter_id)
        readings = list(Reading.objects.filter(meter=row).order_by("taken_at"))
        low = Alert.objects.filter(meter=row, kind=Alert.Kind.LOW_BALANCE)
        assert not QuarantinedReading.objects.filter(meter=row).exists()
        return Kept(
            readings=readings,
            days={day.date: day for day in DailyReading.objects.filter(meter=row)},
            crossings=_crossings(readings, row.low_below_kwh),
            low_alerts=low.count(),
            messages=Message.objects.filter(alert__in=low).count(),
            is_leased=Lease.objects.filter(meter=row, ends_at=None).exists(),
            credits=Command.objects.filter(meter=row, kind=CommandKind.CREDIT).count(),
        )


def _crossings(readings: list[Reading], threshold: Any) -> int:
    """How often the energy fell below the threshold, counted anew once it had recovered."""
    count, is_below = 0, False
    for reading in readings:
        if not is_below and reading.remaining_kwh < threshold:
            count, is_below = count + 1, True
        elif is_below and reading.remaining_kwh >= threshold + MARGIN_KWH:
            is_below = False
    return count


@pytest.mark.thorough
@pytest.mark.usefixtures("quiet_doorbells")
@pytest.mark.parametrize("part", PLAYED)
def test_every_meter_has_its_days_its_half_hours_and_one_message_per_crossing(
    transactional_db: None, var: Path, part: int
) -> None:
    began = time.monotonic()
    fleet = Fleet(var, NOON, part=part, parts=PARTS, step=STEP)
    subscribe_everybody(fleet)
    refilled, away, gone = fleet.meters[0], fleet.meters[1], fleet.meters[2]
    acts = {
        AWAY[0]: lambda: fleet.go(away),
        AWAY[1]: lambda: fleet.come(away),
        GONE: lambda: fleet.go(gone),
        # Somebody refills it by the test bench: it runs low, recovers, and runs low again.
        START + timedelta(hours=4): lambda: fleet.put_remaining(refilled, "9.00"),
        START + timedelta(hours=7): lambda: fleet.put_remaining(refilled, "11.20"),
    }
    while fleet.now < END:
        acts.get(fleet.now, lambda: None)()
        fleet.turn()
    kept = {meter.serial: _kept(meter) for meter in fleet.meters}
    _every_day_is_there(kept, away, gone)
    _every_half_hour_is_there(kept, away, gone)
    _one_message_per_crossing(kept, refilled)
    busiest, mean = _spread(fleet)
    assert busiest <= 2 * max(mean, 1)
    took = timedelta(seconds=round(time.monotonic() - began))
    if FIGURES:
        figures = _figures(kept, busiest, mean, took)
        (Path(FIGURES) / f"{part}.json").write_text(json.dumps(figures), "utf-8")


def _expected_days() -> set[date]:
    return {FIRST_DAY + timedelta(days=n) for n in range(DAYS)}


def _every_day_is_there(kept: dict[str, Kept], away: Hung, gone: Hung) -> None:
    for serial, of_it in kept.items():
        assert all(a.total_kwh <= b.total_kwh for a, b in pairwise(of_it.readings)), serial
        days = set(of_it.days) & _expected_days()
        gaps = _expected_days() - days
        if serial == gone.serial:
            # What it used after it left nobody can say: those days stay gaps.
            assert gaps == {day for day in _expected_days() if day > FIRST_DAY}, gaps
        else:
            assert not gaps, (serial, gaps)
    # The midnight that the meter slept through came from its own freeze.
    assert kept[away.serial].days[FIRST_DAY].source == DailyReading.Source.FREEZE


def _every_half_hour_is_there(kept: dict[str, Kept], away: Hung, gone: Hung) -> None:
    for serial, of_it in kept.items():
        until = GONE if serial == gone.serial else END
        expected = (until - NOON) // INTERVAL
        if serial == away.serial:
            expected -= (AWAY[1] - AWAY[0]) // INTERVAL
        # Each interval drifts by the minute it is called in, at most one in thirty.
        assert expected * 29 // 30 - 2 <= len(of_it.readings) <= expected + 2, (serial, len(of_it.readings))
        assert of_it.credits == 0


def _one_message_per_crossing(kept: dict[str, Kept], refilled: Hung) -> None:
    for serial, of_it in kept.items():
        assert of_it.low_alerts == of_it.crossings, serial
        assert of_it.messages == (of_it.crossings if of_it.is_leased else 0), serial
    assert kept[refilled.serial].crossings >= 2
    assert sum(of_it.messages for of_it in kept.values()) > 0


def _spread(fleet: Fleet) -> tuple[int, float]:
    """The most meters asked at one ring of the schedule, and the mean, once the first interval is over."""
    settled = {at: n for at, n in fleet.asked_in.items() if at >= NOON + INTERVAL}
    rings = (END - NOON - INTERVAL) // STEP
    return max(settled.values()), sum(settled.values()) / rings


def _figures(kept: dict[str, Kept], busiest: int, mean: float, took: timedelta) -> dict[str, Any]:
    days = [day for of_it in kept.values() for day in of_it.days.values() if day.date in _expected_days()]
    return {
        "virtual days": DAYS,
        "meters": len(kept),
        "readings": sum(len(of_it.readings) for of_it in kept.values()),
        "daily records": len(days),
        "daily records wanted": DAYS * len(kept),
        "of them midnight freezes": sum(day.source == DailyReading.Source.FREEZE for day in days),
        "gaps, all of a meter that left": DAYS * len(kept) - len(days),
        "asked at one ring of 2 min at most": busiest,
        "asked at a ring in the mean": round(mean, 2),
        "low-balance crossings": sum(of_it.crossings for of_it in kept.values()),
        "low-balance alerts": sum(of_it.low_alerts for of_it in kept.values()),
        "messages to renters": sum(of_it.messages for of_it in kept.values()),
        "seconds": took.seconds,
    }
