"""A frame in words: what people and other programs are shown of it. Pure; every value is ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from meter_gateway.protocol.bcd import InvalidBcd, ValueDoesNotFit
from meter_gateway.protocol.clearing import ClearRequest
from meter_gateway.protocol.codecs import (
    Ascii,
    Block,
    Clock,
    Day,
    Digits,
    Fixed,
    MaxDemand,
    Minute,
    Peak,
    Second,
    TimeOfDay,
    Value,
)
from meter_gateway.protocol.frames import HEADER_LENGTH, Frame, FrameError, Function
from meter_gateway.protocol.openings import Opening, OpeningSeen, is_heartbeat_answer, opening_of
from meter_gateway.protocol.parameters import (
    ChangeBaudRequest,
    ChangePasswordRequest,
    WriteAddressRequest,
    WriteRequest,
)
from meter_gateway.protocol.questions import Question, parse_question
from meter_gateway.protocol.reads import ReadAddressRequest, ReadRequest
from meter_gateway.protocol.registers import RegisterError, decode_value, find_register
from meter_gateway.protocol.relay import RelayAction, RelayRequest, StatusWord3
from meter_gateway.protocol.replies import (
    Accepted,
    AddressReply,
    ReadReply,
    Refused,
    Reply,
    parse_reply,
)
from meter_gateway.protocol.security import COMMANDS, SecurityRequest, decode_fields
from meter_gateway.protocol.status_words import StatusWord
from meter_gateway.protocol.stream import FrameRejected, plausible_head
from meter_gateway.protocol.supply_report import SupplyReport
from meter_gateway.protocol.timing import BroadcastTime

Values = dict[str, dict[str, Any]]
"""Name → {"value", "unit"}; numbers with a point are texts, so that no digit is lost."""

_PHASE_UNITS: Mapping[str, str] = {
    "balance": "",
    "overdraft": "",
    "voltages_v": "V",
    "currents_a": "A",
    "power_kw": "kW",
    "phase_powers_kw": "kW",
    "power_factor": "",
    "phase_power_factors": "",
    "energies_kwh": "kWh",
}


def describe(frame: Frame) -> dict[str, Any]:
    """One frame in words::

        {"address", "control", "function", "direction", "error", "di", "values", "checksum_ok", "note"}

    ``control`` is two hexadecimal digits, ``direction`` "to_meter" or "from_meter", ``error`` the names of a
    refusal or null, ``values`` as :data:`Values`. Passwords are left out. What cannot be understood is told
    in ``note`` and kept in hexadecimal under "raw". Never raises.
    """
    opening = opening_of(frame)
    if opening:
        return _opening(opening, frame)
    if is_heartbeat_answer(frame):
        return _line(frame, direction="to_meter", note="answer to a heartbeat")
    if frame.is_from_meter:
        return describe_reply(frame, parse_reply(frame))
    try:
        question = parse_question(frame)
        di, values = _question(question)
    except (FrameError, InvalidBcd) as error:
        return _line(frame, direction="to_meter", di=frame.di, values=_raw(frame.data), note=str(error))
    note = "" if values or not frame.data else "bytes in no known layout"
    return _line(frame, direction="to_meter", di=di, values=values, note=note)


def describe_reply(frame: Frame, reply: Reply) -> dict[str, Any]:
    """As :func:`describe` for an answer, whose ``reply`` may have been joined from several frames."""
    match reply:
        case ReadReply(problem="partial"):
            note = f"part {reply.sequence} of a long answer" + (", more to come" if reply.more else "")
            return _line(frame, di=reply.di, values=_raw(reply.raw), note=note)
        case ReadReply(problem=""):
            return _line(frame, di=reply.di, values=told(reply.di, reply.value))
        case ReadReply():
            return _line(frame, di=reply.di, values=_raw(reply.raw), note=reply.problem)
        case AddressReply():
            return _line(frame, values=_plain(address=reply.address))
        case Refused():
            return _line(frame, error=sorted(reply.error_names), note=f"error word {reply.raw.hex().upper()}")
        case Accepted():
            return _line(frame, di=reply.di, values=_accepted(reply), note="accepted")
        case _:
            return _line(frame, values=_raw(reply.raw), note="no function of the standard")


def describe_opening(opening: OpeningSeen) -> dict[str, Any]:
    """As :func:`describe` for an opening that is no frame: a text, or another protocol's link frame."""
    return _opening(opening, None)


