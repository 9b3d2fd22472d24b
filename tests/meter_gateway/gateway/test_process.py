"""The gateway as a process, with real sockets and a real Valkey."""

import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime

import pytest

from meter_gateway.protocol.answers import push
from meter_gateway.protocol.openings import heartbeat_answer, heartbeat_frame, registration_frame

from .bench import OTHER_SERIAL, PROFILE, REMAINING, SERIAL, TOTAL
from .processes import KNOWN, Gateway, MeterOnSocket, free_port, wait_until


@pytest.fixture
def meter(gateway):
    with closing(MeterOnSocket(gateway.port)) as meter:
        yield meter


@pytest.fixture
def own_meter(own_gateway):
    with closing(MeterOnSocket(own_gateway.port)) as meter:
        yield meter


def test_a_meter_logs_in_is_granted_asked_and_heard(valkey, gateway, meter):
    valkey.publish_map(KNOWN)
    gateway.log_in(meter, epoch=5)
    gateway.ask("c1", REMAINING, TOTAL, epoch=5)
    assert [meter.answer_one().di, meter.answer_one().di] == [REMAINING, TOTAL]
    answered = valkey.wait_for_task("meters.letters_answered")
    assert answered["gateway"] == gateway.name
    [answer] = answered["answers"]
    assert (answer["command"], answer["epoch"], answer["outcome"]) == ("c1", 5, "answered")
    assert len(answer["replies"]) == 2
    assert datetime.fromisoformat(answer["at"]).utcoffset().total_seconds() == 0
    meter.send(push(SERIAL, TOTAL, meter.end.registers[TOTAL] + 1))
    [pushed] = valkey.wait_for_task("meters.frames_pushed")["pushes"]
    assert (pushed["serial"], pushed["epoch"]) == (SERIAL, 5)
    meter.close()
    [gone] = valkey.wait_for_task("meters.meters_gone")["sessions"]
    assert (gone["serial"], gone["epoch"], gone["reason"]) == (SERIAL, 5, "disconnected")


@pytest.mark.system
def test_presence_goes_up(valkey, gateway, meter):
    valkey.publish_map(KNOWN)
    gateway.log_in(meter)
    gateway.ask("c1", epoch=1)
    meter.answer_one()
    seen = []
    while not seen:
        told = valkey.wait_for_task("meters.meters_seen", within_s=10)["seen"]
        seen = [(meter["serial"], meter["epoch"]) for meter in told if meter["serial"] == SERIAL]
    assert seen == [(SERIAL, 1)]


def test_a_hello_names_the_stream_and_goes_where_its_letters_come_from(valkey):
    celerys_own_word = "redis://127.0.0.1:9/0"
    with Gateway(valkey, GATEWAY_NODE="gw9", CELERY_BROKER_URL=celerys_own_word) as gateway:
        hello = gateway.wait_for_hello()
        assert hello == {
            "gateway": gateway.name,
            "node": "gw9",
            "stream": f"rm:letters:{gateway.name}",
            "at": hello["at"],
        }
        assert gateway.name.startswith("gw9-")


def test_without_a_map_a_meter_waits_and_comes_in_once_there_is_one(valkey, gateway, meter):
    meter.send(heartbeat_frame(SERIAL))
    assert meter.next_question() == heartbeat_answer(SERIAL)
    meter.answer_one()
    assert not meter.is_closed_within(1.2)
    valkey.publish_map(KNOWN)
    [login] = valkey.wait_for_task("meters.meters_logged_in")["logins"]
    assert login["serial"] == SERIAL


def test_an_unknown_meter_is_refused_and_a_known_one_is_not(valkey, gateway, meter):
    valkey.publish_map(KNOWN)
    with closing(MeterOnSocket(gateway.port, OTHER_SERIAL)) as stranger:
        stranger.send(registration_frame(OTHER_SERIAL))
        assert stranger.is_closed_within(5)
    gateway.log_in(meter)


