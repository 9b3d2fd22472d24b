"""One end of a meter, 4G or Bluetooth: bytes in, the meter's answers out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from meter_gateway.protocol.answers import push
from meter_gateway.protocol.connection import Connection, Role
from meter_gateway.protocol.frames import Frame, addresses
from meter_gateway.protocol.openings import (
    Opening,
    heartbeat_frame,
    is_heartbeat_answer,
    registration_frame,
    registration_text,
)
from meter_gateway.protocol.profiles import Profile
from meter_gateway.simulator.answering import Answering
from meter_gateway.simulator.meter import Meter, PowerLost

SILENCE = timedelta(seconds=5)
"""An unfinished question is forgotten after this much silence."""

SIGNAL_QUALITY = 24


@dataclass(frozen=True, slots=True)
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
        self.answering = Answering(meter, profile)
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
        value = self.answering.registers.value(self._profile.push_di, now)
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
        count_before = self._meter.state.purchase_count
        try:
            reply = self.answering.answer(request, now)
        except PowerLost:
            reply = None
        credited = self._meter.state.purchase_count != count_before
        return Answer(self._connection.send(reply) if reply else b"", credited)
