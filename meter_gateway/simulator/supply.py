"""Voltages, currents and powers of a simulated meter, from what its household draws at one instant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.supply_report import SupplyReport
from meter_gateway.simulator.meter import Meter

PHASE_SHARES = {1: (Fraction(1),), 3: (Fraction(5, 10), Fraction(3, 10), Fraction(2, 10))}
"""How a household's load lies on the phases."""

POWER_FACTOR = Decimal("0.950")
FREQUENCY_HZ = Decimal("50.00")
LOWEST_VOLTAGE, HIGHEST_VOLTAGE = Fraction(80, 100), Fraction(115, 100)
"""Of the nominal voltage: beyond them the meter sets the fault bits of its phases (product document, R61)."""

_REACTIVE = Fraction(3287, 10_000)
_LINE_OHM = Fraction(2, 100)
_MOST_KW = Decimal("79.9999")
_MOST_A = Decimal("799.999")

Readings = tuple[Decimal | None, ...]
"""In the order of the block: A, B, C, where there is one the total first; None for an absent phase."""


def voltages(meter: Meter, profile: Profile, now: datetime) -> Readings:
    """What the grid brings, less what the line drops at this current."""
    grid = Fraction(meter.grid_v) if meter.grid_v is not None else Fraction(profile.un_v)
    ohm_by_volt = _LINE_OHM * 1000 / Fraction(profile.un_v)
    most = Decimal("799.9")
    return _phases(meter, profile, now, lambda kw: _step(grid - ohm_by_volt * kw, "0.1", most))


def currents(meter: Meter, profile: Profile, now: datetime) -> Readings:
    volt_factor = Fraction(profile.un_v) * Fraction(POWER_FACTOR)
    return _phases(meter, profile, now, lambda kw: _step(kw * 1000 / volt_factor, "0.001", _MOST_A))


def neutral_current(meter: Meter, profile: Profile, now: datetime) -> Decimal:
    """All of it on one phase; on three what their unequal loads leave over, 120 degrees apart."""
    a, b, c = (value or Decimal(0) for value in currents(meter, profile, now))
    if profile.phases == 1:
        return a
    square = a * a + b * b + c * c - a * b - b * c - c * a
    return square.sqrt().quantize(Decimal("0.001"))


def active_powers(meter: Meter, profile: Profile, now: datetime) -> Readings:
    return _powers(meter, profile, now, Fraction(1))


def reactive_powers(meter: Meter, profile: Profile, now: datetime) -> Readings:
    return _powers(meter, profile, now, _REACTIVE)


def apparent_powers(meter: Meter, profile: Profile, now: datetime) -> Readings:
    return _powers(meter, profile, now, 1 / Fraction(POWER_FACTOR))


def power_factors(meter: Meter, profile: Profile, now: datetime) -> Readings:
    factor = POWER_FACTOR if meter.power_kw(now) else Decimal("1.000")
    return (factor, *_phases(meter, profile, now, lambda kw: factor))


BLOCKS: dict[str, Callable[[Meter, Profile, datetime], Readings]] = {
    "0201": voltages,
    "0202": currents,
    "0203": active_powers,
    "0204": reactive_powers,
    "0205": apparent_powers,
    "0206": power_factors,
}


def phase_faults(meter: Meter, profile: Profile, now: datetime) -> tuple[int, int, int]:
    """Status words 4 to 6: under and over voltage, over current, of phases A, B and C."""
    amperes = currents(meter, profile, now)
    return tuple(  # type: ignore[return-value]
        0 if volts is None else _phase_faults(profile, volts, amperes[place] or Decimal(0))
        for place, volts in enumerate(voltages(meter, profile, now))
    )


def _phase_faults(profile: Profile, volts: Decimal, amperes: Decimal) -> int:
    under = Fraction(volts) < Fraction(profile.un_v) * LOWEST_VOLTAGE
    over = Fraction(volts) > Fraction(profile.un_v) * HIGHEST_VOLTAGE
    return under << 1 | over << 2 | (amperes > profile.imax_a) << 4


def report(meter: Meter, profile: Profile, now: datetime, energies_kwh: tuple[Decimal, ...]) -> SupplyReport:
    """The block some models report unasked; its status word has bits of its own."""
    state = meter.state
    power_kw, *phase_powers = _three(active_powers(meter, profile, now), total=True)
    factor, *phase_factors = _three(power_factors(meter, profile, now), total=True)
    return SupplyReport(
        balance=meter.remaining_kwh,
        overdraft=meter.overdraft_kwh,
        voltages_v=_three(voltages(meter, profile, now)),
        currents_a=_three(currents(meter, profile, now)),
        power_kw=power_kw,
        phase_powers_kw=tuple(phase_powers),
        power_factor=factor,
        phase_power_factors=tuple(phase_factors),
        energies_kwh=energies_kwh,
        status=(not state.relay_closed) << 8 | state.keep_power << 15,
    )


def _powers(meter: Meter, profile: Profile, now: datetime, ratio: Fraction) -> Readings:
    """The total is the sum of the phases as they are shown."""
    phases = _phases(meter, profile, now, lambda kw: _step(kw * ratio, "0.0001", _MOST_KW))
    total = sum((value for value in phases if value is not None), Decimal(0))
    return (min(total, _MOST_KW), *phases)


def _phases(meter: Meter, profile: Profile, now: datetime, read: Callable[[Fraction], Decimal]) -> Readings:
    power_kw = meter.power_kw(now)
    shares = PHASE_SHARES[profile.phases]
    readings = tuple(read(power_kw * share) for share in shares)
    return (*readings, *(None,) * (3 - len(shares)))


def _three(values: Readings, *, total: bool = False) -> tuple[Decimal, ...]:
    """A report has no word for an absent phase but zero."""
    return tuple(value if value is not None else Decimal(0) for value in values[: 4 if total else 3])


def _step(value: Fraction, step: str, most: Decimal) -> Decimal:
    """A measured value in the steps of its register, held inside what the register can show."""
    shown = (Decimal(value.numerator) / value.denominator).quantize(Decimal(step), rounding=ROUND_HALF_EVEN)
    return min(max(shown, Decimal(0)), most)
