"""Recharges on the wire."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol.bcd import InvalidBcd
from meter_gateway.protocol.frames import Frame, FrameError
from meter_gateway.protocol.prepaid import (
    SECURITY_ERRORS,
    CreditReport,
    RechargeNotPossible,
    SecurityError,
    parse_recharge,
    recharge_request,
)
from meter_gateway.protocol.profiles import load_profile

from .strategies import addresses, quick

METER = "000000219998"
THREE_PHASE = load_profile("dtsy-4g-ble")
SINGLE_PHASE = load_profile("ddsy-4g")


@quick
@given(addresses, st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1), addresses)
def test_a_recharge_survives_the_wire(address: str, amount: int, count: int, customer_no: str) -> None:
    energy_kwh = Decimal(amount).scaleb(-2)
    frame = recharge_request(
        address, THREE_PHASE, energy_kwh=energy_kwh, purchase_count=count, customer_no=customer_no
    )
    assert len(frame.data) == 0x1E
    request = parse_recharge(Frame.decode(frame.encode()))
    assert (request.address, request.energy_kwh) == (address, energy_kwh)
    assert (request.purchase_count, request.customer_no) == (count, customer_no)


def build(energy_kwh: str = "10.00", count: int = 4, customer_no: str | None = "000000000001") -> Frame:
    return recharge_request(
        METER, THREE_PHASE, energy_kwh=Decimal(energy_kwh), purchase_count=count, customer_no=customer_no
    )


def test_the_same_recharge_has_the_same_bytes_however_its_energy_was_written() -> None:
    assert build("10.00") == build("10") == build("1E+1")


@pytest.mark.parametrize(
    "energy_kwh", ["0", "-1", "0.001", "10.005", "42949672.96", "NaN", "Infinity", "1E+99"]
)
def test_energy_a_meter_could_not_take_builds_no_frame(energy_kwh: str) -> None:
    with pytest.raises(RechargeNotPossible):
        build(energy_kwh)


@pytest.mark.parametrize("count", [0, -1, 2**32])
def test_a_count_a_meter_could_not_take_builds_no_frame(count: int) -> None:
    with pytest.raises(RechargeNotPossible):
        build(count=count)


@pytest.mark.parametrize("customer_no", [None, "", "12345678901A", "1234567890123"])
def test_a_missing_or_odd_customer_number_builds_no_frame_where_the_model_checks_it(
    customer_no: str | None,
) -> None:
    with pytest.raises(RechargeNotPossible):
        build(customer_no=customer_no)


def test_a_model_that_does_not_check_the_customer_gets_zeros() -> None:
    frame = recharge_request(METER, SINGLE_PHASE, energy_kwh=Decimal(1), purchase_count=1, customer_no=None)
    assert parse_recharge(frame).customer_no == "000000000000"


def test_a_coarser_step_of_a_model_is_kept() -> None:
    coarse = replace(THREE_PHASE, credit_step_kwh=Decimal("0.10"))
    with pytest.raises(RechargeNotPossible):
        recharge_request(
            METER, coarse, energy_kwh=Decimal("1.05"), purchase_count=1, customer_no="000000000001"
        )


def test_a_layout_nobody_wrote_builds_no_frame() -> None:
    other = replace(THREE_PHASE, credit_layout="order_34")
    with pytest.raises(RechargeNotPossible):
        recharge_request(METER, other, energy_kwh=Decimal(1), purchase_count=1, customer_no="1")


@pytest.mark.parametrize(
    "frame",
    [
        Frame(METER, 0x03, build().data[:-1]),
        Frame(METER, 0x83, build().data),
        Frame(METER, 0x03, bytes.fromhex("FF080107") + build().data[4:]),
    ],
)
def test_another_frame_is_no_recharge(frame: Frame) -> None:
    with pytest.raises(FrameError):
        parse_recharge(frame)


def test_a_customer_number_that_is_no_number_is_a_typed_error() -> None:
    data = build().data[:20] + b"\x0a" + build().data[21:]
    with pytest.raises(InvalidBcd):
        parse_recharge(Frame(METER, 0x03, data))


@quick
@given(st.sets(st.sampled_from(SECURITY_ERRORS)))
def test_the_reasons_of_a_refusal_survive_the_wire(names: set[str]) -> None:
    error = SecurityError.of(*names)
    assert SecurityError.decode(error.encode()) == error
    assert error.names == names


@pytest.mark.parametrize(
    ("name", "bit"),
    [("repeated_recharge", 1), ("customer_mismatch", 4), ("count_error", 5), ("over_hoarding_limit", 6)],
)
def test_each_reason_has_the_bit_the_extension_gives_it(name: str, bit: int) -> None:
    assert SecurityError.of(name).raw == 1 << bit


def test_one_byte_of_refusal_is_the_plain_error_word_and_never_means_repeated() -> None:
    assert SecurityError.decode(b"\x02").names == {"no_such_data"}


def test_bits_without_a_name_are_kept() -> None:
    assert SecurityError.decode(b"\x02\x80").names == {"repeated_recharge", "bit_15"}


def test_a_refusal_without_a_word_has_no_reasons() -> None:
    assert SecurityError.decode(b"").names == frozenset()


def test_a_credit_report_survives_the_wire() -> None:
    report = CreditReport(Decimal("112.40"), 4, "000000000001")
    assert CreditReport.decode(report.encode()) == report
    assert len(report.encode()) == 0x12 - 4


def test_bytes_that_are_no_credit_report_are_a_typed_error() -> None:
    with pytest.raises(InvalidBcd):
        CreditReport.decode(bytes(13))
