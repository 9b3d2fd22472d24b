"""What may be set, by whom, and cleared."""

from __future__ import annotations

from decimal import Decimal

from meter_gateway.conformance.bench import DRAWN_MEANWHILE_KWH, Bench, words
from meter_gateway.conformance.clause import Chapter
from meter_gateway.conformance.linking import wrong
from meter_gateway.conformance.reading import UNKNOWN_DI
from meter_gateway.conformance.talk import Failed, NotApplicable, Talk
from meter_gateway.protocol.clearing import clear_events_request, clear_meter_request
from meter_gateway.protocol.parameters import (
    Password,
    change_password_request,
    write_raw_request,
    write_request,
)
from meter_gateway.protocol.relay import Auth
from meter_gateway.protocol.replies import Accepted, Refused, parse_reply

WRITES = Chapter("write")
CLEARING = Chapter("clear")

ALARM_DI = "04000F01"
_WRITE = "DL/T 645-2007, function 14H"
_STEP_KWH = Decimal("1.00")


@WRITES.clause(
    "setting", "An alarm threshold can be set, is read back, and set back", _WRITE, destructive=True
)
def setting(bench: Bench) -> Talk[None]:
    before = yield from bench.energy(ALARM_DI)
    for wanted in (before + _STEP_KWH, before):
        question = write_request(bench.serial, ALARM_DI, bench.profile.parameter_auth, wanted)
        yield from bench.accepted(question, "an alarm threshold")
        if (now := (yield from bench.energy(ALARM_DI))) != wanted:
            raise Failed(f"It holds {now} kWh instead of {wanted} kWh.")


@WRITES.clause(
    "wrong-password", "A wrong password sets nothing and is refused by name", _WRITE, destructive=True
)
def wrong_password(bench: Bench) -> Talk[None]:
    before = yield from bench.energy(ALARM_DI)
    auth = wrong(bench.profile.parameter_auth)
    question = write_request(bench.serial, ALARM_DI, auth, before + _STEP_KWH)
    try:
        yield from bench.refused(question, "a setting with a wrong password", "unauthorised")
        if (now := (yield from bench.energy(ALARM_DI))) != before:
            raise Failed(f"It refused, and holds {now} kWh instead of {before} kWh.")
    finally:
        yield from bench.ask(write_request(bench.serial, ALARM_DI, bench.profile.parameter_auth, before))


@WRITES.clause("unknown", "It refuses to set what it does not have: D4H", _WRITE, destructive=True)
def unknown(bench: Bench) -> Talk[None]:
    question = write_raw_request(bench.serial, UNKNOWN_DI, bench.profile.parameter_auth, bytes(4))
    yield from bench.refused(question, f"a write to {UNKNOWN_DI}")


@WRITES.clause(
    "password", "A changed password holds and the old one does not", "DL/T 645-2007, 18H", destructive=True
)
def password(bench: Bench) -> Talk[None]:
    auth = bench.profile.parameter_auth
    old, new = Password(auth.level, auth.password), Password(auth.level, wrong(auth).password)
    value = yield from bench.energy(ALARM_DI)
    reply = parse_reply((yield from bench.ask(change_password_request(bench.serial, old, new))))
    if isinstance(reply, Refused):
        raise NotApplicable(f"its passwords cannot be changed from afar: {words(reply)}")
    try:
        for password, holds in ((new, True), (old, False)):
            try_out = Auth(auth.level, password.digits, auth.operator)
            answer = yield from bench.ask(write_request(bench.serial, ALARM_DI, try_out, value))
            if isinstance(parse_reply(answer), Accepted) != holds:
                raise Failed(
                    f"The {'new' if holds else 'old'} password {'does not hold' if holds else 'still holds'}."
                )
    finally:
        yield from bench.ask(change_password_request(bench.serial, new, old))


@CLEARING.clause("events", "Cleared events are gone (1BH)", "DL/T 645-2007, function 1BH", destructive=True)
def clear_events(bench: Bench) -> Talk[None]:
    yield from bench.refused(
        clear_events_request(bench.serial, wrong(bench.profile.auth)),
        "it with a wrong password",
        "unauthorised",
    )
    yield from bench.accepted(clear_events_request(bench.serial, bench.profile.auth), "to clear its events")
    if trips := (yield from bench.number("1D000001")):
        raise Failed(f"It still counts {trips} trips.")


@CLEARING.clause(
    "energy", "Cleared energy is gone, and the purse stays (1AH)", "DL/T 645-2007, 1AH", destructive=True
)
def clear_energy(bench: Bench) -> Talk[None]:
    bench.needs("reset_energy")
    before = yield from bench.purse()
    yield from bench.accepted(clear_meter_request(bench.serial, bench.profile.auth), "to clear its energy")
    after = yield from bench.purse()
    if after.total_kwh > DRAWN_MEANWHILE_KWH:
        raise Failed(f"It still counts {after.total_kwh} kWh.")
    if abs(after.remaining_kwh - before.remaining_kwh) > DRAWN_MEANWHILE_KWH or after.count != before.count:
        raise Failed(
            f"{after.remaining_kwh} kWh remain at count {after.count}; it was {before.remaining_kwh} kWh."
        )
