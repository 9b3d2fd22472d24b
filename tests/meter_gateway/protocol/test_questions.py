"""Every question, told apart."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given

from meter_gateway.protocol import clearing, parameters, reads, relay, security, timing
from meter_gateway.protocol.bcd import InvalidBcd
from meter_gateway.protocol.frames import Frame, FrameError, Function
from meter_gateway.protocol.openings import heartbeat_frame
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.protocol.questions import parse_question

from .known import SOUND, frame_of
from .strategies import frames, quick

METER = "000000219998"
AUTH = relay.Auth(2, "000000", "00000000")
NOON = datetime(2026, 11, 23, 12)  # noqa: DTZ001
PASSWORD = parameters.Password(2, "000000")


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (security.status_request(METER, load_profile("dtsy-4g-ble")), security.SecurityRequest),
        (timing.broadcast_time(NOON), timing.BroadcastTime),
        (reads.read_request(METER, "00900100"), reads.ReadRequest),
        (reads.read_more_request(METER, "0001FF00", 1), reads.ReadRequest),
        (reads.read_address_request(), reads.ReadAddressRequest),
        (parameters.write_raw_request(METER, "04000F01", AUTH, bytes(4)), parameters.WriteRequest),
        (parameters.write_address_request(METER), parameters.WriteAddressRequest),
        (timing.freeze_request(METER, timing.FreezeTime()), timing.FreezeRequest),
        (parameters.change_baud_request(METER, 2400), parameters.ChangeBaudRequest),
        (parameters.change_password_request(METER, PASSWORD, PASSWORD), parameters.ChangePasswordRequest),
        (clearing.clear_demand_request(METER, AUTH), clearing.ClearRequest),
        (clearing.clear_meter_request(METER, AUTH), clearing.ClearRequest),
        (clearing.clear_events_request(METER, AUTH), clearing.ClearRequest),
        (relay.relay_request(METER, relay.RelayAction.TRIP, AUTH, NOON), relay.RelayRequest),
    ],
)
def test_each_question_comes_out_as_its_own_kind(frame: Frame, kind: type) -> None:
    assert isinstance(parse_question(frame), kind)


def test_a_follow_up_read_says_which_part_it_wants() -> None:
    assert parse_question(reads.read_more_request(METER, "0001FF00", 2)) == reads.ReadRequest(
        METER, "0001FF00", sequence=2
    )
    with pytest.raises(FrameError, match="not a read request"):
        parse_question(Frame(METER, Function.READ_MORE, bytes(4)))


def test_every_function_of_the_standard_has_its_question() -> None:
    for function in set(Function) - {Function.HEARTBEAT}:
        with pytest.raises((FrameError, InvalidBcd), match=r"not a|no time"):
            parse_question(Frame(METER, function, b"\x00"))


@pytest.mark.parametrize("frame", [heartbeat_frame(METER), Frame(METER, 0x91, bytes(8)), Frame(METER, 0x05)])
def test_an_opening_an_answer_and_an_unknown_function_are_none(frame: Frame) -> None:
    with pytest.raises(FrameError, match="no question"):
        parse_question(frame)


def test_every_question_of_the_vectors_is_understood() -> None:
    asked = [frame_of(v) for v in SOUND if v.direction == "request" and v.control in set(Function) - {0}]
    assert len(asked) > 40
    for frame in asked:
        assert parse_question(frame)


@quick
@given(frames)
def test_any_frame_at_all_is_a_question_or_a_typed_error(frame: Frame) -> None:
    try:
        question = parse_question(frame)
    except (FrameError, InvalidBcd):
        return
    assert question.address == frame.address
