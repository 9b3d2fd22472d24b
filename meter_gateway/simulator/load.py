"""What the household behind a meter draws, exactly.

A real half-hour load curve is a step function: within one half-hour the power is constant, so the energy
between two instants is a rational number and is kept as a `Fraction` of a kWh. Splitting an interval never
gains or loses anything, which is what lets a meter be asked at any instant.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

SITE_ZONE = ZoneInfo("Asia/Shanghai")
SLOTS_A_DAY = 48
_SLOT_US = 30 * 60 * 1_000_000
_HOUR_US = 2 * _SLOT_US
_WH_A_KWH = 1000


class LoadFileError(ValueError):
    """The load file cannot be used; the message is one sentence for the person at the terminal."""


class Demand(Protocol):
    """What the wires would draw if the relay were closed."""

    def energy_kwh(self, start: datetime, end: datetime) -> Fraction:
        """Energy drawn in `[start, end)`, exact; both aware; zero when `end <= start`."""
        ...

    def power_kw(self, at: datetime) -> Fraction:
        """Power drawn at an instant."""
        ...

    @property
    def steady_kw(self) -> Fraction | None:
        """The power at every instant, None where it changes."""
        ...


@dataclass(frozen=True)
class SteadyLoad:
    """A constant load, as the control port sets it."""

    kw: Decimal

    def energy_kwh(self, start: datetime, end: datetime) -> Fraction:
        """kW times hours."""
        microseconds = _microseconds(start, end)
        return Fraction(self.kw) * Fraction(max(microseconds, 0), _HOUR_US)

    def power_kw(self, at: datetime) -> Fraction:
        """The same at every instant."""
        return Fraction(self.kw)

    @property
    def steady_kw(self) -> Fraction:
        return Fraction(self.kw)


class Recording:
    """One household's recorded half-hours, in whole Wh; many loads may share it."""

    def __init__(self, half_hours_wh: Iterable[int], *, first_day: date) -> None:
        self.slots_wh = tuple(half_hours_wh)
        if not self.slots_wh or len(self.slots_wh) % SLOTS_A_DAY:
            raise LoadFileError("A load curve must hold whole days of 48 half-hours.")
        self.before_wh = (0, *accumulate(self.slots_wh))
        self.origin = datetime(first_day.year, first_day.month, first_day.day)  # noqa: DTZ001 - wall clock


class HouseholdLoad:
    """A recording, repeated for ever and scaled.

    The first recorded half-hour stands on the first midnight of the recording; any other local day takes the
    recorded day at its distance modulo the length. With a whole number of weeks recorded (the shipped file
    has 24) a Sunday always takes a recorded Sunday. The recording's clock is read as the site's wall clock.
    """

    def __init__(self, recording: Recording, *, factor: Decimal = Decimal(1)) -> None:
        self._recording = recording
        self._factor = Fraction(factor)

    def energy_kwh(self, start: datetime, end: datetime) -> Fraction:
        """The area under the step curve, times the factor."""
        if end <= start:
            return Fraction(0)
        drawn = self._since_origin(end) - self._since_origin(start)
        return Fraction(drawn * self._factor.numerator, _SLOT_US * _WH_A_KWH * self._factor.denominator)

    def power_kw(self, at: datetime) -> Fraction:
        """Twice the energy of the half-hour that contains the instant."""
        slots = self._recording.slots_wh
        slot = (_microseconds(self._recording.origin, _wall_clock(at)) // _SLOT_US) % len(slots)
        return 2 * slots[slot] * self._factor / _WH_A_KWH

    @property
    def steady_kw(self) -> None:
        return None

    def _since_origin(self, at: datetime) -> int:
        """Wh times the microseconds of a slot: whole numbers, because a fleet asks this very often."""
        recording = self._recording
        slot, into = divmod(_microseconds(recording.origin, _wall_clock(at)), _SLOT_US)
        rounds, place = divmod(slot, len(recording.slots_wh))
        whole = rounds * recording.before_wh[-1] + recording.before_wh[place]
        return whole * _SLOT_US + recording.slots_wh[place] * into


def read_households(path: Path) -> Mapping[str, Recording]:
    """household id -> its recording, from a `household,date,wh_0000…wh_2330` file.

    Rows of one household must be consecutive days. Raises `LoadFileError` for a file that is missing,
    has other columns, gaps, or values that are not whole Wh.
    """
    days: dict[str, list[tuple[date, list[int]]]] = {}
    try:
        with path.open(newline="", encoding="ascii") as lines:
            rows = csv.reader(lines)
            header = next(rows, [])
            if header[:3] != ["household", "date", "wh_0000"] or len(header) != 2 + SLOTS_A_DAY:
                raise LoadFileError(f"{path} is not a half-hour load file (household,date,wh_0000…wh_2330).")
            for row in rows:
                try:
                    day, values = date.fromisoformat(row[1]), [int(value) for value in row[2:]]
                except (ValueError, IndexError):
                    raise LoadFileError(f"{path} line {rows.line_num} cannot be read.") from None
                if len(values) != SLOTS_A_DAY or min(values) < 0:
                    raise LoadFileError(f"{path} line {rows.line_num} does not hold 48 half-hours.")
                days.setdefault(row[0], []).append((day, values))
    except (OSError, UnicodeError) as problem:
        raise LoadFileError(f"{path} cannot be read: {problem}.") from None
    return {household: _joined(path, household, recorded) for household, recorded in days.items()}


def _joined(path: Path, household: str, recorded: list[tuple[date, list[int]]]) -> Recording:
    recorded.sort(key=lambda day: day[0])
    first = recorded[0][0]
    if any((day - first).days != place for place, (day, _) in enumerate(recorded)):
        raise LoadFileError(f"{path} has a gap or a repeated day for {household}.")
    return Recording((wh for _, values in recorded for wh in values), first_day=first)


def _wall_clock(at: datetime) -> datetime:
    """Asia/Shanghai has had no daylight saving since 1991, so wall-clock differences are elapsed time."""
    return at.astimezone(SITE_ZONE).replace(tzinfo=None)


def _microseconds(start: datetime, end: datetime) -> int:
    gap = end - start
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds
