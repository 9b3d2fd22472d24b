"""Switching, and the word that proves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol.bcd import InvalidBcd, ValueDoesNotFit
from meter_gateway.protocol.frames import Frame, FrameError
from meter_gateway.protocol.relay import (
    Auth,
    PrepaidKind,
    RelayAction,
    StatusWord3,
    parse_relay_request,
    relay_request,
)

from .strategies import addresses, moments, quick

METER = "000000219998"
AUTH = Auth(2, "123456", "00000001")
UNTIL = datetime(2026, 11, 23, 12, 0, 30)  # noqa: DTZ001

auths = st.builds(
    Auth,
    level=st.integers(0, 255),
    password=st.integers(0, 999999).map("{:06d}".format),
    operator=st.binary(min_size=4, max_size=4).map(lambda raw: raw.hex().upper()),
)


@quick
@given(addresses, st.sampled_from(RelayAction), auths, moments, st.integers(0, 255))
def test_a_relay_command_survives_the_wire(
    address: str, action: RelayAction, auth: Auth, valid_until: datetime, channel: int
) -> None:
    frame = relay_request(address, action, auth, valid_until, channel=channel)
    request = parse_relay_request(Frame.decode(frame.encode()))
    assert (request.address, request.action, request.auth) == (address, action, auth)
    assert (request.valid_until, request.channel) == (valid_until, channel)


def test_a_command_is_refused_once_the_meters_clock_has_passed_it() -> None:
    request = parse_relay_request(relay_request(METER, RelayAction.TRIP, AUTH, UNTIL))
    assert not request.expired_at(UNTIL)
    assert request.expired_at(UNTIL + timedelta(seconds=1))


def test_a_command_without_a_time_never_expires() -> None:
    data = relay_request(METER, RelayAction.TRIP, AUTH, UNTIL).data[:10] + bytes(6)
    request = parse_relay_request(Frame(METER, 0x1C, data))
    assert request.valid_until is None
    assert not request.expired_at(UNTIL)


def test_a_time_with_a_zone_is_refused_since_the_wire_has_none() -> None:
    with pytest.raises(ValueDoesNotFit):
        relay_request(METER, RelayAction.TRIP, AUTH, datetime(2026, 11, 23, tzinfo=UTC))


@pytest.mark.parametrize(
    "fields",
    [
        (256, "000000", "00000000"),
        (2, "12345", "00000000"),
        (2, "12345A", "00000000"),
        (2, "000000", "0000000G"),
    ],
)
def test_credentials_of_another_shape_are_refused(fields: tuple[int, str, str]) -> None:
    with pytest.raises(ValueDoesNotFit):
        Auth(*fields)


@pytest.mark.parametrize(
    "frame",
    [
        Frame(METER, 0x1C, bytes(15)),
        Frame(METER, 0x9C, bytes(16)),
        Frame(METER, 0x14, bytes(16)),
    ],
)
def test_another_frame_is_no_relay_command(frame: Frame) -> None:
    with pytest.raises(FrameError):
        parse_relay_request(frame)


@pytest.mark.parametrize("time", ["000000320126", "0000000A0126"])
def test_a_validity_that_is_no_time_is_a_typed_error(time: str) -> None:
    with pytest.raises(InvalidBcd):
        parse_relay_request(Frame(METER, 0x1C, bytes(10) + bytes.fromhex(time)))


@quick
@given(
    st.fixed_dictionaries(
        {
            "relay_open": st.booleans(),
            "relay_command_open": st.booleans(),
            "pre_trip_alarm": st.booleans(),
            "prepaid_kind": st.sampled_from(PrepaidKind),
            "keep_power": st.booleans(),
            "account_opened": st.booleans(),
        }
    )
)
def test_every_fact_of_the_status_word_survives_the_wire(facts: dict[str, object]) -> None:
    word = StatusWord3.decode(StatusWord3.of(**facts).encode())  # type: ignore[arg-type]
    assert {name: getattr(word, name) for name in facts} == facts


def test_each_fact_has_the_bit_the_standard_gives_it() -> None:
    assert StatusWord3.of(relay_open=True).raw == 0x0010
    assert StatusWord3.of(relay_command_open=True).raw == 0x0040
    assert StatusWord3.of(pre_trip_alarm=True).raw == 0x0080
    assert StatusWord3.of(prepaid_kind=PrepaidKind.ENERGY).raw == 0x0100
    assert StatusWord3.of(keep_power=True).raw == 0x1000
    assert StatusWord3.of(account_opened=False).raw == 0xC000
