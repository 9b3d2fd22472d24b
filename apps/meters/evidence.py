"""What a letter's raw replies prove; pure. Every byte is checked again here: a gateway is only a postman."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from apps.meters.frames import DATE_DI, PURCHASES_PROBED, TIME_DI, purchase_di
from meter_gateway.protocol.frames import Frame, FrameError, Function
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.relay import StatusWord3
from meter_gateway.protocol.replies import Accepted, ReadReply, Refused, matches, parse_reply


@dataclass(frozen=True)
class Evidence:
    """The answers to one letter: registers by identifier, the acknowledgement of an act, and what is missing."""

    profile: Profile
    registers: Mapping[str, Any]
    ack: Accepted | Refused | None
    refused_reads: tuple[str, ...]

    def _decimal(self, di: str) -> Decimal | None:
        value = self.registers.get(di)
        return value if isinstance(value, Decimal) else None

    @property
    def count(self) -> int | None:
        """The purchase count; None too if it moved while the other registers were being read."""
        value = self.registers.get(self.profile.count_di)
        return value if isinstance(value, int) else None

    @property
    def last_purchase_kwh(self) -> Decimal | None:
        return self._decimal(self.profile.last_purchase_di)

    @property
    def purchased_kwh(self) -> Decimal | None:
        return self._decimal(self.profile.purchased_di)

    def purchase_kwh(self, nth: int) -> Decimal | None:
        """The energy of the nth last purchase, 1 being the last; None where the meter keeps none."""
        return self._decimal(purchase_di(self.profile, nth))

    @property
    def remaining_kwh(self) -> Decimal | None:
        return self._decimal(self.profile.remaining_di)

    @property
    def total_kwh(self) -> Decimal | None:
        return self._decimal(self.profile.total_di)

    @property
    def customer_no(self) -> str:
        return str(self.registers.get(self.profile.customer_di) or "")

    @property
    def relay_open(self) -> bool | None:
        status = self._status_word()
        return None if status is None else status.bit(self.profile.relay_bit)

    def _status_word(self) -> StatusWord3 | None:
        status = self.registers.get(self.profile.status_di)
        return status if isinstance(status, StatusWord3) else None

    @property
    def power_kept(self) -> bool | None:
        status = self._status_word()
        return None if status is None else status.keep_power

    @property
    def lamp_on(self) -> bool | None:
        """Whether the alarm is on, which is what the lamp shows."""
        status = self._status_word()
        return None if status is None else status.pre_trip_alarm

    @property
    def account_opened(self) -> bool | None:
        """Whether the meter takes recharges from afar."""
        status = self._status_word()
        return None if status is None else status.account_opened

    @property
    def clock(self) -> datetime | None:
        """Date and time as the meter shows them; naive, the meter's own zone."""
        day, clock = self.registers.get(DATE_DI), self.registers.get(TIME_DI)
        if isinstance(day, date) and isinstance(clock, time):
            return datetime.combine(day, clock)
        return None

    @property
    def refusal(self) -> tuple[str, ...]:
        """The names of the meter's refusal of an act, empty if it did not refuse."""
        return tuple(sorted(self.ack.error_names)) if isinstance(self.ack, Refused) else ()

    @property
    def was_accepted(self) -> bool:
        return isinstance(self.ack, Accepted)

    def facts(self) -> dict[str, str]:
        """Return what a person is shown as evidence."""
        known = {
            "count": self.count,
            "last_purchase_kwh": self.last_purchase_kwh,
            "purchased_kwh": self.purchased_kwh,
            "remaining_kwh": self.remaining_kwh,
            "total_kwh": self.total_kwh,
            "relay_open": self.relay_open,
            "power_kept": self.power_kept or None,
            "account_opened": self.account_opened,
            "refusal": " ".join(self.refusal) or None,
            **{f"purchase_{nth}_kwh": self.purchase_kwh(nth) for nth in range(2, PURCHASES_PROBED + 2)},
        }
        return {name: str(value) for name, value in known.items() if value is not None}


def weigh(profile: Profile, frames: Sequence[str], replies: Sequence[str | None]) -> Evidence:
    """Return what `replies` prove, each held against its own question; what does not match proves nothing."""
    registers: dict[str, Any] = {}
    ack: Accepted | Refused | None = None
    refused: list[str] = []
    for asked_hex, reply_hex in zip(frames, replies, strict=False):
        if reply_hex is None:
            continue
        try:
            asked, reply_frame = (
                Frame.decode(bytes.fromhex(asked_hex)),
                Frame.decode(bytes.fromhex(reply_hex)),
            )
            if not matches(asked, reply_frame):
                continue
            reply = parse_reply(reply_frame)
        except (FrameError, ValueError):
            continue
        if isinstance(reply, ReadReply):
            moved = reply.di == profile.count_di and registers.get(reply.di, reply.value) != reply.value
            registers[reply.di] = None if moved else reply.value
        elif isinstance(reply, Accepted | Refused):
            if asked.function == Function.READ:
                refused.append(asked.di or "")
            elif not isinstance(ack, Refused):
                # Of several acts in one letter a single refusal is the answer.
                ack = reply
    return Evidence(profile, registers, ack, tuple(refused))
