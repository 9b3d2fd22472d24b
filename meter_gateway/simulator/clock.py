"""The meter's own clock: wrong by a little, wrong by more each day, and put right from afar."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from fractions import Fraction

from meter_gateway.simulator.load import SITE_ZONE
from meter_gateway.simulator.state import MeterState

SYNC_LIMIT = timedelta(minutes=5)
"""A broadcast moves a meter's clock by no more than this (DL/T 645-2007, function 08H)."""

_DAY_S = 86_400
_MICROSECOND = timedelta(microseconds=1)


def wall(state: MeterState, now: datetime) -> datetime:
    """What the clock stands at: local, naive, to the microsecond."""
    return now.astimezone(SITE_ZONE).replace(tzinfo=None) + ahead(state, now)


def ahead(state: MeterState, now: datetime) -> timedelta:
    """How far the clock is before true time; negative when it is late."""
    offset = timedelta(seconds=state.clock_ahead_s)
    if state.clock_set_at is None or not state.clock_drift_s_a_day:
        return offset
    gained = Fraction(state.clock_drift_s_a_day) * ((now - state.clock_set_at) // _MICROSECOND) / _DAY_S
    return offset + round(gained) * _MICROSECOND


def shown(state: MeterState, now: datetime) -> datetime:
    """What the clock registers show: whole seconds."""
    return wall(state, now).replace(microsecond=0)


def next_midnight(state: MeterState) -> tuple[datetime, datetime]:
    """The first midnight of the meter's clock after `as_of`: the true instant, and the midnight it shows."""
    at = wall(state, state.as_of)
    midnight = datetime.combine(at.date() + timedelta(days=1), time())
    left = midnight - at
    if state.clock_drift_s_a_day:
        rate = 1 + Fraction(state.clock_drift_s_a_day) / _DAY_S
        left = max(int(-(-(left // _MICROSECOND) // rate)), 1) * _MICROSECOND
    return state.as_of + left, midnight.replace(tzinfo=SITE_ZONE)


def drifting(state: MeterState, now: datetime) -> MeterState:
    """The same clock with a starting point for its drift."""
    return state if state.clock_set_at is not None else replace(state, clock_set_at=now)


def put_to(state: MeterState, local: datetime, now: datetime) -> MeterState:
    """The clock set to `local` (naive) at `now`; it drifts on from there."""
    true = now.astimezone(SITE_ZONE).replace(tzinfo=None, microsecond=0)
    return replace(state, clock_ahead_s=round((local - true).total_seconds()), clock_set_at=now)


def believes(state: MeterState, local: datetime, now: datetime) -> bool:
    """Whether a broadcast is taken: within five minutes, once a day, and not around midnight.

    Source: DL/T 645-2007, function 08H.
    """
    at = shown(state, now)
    return (
        abs(local - at) <= SYNC_LIMIT
        and state.clock_heard_on != at.date()
        and (at - SYNC_LIMIT).date() == at.date() == (at + SYNC_LIMIT).date()
    )
