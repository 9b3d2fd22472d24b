"""Resets: energy set to zero, or a purse as new. What they take away nobody can bring back.

    QUEUED ─► closing reading ─► the next body begins, the one frame leaves ─► read back
    blank                         DONE
    refused, or the reads show    REJECTED: nothing is sent again, who still wants it asks anew
    after SETTLE that it was not
    no answer                     asked again for as long as it takes; credits and reads wait meanwhile

The frame leaves once. A second one, after an answer that was only lost, would take away what was recharged in
between. The next body (device epoch) begins when the frame may leave, not when it is proved: from that moment
nothing read is held against what was before, and a body too many costs a day's figure and no money.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from apps.meters import frames
from apps.meters.deciding.state import OpenCommand
from apps.meters.deciding.turn import Turn
from apps.meters.evidence import Evidence
from apps.meters.states import CommandKind, CommandState, Purpose
from meter_gateway.protocol.profiles import Profile

# No line holds bytes back for longer than this and then brings them.
SETTLE = timedelta(minutes=2)
LOOK_AGAIN_S = 15


def ask(turn: Turn, command: OpenCommand) -> None:
    """Take the closing reading, or look whether it has happened; never send a reset from here."""
    profile, serial = turn.state.profile, turn.state.serial
    purpose = Purpose.CLOSING if command.state == CommandState.QUEUED else Purpose.CHECK
    turn.send(command, purpose, frames.full_reads(profile, serial, with_customer=False))


def take_answer(turn: Turn, command: OpenCommand, purpose: Purpose, evidence: Evidence) -> None:
    """Go on from the closing reading, or say what the read-back proves."""
    if purpose is Purpose.CLOSING:
        _close_and_send(turn, command, evidence)
    elif not _tells_all(evidence):
        if evidence.was_accepted and command.state == CommandState.SENT:
            turn.step(
                command, CommandState.ACKED, "the meter said yes; its read-back is missing", retry_in_s=1
            )
        else:
            turn.later(command, "no proof yet", facts=evidence.facts())
    elif _is_blank(turn.state.profile, command, evidence):
        turn.learn_count(evidence)
        turn.step(command, CommandState.DONE, "the meter shows it", facts=evidence.facts())
    elif evidence.refusal:
        turn.learn_count(evidence)
        turn.step(command, CommandState.REJECTED, "refused by the meter", facts=evidence.facts())
    elif turn.now < datetime.fromisoformat(command.closing["sent_at"]) + SETTLE:
        turn.step(
            command,
            CommandState.UNKNOWN,
            "the meter does not show it; looking again",
            retry_in_s=LOOK_AGAIN_S,
            facts=evidence.facts(),
        )
    else:
        turn.learn_count(evidence)
        turn.step(
            command,
            CommandState.REJECTED,
            "it did not happen, and nothing is sent again by itself",
            facts=evidence.facts(),
        )


def _close_and_send(turn: Turn, command: OpenCommand, evidence: Evidence) -> None:
    if not _tells_all(evidence):
        turn.later(command, "the closing reading is missing")
        return
    if turn.state.head_credit is not None:
        turn.step(command, CommandState.CANCELLED, "a recharge came first")
        return
    if turn.state.session is None:
        return
    facts = evidence.facts()
    turn.begin_body(command, {**facts, "sent_at": turn.now.isoformat()})
    command = turn.state.command(command.id) or command
    turn.step(command, CommandState.SENT, "closing reading taken; sent to the meter", facts=facts)
    command = turn.state.command(command.id) or command
    profile, serial = turn.state.profile, turn.state.serial
    frame = frames.reset(profile, serial, command.kind)
    turn.send(command, Purpose.RESET, (frame, *frames.full_reads(profile, serial, with_customer=False)))


def _tells_all(evidence: Evidence) -> bool:
    told = (evidence.count, evidence.purchased_kwh, evidence.total_kwh, evidence.remaining_kwh)
    return None not in told


def _is_blank(profile: Profile, command: OpenCommand, evidence: Evidence) -> bool:
    """Whether the registers are those of a meter after this reset; counters never fall otherwise.

    A model that does not tell its credits apart by their count promises nothing of the count either.
    """
    if command.kind == CommandKind.INIT_PURSE:
        counts_anew = evidence.count == 0 or profile.dedupe == "none"
        return counts_anew and evidence.remaining_kwh == 0
    before = Decimal(command.closing["total_kwh"])
    assert evidence.total_kwh is not None
    return evidence.total_kwh < before or evidence.total_kwh == before == 0
