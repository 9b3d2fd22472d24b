"""What the gateway shows of itself."""

import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from meter_gateway.metrics import Figures, render
from meter_gateway.protocol.foreign import recognise
from meter_gateway.protocol.openings import registration_frame
from meter_gateway.refusals import polite_no

from .bench import OTHER_SERIAL, SERIAL, Bench, MeterEnd, ask, at
from .processes import KNOWN, Gateway, MeterOnSocket, wait_until

LOGIN_OF_376_1 = bytes.fromhex("683200320068C900023412000271000001008516")
LOGIN_OF_698_45 = bytes.fromhex("681E008105111111111111009E7601000000B407E9040A040F280F00006D5916")


def _page(bench: Bench) -> list[str]:
    sessions = bench.sessions
    text = render(lambda: Figures(sessions.counters, sessions.states(), 7, {"push": 2}))
    return text.decode().splitlines()


def test_what_is_counted_is_shown():
    bench, meter, waiting, stranger = Bench(), MeterEnd(), MeterEnd(OTHER_SERIAL), MeterEnd()
    bench.log_in(meter, at(0))
    bench.prove(waiting, at(0))
    bench.connect(stranger, at(0))
    bench.sessions.letter(ask("c1"), at(1))
    raw = bytearray(meter.answer(meter.heard[0]))
    raw[-2] ^= 1
    bench.send(meter, bytes(raw), at(1))
    bench.answer_next(meter, at(1))
    bench.sessions.letter(ask("c2", epoch=9), at(1))
    bench.send(stranger, LOGIN_OF_376_1, at(2))
    page = _page(bench)
    for line in (
        'connections{state="granted"} 1.0',
        'connections{state="proven"} 1.0',
        'connections{state="unproven"} 0.0',
        'letters_total{outcome="answered"} 1.0',
        'letters_total{outcome="stale_epoch"} 1.0',
        'refusals_total{reason="foreign_376.1"} 1.0',
        "bad_checksums_total 1.0",
        "frames_in_total 6.0",
        "logins_total 1.0",
        "publish_backlog 7.0",
        'publish_dropped_total{kind="push"} 2.0',
    ):
        assert f"rentmeter_gateway_{line}" in page


def test_no_meter_number_is_a_label():
    bench, meter = Bench(), MeterEnd()
    bench.log_in(meter, at(0))
    assert SERIAL not in "\n".join(_page(bench))


def test_a_376_1_concentrator_is_told_no_in_its_own_words():
    no = polite_no(recognise(LOGIN_OF_376_1))
    assert no == bytes.fromhex("6832003200680B000234120000610000020" + "0B616")
    assert recognise(no).serial == recognise(LOGIN_OF_376_1).serial


def test_a_698_45_meter_is_only_hung_up_on():
    assert polite_no(recognise(LOGIN_OF_698_45)) is None


def test_a_gateway_shows_its_figures_and_keeps_frames_where_told(valkey, tmp_path: Path):
    with Gateway(valkey, GATEWAY_CAPTURE_DIR=str(tmp_path / "kept")) as gateway:
        valkey.publish_map(KNOWN)
        with closing(MeterOnSocket(gateway.port)) as meter:
            gateway.log_in(meter)
            wait_until("granted", lambda: gateway.figures()['connections{state="granted"}'] == 1)
            with closing(MeterOnSocket(gateway.port)) as concentrator:
                concentrator.socket.sendall(LOGIN_OF_376_1)
                assert concentrator.socket.recv(100) == polite_no(recognise(LOGIN_OF_376_1))
                assert concentrator.is_closed_within(5)
            assert gateway.figures()["frames_out_total"] == 2
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"http://127.0.0.1:{gateway.metrics_port}/", timeout=5)
    [kept] = (tmp_path / "kept").glob("*.jsonl")
    assert registration_frame("000000000001").encode(0).hex().upper() in kept.read_text()
    assert SERIAL not in kept.read_text()
