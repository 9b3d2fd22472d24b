"""How far a phone's errand is: which frames are still to be carried, and what its bearer is told; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from apps.meters.evidence import Evidence
from apps.meters.states import CommandState, Errand, Purpose
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.replies import matches
from meter_gateway.protocol.stream import FrameSeen, FrameStream

# What a phone says where no answer came; NULL is a frame of which it has said nothing yet.
NO_ANSWER = ""


class Told(StrEnum):
    """What the bearer is told once nothing is left to carry.

    CONFIRMED: a credit the meter itself has proved; a reading that is complete. PENDING: nothing is lost, and the
    meter's own word is awaited. FAILED: this phone's errand did not work out; the credit, if paid, stays paid.
    """

    CONFIRMED = "confirmed"
    PENDING = "pending"
    FAILED = "failed"


class Reason(StrEnum):
    NONE = ""
    AWAITING_METER = "awaiting_meter"
    ASKING_METER = "asking_meter"
    FROZEN = "frozen"
    REFUSED = "refused"
    NOT_TAKEN = "not_taken"
    NO_ANSWER = "no_answer"
    TAKEN_BACK = "taken_back"
    METER_REPLACED = "meter_replaced"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Known:
    """What is known when the bearer is answered. `command_state` is empty for a reading."""

    errand: Errand
    stage: Purpose
    is_other_body: bool
    is_expired: bool
    is_frozen: bool
    is_online: bool
    command_state: str
    evidence: Evidence
    left: int


def fitting(frame_hex: str, heard_hex: str) -> str | None:
    """Return the first whole frame in what a phone heard that answers this question, as hex; None if there is none.

    Notifications come in pieces, with noise and pushes between; the parser is the one that hears TCP.

    :raises ValueError: no hexadecimal digits.
    """
    asked = Frame.decode(bytes.fromhex(frame_hex))
    stream = FrameStream()
    for event in [*stream.receive(bytes.fromhex(heard_hex)), *stream.flush()]:
        if isinstance(event, FrameSeen) and matches(asked, event.frame):
            return event.frame.encode(preamble=0).hex().upper()
    return None


def left(frames: Sequence[str], replies: Sequence[str | None], since: int) -> list[tuple[int, str]]:
    """Return (seq, frame) of the stage's frames of which the phone has said nothing yet; seq counts from 1."""
    rows = enumerate(zip(frames, replies, strict=True), start=1)
    return [(seq, frame) for seq, (frame, reply) in rows if seq > since and reply is None]


def told(known: Known) -> tuple[Told | None, Reason]:
    """Return what the bearer is told and why; None while there are frames to carry."""
    if known.is_other_body:
        return Told.FAILED, Reason.METER_REPLACED
    if known.errand is Errand.READ:
        return _of_a_reading(known)
    if known.command_state == CommandState.DONE:
        return Told.CONFIRMED, Reason.NONE
    if known.command_state in (CommandState.CANCELLED, CommandState.REJECTED):
        return Told.FAILED, Reason.TAKEN_BACK
    if known.left and not known.is_expired:
        return None, Reason.NONE
    return _of_a_credit(known)


def _of_a_reading(known: Known) -> tuple[Told | None, Reason]:
    if known.evidence.total_kwh is not None and known.evidence.remaining_kwh is not None:
        return (None, Reason.NONE) if known.left and not known.is_expired else (Told.CONFIRMED, Reason.NONE)
    if known.left:
        return (Told.FAILED, Reason.EXPIRED) if known.is_expired else (None, Reason.NONE)
    return Told.FAILED, Reason.NO_ANSWER


def _of_a_credit(known: Known) -> tuple[Told | None, Reason]:
    said = known.evidence
    if known.is_frozen:
        return Told.PENDING, Reason.FROZEN
    if known.stage is Purpose.COUNT:
        if known.is_online:
            return Told.PENDING, Reason.ASKING_METER
        return Told.FAILED, Reason.EXPIRED if known.left else Reason.NO_ANSWER
    if known.command_state == CommandState.ACKED or said.was_accepted:
        return Told.PENDING, Reason.AWAITING_METER
    if said.refusal:
        repeated = "repeated_recharge" in said.refusal
        return (Told.PENDING, Reason.AWAITING_METER) if repeated else (Told.FAILED, Reason.REFUSED)
    if known.left:
        return Told.FAILED, Reason.EXPIRED
    return Told.FAILED, Reason.NOT_TAKEN if said.count is not None else Reason.NO_ANSWER
