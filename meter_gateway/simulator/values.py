"""What a simulated meter puts into each register it has, as of one instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from meter_gateway.protocol.codecs import Value
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.relay import PrepaidKind, StatusWord3
from meter_gateway.protocol.status_words import StatusWord
from meter_gateway.protocol.supply_report import SUPPLY_REPORT_DI, SupplyReport
from meter_gateway.simulator import peaks, records, supply
from meter_gateway.simulator.meter import Meter
from meter_gateway.simulator.records import NOTHING, NoSuchData, one_tariff
from meter_gateway.simulator.state import counted_kwh

__all__ = ["NoSuchData", "Registers"]

TEMPERATURE_C = Decimal("26.5")
BATTERY_MIN = 1440
_CENT = Decimal("0.01")
_LAST_PHASE = {"0015": 0, "0029": 1, "003D": 2}


class Registers:
    """The register table of one meter. Reading changes nothing; advance the meter first.

    A meter that counts energy has no money registers; single-phase meters have no phase energies.
    """

    __slots__ = ("meter", "profile")

    def __init__(self, meter: Meter, profile: Profile) -> None:
        self.meter = meter
        self.profile = profile

    def value(self, di: str, now: datetime) -> Value:
        """The value of register `di` as of `now`; raises `NoSuchData`."""
        single = _SINGLE.get(di)
        if single is not None:
            return single(self, now)
        counter = records.COUNTERS.get(di)
        if counter is not None:
            return counter(self.meter.state)
        group, nth = di[:6], int(di[6:], 16)
        if group.startswith("0332"):
            return records.purchase(self.meter, group, nth)
        if group.startswith("0506"):
            return records.freeze(self.meter, group, nth)
        if group in ("1D0001", "1E0001"):
            return records.relay_time(self.meter, group, nth)
        if di[:4] in supply.BLOCKS and nth == 0:
            return self._supply(di[:4], di[4:6], now)
        if di.startswith("00"):
            return self._energy(di[:4], di[4:6], nth)
        if di.startswith("01") and nth == 0:
            return self._demand(di[:4], di[4:6])
        raise NoSuchData(di)

    def status_word(self) -> StatusWord3:
        """Status word 3. The alarm bit shows what the lamp shows; the command bit what the relay was told,
        which a worn contact does not follow."""
        state = self.meter.state
        word = StatusWord3.of(
            relay_open=not state.relay_closed,
            relay_command_open=state.forced_off,
            pre_trip_alarm=self.meter.lamp_on,
            prepaid_kind=PrepaidKind.ENERGY,
            keep_power=state.keep_power,
            account_opened=state.account_open,
        )
        if not state.relay_closed:
            word = StatusWord3(word.raw | 1 << self.profile.relay_bit)
        return word

    def supply_report(self, now: datetime) -> SupplyReport:
        """The block some models report unasked."""
        return supply.report(self.meter, self.profile, now, one_tariff(self.meter.total_kwh))

    def status_words(self, now: datetime) -> tuple[StatusWord | StatusWord3, ...]:
        """All seven, word 1 first."""
        faults = supply.phase_faults(self.meter, self.profile, now)
        phases = tuple(StatusWord(number, raw) for number, raw in zip((4, 5, 6), faults, strict=True))
        return (StatusWord(1, 0), StatusWord(2, 0), self.status_word(), *phases, StatusWord(7, 0))

    def _energy(self, group: str, tariff: str, settlements_back: int) -> Value:
        """00ggttnn: combined and forward are the same here, reverse is nothing; tariff 1 counts all."""
        total = records.total_at(self.meter, settlements_back)
        if group in _LAST_PHASE and tariff == "00":
            return self._phase_energy(total, _LAST_PHASE[group])
        if group not in ("0000", "0001", "0002"):
            raise NoSuchData(group)
        if group == "0002":
            total = NOTHING
        if tariff == "FF":
            return one_tariff(total)
        if tariff in ("02", "03", "04"):
            return NOTHING
        if tariff not in ("00", "01"):
            raise NoSuchData(group + tariff)
        return total

    def _demand(self, group: str, tariff: str) -> Value:
        """01ggtt00: what flows back is nothing; tariff 1 is all. The demands of past months are not kept."""
        highest = peaks.highest(self.meter.state, self.meter.pulses_per_kwh)
        total = highest if group == "0101" else peaks.NO_DEMAND
        rest = (peaks.NO_DEMAND,) * 3
        return (total, total, *rest) if tariff == "FF" else (total, total, *rest)[int(tariff, 16)]

    def _phase_energy(self, total: Decimal, phase: int) -> Decimal:
        """Shares of the total; the last phase takes the rest, so that the three make the total."""
        shares = supply.PHASE_SHARES[self.profile.phases]
        if phase >= len(shares):
            raise NoSuchData("no such phase")
        parts = [total * share.numerator // (share.denominator * _CENT) * _CENT for share in shares[:-1]]
        return (*parts, total - sum(parts))[phase]

    def _supply(self, group: str, place: str, now: datetime) -> Value:
        """Voltage, current, powers and power factor: `00` total, `01` to `03` phases A B C, `FF` all."""
        values = supply.BLOCKS[group](self.meter, self.profile, now)
        if place == "FF":
            return values
        first_place = 0 if group >= "0203" else 1
        number = int(place, 16) - first_place
        if not 0 <= number < len(values):
            raise NoSuchData(group + place)
        return values[number]

    def _purchased(self) -> Decimal:
        if self.profile.purchased_di != "00900102":
            raise NoSuchData("00900102")
        return self.meter.purchased_kwh

    def _reported(self, now: datetime) -> SupplyReport:
        if self.profile.push_di != SUPPLY_REPORT_DI:
            raise NoSuchData(SUPPLY_REPORT_DI)
        return self.supply_report(now)


def _pulses(field: str) -> Callable[[Registers, datetime], Value]:
    def read(table: Registers, now: datetime) -> Value:
        return counted_kwh(getattr(table.meter.state, field), table.meter.pulses_per_kwh)

    return read


def _word(place: int) -> Callable[[Registers, datetime], Value]:
    return lambda table, now: table.status_words(now)[place - 1]


_SINGLE: Mapping[str, Callable[[Registers, datetime], Value]] = {
    "00900100": lambda table, now: table.meter.remaining_kwh,
    "00900101": lambda table, now: table.meter.overdraft_kwh,
    "00900102": lambda table, now: table._purchased(),
    "02800001": lambda table, now: supply.neutral_current(table.meter, table.profile, now),
    "02800002": lambda table, now: supply.FREQUENCY_HZ,
    "02800007": lambda table, now: TEMPERATURE_C,
    "0280000A": lambda table, now: BATTERY_MIN,
    SUPPLY_REPORT_DI: lambda table, now: table._reported(now),
    "04000101": lambda table, now: table.meter.clock(now).date(),
    "04000102": lambda table, now: table.meter.clock(now).time(),
    "0400010C": lambda table, now: table.meter.clock(now),
    "04000306": lambda table, now: 1,
    "04000307": lambda table, now: 1,
    "04000401": lambda table, now: table.meter.state.serial,
    "04000402": lambda table, now: table.meter.state.serial,
    "04000404": lambda table, now: f"{table.profile.un_v}V",
    "0400040E": lambda table, now: table.meter.state.customer_no,
    "040005FF": lambda table, now: table.status_words(now),
    **{f"0400050{number}": _word(number) for number in range(1, 8)},
    "04000F01": _pulses("alarm_1_pulses"),
    "04000F02": _pulses("alarm_2_pulses"),
    "04000F03": _pulses("hoarding_limit_pulses"),
    "04000F04": _pulses("overdraft_limit_pulses"),
    "04001401": lambda table, now: 0,
}
