"""Flaws to plant in a simulated meter, each named after the clause of the conformance kit it breaks.

A kit that shares its protocol with the meter it judges could nod at both being wrong. Each flaw here makes a
meter do one thing that meters in the field have done, and exactly that clause must turn red.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from meter_gateway.protocol.answers import accept, refuse
from meter_gateway.protocol.frames import (
    ANY_ADDRESS,
    BROADCAST_ADDRESS,
    START,
    Frame,
    FrameError,
    Function,
    checksum,
    encode_di,
)
from meter_gateway.protocol.openings import Opening
from meter_gateway.protocol.prepaid import RECHARGE_DI
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.relay import RelayAction, StatusWord3, decode_moment, encode_moment
from meter_gateway.protocol.security import PURSE_INIT_DI, VOID_DI
from meter_gateway.simulator.clock import SYNC_LIMIT
from meter_gateway.simulator.meter import Meter
from meter_gateway.simulator.port import Answer, Port
from meter_gateway.simulator.writing import CLEAR_BALANCE_DI, password_of


@dataclass(frozen=True, slots=True)
class Moment:
    """What a flaw sees of one question."""

    meter: Meter
    profile: Profile
    now: datetime
    empty_before: bool = False


Asked = Callable[[Frame, Moment], Frame | None]
Answered = Callable[[Frame, Frame | None, Moment], Frame | None]


def _same_question(question: Frame, moment: Moment) -> Frame | None:
    return question


def _same_answer(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    return answer


def _same_bytes(raw: bytes) -> bytes:
    return raw


@dataclass(frozen=True, slots=True)
class Break:
    """One flaw. ``asked`` changes what the meter takes a question for (None: hears nothing), ``answered``
    what it says or does afterwards, ``heard`` the portions of bytes, ``opening`` and ``heartbeat`` its own
    words; ``reports`` False keeps it from reporting unasked."""

    words: str
    asked: Asked = _same_question
    answered: Answered = _same_answer
    heard: Callable[[bytes], bytes] = _same_bytes
    opening: Callable[[bytes], bytes] = _same_bytes
    heartbeat: Callable[[bytes], bytes] = _same_bytes
    reports: bool = True


class FlawedPort(Port):
    """A meter's end of the link with one flaw in it."""

    def __init__(self, meter: Meter, profile: Profile, flaw: Break) -> None:
        super().__init__(meter, profile)
        self._flaw = flaw

    def opening(self) -> bytes:
        return self._flaw.opening(super().opening())

    def heartbeat(self) -> bytes:
        plain = b"ping" if self._profile.opening is Opening.TEXT else super().opening()
        return self._flaw.heartbeat(plain)

    def report(self, now: datetime) -> bytes:
        return super().report(now) if self._flaw.reports else b""

    def receive(self, data: bytes, now: datetime) -> list[Answer]:
        return super().receive(self._flaw.heard(data), now)

    def _answer(self, request: Frame, now: datetime) -> Answer:
        moment = Moment(self._meter, self._profile, now, self._meter.empty)
        taken_for = self._flaw.asked(request, moment)
        sound = super()._answer(taken_for, now) if taken_for is not None else Answer(b"")
        answer = Frame.decode(sound.raw) if sound.raw else None
        said = self._flaw.answered(request, answer, moment)
        if said == answer:
            return sound
        return Answer(self._connection.send(said) if said else b"", sound.credited)


# Bytes


def _deaf_after_long_preamble(data: bytes) -> bytes:
    return b"" if data.startswith(b"\xfe" * 5) else data


def _deaf_to_parts(data: bytes) -> bytes:
    body = data.lstrip(b"\xfe")
    return data if len(body) >= 12 or len(body) == 0 else b""


def _first_frame_only(data: bytes) -> bytes:
    body = data.lstrip(b"\xfe")
    first = body[: 12 + body[9]] if len(body) >= 12 else body
    return data[: len(data) - len(body) + len(first)] if first[-1:] == b"\x16" else data


