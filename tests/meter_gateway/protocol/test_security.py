"""The rest of the prepaid extension."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol import answers
from meter_gateway.protocol.bcd import InvalidBcd
from meter_gateway.protocol.frames import Frame, FrameError, encode_di
from meter_gateway.protocol.prepaid import (
    RechargeNotPossible,
    SecurityError,
    open_account_request,
    parse_recharge,
)
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.protocol.replies import Accepted, Refused, parse_reply
from meter_gateway.protocol.security import (
    COMMANDS,
    PurseStatus,
    parse_security_request,
    purse_init_request,
    status_request,
)

from .known import frame_of, sound
from .strategies import addresses, decimals, digits, quick

METER = "000000219998"
PROFILE = load_profile("dtsy-4g-ble")

LENGTHS = {
    "070000FF": {0x20},
    "070001FF": {0x0E},
    "07000201": {0x08},
    "070002FF": {0x08},
    "070101FF": {0x1E},
    "070102FF": {0x1E, 0x22},
    "070103FF": {0x18},
    "070108FF": {0x22},
    "070201FF": {0x30},
    "070202FF": {0x30},
    "070203FF": {0x30},
    "078001FF": {0x10},
    "07810201": {0x08},
    "078102FF": {0x08},
}


def test_every_command_has_the_length_the_extension_gives_it() -> None:
    lengths = {
        di: {8 + sum(width for _, width, _ in layout) for layout in command.asks}
        for di, command in COMMANDS.items()
    }
    assert lengths == LENGTHS


def test_the_vectors_are_read_by_name() -> None:
    told = {}
    for vector in sound(0x03):
        request = parse_security_request(frame_of(vector))
        assert request.command
        told.setdefault(request.command.name, []).append(request.fields())
    assert told["status"] == [{}]
    assert [fields["energy_kwh"] for fields in told["recharge"]] == [Decimal(100)] * 2
    assert {fields.get("order_no") for fields in told["recharge"]} == {None, "1240826202124138"}
    (void,) = told["void"]
    assert (void["energy_kwh"], void["order_no"]) == (Decimal(10), "1240826202124139")
    assert (void["meter_no"], void["mac_1"]) == ("260305510012", "00000000")


@pytest.mark.parametrize("di", ["070000FF", "070001FF", "070201FF", "078001FF"])
def test_frames_for_a_security_module_are_recognised_by_name_and_field(di: str) -> None:
    (length,) = LENGTHS[di]
    request = parse_security_request(Frame(METER, 0x03, encode_di(di) + bytes(length - 4)))
    assert request.command
    assert request.command.needs_security_module
    assert request.fields()


def test_an_identifier_nobody_knows_keeps_its_body() -> None:
    request = parse_security_request(Frame(METER, 0x03, bytes.fromhex("AAABABAB") + bytes(5)))
    assert (request.command, request.fields(), request.body) == (None, {}, b"\x00")


@pytest.mark.parametrize("frame", [Frame(METER, 0x83, bytes(8)), Frame(METER, 0x03, bytes(7))])
def test_another_frame_is_no_security_request(frame: Frame) -> None:
    with pytest.raises(FrameError):
        parse_security_request(frame)


def test_the_status_question_is_the_real_meters() -> None:
    (vector,) = (v for v in sound(0x03) if v.di == "078102FF")
    operator = replace(PROFILE, auth=replace(PROFILE.auth, operator="44332211"))
    assert status_request(vector.address, operator) == frame_of(vector)


statuses = st.builds(
    PurseStatus,
    st.integers(0, 2**32 - 1).map(lambda whole: Decimal(whole).scaleb(-2)),
    st.integers(0, 2**32 - 1),
    digits(12),
    st.tuples(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4)),
    st.binary(min_size=4, max_size=4),
)


@quick
@given(statuses)
def test_every_purse_status_survives_the_wire(status: PurseStatus) -> None:
    answer = answers.accept(status_request(METER, PROFILE), status)
    reply = parse_reply(Frame.decode(answer.encode()))
    assert reply == Accepted(METER, 0x03, "078102FF", status=status)


@pytest.mark.parametrize("data", [bytes(25), bytes(16) + b"\x0a" + bytes(9)])
def test_bytes_that_are_no_purse_status_are_a_typed_error_and_kept_raw(data: bytes) -> None:
    with pytest.raises(InvalidBcd):
        PurseStatus.decode(data)
    answer = Frame(METER, 0x83, encode_di("078102FF") + data)
    assert parse_reply(answer) == Accepted(METER, 0x03, "078102FF", raw=data)


@quick
@given(addresses, decimals(2, 8), digits(12))
def test_every_account_opening_survives_the_wire(address: str, energy_kwh: Decimal, customer_no: str) -> None:
    energy_kwh += Decimal("0.01")
    frame = open_account_request(
        address, PROFILE, energy_kwh=energy_kwh, purchase_count=1, customer_no=customer_no
    )
    asked = parse_recharge(Frame.decode(frame.encode()))
    assert (asked.di, asked.energy_kwh, asked.customer_no) == ("070101FF", energy_kwh, customer_no)


def test_a_purse_is_set_with_count_zero() -> None:
    frame = purse_init_request(METER, PROFILE, Decimal("12.50"))
    assert len(frame.data) == 0x18
    fields = parse_security_request(frame).fields()
    assert (fields["energy_kwh"], fields["purchase_count"]) == (Decimal("12.50"), 0)
    assert not any(purse_init_request(METER, PROFILE, Decimal(0)).data[8:])


@pytest.mark.parametrize("energy_kwh", ["-1", "0.001", "42949672.96"])
def test_a_purse_takes_only_what_fits(energy_kwh: str) -> None:
    with pytest.raises(RechargeNotPossible):
        purse_init_request(METER, PROFILE, Decimal(energy_kwh))


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0x80, "count_error"),
        (0x81, "customer_mismatch"),
        (0x82, "over_hoarding_limit"),
        (0x83, "price_limit"),
        (0x84, "wrong_length"),
    ],
)
def test_a_meter_without_security_module_refuses_with_a_code(code: int, name: str) -> None:
    reply = parse_reply(Frame(METER, 0xC3, bytes((code,))))
    assert isinstance(reply, Refused)
    assert reply.error_names == {name}
    assert SecurityError.decode(bytes((code, 0))).names == {
        "bit_7",
        *SecurityError.decode(bytes((code & 7, 0))).names,
    }