def test_the_newer_socket_takes_over(valkey, gateway, meter):
    valkey.publish_map(KNOWN)
    gateway.log_in(meter, epoch=1)
    with closing(MeterOnSocket(gateway.port)) as newer:
        gateway.log_in(newer, epoch=2)
        assert meter.is_closed_within(5)
        gateway.ask("old", epoch=1)
        gateway.ask("new", epoch=2)
        newer.answer_one()
        outcomes = {}
        while len(outcomes) < 2:
            for answer in valkey.wait_for_task("meters.letters_answered")["answers"]:
                outcomes[answer["command"]] = answer["outcome"]
        assert outcomes == {"old": "stale_epoch", "new": "answered"}


def test_garbage_on_the_port_harms_nobody(valkey, gateway, meter):
    valkey.publish_map(KNOWN)
    gateway.log_in(meter)
    noises = [b"\x68" * 70_000, os.urandom(70_000), b"GET / HTTP/1.1\r\n\r\n" * 50, b"\xfe" * 70_000, b"\x16"]
    for noise in noises:
        with closing(MeterOnSocket(gateway.port)) as stranger:
            try:
                stranger.send(noise)
                stranger.send(registration_frame(OTHER_SERIAL).encode()[:-3])
            except ConnectionError:
                continue
    gateway.ask("c1", epoch=1)
    meter.answer_one()
    [answer] = valkey.wait_for_task("meters.letters_answered")["answers"]
    assert answer["outcome"] == "answered"
    assert gateway.process.poll() is None


def test_a_broken_letter_does_not_stop_the_next_one(valkey, gateway, meter):
    valkey.publish_map(KNOWN)
    gateway.log_in(meter)
    valkey.client.xadd(gateway.stream, {"letter": b"\xff{"})
    valkey.client.xadd(gateway.stream, {"note": "no letter"})
    valkey.client.hset("rm:serials", OTHER_SERIAL, b"\xff not json")
    gateway.ask("c1", epoch=1)
    meter.answer_one()
    [answer] = valkey.wait_for_task("meters.letters_answered")["answers"]
    assert answer["outcome"] == "answered"


def test_valkey_may_die_and_come_back_empty(valkey, gateway, meter):
    valkey.publish_map(KNOWN)
    gateway.log_in(meter)
    gateway.ask("before", epoch=1)
    question = meter.next_question()
    valkey.stop()
    meter.send(meter.end.answer(question))
    meter.send(push(SERIAL, TOTAL, meter.end.registers[TOTAL]))
    assert not meter.is_closed_within(0.5)
    meter.socket.settimeout(10)
    valkey.start()
    gateway.wait_for_hello()
    [answer] = valkey.wait_for_task("meters.letters_answered")["answers"]
    assert (answer["command"], answer["outcome"]) == ("before", "answered")
    assert len(valkey.wait_for_task("meters.frames_pushed")["pushes"]) == 1
    gateway.ask("after", epoch=1)
    meter.answer_one()
    [answer] = valkey.wait_for_task("meters.letters_answered")["answers"]
    assert (answer["command"], answer["outcome"]) == ("after", "answered")
    with closing(MeterOnSocket(gateway.port, OTHER_SERIAL)) as newcomer:
        newcomer.send(registration_frame(OTHER_SERIAL))
        newcomer.answer_one()
        assert not newcomer.is_closed_within(0.2)
        valkey.publish_map({OTHER_SERIAL: PROFILE})
        [login] = valkey.wait_for_task("meters.meters_logged_in")["logins"]
        assert login["serial"] == OTHER_SERIAL


def test_an_emptied_valkey_is_greeted_again(valkey, gateway, meter):
    valkey.publish_map(KNOWN)
    gateway.log_in(meter)
    valkey.forget_tasks()
    valkey.client.flushall()
    gateway.wait_for_hello(within_s=3)
    gateway.ask("c1", epoch=1)
    meter.answer_one()
    assert valkey.wait_for_task("meters.letters_answered")["answers"][0]["outcome"] == "answered"


def test_a_gateway_started_before_valkey_waits_for_it(valkey):
    valkey.stop()
    with Gateway(valkey) as gateway, closing(MeterOnSocket(gateway.port)) as meter:
        meter.send(registration_frame(SERIAL))
        meter.answer_one()
        valkey.start()
        gateway.wait_for_hello()
        valkey.publish_map(KNOWN)
        assert len(valkey.wait_for_task("meters.meters_logged_in")["logins"]) == 1


