"""The relay's wear and its protection, the clock that drifts, and the supply a meter sees."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from meter_gateway.protocol.profiles import load_profile
from meter_gateway.protocol.relay import StatusWord3
from meter_gateway.simulator.contact import FLAP_MOVES, RELAY_LIFE
from meter_gateway.simulator.load import SITE_ZONE
from meter_gateway.simulator.meter import Meter
from tests.meter_gateway.simulator.bench import (
    HOUR,
    NOON,
    PROFILE,
    credit,
    meter_on_bench,
    port_on_bench,
    read,
)

LOCAL_NOON = datetime(2026, 11, 23, 12, 0)  # noqa: DTZ001 - the meter's own wall clock


def flap(meter: Meter, times: int, now: datetime) -> list[bool]:
    return [meter.close(now) if nth % 2 else meter.trip(now) for nth in range(times)]


def test_the_contact_lives_a_hundred_thousand_operations_and_stays_then() -> None:
    meter = meter_on_bench(load_kw="1", relay_operations=99_999)
    assert meter.trip(NOON)
    assert not meter.state.relay_closed
    assert meter.close(NOON)
    assert (meter.state.relay_closed, meter.state.relay_operations) == (False, 100_000)


def test_a_worn_contact_shows_another_state_than_its_command_and_draws_below_zero() -> None:
    meter = meter_on_bench(remaining_kwh="0.50", relay_operations=RELAY_LIFE)
    port = port_on_bench(meter)
    assert meter.trip(NOON)
    word = read(port, "04000503")
    assert isinstance(word, StatusWord3)
    assert (word.relay_open, word.relay_command_open) == (False, True)
    meter.advance(NOON + HOUR)
    assert (meter.remaining_kwh, meter.overdraft_kwh) == (0, Decimal("0.50"))


def test_a_relay_that_flaps_takes_no_command_for_a_minute() -> None:
    meter = meter_on_bench(load_kw="0")
    assert flap(meter, FLAP_MOVES + 1, NOON) == [True] * FLAP_MOVES + [False]
    assert (meter.state.relay_closed, meter.state.forced_off) == (True, False)
    assert meter.state.relay_operations == FLAP_MOVES
    assert meter.close(NOON)
    later = NOON + timedelta(seconds=60)
    assert meter.trip(later)
    assert not meter.state.relay_closed


def test_flap_protection_never_holds_the_meters_own_trip_and_close_back() -> None:
    meter = meter_on_bench(remaining_kwh="0.01", load_kw="36")
    flap(meter, FLAP_MOVES, NOON)
    meter.advance(NOON + timedelta(seconds=2))
    assert not meter.state.relay_closed
    credit(meter, "1.00", 4, now=NOON + timedelta(seconds=2))
    assert meter.state.relay_closed


def test_the_trip_is_recorded_at_the_second_the_energy_ran_out_however_late_one_looks() -> None:
    meter = meter_on_bench(remaining_kwh="0.50")
    meter.advance(NOON + 9 * HOUR)
    port = port_on_bench(meter)
    later = NOON + 9 * HOUR
    assert read(port, "1D000101", later) == LOCAL_NOON + timedelta(minutes=30)
    assert meter.moves[0].at == NOON + timedelta(minutes=30)
    credit(meter, "5.00", 4, now=later)
    assert (read(port, "1D000001", later), read(port, "1E000001", later)) == (1, 1)
    assert read(port, "1E000101", later) == LOCAL_NOON + timedelta(hours=9)


@pytest.mark.parametrize("drift", ["3", "-3"])
def test_a_clock_drifts_and_is_put_right_by_a_broadcast(drift: str) -> None:
    meter = meter_on_bench(load_kw="0", clock_drift_s_a_day=Decimal(drift))
    week = NOON + timedelta(days=7)
    meter.advance(week)
    right = LOCAL_NOON + timedelta(days=7)
    assert meter.clock(week) == right + timedelta(seconds=7 * int(drift))
    meter.hear_time(right, week)
    assert meter.clock(week) == right
    assert meter.clock(week + timedelta(days=1)) == right + timedelta(days=1, seconds=int(drift))


def test_a_drifting_meter_freezes_at_its_own_midnight() -> None:
    meter = meter_on_bench(remaining_kwh="900.00", clock_ahead_s=1800)
    meter.advance(NOON + timedelta(hours=11, minutes=31))
    (frozen,) = meter.state.freezes
    assert frozen.at == datetime(2026, 11, 24, tzinfo=SITE_ZONE)
    assert frozen.total_pulses == int((Decimal("1520.25") + Decimal("11.5")) * 400)


@pytest.mark.parametrize("drift", ["0", "40", "-40"])
def test_a_drifting_meter_freezes_each_midnight_once(drift: str) -> None:
    often, once = (meter_on_bench(remaining_kwh="900.00", clock_drift_s_a_day=Decimal(drift)) for _ in "ab")
    for hours in range(0, 10 * 24, 5):
        often.advance(NOON + hours * HOUR)
    once.advance(NOON + 235 * HOUR)
    assert often.state == once.state
    days = [record.at.date() for record in once.state.freezes]
    assert days == sorted(set(days), reverse=True)
    assert len(days) == 10


def test_the_first_of_a_month_is_settled() -> None:
    meter = meter_on_bench(load_kw="0.1", remaining_kwh="900.00")
    later = NOON + timedelta(days=40)
    meter.advance(later)
    port = port_on_bench(meter)
    december = Decimal("1520.25") + Decimal("0.1") * (7 * 24 + 12)
    january = december + Decimal("0.1") * 31 * 24
    assert read(port, "00010001", later) == january
    assert read(port, "0001FF02", later) == (december, december, 0, 0, 0)


def test_the_phases_make_the_whole() -> None:
    meter = meter_on_bench(load_kw="7.777")
    meter.advance(NOON + HOUR)
    port = port_on_bench(meter)
    later = NOON + HOUR
    total = read(port, "00010000", later)
    phases = [Decimal(str(read(port, di, later))) for di in ("00150000", "00290000", "003D0000")]
    assert sum(phases) == total
    whole, *parts = read(port, "0203FF00", later)  # type: ignore[misc]
    assert sum(parts) == whole


def test_the_neutral_carries_what_the_phases_do_not_share() -> None:
    three = port_on_bench(meter_on_bench(load_kw="6"))
    assert read(three, "02800001") == Decimal("7.595")
    single = load_profile("ddsy-4g")
    one = port_on_bench(meter_on_bench(load_kw="2", pulses_per_kwh=1200), single)
    assert read(one, "02800001") == read(one, "02020100") == Decimal("9.569")


@pytest.mark.parametrize(
    ("grid_v", "faults"), [("197", set()), ("175", {"under_voltage_a"}), ("254", {"over_voltage_a"})]
)
def test_a_bad_grid_sets_the_fault_bits_of_the_phases(grid_v: str, faults: set[str]) -> None:
    meter = meter_on_bench(load_kw="0")
    meter.grid_v = Decimal(grid_v)
    port = port_on_bench(meter)
    assert read(port, "02010100") == Decimal(grid_v)
    assert read(port, "04000504").names == faults  # type: ignore[union-attr]
    words = read(port, "040005FF")
    assert len(words) == 7  # type: ignore[arg-type]
    assert words[3] == read(port, "04000504")  # type: ignore[index]


def test_more_than_the_largest_current_is_told() -> None:
    port = port_on_bench(meter_on_bench(load_kw="60"))
    assert read(port, "04000504").names == {"over_current_a"}  # type: ignore[union-attr]


def test_power_downs_are_counted() -> None:
    meter = meter_on_bench()
    for _ in range(2):
        meter.power_cut(NOON)
    assert read(port_on_bench(meter), "03110000") == 2


def test_a_total_starts_again_after_its_last_digit() -> None:
    meter = meter_on_bench(load_kw="1")
    meter.state = replace(meter.state, total_pulses=99_999_999 * 4)
    meter.advance(NOON + HOUR)
    assert read(port_on_bench(meter, PROFILE), "00010000", NOON + HOUR) == Decimal("0.99")
