"""One question at a time on one meter's line. No sockets and no clock: `now` and the line are given."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from meter_gateway.letters import Ask, Outcome
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.replies import matches

QUEUE_LIMIT = 50
REMEMBERED_QUESTIONS = 8
REMEMBERED_FOR_S = 60.0


class Now(NamedTuple):
    """One instant on both clocks: ``mono`` seconds for deadlines, ``utc`` for what is written down."""

    mono: float
    utc: datetime


Write = Callable[[bytes], None]
Finish = Callable[[Ask, Outcome, list[str | None], Now], None]


@dataclass(slots=True)
class _Errand:
    ask: Ask
    deadline: float = 0.0
    replies: list[bytes] = field(default_factory=list)

    @property
    def frame(self) -> Frame:
        return self.ask.questions[len(self.replies)].frame


class Questions:
    """The queue of letters for one session and the one question that awaits its answer.

    ``finish`` is called exactly once for every letter that was added. ``epoch`` is the epoch the session
    was granted; a letter of another epoch is finished as STALE_EPOCH when its turn comes.
    """

    __slots__ = (
        "_answered",
        "_finish",
        "_in_flight",
        "_queue",
        "_stopping",
        "_unanswered",
        "_write",
        "epoch",
    )

    def __init__(self, write: Write, finish: Finish) -> None:
        self._write = write
        self._finish = finish
        self._queue: deque[Ask] = deque()
        self._in_flight: _Errand | None = None
        self._answered: deque[tuple[Frame, float]] = deque(maxlen=REMEMBERED_QUESTIONS)
        self._unanswered: deque[tuple[Frame, float]] = deque(maxlen=REMEMBERED_QUESTIONS)
        self._stopping = False
        self.epoch: int | None = None

    @property
    def deadline(self) -> float | None:
        """When the question in flight counts as unanswered, on the monotonic clock."""
        return self._in_flight.deadline if self._in_flight else None

    def add(self, ask: Ask, now: Now) -> None:
        """Queue a letter and ask at once if nothing is in flight; a full queue sends it straight back."""
        if self._stopping or len(self._queue) >= QUEUE_LIMIT:
            self._end(_Errand(ask), Outcome.NOT_CONNECTED, now)
            return
        self._queue.append(ask)
        self._go_on(now)

    def answered_by(self, frame: Frame, now: Now) -> bool:
        """Whether this frame answers the question in flight; if so the next frame or letter goes out."""
        errand = self._in_flight
        if errand is None or not matches(errand.frame, frame):
            return False
        self._answered.append((frame, now.mono))
        self._in_flight = None
        errand.replies.append(frame.encode(preamble=0))
        self._go_on(now, errand)
        return True

    def comes_late(self, frame: Frame, now: Now) -> bool:
        """Whether this frame belongs to a closed question of the last minute.

        That is the same answer once more, or the first frame that fits a question given up on. Anything else
        the meter says by itself, even about a register that was asked for a moment ago.
        """
        since = now.mono - REMEMBERED_FOR_S
        for entry in self._unanswered:
            question, given_up_at = entry
            if given_up_at >= since and matches(question, frame):
                self._unanswered.remove(entry)
                self._answered.append((frame, now.mono))
                return True
        return any(answered_at >= since and answer == frame for answer, answered_at in self._answered)

    def pass_time(self, now: Now) -> None:
        """End the question in flight as NO_ANSWER once its deadline is there, and go on with the queue."""
        errand = self._in_flight
        if errand is not None and now.mono >= errand.deadline:
            self._unanswered.append((errand.frame, now.mono))
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
                errand = _Errand(self._queue.popleft())
            outcome = self._outcome_instead_of_asking(errand, now)
            if outcome is None:
                errand.deadline = now.mono + errand.ask.timeout_s
                # In flight before the write, because a full write buffer ends the session inside it.
                self._in_flight = errand
                self._write(errand.ask.questions[len(errand.replies)].raw)
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

    def _send_back_queue(self, now: Now) -> None:
        while self._queue:
            self._end(_Errand(self._queue.popleft()), Outcome.NOT_CONNECTED, now)

    def _end(self, errand: _Errand, outcome: Outcome, now: Now) -> None:
        replies: list[str | None] = [raw.hex().upper() for raw in errand.replies]
        replies += [None] * (len(errand.ask.questions) - len(replies))
        self._finish(errand.ask, outcome, replies, now)
