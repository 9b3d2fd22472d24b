"""Which meter's clock is to be looked at, how far it is off, and the time that a meter believes. `now` is given.

A clock that is off makes the meter refuse commands that carry a time and freeze its day at the wrong
midnight. A few minutes are put right here by calling the time out (08H), which needs no password, and the clock
is looked at again. What is further off is only told: setting it by a write (14H) is a command from above.
"""

from collections import Counter, OrderedDict
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zlib import crc32
from zoneinfo import ZoneInfo

from meter_gateway.letters import Ask, Outcome, Question
from meter_gateway.protocol.frames import Frame, FrameError
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.reads import read_request
from meter_gateway.protocol.replies import ReadReply, parse_reply
from meter_gateway.protocol.timing import broadcast_time
from meter_gateway.questions import Now
from meter_gateway.session import Session
from meter_gateway.tray import Kind, WayUp, instant

DATE_DI, TIME_DI = "04000101", "04000102"
AGAIN_AFTER_S = 86_400.0
FIRST_AFTER_S = 2.0
SPREAD_S = 60
BUSY_AGAIN_S = 5.0
TOLERATED_DRIFT_S = 60
ASK_WITHIN = timedelta(seconds=60)
AROUND_MIDNIGHT = timedelta(minutes=3)
# Further off, or nearer to midnight, a meter does not believe the time that is called out to it.
BELIEVED_DRIFT_S = 300
NOT_BELIEVED_AROUND_MIDNIGHT = timedelta(minutes=10)
LOOK_AGAIN_AFTER_S = 5.0
SERIALS_REMEMBERED = 50_000


class ClockChecks:
    """Asks meters for date and time, none of them twice a day, and tells of those that are off.

    One that is off by so little that it believes the time (08H) is told it, once a day, and looked at again.
    ``counters`` gets ``clocks_drifted``, ``clocks_called`` and ``clocks_not_told``.
    """

    def __init__(self, way_up: WayUp, counters: Counter[str]) -> None:
        self._up = way_up
        self._counters = counters
        self._asked_at: OrderedDict[str, float] = OrderedDict()
        self._called_at: OrderedDict[str, float] = OrderedDict()

    def due(self, serial: str, granted_at: float) -> float | None:
        """When to ask a meter that has just been let in; None when it was asked within a day.

        Spread over a minute by the number, so that a fleet that dials again is not asked in one burst.
        """
        asked_at = self._asked_at.get(serial)
        if asked_at is not None and granted_at < asked_at + AGAIN_AFTER_S:
            return None
        return granted_at + FIRST_AFTER_S + crc32(serial.encode()) % SPREAD_S

    def ask(self, session: Session, now: Now) -> None:
        """Ask now, or a little later if the meter has something else to do."""
        session.clock_due = None
        questions, profile, serial = session.questions, session.profile, session.serial
        if questions.epoch is None or profile is None or serial is None:
            return
        ask = clock_question(serial, questions.epoch, profile, now.utc)
        if ask is None or questions.deadline is not None:
            session.clock_due = now.mono + BUSY_AGAIN_S
            return
        _remember(self._asked_at, serial, now)
        questions.add(ask, now, partial(self._answered, session, profile.time_zone))

    def _answered(
        self,
        session: Session,
        time_zone: str,
        ask: Ask,
        outcome: Outcome,
        replies: list[str | None],
        now: Now,
    ) -> None:
        drift = drift_s(replies, time_zone, now.utc) if outcome is Outcome.ANSWERED else None
        called_at = self._called_at.get(ask.serial)
        was_called = called_at is not None and now.mono < called_at + AGAIN_AFTER_S
        if drift is None:
            self._counters["clocks_not_told"] += 1
        elif was_called or abs(drift) > TOLERATED_DRIFT_S:
            self._counters["clocks_drifted"] += not was_called
            item = {"serial": ask.serial, "epoch": ask.epoch, "drift_s": drift}
            self._up.put(Kind.DRIFT, {**item, "at": instant(now.utc)})
            if not was_called and abs(drift) <= BELIEVED_DRIFT_S:
                self._call(session, ask.serial, now.utc.astimezone(ZoneInfo(time_zone)), now)

    def _call(self, session: Session, serial: str, local: datetime, now: Now) -> None:
        around = NOT_BELIEVED_AROUND_MIDNIGHT
        if (local + around).date() != (local - around).date():
            return
        _remember(self._called_at, serial, now)
        self._counters["clocks_called"] += 1
        session.clock_due = now.mono + LOOK_AGAIN_AFTER_S
        session.line.write(broadcast_time(local.replace(tzinfo=None, microsecond=0)).encode())


def _remember(when: OrderedDict[str, float], serial: str, now: Now) -> None:
    when[serial] = now.mono
    when.move_to_end(serial)
    if len(when) > SERIALS_REMEMBERED:
        when.popitem(last=False)


def clock_question(serial: str, epoch: int, profile: Profile, utc: datetime) -> Ask | None:
    """Date, then time, as two frames; None around the meter's midnight, when the two need not fit."""
    local = utc.astimezone(ZoneInfo(profile.time_zone))
    if (local + AROUND_MIDNIGHT).date() != (local - AROUND_MIDNIGHT).date():
        return None
    frames = [read_request(serial, di) for di in (DATE_DI, TIME_DI)]
    return Ask(
        command="clock",
        attempt=0,
        serial=serial,
        epoch=epoch,
        expires_at=utc + ASK_WITHIN,
        questions=tuple(Question(frame.encode(), frame) for frame in frames),
        timeout_s=float(profile.answer_timeout_s),
    )


def drift_s(replies: list[str | None], time_zone: str, utc: datetime) -> int | None:
    """How many whole seconds the meter's clock is ahead (negative: behind) of ``utc``, the moment of the
    last reply; None when the replies hold no date and time."""
    values = [_value(reply) for reply in replies]
    match values:
        case [date() as day, time() as clock]:
            shown = datetime.combine(day, clock, ZoneInfo(time_zone)).astimezone(UTC)
            return round((shown - utc).total_seconds())
    return None


def _value(reply: str | None) -> object:
    if reply is None:
        return None
    try:
        answer = parse_reply(Frame.decode(bytes.fromhex(reply)))
    except (FrameError, ValueError):
        return None
    return answer.value if isinstance(answer, ReadReply) else None
