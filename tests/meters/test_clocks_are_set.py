"""A clock is set by a write, and believed when the meter shows it."""

from datetime import timedelta
from typing import Any

from apps.meters.states import CommandKind, CommandState
from tests.meters.street_of_one import Line, StreetOfOne


def _slow(ahead_s: int, **changes: Any) -> StreetOfOne:
    return StreetOfOne(meter_is={"clock_ahead_s": ahead_s}, **changes)


def test_a_clock_hours_off_is_right_afterwards_and_the_register_proves_it() -> None:
    street = _slow(-11 * 3600)
    clock = street.want(CommandKind.SET_CLOCK, life_s=600)
    street.run_until_quiet()
    assert street.store.ended[clock] == CommandState.DONE
    assert abs(street.meter.state.clock_ahead_s) <= 60
    assert abs(street.store.told.clocks[-1].ahead_s) <= 60


def test_over_a_line_that_loses_a_clock_is_asked_for_before_it_is_set_again() -> None:
    for seed in range(20):
        street = _slow(7200, seed=seed, line=Line(lose_question=0.3, lose_answer=0.3))
        clock = street.want(CommandKind.SET_CLOCK, life_s=3_000)
        street.run_until_quiet()
        assert street.store.ended[clock] == CommandState.DONE, seed
        assert abs(street.meter.state.clock_ahead_s) <= 60, seed


def test_around_midnight_no_clock_is_set() -> None:
    street = _slow(600)
    street.now += timedelta(hours=11, minutes=58)
    clock = street.want(CommandKind.SET_CLOCK, life_s=1_200)
    assert street.state.letter is None
    assert street.store.told.steps[-1][2] == "waits until midnight has passed"
    street.run_until_quiet()
    assert street.store.ended[clock] == CommandState.DONE
    assert street.now.minute >= 3
