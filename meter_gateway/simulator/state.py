"""What a simulated meter remembers over a power cut.

Energy is counted in pulses, whole numbers of `1 / pulses_per_kwh` kWh; what has been drawn since the last
pulse is an exact fraction of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

CENT_KWH = Decimal("0.01")
RECORDS_KEPT = 10
FREEZES_KEPT = 62
SETTLEMENTS_KEPT = 12
ORDERS_KEPT = 50
"""Order numbers a meter remembers against a second delivery (assumed; no maker tells)."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One record of the last-purchase ring; energies in pulses, the instant is the meter's clock."""

    at: datetime
    count: int
    energy_pulses: int
    before_pulses: int
    after_pulses: int
    cumulative_pulses: int


@dataclass(frozen=True, slots=True)
class Freeze:
    """Forward active total as it stood at one local midnight (aware instant, by the meter's clock)."""

    at: datetime
    total_pulses: int


@dataclass(frozen=True, slots=True)
class Events:
    """What the meter counts of its own life (03110000, 0330xx00, 1D, 1E); cleared by 1AH and 1BH.

    `trips` and `closes` are the last ten times of the relay, newest first, on the meter's clock.
    """

    trip_count: int = 0
    close_count: int = 0
    trips: tuple[datetime, ...] = ()
    closes: tuple[datetime, ...] = ()
    power_downs: int = 0
    programmings: int = 0
    clock_sets: int = 0


NO_EVENTS = Events()


@dataclass(frozen=True, slots=True)
class MeterState:
    """Registers and relay of one meter.

    `balance_pulses` is signed: above zero it is the remaining energy, below zero the overdraft. `as_of` is
    the instant up to which consumption has been counted. Newest records come first. `relay_operations` is
    the wear of the contact and is never cleared. The clock is `clock_ahead_s` before true time at
    `clock_set_at` and gains `clock_drift_s_a_day` from then on. `passwords` holds those that were changed.
    `peak_pulses` is what the highest interval of demand drew, `peak_at` when it ended on the meter's clock.
    """

    serial: str
    customer_no: str
    as_of: datetime
    total_pulses: int
    balance_pulses: int
    purchased_pulses: int
    purchase_count: int
    residue_pulse: Fraction = Fraction(0)
    account_open: bool = True
    relay_closed: bool = True
    forced_off: bool = False
    keep_power: bool = False
    lamp_forced: str = ""
    relay_operations: int = 0
    clock_ahead_s: int = 0
    clock_drift_s_a_day: Decimal = Decimal(0)
    clock_set_at: datetime | None = None
    clock_heard_on: date | None = None
    alarm_1_pulses: int = 0
    alarm_2_pulses: int = 0
    hoarding_limit_pulses: int = 0
    overdraft_limit_pulses: int = 0
    purchases: tuple[Purchase, ...] = ()
    orders: tuple[str, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    settlements: tuple[int, ...] = ()
    events: Events = NO_EVENTS
    interval_from_pulses: int | None = None
    peak_pulses: int = 0
    peak_at: datetime | None = None
    meter_clears: int = 0
    event_clears: int = 0
    passwords: tuple[tuple[int, str], ...] = ()

    @property
    def remaining_pulses(self) -> int:
        return max(self.balance_pulses, 0)

    @property
    def overdraft_pulses(self) -> int:
        return max(-self.balance_pulses, 0)

    @property
    def empty(self) -> bool:
        """Nothing left to draw: the balance has reached the overdraft limit (zero by default)."""
        return self.balance_pulses <= -self.overdraft_limit_pulses


Flash = MeterState
"""What a power cut leaves: a state is immutable, so the flash of a meter is an older state."""


def pulses_of(energy_kwh: Decimal, pulses_per_kwh: int) -> int:
    """Whole pulses in an energy; raises `ValueError` if the energy is not a whole number of pulses."""
    pulses = energy_kwh * pulses_per_kwh
    if pulses != pulses.to_integral_value():
        raise ValueError(f"{energy_kwh} kWh is not a whole number of pulses at {pulses_per_kwh} a kWh")
    return int(pulses)


def counted_kwh(pulses: int, pulses_per_kwh: int) -> Decimal:
    """A counter as its register shows it: hundredths of a kWh, rounded down."""
    return (Decimal(pulses) / pulses_per_kwh).quantize(CENT_KWH, rounding=ROUND_FLOOR)


def left_kwh(pulses: int, pulses_per_kwh: int) -> Decimal:
    """A remainder as its register shows it: hundredths of a kWh, rounded up.

    Rounded the other way from the counters, so that total + remaining stays the same to the last digit while
    energy is drawn, and 0.00 is shown only when nothing is left.
    """
    return (Decimal(pulses) / pulses_per_kwh).quantize(CENT_KWH, rounding=ROUND_CEILING)
