"""The clock and the freezes."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol.bcd import InvalidBcd, ValueDoesNotFit
from meter_gateway.protocol.frames import BROADCAST_ADDRESS, Frame, FrameError
from meter_gateway.protocol.timing import (
    BroadcastTime,
    FreezeRequest,
    FreezeTime,
    broadcast_time,
    freeze_request,
    parse_broadcast_time,
    parse_freeze_request,
)

from .known import frame_of, sound
from .strategies import addresses, moments, quick

METER = "000000219998"


def test_the_broadcast_vectors_are_read_and_rebuilt_bit_by_bit() -> None:
    peer, java = (frame_of(vector) for vector in sound(0x08))
    assert parse_broadcast_time(peer) == BroadcastTime(BROADCAST_ADDRESS, datetime(2026, 11, 24, 12, 34, 30))  # noqa: DTZ001
    assert broadcast_time(parse_broadcast_time(peer).moment) == peer
    assert broadcast_time(datetime(2006, 5, 4, 3, 2, 1), address="000000000000") == java  # noqa: DTZ001


@quick
@given(moments)
def test_every_second_survives_a_broadcast(moment: datetime) -> None:
    assert parse_broadcast_time(Frame.decode(broadcast_time(moment).encode())).moment == moment


@pytest.mark.parametrize("data", ["000000000000", "003412241326", "00341224112A"])
def test_a_time_that_is_none_is_a_typed_error(data: str) -> None:
    with pytest.raises(InvalidBcd):
        parse_broadcast_time(Frame(METER, 0x08, bytes.fromhex(data)))


@pytest.mark.parametrize(
    "frame", [Frame(METER, 0x08), Frame(METER, 0x88, bytes(6)), Frame(METER, 0x16, bytes(6))]
)
def test_another_frame_is_no_broadcast(frame: Frame) -> None:
    with pytest.raises(FrameError):
        parse_broadcast_time(frame)


@pytest.mark.parametrize(
    ("when", "wire"),
    [
        (FreezeTime(), "99999999"),
        (FreezeTime(minute=5), "05999999"),
        (FreezeTime(hour=0, minute=0), "00009999"),
        (FreezeTime(day=1, hour=23, minute=59), "59230199"),
        (FreezeTime(12, 31, 23, 59), "59233112"),
    ],
)
def test_what_is_left_open_is_99_on_the_wire(when: FreezeTime, wire: str) -> None:
    assert freeze_request(METER, when).data.hex() == wire
    assert parse_freeze_request(freeze_request(METER, when)) == FreezeRequest(METER, when)


def test_the_freeze_vector_is_read_and_rebuilt_bit_by_bit() -> None:
    (vector,) = sound(0x16)
    request = parse_freeze_request(frame_of(vector))
    assert request.when == FreezeTime(0, 0, 0, 0)
    assert freeze_request(request.address, request.when) == frame_of(vector)


parts = st.tuples(*[st.none() | st.integers(0, most) for most in (12, 31, 23, 59)])


@quick
@given(addresses, parts)
def test_every_freeze_survives_the_wire(
    address: str, chosen: tuple[int | None, int | None, int | None, int | None]
) -> None:
    request = FreezeRequest(address, FreezeTime(*chosen))
    assert parse_freeze_request(Frame.decode(freeze_request(address, request.when).encode())) == request


@pytest.mark.parametrize("wrong", [{"month": 13}, {"day": 32}, {"hour": 24}, {"minute": 60}, {"minute": -1}])
def test_a_part_out_of_its_range_makes_no_freeze(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueDoesNotFit):
        FreezeTime(**wrong)


@pytest.mark.parametrize("data", ["999999", "9999999A", "60999999"])
def test_bytes_that_are_no_time_to_freeze_at_are_a_typed_error(data: str) -> None:
    with pytest.raises(InvalidBcd):
        parse_freeze_request(Frame(METER, 0x16, bytes.fromhex(data)))


def test_another_frame_is_no_freeze() -> None:
    with pytest.raises(FrameError):
        parse_freeze_request(Frame(METER, 0x96, bytes(4)))
