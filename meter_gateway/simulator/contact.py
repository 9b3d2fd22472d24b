"""The relay's contact: where the meter wants it, how it wears, and what protects it from flapping."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from meter_gateway.simulator.state import RECORDS_KEPT, MeterState

RELAY_LIFE = 100_000
"""Operations a contact lives (product document, R63); afterwards it stays where it is."""

FLAP_WINDOW = timedelta(seconds=60)
FLAP_MOVES = 10
"""So many movements within the window, and commands that would move the contact are refused."""


def wants_closed(state: MeterState) -> bool:
    """Keep-power beats forced off beats the balance; inside the overdraft allowance nothing moves."""
    if state.keep_power:
        return True
    if state.forced_off or state.empty:
        return False
    return state.balance_pulses > 0 or state.relay_closed


def is_worn(state: MeterState) -> bool:
    return state.relay_operations >= RELAY_LIFE


def can_trip(state: MeterState) -> bool:
    """Whether an empty balance opens the contact: not while power is kept, and not once it is worn."""
    return not state.keep_power and not is_worn(state)


def moved(state: MeterState, at: datetime) -> MeterState:
    """The contact moved to where the meter wants it, and the event recorded at `at` (the meter's clock).

    The same object where it is there already, or is worn.
    """
    closed = wants_closed(state)
    if closed == state.relay_closed or is_worn(state):
        return state
    events = state.events
    if closed:
        closes = (at, *events.closes)[:RECORDS_KEPT]
        events = replace(events, close_count=events.close_count + 1, closes=closes)
    else:
        trips = (at, *events.trips)[:RECORDS_KEPT]
        events = replace(events, trip_count=events.trip_count + 1, trips=trips)
    operations = state.relay_operations + 1
    return replace(state, relay_closed=closed, relay_operations=operations, events=events)


def flaps(movements: Iterable[datetime], now: datetime) -> bool:
    """Whether the contact moved too often lately; the meter's own trip and close are never held back."""
    return sum(now - FLAP_WINDOW < at <= now for at in movements) >= FLAP_MOVES
