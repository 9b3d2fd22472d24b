"""The fleet file: which meters there are and what they show on the first day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from meter_gateway.simulator.load import SITE_ZONE, Demand
from meter_gateway.simulator.meter import HIGHEST_COUNT
from meter_gateway.simulator.state import (
    FREEZES_KEPT,
    SETTLEMENTS_KEPT,
    Freeze,
    MeterState,
    Purchase,
    pulses_of,
)
from meter_gateway.simulator.torn import FLASH_ORDERS

MOST_CLOCK_ERROR_S = 10 * 366 * 86_400
MOST_DRIFT_S_A_DAY = 3600
_LARGEST_KWH = Decimal("999999.99")


class FleetFileError(ValueError):
    """The fleet file cannot be used; the message is one sentence for the person at the terminal."""


@dataclass(frozen=True)
class Entry:
    """One meter of the fleet file. The `start_*` values count only while flash knows no such serial."""

    serial: str
    profile: str
    household: str
    start_total_kwh: Decimal
    start_remaining_kwh: Decimal
    start_purchase_count: int
    start_purchased_kwh: Decimal
    customer_no: str
    relay_closed: bool
    load_factor: Decimal
    alarm_1_kwh: Decimal
    alarm_2_kwh: Decimal
    hoarding_limit_kwh: Decimal
    overdraft_limit_kwh: Decimal
    account_open: bool = True
    flash_order: str = "atomic"
    clock_ahead_s: int = 0
    clock_drift_s_a_day: Decimal = Decimal(0)


def read_fleet(path: Path) -> tuple[Entry, ...]:
    """The entries of a fleet file in its order; raises `FleetFileError` naming entry and field."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as problem:
        raise FleetFileError(f"The fleet file {path} cannot be read: {problem}.") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise FleetFileError(f"The fleet file {path} must hold a list of meters.")
    entries = tuple(_entry(place, row) for place, row in enumerate(rows))
    if len({entry.serial for entry in entries}) != len(entries):
        raise FleetFileError(f"The fleet file {path} names a serial twice.")
    return entries


def first_day(entry: Entry, demand: Demand, *, pulses_per_kwh: int, now: datetime) -> MeterState:
    """The registers of a meter as it is hung on the wall at `now`.

    Its freezes reach 62 midnights back, counted backwards along the household's own curve, as if it had hung
    there all the time with the power on. Raises `FleetFileError` for an energy that is not whole pulses.
    """

    def pulses(field: str) -> int:
        try:
            return pulses_of(getattr(entry, field), pulses_per_kwh)
        except ValueError as problem:
            raise FleetFileError(f"Meter {entry.serial}: {field}: {problem}.") from None

    total, balance = pulses("start_total_kwh"), pulses("start_remaining_kwh")
    purchased = pulses("start_purchased_kwh")
    purchases: tuple[Purchase, ...] = ()
    if entry.start_purchase_count:
        purchases = (
            Purchase(
                at=now.astimezone(SITE_ZONE).replace(tzinfo=None, microsecond=0),
                count=entry.start_purchase_count,
                energy_pulses=0,
                before_pulses=balance,
                after_pulses=balance,
                cumulative_pulses=purchased,
            ),
        )
    return MeterState(
        serial=entry.serial,
        customer_no=entry.customer_no,
        as_of=now,
        total_pulses=total,
        balance_pulses=balance,
        purchased_pulses=purchased,
        purchase_count=entry.start_purchase_count,
        account_open=entry.account_open,
        clock_ahead_s=entry.clock_ahead_s,
        clock_drift_s_a_day=entry.clock_drift_s_a_day,
        relay_closed=entry.relay_closed,
        forced_off=not entry.relay_closed and balance > 0,
        alarm_1_pulses=pulses("alarm_1_kwh"),
        alarm_2_pulses=pulses("alarm_2_kwh"),
        hoarding_limit_pulses=pulses("hoarding_limit_kwh"),
        overdraft_limit_pulses=pulses("overdraft_limit_kwh"),
        purchases=purchases,
        freezes=_past_midnights(total, demand, pulses_per_kwh=pulses_per_kwh, now=now),
        settlements=_past_months(total, demand, pulses_per_kwh=pulses_per_kwh, now=now),
    )


def _past_midnights(total: int, demand: Demand, *, pulses_per_kwh: int, now: datetime) -> tuple[Freeze, ...]:
    today = now.astimezone(SITE_ZONE).date()
    freezes = []
    for back in range(FREEZES_KEPT):
        midnight = _midnight(today - timedelta(days=back))
        stood = _stood_at(midnight, total, demand, pulses_per_kwh=pulses_per_kwh, now=now)
        if stood is None:
            break
        freezes.append(Freeze(at=midnight, total_pulses=stood))
    return tuple(freezes)


