"""What a data identifier means, how wide it is and how its value is written.

Source: DL/T 645-2007 annex A; the widths of the prepaid registers (0090xxxx, 0332xxxx, 04000F0x) from two
public meter programs that agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from meter_gateway.protocol.bcd import ValueDoesNotFit
from meter_gateway.protocol.codecs import (
    Ascii,
    Bits,
    Block,
    Clock,
    Codec,
    Count,
    Day,
    Digits,
    Fixed,
    Minute,
    Status3,
    Supply,
    TimeOfDay,
    Value,
)
from meter_gateway.protocol.supply_report import SUPPLY_REPORT_DI, SUPPLY_REPORT_LENGTH

PHASES = ((1, "a"), (2, "b"), (3, "c"))
SETTLEMENTS = range(1, 0x0D)
FROZEN_DAYS = range(1, 0x3F)
PURCHASES = range(1, 0x0B)


class RegisterError(ValueError):
    """The value of this register cannot be read; the frame that carried it may be sound."""


class UnknownRegister(RegisterError):
    """The identifier is not in the table; keep the bytes as they are."""


class WrongLength(RegisterError):
    """The register has another width."""


@dataclass(frozen=True, slots=True)
class Register:
    """One identifier: ``length`` in bytes without the DI, ``unit`` as people write it ("" where none)."""

    di: str
    name: str
    length: int
    unit: str
    codec: Codec


def decode_value(di: str, data: bytes) -> Value:
    """The value in ``data``, which are the bytes after the DI, already minus 33H.

    :raises UnknownRegister: the identifier is not in :data:`REGISTERS`.
    :raises WrongLength: more or fewer bytes than the register has.
    :raises InvalidBcd: a nibble that is no digit, or a date that is none.
    """
    register = find_register(di)
    if len(data) != register.length:
        raise WrongLength(f"{di} has {register.length} bytes, not {len(data)}")
    return register.codec.decode(data)


def encode_value(di: str, value: Value) -> bytes:
    """The bytes of ``value`` in register ``di``, exactly; nothing is rounded. For the METER role.

    :raises UnknownRegister: the identifier is not in :data:`REGISTERS`.
    :raises ValueDoesNotFit: too large, negative, finer than the register's step, or another kind of value.
    """
    register = find_register(di)
    try:
        return register.codec.encode(value, register.length)
    except (AttributeError, TypeError) as error:
        raise ValueDoesNotFit(f"{value!r} is not a value of {register.name}") from error


def find_register(di: str) -> Register:
    """The table's entry; upper or lower case alike.

    :raises UnknownRegister: there is none.
    """
    try:
        return REGISTERS[di.upper()]
    except KeyError:
        raise UnknownRegister(f"no register {di}") from None


_ENERGY = Fixed(2)
_SIGNED_ENERGY = Fixed(2, signed=True)


def _energies() -> Iterator[Register]:
    for group, name, codec in (
        ("0000", "combined_active_energy", _SIGNED_ENERGY),
        ("0001", "forward_active_energy", _ENERGY),
        ("0002", "reverse_active_energy", _ENERGY),
    ):
        yield Register(f"{group}0000", name, 4, "kWh", codec)
        yield Register(f"{group}FF00", f"{name}_block", 20, "kWh", Block(4, codec))
        for tariff in range(1, 5):
            yield Register(f"{group}{tariff:02X}00", f"{name}_tariff_{tariff}", 4, "kWh", codec)
        for nth in SETTLEMENTS:
            yield Register(f"{group}00{nth:02X}", f"{name}_settlement_{nth}", 4, "kWh", codec)
    for di, phase in (("00150000", "a"), ("00290000", "b"), ("003D0000", "c")):
        yield Register(di, f"forward_active_energy_{phase}", 4, "kWh", _ENERGY)


def _instantaneous() -> Iterator[Register]:
    for group, name, width, unit, item, has_total in (
        ("0201", "voltage", 2, "V", Fixed(1, absent=True), False),
        ("0202", "current", 3, "A", Fixed(3, signed=True, absent=True), False),
        ("0203", "active_power", 3, "kW", Fixed(4, signed=True, absent=True), True),
        ("0204", "reactive_power", 3, "kvar", Fixed(4, signed=True, absent=True), True),
        ("0205", "apparent_power", 3, "kVA", Fixed(4, signed=True, absent=True), True),
        ("0206", "power_factor", 2, "", Fixed(3, signed=True, absent=True), True),
    ):
        if has_total:
            yield Register(f"{group}0000", name, width, unit, item)
        for number, phase in PHASES:
            yield Register(f"{group}{number:02X}00", f"{name}_{phase}", width, unit, item)
        yield Register(f"{group}FF00", f"{name}_block", width * (3 + has_total), unit, Block(width, item))
    yield Register("02800001", "neutral_current", 3, "A", Fixed(3, signed=True))
    yield Register("02800002", "frequency", 2, "Hz", Fixed(2))
    yield Register("02800007", "temperature", 2, "°C", Fixed(1, signed=True))
    yield Register(SUPPLY_REPORT_DI, "supply_report", SUPPLY_REPORT_LENGTH, "", Supply())


def _parameters() -> Iterator[Register]:
    yield Register("04000101", "date", 4, "", Day())
    yield Register("04000102", "time", 3, "", TimeOfDay())
    yield Register("0400010C", "clock", 7, "", Clock())
    yield Register("04000401", "communication_address", 6, "", Digits())
    yield Register("04000402", "meter_number", 6, "", Digits())
    yield Register("04000404", "rated_voltage", 6, "", Ascii())
    yield Register("0400040E", "customer_number", 6, "", Digits())
    for number in (1, 2, 4, 5, 6, 7):
        yield Register(f"0400050{number}", f"status_word_{number}", 2, "", Bits())
    yield Register("04000503", "status_word_3", 2, "", Status3())
    for number, name in (
        (1, "alarm_1_energy"),
        (2, "alarm_2_energy"),
        (3, "hoarding_limit"),
        (4, "overdraft_limit"),
    ):
        yield Register(f"04000F0{number}", name, 4, "kWh", _ENERGY)


def _prepaid() -> Iterator[Register]:
    yield Register("00900100", "remaining_energy", 4, "kWh", _ENERGY)
    yield Register("00900101", "overdraft_energy", 4, "kWh", _ENERGY)
    yield Register("00900102", "purchased_energy", 4, "kWh", _ENERGY)
    yield Register("00900200", "remaining_money", 4, "yuan", _ENERGY)
    yield Register("00900201", "overdraft_money", 4, "yuan", _ENERGY)
    for nth in PURCHASES:
        yield Register(f"033201{nth:02X}", f"purchase_{nth}_time", 5, "", Minute())
        yield Register(f"033202{nth:02X}", f"purchase_{nth}_count", 2, "", Count())
        for number, name in (
            (3, "energy"),
            (4, "remaining_before"),
            (5, "remaining_after"),
            (6, "purchased_total"),
        ):
            yield Register(f"0332{number:02X}{nth:02X}", f"purchase_{nth}_{name}", 4, "kWh", _ENERGY)


def _daily_freezes() -> Iterator[Register]:
    for nth in FROZEN_DAYS:
        yield Register(f"050600{nth:02X}", f"freeze_{nth}_time", 5, "", Minute())
        yield Register(f"050601{nth:02X}", f"freeze_{nth}_forward_energy", 20, "kWh", Block(4, _ENERGY))
        yield Register(f"050602{nth:02X}", f"freeze_{nth}_reverse_energy", 20, "kWh", Block(4, _ENERGY))


def _table() -> Mapping[str, Register]:
    groups = (_energies(), _instantaneous(), _parameters(), _prepaid(), _daily_freezes())
    return MappingProxyType({register.di: register for group in groups for register in group})


REGISTERS: Mapping[str, Register] = _table()
"""Every identifier the platform reads or the simulated meter answers, by DI in upper case."""
