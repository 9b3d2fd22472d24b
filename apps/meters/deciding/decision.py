"""One turn: take the event in, then choose the one question to ask next.

Theory. A meter answers one question at a time, so at most one letter is out. Switches go first because they are
about safety and a stale one must never follow a newer one; the head credit goes next, since somebody paid for it
and waits in the dark; then clock and resets, and reads last. A credit that nobody can place (UNKNOWN) waits its
turn like the others and blocks further credits only, never the reads that resolve it. A reset that may have left
holds back credits and reads until it is settled: what they would mean hangs on it.
"""

from dataclasses import replace

from apps.meters.deciding import clock, credit, phone, power, reading, resets, ways_out
from apps.meters.deciding.events import (
    Answered,
    CancelAsked,
    CloseLetter,
    Effect,
    Event,
    LoggedIn,
    NotePower,
    NoteReading,
    PhoneCame,
    PhoneSaid,
    Resolved,
    Rung,
    Step,
)
from apps.meters.deciding.state import MeterState
from apps.meters.deciding.turn import Turn
from apps.meters.evidence import Evidence, weigh
from apps.meters.states import READ_KINDS, CommandKind, CommandState, Outcome, PowerReason

_UNREACHED = "the meter could not be reached in time"


def decide(state: MeterState, event: Event) -> tuple[MeterState, list[Effect]]:
    """Return the state after `event` and what must be written or sent for it.

    Deterministic and without side effects; deciding twice on the same state gives the same effects.
    """
    turn = Turn(state, event.now)
    if isinstance(event, Answered):
        _take_answer(turn, event)
    elif isinstance(event, LoggedIn):
        _go_on_at_once(turn)
    elif isinstance(event, CancelAsked):
        credit.take_back(turn, event.command_id)
    elif isinstance(event, PhoneCame):
        phone.hand_over(turn, event)
    elif isinstance(event, PhoneSaid):
        phone.hear(turn, event)
    elif isinstance(event, Resolved):
        ways_out.take(turn, event)
    else:
        assert isinstance(event, Rung)
    _give_up_lost_letter(turn)
    power.retire(turn)
    _expire(turn)
    if turn.state.letter is None and turn.state.session is not None:
        _ask_next(turn)
    return turn.state, turn.effects


def _go_on_at_once(turn: Turn) -> None:
    for command in turn.state.commands:
        if command.next_at > turn.now:
            turn.do(Step(command.id, command.state, "", {}, turn.now))
            turn.state = turn.state.with_command(command.id, next_at=turn.now)


def _give_up_lost_letter(turn: Turn) -> None:
    """A letter is lost when its deadline has passed, or the session it travelled on is no longer the meter's."""
    letter, session = turn.state.letter, turn.state.session
    if letter is None:
        return
    fenced = session is None or (session.gateway, session.epoch) != (letter.gateway, letter.epoch)
    if not fenced and turn.now < letter.deadline_at:
        return
    turn.do(CloseLetter(letter.command_id, letter.attempt, False, "", (), turn.now))
    turn.state = replace(turn.state, letter=None)
    command = turn.state.command(letter.command_id)
    if command is None:
        return
    if fenced:
        # The line broke, which says nothing about the meter: no pause, ask as soon as it is back.
        if command.state in (CommandState.SENT, CommandState.ACKED):
            turn.step(command, CommandState.UNKNOWN, "the connection was lost", retry_in_s=0)
    else:
        turn.later(command, "no answer in time")


def _expire(turn: Turn) -> None:
    """End what is too late to be wanted; not what is on its way, nor a reset that may have happened."""
    busy = turn.state.letter.command_id if turn.state.letter else None
    for command in turn.state.commands:
        if command.expires_at is None or command.expires_at > turn.now or command.id == busy:
            continue
        if command == turn.state.reset_on_its_way:
            continue
        reached = "the meter did not answer in time" if command.kind in READ_KINDS else _UNREACHED
        turn.step(command, CommandState.EXPIRED, reached)


def _take_answer(turn: Turn, event: Answered) -> None:
    letter = turn.state.letter
    current = letter is not None and (letter.command_id, letter.attempt) == (event.command_id, event.attempt)
    if letter is not None and not current:
        return
    if current:
        assert letter is not None
        if event.epoch != letter.epoch:
            return
        turn.do(CloseLetter(event.command_id, event.attempt, True, event.outcome, event.replies, event.now))
        turn.state = replace(turn.state, letter=None)
    command = turn.state.command(event.command_id)
    evidence = weigh(turn.state.profile, event.frames, event.replies)
    if current:
        _note_what_it_says(turn, event, evidence)
    if command is None:
        return
    if not current and command.number is None:
        # A late answer is old news. Only about a numbered credit can it prove something, and safely so:
        # before the credit the count was n - 1, afterwards it is n.
        return
    if event.outcome in (Outcome.NOT_CONNECTED, Outcome.STALE_EPOCH, Outcome.EXPIRED):
        turn.later(command, f"not delivered: {event.outcome}")
    elif command.is_credit:
        credit.take_answer(turn, command, event.purpose, evidence)
    elif command.is_switch:
        power.take_answer(turn, command, event.purpose, evidence)
    elif command.is_reset:
        resets.take_answer(turn, command, event.purpose, evidence)
    elif command.kind == CommandKind.SET_CLOCK:
        clock.take_answer(turn, command, event.purpose, evidence)
    else:
        reading.take_answer(turn, command, event.purpose, evidence)


def _note_what_it_says(turn: Turn, event: Answered, evidence: Evidence) -> None:
    if evidence.relay_open is not None:
        turn.do(
            NotePower(
                not evidence.relay_open,
                _why_open(turn.state, evidence),
                turn.now,
                kept=bool(evidence.power_kept),
                lamp_on=bool(evidence.lamp_on),
                account_opened=bool(evidence.account_opened),
            )
        )
    if evidence.total_kwh is not None and evidence.remaining_kwh is not None:
        turn.do(NoteReading(event.command_id, event.attempt))


def _why_open(state: MeterState, evidence: Evidence) -> PowerReason:
    if not evidence.relay_open:
        return PowerReason.NONE
    pending_off = any(c.kind == CommandKind.POWER_OFF for c in state.commands)
    if state.wished_on is False or pending_off:
        return PowerReason.FORCED_OFF
    if evidence.remaining_kwh is not None and evidence.remaining_kwh <= 0:
        return PowerReason.ZERO_BALANCE
    return PowerReason.OTHER


def _ask_next(turn: Turn) -> None:
    waiting = [c for c in turn.state.commands if c.next_at <= turn.now]
    for command in waiting:
        if command.is_switch:
            power.ask(turn, command)
            return
    unsettled = turn.state.reset_on_its_way
    if unsettled is not None:
        if unsettled in waiting:
            resets.ask(turn, unsettled)
        return
    head = turn.state.head_credit
    if head is not None and head in waiting and not turn.state.frozen:
        credit.ask(turn, head)
        if turn.state.letter is not None:
            return
    for command in waiting:
        if command.kind == CommandKind.SET_CLOCK:
            clock.ask(turn, command)
        elif command.is_reset:
            resets.ask(turn, command)
        if turn.state.letter is not None:
            return
    for command in waiting:
        if command.kind in READ_KINDS:
            reading.ask(turn, command)
            if turn.state.letter is not None:
                return
