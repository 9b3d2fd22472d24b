"""Two devices with one number: the newer one comes in, until they fight."""

from meter_gateway.takeovers import FROZEN_S, SERIALS_REMEMBERED, STORM_WINDOW_S, Takeovers
from meter_gateway.tray import Kind

from .bench import OTHER_SERIAL, SERIAL, Bench, MeterEnd, ask, at


def _storm(bench: Bench) -> MeterEnd:
    """Four devices in half a minute; the last one stays."""
    meter = MeterEnd()
    bench.log_in(meter, at(0), epoch=1)
    for number in (1, 2, 3):
        meter = MeterEnd()
        bench.log_in(meter, at(10 * number), epoch=number + 1)
    return meter


def test_the_third_takeover_in_ten_minutes_is_told_once_and_its_session_stays():
    bench = Bench()
    last = _storm(bench)
    assert bench.went_up(Kind.STORM) == [
        {"serial": SERIAL, "at": "2026-11-23T06:00:30.000000+00:00", "count": 3}
    ]
    bench.sessions.letter(ask(epoch=4), at(31))
    bench.answer_next(last, at(31))
    assert [outcome for _, outcome, _ in bench.answers()] == ["answered"]


def test_during_a_storm_further_logins_of_that_number_are_refused_and_others_are_not():
    bench = Bench()
    last = _storm(bench)
    rival, neighbour = MeterEnd(), MeterEnd(OTHER_SERIAL)
    bench.prove(rival, at(40))
    bench.log_in(neighbour, at(40))
    assert (rival.closed, last.closed, neighbour.closed) == (True, False, False)
    assert bench.sessions.counters["ended_takeover_storm"] == 1
    assert len(bench.went_up(Kind.STORM)) == 1


def test_who_only_claims_a_frozen_number_is_not_told_that_it_is_frozen():
    bench = Bench()
    _storm(bench)
    stranger = MeterEnd(OTHER_SERIAL)
    bench.connect(stranger, at(40))
    bench.send(stranger, f"{SERIAL}\r\n".encode(), at(40))
    assert not stranger.closed


def test_ten_minutes_after_the_storm_the_number_may_log_in_again():
    bench = Bench()
    last = _storm(bench)
    bench.sessions.lost(last, at(100))
    early, late = MeterEnd(), MeterEnd()
    bench.prove(early, at(30 + FROZEN_S - 1))
    bench.log_in(late, at(30 + FROZEN_S))
    assert (early.closed, late.closed) == (True, False)


def test_a_meter_that_dials_again_after_its_socket_ended_is_no_takeover():
    bench = Bench()
    for number in range(6):
        meter = MeterEnd()
        bench.log_in(meter, at(number), epoch=number + 1)
        bench.sessions.lost(meter, at(number + 0.5))
    assert bench.went_up(Kind.STORM) == []


def test_takeovers_further_apart_than_ten_minutes_are_no_storm():
    takeovers = Takeovers()
    assert [takeovers.count(SERIAL, at_s) for at_s in (0.0, 1.0, STORM_WINDOW_S + 1)] == [None, None, None]
    assert takeovers.count(SERIAL, STORM_WINDOW_S + 2) is None
    assert takeovers.count(SERIAL, STORM_WINDOW_S + 3) == 3


def test_what_is_remembered_of_takeovers_is_bounded():
    takeovers = Takeovers()
    takeovers.count(SERIAL, 0.0)
    takeovers.count(SERIAL, 0.0)
    for number in range(SERIALS_REMEMBERED):
        takeovers.count(f"{number:012d}", 1.0)
    assert takeovers.count(SERIAL, 2.0) is None
