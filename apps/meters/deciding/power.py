"""Switching: an absolute wish with a version; the newest wins, and a late one dies by itself.

The frame carries its own expiry, so bytes that hang in a network cannot switch a flat an hour later. DONE is
what the status word says, never the acknowledgement.
"""

from datetime import timedelta

from apps.meters import frames
from apps.meters.deciding.state import OpenCommand
from apps.meters.deciding.turn import Turn
from apps.meters.evidence import Evidence
from apps.meters.states import CommandState, Purpose

# Long enough for a slow link, short enough that nobody has gone home meanwhile.
FRAME_LIFE = timedelta(minutes=2)


def retire(turn: Turn) -> None:
    """End power commands that are superseded by a newer wish or too late; not the one that is on its way."""
    busy = turn.state.letter.command_id if turn.state.letter else None
    for command in turn.state.commands:
        if not command.is_power or command.id == busy:
            continue
        if command.wish_version is not None and command.wish_version < turn.state.wish_version:
            turn.step(command, CommandState.CANCELLED, "a newer wish replaced it")
        elif command.expires_at is not None and command.expires_at <= turn.now:
            turn.step(command, CommandState.EXPIRED, "the meter could not be reached in time")


def ask(turn: Turn, command: OpenCommand) -> None:
    """Send the switch, or, when its bytes may have arrived already, ask the relay first."""
    state = turn.state
    if command.state in (CommandState.UNKNOWN, CommandState.ACKED):
        turn.send(command, Purpose.CHECK, frames.state_reads(state.profile, state.serial))
        return
    _switch(turn, command)


def _switch(turn: Turn, command: OpenCommand) -> None:
    profile, serial = turn.state.profile, turn.state.serial
    frame = frames.switch(profile, serial, on=command.wants_on, valid_until=turn.now + FRAME_LIFE)
    turn.step(command, CommandState.SENT, "switch sent")
    command = turn.state.command(command.id) or command
    turn.send(command, Purpose.SWITCH, (frame, *frames.state_reads(profile, serial)))


def take_answer(turn: Turn, command: OpenCommand, purpose: Purpose, evidence: Evidence) -> None:
    """Compare the relay with the wish."""
    if evidence.relay_open is None:
        if evidence.refusal:
            turn.step(command, CommandState.REJECTED, "refused by the meter", facts=evidence.facts())
        else:
            turn.later(command, "no answer")
    elif evidence.relay_open != command.wants_on and not _open_without_us(command, evidence):
        turn.step(command, CommandState.DONE, "the meter shows it", facts=evidence.facts())
    elif evidence.refusal:
        turn.step(command, CommandState.REJECTED, "refused by the meter", facts=evidence.facts())
    elif purpose is Purpose.SWITCH:
        turn.step(
            command,
            CommandState.ACKED,
            "said yes, but the relay has not moved yet",
            retry_in_s=2,
            facts=evidence.facts(),
        )
    else:
        turn.step(command, CommandState.UNKNOWN, "the relay has not moved; sending it again", retry_in_s=0)
        again = turn.state.command(command.id)
        newest = again is not None and again.wish_version == turn.state.wish_version
        if again is not None and newest and turn.state.session is not None:
            _switch(turn, again)


def _open_without_us(command: OpenCommand, evidence: Evidence) -> bool:
    """An empty meter is open by itself and closes at the next recharge: only its yes shows that it heard the off."""
    is_empty = evidence.remaining_kwh is None or evidence.remaining_kwh <= 0
    return not command.wants_on and is_empty and not evidence.was_accepted
