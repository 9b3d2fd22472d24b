"""Maximum demand: the highest mean power of a quarter of an hour. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from math import ceil

from meter_gateway.protocol.codecs import MaxDemand
from meter_gateway.simulator import contact
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
    if drawn > state.peak_pulses:
        return replace(state, interval_from_pulses=state.total_pulses, peak_pulses=drawn, peak_at=local)
    if begun_at == state.total_pulses:
        return state
    return replace(state, interval_from_pulses=state.total_pulses)


def whole_quarters(state: MeterState, until: datetime, kw: Fraction, pulses_per_kwh: int) -> int:
    """How many intervals of this steady power may pass in one step before `until` without emptying the meter.

    None of them while an interval is under way: what was drawn in it is not known from here.
    """
    at_an_end = state.interval_from_pulses == state.total_pulses and not (state.as_of - _ORIGIN) % INTERVAL
    if not at_an_end:
        return 0
    left = (until - state.as_of) // INTERVAL
    drawn = kw * pulses_per_kwh / _INTERVALS_AN_HOUR
    if drawn and contact.can_trip(state):
        allowed = max(state.balance_pulses + state.overdraft_limit_pulses, 0)
        left = min(left, ceil((allowed - state.residue_pulse) / drawn) - 1)
    return max(left, 0)


def passed(
    state: MeterState, quarters: int, kw: Fraction, pulses_per_kwh: int, shown: Callable[[datetime], datetime]
) -> MeterState:
    """So many whole intervals of a steady power at once: the same state as one after the other.

    A steady power draws in each interval a number of pulses or one more than that, so that the highest is the
    first interval or the first with one more. `shown` tells what the meter's clock shows at an instant.
    """
    start, each = state.as_of, kw * pulses_per_kwh / _INTERVALS_AN_HOUR
    pulses, residue = divmod(state.residue_pulse + quarters * each, 1)
    least, over = divmod(each, 1)
    first = int(state.residue_pulse + each)
    candidates = [(0, first)]
    if over and first == least:
        candidates.append((ceil((1 - state.residue_pulse) / over) - 1, least + 1))
    peak_pulses, peak_at = state.peak_pulses, state.peak_at
    for place, drawn in candidates:
        if place < quarters and drawn > peak_pulses:
            peak_pulses, peak_at = drawn, shown(start + (place + 1) * INTERVAL)
    total_pulses = state.total_pulses + pulses
    return replace(
        state,
        as_of=start + quarters * INTERVAL,
        residue_pulse=residue,
        total_pulses=total_pulses,
        balance_pulses=state.balance_pulses - pulses,
        interval_from_pulses=total_pulses,
        peak_pulses=peak_pulses,
        peak_at=peak_at,
    )


def highest(state: MeterState, pulses_per_kwh: int) -> MaxDemand:
    """As the register shows it, rounded down."""
    power_kw = Decimal(state.peak_pulses * _INTERVALS_AN_HOUR) / pulses_per_kwh
    return MaxDemand(power_kw.quantize(_STEP_KW, rounding=ROUND_FLOOR), state.peak_at)
