"""The purse as new, and the relay: what closes it, what opens it, and what must not."""

from __future__ import annotations

from datetime import timedelta

from meter_gateway.conformance.bench import Bench
from meter_gateway.conformance.clause import Chapter
from meter_gateway.conformance.crediting import ENERGY_KWH
from meter_gateway.conformance.linking import wrong
from meter_gateway.conformance.talk import Failed, NotApplicable, Talk
from meter_gateway.protocol.credits import clear_purse_frame
from meter_gateway.protocol.frames import ANY_ADDRESS, Frame
from meter_gateway.protocol.relay import RelayAction
from meter_gateway.protocol.replies import ReadReply, parse_reply
from meter_gateway.protocol.stream import FrameSeen
from meter_gateway.protocol.supply_report import SupplyReport

PURSE = Chapter("purse")
RELAY = Chapter("relay")

_RELAY = "DL/T 645-2007, function 1CH"
_ALONE = "product document: the meter trips and closes by itself"
_NO_ACTION = 0x77
_SETTLES_S = 3.0


@PURSE.clause(
    "init", "A purse as new holds the preset, count 0", "prepaid extension, 070103FF", destructive=True
)
def init(bench: Bench) -> Talk[None]:
    yield from _empty(bench)
    purse = yield from bench.purse()
    if purse.remaining_kwh or purse.purchased_kwh or purse.count:
        raise Failed(
            f"{purse.remaining_kwh} kWh remain, {purse.purchased_kwh} kWh purchased, count {purse.count}."
        )
    yield from _fill(bench)


@PURSE.clause("trips", "With nothing left it opens its relay by itself", _ALONE, destructive=True)
def trips_at_zero(bench: Bench) -> Talk[None]:
    yield from _empty(bench)
    is_open = yield from bench.is_open()
    yield from _fill(bench)
    if not is_open:
        raise Failed("Nothing is left and its relay is closed.")


@PURSE.clause("closes", "A credit after that closes it again", _ALONE, destructive=True)
def closes_after_credit(bench: Bench) -> Talk[None]:
    yield from _empty(bench)
    yield from bench.wait(_SETTLES_S)
    yield from _fill(bench)
    try:
        if (yield from bench.is_open()):
            raise Failed("It was recharged and its relay stays open.")
    finally:
        yield from bench.light(on=True)


@RELAY.clause(
    "wrong-password", "A wrong password moves nothing and is refused by name", _RELAY, destructive=True
)
def wrong_password(bench: Bench) -> Talk[None]:
    question = yield from bench.switch(RelayAction.TRIP, auth=wrong(bench.profile.auth))
    yield from _moves_nothing(bench, question, "a wrong password", "unauthorised")


@RELAY.clause("expired", "A command past its time moves nothing", _RELAY, destructive=True)
def expired(bench: Bench) -> Talk[None]:
    past = (yield from bench.clock()) - timedelta(hours=1)
    question = yield from bench.switch(RelayAction.TRIP, valid_until=past)
    yield from _moves_nothing(bench, question, "a command that expired an hour ago")


@RELAY.clause("no-action", "An action that is none is refused", _RELAY, destructive=True)
def no_action(bench: Bench) -> Talk[None]:
    question = yield from bench.switch(_NO_ACTION)
    yield from _moves_nothing(bench, question, f"the action {_NO_ACTION:02X}H")


@RELAY.clause("wildcard", "A command to any address is ignored", _RELAY, destructive=True)
def wildcard(bench: Bench) -> Talk[None]:
    yield from bench.light(on=True)
    before = yield from bench.is_open()
    question = yield from bench.switch(RelayAction.TRIP)
    to_all = Frame(ANY_ADDRESS, question.control, question.data)
    try:
        yield from bench.stays_silent(to_all.encode(), "a command to any address")
        if (yield from bench.is_open()) != before:
            raise Failed("It said nothing, and moved its relay.")
    finally:
        yield from bench.light(on=True)


@RELAY.clause("report", "It reports the movement unasked", "captured 028011FF", destructive=True)
def report(bench: Bench) -> Talk[None]:
    if not bench.profile.push_di:
        raise NotApplicable("the model never reports unasked")
    yield from bench.spare_contact()
    was_open = yield from bench.is_open()
    action = bench.profile.on_action if was_open else RelayAction.TRIP
    yield from bench.write((yield from bench.switch(action)).encode())
    try:
        yield from _reports(bench, is_open=not was_open)
    finally:
        yield from bench.light(on=True)


@RELAY.clause("trip", "1AH opens it; the status word shows contact and command", _RELAY, destructive=True)
def trip(bench: Bench) -> Talk[None]:
    yield from bench.light(on=True)
    yield from bench.spare_contact()
    yield from bench.accepted((yield from bench.switch(RelayAction.TRIP)), "a trip")
    word = yield from bench.status()
    if not word.bit(bench.profile.relay_bit):
        raise Failed(f"Word {word.raw:04X} shows a closed contact.")
    if not word.relay_command_open:
        raise Failed(f"Word {word.raw:04X} does not show the command.")


