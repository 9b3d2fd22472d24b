"""Wiping demand, everything, events."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from meter_gateway.protocol.clearing import (
    ALL_EVENTS,
    ClearRequest,
    clear_demand_request,
    clear_events_request,
    clear_meter_request,
    parse_clear_request,
)
from meter_gateway.protocol.frames import Frame, FrameError, Function
from meter_gateway.protocol.relay import Auth

from .strategies import addresses, digits, quick

METER = "000000219998"
AUTH = Auth(2, "123456", "00000001")


@pytest.mark.parametrize(
    ("build", "function", "di", "wire"),
    [
        (clear_demand_request, Function.CLEAR_DEMAND, None, "0256341201000000"),
        (clear_meter_request, Function.CLEAR_METER, None, "0256341201000000"),
        (clear_events_request, Function.CLEAR_EVENTS, ALL_EVENTS, "0256341201000000FFFFFFFF"),
    ],
)
def test_each_wipe_carries_who_asks(
    build: Callable[[str, Auth], Frame], function: Function, di: str | None, wire: str
) -> None:
    frame = build(METER, AUTH)
    assert (frame.control, frame.data.hex().upper()) == (function, wire)
    assert parse_clear_request(frame) == ClearRequest(METER, function, AUTH, di)


@quick
@given(addresses, digits(6), digits(8))
def test_every_wipe_of_one_kind_of_event_survives_the_wire(address: str, password: str, di: str) -> None:
    auth = Auth(4, password, "000000FF")
    frame = Frame.decode(clear_events_request(address, auth, di).encode())
    assert parse_clear_request(frame) == ClearRequest(address, Function.CLEAR_EVENTS, auth, di)


@pytest.mark.parametrize(
    "frame", [Frame(METER, 0x19, bytes(12)), Frame(METER, 0x9A, bytes(8)), Frame(METER, 0x1B, bytes(8))]
)
def test_another_frame_is_no_wipe(frame: Frame) -> None:
    with pytest.raises(FrameError):
        parse_clear_request(frame)
