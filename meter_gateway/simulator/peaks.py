"""Maximum demand: the highest mean power of a quarter of an hour. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

from meter_gateway.protocol.codecs import MaxDemand
from meter_gateway.simulator.state import MeterState

INTERVAL = timedelta(minutes=15)
_INTERVALS_AN_HOUR = 4
_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
_STEP_KW = Decimal("0.0001")

NO_DEMAND = MaxDemand(Decimal("0.0000"), None)


def next_end(at: datetime) -> datetime:
    """The first full quarter of an hour after `at`; of true time, whatever the meter's clock shows."""
    return _ORIGIN + ((at - _ORIGIN) // INTERVAL + 1) * INTERVAL


def ended(state: MeterState, local: datetime) -> MeterState:
    """An interval is over: the highest one is kept with the time its end had on the meter's clock.

    The one in which the meter came to life, or was cleared, counts from there.
    """
    begun_at = state.interval_from_pulses
    drawn = 0 if begun_at is None else state.total_pulses - begun_at
    state = replace(state, interval_from_pulses=state.total_pulses)
    return replace(state, peak_pulses=drawn, peak_at=local) if drawn > state.peak_pulses else state


def highest(state: MeterState, pulses_per_kwh: int) -> MaxDemand:
    """As the register shows it, rounded down."""
    power_kw = Decimal(state.peak_pulses * _INTERVALS_AN_HOUR) / pulses_per_kwh
    return MaxDemand(power_kw.quantize(_STEP_KW, rounding=ROUND_FLOOR), state.peak_at)