def describe_rejected(event: FrameRejected) -> dict[str, Any]:
    """As :func:`describe` for a damaged frame: head as it came, no values, ``checksum_ok`` false."""
    head = event.raw[:HEADER_LENGTH]
    whole = len(head) == HEADER_LENGTH and plausible_head(head)
    line = _blank()
    if whole:
        frame = Frame(event.raw[6:0:-1].hex().upper(), event.raw[8])
        line = _line(frame, direction="from_meter" if frame.is_from_meter else "to_meter")
    return line | {"checksum_ok": False, "note": f"{event.error}: {event.raw.hex().upper()}"}


def told(di: str, value: Value) -> Values:
    """A register's value by name and unit; blocks and words are told part by part."""
    register = find_register(di)
    match value:
        case SupplyReport():
            values = {name: _value(getattr(value, name), unit) for name, unit in _PHASE_UNITS.items()}
            return values | _plain(relay_open=value.relay_open, keep_power=value.keep_power)
        case tuple() if register.parts:
            pairs = zip(register.parts, value, strict=True)
            name = register.name.replace("_block", "")
            return {f"{name}_{part}": _value(item, register.unit) for part, item in pairs}
        case tuple():
            return {f"status_word_{number}": _value(word, "") for number, word in enumerate(value, start=1)}
    return {register.name: _value(value, register.unit)}


def value_from_text(di: str, texts: list[str]) -> Value:
    """The value of register ``di`` that people write as ``texts``; several for a block, "-" for an absent one.

    A demand is its power and its time. Times are ISO 8601 without
    zone. The inverse of :func:`told`, but for words: they are written as numbers.

    :raises UnknownRegister: the identifier is not in the table.
    :raises ValueDoesNotFit: not a value of this register.
    """
    register = find_register(di)
    codec = register.codec
    try:
        if isinstance(codec, Block):
            return tuple(None if text == "-" else Decimal(text) for text in texts)
        if isinstance(codec, Peak):
            power, at = texts
            return MaxDemand(Decimal(power), None if at == "-" else datetime.fromisoformat(at))
        (text,) = texts
        match codec:
            case Fixed():
                return None if text == "-" else Decimal(text)
            case Digits() | Ascii():
                return text
            case Day():
                return date.fromisoformat(text)
            case TimeOfDay():
                return time.fromisoformat(text)
            case Clock() | Minute() | Second():
                return datetime.fromisoformat(text)
            case _:
                return StatusWord3(int(text, 0)) if di == "04000503" else int(text, 0)
    except (ValueError, InvalidOperation) as error:
        raise ValueDoesNotFit(f"{' '.join(texts)!r} is no {register.name} ({register.format})") from error


def _question(question: Question) -> tuple[str | None, Values]:
    match question:
        case ReadRequest():
            extra = _set(follow_up=question.sequence or None, extra=question.extra)
            return question.di, _plain(**_named(question.di), **extra)
        case ReadAddressRequest():
            return None, {}
        case WriteRequest():
            auth = _plain(level=question.auth.level, operator=question.auth.operator)
            return question.di, auth | _written(question)
        case WriteAddressRequest():
            return None, _plain(new_address=question.new_address)
        case ChangeBaudRequest():
            return None, {"speed": _value(question.baud, "Bd")}
        case ChangePasswordRequest():
            return question.di, _plain(old_level=question.old.level, new_level=question.new.level)
        case ClearRequest():
            return question.di, _plain(level=question.auth.level, operator=question.auth.operator)
        case RelayRequest():
            actions = {action.value: action.name.lower() for action in RelayAction}
            return None, _plain(
                action=actions.get(question.action, f"{question.action:02X}H"),
                level=question.auth.level,
                operator=question.auth.operator,
                channel=question.channel,
                valid_until=question.valid_until,
            )
        case SecurityRequest():
            fields = question.fields() or _set(raw=question.body)
            name = question.command.name if question.command else "unknown"
            return question.di, _plain(command=name, operator=question.operator, **fields)
        case BroadcastTime():
            return None, _plain(moment=question.moment)
        case _:
            when = question.when
            parts = {"month": when.month, "day": when.day, "hour": when.hour, "minute": when.minute}
            return None, _plain(**{name: "every" if part is None else part for name, part in parts.items()})