def _deaf_after_noise(data: bytes) -> bytes:
    return b"" if data[:2] == bytes((0x00, START)) else data


def _deaf_after_damage(data: bytes) -> bytes:
    """Gives up on everything that came with a frame whose end is missing."""
    if data[:1] == bytes((START,)) and len(data) > 12 and len(data) > 12 + data[9]:
        return b""
    return data


def _any_checksum(data: bytes) -> bytes:
    return data[:-2] + bytes((checksum(data[:-2]), data[-1])) if _is_whole(data) else data


def _any_end(data: bytes) -> bytes:
    return data[:-1] + b"\x16" if _is_whole(data) else data


def _is_whole(data: bytes) -> bool:
    return data[:1] == bytes((START,)) and len(data) >= 12 and len(data) == 12 + data[9]


def _answers_answers(data: bytes) -> bytes:
    try:
        frame = Frame.decode(data)
    except FrameError:
        return data
    if frame.control != 0x91:
        return data
    return Frame(frame.address, Function.READ, frame.data).encode()


def _another_serial(raw: bytes) -> bytes:
    try:
        frame = Frame.decode(raw)
    except FrameError:
        return b"?" * len(raw)
    return Frame(frame.address[::-1], frame.control, frame.data).encode()


# Addresses


def _answers_to_strangers(question: Frame, moment: Moment) -> Frame:
    serial = moment.meter.state.serial
    known = (serial, BROADCAST_ADDRESS)
    return question if "A" in question.address or question.address in known else _to(question, serial)


def _answers_broadcasts(question: Frame, moment: Moment) -> Frame:
    is_read = question.function == Function.READ and question.address == BROADCAST_ADDRESS
    return _to(question, moment.meter.state.serial) if is_read else question


def _deaf_to_short_addresses(question: Frame, moment: Moment) -> Frame | None:
    return None if "A" in question.address and question.address != ANY_ADDRESS else question


