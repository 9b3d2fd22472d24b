"""A meter's clock is looked at once a day, and told of when it is off."""

from datetime import UTC, datetime, time, timedelta

import pytest

from meter_gateway.clocks import DATE_DI, FIRST_AFTER_S, SPREAD_S, TIME_DI, clock_question
from meter_gateway.protocol.frames import BROADCAST_ADDRESS
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.protocol.timing import parse_broadcast_time
from meter_gateway.simulator.port import Port
from meter_gateway.tray import Kind
from tests.meter_gateway.simulator.bench import meter_on_bench

from .bench import PROFILE, REMAINING, SERIAL, START, Bench, MeterEnd, ask, at

SHANGHAI = timedelta(hours=8)
TO_MIDNIGHT_S = 10 * 3600
BY_THEN = FIRST_AFTER_S + SPREAD_S + 1


def _show(meter: MeterEnd, now, drift_s: float) -> None:
    shown = now.utc + SHANGHAI + timedelta(seconds=drift_s)
    meter.registers |= {DATE_DI: shown.date(), TIME_DI: shown.time().replace(microsecond=0)}


def _asked(bench: Bench, meter: MeterEnd, since: int = 0) -> float:
    """Let time pass until the clock is asked for; when that was."""
    for second in range(since + 1, since + int(BY_THEN) + 1):
        bench.pass_time(at(second))
        if meter.heard:
            return second
    raise AssertionError("the clock was not asked for")


def _checked(drift_s: float, *, since: int = 0) -> tuple[Bench, MeterEnd]:
    bench, meter = Bench(asks_clocks=True), MeterEnd()
    bench.log_in(meter, at(since))
    asked_at = _asked(bench, meter, since)
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


def test_a_clock_a_few_minutes_off_is_told_the_time_once_and_looked_at_again():
    bench, meter = _checked(-300)
    called = parse_broadcast_time(meter.next_question())
    assert called.address == BROADCAST_ADDRESS
    then = at((called.moment - SHANGHAI - START.replace(tzinfo=None)).total_seconds() + 6)
    bench.pass_time(then)
    _show(meter, then, -280)
    assert [bench.answer_next(meter, then).di for _ in range(2)] == [DATE_DI, TIME_DI]
    assert [told["drift_s"] for told in bench.went_up(Kind.DRIFT)] == [-300, -280]
    bench.pass_time(at(BY_THEN + 20))
    assert meter.heard == []
    assert (bench.sessions.counters["clocks_called"], bench.sessions.counters["clocks_drifted"]) == (1, 1)


def test_the_time_that_was_called_out_is_believed_by_the_simulated_meter_and_the_clock_found_right():
    bench, end = Bench(asks_clocks=True), MeterEnd()
    bench.log_in(end, at(0))
    port = Port(meter_on_bench(now=at(0).utc, clock_ahead_s=200), load_profile(PROFILE))
    for second in range(1, int(BY_THEN) + 10):
        bench.pass_time(at(second))
        while end.heard:
            for answer in port.receive(end.next_question().encode(), at(second).utc):
                bench.send(end, answer.raw, at(second))
    assert [told["drift_s"] for told in bench.went_up(Kind.DRIFT)] == [200, 0]


@pytest.mark.parametrize(("drift_s", "to_midnight_s"), [(-301, 36_000), (301, 36_000), (-120, 590)])
def test_who_would_not_believe_the_time_is_not_told_it(drift_s, to_midnight_s):
    bench, meter = _checked(drift_s, since=TO_MIDNIGHT_S - to_midnight_s)
    assert [told["drift_s"] for told in bench.went_up(Kind.DRIFT)] == [drift_s]
    assert meter.heard == []


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
