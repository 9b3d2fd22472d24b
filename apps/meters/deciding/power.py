"""Switching: an absolute wish; the newest wins, and a late one dies by itself.

Four wishes are about the relay (on, off, keep, release) and share one version; two are about the alarm lamp.
The frame carries its own expiry, so bytes that hang in a network cannot switch a flat an hour later. DONE is
what the status word says, never the acknowledgement.
"""

from datetime import timedelta

from apps.meters import frames
from apps.meters.deciding.state import OpenCommand
from apps.meters.deciding.turn import Turn
from apps.meters.evidence import Evidence
from apps.meters.states import LAMP_KINDS, CommandKind, CommandState, Purpose

# Long enough for a slow link, short enough that nobody has gone home meanwhile.
FRAME_LIFE = timedelta(minutes=2)


def retire(turn: Turn) -> None:
    """End wishes that a newer one has replaced; not the one that is on its way."""
    busy = turn.state.letter.command_id if turn.state.letter else None
    for command in turn.state.commands:
        if command.is_switch and command.id != busy and not _is_newest(turn, command):
            turn.step(command, CommandState.CANCELLED, "a newer wish replaced it")


def _is_newest(turn: Turn, command: OpenCommand) -> bool:
    if command.kind in LAMP_KINDS:
        # All lamps' wishes live equally long, so the newest of the open ones is the newest of all.
        return command.id == [c.id for c in turn.state.commands if c.kind in LAMP_KINDS][-1]
    return command.wish_version is None or command.wish_version >= turn.state.wish_version


def ask(turn: Turn, command: OpenCommand) -> None:
    """Send the switch, or, when its bytes may have arrived already, ask the meter first."""
    state = turn.state
    if command.state in (CommandState.UNKNOWN, CommandState.ACKED):
        turn.send(command, Purpose.CHECK, frames.state_reads(state.profile, state.serial))
        return
    _switch(turn, command)


def _switch(turn: Turn, command: OpenCommand) -> None:
    profile, serial = turn.state.profile, turn.state.serial
    frame = frames.switch(profile, serial, command.kind, valid_until=turn.now + FRAME_LIFE)
    turn.step(command, CommandState.SENT, "switch sent")
    command = turn.state.command(command.id) or command
    turn.send(command, Purpose.SWITCH, (frame, *frames.state_reads(profile, serial)))


def take_answer(turn: Turn, command: OpenCommand, purpose: Purpose, evidence: Evidence) -> None:
    """Compare what the meter shows with the wish."""
    if evidence.relay_open is None:
        if evidence.refusal:
            turn.step(command, CommandState.REJECTED, "refused by the meter", facts=evidence.facts())
        else:
            turn.later(command, "no answer")
    elif _is_fulfilled(command, evidence):
        turn.step(command, CommandState.DONE, "the meter shows it", facts=evidence.facts())
    elif evidence.refusal:
        turn.step(command, CommandState.REJECTED, _why_refused(command, evidence), facts=evidence.facts())
    elif purpose is Purpose.SWITCH:
        turn.step(
            command,
            CommandState.ACKED,
            "said yes, but does not show it yet",
            retry_in_s=2,
            facts=evidence.facts(),
        )
    else:
        turn.step(command, CommandState.UNKNOWN, "the meter does not show it; sending it again", retry_in_s=0)
        again = turn.state.command(command.id)
        if again is not None and _is_newest(turn, again) and turn.state.session is not None:
            _switch(turn, again)


def _is_fulfilled(command: OpenCommand, evidence: Evidence) -> bool:
    match command.kind:
        case CommandKind.KEEP_POWER | CommandKind.RELEASE_KEEP:
            return evidence.power_kept is (command.kind == CommandKind.KEEP_POWER)
        case CommandKind.LAMP_ON | CommandKind.LAMP_OFF:
            return evidence.lamp_on is (command.kind == CommandKind.LAMP_ON)
    return evidence.relay_open != command.wants_on and not _open_without_us(command, evidence)


def _why_refused(command: OpenCommand, evidence: Evidence) -> str:
    if command.kind == CommandKind.POWER_OFF and evidence.power_kept:
        return "refused: the meter keeps its power on until it is released"
    return "refused by the meter"


def _open_without_us(command: OpenCommand, evidence: Evidence) -> bool:
    """An empty meter is open by itself and closes at the next recharge: only its yes shows that it heard the off."""
    is_empty = evidence.remaining_kwh is None or evidence.remaining_kwh <= 0
    return not command.wants_on and is_empty and not evidence.was_accepted