def _past_months(total: int, demand: Demand, *, pulses_per_kwh: int, now: datetime) -> tuple[int, ...]:
    """The total at the first of this month and of those before it."""
    first = now.astimezone(SITE_ZONE).date().replace(day=1)
    settlements: list[int] = []
    while len(settlements) < SETTLEMENTS_KEPT:
        stood = _stood_at(_midnight(first), total, demand, pulses_per_kwh=pulses_per_kwh, now=now)
        if stood is None:
            break
        settlements.append(stood)
        first = (first - timedelta(days=1)).replace(day=1)
    return tuple(settlements)


def _stood_at(
    midnight: datetime, total: int, demand: Demand, *, pulses_per_kwh: int, now: datetime
) -> int | None:
    """The total at a past midnight, None where the curve would have it below zero."""
    drawn: Fraction = demand.energy_kwh(midnight, now) * pulses_per_kwh
    return None if drawn > total else total - int(drawn)


@cache
def _midnight(day: date) -> datetime:
    """One object for each day, however large the fleet."""
    return datetime.combine(day, time(), tzinfo=SITE_ZONE)


def _entry(place: int, row: Mapping[str, Any]) -> Entry:
    fields = _Fields(place, row)
    return Entry(
        serial=fields.digits("serial"),
        profile=fields.text("profile"),
        household=fields.text("household"),
        start_total_kwh=fields.energy("start_total_kwh", "0.00"),
        start_remaining_kwh=fields.energy("start_remaining_kwh", "0.00"),
        start_purchase_count=fields.count("start_purchase_count"),
        start_purchased_kwh=fields.energy("start_purchased_kwh", "0.00"),
        customer_no=fields.digits("customer_no", "000000000001"),
        relay_closed=fields.choice("relay", ("closed", "open")) == "closed",
        load_factor=fields.number("load_factor", "1"),
        alarm_1_kwh=fields.energy("alarm_1_kwh", "10.00"),
        alarm_2_kwh=fields.energy("alarm_2_kwh", "5.00"),
        hoarding_limit_kwh=fields.energy("hoarding_limit_kwh", "99999.00"),
        overdraft_limit_kwh=fields.energy("overdraft_limit_kwh", "0.00"),
        account_open=fields.choice("account", ("open", "none")) == "open",
        flash_order=fields.choice("flash", FLASH_ORDERS),
        clock_ahead_s=fields.seconds("clock_ahead_s"),
        clock_drift_s_a_day=fields.drift("clock_drift_s_a_day"),
    )


class _Fields:
    """Reads one entry, refusing with its place and the field's name."""

    def __init__(self, place: int, row: Mapping[str, Any]) -> None:
        self._row = row
        self._name = f"Meter {row.get('serial', f'number {place + 1}')} of the fleet file"

    def text(self, field: str, default: str | None = None) -> str:
        value = self._row.get(field, default)
        if not isinstance(value, str) or not value:
            raise self._refusal(field, "must be a text")
        return value

    def digits(self, field: str, default: str | None = None) -> str:
        value = self.text(field, default)
        if len(value) != 12 or not (value.isascii() and value.isdecimal()):
            raise self._refusal(field, "must have 12 digits")
        return value

    def number(self, field: str, default: str) -> Decimal:
        value = self._row.get(field, default)
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise self._refusal(field, "must be a number in a text") from None
        if isinstance(value, bool) or not number.is_finite() or not 0 <= number <= _LARGEST_KWH:
            raise self._refusal(field, f"must lie between 0 and {_LARGEST_KWH}")
        return number

    def energy(self, field: str, default: str) -> Decimal:
        energy_kwh = self.number(field, default)
        if energy_kwh != round(energy_kwh, 2):
            raise self._refusal(field, "must have at most two decimals")
        return energy_kwh

    def count(self, field: str) -> int:
        value = self._row.get(field, 0)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= HIGHEST_COUNT:
            raise self._refusal(field, f"must be a whole number up to {HIGHEST_COUNT}")
        return value

    def choice(self, field: str, choices: tuple[str, ...]) -> str:
        """One of these words; the first where the entry says nothing."""
        value = self._row.get(field, choices[0])
        if value not in choices:
            raise self._refusal(field, "must be " + " or ".join(f'"{choice}"' for choice in choices))
        return str(value)

    def seconds(self, field: str) -> int:
        value = self._row.get(field, 0)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MOST_CLOCK_ERROR_S:
            raise self._refusal(field, f"must be whole seconds, at most {MOST_CLOCK_ERROR_S} either way")
        return value

    def drift(self, field: str) -> Decimal:
        """Seconds a day as a text, negative for a clock that is slow."""
        try:
            drift = Decimal(str(self._row.get(field, "0")))
        except InvalidOperation:
            raise self._refusal(field, "must be a number in a text") from None
        if not drift.is_finite() or abs(drift) > MOST_DRIFT_S_A_DAY:
            raise self._refusal(field, f"must lie within {MOST_DRIFT_S_A_DAY} seconds a day")
        return drift

    def _refusal(self, field: str, why: str) -> FleetFileError:
        return FleetFileError(f"{self._name}: {field} {why}.")
