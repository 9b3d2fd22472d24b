"""One flaw of a simulated meter: how it changes what is heard, understood, done and said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.openings import Opening
from meter_gateway.protocol.profiles import Profile
from meter_gateway.simulator.meter import Meter
from meter_gateway.simulator.port import Answer, Port


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
