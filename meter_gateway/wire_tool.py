"""``decode`` and ``encode``: frames to words and back, for whoever stands before a meter or reads a log.

``decode`` prints one JSON line for each frame, ``encode`` one line of hexadecimal digits. What goes wrong is
one sentence on stderr and status 1.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, NoReturn, TextIO

from meter_gateway.protocol import clearing, parameters, timing
from meter_gateway.protocol.answers import push
from meter_gateway.protocol.bcd import ValueDoesNotFit
from meter_gateway.protocol.credits import credit_frame, void_frame
from meter_gateway.protocol.describe import (
    describe,
    describe_opening,
    describe_rejected,
    describe_reply,
    value_from_text,
)
from meter_gateway.protocol.follow_up import Overheard
from meter_gateway.protocol.frames import PREAMBLE, Frame, FrameError
from meter_gateway.protocol.openings import OpeningSeen, heartbeat_frame, registration_frame
from meter_gateway.protocol.prepaid import RechargeNotPossible, open_account_request
from meter_gateway.protocol.profiles import Profile, UnknownProfile, load_profile
from meter_gateway.protocol.reads import read_address_request, read_more_request, read_request
from meter_gateway.protocol.registers import RegisterError
from meter_gateway.protocol.relay import Auth, RelayAction, relay_request
from meter_gateway.protocol.replies import ReadReply, parse_reply
from meter_gateway.protocol.security import purse_init_request, status_request
from meter_gateway.protocol.stream import BytesSkipped, FrameRejected, FrameSeen, FrameStream, StreamEvent

_DEFAULT_PROFILE = "dtsy-4g-ble"
_SEPARATORS = re.compile(r"[\s,:-]|0[xX]")


class NotUnderstood(Exception):
    """One sentence about what was typed; no ValueError, which argparse would reword."""


def decode(arguments: list[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Tell what the hexadecimal digits in ``arguments`` (or, without any, on ``stdin``) are; exit status.

    All arguments, and all lines, are one stream of bytes: frames may be glued, split and surrounded by noise.
    Spaces, commas, colons, dashes and 0x between the digits are ignored. Bytes that belong to no frame are
    told in the note of the frame after them, or of the last one, or on `stderr` where there is none.
    """
    narrator = _Narrator(stdout)
    try:
        if arguments and arguments[0] in ("-h", "--help"):
            stdout.write("usage: python -m meter_gateway decode [HEX ...]    (without HEX: from stdin)\n")
            return 0
        for text in [" ".join(arguments)] if arguments else stdin:
            narrator.hear(_bytes(text))
        narrator.end()
    except NotUnderstood as problem:
        stderr.write(f"decode: {problem}\n")
        return 1
    return 0


def encode(arguments: list[str], stdout: TextIO, stderr: TextIO) -> int:
    """Build the frame that ``arguments`` name and write its bytes as hexadecimal digits; exit status."""
    try:
        options = _parser().parse_args(arguments)
        frame: Frame = options.build(options)
        stdout.write(frame.encode(options.preamble).hex().upper() + "\n")
    except (NotUnderstood, FrameError, ValueDoesNotFit, RegisterError, RechargeNotPossible) as problem:
        stderr.write(f"encode: {problem}.\n")
        return 1
    except UnknownProfile as problem:
        stderr.write(f"encode: {problem.args[0]}.\n")
        return 1
    except SystemExit:
        return 0
    return 0


