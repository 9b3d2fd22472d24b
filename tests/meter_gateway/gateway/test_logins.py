"""From an opening to a granted session, with the clock as an argument."""

import pytest

from meter_gateway.letters import Grant, Refuse
from meter_gateway.protocol.answers import answer_address
from meter_gateway.protocol.frames import Function
from meter_gateway.protocol.openings import heartbeat_answer, heartbeat_frame, registration_frame
from meter_gateway.protocol.reads import read_address_request, read_request
from meter_gateway.tray import Kind

from .bench import OTHER_SERIAL, PROFILE, REMAINING, SERIAL, Bench, MeterEnd, ask, at

LOGIN_OF_376_1 = "683200320068C900023412000271000001008516"
LOGIN_OF_698_45 = "681E008105111111111111009E7601000000B407E9040A040F280F00006D5916"


def test_a_proven_meter_on_the_map_is_announced_once():
    bench, meter = Bench(), MeterEnd()
    bench.prove(meter, at(0))
    assert bench.went_up(Kind.LOGIN) == []
    bench.sessions.mapped(SERIAL, PROFILE, at(1))
    assert bench.went_up(Kind.LOGIN) == [
        {
            "serial": SERIAL,
            "session": "session-1",
            "peer": "192.0.2.7:40000",
            "at": "2026-11-23T06:00:01.000000+00:00",
        }
    ]


@pytest.mark.parametrize("cut", [1, 3, 7, 100])
def test_an_opening_cut_in_any_way_is_recognised(cut):
    bench, meter = Bench(), MeterEnd()
    bench.connect(meter, at(0))
    raw = registration_frame(SERIAL).encode()
    for start in range(0, len(raw), cut):
        bench.send(meter, raw[start : start + cut], at(0.1))
    assert meter.heard == [read_address_request()]


def test_a_heartbeat_is_an_opening_and_gets_its_answer():
    bench, meter = Bench(), MeterEnd()
    bench.connect(meter, at(0))
    bench.send(meter, heartbeat_frame(SERIAL, signal_quality=21), at(0))
    assert heartbeat_answer(SERIAL) in meter.heard
    assert read_address_request() in meter.heard


def test_a_registration_is_never_answered():
    bench, meter = Bench(), MeterEnd()
    bench.log_in(meter, at(0))
    bench.send(meter, registration_frame(SERIAL), at(5))
    assert meter.heard == []


@pytest.mark.parametrize("text", [f"{SERIAL}\r\n".encode(), b"860000000000001\r\n", b"860000000000001"])
def test_a_registration_text_leads_to_the_address_the_meter_gives(text):
    bench, meter = Bench(), MeterEnd()
    bench.connect(meter, at(0))
    bench.send(meter, text, at(0))
    bench.pass_time(at(1))
    bench.answer_next(meter, at(1))
    assert bench.sessions.unmapped() == [SERIAL]
    bench.sessions.mapped(SERIAL, PROFILE, at(1))
    assert [login["serial"] for login in bench.went_up(Kind.LOGIN)] == [SERIAL]


def test_a_meter_that_does_not_tell_its_address_is_proven_by_its_first_read():
    bench, meter = Bench(), MeterEnd()
    bench.connect(meter, at(0))
    bench.send(meter, registration_frame(SERIAL), at(0))
    assert meter.next_question().function == Function.READ_ADDRESS
    bench.pass_time(at(5))
    assert bench.answer_next(meter, at(5.1)) == read_request(SERIAL, REMAINING)
    bench.sessions.mapped(SERIAL, PROFILE, at(6))
    assert len(bench.went_up(Kind.LOGIN)) == 1


def test_an_unproven_socket_is_closed_after_thirty_seconds():
    bench, silent, claiming = Bench(), MeterEnd(), MeterEnd()
    bench.connect(silent, at(0))
    bench.connect(claiming, at(0))
    bench.send(claiming, registration_frame(SERIAL), at(1))
    bench.sessions.mapped(SERIAL, PROFILE, at(1))
    bench.pass_time(at(29.9))
    assert (silent.closed, claiming.closed) == (False, False)
    bench.pass_time(at(30))
    assert (silent.closed, claiming.closed) == (True, True)
    assert bench.up == []


def test_without_a_map_a_meter_waits_and_is_not_refused():
    bench, meter = Bench(), MeterEnd()
    bench.prove(meter, at(0))
    for second in range(1, 300, 60):
        bench.send(meter, registration_frame(SERIAL), at(second))
        bench.pass_time(at(second))
    assert not meter.closed
    assert bench.sessions.unmapped() == [SERIAL]
    bench.sessions.mapped(SERIAL, PROFILE, at(300))
    assert len(bench.went_up(Kind.LOGIN)) == 1


def test_sockets_that_wait_for_the_map_are_answered_in_the_order_they_came():
    bench, gone = Bench(), []

    class Noted(MeterEnd):
        def close(self):
            super().close()
            gone.append(self)

    meters = [Noted() for _ in range(40)]
    for meter in meters:
        bench.connect(meter, at(0))
        bench.send(meter, registration_frame(SERIAL), at(0))
    bench.sessions.mapped(SERIAL, None, at(1))
    assert gone == meters


@pytest.mark.parametrize("proven", [False, True])
def test_a_number_the_map_does_not_know_is_refused(proven):
    bench, meter = Bench(), MeterEnd()
    bench.connect(meter, at(0))
    bench.send(meter, registration_frame(SERIAL), at(0))
    if proven:
        bench.answer_next(meter, at(0))
    bench.sessions.mapped(SERIAL, None, at(1))
    assert meter.closed
    assert bench.up == []


