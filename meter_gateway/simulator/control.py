"""The control port: look at a meter's own registers, cut its link, change its load, stand beside it.

Paths and meanings are those of the REST contract's control ports; `README.md` beside this file is the
page for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from meter_gateway.simulator.faults import COUNTED, TIMED, Faults
from meter_gateway.simulator.http import Refused, Request
from meter_gateway.simulator.unit import OutOfRange, Unit

MOST_LOAD_KW = Decimal(100_000)
MOST_REMAINING_KWH = Decimal("999999.99")
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
            data = _hex(request.json_object())
            try:
                return {"hex": unit.carried(data, self._clock()).hex().upper()}
            except OutOfRange:
                raise Refused(HTTPStatus.CONFLICT, "out_of_range", "No phone reaches this meter.") from None
        if act == "power-cut":
            _allow(request, "POST")
            now = self._clock()
            unit.power_cut(now)
            return unit.show(now)
        raise Refused(HTTPStatus.NOT_FOUND, "not_found", "There is nothing here.")

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
            case "faults":
                faults = _faults(unit.faults, value)
                return lambda: setattr(unit, "faults", faults)
            case _:
                raise _bad(field, "cannot be changed")


def _faults(present: Faults, value: Any) -> Faults:
    """The faults named, on top of the present ones; an empty object heals the link."""
    if not isinstance(value, dict):
        raise _bad("faults", "must be an object")
    if not value:
        return Faults()
    changes: dict[str, Any] = {}
    for name, amount in value.items():
        field = f"faults.{name}"
        if name in COUNTED:
            number = _number(field, amount, Decimal(1_000_000), places=0)
            changes[name] = int(number)
        elif name in TIMED:
            changes[name] = float(_number(field, amount, Decimal(LONGEST_DELAY_S), places=3))
        else:
            raise _bad(field, f"is not one of {', '.join((*COUNTED, *TIMED))}")
    return replace(present, **changes)


def _number(field: str, value: Any, most: Decimal, *, places: int) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise _bad(field, "must be a number or a text with a number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise _bad(field, "is not a number") from None
    if not number.is_finite() or not 0 <= number <= most:
        raise _bad(field, f"must lie between 0 and {most}")
    if number != round(number, places):
        raise _bad(field, f"must have at most {places} decimals")
    return number


def _up_or_down(field: str, value: Any) -> bool:
    if value not in ("up", "down"):
        raise _bad(field, 'must be "up" or "down"')
    return bool(value == "up")


def _hex(body: Mapping[str, Any]) -> bytes:
    text = body.get("hex")
    if not isinstance(text, str):
        raise _bad("hex", "must be a text of hexadecimal digits")
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise _bad("hex", "must be a text of hexadecimal digits") from None
    if not 0 < len(data) <= MOST_BLE_BYTES:
        raise _bad("hex", f"must hold 1 to {MOST_BLE_BYTES} bytes")
    return data


def _allow(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", f"Use {' or '.join(methods)}.")


def _bad(field: str, why: str) -> Refused:
    detail = f"{field} {why}."
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, {field: detail})
