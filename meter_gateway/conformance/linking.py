"""How a meter keeps its link: what it says first, and again and again; and what it is told of time."""

from __future__ import annotations

from datetime import timedelta

from meter_gateway.conformance.bench import DATE_DI, TIME_DI, Bench
from meter_gateway.conformance.clause import Chapter
from meter_gateway.conformance.talk import Failed, NotApplicable, Talk, Unjudged
from meter_gateway.protocol.connection import Connection, Role
from meter_gateway.protocol.frames import BROADCAST_ADDRESS
from meter_gateway.protocol.openings import Opening, OpeningSeen
from meter_gateway.protocol.parameters import write_request
from meter_gateway.protocol.relay import Auth
from meter_gateway.protocol.timing import FreezeTime, broadcast_time, freeze_request

LINK = Chapter("link")
TIME = Chapter("clock")

_OPENINGS = "openings seen on real 4G meters and transparent modules"
_BROADCAST = "DL/T 645-2007, function 08H"
_STEP = timedelta(seconds=40)
_FAR = timedelta(minutes=20)
_AROUND_MIDNIGHT = timedelta(minutes=30)
_DELAY = timedelta(seconds=20)
_FACTOR = 1.5


@LINK.clause("opening", "A link that comes up begins with the opening of the model", _OPENINGS)
def opening(bench: Bench) -> Talk[None]:
    if bench.first_words is None:
        raise NotApplicable("a meter that is dialled announces nothing")
    seen = _opening_in(bench.first_words)
    if seen is None:
        raise Failed(f"It began with {bench.first_words.hex(' ').upper() or 'nothing'}.")
    if seen.shape is not bench.profile.opening:
        raise Failed(f"It opened in shape {seen.shape.value} instead of {bench.profile.opening.value}.")
    if seen.shape is not Opening.TEXT and seen.serial != bench.serial:
        raise Failed(f"It announced itself as {seen.serial}.")
    yield from ()


@LINK.clause("heartbeat", "It says that it is still there in the model's interval", _OPENINGS)
def heartbeat(bench: Bench) -> Talk[None]:
    if bench.first_words is None:
        raise NotApplicable("a meter that is dialled announces nothing")
    longest_s = bench.profile.heartbeat_s * _FACTOR
    if longest_s > bench.patience_s:
        raise Unjudged(f"takes up to {longest_s:g} s; allowed with --patience {longest_s:g}")
    until = bench.now + timedelta(seconds=longest_s)
    while bench.now < until:
        events = yield from bench.listen((until - bench.now).total_seconds())
        if any(isinstance(event, OpeningSeen) for event in events):
            return
    raise Failed(f"It said nothing for {longest_s:g} s.")


@TIME.clause(
    "far-broadcast", "It ignores a broadcast far from its own time (08H)", _BROADCAST, destructive=True
)
def far_broadcast(bench: Bench) -> Talk[None]:
    moved = yield from _moved_by(bench, _FAR)
    if abs(moved) > _DELAY:
        raise Failed(f"It moved its clock by {moved}.")


@TIME.clause(
    "broadcast", "It takes a broadcast near its own time, and says nothing", _BROADCAST, destructive=True
)
def near_broadcast(bench: Bench) -> Talk[None]:
    moved = yield from _moved_by(bench, _STEP)
    if abs(moved - _STEP) > _DELAY:
        raise Failed(f"It moved its clock by {moved} instead of {_STEP}, or had heard a broadcast today.")


@TIME.clause("set", "Time and date can be set with a password", "DL/T 645-2007, 14H", destructive=True)
def set_clock(bench: Bench) -> Talk[None]:
    bench.needs("set_clock")
    right, auth = bench.local_now, bench.profile.parameter_auth
    yield from bench.accepted(write_request(bench.serial, TIME_DI, auth, right.time()), "the time")
    yield from bench.accepted(write_request(bench.serial, DATE_DI, auth, right.date()), "the date")
    off = (yield from bench.clock()) - bench.local_now
    if abs(off) > _DELAY:
        raise Failed(f"Its clock is then off by {off}.")


@TIME.clause("set-password", "A wrong password sets no time", "DL/T 645-2007, 14H", destructive=True)
def set_clock_wrongly(bench: Bench) -> Talk[None]:
    bench.needs("set_clock")
    before = yield from bench.clock()
    asked_at = bench.now
    auth, hour_ago = wrong(bench.profile.parameter_auth), before - timedelta(hours=1)
    question = write_request(bench.serial, TIME_DI, auth, hour_ago.time())
    yield from bench.refused(question, "a time with a wrong password", "unauthorised")
    passed = (yield from bench.clock()) - before - (bench.now - asked_at)
    if abs(passed) > _DELAY:
        raise Failed(f"It moved its clock by {passed}.")


@TIME.clause("freeze", "It accepts a daily freeze at midnight (16H)", "DL/T 645-2007, 16H", destructive=True)
def freeze(bench: Bench) -> Talk[None]:
    question = freeze_request(bench.serial, FreezeTime(hour=0, minute=0))
    yield from bench.accepted(question, "a daily freeze")


@TIME.clause(
    "freeze-broadcast", "It does not answer a freeze to everybody", "DL/T 645-2007, 16H", destructive=True
)
def freeze_for_all(bench: Bench) -> Talk[None]:
    question = freeze_request(BROADCAST_ADDRESS, FreezeTime(hour=0, minute=0))
    yield from bench.stays_silent(question.encode(), "a broadcast freeze")


def wrong(auth: Auth) -> Auth:
    """The same but for the password."""
    return Auth(auth.level, "".join(str(9 - int(digit)) for digit in auth.password), auth.operator)


def _moved_by(bench: Bench, step: timedelta) -> Talk[timedelta]:
    """How far a broadcast of the meter's own time plus ``step`` moved its clock."""
    before = yield from bench.clock()
    started = bench.now
    day = before.date()
    if (before - _AROUND_MIDNIGHT).date() != day or (before + _AROUND_MIDNIGHT).date() != day:
        raise Unjudged("clocks are not set around midnight; try again in an hour")
    yield from bench.stays_silent(broadcast_time(before + step).encode(), "a broadcast of the time")
    return (yield from bench.clock()) - before - (bench.now - started)


def _opening_in(raw: bytes) -> OpeningSeen | None:
    connection = Connection(Role.PLATFORM)
    events = connection.receive(raw) + connection.flush()
    return next((event for event in events if isinstance(event, OpeningSeen)), None)
