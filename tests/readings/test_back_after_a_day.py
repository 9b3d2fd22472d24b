"""A meter that was away for a day comes back: its own midnight fills the day, and where it has none the gap stays."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from apps.common.scoping import landlord_scope
from apps.readings.models import DailyReading
from tests.people import NOON
from tests.readings.fleet import Fleet, Hung

pytestmark = pytest.mark.thorough

LEFT = NOON + timedelta(hours=2)
BACK = LEFT + timedelta(hours=24)
THE_DAY = date(2026, 11, 23)
ITS_MIDNIGHT = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


@pytest.fixture
def fleet(transactional_db: None, quiet_doorbells: None, var: Path) -> Fleet:
    """One meter of the demo, on its household's load; the others stay in the dark."""
    return Fleet(var, NOON, part=0, parts=24)


def days_of(meter: Hung) -> dict[date, DailyReading]:
    with landlord_scope(meter.landlord_id):
        return {day.date: day for day in DailyReading.objects.filter(meter_id=meter.meter_id)}


def play(fleet: Fleet, *, keeps_midnights: bool) -> Hung:
    """Read it once, let it be away over a midnight, half a day long without a word to it, and let it come back."""
    (meter,) = fleet.meters
    fleet.turn()
    fleet.now = LEFT
    fleet.go(meter)
    for at in (ITS_MIDNIGHT + timedelta(minutes=10), ITS_MIDNIGHT + timedelta(hours=12, minutes=10)):
        fleet.now = at
        fleet.turn()
        assert days_of(meter) == {}
    fleet.now = BACK
    if not keeps_midnights:
        fleet.forget_midnights(meter)
    fleet.come(meter)
    for _minute in range(31):
        fleet.turn()
    return meter


def test_the_day_is_filled_from_the_meters_own_midnight(fleet: Fleet) -> None:
    meter = play(fleet, keeps_midnights=True)
    day = days_of(meter)[THE_DAY]
    assert (day.source, day.taken_at) == (DailyReading.Source.FREEZE, ITS_MIDNIGHT)
    assert day.total_kwh == fleet.midnight_total(meter, ITS_MIDNIGHT)
    assert day.remaining_kwh is None, "nobody read what was left at that midnight"


def test_without_a_midnight_of_its_own_the_gap_stays_a_gap_and_is_no_zero(fleet: Fleet) -> None:
    assert THE_DAY not in days_of(play(fleet, keeps_midnights=False))
    assert Decimal(0) not in [day.total_kwh for day in days_of(fleet.meters[0]).values()]