@RELAY.clause("close", "The model's own command closes it", _RELAY, destructive=True)
def close(bench: Bench) -> Talk[None]:
    yield from bench.light(on=False)
    yield from bench.spare_contact()
    yield from bench.accepted((yield from bench.switch(bench.profile.on_action)), "a close")
    word = yield from bench.status()
    if word.bit(bench.profile.relay_bit):
        raise Failed(f"Word {word.raw:04X} shows an open contact.")


@RELAY.clause("stays-off", "A credit does not close what was switched off", _ALONE, destructive=True)
def stays_off(bench: Bench) -> Talk[None]:
    yield from bench.light(on=False)
    yield from _fill(bench)
    is_open = yield from bench.is_open()
    yield from bench.light(on=True)
    if not is_open:
        raise Failed("It was switched off, and a credit switched it on.")


@RELAY.clause("lamp-on", "2AH lights the alarm lamp", _RELAY, destructive=True)
def lamp_on(bench: Bench) -> Talk[None]:
    bench.needs("alarm_lamp")
    yield from bench.ask((yield from bench.switch(RelayAction.ALARM_OFF)))
    yield from bench.accepted((yield from bench.switch(RelayAction.ALARM)), "an alarm")
    if not (yield from bench.status()).pre_trip_alarm:
        raise Failed("Its status word does not show the alarm.")


@RELAY.clause("lamp-off", "2BH ends the alarm", _RELAY, destructive=True)
def lamp_off(bench: Bench) -> Talk[None]:
    bench.needs("alarm_lamp")
    yield from bench.ask((yield from bench.switch(RelayAction.ALARM)))
    yield from bench.accepted((yield from bench.switch(RelayAction.ALARM_OFF)), "the end of an alarm")
    if (yield from bench.status()).pre_trip_alarm:
        raise Failed("Its status word still shows the alarm.")


@RELAY.clause("keep", "3AH closes it and lets no trip through", _RELAY, destructive=True)
def keep(bench: Bench) -> Talk[None]:
    bench.needs("keep_power")
    yield from bench.accepted((yield from bench.switch(RelayAction.KEEP)), "to keep power")
    try:
        yield from bench.refused((yield from bench.switch(RelayAction.TRIP)), "a trip while power is kept")
        word = yield from bench.status()
        if word.bit(bench.profile.relay_bit) or not word.keep_power:
            raise Failed(f"Word {word.raw:04X} shows no kept power.")
    finally:
        yield from bench.ask((yield from bench.switch(RelayAction.RELEASE)))
        yield from bench.light(on=True)


@RELAY.clause("release", "3BH lets the relay go again", _RELAY, destructive=True)
def release(bench: Bench) -> Talk[None]:
    bench.needs("keep_power")
    yield from bench.ask((yield from bench.switch(RelayAction.KEEP)))
    yield from bench.accepted((yield from bench.switch(RelayAction.RELEASE)), "the release")
    if (yield from bench.status()).keep_power:
        raise Failed("Its status word still shows kept power.")


def _moves_nothing(bench: Bench, question: Frame, what: str, *names: str) -> Talk[None]:
    """A trip that must be refused, asked of a closed contact; the light is on again afterwards."""
    yield from bench.light(on=True)
    before = yield from bench.is_open()
    try:
        yield from bench.refused(question, what, *names)
        if (yield from bench.is_open()) != before:
            raise Failed(f"It refused {what}, and moved its relay.")
    finally:
        yield from bench.light(on=True)


def _reports(bench: Bench, *, is_open: bool) -> Talk[None]:
    until = bench.now + timedelta(seconds=bench.answer_s)
    while bench.now < until:
        for event in (yield from bench.listen((until - bench.now).total_seconds())):
            if not isinstance(event, FrameSeen) or event.frame.di != bench.profile.push_di:
                continue
            reply = parse_reply(event.frame)
            if not isinstance(reply, ReadReply) or not isinstance(reply.value, SupplyReport):
                raise Failed("Its report is not readable.")
            if reply.value.relay_open != is_open:
                raise Failed(f"Its report says that the relay is {'closed' if is_open else 'open'}.")
            return
    raise Failed("It moved its relay and reported nothing.")


def _empty(bench: Bench) -> Talk[None]:
    """Nothing remains. What the model offers for that is a purse as new, or its maker's own write."""
    bench.needs("init_purse")
    yield from bench.spare_contact()
    yield from bench.accepted(clear_purse_frame(bench.profile, bench.serial), "a purse as new")


def _fill(bench: Bench) -> Talk[None]:
    """Energy again, whatever the clause found."""
    yield from bench.spare_contact()
    count = yield from bench.number(bench.profile.count_di)
    yield from bench.ask((yield from bench.credit(2 * ENERGY_KWH, number=count + 1)))
