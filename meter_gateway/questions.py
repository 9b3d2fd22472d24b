"""One question at a time on one meter's line. No sockets and no clock: `now` and the line are given."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from meter_gateway.letters import Ask, Outcome
from meter_gateway.protocol.frames import Frame, Function
from meter_gateway.protocol.reads import read_address_request, read_request
from meter_gateway.protocol.replies import matches

QUEUE_LIMIT = 50
REMEMBERED_QUESTIONS = 16
REMEMBERED_FOR_S = 120.0
FENCE_DIS = (
    *("00010000", "00020000", "00000000", "00900100"),
    *("02010100", "02020100", "02030000", "02800002", "04000401", "04000503"),
)


class Now(NamedTuple):
    """One instant on both clocks: ``mono`` seconds for deadlines, ``utc`` for what is written down."""

    mono: float
    utc: datetime


Write = Callable[[bytes], None]
Finish = Callable[[Ask, Outcome, list[str | None], Now], None]


@dataclass(slots=True)
class _Errand:
    ask: Ask
    finish: Finish
    deadline: float = 0.0
    replies: list[bytes] = field(default_factory=list)
    fence: Frame | None = None

    @property
    def frame(self) -> Frame:
        return self.ask.questions[len(self.replies)].frame

    @property
    def awaited(self) -> Frame:
        """The frame whose answer is waited for now."""
        return self.fence or self.frame


@dataclass(slots=True)
class _GivenUp:
    """A question nobody answered in time. Its answer may still be under way until it is ``outrun``."""

    frame: Frame
    at: float
    outrun: bool = False


class Questions:
    """The queue of letters for one session and the one question that awaits its answer.

    ``finish`` is called exactly once for every letter that was added. ``epoch`` is the epoch the session
    was granted; a letter of another epoch is finished as STALE_EPOCH when its turn comes.

    A question that was given up on is not asked again while its first answer may still be under way, for the
    two answers look the same. Something else is asked first (a fence): a link keeps its order, so behind the
    fence's answer no earlier one can follow. A letter whose fence stays unanswered ends as NO_ANSWER.
    """

    __slots__ = (
        "_answered",
        "_finish",
        "_given_up",
        "_in_flight",
        "_queue",
        "_stopping",
        "_write",
        "answers_read_address",
        "epoch",
    )

    def __init__(self, write: Write, finish: Finish) -> None:
        self._write = write
        self._finish = finish
        self._in_flight: _Errand | None = None
        # Made when first needed: most of ten thousand sessions have nothing to remember.
        self._queue: deque[_Errand] | None = None
        self._answered: deque[tuple[Frame, float]] | None = None
        self._given_up: deque[_GivenUp] | None = None
        self._stopping = False
        self.answers_read_address = True
        self.epoch: int | None = None

    @property
    def deadline(self) -> float | None:
        """When the question in flight counts as unanswered, on the monotonic clock."""
        return self._in_flight.deadline if self._in_flight else None

    def add(self, ask: Ask, now: Now, finish: Finish | None = None) -> None:
        """Queue a letter and ask at once if nothing is in flight; a full queue sends it straight back.

        ``finish`` instead of the session's own is for questions the gateway asks for itself.
        """
        errand = _Errand(ask, finish or self._finish)
        if self._stopping or len(self._queue or ()) >= QUEUE_LIMIT:
            self._end(errand, Outcome.NOT_CONNECTED, now)
            return
        if self._queue is None:
            self._queue = deque()
        self._queue.append(errand)
        self._go_on(now)

    def answered_by(self, frame: Frame, now: Now) -> bool:
        """Whether this frame answers the question in flight; if so the next frame or letter goes out."""
        errand = self._in_flight
        if errand is None or not matches(errand.awaited, frame) or self._may_be_late(frame):
            return False
        self._remember(frame, now)
        for entry in self._given_up or ():
            entry.outrun = True
        self._in_flight = None
        if errand.fence is None:
            errand.replies.append(frame.encode(preamble=0))
        errand.fence = None
        self._go_on(now, errand)
        return True

    def comes_late(self, frame: Frame, now: Now) -> bool:
        """Whether this frame belongs to a closed question of the last two minutes.

        That is the same answer once more, or the first frame that fits a question given up on. Anything else
        the meter says by itself, even about a register that was asked for a moment ago.
        """
        since = now.mono - REMEMBERED_FOR_S
        for entry in self._given_up or ():
            if entry.at >= since and matches(entry.frame, frame):
                assert self._given_up is not None
                self._given_up.remove(entry)
                self._remember(frame, now)
                return True
        return any(answered_at >= since and answer == frame for answer, answered_at in self._answered or ())

    def pass_time(self, now: Now) -> None:
        """End the question in flight as NO_ANSWER once its deadline is there, and go on with the queue."""
        errand = self._in_flight
        if errand is not None and now.mono >= errand.deadline:
            if self._given_up is None:
                self._given_up = deque(maxlen=REMEMBERED_QUESTIONS)
            self._given_up.append(_GivenUp(errand.awaited, now.mono))
            self._in_flight = None
            self._end(errand, Outcome.NO_ANSWER, now)
            self._go_on(now)

    def drain(self, now: Now) -> None:
        """Take nothing more: the question in flight may still be answered, everything behind it goes back."""
        self._stopping = True
        self._send_back_queue(now)

    def abandon(self, now: Now) -> None:
        """The line is gone: what was in flight stays unanswered, what waited was never sent."""
        errand, self._in_flight = self._in_flight, None
        if errand is not None:
            self._end(errand, Outcome.NO_ANSWER, now)
        self._send_back_queue(now)

    def _go_on(self, now: Now, errand: _Errand | None = None) -> None:
        while self._in_flight is None:
            if errand is None:
                if not self._queue:
                    return
                errand = self._queue.popleft()
            outcome = self._outcome_instead_of_asking(errand, now)
            if outcome is None and self._is_under_way(errand.frame, now):
                errand.fence = self._fence(errand.frame.address, now)
                outcome = Outcome.NO_ANSWER if errand.fence is None else None
            if outcome is None:
                errand.deadline = now.mono + errand.ask.timeout_s
                # In flight before the write, because a full write buffer ends the session inside it.
                self._in_flight = errand
                stored = errand.ask.questions[len(errand.replies)].raw
                self._write(errand.fence.encode() if errand.fence else stored)
                return
            self._end(errand, outcome, now)
            errand = None

    def _outcome_instead_of_asking(self, errand: _Errand, now: Now) -> Outcome | None:
        if len(errand.replies) == len(errand.ask.questions):
            return Outcome.ANSWERED
        if self._stopping:
            return Outcome.NOT_CONNECTED
        if errand.ask.epoch != self.epoch:
            return Outcome.STALE_EPOCH
        if now.utc >= errand.ask.expires_at:
            return Outcome.EXPIRED
        return None

    def _is_under_way(self, question: Frame, now: Now) -> bool:
        """Whether the answer to an earlier asking of this question may still come."""
        since = now.mono - REMEMBERED_FOR_S
        return any(
            not entry.outrun and entry.at >= since and _look_alike(entry.frame, question)
            for entry in self._given_up or ()
        )

    def _fence(self, address: str, now: Now) -> Frame | None:
        """A question whose answer cannot be taken for one that is under way; None when all might be."""
        fences = [read_address_request()] if self.answers_read_address else []
        fences += [read_request(address, di) for di in FENCE_DIS]
        return next((fence for fence in fences if not self._is_under_way(fence, now)), None)

    def _may_be_late(self, frame: Frame) -> bool:
        """An error names no register, so it may belong to another question that was given up on."""
        if not frame.is_error and frame.di is not None:
            return False
        return any(not entry.outrun and matches(entry.frame, frame) for entry in self._given_up or ())

    def _remember(self, answer: Frame, now: Now) -> None:
        if self._answered is None:
            self._answered = deque(maxlen=REMEMBERED_QUESTIONS)
        self._answered.append((answer, now.mono))

    def _send_back_queue(self, now: Now) -> None:
        while self._queue:
            self._end(self._queue.popleft(), Outcome.NOT_CONNECTED, now)

    def _end(self, errand: _Errand, outcome: Outcome, now: Now) -> None:
        replies: list[str | None] = [raw.hex().upper() for raw in errand.replies]
        replies += [None] * (len(errand.ask.questions) - len(replies))
        errand.finish(errand.ask, outcome, replies, now)


def _look_alike(one: Frame, other: Frame) -> bool:
    """Whether the answers to these two questions could be taken for one another, refusals aside."""
    if one.function != other.function:
        return False
    return one.function == Function.SECURITY or one.di == other.di
