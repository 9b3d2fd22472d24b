from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.simulator.load import (
    SITE_ZONE,
    HouseholdLoad,
    LoadFileError,
    Recording,
    SteadyLoad,
    read_households,
)

SHIPPED = Path(__file__).parents[3] / "meter_gateway/simulator/data/load_halfhour_dev.csv"
TWO_DAYS = Recording([100] * 48 + [300] * 48, first_day=date(2013, 7, 15))

EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)
instants = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=2000)).map(EARLIEST.__add__)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SITE_ZONE)


def test_a_recorded_day_gives_back_the_sum_of_its_half_hours() -> None:
    recording = read_households(SHIPPED)["MAC000009"]
    load = HouseholdLoad(recording)
    day = load.energy_kwh(local("2013-07-15 00:00"), local("2013-07-16 00:00"))
    assert day == Fraction(sum(recording.slots_wh[:48]), 1000)


def test_the_shipped_file_holds_twenty_households_of_twenty_four_weeks() -> None:
    households = read_households(SHIPPED)
    assert len(households) == 20
    assert {len(recording.slots_wh) for recording in households.values()} == {168 * 48}
    assert {recording.origin.isoweekday() for recording in households.values()} == {1}


def test_the_curve_starts_again_after_its_last_day() -> None:
    load = HouseholdLoad(TWO_DAYS)
    first_pass = load.energy_kwh(local("2013-07-16 06:10"), local("2013-07-17 09:40"))
    later_pass = load.energy_kwh(local("2025-07-19 06:10"), local("2025-07-20 09:40"))
    assert (date(2025, 7, 19) - date(2013, 7, 16)).days % 2 == 0
    assert first_pass == later_pass


def test_days_before_the_recording_are_mapped_too() -> None:
    load = HouseholdLoad(TWO_DAYS)
    assert load.power_kw(local("2013-07-14 12:00")) == Fraction(600, 1000)


def test_the_day_changes_at_local_midnight() -> None:
    load = HouseholdLoad(TWO_DAYS)
    assert load.power_kw(datetime(2013, 7, 15, 15, 59, tzinfo=UTC)) == Fraction(2, 10)
    assert load.power_kw(datetime(2013, 7, 15, 16, 0, tzinfo=UTC)) == Fraction(6, 10)


def test_the_factor_scales_energy_and_power() -> None:
    load = HouseholdLoad(TWO_DAYS, factor=Decimal("1.5"))
    assert load.energy_kwh(local("2013-07-15 00:00"), local("2013-07-15 00:30")) == Fraction(15, 100)
    assert load.power_kw(local("2013-07-15 00:10")) == Fraction(3, 10)


@given(instants, instants, instants)
def test_splitting_an_interval_loses_nothing(first: datetime, second: datetime, third: datetime) -> None:
    start, middle, end = sorted((first, second, third))
    for load in (
        HouseholdLoad(TWO_DAYS, factor=Decimal("0.7")),
        SteadyLoad(Decimal("1.234")),
    ):
        whole = load.energy_kwh(start, end)
        assert whole == load.energy_kwh(start, middle) + load.energy_kwh(middle, end)
        assert whole >= 0


def test_a_steady_kilowatt_draws_a_kilowatt_hour_an_hour() -> None:
    start = local("2026-11-23 08:00")
    assert SteadyLoad(Decimal("1.5")).energy_kwh(start, start + timedelta(hours=2)) == 3
    assert SteadyLoad(Decimal("1.5")).energy_kwh(start, start - timedelta(hours=2)) == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("house,day\n", "not a half-hour load file"),
        ("HEADER\nA,2013-07-15," + ",".join(["1"] * 47), "48 half-hours"),
        ("HEADER\nA,2013-07-15," + ",".join(["x"] * 48), "line 2 cannot be read"),
        ("HEADER\nA,2013-07-15,ROW\nA,2013-07-17,ROW", "gap or a repeated day for A"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    header = ",".join(["household", "date", *[f"wh_{h:02}{m:02}" for h in range(24) for m in (0, 30)]])
    path = tmp_path / "load.csv"
    path.write_text(text.replace("HEADER", header).replace("ROW", ",".join(["1"] * 48)))
    with pytest.raises(LoadFileError, match=complaint) as refusal:
        read_households(path)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(LoadFileError, match="cannot be read"):
        read_households(Path("nowhere.csv"))
