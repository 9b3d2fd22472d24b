"""What a simulated meter remembers over a power cut, and its form on flash.

Energy is counted in pulses, whole numbers of `1 / pulses_per_kwh` kWh; what has been drawn since the last
pulse is an exact fraction of one. On flash every value is a string, so nothing passes through a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

CENT_KWH = Decimal("0.01")
RECORDS_KEPT = 10
FREEZES_KEPT = 62

Flash = dict[str, Any]
"""Strings, and lists of dicts of strings."""


class FlashUnreadable(ValueError):
    """A flash snapshot that is not one of ours; the message names what is wrong."""


@dataclass(frozen=True)
class Purchase:
    """One record of the last-purchase ring; energies in pulses, the instant is the meter's clock."""

    at: datetime
    count: int
    energy_pulses: int
    before_pulses: int
    after_pulses: int
    cumulative_pulses: int


@dataclass(frozen=True)
class Freeze:
    """Forward active total as it stood at one local midnight (aware instant)."""

    at: datetime
    total_pulses: int


@dataclass(frozen=True)
class MeterState:
    """Registers and relay of one meter.

    `balance_pulses` is signed: above zero it is the remaining energy, below zero the overdraft. `as_of` is
    the instant up to which consumption has been counted. Newest records come first.
    """

    serial: str
    customer_no: str
    as_of: datetime
    total_pulses: int
    balance_pulses: int
    purchased_pulses: int
    purchase_count: int
    residue_pulse: Fraction = Fraction(0)
    relay_closed: bool = True
    forced_off: bool = False
    keep_power: bool = False
    lamp_forced: str = ""
    relay_operations: int = 0
    clock_ahead_s: int = 0
    alarm_1_pulses: int = 0
    alarm_2_pulses: int = 0
    hoarding_limit_pulses: int = 0
    overdraft_limit_pulses: int = 0
    purchases: tuple[Purchase, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    @property
    def remaining_pulses(self) -> int:
        return max(self.balance_pulses, 0)

    @property
    def overdraft_pulses(self) -> int:
        return max(-self.balance_pulses, 0)


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


def to_flash(state: MeterState) -> Flash:
    """The snapshot that outlives a power cut."""
    values: Flash = {name: _text(getattr(state, name)) for name in _READ}
    values["purchases"] = [_record(purchase) for purchase in state.purchases]
    values["freezes"] = [_record(freeze) for freeze in state.freezes]
    return values


def from_flash(flash: Mapping[str, Any]) -> MeterState:
    """The state a snapshot holds; raises `FlashUnreadable`."""
    try:
        values = {name: read(flash[name]) for name, read in _READ.items()}
        return MeterState(
            **values,
            purchases=tuple(
                Purchase(
                    at=datetime.fromisoformat(record["at"]),
                    **{name: int(text) for name, text in record.items() if name != "at"},
                )
                for record in flash["purchases"]
            ),
            freezes=tuple(
                Freeze(at=datetime.fromisoformat(record["at"]), total_pulses=int(record["total_pulses"]))
                for record in flash["freezes"]
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise FlashUnreadable(f"flash snapshot cannot be read ({problem})") from None


def _record(record: Purchase | Freeze) -> dict[str, str]:
    return {field.name: _text(getattr(record, field.name)) for field in fields(record)}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _truth(text: str) -> bool:
    return {"yes": True, "no": False}[text]


_READ: Mapping[str, Any] = {
    "serial": str,
    "customer_no": str,
    "as_of": datetime.fromisoformat,
    "total_pulses": int,
    "balance_pulses": int,
    "purchased_pulses": int,
    "purchase_count": int,
    "residue_pulse": Fraction,
    "relay_closed": _truth,
    "forced_off": _truth,
    "keep_power": _truth,
    "lamp_forced": str,
    "relay_operations": int,
    "clock_ahead_s": int,
    "alarm_1_pulses": int,
    "alarm_2_pulses": int,
    "hoarding_limit_pulses": int,
    "overdraft_limit_pulses": int,
}
