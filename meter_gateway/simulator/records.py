"""What a simulated meter tells of its past: purchases, freezes, settlements, events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from meter_gateway.protocol.codecs import Value
from meter_gateway.simulator.meter import Meter
from meter_gateway.simulator.state import Freeze, MeterState, Purchase, counted_kwh, left_kwh

NOTHING = Decimal("0.00")


class NoSuchData(LookupError):
    """This meter has no such register, or nothing in it."""


def one_tariff(total: Decimal) -> tuple[Decimal, ...]:
    """Total and four tariffs of a meter that knows only the first."""
    return (total, total, NOTHING, NOTHING, NOTHING)


def purchase(meter: Meter, group: str, nth: int) -> Value:
    """0332ggnn, the nth last purchase; count and cumulative energy of the last are the meter's counters."""
    state = meter.state
    if not 1 <= nth <= 10:
        raise NoSuchData(group)
    if nth == 1 and group == "033202":
        return state.purchase_count
    if nth == 1 and group == "033206":
        return meter.purchased_kwh
    field = _PURCHASE.get(group)
    if field is None:
        raise NoSuchData(group)
    if nth > len(state.purchases):
        return {"033201": None, "033202": 0}.get(group, NOTHING)
    return field(state.purchases[nth - 1], meter.pulses_per_kwh)


_PURCHASE: Mapping[str, Callable[[Purchase, int], Value]] = {
    "033201": lambda record, pulses: record.at,
    "033202": lambda record, pulses: record.count,
    "033203": lambda record, pulses: counted_kwh(record.energy_pulses, pulses),
    "033204": lambda record, pulses: left_kwh(record.before_pulses, pulses),
    "033205": lambda record, pulses: left_kwh(record.after_pulses, pulses),
    "033206": lambda record, pulses: counted_kwh(record.cumulative_pulses, pulses),
}


def freeze(meter: Meter, group: str, nth: int) -> Value:
    """0506ggnn, the freeze of nn midnights ago; a midnight without power is missing from the ring."""
    freezes = meter.state.freezes
    if not 1 <= nth <= len(freezes):
        raise NoSuchData(group)
    record: Freeze = freezes[nth - 1]
    match group:
        case "050600":
            return record.at.replace(tzinfo=None)
        case "050601":
            return one_tariff(counted_kwh(record.total_pulses, meter.pulses_per_kwh))
        case "050602":
            return one_tariff(NOTHING)
    raise NoSuchData(group)


def total_at(meter: Meter, settlements_back: int) -> Decimal:
    """The forward total now (0) or as the nth past first of a month found it."""
    if not settlements_back:
        return meter.total_kwh
    settlements = meter.state.settlements
    if not 1 <= settlements_back <= len(settlements):
        raise NoSuchData(f"settlement {settlements_back}")
    return counted_kwh(settlements[settlements_back - 1], meter.pulses_per_kwh)


def relay_time(meter: Meter, group: str, nth: int) -> datetime | None:
    """1D0001nn and 1E0001nn: when the relay opened or closed, None where it never did."""
    events = meter.state.events
    times = events.trips if group.startswith("1D") else events.closes
    if not 1 <= nth <= 10:
        raise NoSuchData(group)
    return times[nth - 1] if nth <= len(times) else None


COUNTERS: Mapping[str, Callable[[MeterState], int]] = {
    "03110000": lambda state: state.events.power_downs,
    "03300000": lambda state: state.events.programmings,
    "03300100": lambda state: state.meter_clears,
    "03300300": lambda state: state.event_clears,
    "03300400": lambda state: state.events.clock_sets,
    "03300D00": lambda state: 0,
    "03300E00": lambda state: 0,
    "1D000001": lambda state: state.events.trip_count,
    "1E000001": lambda state: state.events.close_count,
}
"""Event counters; nobody opens the cover of a simulated meter."""
