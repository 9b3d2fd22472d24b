"""One frame."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol.frames import (
    ANY_ADDRESS,
    BROADCAST_ADDRESS,
    BadChecksum,
    BadEnd,
    Frame,
    FrameError,
    FrameTooLong,
    NotAFrame,
    addresses,
    encode_di,
)

from .strategies import frames, quick


@quick
@given(frames, st.integers(0, 9))
def test_a_frame_survives_the_wire_behind_any_preamble(frame: Frame, preamble: int) -> None:
    assert Frame.decode(frame.encode(preamble)) == frame


@quick
@given(frames, st.data())
def test_a_single_changed_byte_never_gives_another_frame(frame: Frame, data: st.DataObject) -> None:
    raw = bytearray(frame.encode(preamble=0))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FrameError):
        Frame.decode(bytes(raw))


SOUND = Frame("000000219998", 0x11, bytes.fromhex("00019000")).encode(preamble=0)


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", NotAFrame),
        (SOUND[:-1], NotAFrame),
        (SOUND[:7] + b"\x69" + SOUND[8:], NotAFrame),
        (SOUND[:-1] + b"\x17", BadEnd),
        (SOUND[:-2] + b"\x00\x16", BadChecksum),
        (bytes.fromhex("680C00000000006811 00 8F 16".replace(" ", "")), FrameError),
    ],
)
def test_each_damage_has_its_own_error(raw: bytes, error: type[FrameError]) -> None:
    with pytest.raises(error):
        Frame.decode(raw)


def test_a_sound_sum_around_letters_in_the_address_is_no_frame() -> None:
    body = bytes.fromhex("680C0000000000681100")
    with pytest.raises(NotAFrame):
        Frame.decode(body + bytes((sum(body) & 0xFF, 0x16)))


def test_a_frame_carries_255_bytes_and_no_more() -> None:
    assert len(Frame("000000000001", 0x91, bytes(255)).encode(0)) == 267
    with pytest.raises(FrameTooLong):
        Frame("000000000001", 0x91, bytes(256))


@pytest.mark.parametrize(("address", "control"), [("1", 0x11), ("000000000001", 256), ("000000000001", -1)])
def test_a_frame_nobody_could_send_cannot_be_made(address: str, control: int) -> None:
    with pytest.raises(FrameError):
        Frame(address, control)


@pytest.mark.parametrize("di", ["", "0090010", "009001000", "0090010G", "00 90 01 00"])
def test_what_is_not_eight_hexadecimal_digits_is_no_identifier(di: str) -> None:
    with pytest.raises(FrameError):
        encode_di(di)


def test_the_control_byte_says_direction_error_and_more() -> None:
    question = Frame("000000000001", 0x11, bytes(4))
    assert not question.is_from_meter
    assert question.answered_with().control == 0x91
    assert question.answered_with(error=True).is_error
    assert question.answered_with(more=True).has_more
    assert question.answered_with(error=True).control == 0xD1


@pytest.mark.parametrize(
    ("pattern", "address", "meant"),
    [
        ("000000219998", "000000219998", True),
        ("000000219998", "000000219999", False),
        (ANY_ADDRESS, "000000219998", True),
        ("AAAAAA219998", "123456219998", True),
        ("AAAAAA219998", "123456219997", False),
        (BROADCAST_ADDRESS, "000000219998", True),
    ],
)
def test_a_meter_knows_whether_it_is_meant(pattern: str, address: str, meant: bool) -> None:
    assert addresses(pattern, address) is meant
