"""Numbers on the wire."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol import bcd

from .strategies import addresses, decimals, quick


@quick
@given(addresses)
def test_an_address_survives_the_wire(address: str) -> None:
    assert bcd.decode_address(bcd.encode_address(address)) == address


@quick
@given(decimals(2, 8))
def test_an_energy_survives_the_wire(energy_kwh: Decimal) -> None:
    data = bcd.encode_decimal(energy_kwh, 4, 2)
    assert len(data) == 4
    assert bcd.decode_decimal(data, 2) == energy_kwh


@quick
@given(decimals(4, 6, signed=True))
def test_a_signed_power_survives_the_wire(power_kw: Decimal) -> None:
    assert bcd.decode_decimal(bcd.encode_decimal(power_kw, 3, 4, signed=True), 4, signed=True) == power_kw


@quick
@given(st.integers(0, 2**32 - 1))
def test_a_binary_number_survives_the_wire(value: int) -> None:
    assert bcd.decode_binary(bcd.encode_binary(value, 4)) == value


@quick
@given(st.binary(min_size=1, max_size=6))
def test_any_bytes_are_digits_or_a_typed_error(data: bytes) -> None:
    is_decimal = all(byte >> 4 < 10 and byte & 15 < 10 for byte in data)
    if is_decimal:
        assert bcd.encode_digits(bcd.decode_digits(data), len(data)) == data
    else:
        with pytest.raises(bcd.InvalidBcd):
            bcd.decode_digits(data)


def test_low_byte_comes_first() -> None:
    assert bcd.encode_address("123456789012") == bytes.fromhex("129078563412")
    assert bcd.encode_decimal(Decimal("1234.56"), 4, 2) == bytes.fromhex("56341200")
    assert bcd.encode_binary(10000, 4) == bytes.fromhex("10270000")


def test_the_sign_is_the_top_bit_of_the_last_byte() -> None:
    assert bcd.encode_decimal(Decimal("-1.5"), 3, 4, signed=True) == bytes.fromhex("005081")


def test_minus_nothing_is_nothing() -> None:
    assert str(bcd.decode_decimal(bytes.fromhex("000080"), 4, signed=True)) == "0.0000"


@pytest.mark.parametrize(
    "value",
    ["0.001", "-0.01", "1000000.00", "NaN", "Infinity", "1E+999999", "1." + "0" * 30 + "1"],
)
def test_nothing_is_rounded_or_cut_to_fit(value: str) -> None:
    with pytest.raises(bcd.ValueDoesNotFit):
        bcd.encode_decimal(Decimal(value), 4, 2)


def test_a_signed_field_keeps_its_top_bit_for_the_sign() -> None:
    with pytest.raises(bcd.ValueDoesNotFit):
        bcd.encode_decimal(Decimal("80.0000"), 3, 4, signed=True)


@pytest.mark.parametrize(
    "address", ["", "12345678901", "1234567890123", "12345678901A", "1AA345678901", "１" * 12]
)
def test_what_is_not_twelve_digits_is_no_address(address: str) -> None:
    with pytest.raises(bcd.ValueDoesNotFit):
        bcd.encode_address(address)


@pytest.mark.parametrize(
    "data", [b"", bytes(5), bytes.fromhex("0A0000000000"), bytes.fromhex("A00000000000")]
)
def test_six_bytes_that_are_no_digits_are_no_address(data: bytes) -> None:
    with pytest.raises(bcd.InvalidBcd):
        bcd.decode_address(data)


@pytest.mark.parametrize("value", [-1, 256])
def test_a_binary_number_that_does_not_fit_is_refused(value: int) -> None:
    with pytest.raises(bcd.ValueDoesNotFit):
        bcd.encode_binary(value, 1)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(bcd.ValueDoesNotFit):
        bcd.encode_bcd(-1, 2)
