"""Every layout of a credit behind one door."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol.bcd import InvalidBcd
from meter_gateway.protocol.credits import Credit, clear_purse_frame, credit_frame, parse_credit, void_frame
from meter_gateway.protocol.frames import Frame, FrameError
from meter_gateway.protocol.parameters import parse_write_request
from meter_gateway.protocol.prepaid import RechargeNotPossible, open_account_request, recharge_request
from meter_gateway.protocol.profiles import Profile, load_profile, names
from meter_gateway.protocol.security import purse_init_request

from .known import frame_of, sound
from .strategies import addresses, digits, quick

METER = "000000219998"
COUNT, ORDER, WRITE = (load_profile(name) for name in ("dtsy-4g-ble", "ddsy-4g-order", "ddsy-4g-write"))
TEN = Decimal("10.00")


def build(profile: Profile, energy_kwh: Decimal = TEN) -> Frame:
    return credit_frame(profile, METER, energy_kwh, 4, "000000000001", "1240826202124138")


@quick
@given(
    st.sampled_from(names()),
    addresses,
    st.integers(1, 99_999_999),
    st.integers(1, 9999),
    digits(12),
    digits(16),
)
def test_a_credit_survives_the_wire_in_every_models_layout(
    name: str, address: str, amount: int, number: int, customer_no: str, order_no: str
) -> None:
    profile, energy_kwh = load_profile(name), Decimal(amount).scaleb(-2)
    frame = credit_frame(profile, address, energy_kwh, number, customer_no, order_no)
    credit = parse_credit(profile, Frame.decode(frame.encode()))
    carried = {
        "count_30": Credit(energy_kwh, number, customer_no),
        "order_34": Credit(energy_kwh, order_no=order_no),
        "write": Credit(energy_kwh),
    }
    assert credit == carried[profile.credit_layout]


def test_the_count_layout_is_the_recharge_it_always_was() -> None:
    assert build(COUNT) == recharge_request(
        METER, COUNT, energy_kwh=TEN, purchase_count=4, customer_no="000000000001"
    )


def test_a_purse_is_emptied_in_the_dialect_of_its_model() -> None:
    assert clear_purse_frame(COUNT, METER) == purse_init_request(METER, COUNT, Decimal(0))
    written = parse_write_request(clear_purse_frame(WRITE, METER))
    assert (written.di, written.auth, written.data) == ("000A0300", WRITE.auth, b"")
    with pytest.raises(RechargeNotPossible):
        clear_purse_frame(ORDER, METER)
    for profile in map(load_profile, names()):
        assert ("init_purse" in profile.abilities) == bool(profile.clear_di)


def test_the_order_number_vectors_are_rebuilt_bit_by_bit() -> None:
    recharge, void = (
        frame_of(next(v for v in sound(0x03) if v.di == di and len(frame_of(v).data) == 0x22))
        for di in ("070102FF", "070108FF")
    )
    hundred = credit_frame(ORDER, "260305510012", Decimal(100), order_no="1240826202124138")
    assert hundred == recharge
    assert void_frame(ORDER, "260305510012", TEN, "1240826202124139") == void


def test_the_plain_write_carries_password_and_digits() -> None:
    frame = build(WRITE)
    assert (frame.control, frame.di) == (0x14, "000A0100")
    assert frame.data[4:].hex(" ") == "02 00 00 00 00 00 00 00 00 10 00 00"


def test_only_the_plain_write_cannot_tell_a_second_delivery() -> None:
    assert [load_profile(name).dedupe for name in names()] == ["count", "order_no", "none", "count", "count"]


@pytest.mark.parametrize("profile", [COUNT, ORDER, WRITE], ids=lambda profile: profile.name)
@pytest.mark.parametrize("energy_kwh", ["0", "-1", "0.001", "42949672.96", "NaN", "1E+99"])
def test_energy_a_meter_could_not_take_builds_no_frame(profile: Profile, energy_kwh: str) -> None:
    with pytest.raises(RechargeNotPossible):
        build(profile, Decimal(energy_kwh))


@pytest.mark.parametrize("profile", [COUNT, ORDER, WRITE], ids=lambda profile: profile.name)
def test_a_model_with_a_security_module_is_refused_by_name(profile: Profile) -> None:
    with pytest.raises(RechargeNotPossible, match="security module"):
        build(replace(profile, credit_mac="esam"))


def test_what_a_layout_needs_must_be_there() -> None:
    for attempt in (
        lambda: credit_frame(COUNT, METER, TEN, customer_no="1"),
        lambda: credit_frame(COUNT, METER, TEN, 4),
        lambda: credit_frame(ORDER, METER, TEN, 4, "1"),
        lambda: credit_frame(ORDER, METER, TEN, order_no="RM20261123"),
        lambda: credit_frame(ORDER, METER, TEN, order_no="1" * 17),
        lambda: void_frame(ORDER, METER, TEN, None),
        lambda: void_frame(COUNT, METER, TEN, "1"),
    ):
        with pytest.raises(RechargeNotPossible):
            attempt()


def test_a_coarser_unit_is_written_in_that_unit() -> None:
    coarse = replace(WRITE, credit_unit_kwh=Decimal(1), credit_step_kwh=Decimal(5))
    assert build(coarse).data[-4:] == bytes.fromhex("10000000")
    assert parse_credit(coarse, build(coarse)) == Credit(Decimal(10))
    with pytest.raises(RechargeNotPossible):
        build(coarse, Decimal(12))


@pytest.mark.parametrize(
    ("profile", "frame"),
    [
        (COUNT, build(ORDER)),
        (COUNT, build(WRITE)),
        (COUNT, open_account_request(METER, COUNT, energy_kwh=TEN, purchase_count=1, customer_no="1")),
        (ORDER, build(COUNT)),
        (ORDER, Frame(METER, 0x14, build(ORDER).data)),
        (ORDER, void_frame(ORDER, METER, TEN, "1")),
        (ORDER, Frame("000000219999", 0x03, build(ORDER).data)),
        (WRITE, build(COUNT)),
        (WRITE, Frame(METER, 0x14, build(WRITE).data + b"\x00")),
        (WRITE, Frame(METER, 0x14, b"\x01" + build(WRITE).data[1:])),
    ],
)
def test_another_layout_is_no_credit_for_this_model(profile: Profile, frame: Frame) -> None:
    with pytest.raises(FrameError):
        parse_credit(profile, frame)


@pytest.mark.parametrize(("profile", "at"), [(ORDER, 12), (ORDER, 24), (WRITE, 12)])
def test_digits_that_are_none_are_a_typed_error(profile: Profile, at: int) -> None:
    data = bytearray(build(profile).data)
    data[at] = 0x0A
    with pytest.raises(InvalidBcd):
        parse_credit(profile, Frame(METER, build(profile).control, bytes(data)))
