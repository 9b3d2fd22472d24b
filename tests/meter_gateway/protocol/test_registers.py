"""Registers: width, unit and value of each identifier."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol.bcd import InvalidBcd, ValueDoesNotFit
from meter_gateway.protocol.codecs import MaxDemand, Value
from meter_gateway.protocol.registers import (
    REGISTERS,
    RegisterError,
    UnknownRegister,
    WrongLength,
    decode_value,
    encode_value,
    find_register,
)
from meter_gateway.protocol.relay import StatusWord3
from meter_gateway.protocol.status_words import StatusWord
from meter_gateway.protocol.supply_report import SupplyReport

from .strategies import decimals, moments, quick

NOON = datetime(2026, 11, 23, 12, 34, 56)  # noqa: DTZ001

EXAMPLES: list[tuple[str, Value, str]] = [
    ("00000000", Decimal("-1.50"), "50010080"),
    ("00010000", Decimal("1234.56"), "56341200"),
    ("0001000C", Decimal("0.01"), "01000000"),
    ("0001FF00", tuple(Decimal(n) for n in range(5)), "0000000000010000000200000003000000040000"),
    ("01010000", MaxDemand(Decimal("1.2345"), datetime(2026, 11, 23, 14, 30)), "4523013014231126"),  # noqa: DTZ001
    ("0101FF01", (MaxDemand(Decimal("0.5000"), None),) * 5, "0050000000000000" * 5),
    ("02010100", Decimal("220.1"), "0122"),
    ("02010200", None, "FFFF"),
    ("0201FF00", (Decimal("220.1"), None, Decimal("219.9")), "0122FFFF9921"),
    ("02020100", Decimal("-1.234"), "341280"),
    ("02030000", Decimal("66.1234"), "341266"),
    ("02040000", Decimal("0.4331"), "314300"),
    ("02050000", Decimal("0.5006"), "065000"),
    ("02060000", Decimal("-0.998"), "9889"),
    ("0206FF00", (Decimal("1.000"),) * 4, "0010001000100010"),
    ("02800002", Decimal("49.98"), "9849"),
    ("04000101", date(2026, 11, 24), "02241126"),
    ("04000102", time(12, 34, 56), "563412"),
    ("0400010C", NOON, "56341201231126"),
    ("04000401", "000000219998", "989921000000"),
    ("04000402", "000000219998", "989921000000"),
    ("04000404", "220V", "000056303232"),
    ("0400040E", "000000000001", "010000000000"),
    ("04000501", StatusWord(1, 0x8004), "0480"),
    ("04000503", StatusWord3(0x0150), "5001"),
    ("04000F01", Decimal("20.00"), "00200000"),
    ("04000F02", Decimal("5.00"), "00050000"),
    ("00900100", Decimal("12.50"), "50120000"),
    ("00900101", Decimal("0.00"), "00000000"),
    ("00900102", Decimal("999999.99"), "99999999"),
    ("03320101", datetime(2026, 11, 23, 12, 34), "3412231126"),  # noqa: DTZ001
    ("03320102", None, "0000000000"),
    ("03320201", 7, "0700"),
    ("03320301", Decimal("100.00"), "00000100"),
    ("03320401", Decimal("1.00"), "00010000"),
    ("03320501", Decimal("101.00"), "00010100"),
    ("0332060A", Decimal("260.00"), "00600200"),
    ("03330101", datetime(2026, 11, 23, 12, 34), "3412231126"),  # noqa: DTZ001
    ("03330301", Decimal("50.00"), "00500000"),
    ("04001002", Decimal("5.00"), "00050000"),
    ("04001401", 30, "3000"),
    ("04000306", 40, "400000"),
    ("0280000A", 1440, "40140000"),
    ("1D000001", 12, "120000"),
    ("1D000101", NOON, "563412231126"),
    ("1E00010A", None, "000000000000"),
    ("05060001", datetime(2026, 11, 23, 0, 0), "0000231126"),  # noqa: DTZ001
    ("0506013E", (Decimal("1.00"),) * 5, "00010000" * 5),
]


@pytest.mark.parametrize(("di", "value", "wire"), EXAMPLES, ids=[di for di, _, _ in EXAMPLES])
def test_a_register_is_written_and_read_as_the_standard_draws_it(di: str, value: Value, wire: str) -> None:
    assert encode_value(di, value).hex().upper() == wire
    assert decode_value(di, bytes.fromhex(wire)) == value


@quick
@given(st.sampled_from(["00010000", "00900100", "00900102", "03320601"]), decimals(2, 8))
def test_every_energy_survives_its_register(di: str, energy_kwh: Decimal) -> None:
    assert decode_value(di, encode_value(di, energy_kwh)) == energy_kwh


@quick
@given(moments)
def test_every_second_survives_the_clock_register(moment: datetime) -> None:
    assert decode_value("0400010C", encode_value("0400010C", moment)) == moment
    assert decode_value("04000101", encode_value("04000101", moment.date())) == moment.date()
    assert decode_value("04000102", encode_value("04000102", moment.time())) == moment.time()


@quick
@given(
    st.builds(
        SupplyReport,
        balance=decimals(2, 8),
        overdraft=decimals(2, 8),
        voltages_v=st.tuples(*[decimals(1, 4)] * 3),
        currents_a=st.tuples(*[decimals(3, 6, signed=True)] * 3),
        power_kw=decimals(4, 6, signed=True),
        energies_kwh=st.tuples(*[decimals(2, 8)] * 5),
        status=st.integers(0, 0xFFFF),
    )
)
def test_every_supply_report_survives_its_register(report: SupplyReport) -> None:
    assert decode_value("028011FF", encode_value("028011FF", report)) == report


@quick
@given(st.sampled_from(sorted(REGISTERS)), st.data())
def test_any_bytes_are_a_value_or_a_typed_error(di: str, data: st.DataObject) -> None:
    wire = data.draw(st.binary(min_size=REGISTERS[di].length, max_size=REGISTERS[di].length))
    try:
        value = decode_value(di, wire)
    except InvalidBcd:
        return
    assert len(encode_value(di, value)) == len(wire)


@quick
@given(st.sampled_from(sorted(REGISTERS)), st.data())
def test_every_value_of_every_register_survives_the_wire(di: str, data: st.DataObject) -> None:
    pairs = st.integers(0, 99).map(lambda pair: bytes.fromhex(f"{pair:02d}"))
    length = REGISTERS[di].length
    wire = b"".join(data.draw(st.lists(pairs, min_size=length, max_size=length)))
    try:
        value = decode_value(di, wire)
    except InvalidBcd:
        return
    assert decode_value(di, encode_value(di, value)) == value


def test_every_register_reads_its_own_zeros() -> None:
    for di, register in REGISTERS.items():
        assert register.di == di
        zeros = bytes(register.length)
        assert encode_value(di, decode_value(di, zeros)) == zeros


def test_identifiers_are_found_in_either_case() -> None:
    assert find_register("0201ff00") is REGISTERS["0201FF00"]


def test_text_and_the_makers_block_show_their_format_too() -> None:
    assert (find_register("04000404").format, find_register("028011FF").format) == ("6 letters", "block")


def test_every_register_has_a_name_of_its_own() -> None:
    assert len({register.name for register in REGISTERS.values()}) == len(REGISTERS)


def test_a_block_names_its_parts_and_a_single_value_has_none() -> None:
    assert find_register("0203FF00").parts == ("total", "a", "b", "c")
    assert find_register("00010000").parts == ()
    for register in REGISTERS.values():
        if register.parts:
            assert register.length % len(register.parts) == 0


FORMS = {
    # identifiers: bytes, format, unit
    "00000000 00010000 00020000 00150000 00290000 003D0000": (4, "XXXXXX.XX", "kWh"),
    "00000001 00010001 0001000C 0002000C": (4, "XXXXXX.XX", "kWh"),
    "0000FF00 0001FF00 0001FF0C 0002FF00": (20, "5 x XXXXXX.XX", "kWh"),
    "01010000 0101000C 01010400 01020000": (8, "XX.XXXX YYMMDDhhmm", "kW"),
    "0101FF00 0102FF0C": (40, "5 x XX.XXXX YYMMDDhhmm", "kW"),
    "02010100 02010200 02010300": (2, "XXX.X", "V"),
    "0201FF00": (6, "3 x XXX.X", "V"),
    "02020100 02020200 02020300 02800001": (3, "XXX.XXX", "A"),
    "0202FF00": (9, "3 x XXX.XXX", "A"),
    "02030000 02030100 02030200 02030300": (3, "XX.XXXX", "kW"),
    "0203FF00": (12, "4 x XX.XXXX", "kW"),
    "02040000 02040300": (3, "XX.XXXX", "kvar"),
    "02050000 02050300": (3, "XX.XXXX", "kVA"),
    "02060000 02060300": (2, "X.XXX", ""),
    "0206FF00": (8, "4 x X.XXX", ""),
    "02800002": (2, "XX.XX", "Hz"),
    "02800007": (2, "XXX.X", "°C"),
    "0280000A": (4, "NNNNNNNN", "min"),
    "04000101": (4, "YYMMDDWW", ""),
    "04000102": (3, "hhmmss", ""),
    "0400010C": (7, "YYMMDDWWhhmmss", ""),
    "04000401 04000402 0400040E": (6, "NNNNNNNNNNNN", ""),
    "04000306 04000307": (3, "NNNNNN", ""),
    "04000501 04000502 04000503 04000504 04000505 04000506 04000507": (2, "16 bits", ""),
    "040005FF": (14, "7 x 16 bits", ""),
    "00900100 00900101 00900102": (4, "XXXXXX.XX", "kWh"),
    "00900200 00900201": (4, "XXXXXX.XX", "yuan"),
    "03320101 0332010A 03330101 0333010A": (5, "YYMMDDhhmm", ""),
    "03320201 0332020A 03330201 03330200": (2, "NNNN", ""),
    "03320301 03320401 03320501 03320601 0332060A": (4, "XXXXXX.XX", "kWh"),
    "03330301 03330401 03330501 03330601 0333060A": (4, "XXXXXX.XX", "yuan"),
    "04000F01 04000F02 04000F03 04000F04": (4, "XXXXXX.XX", "kWh"),
    "04001001 04001002 04001003 04001004 04001005": (4, "XXXXXX.XX", "yuan"),
    "04001401": (2, "NNNN", "min"),
    "05060001 0506003E": (5, "YYMMDDhhmm", ""),
    "05060101 0506013E 05060201 0506023E": (20, "5 x XXXXXX.XX", "kWh"),
    "1D000001 1E000001": (3, "NNNNNN", ""),
    "1D000101 1D00010A 1E000101 1E00010A": (6, "YYMMDDhhmmss", ""),
    "03110000 03300D00 03300E00 03300000 03300100 03300300 03300400": (3, "NNNNNN", ""),
}
"""Each row of the identifiers a prepaid meter knows, as public meter programs and the standard give them."""


def test_every_identifier_of_the_wire_notes_has_their_length_format_and_unit() -> None:
    for dis, form in FORMS.items():
        for di in dis.split():
            register = find_register(di)
            assert (register.length, register.format, register.unit) == form, di
            assert register.name


def test_the_status_words_come_by_name_one_by_one_and_as_a_block() -> None:
    assert decode_value("04000501", b"\x0c\x00") == StatusWord(1, 0x0C)
    assert StatusWord(1, 0x0C).names == {"clock_battery_low", "reading_battery_low"}
    assert StatusWord(2, 0x11).names == {"active_power_a_reverse", "reactive_power_a_reverse"}
    assert StatusWord(5, 0x0101).names == {"voltage_lost_b", "current_broken_b"}
    assert StatusWord(7, 0x8020).names == {"power_down", "bit_15"}
    words = decode_value("040005FF", bytes.fromhex("0000 0000 5001 0000 0000 0100 0000"))
    assert isinstance(words, tuple)
    assert words[2] == StatusWord3(0x0150)
    assert words[5] == StatusWord(6, 1)
    assert encode_value("040005FF", words) == bytes.fromhex("0000 0000 5001 0000 0000 0100 0000")
    with pytest.raises(ValueDoesNotFit):
        encode_value("040005FF", words[:6])


_OF_A_PHASE = (
    *("voltage_lost", "under_voltage", "over_voltage", "current_lost", "over_current"),
    *("overload", "reverse_flow", "phase_broken", "current_broken"),
)


@pytest.mark.parametrize(
    ("number", "from_bit", "names"),
    [
        (1, 1, ("demand_by_interval", "clock_battery_low", "reading_battery_low")),
        (1, 4, ("active_power_reverse", "reactive_power_reverse")),
        (2, 0, tuple(f"active_power_{phase}_reverse" for phase in "abc")),
        (2, 4, tuple(f"reactive_power_{phase}_reverse" for phase in "abc")),
        *(
            (4 + place, 0, tuple(f"{name}_{phase}" for name in _OF_A_PHASE))
            for place, phase in enumerate("abc")
        ),
        (7, 0, ("voltage_sequence_reversed", "current_sequence_reversed")),
        (7, 2, ("voltage_unbalanced", "current_unbalanced", "auxiliary_supply_lost", "power_down")),
        (7, 6, ("demand_over_limit", "power_factor_under_limit", "current_badly_unbalanced")),
    ],
)
def test_each_bit_of_a_status_word_has_its_own_name(
    number: int, from_bit: int, names: tuple[str, ...]
) -> None:
    for bit, name in enumerate(names, from_bit):
        assert StatusWord(number, 1 << bit).names == {name}


def test_a_meter_may_give_a_status_word_as_a_number() -> None:
    assert encode_value("04000501", 0x8004) == b"\x04\x80"


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (0x0000, set()),
        (0x0050, {"relay_open", "relay_command_open"}),
        (0x0182, {"supply_auxiliary", "pre_trip_alarm", "prepaid_energy"}),
        (0x0204, {"supply_battery", "prepaid_money"}),
        (0x0306, {"supply_reserved", "prepaid_reserved"}),
        (
            0xF000,
            {"keep_power", "identity_auth_valid", "local_account_not_opened", "remote_account_not_opened"},
        ),
    ],
)
def test_status_word_3_says_by_name_what_is_set(raw: int, names: set[str]) -> None:
    assert StatusWord3(raw).names == names


def test_an_identifier_outside_the_table_is_a_typed_error() -> None:
    for attempt in (lambda: decode_value("00440000", bytes(4)), lambda: encode_value("00440000", 0)):
        with pytest.raises(UnknownRegister):
            attempt()


def test_another_width_is_a_typed_error() -> None:
    with pytest.raises(WrongLength):
        decode_value("00900100", bytes(3))
    assert issubclass(WrongLength, RegisterError)


@pytest.mark.parametrize(
    ("di", "wire"),
    [
        ("00010000", "00000E00"),
        ("0400010C", "00000000310226"),
        ("04000102", "000024"),
        ("03320101", "6000010126"),
        ("04000404", "0000563032FF"),
    ],
)
def test_bytes_that_are_no_value_are_a_typed_error(di: str, wire: str) -> None:
    with pytest.raises(InvalidBcd):
        decode_value(di, bytes.fromhex(wire))


@pytest.mark.parametrize(
    ("di", "value"),
    [
        ("00900100", Decimal("0.001")),
        ("00900100", Decimal("-1")),
        ("00900100", 12.5),
        ("00900100", None),
        ("03320201", 10000),
        ("0201FF00", (Decimal("220.0"),)),
        ("01010000", Decimal("1.0000")),
        ("0101FF00", (MaxDemand(Decimal("1.0000"), NOON),)),
        ("04000401", 219998),
        ("04000404", "a rated voltage"),
        ("04000503", 0x50),
        ("0400010C", NOON.astimezone()),
        ("0400010C", NOON.replace(year=1999)),
        ("028011FF", SupplyReport(voltages_v=(Decimal(220),))),
        ("04000501", 0x10000),
    ],
)
def test_a_value_that_does_not_fit_is_never_bent(di: str, value: Value) -> None:
    with pytest.raises(ValueDoesNotFit):
        encode_value(di, value)


def test_a_supply_report_of_another_length_is_a_typed_error() -> None:
    with pytest.raises(InvalidBcd):
        SupplyReport.decode(bytes(64))


def test_the_makers_status_word_has_its_relay_elsewhere() -> None:
    report = SupplyReport(status=0x8100)
    assert (report.relay_open, report.keep_power) == (True, True)
    assert not StatusWord3(0x0100).relay_open
