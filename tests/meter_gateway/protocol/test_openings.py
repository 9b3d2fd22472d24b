"""How a meter announces itself."""

from __future__ import annotations

import pytest

from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.openings import (
    Opening,
    OpeningSeen,
    heartbeat_answer,
    heartbeat_frame,
    is_heartbeat_answer,
    opening_of,
    registration_frame,
    registration_text,
)

METER = "250619510016"


def test_a_registration_is_the_captured_frame_and_expects_no_answer() -> None:
    frame = registration_frame(METER)
    assert frame.encode(preamble=0).hex().upper().startswith("681600511906256891 04B3B3B3B3".replace(" ", ""))
    opening = opening_of(frame)
    assert opening == OpeningSeen(Opening.REGISTRATION, METER)
    assert opening.answer is None


def test_a_heartbeat_is_answered_with_80h() -> None:
    opening = opening_of(heartbeat_frame("000000000000"))
    assert opening is not None
    assert opening.answer == heartbeat_answer("000000000000")
    assert heartbeat_answer("000000000000").encode(0) == bytes.fromhex("680000000000006880005016")
    assert is_heartbeat_answer(heartbeat_answer(METER))


@pytest.mark.parametrize("signal_quality", [0, 17, 31, 99, 255])
def test_the_signal_quality_of_a_heartbeat_travels_without_the_33h(signal_quality: int) -> None:
    frame = heartbeat_frame(METER, signal_quality)
    assert frame.encode(0)[10:12] == bytes((1, signal_quality))
    opening = opening_of(Frame.decode(frame.encode()))
    assert opening is not None
    assert opening.signal_quality == signal_quality


@pytest.mark.parametrize(
    "frame",
    [
        Frame(METER, 0x00, b"\x00\x00"),
        Frame(METER, 0x00, bytes(5)),
        Frame(METER, 0x91, bytes.fromhex("00019000")),
        Frame(METER, 0x91, bytes.fromhex("8080808000")),
        Frame(METER, 0x11, bytes.fromhex("80808080")),
        Frame(METER, 0x80),
    ],
)
def test_other_frames_are_no_openings(frame: Frame) -> None:
    assert opening_of(frame) is None


@pytest.mark.parametrize("serial", ["", "1234567", "1" * 33, "meter 12345", "电表电表电表电表"])
def test_a_text_no_gateway_would_know_is_not_sent(serial: str) -> None:
    with pytest.raises(ValueError, match="registration text"):
        registration_text(serial)
