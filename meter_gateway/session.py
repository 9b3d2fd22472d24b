"""One socket from its opening to its end: what it said, what it may still say, how long it was silent.

Pure: bytes and `now` (monotonic seconds) come in, the line is passed in.
"""

from typing import Protocol

from meter_gateway.login import Login
from meter_gateway.protocol.connection import Connection, Event, Role
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.openings import Opening, OpeningSeen
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.stream import FrameSeen
from meter_gateway.questions import Finish, Questions
from meter_gateway.refusals import polite_no

TEXT_SILENCE_S = 0.5
FRAME_SILENCE_S = 5.0
HEARTBEATS_MISSED = 3
HEARTBEAT_UNKNOWN_S = 300.0
UNSOUND_LIMIT_UNPROVEN = 512
UNSOUND_LIMIT_PROVEN = 4096
UNASKED_PER_SECOND = 5.0
UNASKED_AT_ONCE = 50.0
SHED_LIMIT = 1000
PORTION = 1024


class Line(Protocol):
    """The transport of one session. Both calls may be made after the peer has gone and then do nothing."""

    def write(self, data: bytes, /) -> None: ...

    def close(self) -> None: ...


class Session:
    """State of one socket. ``sessions.Sessions`` decides; this class keeps and measures.

    ``order`` grows with every socket accepted, so it says which of two logins is the newer one. ``alarm`` is
    the deadline that is on the registry's clock for this session, if any. ``spoke`` is set by every sound
    frame and heartbeat; the registry resets it. ``clock_due`` is when its clock is to be asked for.
    """

    __slots__ = (
        "_connection",
        "_foreign",
        "_heard_at",
        "_shed",
        "_silence_at",
        "_unasked",
        "_unasked_at",
        "_unsound",
        "alarm",
        "announced_at",
        "clock_due",
        "ended",
        "id",
        "line",
        "login",
        "order",
        "peer",
        "profile",
        "questions",
        "spoke",
    )

    def __init__(
        self, line: Line, peer: str, session_id: str, order: int, now: float, finish: Finish
    ) -> None:
        self.line = line
        self.peer = peer
        self.id = session_id
        self.order = order
        self.login = Login(self._send, now)
        self.questions = Questions(line.write, finish)
        self.profile: Profile | None = None
        self.announced_at: float | None = None
        self.alarm: float | None = None
        self.clock_due: float | None = None
        self.ended = False
        self.spoke = False
        self._connection = Connection(Role.PLATFORM)
        self._silence_at: float | None = None
        self._heard_at = now
        self._unsound = 0
        self._shed = 0
        self._foreign: Opening | None = None
        self._unasked = UNASKED_AT_ONCE
        self._unasked_at = now

    @property
    def serial(self) -> str | None:
        """The proven meter number."""
        return self.login.serial

    def events_in(self, data: bytes, now: float) -> list[Event]:
        """Feed one portion of received bytes; ``take`` is to be called for each event, in order."""
        self._unsound += len(data)
        events = self._connection.receive(data)
        match self._connection.waits_for:
            case None:
                self._silence_at = None
            case "text":
                self._silence_at = now + TEXT_SILENCE_S
            case _:
                self._silence_at = now + FRAME_SILENCE_S
        return events

    def events_after_silence(self, now: float) -> list[Event]:
        """Judge an unfinished piece once the line has been silent long enough."""
        if self._silence_at is None or now < self._silence_at:
            return []
        self._silence_at = None
        return self._connection.flush()

    def take(self, event: Event, now: float) -> Frame | None:
        """Note what came: the frame if it is a sound one of the meter; an opening is acted on here."""
        if isinstance(event, FrameSeen):
            self._heard(now)
            return event.frame
        if isinstance(event, OpeningSeen):
            self._heard(now)
            self._opening(event, now)
        return None

    def may_speak_unasked(self, now: float) -> bool:
        """Take one from the allowance for frames nobody asked for: 5 a second, 50 at once."""
        refill = (now - self._unasked_at) * UNASKED_PER_SECOND
        self._unasked = min(UNASKED_AT_ONCE, self._unasked + refill)
        self._unasked_at = now
        if self._unasked < 1:
            self._shed += 1
            return False
        self._unasked -= 1
        self._shed = 0
        return True

    def reason_to_end(self, now: float) -> str | None:
        """Why this session has to end now, if it has to."""
        if self._foreign is not None:
            return f"foreign_{self._foreign.value}"
        if self.login.failure is not None:
            return self.login.failure.value
        if self._unsound > (UNSOUND_LIMIT_UNPROVEN if self.login.serial is None else UNSOUND_LIMIT_PROVEN):
            return "noise"
        if self._shed > SHED_LIMIT:
            return "flood"
        if self.serial is not None and now >= self._idle_at:
            return "silent"
        return None

    def ready_to_announce(self, now: float, again_after_s: float) -> bool:
        """Whether its login is to go up: proven and on the map, and not granted since the last time."""
        if self.serial is None or self.profile is None or self.questions.epoch is not None:
            return False
        return self.announced_at is None or now >= self.announced_at + again_after_s

    def deadline(self, announce_again_s: float) -> float:
        """When this session next needs ``pass_time``."""
        due = self.login.deadline
        if due is None:
            due = self._idle_at
            if self.announced_at is not None and self.questions.epoch is None:
                due = min(due, self.announced_at + announce_again_s)
            if self.clock_due is not None and self.clock_due < due:
                due = self.clock_due
        asked_until = self.questions.deadline
        if asked_until is not None and asked_until < due:
            due = asked_until
        if self._silence_at is not None and self._silence_at < due:
            due = self._silence_at
        return due

    @property
    def _idle_at(self) -> float:
        heartbeat_s = HEARTBEAT_UNKNOWN_S if self.profile is None else float(self.profile.heartbeat_s)
        return self._heard_at + HEARTBEATS_MISSED * heartbeat_s

    def _heard(self, now: float) -> None:
        self._unsound = 0
        self._heard_at = now
        self.spoke = True

    def _opening(self, opening: OpeningSeen, now: float) -> None:
        if opening.shape.is_foreign:
            self._foreign = opening.shape
            if (no := polite_no(opening)) is not None:
                self.line.write(no)
            return
        if not self.may_speak_unasked(now):
            return
        answer = opening.answer
        if answer is not None and self.login.claim in (None, opening.serial):
            self._send(answer)
        if opening.shape is not Opening.KEEPALIVE:
            self.login.announced(opening.serial, now)

    def _send(self, frame: Frame) -> None:
        self.line.write(self._connection.send(frame))
