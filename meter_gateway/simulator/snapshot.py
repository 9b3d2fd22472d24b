"""A meter's state as texts for its flash file, and back. Nothing passes through a float."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from meter_gateway.simulator.state import Events, Freeze, MeterState, Purchase


class FlashUnreadable(ValueError):
    """A flash snapshot that is not one of ours; the message names what is wrong."""


def to_texts(state: MeterState) -> dict[str, Any]:
    """Texts, and lists and objects of texts; what `from_texts` reads."""
    return _record(state)


def from_texts(texts: Mapping[str, Any]) -> MeterState:
    """The state a snapshot holds; a field that an older snapshot lacks takes its default.

    Raises `FlashUnreadable`.
    """
    try:
        return MeterState(**{name: _READ[name](value) for name, value in texts.items()})
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as problem:
        raise FlashUnreadable(f"flash snapshot cannot be read ({problem})") from None


def _record(record: MeterState | Purchase | Freeze | Events) -> dict[str, Any]:
    values = ((field.name, getattr(record, field.name)) for field in fields(record))
    return {name: _text(value) for name, value in values if value is not None}


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_text(item) for item in value]
    if isinstance(value, Purchase | Freeze | Events):
        return _record(value)
    return str(value)


def _truth(text: str) -> bool:
    return {"yes": True, "no": False}[text]


def _list_of(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def read_list(items: Any) -> tuple[Any, ...]:
        if not isinstance(items, list):
            raise TypeError(f"{items!r} is no list")
        return tuple(read(item) for item in items)

    return read_list


def _purchase(texts: Mapping[str, str]) -> Purchase:
    numbers = {name: int(text) for name, text in texts.items() if name != "at"}
    return Purchase(at=datetime.fromisoformat(texts["at"]), **numbers)


def _freeze(texts: Mapping[str, str]) -> Freeze:
    return Freeze(at=datetime.fromisoformat(texts["at"]), total_pulses=int(texts["total_pulses"]))


def _events(texts: Mapping[str, Any]) -> Events:
    values: dict[str, Any] = {
        name: _times(value) if name in ("trips", "closes") else int(value) for name, value in texts.items()
    }
    return Events(**values)


def _password(texts: list[str]) -> tuple[int, str]:
    level, digits = texts
    return int(level), digits


_times = _list_of(datetime.fromisoformat)
_SPECIAL: Mapping[str, Callable[[Any], Any]] = {
    "serial": str,
    "customer_no": str,
    "lamp_forced": str,
    "as_of": datetime.fromisoformat,
    "clock_set_at": datetime.fromisoformat,
    "clock_heard_on": date.fromisoformat,
    "clock_drift_s_a_day": Decimal,
    "residue_pulse": Fraction,
    "account_open": _truth,
    "relay_closed": _truth,
    "forced_off": _truth,
    "keep_power": _truth,
    "purchases": _list_of(_purchase),
    "orders": _list_of(str),
    "freezes": _list_of(_freeze),
    "settlements": _list_of(int),
    "events": _events,
    "peak_at": datetime.fromisoformat,
    "passwords": _list_of(_password),
}
_READ: Mapping[str, Callable[[Any], Any]] = {
    field.name: _SPECIAL.get(field.name, int) for field in fields(MeterState)
}
