"""One end of a meter, 4G or Bluetooth: bytes in, the meter's answers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from meter_gateway.protocol.answers import (
    UnknownRequest,
    accept,
    answer_address,
    answer_read,
    parse_request,
    push,
    refuse,
    refuse_security,
)
from meter_gateway.protocol.bcd import InvalidBcd
from meter_gateway.protocol.connection import Connection, Role
from meter_gateway.protocol.frames import BROADCAST_ADDRESS, Frame, FrameError, Function, addresses
from meter_gateway.protocol.openings import (
    Opening,
    heartbeat_frame,
    is_heartbeat_answer,
    registration_frame,
    registration_text,
)
from meter_gateway.protocol.prepaid import RECHARGE_DI, RechargeRequest, SecurityError
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.reads import ReadAddressRequest, ReadRequest
from meter_gateway.protocol.registers import UnknownRegister
from meter_gateway.protocol.relay import RelayAction, RelayRequest, decode_moment
from meter_gateway.simulator.meter import CreditOutcome, Meter, PowerLost
from meter_gateway.simulator.values import NoSuchData, Registers

SILENCE = timedelta(seconds=5)
"""An unfinished question is forgotten after this much silence."""

SIGNAL_QUALITY = 24

SERR_NAMES: Mapping[CreditOutcome, str] = {
    CreditOutcome.REPEATED: "repeated_recharge",
    CreditOutcome.WRONG_CUSTOMER: "customer_mismatch",
    CreditOutcome.WRONG_COUNT: "count_error",
    CreditOutcome.OVER_LIMIT: "over_hoarding_limit",
}


@dataclass(frozen=True)
class Answer:
    """What one question led to. `raw` is empty where a meter stays silent; `credited` says that the purchase
    count moved by it."""

    raw: bytes
    credited: bool = False


class Port:
    """The protocol of one link of one meter. Links do not know of each other; the meter is the same."""

    def __init__(self, meter: Meter, profile: Profile) -> None:
        self._meter = meter
        self._profile = profile
        self._registers = Registers(meter, profile)
        self._connection = Connection(Role.METER)
        self._heard_at: datetime | None = None

    @property
    def expects_heartbeat_answer(self) -> bool:
        """Whether a platform that stays silent to this model's heartbeat is taken for gone."""
        return self._profile.opening is Opening.HEARTBEAT

    def opening(self) -> bytes:
        """What this model says first when its link comes up."""
        serial = self._meter.state.serial
        match self._profile.opening:
            case Opening.HEARTBEAT:
                return self._connection.send(heartbeat_frame(serial, SIGNAL_QUALITY))
            case Opening.TEXT:
                return registration_text(serial)
            case _:
                return self._connection.send(registration_frame(serial))

    def heartbeat(self) -> bytes:
        """What this model says to keep its link alive."""
        if self._profile.opening is Opening.TEXT:
            return b"ping"
        return self.opening()

    def report(self, now: datetime) -> bytes:
        """What this model reports unasked, b"" for one that never does."""
        if not self._profile.push_di:
            return b""
        value = self._registers.value(self._profile.push_di, now)
        return self._connection.send(push(self._meter.state.serial, self._profile.push_di, value))

    def hang_up(self) -> None:
        """The link broke: half a question is no question."""
        self._connection = Connection(Role.METER)
        self._heard_at = None

    def receive(self, data: bytes, now: datetime) -> list[Answer]:
        """Take bytes in portions of any size; one `Answer` for each whole question, in order."""
        if self._heard_at is not None and now - self._heard_at > SILENCE:
            self._connection.flush()
        self._heard_at = now
        answers = []
        for event in self._connection.receive(data):
            frame = getattr(event, "frame", None)
            if isinstance(frame, Frame) and not frame.is_from_meter and not is_heartbeat_answer(frame):
                answers.append(self._answer(frame, now))
        return answers

    def _answer(self, request: Frame, now: datetime) -> Answer:
        if not addresses(request.address, self._meter.state.serial):
            return Answer(b"")
        if request.address == BROADCAST_ADDRESS:
            self._hear_broadcast(request, now)
            return Answer(b"")
        count_before = self._meter.state.purchase_count
        try:
            reply = self._reply(request, now)
        except PowerLost:
            reply = None
        credited = self._meter.state.purchase_count != count_before
        return Answer(self._connection.send(reply) if reply else b"", credited)

    def _reply(self, request: Frame, now: datetime) -> Frame | None:
        try:
            asked = parse_request(request)
        except (UnknownRequest, FrameError, InvalidBcd):
            return self._not_understood(request)
        self._meter.advance(now)
        serial = self._meter.state.serial
        match asked:
            case ReadAddressRequest():
                return answer_address(request, serial) if self._profile.answers_read_address else None
            case ReadRequest():
                return self._read(request, asked, now)
        if request.address != serial:
            return None
        if isinstance(asked, RelayRequest):
            return self._switch(request, asked, now)
        return self._recharge(request, asked, now)

    def _read(self, request: Frame, asked: ReadRequest, now: datetime) -> Frame:
        serial = self._meter.state.serial
        try:
            if asked.sequence or asked.extra:
                raise NoSuchData(asked.di)
            return answer_read(request, self._registers.value(asked.di, now), address=serial)
        except (NoSuchData, UnknownRegister):
            return refuse(request, "no_such_data", address=serial)

    def _switch(self, request: Frame, asked: RelayRequest, now: datetime) -> Frame:
        """Password first, then the validity on the meter's own clock, then the relay's own rules."""
        auth = self._profile.auth
        if (asked.auth.level, asked.auth.password) != (auth.level, auth.password):
            return refuse(request, "unauthorised")
        if asked.expired_at(self._meter.clock(now)):
            return refuse(request, "other")
        act = self._acts().get(asked.action)
        if act is None or not act(now):
            return refuse(request, "other")
        return accept(request)

    def _acts(self) -> Mapping[int, Callable[[datetime], bool]]:
        """A permitted close is a close: the household presses the button at once."""
        meter = self._meter
        return {
            RelayAction.TRIP: meter.trip,
            RelayAction.PERMIT_CLOSE: meter.close,
            RelayAction.CLOSE: meter.close,
            RelayAction.KEEP: meter.keep,
            RelayAction.RELEASE: meter.release,
            RelayAction.ALARM: lambda now: meter.force_lamp(True, now),
            RelayAction.ALARM_OFF: lambda now: meter.force_lamp(False, now),
        }

    def _recharge(self, request: Frame, asked: RechargeRequest, now: datetime) -> Frame:
        """A meter in service takes no account opening, only recharges."""
        if asked.di != RECHARGE_DI:
            return refuse_security(request, SecurityError.of("other"))
        customer_no = asked.customer_no if self._profile.needs_customer_no else self._meter.state.customer_no
        outcome = self._meter.credit(
            asked.energy_kwh, purchase_count=asked.purchase_count, customer_no=customer_no, now=now
        )
        if outcome is CreditOutcome.APPLIED:
            return accept(request)
        return refuse_security(request, SecurityError.of(SERR_NAMES[outcome]))

    def _not_understood(self, request: Frame) -> Frame | None:
        if request.address != self._meter.state.serial or request.function == Function.HEARTBEAT:
            return None
        if request.function == Function.SECURITY:
            return refuse_security(request, SecurityError.of("other"))
        return refuse(request, "other")

    def _hear_broadcast(self, request: Frame, now: datetime) -> None:
        if request.function != Function.BROADCAST_TIME or len(request.data) != 6:
            return
        try:
            told = decode_moment(request.data)
        except InvalidBcd:
            return
        if told is not None:
            self._meter.hear_time(told, now)
