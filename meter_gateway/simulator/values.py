"""What a simulated meter puts into each register it has, as of one instant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from meter_gateway.protocol.codecs import Value
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.relay import PrepaidKind, StatusWord3
from meter_gateway.protocol.supply_report import SUPPLY_REPORT_DI, SupplyReport
from meter_gateway.simulator.load import SITE_ZONE
from meter_gateway.simulator.meter import Meter
from meter_gateway.simulator.state import Freeze, Purchase, counted_kwh, left_kwh

PHASE_SHARES = {1: (Fraction(1),), 3: (Fraction(5, 10), Fraction(3, 10), Fraction(2, 10))}
"""How a household's load lies on the phases."""

POWER_FACTOR = Decimal("0.950")
FREQUENCY_HZ = Decimal("50.00")
_LINE_OHM = Fraction(2, 100)
_MOST_KW = Decimal("79.9999")
_MOST_A = Decimal("799.999")
_NOTHING = Decimal("0.00")


class NoSuchData(LookupError):
    """This meter has no such register, or nothing in it."""


class Registers:
    """The register table of one meter. Reading changes nothing; advance the meter first."""

    def __init__(self, meter: Meter, profile: Profile) -> None:
        self._meter = meter
        self._profile = profile
        self._single = self._single_registers()

    def value(self, di: str, now: datetime) -> Value:
        """The value of register `di` as of `now`; raises `NoSuchData`."""
        single = self._single.get(di)
        if single is not None:
            return single(now)
        group, nth = di[:6], int(di[6:], 16)
        if group.startswith("0332"):
            return self._purchase(group, nth)
        if group.startswith("0506"):
            return self._freeze(group, nth)
        if di[:4] in ("0201", "0202", "0203", "0204", "0205", "0206") and di.endswith("00"):
            return self._supply(di[:4], di[4:6], now)
        raise NoSuchData(di)

    def status_word(self) -> StatusWord3:
        """Status word 3. The alarm bit shows what the lamp shows."""
        state = self._meter.state
        word = StatusWord3.of(
            relay_open=not state.relay_closed,
            relay_command_open=state.forced_off,
            pre_trip_alarm=self._meter.lamp_on,
            prepaid_kind=PrepaidKind.ENERGY,
            keep_power=state.keep_power,
        )
        if not state.relay_closed:
            word = StatusWord3(word.raw | 1 << self._profile.relay_bit)
        return word

    def supply_report(self, now: datetime) -> SupplyReport:
        """The block some models report unasked; its status word has bits of its own."""
        meter, state = self._meter, self._meter.state
        power_kw, *phase_powers = _three(self._active_powers(now), total=True)
        factor, *phase_factors = _three(self._power_factors(now), total=True)
        return SupplyReport(
            balance=meter.remaining_kwh,
            overdraft=meter.overdraft_kwh,
            voltages_v=_three(self._voltages(now)),
            currents_a=_three(self._currents(now)),
            power_kw=power_kw,
            phase_powers_kw=tuple(phase_powers),
            power_factor=factor,
            phase_power_factors=tuple(phase_factors),
            energies_kwh=_one_tariff(meter.total_kwh),
            status=(not state.relay_closed) << 8 | state.keep_power << 15,
        )

    def _single_registers(self) -> dict[str, Callable[[datetime], Value]]:
        meter, profile = self._meter, self._profile
        table: dict[str, Callable[[datetime], Value]] = {
            "00900100": lambda now: meter.remaining_kwh,
            "00900101": lambda now: meter.overdraft_kwh,
            "02800001": lambda now: Decimal("0.000"),
            "02800002": lambda now: FREQUENCY_HZ,
            "04000101": lambda now: meter.clock(now).date(),
            "04000102": lambda now: meter.clock(now).time(),
            "0400010C": lambda now: meter.clock(now),
            "04000401": lambda now: meter.state.serial,
            "04000402": lambda now: meter.state.serial,
            "04000404": lambda now: f"{profile.un_v}V",
            "0400040E": lambda now: meter.state.customer_no,
            "04000503": lambda now: self.status_word(),
            "04000F01": lambda now: self._energy(meter.state.alarm_1_pulses),
            "04000F02": lambda now: self._energy(meter.state.alarm_2_pulses),
            "04000F03": lambda now: self._energy(meter.state.hoarding_limit_pulses),
            "04000F04": lambda now: self._energy(meter.state.overdraft_limit_pulses),
        }
        for word in (1, 2, 4, 5, 6, 7):
            table[f"0400050{word}"] = lambda now: 0
        for forward in ("0000", "0001"):
            table[f"{forward}0000"] = table[f"{forward}0100"] = lambda now: meter.total_kwh
            table[f"{forward}FF00"] = lambda now: _one_tariff(meter.total_kwh)
            for tariff in (2, 3, 4):
                table[f"{forward}0{tariff}00"] = lambda now: _NOTHING
        for tariff in range(5):
            table[f"00020{tariff}00"] = lambda now: _NOTHING
        table["0002FF00"] = lambda now: _one_tariff(_NOTHING)
        if profile.purchased_di == "00900102":
            table["00900102"] = lambda now: meter.purchased_kwh
        if profile.push_di == SUPPLY_REPORT_DI:
            table[SUPPLY_REPORT_DI] = self.supply_report
        return table

    def _purchase(self, group: str, nth: int) -> Value:
        """The nth last purchase; count and cumulative energy of the last one are the meter's own counters."""
        state = self._meter.state
        if not 1 <= nth <= 10:
            raise NoSuchData(group)
        record: Purchase | None = state.purchases[nth - 1] if nth <= len(state.purchases) else None
        match group:
            case "033201":
                return record.at if record else None
            case "033202":
                return state.purchase_count if nth == 1 else record.count if record else 0
            case "033203":
                return self._energy(record.energy_pulses) if record else _NOTHING
            case "033204":
                return self._left(record.before_pulses) if record else _NOTHING
            case "033205":
                return self._left(record.after_pulses) if record else _NOTHING
            case "033206":
                if nth == 1:
                    return self._meter.purchased_kwh
                return self._energy(record.cumulative_pulses) if record else _NOTHING
        raise NoSuchData(group)

    def _freeze(self, group: str, nth: int) -> Value:
        freezes = self._meter.state.freezes
        if not 1 <= nth <= len(freezes):
            raise NoSuchData(group)
        freeze: Freeze = freezes[nth - 1]
        match group:
            case "050600":
                return freeze.at.astimezone(SITE_ZONE).replace(tzinfo=None)
            case "050601":
                return _one_tariff(self._energy(freeze.total_pulses))
            case "050602":
                return _one_tariff(_NOTHING)
        raise NoSuchData(group)

    def _supply(self, group: str, place: str, now: datetime) -> Value:
        """Voltage, current, powers and power factor: `00` total, `01` to `03` phases A B C, `FF` all."""
        values = {
            "0201": self._voltages,
            "0202": self._currents,
            "0203": self._active_powers,
            "0204": self._reactive_powers,
            "0205": self._apparent_powers,
            "0206": self._power_factors,
        }[group](now)
        if place == "FF":
            return values
        first_place = 0 if group >= "0203" else 1
        number = int(place, 16) - first_place
        if not 0 <= number < len(values):
            raise NoSuchData(group + place)
        return values[number]

    def _voltages(self, now: datetime) -> tuple[Decimal | None, ...]:
        """Nominal, less what the line drops at this current."""
        most = self._profile.un_v
        nominal = Fraction(most)
        ohm_by_volt = _LINE_OHM * 1000 / nominal
        return self._phases(lambda power_kw: _step(nominal - ohm_by_volt * power_kw, "0.1", most), now)

    def _currents(self, now: datetime) -> tuple[Decimal | None, ...]:
        volt_factor = Fraction(self._profile.un_v) * Fraction(POWER_FACTOR)
        return self._phases(lambda power_kw: _step(power_kw * 1000 / volt_factor, "0.001", _MOST_A), now)

    def _active_powers(self, now: datetime) -> tuple[Decimal | None, ...]:
        return self._powers(Fraction(1), now)

    def _reactive_powers(self, now: datetime) -> tuple[Decimal | None, ...]:
        return self._powers(Fraction(3287, 10_000), now)

    def _apparent_powers(self, now: datetime) -> tuple[Decimal | None, ...]:
        return self._powers(1 / Fraction(POWER_FACTOR), now)

    def _power_factors(self, now: datetime) -> tuple[Decimal | None, ...]:
        factor = POWER_FACTOR if self._meter.power_kw(now) else Decimal("1.000")
        return (factor, *self._phases(lambda power_kw: factor, now))

    def _powers(self, ratio: Fraction, now: datetime) -> tuple[Decimal | None, ...]:
        total = _step(self._meter.power_kw(now) * ratio, "0.0001", _MOST_KW)
        return (total, *self._phases(lambda power_kw: _step(power_kw * ratio, "0.0001", _MOST_KW), now))

    def _phases(self, reading: Callable[[Fraction], Decimal], now: datetime) -> tuple[Decimal | None, ...]:
        power_kw = self._meter.power_kw(now)
        shares = PHASE_SHARES[self._profile.phases]
        readings = tuple(reading(power_kw * share) for share in shares)
        return (*readings, *(None,) * (3 - len(shares)))

    def _energy(self, pulses: int) -> Decimal:
        return counted_kwh(pulses, self._meter.pulses_per_kwh)

    def _left(self, pulses: int) -> Decimal:
        return left_kwh(pulses, self._meter.pulses_per_kwh)


def _one_tariff(total: Decimal) -> tuple[Decimal, ...]:
    """Total and four tariffs of a meter that knows only the first."""
    return (total, total, _NOTHING, _NOTHING, _NOTHING)


def _three(values: tuple[Decimal | None, ...], *, total: bool = False) -> tuple[Decimal, ...]:
    """A report has no word for an absent phase but zero."""
    return tuple(value if value is not None else Decimal(0) for value in values[: 4 if total else 3])


def _step(value: Fraction, step: str, most: Decimal) -> Decimal:
    """A measured value in the steps of its register, held inside what the register can show."""
    shown = (Decimal(value.numerator) / value.denominator).quantize(Decimal(step), rounding=ROUND_HALF_EVEN)
    return min(max(shown, Decimal(0)), most)
