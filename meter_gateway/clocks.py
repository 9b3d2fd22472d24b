"""Which meter's clock is to be looked at, and how far it is off. Pure; `now` is given.

A clock that is off makes the meter refuse commands that carry a time and freeze its day at the wrong
midnight. Here it is only found; setting it (08H, 14H) is a command from above.
"""

from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

from meter_gateway.letters import Ask, Question
from meter_gateway.protocol.frames import Frame, FrameError
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.reads import read_request
from meter_gateway.protocol.replies import ReadReply, parse_reply

DATE_DI, TIME_DI = "04000101", "04000102"
AGAIN_AFTER_S = 86_400.0
FIRST_AFTER_S = 2.0
SPREAD_S = 60
BUSY_AGAIN_S = 5.0
TOLERATED_DRIFT_S = 60
ASK_WITHIN = timedelta(seconds=60)
AROUND_MIDNIGHT = timedelta(minutes=3)
SERIALS_REMEMBERED = 50_000


class ClockChecks:
    """Remembers whose clock was asked for when, so that no meter is asked twice a day by this process."""

    def __init__(self) -> None:
        self._asked_at: OrderedDict[str, float] = OrderedDict()

    def due(self, serial: str, granted_at: float) -> float | None:
        """When to ask a meter that has just been let in; None when it was asked within a day.

        Spread over a minute by the number, so that a fleet that dials again is not asked in one burst.
        """
        asked_at = self._asked_at.get(serial)
        if asked_at is not None and granted_at < asked_at + AGAIN_AFTER_S:
            return None
        return granted_at + FIRST_AFTER_S + crc32(serial.encode()) % SPREAD_S

    def asked(self, serial: str, now: float) -> None:
        self._asked_at[serial] = now
        self._asked_at.move_to_end(serial)
        if len(self._asked_at) > SERIALS_REMEMBERED:
            self._asked_at.popitem(last=False)


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
