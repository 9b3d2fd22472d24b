"""Writes, and the changes of address, speed and password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol.bcd import InvalidBcd, ValueDoesNotFit
from meter_gateway.protocol.frames import ANY_ADDRESS, Frame, FrameError
from meter_gateway.protocol.parameters import (
    SPEEDS_BAUD,
    ChangeBaudRequest,
    ChangePasswordRequest,
    Password,
    WriteAddressRequest,
    WriteRequest,
    change_baud_request,
    change_password_request,
    parse_change_baud_request,
    parse_change_password_request,
    parse_write_address_request,
    parse_write_request,
    write_address_request,
    write_raw_request,
    write_request,
)
from meter_gateway.protocol.relay import Auth
from meter_gateway.protocol.replies import Accepted, parse_reply

from .known import frame_of, sound
from .strategies import addresses, digits, quick

METER = "000000219998"
AUTH = Auth(4, "123456", "00000001")


def test_the_write_vectors_are_read_and_rebuilt_bit_by_bit() -> None:
    reporting, clock = (frame_of(vector) for vector in sorted(sound(0x14), key=lambda v: v.di, reverse=True))
    asked = parse_write_request(reporting)
    assert (asked.di, asked.auth, asked.data) == ("04600101", Auth(2, "000000", "31313131"), b"\x3c\x00")
    assert write_raw_request(asked.address, asked.di, asked.auth, asked.data) == reporting
    dated = parse_write_request(clock)
    assert dated.auth == Auth(4, "123456", "00000000")
    assert write_request(dated.address, "04000101", dated.auth, date(2026, 11, 24)) == clock


def test_a_write_carries_level_password_operator_and_value() -> None:
    frame = write_request(METER, "04000F01", AUTH, Decimal("20.00"))
    assert frame.data.hex(" ").upper() == "01 0F 00 04 04 56 34 12 01 00 00 00 00 20 00 00"


@quick
@given(addresses, st.integers(0, 255), digits(6), st.binary(max_size=40))
def test_every_write_survives_the_wire(address: str, level: int, password: str, data: bytes) -> None:
    request = WriteRequest(address, "04000F01", Auth(level, password, "0000000A"), data)
    frame = write_raw_request(request.address, request.di, request.auth, request.data)
    assert parse_write_request(Frame.decode(frame.encode())) == request


@pytest.mark.parametrize(("level", "needs"), [(2, False), (4, False), (0x98, True), (0x99, True)])
def test_levels_98_and_99_are_for_security_modules(level: int, needs: bool) -> None:
    frame = write_raw_request(METER, "04000F01", Auth(level, "000000", "00000000"), bytes(4))
    assert parse_write_request(frame).needs_security_module == needs


@quick
@given(digits(12))
def test_every_new_address_survives_the_wire(new: str) -> None:
    assert parse_write_address_request(write_address_request(new)) == WriteAddressRequest(ANY_ADDRESS, new)


def test_a_wildcard_is_nobodys_address() -> None:
    with pytest.raises(ValueDoesNotFit):
        write_address_request(ANY_ADDRESS)


@pytest.mark.parametrize("baud", SPEEDS_BAUD.values())
def test_every_speed_survives_the_wire(baud: int) -> None:
    assert parse_change_baud_request(change_baud_request(METER, baud)) == ChangeBaudRequest(METER, baud)


def test_the_speed_vector_asks_for_2400() -> None:
    (vector,) = sound(0x17)
    assert change_baud_request("123456789012", 2400) == frame_of(vector)
    with pytest.raises(ValueDoesNotFit):
        change_baud_request(METER, 115200)


passwords = st.builds(Password, st.integers(0, 9), digits(6))


@quick
@given(addresses, passwords, passwords)
def test_every_change_of_password_survives_the_wire(address: str, old: Password, new: Password) -> None:
    frame = Frame.decode(change_password_request(address, old, new).encode())
    di = f"04000C{new.level + 1:02X}"
    assert parse_change_password_request(frame) == ChangePasswordRequest(address, di, old, new)


def test_the_answer_to_a_change_carries_the_new_password() -> None:
    (vector,) = sound(0x98)
    reply = parse_reply(frame_of(vector))
    assert isinstance(reply, Accepted)
    assert Password.decode(reply.raw) == Password(4, "111111")


def test_a_level_above_nine_has_no_password() -> None:
    with pytest.raises(ValueDoesNotFit):
        change_password_request(METER, Password(2, "000000"), Password(10, "000000"))


@pytest.mark.parametrize(
    ("parse", "frame"),
    [
        (parse_write_request, Frame(METER, 0x14, bytes(11))),
        (parse_write_request, Frame(METER, 0x94, bytes(12))),
        (parse_write_address_request, Frame(METER, 0x15, bytes(5))),
        (parse_write_address_request, Frame(METER, 0x95, bytes(6))),
        (parse_change_baud_request, Frame(METER, 0x17, b"\x06")),
        (parse_change_baud_request, Frame(METER, 0x17, b"\x08\x08")),
        (parse_change_baud_request, Frame(METER, 0x97, b"\x08")),
        (parse_change_password_request, Frame(METER, 0x18, bytes(12))),
        (parse_change_password_request, Frame(METER, 0x18, bytes.fromhex("0B0C0004") + bytes(8))),
        (parse_change_password_request, Frame(METER, 0x18, bytes.fromhex("010C0004"))),
        (parse_change_password_request, Frame(METER, 0x98, bytes.fromhex("010C0004") + bytes(8))),
    ],
)
def test_another_frame_is_a_typed_error(parse: Callable[[Frame], object], frame: Frame) -> None:
    with pytest.raises(FrameError):
        parse(frame)


@pytest.mark.parametrize(
    ("parse", "frame"),
    [
        (parse_write_request, Frame(METER, 0x14, bytes(5) + b"\x0a" + bytes(6))),
        (parse_write_address_request, Frame(METER, 0x15, b"\xaa" * 6)),
        (parse_change_password_request, Frame(METER, 0x18, bytes.fromhex("010C0004") + b"\x0a" * 8)),
        (lambda frame: Password.decode(frame.data), Frame(METER, 0x98, bytes(3))),
    ],
)
def test_digits_that_are_none_are_a_typed_error(parse: Callable[[Frame], object], frame: Frame) -> None:
    with pytest.raises(InvalidBcd):
        parse(frame)
