"""What a data identifier means, how wide it is and how its value is written.

Source: DL/T 645-2007 annex A; the widths of the prepaid registers (0090xxxx, 0332xxxx, 0333xxxx, 04000F0x,
040010xx) and of the trip records (1Dxxxxxx, 1Exxxxxx) from two public meter programs that agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from meter_gateway.protocol.bcd import ValueDoesNotFit
from meter_gateway.protocol.codecs import (
    Ascii,
    Block,
    Clock,
    Codec,
    Count,
    Day,
    Digits,
    Fixed,
    Minute,
    Peak,
    Peaks,
    Second,
    Status,
    Status3,
    Statuses,
    Supply,
    TimeOfDay,
    Value,
)
from meter_gateway.protocol.supply_report import SUPPLY_REPORT_DI, SUPPLY_REPORT_LENGTH

PHASES = ((1, "a"), (2, "b"), (3, "c"))
SETTLEMENTS = range(1, 0x0D)
FROZEN_DAYS = range(1, 0x3F)
PURCHASES = range(1, 0x0B)
EVENTS = range(1, 0x0B)


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

    @property
    def format(self) -> str:
        """As the standard prints it: "XXXXXX.XX", "YYMMDDhhmm"."""
        return self.codec.picture(self.length)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of a block's values in order, empty for a register that holds one value."""
        return self.codec.parts if isinstance(self.codec, Block | Peaks) else ()


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


_HUNDREDTHS = Fixed(2)
_SIGNED_HUNDREDTHS = Fixed(2, signed=True)
_TARIFFS = range(1, 5)
_ENERGY_PARTS = ("total", *(f"tariff_{tariff}" for tariff in _TARIFFS))
_PHASE_PARTS = tuple(phase for _, phase in PHASES)


def _energies() -> Iterator[Register]:
    """``00 gg tt nn``: group, tariff (FF all), settlements back (00 now)."""
    settlements = ((0, ""), *((nth, f"_settlement_{nth}") for nth in SETTLEMENTS))
    for group, name, codec in (
        ("0000", "combined_active_energy", _SIGNED_HUNDREDTHS),
        ("0001", "forward_active_energy", _HUNDREDTHS),
        ("0002", "reverse_active_energy", _HUNDREDTHS),
    ):
        for nth, when in settlements:
            yield Register(f"{group}00{nth:02X}", f"{name}{when}", 4, "kWh", codec)
            block = Block(4, codec, _ENERGY_PARTS)
            yield Register(f"{group}FF{nth:02X}", f"{name}_block{when}", 20, "kWh", block)
            for tariff in _TARIFFS:
                di = f"{group}{tariff:02X}{nth:02X}"
                yield Register(di, f"{name}_tariff_{tariff}{when}", 4, "kWh", codec)
    for di, phase in (("001500", "a"), ("002900", "b"), ("003D00", "c")):
        for nth, when in settlements:
            yield Register(f"{di}{nth:02X}", f"forward_active_energy_{phase}{when}", 4, "kWh", _HUNDREDTHS)


def _demands() -> Iterator[Register]:
    """``01 gg tt nn``: as energies, each with the time it was reached."""
    settlements = ((0, ""), *((nth, f"_settlement_{nth}") for nth in SETTLEMENTS))
    for group, name in (("0101", "forward_active_demand"), ("0102", "reverse_active_demand")):
        for nth, when in settlements:
            yield Register(f"{group}00{nth:02X}", f"{name}{when}", 8, "kW", Peak())
            yield Register(f"{group}FF{nth:02X}", f"{name}_block{when}", 40, "kW", Peaks(_ENERGY_PARTS))
            for tariff in _TARIFFS:
                yield Register(
                    f"{group}{tariff:02X}{nth:02X}", f"{name}_tariff_{tariff}{when}", 8, "kW", Peak()
                )


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
        block = Block(width, item, ("total", *_PHASE_PARTS) if has_total else _PHASE_PARTS)
        yield Register(f"{group}FF00", f"{name}_block", width * len(block.parts), unit, block)
    yield Register("02800001", "neutral_current", 3, "A", Fixed(3, signed=True))
    yield Register("02800002", "frequency", 2, "Hz", Fixed(2))
    yield Register("02800007", "temperature", 2, "°C", Fixed(1, signed=True))
    yield Register("0280000A", "battery_time", 4, "min", Count())
    yield Register(SUPPLY_REPORT_DI, "supply_report", SUPPLY_REPORT_LENGTH, "", Supply())