def test_sigterm_waits_for_the_answer_in_flight_and_sends_it_up(valkey, own_gateway, own_meter):
    gateway, meter = own_gateway, own_meter
    valkey.publish_map(KNOWN)
    gateway.log_in(meter)
    gateway.ask("c1", epoch=1)
    gateway.ask("c2", epoch=1)
    question = meter.next_question()
    gateway.process.terminate()
    wait_until("the port is closed", lambda: not _accepts(gateway.port))
    meter.send(meter.end.answer(question))
    assert meter.is_closed_within(3)
    assert gateway.process.wait(8) == 0
    outcomes = {}
    while len(outcomes) < 2:
        for answer in valkey.wait_for_task("meters.letters_answered")["answers"]:
            outcomes[answer["command"]] = answer["outcome"]
    assert outcomes == {"c1": "answered", "c2": "not_connected"}
    [gone] = valkey.wait_for_task("meters.meters_gone")["sessions"]
    assert gone["reason"] == "gateway_stopped"


def test_sigterm_right_after_a_connect_and_close_ends_the_process(valkey):
    """Sent while the connections to Valkey are being made, when its library swallows a cancellation."""
    with Gateway(valkey) as gateway:
        socket.create_connection(("127.0.0.1", gateway.port), 5).close()
        gateway.process.terminate()
        assert gateway.process.wait(5) == 0


@pytest.mark.system
def test_sigterm_does_not_wait_for_ever(valkey, own_gateway, own_meter):
    gateway, meter = own_gateway, own_meter
    valkey.publish_map(KNOWN)
    gateway.log_in(meter)
    gateway.ask("c1", epoch=1, timeout_s=60)
    meter.next_question()
    valkey.stop()
    started = time.monotonic()
    gateway.process.terminate()
    assert gateway.process.wait(12) == 0
    assert time.monotonic() - started < 9


def test_a_meter_that_does_not_read_is_closed_and_the_others_are_served(valkey, gateway, meter):
    valkey.publish_map(KNOWN)
    gateway.log_in(meter)
    with closing(MeterOnSocket(gateway.port, OTHER_SERIAL)) as deaf:
        valkey.publish_map({OTHER_SERIAL: PROFILE})
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.socket.settimeout(2)
        beats = heartbeat_frame(OTHER_SERIAL).encode() * 500
        try:
            for _ in range(40):
                deaf.send(beats)
        except (ConnectionError, TimeoutError):
            pass
        gateway.ask("c1", epoch=1)
        meter.answer_one()
        assert valkey.wait_for_task("meters.letters_answered")["answers"][0]["outcome"] == "answered"


def test_logs_show_no_whole_meter_number(valkey):
    with Gateway(valkey, GATEWAY_LOG_LEVEL="DEBUG") as gateway:
        with closing(MeterOnSocket(gateway.port)) as meter:
            valkey.publish_map({OTHER_SERIAL: PROFILE})
            meter.send(registration_frame(SERIAL))
            assert meter.is_closed_within(5)
        wait_until("the refusal is logged", lambda: "0000****9998" in gateway.log())
        assert SERIAL not in gateway.log()


@pytest.mark.parametrize("broker", ["", "http://127.0.0.1/0"])
def test_a_wrong_broker_url_is_one_sentence_and_status_one(broker):
    done = _run({"BROKER_URL": broker})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "BROKER_URL" in done.stderr


def test_a_taken_port_is_one_sentence_and_status_one(valkey):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _run({"BROKER_URL": valkey.url, "GATEWAY_PORT": str(port)})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in done.stderr


def test_an_unknown_word_is_answered_with_the_usage():
    done = _run({}, "fly")
    assert done.returncode == 2
    assert "usage" in done.stderr


def _run(environ: dict[str, str], word: str = "serve") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "meter_gateway", word],
        env=os.environ | {"GATEWAY_PORT": str(free_port())} | environ,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
