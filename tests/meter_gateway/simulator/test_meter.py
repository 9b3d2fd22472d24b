from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.simulator.load import SITE_ZONE, HouseholdLoad, read_households
from meter_gateway.simulator.meter import Meter, PowerLost
from tests.meter_gateway.simulator.bench import CUSTOMER, HOUR, NOON, PULSES, credit, meter_on_bench

SHIPPED = Path(__file__).parents[3] / "meter_gateway/simulator/data/load_halfhour_dev.csv"
HOUSEHOLDS = read_households(SHIPPED)


def household(name: str = "MAC000009") -> HouseholdLoad:
    return HouseholdLoad(HOUSEHOLDS[name])


def test_an_hour_at_one_kilowatt_moves_one_kilowatt_hour() -> None:
    meter = meter_on_bench()
    meter.advance(NOON + HOUR)
    assert (meter.total_kwh, meter.remaining_kwh) == (Decimal("1521.25"), Decimal("11.40"))


def test_the_meter_trips_itself_exactly_at_zero() -> None:
    meter = meter_on_bench(remaining_kwh="0.50")
    meter.advance(NOON + HOUR)
    assert not meter.state.relay_closed
    assert meter.remaining_kwh == 0
    assert meter.overdraft_kwh == 0
    assert meter.total_kwh == Decimal("1520.75")
    assert [(move.closed, move.by_itself) for move in meter.moves] == [(False, True)]


def test_zero_is_shown_only_when_the_light_is_out() -> None:
    meter = meter_on_bench(remaining_kwh="0.02", load_kw="3.6")
    seen = set()
    for second in range(30):
        meter.advance(NOON + timedelta(seconds=second))
        seen.add(meter.remaining_kwh)
        assert (meter.remaining_kwh == 0) == (not meter.state.relay_closed)
    assert seen == {Decimal("0.02"), Decimal("0.01"), Decimal("0.00")}


def test_nothing_is_drawn_through_an_open_relay() -> None:
    meter = meter_on_bench()
    meter.trip(NOON)
    meter.advance(NOON + 24 * HOUR)
    assert meter.total_kwh == Decimal("1520.25")
    assert meter.power_kw(NOON) == 0


def test_a_meter_that_tripped_at_zero_closes_itself_after_a_recharge() -> None:
    meter = meter_on_bench(remaining_kwh="0.00")
    assert not meter.state.relay_closed
    assert credit(meter, "5.00", 4, now=NOON + HOUR) == "APPLIED"
    assert meter.state.relay_closed
    assert meter.remaining_kwh == 5


def test_a_meter_forced_off_stays_off_after_a_recharge() -> None:
    meter = meter_on_bench()
    meter.trip(NOON)
    assert credit(meter, "5.00", 4, now=NOON) == "APPLIED"
    assert not meter.state.relay_closed
    assert meter.close(NOON)
    assert meter.state.relay_closed


def test_forced_off_at_zero_waits_for_the_command_and_the_energy() -> None:
    meter = meter_on_bench(remaining_kwh="0.00")
    meter.trip(NOON)
    credit(meter, "5.00", 4, now=NOON)
    assert not meter.state.relay_closed
    meter.close(NOON)
    assert meter.state.relay_closed


def test_a_close_at_zero_takes_effect_with_the_next_recharge() -> None:
    meter = meter_on_bench(remaining_kwh="0.00")
    assert meter.close(NOON)
    assert not meter.state.relay_closed
    credit(meter, "1.00", 4, now=NOON)
    assert meter.state.relay_closed


def test_kept_power_runs_into_overdraft_and_trips_when_released() -> None:
    meter = meter_on_bench(remaining_kwh="0.50")
    meter.keep(NOON)
    meter.advance(NOON + 2 * HOUR)
    assert meter.state.relay_closed
    assert (meter.remaining_kwh, meter.overdraft_kwh) == (0, Decimal("1.50"))
    assert not meter.trip(NOON + 2 * HOUR)
    meter.release(NOON + 2 * HOUR)
    assert not meter.state.relay_closed


def test_a_recharge_pays_the_overdraft_off_first() -> None:
    meter = meter_on_bench(remaining_kwh="0.00")
    meter.keep(NOON)
    meter.advance(NOON + HOUR)
    meter.release(NOON + HOUR)
    credit(meter, "0.60", 4, now=NOON + HOUR)
    assert (meter.overdraft_kwh, meter.state.relay_closed) == (Decimal("0.40"), False)
    credit(meter, "0.60", 5, now=NOON + HOUR)
    assert (meter.remaining_kwh, meter.overdraft_kwh) == (Decimal("0.20"), 0)
    assert meter.state.relay_closed