def _parameters() -> Iterator[Register]:
    yield Register("04000101", "date", 4, "", Day())
    yield Register("04000102", "time", 3, "", TimeOfDay())
    yield Register("0400010C", "clock", 7, "", Clock())
    yield Register("04000306", "current_transformer_ratio", 3, "", Count())
    yield Register("04000307", "voltage_transformer_ratio", 3, "", Count())
    yield Register("04000401", "communication_address", 6, "", Digits())
    yield Register("04000402", "meter_number", 6, "", Digits())
    yield Register("04000404", "rated_voltage", 6, "", Ascii())
    yield Register("0400040E", "customer_number", 6, "", Digits())
    for number in (1, 2, 4, 5, 6, 7):
        yield Register(f"0400050{number}", f"status_word_{number}", 2, "", Status(number))
    yield Register("04000503", "status_word_3", 2, "", Status3())
    yield Register("040005FF", "status_words", 14, "", Statuses())
    for number, name in (
        (1, "alarm_1_energy"),
        (2, "alarm_2_energy"),
        (3, "hoarding_limit"),
        (4, "overdraft_limit"),
    ):
        yield Register(f"04000F0{number}", name, 4, "kWh", _HUNDREDTHS)
    for number, name in (
        (1, "alarm_1_money"),
        (2, "alarm_2_money"),
        (3, "overdraft_limit_money"),
        (4, "hoarding_limit_money"),
        (5, "close_permitted_money"),
    ):
        yield Register(f"0400100{number}", name, 4, "yuan", _HUNDREDTHS)
    yield Register("04001401", "trip_delay", 2, "min", Count())


def _prepaid() -> Iterator[Register]:
    yield Register("00900100", "remaining_energy", 4, "kWh", _HUNDREDTHS)
    yield Register("00900101", "overdraft_energy", 4, "kWh", _HUNDREDTHS)
    yield Register("00900102", "purchased_energy", 4, "kWh", _HUNDREDTHS)
    yield Register("00900200", "remaining_money", 4, "yuan", _HUNDREDTHS)
    yield Register("00900201", "overdraft_money", 4, "yuan", _HUNDREDTHS)
    for group, prefix, sold, unit in (
        ("0332", "purchase", "energy", "kWh"),
        ("0333", "money_purchase", "money", "yuan"),
    ):
        for nth in PURCHASES:
            yield Register(f"{group}01{nth:02X}", f"{prefix}_{nth}_time", 5, "", Minute())
            yield Register(f"{group}02{nth:02X}", f"{prefix}_{nth}_count", 2, "", Count())
            for number, name in (
                (3, sold),
                (4, "remaining_before"),
                (5, "remaining_after"),
                (6, "purchased_total"),
            ):
                yield Register(
                    f"{group}{number:02X}{nth:02X}", f"{prefix}_{nth}_{name}", 4, unit, _HUNDREDTHS
                )
    yield Register("03330200", "money_purchase_count", 2, "", Count())


def _daily_freezes() -> Iterator[Register]:
    block = Block(4, _HUNDREDTHS, _ENERGY_PARTS)
    for nth in FROZEN_DAYS:
        yield Register(f"050600{nth:02X}", f"freeze_{nth}_time", 5, "", Minute())
        yield Register(f"050601{nth:02X}", f"freeze_{nth}_forward_energy", 20, "kWh", block)
        yield Register(f"050602{nth:02X}", f"freeze_{nth}_reverse_energy", 20, "kWh", block)


def _events() -> Iterator[Register]:
    for di, name in (
        ("03110000", "power_down_count"),
        ("03300000", "programming_count"),
        ("03300100", "meter_clear_count"),
        ("03300300", "event_clear_count"),
        ("03300400", "clock_set_count"),
        ("03300D00", "cover_open_count"),
        ("03300E00", "terminal_cover_open_count"),
        ("1D000001", "trip_count"),
        ("1E000001", "close_count"),
    ):
        yield Register(di, name, 3, "", Count())
    for group, name in (("1D0001", "trip"), ("1E0001", "close")):
        for nth in EVENTS:
            yield Register(f"{group}{nth:02X}", f"{name}_{nth}_time", 6, "", Second())


def _table() -> Mapping[str, Register]:
    groups = (
        _energies(),
        _demands(),
        _instantaneous(),
        _parameters(),
        _prepaid(),
        _daily_freezes(),
        _events(),
    )
    return MappingProxyType({register.di: register for group in groups for register in group})


REGISTERS: Mapping[str, Register] = _table()
"""Every identifier the platform reads or the simulated meter answers, by DI in upper case."""