def _written(write: WriteRequest) -> Values:
    if write.needs_security_module:
        return _raw(write.data)
    try:
        return told(write.di, decode_value(write.di, write.data))
    except (RegisterError, InvalidBcd):
        return _raw(write.data)


def _accepted(reply: Accepted) -> Values:
    command = COMMANDS.get(reply.di or "")
    if reply.credit:
        credit = reply.credit
        return _plain(
            remaining_kwh=credit.remaining_kwh,
            purchase_count=credit.purchase_count,
            customer_no=credit.customer_no,
        )
    if reply.status:
        status = reply.status
        return _plain(
            remaining_kwh=status.remaining_kwh,
            purchase_count=status.purchase_count,
            customer_no=status.customer_no,
            key_info=status.key_info.hex().upper(),
        )
    if reply.function == Function.CHANGE_PASSWORD:
        return {}
    try:
        fields = decode_fields(command.answers if command else (), reply.raw)
    except InvalidBcd:
        fields = {}
    return _plain(**fields) or _raw(reply.raw)


def _opening(opening: OpeningSeen, frame: Frame | None) -> dict[str, Any]:
    notes = {
        Opening.REGISTRATION: "registration of a meter, repeated to keep the link",
        Opening.HEARTBEAT: "heartbeat of a meter, to be answered",
        Opening.TEXT: "registration text",
        Opening.KEEPALIVE: "keep-alive text",
        Opening.Q_GDW_376_1: "link frame of Q/GDW 376.1, not DL/T 645",
        Opening.DLT_698_45: "link frame of DL/T 698.45, not DL/T 645",
    }
    values = _plain(**_set(signal_quality=opening.signal_quality))
    if frame is not None:
        return _line(frame, direction="from_meter", di=frame.di, values=values, note=notes[opening.shape])
    line = _blank() | {"address": opening.serial or None, "direction": "from_meter"}
    # Link frames of other protocols were recognised by their sums; a text has none.
    summed = True if opening.shape.is_foreign else None
    return line | {
        "function": opening.shape.name.lower(),
        "checksum_ok": summed,
        "note": notes[opening.shape],
    }


def _line(
    frame: Frame,
    *,
    direction: str = "from_meter",
    error: list[str] | None = None,
    di: str | None = None,
    values: Values | None = None,
    note: str = "",
) -> dict[str, Any]:
    known = {function.value: function.name.lower() for function in Function}
    return _blank() | {
        "address": frame.address,
        "control": f"{frame.control:02X}",
        "function": known.get(frame.function, "unknown"),
        "direction": direction,
        "error": error,
        "di": di,
        "values": values or {},
        "checksum_ok": True,
        "note": note,
    }


def _blank() -> dict[str, Any]:
    keys = ("address", "control", "function", "direction", "error", "di")
    return {**dict.fromkeys(keys), "values": {}, "checksum_ok": None, "note": ""}


def _named(di: str) -> dict[str, str]:
    try:
        return {"register": find_register(di).name}
    except RegisterError:
        return {}


def _set(**values: Any) -> dict[str, Any]:
    """Those that say something; bytes as hexadecimal."""
    shown = {
        name: value.hex().upper() if isinstance(value, bytes) else value for name, value in values.items()
    }
    return {name: value for name, value in shown.items() if value not in ("", None)}


def _plain(**values: Any) -> Values:
    return {name: _value(value, "kWh" if name.endswith("_kwh") else "") for name, value in values.items()}


def _raw(data: bytes) -> Values:
    return _plain(raw=data.hex().upper()) if data else {}


def _value(value: Any, unit: str) -> dict[str, Any]:
    return {"value": _shown(value), "unit": unit}


def _shown(value: Any) -> Any:
    match value:
        case Decimal():
            return str(value)
        case date() | time():
            return value.isoformat()
        case MaxDemand():
            return {"power": str(value.power_kw), "at": _shown(value.at)}
        case StatusWord() | StatusWord3():
            return {"word": f"{value.raw:04X}", "set": sorted(value.names)}
        case tuple():
            return [_shown(item) for item in value]
    return value
