"""Strangers that cost time, memory or sockets do not cost a meter its session. Loopback only, and bounded."""

import socket
import time
from contextlib import closing, suppress

import pytest

from meter_gateway.protocol.openings import heartbeat_frame, registration_frame
from meter_gateway.session import SHED_LIMIT, UNSOUND_LIMIT_PROVEN, UNSOUND_LIMIT_UNPROVEN

from .bench import OTHER_SERIAL, SERIAL, Bench, MeterEnd, ask, at
from .processes import KNOWN, Gateway, MeterOnSocket, wait_until

BURST = 1000
SLOW = 200


@pytest.mark.parametrize("byte", [b"\xfe", b"\x68", b"\x00", b"\xff"])
def test_a_stranger_who_sends_one_byte_for_ever_is_gone_after_a_few_hundred(byte):
    bench, stranger = Bench(), MeterEnd()
    bench.connect(stranger, at(0))
    bench.send(stranger, byte * UNSOUND_LIMIT_UNPROVEN, at(0))
    bench.send(stranger, byte, at(0))
    assert stranger.closed
    assert bench.sessions.counters["ended_noise"] == 1


def test_a_proven_meter_that_sends_fillers_for_ever_is_gone_too():
    bench, meter = Bench(), MeterEnd()
    bench.log_in(meter, at(0))
    bench.send(meter, b"\xfe" * (UNSOUND_LIMIT_PROVEN - 10), at(1))
    assert not meter.closed
    bench.send(meter, b"\xfe" * 11, at(2))
    assert meter.closed


def test_one_byte_a_second_does_not_outlast_the_login_deadline():
    bench, stranger = Bench(), MeterEnd()
    bench.connect(stranger, at(0))
    raw = registration_frame(SERIAL).encode(preamble=100)
    for second in range(29):
        bench.send(stranger, raw[second : second + 1], at(second))
        bench.pass_time(at(second))
    assert not stranger.closed
    bench.pass_time(at(30))
    assert stranger.closed


def test_a_flood_of_sound_frames_ends_its_sender():
    bench, meter, neighbour = Bench(), MeterEnd(), MeterEnd(OTHER_SERIAL)
    bench.log_in(meter, at(0))
    bench.log_in(neighbour, at(0))
    bench.send(meter, heartbeat_frame(SERIAL).encode() * (SHED_LIMIT + 60), at(1))
    assert (meter.closed, neighbour.closed) == (True, False)
    assert bench.sessions.counters["ended_flood"] == 1


def test_strangers_without_a_name_go_before_those_who_said_who_they_are():
    bench = Bench(unproven_limit=3)
    claiming = [MeterEnd(f"{number:012d}") for number in (1, 2)]
    for meter in claiming:
        bench.connect(meter, at(0))
        bench.send(meter, registration_frame(meter.serial), at(0))
    nameless = [MeterEnd() for _ in range(3)]
    for stranger in nameless:
        bench.connect(stranger, at(1))
    assert [stranger.closed for stranger in nameless] == [True, True, False]
    assert [meter.closed for meter in claiming] == [False, False]


def test_when_every_socket_is_a_meters_none_goes_for_a_stranger():
    bench, meter = Bench(), MeterEnd()
    bench.log_in(meter, at(0))
    assert not bench.sessions.make_room(at(1))
    bench.sessions.letter(ask(), at(1))
    assert len(meter.heard) == 1


def test_an_attack_on_the_port_drops_no_meter(valkey, gateway: Gateway):
    """200 slow ones, junk of three kinds, and a thousand connections within a second; then a question."""
    valkey.publish_map(KNOWN)
    ended = 'sessions_ended_total{reason="disconnected"}'
    before = gateway.figures().get(ended, 0)
    with closing(MeterOnSocket(gateway.port)) as meter:
        gateway.log_in(meter)
        slow = [socket.create_connection(("127.0.0.1", gateway.port), 5) for _ in range(SLOW)]
        try:
            for junk in (b"\x68" * 65_536, b"\xfe" * 65_536, heartbeat_frame(OTHER_SERIAL).encode() * 4000):
                with closing(socket.create_connection(("127.0.0.1", gateway.port), 5)) as stranger:
                    stranger.settimeout(0.5)
                    with suppress(OSError):
                        stranger.sendall(junk)
            started, strangers = time.monotonic(), 0
            for number in range(BURST):
                slow[number % SLOW].send(b"\xfe")
                with suppress(OSError):
                    socket.create_connection(("127.0.0.1", gateway.port), 5).close()
                    strangers += 1
                if time.monotonic() > started + 1:
                    break
            gateway.ask("c1", epoch=1)
            asked_at = time.monotonic()
            meter.answer_one()
            [answer] = valkey.wait_for_task("meters.letters_answered")["answers"]
            assert answer["outcome"] == "answered"
            assert time.monotonic() - asked_at < 5
            wait_until("all came in", lambda: gateway.figures().get(ended, 0) >= before + strangers)
            figures = gateway.figures()
            assert figures['connections{state="granted"}'] == 1
            assert figures['refusals_total{reason="noise"}'] >= 2
        finally:
            for stranger in slow:
                stranger.close()
    assert gateway.process.poll() is None