def _answers_as_anybody(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and question.function == Function.READ and question.address == ANY_ADDRESS:
        return _to(answer, ANY_ADDRESS)
    return answer


def _obeys_anybody(*functions: Function) -> Asked:
    def asked(question: Frame, moment: Moment) -> Frame:
        is_for_all = question.address == ANY_ADDRESS and question.function in functions
        return _to(question, moment.meter.state.serial) if is_for_all else question

    return asked


def _to(frame: Frame, address: str) -> Frame:
    return Frame(address, frame.control, frame.data)


# Answers to reads


def _register(di: str, change: Callable[[bytes], bytes]) -> Answered:
    """Another content in the register ``di``."""

    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        if answer is None or question.di != di or answer.is_error or question.function != Function.READ:
            return answer
        return Frame(answer.address, answer.control, answer.data[:4] + change(answer.data[4:]))

    return answered


def _denied(di: str) -> Answered:
    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        return refuse(question, "no_such_data") if answer and question.di == di else answer

    return answered


def _wrong_address_told(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer is None or question.function != Function.READ_ADDRESS:
        return answer
    return Frame(answer.address[::-1], answer.control, answer.data[::-1])


def _other_error_word(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and answer.is_error and question.function == Function.READ:
        return refuse(question, "other")
    return answer


def _wrong_sequence(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    is_part = question.function == Function.READ_MORE and question.di == "0001FF00"
    if answer and not answer.is_error and is_part:
        return Frame(answer.address, answer.control, answer.data[:-1] + bytes((answer.data[-1] ^ 0x55,)))
    return answer


def _follows_up_nothing(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and answer.is_error and question.function == Function.READ_MORE:
        return question.answered_with(question.data)
    return answer


def _status(change: Callable[[StatusWord3, Moment], int]) -> Answered:
    """Another status word 3."""

    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        if answer is None or answer.is_error or question.di != moment.profile.status_di:
            return answer
        word = StatusWord3.decode(answer.data[4:6])
        return Frame(
            answer.address, answer.control, answer.data[:4] + StatusWord3(change(word, moment)).encode()
        )

    return answered


def _closed_at_zero(word: StatusWord3, moment: Moment) -> int:
    on_its_own = moment.meter.empty and not moment.meter.state.forced_off
    return word.raw & ~(1 << moment.profile.relay_bit | 1 << 4) if on_its_own else word.raw


# Time


def _believes_any_time(question: Frame, moment: Moment) -> Frame | None:
    if question.function != Function.BROADCAST_TIME:
        return question
    told = decode_moment(question.data)
    if told is None or abs(told - moment.meter.clock(moment.now)) <= SYNC_LIMIT:
        return question
    moment.meter.set_time(told, moment.now)
    return None


def _deaf_to(function: Function) -> Asked:
    return lambda question, moment: None if question.function == function else question


def _only_said(function: Function, *dis: str) -> tuple[Asked, Answered]:
    """Says to whoever has the password that it did it, and does nothing."""

    def concerns(question: Frame, moment: Moment) -> bool:
        at = 4 if function == Function.WRITE else 0
        named = question.function == function and (not dis or question.di in dis)
        mine = question.address == moment.meter.state.serial
        return named and mine and question.data[at : at + 4] == _key(moment)

    def asked(question: Frame, moment: Moment) -> Frame | None:
        return None if concerns(question, moment) else question

    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        return accept(question) if concerns(question, moment) else answer

    return asked, answered


def _key(moment: Moment) -> bytes:
    """Level and password that hold now, as on the wire."""
    auth = moment.profile.auth
    return replace(auth, password=password_of(moment.meter, moment.profile, auth.level)).encode()[:4]


def _any_password(function: Function, at: int, *dis: str) -> Asked:
    """Takes any password for the right one, but for one that was right before a change; ``at`` is where
    level and password stand."""

    def asked(question: Frame, moment: Moment) -> Frame:
        if question.function != function or (dis and question.di not in dis):
            return question
        if question.data[at : at + 4] == moment.profile.auth.encode()[:4]:
            return question
        return replace(question, data=question.data[:at] + _key(moment) + question.data[at + 4 :])

    return asked


def _old_password_holds(question: Frame, moment: Moment) -> Frame:
    """Takes the password it came with for the one it has now."""
    if question.function != Function.WRITE or question.data[4:8] != moment.profile.auth.encode()[:4]:
        return question
    return replace(question, data=question.data[:4] + _key(moment) + question.data[8:])


# Credits


def _is_credit(question: Frame, moment: Moment) -> bool:
    mine = question.address == moment.meter.state.serial
    return mine and question.di == moment.profile.credit_di and question.function in (0x03, 0x14)


def _before_credit(change: Callable[[Frame, Moment], Frame]) -> Asked:
    def asked(question: Frame, moment: Moment) -> Frame:
        return change(question, moment) if _is_credit(question, moment) else question

    return asked


def _after_credit(change: Callable[[Moment], None]) -> Answered:
    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        if answer and not answer.is_error and _is_credit(question, moment):
            change(moment)
        return answer

    return answered


def _takes_any_count(gap: int) -> Callable[[Frame, Moment], Frame]:
    """Moves its own count so that one that is off by ``gap`` fits; forgets order numbers for 0."""

    def change(question: Frame, moment: Moment) -> Frame:
        state = moment.meter.state
        if moment.profile.credit_layout == "order_34":
            moment.meter.state = replace(state, orders=())
        elif int.from_bytes(question.data[12:16], "little") == state.purchase_count + gap:
            moment.meter.state = replace(state, purchase_count=state.purchase_count + gap - 1)
        return question

    return change


def _takes_any_customer(question: Frame, moment: Moment) -> Frame:
    state, data = moment.meter.state, question.data
    if len(data) not in (30, 34):
        return question
    at, own = (20, state.customer_no) if len(data) == 30 else (24, state.serial)
    return replace(question, data=data[:at] + bytes.fromhex(own)[::-1] + data[at + 6 :])


def _knows_no_limit(question: Frame, moment: Moment) -> Frame:
    """Lifts its limit for every credit; `_limit_again` puts it back."""
    moment.meter.state = replace(moment.meter.state, hoarding_limit_pulses=10**12)
    return question


def _limit_again(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if _is_credit(question, moment):
        limit = int(_LIMIT_KWH * moment.meter.pulses_per_kwh)
        moment.meter.state = replace(moment.meter.state, hoarding_limit_pulses=limit)
    return answer


_LIMIT_KWH = Decimal("1000.00")


def _purchased_stands_still(moment: Moment) -> None:
    state = moment.meter.state
    moment.meter.change(
        moment.now, purchased_pulses=state.purchased_pulses - state.purchases[0].energy_pulses
    )


def _records_nothing_before(moment: Moment) -> None:
    newest, *older = moment.meter.state.purchases
    wrong = replace(newest, before_pulses=0)
    moment.meter.change(moment.now, purchases=(wrong, *older))


def _fills_up(question: Frame, moment: Moment) -> Frame:
    lengths = {"count_30": 30, "order_34": 34, "write": 16}
    missing = lengths[moment.profile.credit_layout] - len(question.data)
    return replace(question, data=question.data + bytes(max(missing, 0)))


def _needs_no_account(question: Frame, moment: Moment) -> Frame:
    if not moment.meter.state.account_open:
        customer = question.data[20:26][::-1].hex()
        moment.meter.state = replace(moment.meter.state, account_open=True, customer_no=customer)
    return question


def _opens_again(question: Frame, moment: Moment) -> Frame:
    """Takes an opening for a recharge once it is in service."""
    in_service = moment.meter.state.account_open and question.di == "070101FF"
    return replace(question, data=encode_di(RECHARGE_DI) + question.data[4:]) if in_service else question


def _count_told_wrongly(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and not answer.is_error and question.di == "078102FF":
        data = bytearray(answer.data)
        data[12] ^= 0x01
        return replace(answer, data=bytes(data))
    return answer


def _void_takes_nothing(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and not answer.is_error and question.di == VOID_DI:
        energy = int.from_bytes(question.data[8:12], "little") * moment.meter.pulses_per_kwh // 100
        moment.meter.change(moment.now, balance_pulses=moment.meter.state.balance_pulses + energy)
    return answer


def _voids_again(question: Frame, moment: Moment) -> Frame:
    if question.di == VOID_DI:
        moment.meter.state = replace(moment.meter.state, orders=())
    return question


# Purse and relay


def _keeps_purchased(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and not answer.is_error and question.di in (PURSE_INIT_DI, CLEAR_BALANCE_DI):
        moment.meter.change(moment.now, purchased_pulses=100 * moment.meter.pulses_per_kwh)
    return answer


def _stays_open_after_credit(moment: Moment) -> None:
    if moment.empty_before and not moment.meter.state.forced_off:
        moment.meter.change(moment.now, forced_off=True)


def _closes_with_credit(moment: Moment) -> None:
    moment.meter.change(moment.now, forced_off=False)


def _action(replaced: tuple[RelayAction, ...], by: RelayAction) -> Asked:
    """Takes one relay command for another."""

    def asked(question: Frame, moment: Moment) -> Frame:
        if question.function != Function.RELAY or question.data[8] not in replaced:
            return question
        return replace(question, data=question.data[:8] + bytes((by,)) + question.data[9:])

    return asked


def _obeys_for_ever(question: Frame, moment: Moment) -> Frame:
    if question.function != Function.RELAY:
        return question
    later = encode_moment(moment.meter.clock(moment.now) + timedelta(days=1))
    return replace(question, data=question.data[:10] + later)


def _takes_nonsense_for_trip(question: Frame, moment: Moment) -> Frame:
    known = {int(action) for action in RelayAction}
    if question.function == Function.RELAY and question.data[8] not in known:
        return replace(question, data=question.data[:8] + bytes((RelayAction.TRIP,)) + question.data[9:])
    return question


def _trips_although_kept(question: Frame, moment: Moment) -> Frame:
    is_trip = question.function == Function.RELAY and question.data[8] == RelayAction.TRIP
    if is_trip and moment.meter.state.keep_power:
        moment.meter.change(moment.now, keep_power=False)
    return question


def _clears_too_much(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and not answer.is_error and question.function == Function.CLEAR_METER:
        moment.meter.change(moment.now, balance_pulses=moment.meter.pulses_per_kwh)
    return answer


def _refuses(function: Function) -> Answered:
    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        return refuse(question, "other") if answer and question.function == function else answer

    return answered


def _answers_freeze_for_all(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if question.function == Function.FREEZE and question.address == BROADCAST_ADDRESS:
        return Frame(moment.meter.state.serial, question.function | 0x80)
    return answer


_SET_NOTHING = _only_said(Function.WRITE, "04000F01")
_CLEAR_NOTHING = _only_said(Function.CLEAR_EVENTS)

BREAKS: Mapping[str, Break] = {
    "link.opening": Break("announces another number", opening=_another_serial),
    "link.heartbeat": Break("never says that it is still there", heartbeat=lambda raw: b""),
    "frame.preamble": Break("hears nothing after more than four FEH", heard=_deaf_after_long_preamble),
    "frame.split": Break("forgets the parts of a question", heard=_deaf_to_parts),
    "frame.glued": Break("hears the first frame of a portion only", heard=_first_frame_only),
    "frame.noise": Break("hears nothing after noise", heard=_deaf_after_noise),
    "frame.resync": Break("throws the next frame away with a damaged one", heard=_deaf_after_damage),
    "frame.bad-checksum": Break("does not look at the checksum", heard=_any_checksum),
    "frame.bad-end": Break("does not look at the end", heard=_any_end),
    "frame.echo": Break("answers answers", heard=_answers_answers),
    "frame.other-address": Break("answers for every address", asked=_answers_to_strangers),
    "frame.any-address": Break("answers as AAAAAAAAAAAA", answered=_answers_as_anybody),
    "frame.short-address": Break("does not know short addresses", asked=_deaf_to_short_addresses),
    "frame.broadcast": Break("answers broadcasts", asked=_answers_broadcasts),
    "read.address": Break("tells its address the wrong way round", answered=_wrong_address_told),
    "read.identity": Break(
        "holds its address the wrong way round", answered=_register("04000401", lambda raw: raw[::-1])
    ),
    "read.counters": Break(
        "answers the overdraft short", answered=_register("00900101", lambda raw: raw[:3])
    ),
    "read.purchases": Break("has no record of the purchase before", answered=_denied("03320302")),
    "read.limits": Break(
        "holds nonsense in the second alarm", answered=_register("04000F02", lambda raw: b"\xab" * 4)
    ),
    "read.supply": Break(
        "holds nonsense in voltage A", answered=_register("02010100", lambda raw: b"\x0f\x22")
    ),
    "read.blocks": Break("knows no blocks", answered=_denied("0201FF00")),
    "read.status": Break("says that it counts money", answered=_status(lambda word, _: word.raw ^ 0x0300)),
    "read.clock": Break("tells midnight for the time", answered=_register("04000102", lambda raw: bytes(3))),
    "read.freezes": Break(
        "freezes all days alike in time",
        answered=_register("05060002", lambda raw: encode_di("23112359") + b"\x26"),
    ),
    "read.events": Break("does not count its trips", answered=_denied("1E000001")),
    "read.unknown": Break("refuses with another error word", answered=_other_error_word),
    "read.follow-up": Break("numbers its follow-up frames wrongly", answered=_wrong_sequence),
    "read.no-follow-up": Break("follows up where nothing follows", answered=_follows_up_nothing),
    "clock.far-broadcast": Break("believes any time", asked=_believes_any_time),
    "clock.broadcast": Break("hears no time", asked=_deaf_to(Function.BROADCAST_TIME)),
    "clock.set": Break("says that it set its clock", *_only_said(Function.WRITE, "0400010C")),
    "clock.set-password": Break(
        "lets everybody set its clock", asked=_any_password(Function.WRITE, 4, "0400010C")
    ),
    "clock.freeze": Break("refuses to freeze", answered=_refuses(Function.FREEZE)),
    "clock.freeze-broadcast": Break("answers a freeze for all", answered=_answers_freeze_for_all),
    "write.setting": Break("says that it set an alarm", *_SET_NOTHING),
    "write.wrong-password": Break("lets everybody set", asked=_any_password(Function.WRITE, 4, "04000F01")),
    "write.unknown": Break("accepts every write", *_only_said(Function.WRITE, "0E0E0E0E")),
    "write.password": Break("lets the old password hold", asked=_old_password_holds),
    "account.first": Break("needs no account", asked=_before_credit(_needs_no_account)),
    "account.again": Break("opens its account again", asked=_opens_again),
    "credit.next": Break(
        "leaves the purchased energy where it was", answered=_after_credit(_purchased_stands_still)
    ),
    "credit.repeated": Break("takes the same credit twice", asked=_before_credit(_takes_any_count(0))),
    "credit.skipped": Break("takes a count that skips one", asked=_before_credit(_takes_any_count(2))),
    "credit.customer": Break("takes credits for anybody", asked=_before_credit(_takes_any_customer)),
    "credit.over-limit": Break(
        "knows no limit", asked=_before_credit(_knows_no_limit), answered=_limit_again
    ),
    "credit.record": Break(
        "records nothing as the balance before", answered=_after_credit(_records_nothing_before)
    ),
    "credit.wildcard": Break(
        "takes credits for all", asked=_obeys_anybody(Function.SECURITY, Function.WRITE)
    ),
    "credit.length": Break("fills a short credit up", asked=_before_credit(_fills_up)),
    "credit.password": Break(
        "takes credits from everybody", asked=_any_password(Function.WRITE, 4, "000A0100")
    ),
    "credit.status": Break("tells another count", answered=_count_told_wrongly),
    "credit.void": Break("gives back and keeps", answered=_void_takes_nothing),
    "credit.void-repeated": Break("gives back twice", asked=_voids_again),
    "purse.init": Break("keeps what was purchased", answered=_keeps_purchased),
    "purse.trips": Break("stays closed with nothing left", answered=_status(_closed_at_zero)),
    "purse.closes": Break("stays open after a credit", answered=_after_credit(_stays_open_after_credit)),
    "relay.stays-off": Break("closes with any credit", answered=_after_credit(_closes_with_credit)),
    "relay.wrong-password": Break("obeys everybody", asked=_any_password(Function.RELAY, 0)),
    "relay.expired": Break("obeys for ever", asked=_obeys_for_ever),
    "relay.no-action": Break("takes nonsense for a trip", asked=_takes_nonsense_for_trip),
    "relay.wildcard": Break("obeys what is for nobody", asked=_obeys_anybody(Function.RELAY)),
    "relay.trip": Break("forgets what it was told", answered=_status(lambda word, _: word.raw & ~(1 << 6))),
    "relay.close": Break(
        "says that it closed",
        asked=_action((RelayAction.CLOSE, RelayAction.PERMIT_CLOSE), RelayAction.RELEASE),
    ),
    "relay.report": Break("reports nothing", reports=False),
    "relay.lamp-on": Break("lights no lamp", asked=_action((RelayAction.ALARM,), RelayAction.ALARM_OFF)),
    "relay.lamp-off": Break("lets the lamp burn", asked=_action((RelayAction.ALARM_OFF,), RelayAction.ALARM)),
    "relay.keep": Break("trips although power is kept", asked=_trips_although_kept),
    "relay.release": Break("keeps for ever", asked=_action((RelayAction.RELEASE,), RelayAction.KEEP)),
    "clear.events": Break("clears no events", *_CLEAR_NOTHING),
    "clear.energy": Break("clears the purse too", answered=_clears_too_much),
}
"""By the clause that must find it; every clause of the kit has one."""
