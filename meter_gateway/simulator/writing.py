"""Function 14H, 17H and 18H of a simulated meter: what may be set from afar, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from meter_gateway.protocol.bcd import InvalidBcd
from meter_gateway.protocol.parameters import ChangePasswordRequest, WriteRequest
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.registers import RegisterError, decode_value
from meter_gateway.protocol.relay import Auth
from meter_gateway.simulator.meter import Meter
from meter_gateway.simulator.state import pulses_of

PARAMETER_LEVEL = 4
"""The level that may set parameters; the profile's own level may do that too."""


def may_control(meter: Meter, profile: Profile, auth: Auth) -> bool:
    """Whether this may switch, clear and credit. The operator code is written down, never checked."""
    return auth.level == profile.auth.level and auth.password == password_of(meter, profile, auth.level)


def may_set(meter: Meter, profile: Profile, auth: Auth) -> bool:
    """Whether this may set parameters: who may control may do that too."""
    known = auth.level == PARAMETER_LEVEL and auth.password == password_of(meter, profile, auth.level)
    return known or may_control(meter, profile, auth)


def password_of(meter: Meter, profile: Profile, level: int) -> str:
    """The password of a level: the model's, until it was changed."""
    return dict(meter.state.passwords).get(level, profile.auth.password)


def write(meter: Meter, asked: WriteRequest, now: datetime) -> str | None:
    """Set one register; None when done, else the ERR name. The caller has checked the password."""
    setting = _SETTINGS.get(asked.di)
    if setting is None:
        return "no_such_data"
    try:
        value = decode_value(asked.di, asked.data)
        if value is None:
            return "other"
        setting(meter, value, now)
    except (RegisterError, InvalidBcd):
        return "other"
    events = meter.state.events
    meter.change(now, events=replace(events, programmings=events.programmings + 1))
    return None


def change_password(meter: Meter, profile: Profile, asked: ChangePasswordRequest, now: datetime) -> bool:
    """Function 18H: done where the old password holds and its level is not below the new one's."""
    old, new = asked.old, asked.new
    if old.level > new.level or not may_set(meter, profile, Auth(old.level, old.digits, "00000000")):
        return False
    if asked.di != f"04000C{new.level + 1:02X}":
        return False
    meter.change(now, passwords=tuple({**dict(meter.state.passwords), new.level: new.digits}.items()))
    return True


def _date(meter: Meter, value: date, now: datetime) -> None:
    meter.set_time(datetime.combine(value, meter.clock(now).time()), now)


def _time(meter: Meter, value: time, now: datetime) -> None:
    meter.set_time(datetime.combine(meter.clock(now).date(), value), now)


def _energy(field: str) -> Callable[[Meter, Decimal, datetime], None]:
    def set_energy(meter: Meter, value: Decimal, now: datetime) -> None:
        meter.change(now, **{field: pulses_of(value, meter.pulses_per_kwh)})

    return set_energy


def _customer(meter: Meter, value: str, now: datetime) -> None:
    meter.change(now, customer_no=value)


_SETTINGS: Mapping[str, Callable[[Meter, Any, datetime], None]] = {
    "04000101": _date,
    "04000102": _time,
    "0400010C": lambda meter, value, now: meter.set_time(value, now),
    "0400040E": _customer,
    "04000F01": _energy("alarm_1_pulses"),
    "04000F02": _energy("alarm_2_pulses"),
    "04000F03": _energy("hoarding_limit_pulses"),
    "04000F04": _energy("overdraft_limit_pulses"),
}
