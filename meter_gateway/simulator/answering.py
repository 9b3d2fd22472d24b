"""A meter's answer to each question of the protocol: one small function for each, none knows of links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from meter_gateway.protocol.answers import accept, answer_address, refuse, refuse_security
from meter_gateway.protocol.bcd import InvalidBcd
from meter_gateway.protocol.clearing import ClearRequest
from meter_gateway.protocol.credits import parse_credit
from meter_gateway.protocol.follow_up import PART, answer_long
from meter_gateway.protocol.frames import BROADCAST_ADDRESS, Frame, FrameError, Function
from meter_gateway.protocol.parameters import ChangePasswordRequest, WriteRequest
from meter_gateway.protocol.prepaid import (
    OPEN_ACCOUNT_DI,
    RECHARGE_DI,
    CreditReport,
    SecurityError,
    parse_recharge,
)
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.questions import Question, parse_question
from meter_gateway.protocol.reads import ReadAddressRequest, ReadRequest
from meter_gateway.protocol.registers import UnknownRegister, encode_value
from meter_gateway.protocol.relay import RelayAction, RelayRequest
from meter_gateway.protocol.security import PURSE_INIT_DI, VOID_DI, PurseStatus, SecurityRequest
from meter_gateway.protocol.timing import BroadcastTime, FreezeRequest
from meter_gateway.simulator import writing
from meter_gateway.simulator.meter import CreditOutcome, Meter
from meter_gateway.simulator.purse import Bringing
from meter_gateway.simulator.state import pulses_of
from meter_gateway.simulator.values import NoSuchData, Registers

STATUS_DIS = ("07810201", "078102FF")

SERR_NAMES: Mapping[CreditOutcome, str] = {
    CreditOutcome.REPEATED: "repeated_recharge",
    CreditOutcome.WRONG_CUSTOMER: "customer_mismatch",
    CreditOutcome.WRONG_COUNT: "count_error",
    CreditOutcome.OVER_LIMIT: "over_hoarding_limit",
    CreditOutcome.NOT_NOW: "other",
}


class Answering:
    """What this meter answers; the same for each of its links. ``part`` is how much of a value it puts into
    one frame; the rest is fetched with 12H."""

    def __init__(self, meter: Meter, profile: Profile) -> None:
        self._meter = meter
        self._profile = profile
        self.part = PART
        self.registers = Registers(meter, profile)

    def answer(self, request: Frame, now: datetime) -> Frame | None:
        """The answer to one frame that reached this meter, None for silence.

        A broadcast and whatever changes something at a wildcard address are never answered; only the time
        and the freeze are heard there. Raises `PowerLost` where a cut is armed and met.
        """
        try:
            asked = parse_question(request)
        except (FrameError, InvalidBcd):
            return self._not_understood(request)
        self._meter.advance(now)
        match asked:
            case BroadcastTime():
                self._meter.hear_time(asked.moment, now)
                return None
            case ReadAddressRequest() if request.address != BROADCAST_ADDRESS:
                return self._tell_address(request)
            case ReadRequest() if request.address != BROADCAST_ADDRESS:
                return self._read(request, asked, now)
        if request.address != self._meter.state.serial:
            return None
        return self._do(request, asked, now)

    def _do(self, request: Frame, asked: Question, now: datetime) -> Frame | None:
        match asked:
            case RelayRequest():
                return self._switch(request, asked, now)
            case WriteRequest():
                return self._write(request, asked, now)
            case SecurityRequest():
                return self._secure(request, asked, now)
            case ClearRequest():
                return self._clear(request, asked, now)
            case ChangePasswordRequest():
                return self._change_password(request, asked, now)
            case FreezeRequest():
                return self._freeze(request, asked)
        return self._refuse_setting(request)

    # Reading

    def _tell_address(self, request: Frame) -> Frame | None:
        serial = self._meter.state.serial
        return answer_address(request, serial) if self._profile.answers_read_address else None

    def _read(self, request: Frame, asked: ReadRequest, now: datetime) -> Frame:
        serial = self._meter.state.serial
        try:
            if asked.extra:
                raise NoSuchData(asked.di)
            raw = encode_value(asked.di, self.registers.value(asked.di, now))
            return answer_long(request, raw, part=self.part, address=serial)
        except (NoSuchData, UnknownRegister):
            return refuse(request, "no_such_data", address=serial)

    # Switching

    def _switch(self, request: Frame, asked: RelayRequest, now: datetime) -> Frame:
        """Password first, then the validity on the meter's own clock, then the relay's own rules."""
        if not writing.may_control(self._meter, self._profile, asked.auth):
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

    # Setting

    def _write(self, request: Frame, asked: WriteRequest, now: datetime) -> Frame:
        """Password, then a credit or a cleared purse for models that are recharged so, else a register."""
        purse_dis = (self._profile.credit_di, self._profile.clear_di)
        if self._profile.credit_layout == "write" and asked.di in purse_dis:
            if not writing.may_control(self._meter, self._profile, asked.auth):
                return refuse(request, "unauthorised")
            if asked.di == self._profile.credit_di:
                return self._written_credit(request, now)
            self._meter.init_purse(Decimal(0), now)
            return accept(request)
        if not writing.may_set(self._meter, self._profile, asked.auth):
            return refuse(request, "unauthorised")
        problem = writing.write(self._meter, asked, now)
        return refuse(request, problem) if problem else accept(request)

    def _written_credit(self, request: Frame, now: datetime) -> Frame:
        """The same write twice is two credits: nothing in it tells them apart."""
        try:
            credit = parse_credit(self._profile, request)
        except (FrameError, InvalidBcd):
            return refuse(request, "other")
        outcome = self._meter.bring(Bringing(self._pulses(credit.energy_kwh)), now)
        return accept(request) if outcome is CreditOutcome.APPLIED else refuse(request, "other")

    def _clear(self, request: Frame, asked: ClearRequest, now: datetime) -> Frame:
        if not writing.may_control(self._meter, self._profile, asked.auth):
            return refuse(request, "unauthorised")
        if asked.function == Function.CLEAR_METER:
            self._meter.clear(now)
        elif asked.function == Function.CLEAR_EVENTS:
            self._meter.clear_events(now)
        else:
            self._meter.clear_demand(now)
        return accept(request)

    def _change_password(self, request: Frame, asked: ChangePasswordRequest, now: datetime) -> Frame:
        if not writing.change_password(self._meter, self._profile, asked, now):
            return refuse(request, "unauthorised")
        return request.answered_with(asked.new.encode())

    def _freeze(self, request: Frame, asked: FreezeRequest) -> Frame:
        """The daily freeze at midnight is what this meter does anyway; it knows no other."""
        when = asked.when
        daily = (when.month, when.day, when.hour, when.minute) == (None, None, 0, 0)
        return accept(request) if daily else refuse(request, "other")

    def _refuse_setting(self, request: Frame) -> Frame | None:
        """Speed means nothing on a socket; a new address needs the programming key under the seal."""
        if request.function == Function.CHANGE_BAUD:
            return refuse(request, "baud_locked")
        return refuse(request, "other")

    # The purse

    def _secure(self, request: Frame, asked: SecurityRequest, now: datetime) -> Frame:
        """Models that are recharged by a plain write know nothing of function 03H."""
        if self._profile.credit_layout != "write":
            if asked.di in (RECHARGE_DI, OPEN_ACCOUNT_DI):
                return self._recharge(request, now)
            if asked.di == PURSE_INIT_DI:
                return self._init_purse(request, asked, now)
            if asked.di == VOID_DI == self._profile.void_di:
                return self._give_back(request, asked, now)
            if asked.di in STATUS_DIS and not asked.body:
                return accept(request, self._purse_status())
        return refuse_security(request, SecurityError.of("other"))

    def _recharge(self, request: Frame, now: datetime) -> Frame:
        try:
            credit = self._credit_in(request)
        except (FrameError, InvalidBcd):
            return refuse_security(request, SecurityError.of("other"))
        if credit.opening or credit.purchase_count is None:
            return self._judged(request, self._meter.bring(credit, now))
        outcome = self._meter.credit(
            Decimal(credit.energy_pulses) / self._meter.pulses_per_kwh,
            purchase_count=credit.purchase_count,
            customer_no=credit.customer_no or self._meter.state.customer_no,
            now=now,
        )
        return self._judged(request, outcome)

    def _credit_in(self, request: Frame) -> Bringing:
        """The credit a frame carries in this model's layout; raises as `parse_credit`."""
        profile = self._profile
        if request.di == OPEN_ACCOUNT_DI and profile.credit_layout == "count_30":
            opened = parse_recharge(request, places=profile.credit_places)
            energy = self._pulses(opened.energy_kwh)
            return Bringing(energy, opened.purchase_count, opened.customer_no, opening=True)
        credit = parse_credit(profile, request)
        customer_no = credit.customer_no if profile.needs_customer_no else None
        return Bringing(self._pulses(credit.energy_kwh), credit.number, customer_no, credit.order_no)

    def _init_purse(self, request: Frame, asked: SecurityRequest, now: datetime) -> Frame:
        try:
            preset = asked.fields().get("energy_kwh")
        except InvalidBcd:
            preset = None
        if not isinstance(preset, Decimal):
            return refuse_security(request, SecurityError.of("other"))
        outcome = self._meter.init_purse(preset, now)
        if outcome is not CreditOutcome.APPLIED:
            return self._judged(request, outcome)
        state = self._meter.state
        report = CreditReport(self._meter.remaining_kwh, state.purchase_count, state.customer_no)
        return accept(request, report)

    def _give_back(self, request: Frame, asked: SecurityRequest, now: datetime) -> Frame:
        try:
            fields = asked.fields()
        except InvalidBcd:
            fields = {}
        energy_kwh, order_no = fields.get("energy_kwh"), fields.get("order_no")
        if not (isinstance(energy_kwh, Decimal) and isinstance(order_no, str)):
            return refuse_security(request, SecurityError.of("other"))
        return self._judged(request, self._meter.give_back(energy_kwh, order_no, now))

    def _purse_status(self) -> PurseStatus:
        state = self._meter.state
        return PurseStatus(self._meter.remaining_kwh, state.purchase_count, state.customer_no)

    def _judged(self, request: Frame, outcome: CreditOutcome) -> Frame:
        if outcome is CreditOutcome.APPLIED:
            return accept(request)
        return refuse_security(request, SecurityError.of(SERR_NAMES[outcome]))

    def _pulses(self, energy_kwh: Decimal) -> int:
        return pulses_of(energy_kwh, self._meter.pulses_per_kwh)

    def _not_understood(self, request: Frame) -> Frame | None:
        if request.address != self._meter.state.serial or request.function == Function.HEARTBEAT:
            return None
        if request.function == Function.SECURITY:
            return refuse_security(request, SecurityError.of("other"))
        return refuse(request, "other")
