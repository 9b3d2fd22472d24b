"""The block some 4G meters push by themselves every few minutes (C=91H, DI 028011FF)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from meter_gateway.protocol import bcd

SUPPLY_REPORT_DI = "028011FF"
SUPPLY_REPORT_LENGTH = 65

_ZERO = Decimal(0)
_THREE = (_ZERO,) * 3
_FIVE = (_ZERO,) * 5


@dataclass(frozen=True, slots=True)
class SupplyReport:
    """One pushed block. Voltages, currents and phase values are in the order A, B, C.

    ``balance`` and ``overdraft`` count what the meter sells: kWh on an energy meter, yuan on a money meter.
    ``energies_kwh`` are the total and four tariff registers. ``status`` is the maker's own word, **not**
    04000503: here bit 8 is the open relay and bit 15 keep-power.
    """

    balance: Decimal = _ZERO
    overdraft: Decimal = _ZERO
    voltages_v: tuple[Decimal, ...] = _THREE
    currents_a: tuple[Decimal, ...] = _THREE
    power_kw: Decimal = _ZERO
    phase_powers_kw: tuple[Decimal, ...] = _THREE
    power_factor: Decimal = _ZERO
    phase_power_factors: tuple[Decimal, ...] = _THREE
    energies_kwh: tuple[Decimal, ...] = _FIVE
    status: int = 0

    @property
    def total_energy_kwh(self) -> Decimal:
        return self.energies_kwh[0]

    @property
    def relay_open(self) -> bool:
        return bool(self.status >> 8 & 1)

    @property
    def keep_power(self) -> bool:
        return bool(self.status >> 15 & 1)

    @classmethod
    def decode(cls, data: bytes) -> SupplyReport:
        """::

            balance 4 | overdraft 4 | U A B C 3x2 | I A B C 3x3 | P total A B C 4x3 | PF total A B C 4x2
            .XX         .XX           .X            .XXX          .XXXX               .XXX
            energy total + 4 tariffs 5x4 | status 2
            .XX                            binary, low byte first

        All packed decimal but the status. Source: four pushes in the vectors (a real meter's raw_frames.log);
        phases B and C and the tariff fields are zero there, their places follow the maker's order.

        :raises InvalidBcd: not 65 bytes, or a nibble above 9.
        """
        if len(data) != SUPPLY_REPORT_LENGTH:
            raise bcd.InvalidBcd(f"{len(data)} bytes are no supply report")
        balance, overdraft = _split(data[0:8], 4, 2)
        power, *phase_powers = _split(data[23:35], 3, 4, signed=True)
        factor, *phase_factors = _split(data[35:43], 2, 3, signed=True)
        return cls(
            balance=balance,
            overdraft=overdraft,
            voltages_v=_split(data[8:14], 2, 1),
            currents_a=_split(data[14:23], 3, 3, signed=True),
            power_kw=power,
            phase_powers_kw=tuple(phase_powers),
            power_factor=factor,
            phase_power_factors=tuple(phase_factors),
            energies_kwh=_split(data[43:63], 4, 2),
            status=bcd.decode_binary(data[63:65]),
        )

    def encode(self) -> bytes:
        """The 65 bytes; the inverse of :meth:`decode`.

        :raises ValueDoesNotFit: a value is finer than its field, or a tuple has a wrong number of values.
        """
        data = (
            _join((self.balance, self.overdraft), 4, 2)
            + _join(self.voltages_v, 2, 1)
            + _join(self.currents_a, 3, 3, signed=True)
            + _join((self.power_kw, *self.phase_powers_kw), 3, 4, signed=True)
            + _join((self.power_factor, *self.phase_power_factors), 2, 3, signed=True)
            + _join(self.energies_kwh, 4, 2)
            + bcd.encode_binary(self.status, 2)
        )
        if len(data) != SUPPLY_REPORT_LENGTH:
            raise bcd.ValueDoesNotFit("three phases and five energy registers make a supply report")
        return data


def _split(data: bytes, width: int, places: int, *, signed: bool = False) -> tuple[Decimal, ...]:
    return tuple(
        bcd.decode_decimal(data[at : at + width], places, signed=signed) for at in range(0, len(data), width)
    )


def _join(values: tuple[Decimal, ...], width: int, places: int, *, signed: bool = False) -> bytes:
    return b"".join(bcd.encode_decimal(value, width, places, signed=signed) for value in values)
