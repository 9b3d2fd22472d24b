"""A meter's clock is looked at once a day, and told of when it is off."""

from datetime import UTC, datetime, time, timedelta

import pytest

from meter_gateway.clocks import DATE_DI, FIRST_AFTER_S, SPREAD_S, TIME_DI, clock_question
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.tray import Kind

from .bench import PROFILE, REMAINING, SERIAL, Bench, MeterEnd, ask, at

SHANGHAI = timedelta(hours=8)
BY_THEN = FIRST_AFTER_S + SPREAD_S + 1


def _show(meter: MeterEnd, now, drift_s: float) -> None:
    shown = now.utc + SHANGHAI + timedelta(seconds=drift_s)
    meter.registers |= {DATE_DI: shown.date(), TIME_DI: shown.time().replace(microsecond=0)}


def _asked(bench: Bench, meter: MeterEnd) -> float:
    """Let time pass until the clock is asked for; when that was."""
    for second in range(1, int(BY_THEN) + 1):
        bench.pass_time(at(second))
        if meter.heard:
            return second
    raise AssertionError("the clock was not asked for")


def _checked(drift_s: float) -> tuple[Bench, MeterEnd]:
    bench, meter = Bench(asks_clocks=True), MeterEnd()
    bench.log_in(meter, at(0))
    asked_at = _asked(bench, meter)
    _show(meter, at(asked_at), drift_s)
    assert bench.answer_next(meter, at(asked_at)).di == DATE_DI
    assert bench.answer_next(meter, at(asked_at)).di == TIME_DI
    return bench, meter


@pytest.mark.parametrize("drift_s", [-61, 61, -7200, 86_400 * 400])
def test_a_clock_more_than_a_minute_off_goes_up_and_no_letter_does(drift_s):
    bench, _ = _checked(drift_s)
    assert [(told["serial"], told["epoch"], told["drift_s"]) for told in bench.went_up(Kind.DRIFT)] == [
        (SERIAL, 3, drift_s)
    ]
    assert bench.answers() == []


@pytest.mark.parametrize("drift_s", [-60, 0, 60])
def test_a_clock_within_a_minute_is_nobodys_business(drift_s):
    bench, _ = _checked(drift_s)
    assert bench.went_up(Kind.DRIFT) == []


def test_a_meter_that_dials_again_the_same_day_is_not_asked_again():
    bench, meter = _checked(0)
    bench.sessions.lost(meter, at(BY_THEN + 1))
    again = MeterEnd()
    bench.log_in(again, at(BY_THEN + 2), epoch=4)
    bench.pass_time(at(BY_THEN + 170))
    assert again.heard == []


def test_a_day_after_it_was_asked_a_meter_that_dials_is_asked_again():
    bench, meter = _checked(0)
    bench.sessions.lost(meter, at(BY_THEN + 1))
    again = MeterEnd()
    bench.log_in(again, at(86_400 + BY_THEN), epoch=4)
    for second in range(int(BY_THEN)):
        bench.pass_time(at(86_400 + BY_THEN + second))
    assert [question.di for question in again.heard] == [DATE_DI]


def test_a_meter_that_does_not_tell_its_clock_keeps_its_session():
    bench, meter = Bench(asks_clocks=True), MeterEnd()
    bench.log_in(meter, at(0))
    asked_at = _asked(bench, meter)
    for _ in (DATE_DI, TIME_DI):
        bench.answer_next(meter, at(asked_at))
    assert bench.went_up(Kind.DRIFT) == []
    assert bench.sessions.counters["clocks_not_told"] == 1
    assert not meter.closed


def test_letters_go_before_the_clock():
    bench, meter = Bench(asks_clocks=True), MeterEnd()
    bench.log_in(meter, at(0))
    bench.sessions.letter(ask("c1", timeout_s=60), at(1))
    bench.sessions.letter(ask("c2", timeout_s=60), at(1))
    bench.pass_time(at(50))
    bench.answer_next(meter, at(50))
    assert [question.di for question in meter.heard] == [REMAINING]
    bench.pass_time(at(80))
    bench.answer_next(meter, at(80))
    bench.pass_time(at(86))
    assert [question.di for question in meter.heard] == [DATE_DI]


@pytest.mark.parametrize(
    ("local", "is_asked"), [(time(23, 58), False), (time(0, 2), False), (time(0, 4), True)]
)
def test_around_the_meters_midnight_date_and_time_are_not_asked_for(local, is_asked):
    utc = datetime.combine(datetime(2026, 11, 23, tzinfo=UTC), local, UTC) - SHANGHAI
    assert (clock_question(SERIAL, 1, load_profile(PROFILE), utc) is not None) == is_asked
