"""Which meter is on which socket, who proved itself, who may carry letters.

Everything here is driven by events and `now`: lines (transports), the way up, ids and profiles are passed in,
so the same class runs on real sockets and under a simulated clock.
"""

import heapq
import itertools
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

from meter_gateway.clocks import ClockChecks
from meter_gateway.letters import Ask, Grant, Outcome, Refuse
from meter_gateway.log import masked
from meter_gateway.protocol.connection import Event
from meter_gateway.protocol.frames import BadChecksum, Frame
from meter_gateway.protocol.openings import OpeningSeen
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.stream import FrameRejected
from meter_gateway.questions import Now
from meter_gateway.repeats import Repeats
from meter_gateway.session import PORTION, Line, Session
from meter_gateway.settings import UNPROVEN_LIMIT
from meter_gateway.takeovers import Takeovers
from meter_gateway.tray import Item, Kind, WayUp, instant

log = logging.getLogger(__name__)

ANNOUNCE_AGAIN_SECONDS = 30.0
SEEN_SECONDS = 5.0
PUSH_CONTROL = 0x91
FOREIGN_TOLD = 20


class Sessions:
    """All sessions of one gateway process.

    A session goes through opening, proof and map (side by side), and grant. Its login goes up when it is
    proven and on the map, and again every 30 s until it is granted. Without a map nobody is refused. Of two
    sockets with one proven number the one opened later stays; a number that is taken over too often is
    frozen: the newest session stays and further logins of it are refused for a while.

    ``new_id`` makes session ids, ``load_profile`` raises LookupError for a name nobody knows,
    ``on_unmapped`` is told that somebody waits for the map (see ``unmapped``), ``on_proven`` that a line is
    no stranger's, and ``on_event`` what came in on which session. ``asks_clocks``: see ``clocks``.
    """

    def __init__(
        self,
        way_up: WayUp,
        *,
        new_id: Callable[[], str],
        load_profile: Callable[[str], Profile],
        on_unmapped: Callable[[], None] = lambda: None,
        on_proven: Callable[[Line], None] = lambda line: None,
        on_event: Callable[[str, Event], None] | None = None,
        unproven_limit: int = UNPROVEN_LIMIT,
        asks_clocks: bool = True,
    ) -> None:
        self._up = way_up
        self._new_id = new_id
        self._load_profile = load_profile
        self._on_unmapped = on_unmapped
        self._on_proven = on_proven
        self._on_event = on_event
        self._unproven_limit = unproven_limit
        self._asks_clocks = asks_clocks
        self._by_line: dict[Line, Session] = {}
        self._by_serial: dict[str, Session] = {}
        self._unproven: OrderedDict[Session, None] = OrderedDict()
        self._nameless: OrderedDict[Session, None] = OrderedDict()
        self._unmapped: dict[str, dict[Session, None]] = {}
        self.repeats = Repeats()
        self._takeovers = Takeovers()
        self._seen: dict[str, Item] = {}
        self._seen_due = 0.0
        self._alarms: list[tuple[float, int, Session]] = []
        self._order = itertools.count()
        self._draining = False
        self.counters: Counter[str] = Counter()
        self._clock_checks = ClockChecks(way_up, self.counters)

    # --- events of the sockets

    def opened(self, line: Line, peer: str, now: Now) -> None:
        """A socket was accepted. Too many unproven ones push the oldest of them out, see ``make_room``."""
        session = Session(line, peer, self._new_id(), next(self._order), now.mono, self._letter_ended)
        self._by_line[line] = session
        self._unproven[session] = self._nameless[session] = None
        if len(self._unproven) > self._unproven_limit:
            self.make_room(now)
        self._set_alarm(session)

    def make_room(self, now: Now) -> bool:
        """End the oldest socket that has not even said who it is, else the oldest unproven one.

        False when every socket is a proven meter's: none of them goes for a stranger.
        """
        victim = next(iter(self._nameless), None) or next(iter(self._unproven), None)
        if victim is not None:
            self._end(victim, "unproven_limit", now)
        return victim is not None

    def received(self, line: Line, data: bytes, now: Now) -> None:
        """Bytes arrived on a socket, cut in any way."""
        session = self._by_line.get(line)
        if session is None:
            return
        if len(data) <= PORTION:
            self._hear(session, session.events_in(data, now.mono), now)
            return
        # What a stranger may cost before it is sent away is one portion, not all that it could send.
        for start in range(0, len(data), PORTION):
            self._hear(session, session.events_in(data[start : start + PORTION], now.mono), now)
            if session.ended:
                return

    def lost(self, line: Line, now: Now, reason: str = "disconnected") -> None:
        """The socket is gone, or has to go because its peer does not read."""
        if (session := self._by_line.get(line)) is not None:
            self._end(session, reason, now)

    # --- events of Django

    def letter(self, letter: Ask | Grant | Refuse, now: Now) -> None:
        """A letter came down. The same (command, attempt) again never writes twice.

        While it is queued or in flight it is ignored; after something was written the kept answer goes up
        again. A letter that was sent back unwritten may be tried again under the same attempt.
        """
        session = self._by_serial.get(letter.serial)
        if isinstance(letter, Ask):
            self._ask(session, letter, now)
        elif session is None or session.id != letter.session:
            self.counters["letters_for_gone_sessions"] += 1
        elif isinstance(letter, Refuse):
            log.info("meter %s refused by the office", masked(letter.serial))
            self._end(session, "refused", now)
        elif letter.epoch > (session.questions.epoch or 0):
            if session.questions.epoch is None and self._asks_clocks:
                session.clock_due = self._clock_checks.due(letter.serial, now.mono)
            session.questions.epoch = letter.epoch
            self._set_alarm(session)

    def unmapped(self) -> list[str]:
        """Meter numbers somebody claims and the serial map was not yet asked for."""
        return list(self._unmapped)

    def mapped(self, serial: str, profile_name: str | None, now: Now) -> None:
        """What the serial map says about a number; None means the map is there and does not know it."""
        profile: Profile | None = None
        if profile_name is not None:
            try:
                profile = self._load_profile(profile_name)
            except LookupError:
                log.error("meter %s has a profile this gateway does not know", masked(serial))
        for session in self._unmapped.pop(serial, {}):
            if profile is None:
                self._end(session, "unknown_serial", now)
            else:
                session.profile = profile
                session.questions.answers_read_address = profile.answers_read_address
                session.login.knows_model(profile.answers_read_address, now.mono)
                self._settle(session, now)

    # --- time and the end

    def next_deadline(self) -> float | None:
        """When ``pass_time`` next has something to do (monotonic seconds); may be early, never late."""
        deadlines = [self._seen_due] if self._seen else []
        if self._alarms:
            deadlines.append(self._alarms[0][0])
        return min(deadlines, default=None)

    def pass_time(self, now: Now) -> None:
        """Act on every deadline that is there."""
        while self._alarms and self._alarms[0][0] <= now.mono:
            at, _, session = heapq.heappop(self._alarms)
            if at == session.alarm:
                session.alarm = None
                if not session.ended:
                    session.login.pass_time(now.mono)
                    session.questions.pass_time(now)
                    self._hear(session, session.events_after_silence(now.mono), now)
        if now.mono >= self._seen_due:
            while self._seen:
                self._up.put(Kind.SEEN, self._seen.popitem()[1])

    def drain(self, now: Now) -> None:
        """The process is about to stop: no letter starts any more, questions in flight may be answered."""
        self._draining = True
        for session in list(self._by_serial.values()):
            session.questions.drain(now)

    @property
    def busy(self) -> bool:
        """Whether any question awaits its answer."""
        return any(session.questions.deadline is not None for session in self._by_serial.values())

    def end_all(self, reason: str, now: Now) -> None:
        for line in list(self._by_line):
            self.lost(line, now, reason)

    def __len__(self) -> int:
        return len(self._by_line)

    def states(self) -> dict[str, int]:
        """How many sessions there are of each state; walks all of them."""
        granted = sum(session.questions.epoch is not None for session in self._by_serial.values())
        proven = len(self._by_serial) - granted
        return {"unproven": len(self._unproven), "proven": proven, "granted": granted}

    def id_of(self, line: Line) -> str | None:
        """The session on this line."""
        session = self._by_line.get(line)
        return session.id if session is not None else None

    # --- inside

    def _hear(self, session: Session, events: Iterable[Event], now: Now) -> None:
        for event in events:
            if self._on_event is not None:
                self._on_event(session.id, event)
            frame = session.take(event, now.mono)
            if frame is not None:
                self._frame(session, frame, now)
            elif isinstance(event, OpeningSeen):
                self.counters["frames_in"] += 1
            elif isinstance(event, FrameRejected):
                self.counters["bad_frames"] += 1
                self.counters["bad_checksums"] += isinstance(event.error, BadChecksum)
            if session.ended:
                return
        if session.spoke:
            session.spoke = False
            self._mark_seen(session, now)
        self._settle(session, now)

    def _frame(self, session: Session, frame: Frame, now: Now) -> None:
        self.counters["frames_in"] += 1
        if session.serial is None:
            if session.login.heard(frame, now.mono):
                return
        elif frame.address != session.serial:
            self.counters["frames_of_other_addresses"] += 1
            session.may_speak_unasked(now.mono)
            return
        if session.questions.answered_by(frame, now):
            self.counters["replies"] += 1
        elif session.questions.comes_late(frame, now):
            self.counters["late_replies"] += 1
        elif not session.may_speak_unasked(now.mono):
            self.counters["unasked_frames_shed"] += 1
        elif frame.control == PUSH_CONTROL:
            self._push(session, frame, now)
        else:
            self.counters["stray_frames"] += 1

    def _push(self, session: Session, frame: Frame, now: Now) -> None:
        if session.questions.epoch is None:
            self.counters["pushes_before_grant"] += 1
            return
        item = {
            "serial": frame.address,
            "epoch": session.questions.epoch,
            "raw": frame.encode(0).hex().upper(),
        }
        self.counters["pushes"] += 1
        self._up.put(Kind.PUSH, {**item, "at": instant(now.utc)})

    def _mark_seen(self, session: Session, now: Now) -> None:
        epoch, serial = session.questions.epoch, session.serial
        if epoch is not None and serial is not None:
            if not self._seen:
                self._seen_due = now.mono + SEEN_SECONDS
            item = {"serial": serial, "session": session.id, "epoch": epoch}
            self._seen[serial] = {**item, "at": instant(now.utc)}

    def _settle(self, session: Session, now: Now) -> None:
        """Bring one session as far as its login, its proof, the map and its line allow."""
        if (reason := session.reason_to_end(now.mono)) is not None:
            self._end(session, reason, now)
        elif session.serial is not None and session in self._unproven:
            self._proven(session, session.serial, now)
        if session.ended:
            return
        if session.login.claim is not None:
            self._nameless.pop(session, None)
        if session.login.claim is not None and session.profile is None:
            waiting = self._unmapped.setdefault(session.login.claim, {})
            if session not in waiting:
                waiting[session] = None
                self._on_unmapped()
        if session.ready_to_announce(now.mono, ANNOUNCE_AGAIN_SECONDS):
            session.announced_at = now.mono
            self.counters["logins"] += 1
            item = {"serial": session.serial, "session": session.id, "peer": session.peer}
            self._up.put(Kind.LOGIN, {**item, "at": instant(now.utc)})
        if session.clock_due is not None and now.mono >= session.clock_due:
            self._clock_checks.ask(session, now)
        self._set_alarm(session)

    def _proven(self, session: Session, serial: str, now: Now) -> None:
        del self._unproven[session]
        self._nameless.pop(session, None)
        self.counters["proofs"] += 1
        self._on_proven(session.line)
        if self._takeovers.is_frozen(serial, now.mono):
            self._end(session, "takeover_storm", now)
            return
        other = self._by_serial.get(serial)
        if other is not None and other.order > session.order:
            self._end(session, "superseded", now)
            return
        self._by_serial[serial] = session
        if other is not None:
            self._end(other, "replaced", now)
            if (count := self._takeovers.count(serial, now.mono)) is not None:
                log.warning("meter %s was taken over %d times; it is frozen", masked(serial), count)
                self._up.put(Kind.STORM, {"serial": serial, "at": instant(now.utc), "count": count})
        if self._draining:
            session.questions.drain(now)

    def _ask(self, session: Session | None, ask: Ask, now: Now) -> None:
        if self.repeats.is_open(ask):
            self.counters["repeated_letters"] += 1
        elif (answer := self.repeats.answer(ask)) is not None:
            self.counters["repeated_letters"] += 1
            self._up.put(Kind.ANSWER, answer)
        elif session is None or session.questions.epoch is None:
            nothing: list[str | None] = [None] * len(ask.questions)
            self._letter_ended(ask, Outcome.NOT_CONNECTED, nothing, now)
        else:
            self.repeats.begin(ask)
            session.questions.add(ask, now)
            self._set_alarm(session)

    def _letter_ended(self, ask: Ask, outcome: Outcome, replies: list[str | None], now: Now) -> None:
        item: dict[str, object] = {"command": ask.command, "attempt": ask.attempt, "epoch": ask.epoch}
        item |= {"serial": ask.serial, "outcome": outcome.value, "replies": replies, "at": instant(now.utc)}
        self.counters[f"letters_{outcome.value}"] += 1
        self.repeats.end(ask, item, reached_meter=outcome is Outcome.NO_ANSWER or any(replies))
        self._up.put(Kind.ANSWER, item)

    def _end(self, session: Session, reason: str, now: Now) -> None:
        if session.ended:
            return
        session.ended = True
        del self._by_line[session.line]
        self._unproven.pop(session, None)
        self._nameless.pop(session, None)
        serial = session.serial
        if serial is not None and self._by_serial.get(serial) is session:
            del self._by_serial[serial]
        if session.login.claim in self._unmapped:
            self._unmapped[session.login.claim].pop(session, None)
            if not self._unmapped[session.login.claim]:
                del self._unmapped[session.login.claim]
        self.counters[f"ended_{reason}"] += 1
        level = logging.DEBUG
        if reason.startswith("foreign") and self.counters[f"ended_{reason}"] <= FOREIGN_TOLD:
            level = logging.WARNING
        log.log(level, "session of %s from %s ended: %s", masked(session.login.claim), session.peer, reason)
        session.questions.abandon(now)
        if session.announced_at is not None:
            item = {"serial": serial, "session": session.id, "epoch": session.questions.epoch}
            self._up.put(Kind.GONE, {**item, "reason": reason, "at": instant(now.utc)})
        session.line.close()

    def _set_alarm(self, session: Session) -> None:
        due = session.deadline(ANNOUNCE_AGAIN_SECONDS)
        if not session.ended and (session.alarm is None or due < session.alarm):
            session.alarm = due
            heapq.heappush(self._alarms, (due, next(self._order), session))
