"""Captured frames: whole as test cases, and nobody's."""

import json
from decimal import Decimal
from pathlib import Path

from meter_gateway.capture import Capture
from meter_gateway.protocol.answers import answer_address, answer_read
from meter_gateway.protocol.connection import Connection, Role
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.openings import heartbeat_frame, registration_text
from meter_gateway.protocol.prepaid import recharge_request
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.protocol.reads import read_address_request, read_request

from .bench import OTHER_SERIAL, PROFILE, SERIAL

WIRE = bytes.fromhex(SERIAL)[::-1]


def _lines(capture: Capture) -> list[dict]:
    capture.close()
    return [json.loads(line) for line in capture.path.read_text().splitlines()]


def _came_in(capture: Capture, *raws: bytes) -> None:
    link = Connection(Role.PLATFORM)
    for raw in raws:
        for event in [*link.receive(raw), *link.flush()]:
            capture.event("a-session", event, 2.5)


def test_a_captured_frame_is_sound_and_names_no_meter(tmp_path: Path):
    capture = Capture(tmp_path / "new", "gw1-0", 1.0)
    reading = answer_read(read_request(SERIAL, "00900100"), Decimal("7.00"))
    _came_in(
        capture, heartbeat_frame(SERIAL).encode(), answer_address(read_address_request(), SERIAL).encode()
    )
    _came_in(capture, reading.encode(), registration_text(SERIAL))
    capture.written("a-session", read_request(SERIAL, "00900100").encode(), 3.0)
    capture.written("a-session", read_request(OTHER_SERIAL, "00900100").encode(), 3.0)
    text = capture.path.read_text() if capture.close() is None else ""
    lines = [json.loads(line) for line in text.splitlines()]
    frames = [Frame.decode(bytes.fromhex(line["raw"])) for line in lines if "raw" in line]
    assert SERIAL not in text
    assert WIRE.hex().upper() not in text
    assert [frame.address for frame in frames] == ["000000000001"] * 4 + ["000000000002"]
    assert frames[1].data == bytes.fromhex("010000000000")
    assert frames[2].data == reading.data
    assert [line["direction"] for line in lines] == ["in"] * 4 + ["out"] * 2
    assert (lines[0]["at"], lines[0]["session"]) == (1.5, "a-sessio")


def test_what_an_act_carries_is_not_captured(tmp_path: Path):
    capture = Capture(tmp_path, "gw1-0", 0.0)
    credit = recharge_request(
        SERIAL,
        load_profile(PROFILE),
        energy_kwh=Decimal("10.00"),
        purchase_count=3,
        customer_no="123456789012",
    )
    customer = answer_read(read_request(SERIAL, "0400040E"), "123456789012")
    capture.written("s", credit.encode(), 0.0)
    _came_in(capture, customer.encode())
    for line in _lines(capture):
        frame = Frame.decode(bytes.fromhex(line["raw"]))
        assert frame.di in ("070102FF", "0400040E")
        assert not any(frame.data[4:])


def test_damage_is_noted_without_its_bytes(tmp_path: Path):
    capture = Capture(tmp_path, "gw1-0", 0.0)
    raw = bytearray(heartbeat_frame(SERIAL).encode())
    raw[-2] ^= 1
    _came_in(capture, bytes(raw), b"\x00\x01\x02")
    lines = _lines(capture)
    assert "BadChecksum" in lines[0]["note"]
    assert not any("raw" in line for line in lines)


def test_a_capture_ends_at_its_limit(tmp_path: Path):
    capture = Capture(tmp_path, "gw1-0", 0.0, size_limit=1000)
    for _ in range(100):
        capture.written("s", read_request(SERIAL, "00900100").encode(), 0.0)
    assert 0 < len(capture.path.read_bytes()) <= 1000
