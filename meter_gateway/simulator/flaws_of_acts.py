"""Flaws of what a meter does: time, settings, credits, purse and relay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from meter_gateway.protocol.answers import accept, refuse
from meter_gateway.protocol.frames import BROADCAST_ADDRESS, Frame, Function, encode_di
from meter_gateway.protocol.prepaid import OPEN_ACCOUNT_DI, RECHARGE_DI
from meter_gateway.protocol.relay import RelayAction, decode_moment, encode_moment
from meter_gateway.protocol.security import PURSE_INIT_DI, STATUS_DI, VOID_DI
from meter_gateway.simulator.clock import SYNC_LIMIT
from meter_gateway.simulator.flaw import Answered, Asked, Moment
from meter_gateway.simulator.writing import password_of


def believes_any_time(question: Frame, moment: Moment) -> Frame | None:
    if question.function != Function.BROADCAST_TIME:
        return question
    told = decode_moment(question.data)
    if told is None or abs(told - moment.meter.clock(moment.now)) <= SYNC_LIMIT:
        return question
    moment.meter.set_time(told, moment.now)
    return None


def deaf_to(function: Function) -> Asked:
    return lambda question, moment: None if question.function == function else question


def only_said(function: Function, *dis: str) -> tuple[Asked, Answered]:
    """Says to whoever has the password that it did it, and does nothing."""
    at = _AUTH_AT[function]

    def concerns(question: Frame, moment: Moment) -> bool:
        named = question.function == function and (not dis or question.di in dis)
        mine = question.address == moment.meter.state.serial
        return named and mine and question.data[at : at + 4] == _key(question, at, moment)

    def asked(question: Frame, moment: Moment) -> Frame | None:
        return None if concerns(question, moment) else question

    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        return accept(question) if concerns(question, moment) else answer

    return asked, answered


_AUTH_AT = {Function.WRITE: 4, Function.RELAY: 0, Function.CLEAR_EVENTS: 0}
"""Where level and password stand."""


def _key(question: Frame, at: int, moment: Moment, *, first: bool = False) -> bytes:
    """The question's level with the password that holds now, or held at ``first``, as on the wire."""
    auth = replace(moment.profile.auth, level=question.data[at])
    if not first:
        auth = replace(auth, password=password_of(moment.meter, moment.profile, auth.level))
    return auth.encode()[:4]


def any_password(function: Function, *dis: str) -> Asked:
    """Takes any password for the right one, but for one that was right before a change."""
    at = _AUTH_AT[function]

    def asked(question: Frame, moment: Moment) -> Frame:
        if question.function != function or (dis and question.di not in dis):
            return question
        if question.data[at : at + 4] == _key(question, at, moment, first=True):
            return question
        key = _key(question, at, moment)
        return replace(question, data=question.data[:at] + key + question.data[at + 4 :])

    return asked


def old_password_holds(question: Frame, moment: Moment) -> Frame:
    """Takes the password it came with for the one it has now."""
    if question.function != Function.WRITE or question.data[4:8] != _key(question, 4, moment, first=True):
        return question
    return replace(question, data=question.data[:4] + _key(question, 4, moment) + question.data[8:])


def _is_credit(question: Frame, moment: Moment) -> bool:
    mine = question.address == moment.meter.state.serial
    return mine and question.di == moment.profile.credit_di and question.function in (0x03, 0x14)


def before_credit(change: Callable[[Frame, Moment], Frame]) -> Asked:
    def asked(question: Frame, moment: Moment) -> Frame:
        return change(question, moment) if _is_credit(question, moment) else question

    return asked


def after_credit(change: Callable[[Moment], None]) -> Answered:
    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        if answer and not answer.is_error and _is_credit(question, moment):
            change(moment)
        return answer

    return answered


def takes_any_count(gap: int) -> Callable[[Frame, Moment], Frame]:
    """Moves its own count so that one that is off by ``gap`` fits; forgets order numbers for 0."""

    def change(question: Frame, moment: Moment) -> Frame:
        state = moment.meter.state
        if moment.profile.credit_layout == "order_34":
            moment.meter.state = replace(state, orders=())
        elif int.from_bytes(question.data[12:16], "little") == state.purchase_count + gap:
            moment.meter.state = replace(state, purchase_count=state.purchase_count + gap - 1)
        return question

    return change


def takes_any_customer(question: Frame, moment: Moment) -> Frame:
    state, data = moment.meter.state, question.data
    if len(data) not in (30, 34):
        return question
    at, own = (20, state.customer_no) if len(data) == 30 else (24, state.serial)
    return replace(question, data=data[:at] + bytes.fromhex(own)[::-1] + data[at + 6 :])