def test_the_lamp_is_on_below_the_threshold_and_off_after_a_recharge() -> None:
    meter = meter_on_bench(remaining_kwh="10.00", load_kw="0.01")
    assert not meter.lamp_on
    meter.advance(NOON + HOUR)
    assert meter.lamp_on
    credit(meter, "5.00", 4, now=NOON + HOUR)
    assert not meter.lamp_on


@pytest.mark.parametrize(
    ("energy", "count", "customer", "outcome"),
    [
        ("50.00", 4, CUSTOMER, "APPLIED"),
        ("50.00", 3, CUSTOMER, "REPEATED"),
        ("50.00", 5, CUSTOMER, "WRONG_COUNT"),
        ("50.00", 4, "000000000002", "WRONG_CUSTOMER"),
        ("987.61", 4, CUSTOMER, "OVER_LIMIT"),
        ("987.60", 4, CUSTOMER, "APPLIED"),
        ("50.00", 2, CUSTOMER, "WRONG_COUNT"),
    ],
)
def test_a_credit_is_taken_and_refused_as_the_certification_has_it(
    energy: str, count: int, customer: str, outcome: str
) -> None:
    meter = meter_on_bench(load_kw="0")
    before = meter.state
    assert credit(meter, energy, count, now=NOON, customer=customer) == outcome
    if outcome == "APPLIED":
        assert meter.remaining_kwh == Decimal("12.40") + Decimal(energy)
        assert meter.purchased_kwh == 160 + Decimal(energy)
        assert meter.state.purchase_count == 4
    else:
        assert meter.state == before


def test_the_purchase_ring_keeps_the_last_ten_newest_first() -> None:
    meter = meter_on_bench(load_kw="0", count=0)
    for count in range(1, 13):
        credit(meter, f"{count}.00", count, now=NOON)
    assert [record.count for record in meter.state.purchases] == [*range(12, 2, -1)]
    newest = meter.state.purchases[0]
    assert newest.energy_pulses == 12 * PULSES
    assert newest.after_pulses - newest.before_pulses == 12 * PULSES
    assert newest.cumulative_pulses == meter.state.purchased_pulses


def test_each_midnight_is_frozen_even_when_asked_days_later() -> None:
    meter = meter_on_bench(remaining_kwh="900.00")
    meter.advance(NOON + timedelta(days=3))
    midnights = [record.at.astimezone(SITE_ZONE) for record in meter.state.freezes]
    assert midnights == [datetime(2026, 11, day, tzinfo=SITE_ZONE) for day in (26, 25, 24)]
    assert [record.total_pulses for record in meter.state.freezes] == [
        int(Decimal(total) * PULSES) for total in ("1580.25", "1556.25", "1532.25")
    ]


def test_sixty_two_freezes_are_kept() -> None:
    meter = meter_on_bench(load_kw="0")
    meter.advance(NOON + timedelta(days=70))
    assert len(meter.state.freezes) == 62


def test_an_idle_meter_counts_nothing_in_thirty_days() -> None:
    meter = meter_on_bench(load_kw="0")
    meter.advance(NOON + timedelta(days=30))
    assert meter.total_kwh == Decimal("1520.25")


def test_relay_operations_are_counted() -> None:
    meter = meter_on_bench()
    for _ in range(3):
        meter.trip(NOON)
        meter.trip(NOON)
        meter.close(NOON)
    assert meter.state.relay_operations == 6


def test_a_power_cut_loses_what_was_not_on_flash_and_nothing_else() -> None:
    meter = meter_on_bench()
    credit(meter, "5.00", 4, now=NOON)
    meter.advance(NOON + HOUR)
    meter.power_cut(NOON + HOUR)
    assert (meter.state.purchase_count, meter.remaining_kwh) == (4, Decimal("17.40"))
    assert meter.state.as_of == NOON + HOUR


def test_a_meter_comes_back_from_its_flash_as_it_was() -> None:
    meter = meter_on_bench(demand=household())
    credit(meter, "5.00", 4, now=NOON)
    meter.trip(NOON + 3 * HOUR)
    later = NOON + 30 * HOUR
    flash = meter.commit(later)
    again = Meter.from_flash(flash, household(), pulses_per_kwh=PULSES, now=later)
    assert again.state == meter.state


