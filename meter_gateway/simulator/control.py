"""The control port: look at a meter's own registers, cut its link, change its load, stand beside it.

`docs/simulator.md` is the page for people; `page` is its short form, which `GET /` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from meter_gateway.simulator.contact import RELAY_LIFE
from meter_gateway.simulator.faults import COUNTED, HEALTHY, OF_BLUETOOTH, TIMED, Faults
from meter_gateway.simulator.http import Late, Page, Refused, Request
from meter_gateway.simulator.page import PAGE
from meter_gateway.simulator.roster import MOST_CLOCK_ERROR_S, MOST_DRIFT_S_A_DAY
from meter_gateway.simulator.torn import CREDIT_BYTES, FLASH_ORDERS
from meter_gateway.simulator.unit import OutOfRange, Unit

MOST_LOAD_KW = Decimal(100_000)
MOST_REMAINING_KWH = Decimal("999999.99")
MOST_VOLTS = Decimal("799.9")
MOST_BLE_BYTES = 512
LONGEST_DELAY_S = 3600


class ControlPort:
    """Answers control requests for a fleet; one event loop, no authentication, loopback only."""

    def __init__(self, units: Mapping[str, Unit], *, clock: Callable[[], datetime]) -> None:
        self._units = units
        self._clock = clock

    def answer(self, request: Request) -> Any:
        """JSON-able answer; raises `Refused` (404 unknown, 405 method, 409 out of range, 422 bad field)."""
        parts = [part for part in request.path.split("/") if part]
        if not parts:
            _allow(request, "GET")
            return Page(PAGE)
        if parts[:1] != ["meters"] or len(parts) > 3:
            raise Refused(HTTPStatus.NOT_FOUND, "not_found", "There is nothing here.")
        if len(parts) == 1:
            _allow(request, "GET")
            now = self._clock()
            return [unit.show(now) for unit in self._units.values()]
        unit = self._units.get(parts[1])
        if unit is None:
            raise Refused(HTTPStatus.NOT_FOUND, "unknown_serial", "There is no meter with this serial.")
        if len(parts) == 2:
            _allow(request, "GET", "PATCH")
            if request.method == "PATCH":
                self._change(unit, request.json_object())
            return unit.show(self._clock())
        return self._act(unit, parts[2], request)

    def _act(self, unit: Unit, act: str, request: Request) -> Any:
        if act == "ble":
            _allow(request, "POST")
            return self._carry(unit, request.json_object())
        if act == "power-cut":
            _allow(request, "POST")
            return self._cut_power(unit, request.json_object())
        raise Refused(HTTPStatus.NOT_FOUND, "not_found", "There is nothing here.")

    def _carry(self, unit: Unit, body: Mapping[str, Any]) -> Any:
        """A written frame in pieces of any size (`hex`), or exactly one write as the radio carries it."""
        now = self._clock()
        try:
            if "write" in body:
                data = _hex(body, "write", most=max(unit.ble_chunk, 1))
            else:
                data = _hex(body, "hex", most=MOST_BLE_BYTES)
            carried = unit.carried(data, now)
        except OutOfRange:
            raise Refused(HTTPStatus.CONFLICT, "out_of_range", "No phone reaches this meter.") from None
        answer = {
            "hex": carried.raw.hex().upper(),
            "notifications": [piece.hex().upper() for piece in carried.notifications],
        }
        return Late(answer, carried.wait_s) if carried.wait_s else answer

    def _cut_power(self, unit: Unit, body: Mapping[str, Any]) -> Any:
        """Now, or with `at_byte` in the middle of the next credit on its way to flash."""
        now = self._clock()
        if set(body) - {"at_byte"}:
            raise _bad(next(iter(set(body) - {"at_byte"})), "is not known here")
        if "at_byte" in body:
            unit.meter.cut_at_byte = int(_number("at_byte", body["at_byte"], Decimal(CREDIT_BYTES), places=0))
        else:
            unit.power_cut(now)
        return unit.show(now)

    def _change(self, unit: Unit, body: Mapping[str, Any]) -> None:
        """All of the body or none of it: every field is read before the first takes effect."""
        acts = [self._read_field(unit, field, value) for field, value in body.items()]
        for act in acts:
            act()

    def _read_field(self, unit: Unit, field: str, value: Any) -> Callable[[], None]:
        now = self._clock()
        match field:
            case "link":
                up = _up_or_down(field, value)
                return lambda: unit.set_link(up)
            case "ble":
                near = _up_or_down(field, value)
                return lambda: setattr(unit, "ble_up", near)
            case "load_kw":
                load_kw = None if value is None else _number(field, value, MOST_LOAD_KW, places=4)
                return lambda: unit.set_load(load_kw, now)
            case "remaining_kwh":
                energy_kwh = _number(field, value, MOST_REMAINING_KWH, places=2)
                return lambda: unit.set_remaining(energy_kwh, now)
            case "purchased_kwh":
                bought_kwh = _number(field, value, MOST_REMAINING_KWH, places=2)
                return lambda: unit.set_purchased(bought_kwh, now)
            case "faults":
                faults = _faults(field, unit.faults, value, (*COUNTED, *TIMED))
                return lambda: setattr(unit, "faults", faults)
            case "ble_faults":
                ble_faults = _faults(field, unit.ble_faults, value, OF_BLUETOOTH)
                return lambda: setattr(unit, "ble_faults", ble_faults)
            case "flash":
                if value not in FLASH_ORDERS:
                    raise _bad(field, "must be " + " or ".join(FLASH_ORDERS))
                return lambda: setattr(unit.meter, "flash_order", value)
            case "grid_v":
                grid_v = None if value is None else _number(field, value, MOST_VOLTS, places=1)
                return lambda: setattr(unit.meter, "grid_v", grid_v)
            case "clock_ahead_s":
                ahead_s = int(_number(field, value, Decimal(MOST_CLOCK_ERROR_S), places=0, signed=True))
                return lambda: unit.set_clock(ahead_s=ahead_s, drift_s_a_day=None, now=now)
            case "clock_drift_s_a_day":
                drift = _number(field, value, Decimal(MOST_DRIFT_S_A_DAY), places=3, signed=True)
                return lambda: unit.set_clock(ahead_s=None, drift_s_a_day=drift, now=now)
            case "relay_operations":
                operations = int(_number(field, value, Decimal(RELAY_LIFE), places=0))
                return lambda: unit.set_relay_operations(operations, now)
            case _:
                raise _bad(field, "cannot be changed")


def _faults(field: str, present: Faults, value: Any, known: tuple[str, ...]) -> Faults:
    """The faults named, on top of the present ones; an empty object heals the link."""
    if not isinstance(value, dict):
        raise _bad(field, "must be an object")
    if not value:
        return HEALTHY
    changes: dict[str, Any] = {}
    for name, amount in value.items():
        if name not in known:
            raise _bad(f"{field}.{name}", "is not a fault of this link")
        if name in COUNTED:
            changes[name] = int(_number(f"{field}.{name}", amount, Decimal(1_000_000), places=0))
        else:
            changes[name] = float(_number(f"{field}.{name}", amount, Decimal(LONGEST_DELAY_S), places=3))
    return replace(present, **changes)


def _number(field: str, value: Any, most: Decimal, *, places: int, signed: bool = False) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise _bad(field, "must be a number or a text with a number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise _bad(field, "is not a number") from None
    least = -most if signed else Decimal(0)
    if not number.is_finite() or not least <= number <= most:
        raise _bad(field, f"must lie between {least} and {most}")
    if number != round(number, places):
        raise _bad(field, f"must have at most {places} decimals")
    return number


def _up_or_down(field: str, value: Any) -> bool:
    if value not in ("up", "down"):
        raise _bad(field, 'must be "up" or "down"')
    return bool(value == "up")


def _hex(body: Mapping[str, Any], field: str, *, most: int) -> bytes:
    text = body.get(field)
    if not isinstance(text, str):
        raise _bad(field, "must be a text of hexadecimal digits")
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise _bad(field, "must be a text of hexadecimal digits") from None
    if not 0 < len(data) <= most:
        raise _bad(field, f"must hold 1 to {most} bytes")
    return data


def _allow(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", f"Use {' or '.join(methods)}.")


def _bad(field: str, why: str) -> Refused:
    detail = f"{field} {why}."
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, {field: detail})