def test_a_profile_nobody_knows_is_refused():
    bench, meter = Bench(), MeterEnd()
    bench.prove(meter, at(0))
    bench.sessions.mapped(SERIAL, "no-such-profile", at(1))
    assert meter.closed


@pytest.mark.parametrize("raw", [LOGIN_OF_376_1, LOGIN_OF_698_45])
def test_the_login_of_another_protocol_is_refused(raw):
    bench, meter = Bench(), MeterEnd()
    bench.connect(meter, at(0))
    bench.send(meter, bytes.fromhex(raw), at(0))
    bench.pass_time(at(6))
    assert meter.closed
    assert any(name.startswith("ended_foreign") for name in bench.sessions.counters)


def test_an_answer_from_another_address_proves_nothing():
    bench, meter = Bench(), MeterEnd()
    bench.connect(meter, at(0))
    bench.send(meter, registration_frame(SERIAL), at(0))
    bench.send(meter, answer_address(read_address_request(), OTHER_SERIAL), at(0.2))
    bench.sessions.mapped(SERIAL, PROFILE, at(1))
    assert meter.closed
    assert bench.went_up(Kind.LOGIN) == []


def test_the_older_socket_goes_only_once_the_newer_one_is_proven():
    bench, older, newer = Bench(), MeterEnd(), MeterEnd()
    first = bench.log_in(older, at(0), epoch=3)
    bench.connect(newer, at(10))
    bench.send(newer, registration_frame(SERIAL), at(10))
    assert not older.closed
    bench.answer_next(newer, at(11))
    assert older.closed
    assert [(g["session"], g["epoch"], g["reason"]) for g in bench.went_up(Kind.GONE)] == [
        (first, 3, "replaced")
    ]
    assert not newer.closed


def test_a_socket_opened_earlier_but_proven_later_does_not_take_over():
    bench, earlier, later = Bench(), MeterEnd(), MeterEnd()
    bench.connect(earlier, at(0))
    bench.send(earlier, registration_frame(SERIAL), at(0))
    bench.log_in(later, at(1))
    bench.answer_next(earlier, at(2))
    assert (earlier.closed, later.closed) == (True, False)


def test_a_login_goes_up_again_until_it_is_granted():
    bench, meter = Bench(), MeterEnd()
    bench.prove(meter, at(0))
    bench.sessions.mapped(SERIAL, PROFILE, at(0))
    bench.pass_time(at(61))
    assert [login["session"] for login in bench.went_up(Kind.LOGIN)] == ["session-1"] * 3
    bench.sessions.letter(Grant(SERIAL, "session-1", 4), at(62))
    bench.send(meter, registration_frame(SERIAL), at(100))
    bench.pass_time(at(150))
    assert len(bench.went_up(Kind.LOGIN)) == 3


def test_a_grant_or_refusal_for_another_session_changes_nothing():
    bench, meter = Bench(), MeterEnd()
    bench.prove(meter, at(0))
    bench.sessions.mapped(SERIAL, PROFILE, at(0))
    bench.sessions.letter(Grant(SERIAL, "session-of-yesterday", 9), at(1))
    bench.sessions.letter(Refuse(SERIAL, "session-of-yesterday", "retired"), at(1))
    bench.sessions.letter(ask(epoch=9), at(2))
    assert not meter.closed
    assert meter.heard == []
    assert bench.answers() == [("c1", "not_connected", [None])]


def test_a_refused_session_is_closed():
    bench, meter = Bench(), MeterEnd()
    session = bench.log_in(meter, at(0))
    bench.sessions.letter(Refuse(SERIAL, session, "retired"), at(1))
    assert meter.closed
    assert [gone["reason"] for gone in bench.went_up(Kind.GONE)] == ["refused"]


def test_a_meter_silent_for_three_heartbeats_is_closed():
    bench, meter = Bench(), MeterEnd()
    bench.log_in(meter, at(0))
    bench.send(meter, registration_frame(SERIAL), at(100))
    bench.pass_time(at(279))
    assert not meter.closed
    bench.pass_time(at(280))
    assert meter.closed
    assert [gone["reason"] for gone in bench.went_up(Kind.GONE)] == ["silent"]


def test_too_many_unproven_sockets_push_out_the_oldest_and_no_proven_one():
    bench = Bench(unproven_limit=3)
    proven = MeterEnd()
    bench.log_in(proven, at(0))
    strangers = [MeterEnd() for _ in range(5)]
    for stranger in strangers:
        bench.connect(stranger, at(1))
    assert [stranger.closed for stranger in strangers] == [True, True, False, False, False]
    assert not proven.closed


@pytest.mark.parametrize(
    "noise", [b"\x00" * 600, b"\x68" * 600, b"\x16\x68" * 400, b"GET / HTTP/1.1\r\n" * 40]
)
def test_noise_ends_its_own_socket_only(noise):
    bench, meter, stranger = Bench(), MeterEnd(), MeterEnd()
    bench.log_in(meter, at(0))
    bench.connect(stranger, at(0))
    bench.send(stranger, noise, at(0))
    bench.pass_time(at(30))
    assert (stranger.closed, meter.closed) == (True, False)


def test_a_little_noise_does_not_cost_a_proven_meter_its_session():
    bench, meter = Bench(), MeterEnd()
    bench.log_in(meter, at(0))
    for second in range(1, 50):
        bench.send(meter, b"\x00\x68\x12" * 30 + registration_frame(SERIAL).encode(), at(second))
    assert not meter.closed
    bench.send(meter, b"\x00" * 5000, at(51))
    assert meter.closed