def test_power_cut_in_a_credit_leaves_all_or_nothing_on_atomic_flash() -> None:
    meter = meter_on_bench(load_kw="0")
    meter.cut_power_in_next_credit = True
    with pytest.raises(PowerLost):
        credit(meter, "5.00", 4, now=NOON)
    assert (meter.state.purchase_count, meter.remaining_kwh) == (3, Decimal("12.40"))
    assert credit(meter, "5.00", 4, now=NOON) == "APPLIED"


def test_power_cut_in_a_credit_on_cheap_flash_shows_in_the_purchased_energy() -> None:
    meter = meter_on_bench(load_kw="0", atomic_flash=False)
    meter.cut_power_in_next_credit = True
    with pytest.raises(PowerLost):
        credit(meter, "5.00", 4, now=NOON)
    assert meter.state.purchase_count == 3
    assert meter.purchased_kwh == Decimal("165.00")


def test_a_broadcast_moves_the_clock_by_five_minutes_at_most() -> None:
    meter = meter_on_bench(clock_ahead_s=240)
    local = datetime(2026, 11, 23, 12, 0)  # noqa: DTZ001 - the meter's own wall clock
    assert meter.clock(NOON) == local + timedelta(minutes=4)
    meter.hear_time(local - timedelta(hours=1), NOON)
    assert meter.clock(NOON) == local + timedelta(minutes=4)
    meter.hear_time(local, NOON)
    assert meter.clock(NOON) == local


acts = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=40 * 3600),
        st.sampled_from(["wait", "credit", "repeat", "trip", "close", "keep", "release"]),
        st.decimals(min_value=0, max_value=30, places=2),
    ),
    max_size=12,
)


@given(acts)
def test_energy_is_conserved_whatever_happens(history: list[tuple[int, str, Decimal]]) -> None:
    meter, now = meter_on_bench(demand=household(), remaining_kwh="3.00"), NOON
    start = meter.state
    for seconds, act, energy in history:
        now += timedelta(seconds=seconds)
        meter.advance(now)
        if act in ("credit", "repeat"):
            count = meter.state.purchase_count + (act == "credit")
            meter.credit(energy, purchase_count=count, customer_no=CUSTOMER, now=now)
        elif act != "wait":
            getattr(meter, act)(now)
        state = meter.state
        used = state.total_pulses - start.total_pulses
        purchased = state.purchased_pulses - start.purchased_pulses
        assert start.balance_pulses + purchased - used == state.remaining_pulses - state.overdraft_pulses
        assert state.relay_closed or not state.keep_power
        assert state.overdraft_pulses == 0 or "keep" in {name for _, name, _ in history}


@given(st.lists(st.integers(min_value=0, max_value=72 * 3600), max_size=8))
def test_how_often_a_meter_is_asked_changes_nothing(seconds: list[int]) -> None:
    end = NOON + timedelta(seconds=max(seconds, default=0))
    often, once = (meter_on_bench(demand=household(), remaining_kwh="9.00") for _ in range(2))
    for second in sorted(seconds):
        often.advance(NOON + timedelta(seconds=second))
    once.advance(end)
    assert often.state == once.state


@given(st.permutations([(4, "5.00"), (5, "7.00"), (6, "9.00")] * 3))
def test_no_order_of_replays_counts_a_credit_twice(frames: list[tuple[int, str]]) -> None:
    meter = meter_on_bench(load_kw="0")
    applied = [count for count, energy in frames if credit(meter, energy, count, now=NOON) == "APPLIED"]
    assert applied == [*range(4, 4 + len(applied))]
    worth = {4: Decimal(5), 5: Decimal(7), 6: Decimal(9)}
    assert meter.purchased_kwh == 160 + sum(worth[count] for count in applied)


def test_a_real_household_empties_its_meter_on_the_curve() -> None:
    meter = meter_on_bench(demand=household(), remaining_kwh="900.00")
    week = timedelta(days=7)
    meter.advance(NOON + week)
    drawn = household().energy_kwh(NOON, NOON + week)
    assert Decimal("1520.25") + Decimal(int(drawn * PULSES)) / PULSES - meter.total_kwh < Decimal("0.01")
    assert date(2026, 11, 24) == meter.state.freezes[-1].at.date()