def knows_no_limit(question: Frame, moment: Moment) -> Frame:
    """Lifts its limit for every credit; `limit_again` puts it back."""
    moment.meter.state = replace(moment.meter.state, hoarding_limit_pulses=10**12)
    return question


def limit_again(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if _is_credit(question, moment):
        limit = int(_LIMIT_KWH * moment.meter.pulses_per_kwh)
        moment.meter.state = replace(moment.meter.state, hoarding_limit_pulses=limit)
    return answer


_LIMIT_KWH = Decimal("1000.00")


def purchased_stands_still(moment: Moment) -> None:
    state = moment.meter.state
    moment.meter.change(
        moment.now, purchased_pulses=state.purchased_pulses - state.purchases[0].energy_pulses
    )


def records_nothing_before(moment: Moment) -> None:
    newest, *older = moment.meter.state.purchases
    wrong = replace(newest, before_pulses=0)
    moment.meter.change(moment.now, purchases=(wrong, *older))


def fills_up(question: Frame, moment: Moment) -> Frame:
    lengths = {"count_30": 30, "order_34": 34, "write": 16}
    missing = lengths[moment.profile.credit_layout] - len(question.data)
    return replace(question, data=question.data + bytes(max(missing, 0)))


def needs_no_account(question: Frame, moment: Moment) -> Frame:
    if not moment.meter.state.account_open:
        customer = question.data[20:26][::-1].hex()
        moment.meter.state = replace(moment.meter.state, account_open=True, customer_no=customer)
    return question


def opens_again(question: Frame, moment: Moment) -> Frame:
    """Takes an opening for a recharge once it is in service."""
    in_service = moment.meter.state.account_open and question.di == OPEN_ACCOUNT_DI
    return replace(question, data=encode_di(RECHARGE_DI) + question.data[4:]) if in_service else question


def count_told_wrongly(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and not answer.is_error and question.di == STATUS_DI:
        data = bytearray(answer.data)
        data[12] ^= 0x01
        return replace(answer, data=bytes(data))
    return answer


def void_takes_nothing(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and not answer.is_error and question.di == VOID_DI:
        energy = int.from_bytes(question.data[8:12], "little") * moment.meter.pulses_per_kwh // 100
        moment.meter.change(moment.now, balance_pulses=moment.meter.state.balance_pulses + energy)
    return answer


def voids_again(question: Frame, moment: Moment) -> Frame:
    if question.di == VOID_DI:
        moment.meter.state = replace(moment.meter.state, orders=())
    return question


def keeps_purchased(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and not answer.is_error and question.di in (PURSE_INIT_DI, moment.profile.clear_di):
        moment.meter.change(moment.now, purchased_pulses=100 * moment.meter.pulses_per_kwh)
    return answer


def stays_open_after_credit(moment: Moment) -> None:
    if moment.empty_before and not moment.meter.state.forced_off:
        moment.meter.change(moment.now, forced_off=True)


def closes_with_credit(moment: Moment) -> None:
    moment.meter.change(moment.now, forced_off=False)


def action(replaced: tuple[RelayAction, ...], by: RelayAction) -> Asked:
    """Takes one relay command for another."""

    def asked(question: Frame, moment: Moment) -> Frame:
        if question.function != Function.RELAY or question.data[8] not in replaced:
            return question
        return replace(question, data=question.data[:8] + bytes((by,)) + question.data[9:])

    return asked


def obeys_for_ever(question: Frame, moment: Moment) -> Frame:
    if question.function != Function.RELAY:
        return question
    later = encode_moment(moment.meter.clock(moment.now) + timedelta(days=1))
    return replace(question, data=question.data[:10] + later)


def takes_nonsense_for_trip(question: Frame, moment: Moment) -> Frame:
    known = {int(action) for action in RelayAction}
    if question.function == Function.RELAY and question.data[8] not in known:
        return replace(question, data=question.data[:8] + bytes((RelayAction.TRIP,)) + question.data[9:])
    return question


def trips_although_kept(question: Frame, moment: Moment) -> Frame:
    is_trip = question.function == Function.RELAY and question.data[8] == RelayAction.TRIP
    if is_trip and moment.meter.state.keep_power:
        moment.meter.change(moment.now, keep_power=False)
    return question


def clears_too_much(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and not answer.is_error and question.function == Function.CLEAR_METER:
        moment.meter.change(moment.now, balance_pulses=moment.meter.pulses_per_kwh)
    return answer


def refuses(function: Function) -> Answered:
    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        return refuse(question, "other") if answer and question.function == function else answer

    return answered


def answers_freeze_for_all(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if question.function == Function.FREEZE and question.address == BROADCAST_ADDRESS:
        return Frame(moment.meter.state.serial, question.function | 0x80)
    return answer