class _Narrator:
    """Writes one line for each frame, and what was skipped into the line after it."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout
        self._stream = FrameStream()
        self._overheard = Overheard()
        self._skipped = b""
        self._held: dict[str, Any] | None = None

    def hear(self, data: bytes) -> None:
        self._tell(self._stream.receive(data))

    def end(self) -> None:
        self._tell(self._stream.flush())
        if self._held is None:
            skipped = self._skipped.hex().upper()
            raise NotUnderstood(
                f"There is no frame here; skipped: {skipped or 'nothing, there are no bytes'}."
            )
        if self._skipped:
            _note(self._held, f"skipped after it: {self._skipped.hex().upper()}")
        self._write()

    def _tell(self, events: Iterable[StreamEvent]) -> None:
        for event in events:
            if isinstance(event, BytesSkipped):
                self._skipped += event.raw
                continue
            line = self._line(event)
            self._write()
            if self._skipped:
                noise = self._skipped.rstrip(bytes((PREAMBLE,)))
                _note(line, f"skipped before it: {noise.hex().upper()}")
                self._skipped = b""
            self._held = line

    def _line(self, event: FrameSeen | FrameRejected | OpeningSeen) -> dict[str, Any]:
        if isinstance(event, FrameRejected):
            return describe_rejected(event)
        if isinstance(event, OpeningSeen):
            return describe_opening(event)
        reply = parse_reply(event.frame)
        if isinstance(reply, ReadReply) and reply.problem == "partial":
            whole = self._overheard.take(reply)
            if whole:
                line = describe_reply(event.frame, whole)
                _note(line, f"joined from {reply.sequence + 1} frames")
                return line
        return describe(event.frame)

    def _write(self) -> None:
        if self._held is not None:
            self._stdout.write(json.dumps(self._held, ensure_ascii=False) + "\n")


def _note(line: dict[str, Any], words: str) -> None:
    line["note"] = f"{line['note']}; {words}" if line["note"] else words


def _bytes(text: str) -> bytes:
    digits = _SEPARATORS.sub("", text)
    try:
        return bytes.fromhex(digits)
    except ValueError:
        wrong = sorted({letter for letter in digits if letter not in "0123456789abcdefABCDEF"})
        if wrong:
            raise NotUnderstood(f"{', '.join(map(repr, wrong[:3]))} is no hexadecimal digit.") from None
        raise NotUnderstood(f"{len(digits)} hexadecimal digits make no whole bytes.") from None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise NotUnderstood(f"{message[:1].upper()}{message[1:]} (try --help)")


def _parser() -> argparse.ArgumentParser:
    top = _Parser(prog="python -m meter_gateway encode", description="Print a frame as hexadecimal digits.")
    top.add_argument("--preamble", type=_whole, default=4, metavar="N", help="bytes FEH before it (4)")
    kinds = top.add_subparsers(required=True, metavar="KIND", parser_class=_Parser)

    def kind(
        name: str, words: str, build: Callable[[Any], Frame], *positional: str
    ) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = kinds.add_parser(name, help=words, description=words)
        for argument in positional:
            parser.add_argument(argument, metavar=argument.upper())
        parser.set_defaults(build=build)
        return parser

    read = kind("read", "read one register (11H, 12H)", _read, "serial", "di")
    read.add_argument("--follow-up", type=_whole, metavar="N", help="the Nth follow-up of a long answer")
    kind("read-address", "ask for the address (13H)", lambda o: read_address_request())
    relay = kind("relay", "switch (1CH)", _relay, "serial", "action")
    relay.add_argument(
        "--valid-until", type=_moment, required=True, metavar="TIME", help="the meter's own time"
    )
    relay.add_argument("--channel", type=_whole, default=0, metavar="N")
    _takes_auth(relay)
    for name, words, build in (
        ("recharge", "add energy, in the model's layout", _recharge),
        ("void", "take energy back (070108FF)", _void),
        ("open-account", "first credit of a new meter (070101FF)", _open_account),
        ("purse-init", "set what remains, count 0 (070103FF)", _purse_init),
    ):
        parser = kind(name, words, build, "serial")
        parser.add_argument("energy_kwh", type=_energy, metavar="KWH")
        parser.add_argument("--number", type=_whole, metavar="N", help="the purchase count afterwards")
        parser.add_argument("--customer", metavar="DIGITS", help="customer number")
        parser.add_argument("--order", metavar="DIGITS", help="order number")
        _takes_profile(parser)
    status = kind("status", "ask for the purse (078102FF)", _status, "serial")
    _takes_profile(status)
    write = kind("write", "set a register (14H)", _write_register, "serial", "di")
    write.add_argument("value", nargs="+", metavar="VALUE")
    _takes_auth(write)
    answer = kind("answer", "a meter's answer, or a push (91H)", _answer, "serial", "di")
    answer.add_argument("value", nargs="+", metavar="VALUE")
    kind("broadcast-time", "tell all meters the time (08H)", _broadcast, "time")
    freeze = kind("freeze", "freeze now, or at a time (16H)", _freeze, "serial")
    for part in ("month", "day", "hour", "minute"):
        freeze.add_argument(f"--{part}", type=_whole, metavar="N")
    password = kind("password", "another password (18H); old and new as LEVEL:DIGITS", _password, "serial")
    password.add_argument("old", type=_level_and_digits, metavar="OLD")
    password.add_argument("new", type=_level_and_digits, metavar="NEW")
    kind("address", "a new address (15H)", lambda o: parameters.write_address_request(o.new), "new")
    baud = kind(
        "baud", "another speed (17H)", lambda o: parameters.change_baud_request(o.serial, o.baud), "serial"
    )
    baud.add_argument("baud", type=_whole, metavar="BAUD")
    for name, function in (
        ("clear-demand", clearing.clear_demand_request),
        ("clear-meter", clearing.clear_meter_request),
        ("clear-events", clearing.clear_events_request),
    ):
        words = name.replace("-", " the ")
        _takes_auth(kind(name, words, partial(_clear, function), "serial"))
    kind(
        "registration", "how a meter announces itself (91H)", lambda o: registration_frame(o.serial), "serial"
    )
    heartbeat = kind("heartbeat", "a meter's heartbeat (00H)", _heartbeat, "serial")
    heartbeat.add_argument("--signal", type=_whole, metavar="N")
    return top


def _takes_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", default=_DEFAULT_PROFILE, metavar="NAME", help=f"({_DEFAULT_PROFILE})")


def _takes_auth(parser: argparse.ArgumentParser) -> None:
    _takes_profile(parser)
    parser.add_argument("--level", type=_whole, metavar="N", help="PA; else the profile's")
    parser.add_argument("--password", metavar="DIGITS", help="six digits; else the profile's")
    parser.add_argument("--operator", metavar="HEX", help="eight digits; else the profile's")


def _profile(options: Any) -> Profile:
    return load_profile(options.profile)


def _auth(options: Any) -> Auth:
    default = _profile(options).auth
    level = default.level if options.level is None else options.level
    return Auth(level, options.password or default.password, options.operator or default.operator)


def _read(options: Any) -> Frame:
    if options.follow_up is None:
        return read_request(options.serial, options.di)
    return read_more_request(options.serial, options.di, options.follow_up)


def _relay(options: Any) -> Frame:
    name = options.action.upper().replace("-", "_")
    if name not in RelayAction.__members__:
        raise NotUnderstood(f"{options.action!r} is none of {', '.join(a.name.lower() for a in RelayAction)}")
    return relay_request(
        options.serial, RelayAction[name], _auth(options), options.valid_until, channel=options.channel
    )


def _recharge(options: Any) -> Frame:
    return credit_frame(
        _profile(options), options.serial, options.energy_kwh, options.number, options.customer, options.order
    )


def _void(options: Any) -> Frame:
    return void_frame(_profile(options), options.serial, options.energy_kwh, options.order)


def _open_account(options: Any) -> Frame:
    return open_account_request(
        options.serial,
        _profile(options),
        energy_kwh=options.energy_kwh,
        purchase_count=1 if options.number is None else options.number,
        customer_no=options.customer,
    )


def _purse_init(options: Any) -> Frame:
    return purse_init_request(options.serial, _profile(options), options.energy_kwh)


def _status(options: Any) -> Frame:
    return status_request(options.serial, _profile(options))


def _write_register(options: Any) -> Frame:
    value = value_from_text(options.di, options.value)
    return parameters.write_request(options.serial, options.di, _auth(options), value)


def _answer(options: Any) -> Frame:
    return push(options.serial, options.di, value_from_text(options.di, options.value))


def _broadcast(options: Any) -> Frame:
    return timing.broadcast_time(_moment(options.time))


def _freeze(options: Any) -> Frame:
    when = timing.FreezeTime(options.month, options.day, options.hour, options.minute)
    return timing.freeze_request(options.serial, when)


def _clear(function: Callable[[str, Auth], Frame], options: Any) -> Frame:
    return function(options.serial, _auth(options))


def _password(options: Any) -> Frame:
    return parameters.change_password_request(options.serial, options.old, options.new)


def _heartbeat(options: Any) -> Frame:
    if options.signal is not None and options.signal > 0xFF:
        raise NotUnderstood(f"{options.signal} is no signal quality")
    return heartbeat_frame(options.serial, options.signal)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise NotUnderstood(f"{text!r} is no whole number")
    return int(text)


def _energy(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise NotUnderstood(f"{text!r} is no energy in kWh") from None


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise NotUnderstood(f"{text!r} is no time; write 2026-11-23T12:00:00") from None


def _level_and_digits(text: str) -> parameters.Password:
    level, _, digits = text.partition(":")
    return parameters.Password(_whole(level), digits)
