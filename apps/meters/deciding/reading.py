"""Reads: what the meter shows now, or what it froze at the midnight that closed a day."""

from zoneinfo import ZoneInfo

from apps.meters import frames
from apps.meters.deciding import credit
from apps.meters.deciding.state import OpenCommand
from apps.meters.deciding.turn import Turn
from apps.meters.evidence import Evidence
from apps.meters.states import CommandKind, CommandState, Purpose


def ask(turn: Turn, command: OpenCommand) -> None:
    """Put the question, or end it where there is nothing to ask."""
    profile, serial = turn.state.profile, turn.state.serial
    if command.kind == CommandKind.READ:
        purpose = Purpose.READ
        questions = frames.full_reads(profile, serial, with_customer=not turn.state.customer_no)
    elif command.kind == CommandKind.PROBE:
        purpose = Purpose.PROBE
        questions = frames.probe_reads(profile, serial)
    else:
        assert command.freeze_date is not None
        today = turn.now.astimezone(ZoneInfo(profile.time_zone)).date()
        dis = frames.freeze_dis(profile, command.freeze_date, today)
        if dis is None:
            turn.step(command, CommandState.EXPIRED, "the meter does not keep that midnight")
            return
        purpose, questions = Purpose.FREEZE, frames.reads(serial, list(dis))
    if command.state != CommandState.SENT:
        turn.step(command, CommandState.SENT, "asked the meter")
        command = turn.state.command(command.id) or command
    turn.send(command, purpose, questions)


def take_answer(turn: Turn, command: OpenCommand, purpose: Purpose, evidence: Evidence) -> None:
    """A full answer ends the read; anything less is asked again until it expires."""
    if purpose is Purpose.FREEZE:
        if evidence.refused_reads:
            turn.step(command, CommandState.REJECTED, "the meter has no freeze of that day")
        elif len(evidence.registers) < 2:
            turn.later(command, "no answer")
        else:
            turn.tell_reading(command)
            turn.step(command, CommandState.DONE, "read")
        return
    if evidence.total_kwh is None or evidence.remaining_kwh is None:
        turn.later(command, "no answer")
        return
    if purpose is Purpose.PROBE and (evidence.count is None or evidence.purchased_kwh is None):
        turn.later(command, "no answer")
        return
    credit.compare_with_books(turn, evidence, may_freeze=False)
    turn.step(command, CommandState.DONE, "read", facts=evidence.facts())
