"""The clock: set by a write, and believed when the meter is asked for date and time.

Setting it twice does no harm, because each attempt carries the time of its own sending. The time goes before the
date: a clock that passed its own midnight between the two would else be a day ahead. Around the true midnight
nothing is set.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

from apps.meters import frames
from apps.meters.deciding.state import OpenCommand
from apps.meters.deciding.turn import Turn
from apps.meters.evidence import Evidence
from apps.meters.states import CommandState, Purpose

# Within this a clock counts as right; the gateways' daily look uses the same.
TOLERATED_S = 60
AROUND_MIDNIGHT = timedelta(minutes=3)


def ask(turn: Turn, command: OpenCommand) -> None:
    """Set the clock, or, when the bytes may have arrived already, ask for it first."""
    profile, serial = turn.state.profile, turn.state.serial
    if command.state in (CommandState.UNKNOWN, CommandState.ACKED):
        turn.send(command, Purpose.CHECK, frames.clock_reads(serial))
        return
    local = turn.now.astimezone(ZoneInfo(profile.time_zone))
    if (local + AROUND_MIDNIGHT).date() != (local - AROUND_MIDNIGHT).date():
        turn.later(command, "waits until midnight has passed")
        return
    if command.state != CommandState.SENT:
        turn.step(command, CommandState.SENT, "time sent")
        command = turn.state.command(command.id) or command
    turn.send(
        command, Purpose.SET, frames.clock_writes(profile, serial, turn.now) + frames.clock_reads(serial)
    )


def take_answer(turn: Turn, command: OpenCommand, purpose: Purpose, evidence: Evidence) -> None:
    """Compare the meter's clock with ours; a clock that is still off is set again until the command expires."""
    shown = evidence.clock
    if shown is None:
        turn.later(command, "refused by the meter" if evidence.refusal else "no answer")
        return
    right = turn.now.astimezone(ZoneInfo(turn.state.profile.time_zone)).replace(tzinfo=None)
    ahead_s = round((shown - right).total_seconds())
    turn.note_clock(ahead_s)
    facts = {"clock_ahead_s": str(ahead_s), **evidence.facts()}
    if abs(ahead_s) <= TOLERATED_S:
        turn.step(command, CommandState.DONE, "the meter shows it", facts=facts)
    elif evidence.refusal:
        turn.step(command, CommandState.REJECTED, "refused by the meter", facts=facts)
    elif purpose is Purpose.SET:
        turn.step(
            command, CommandState.ACKED, "said yes, but does not show it yet", retry_in_s=2, facts=facts
        )
    else:
        turn.step(command, CommandState.UNKNOWN, "the meter does not show it; sending it again", retry_in_s=0)
        again = turn.state.command(command.id)
        if again is not None and turn.state.session is not None:
            turn.step(again, CommandState.SENT, "")
            _set_again(turn, again)


def _set_again(turn: Turn, command: OpenCommand) -> None:
    profile, serial = turn.state.profile, turn.state.serial
    turn.send(
        command, Purpose.SET, frames.clock_writes(profile, serial, turn.now) + frames.clock_reads(serial)
    )
