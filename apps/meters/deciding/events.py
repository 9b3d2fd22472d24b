"""What can happen to a meter, and what a decision may ask to be written or sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from apps.meters.states import CommandState, Frozen, Outcome, PowerReason, Purpose, Way


@dataclass(frozen=True)
class Rung:
    """A doorbell or the sweeper: is there anything to do for this meter?"""

    now: datetime


@dataclass(frozen=True)
class LoggedIn:
    """The meter has a new session, or its module woke; what waited, or hung on an old session, goes on at once."""

    now: datetime


@dataclass(frozen=True)
class Answered:
    """The gateway says what became of a letter. `replies` are raw frames as hex, None where none came."""

    now: datetime
    command_id: UUID
    attempt: int
    epoch: int
    purpose: Purpose
    frames: tuple[str, ...]
    outcome: Outcome
    replies: tuple[str | None, ...]


@dataclass(frozen=True)
class CancelAsked:
    """Somebody wants a credit taken back; granted only while no frame of it was stored."""

    now: datetime
    command_id: UUID


@dataclass(frozen=True)
class PhoneCame:
    """A phone stands at the meter and would carry its head credit.

    `frames` and `replies` are the count reads it was given, and what it says the meter answered; both empty when
    it comes for the first time.
    """

    now: datetime
    frames: tuple[str, ...] = ()
    replies: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class PhoneSaid:
    """A phone says what the meter answered to a credit's frames; it may say anything, late, and twice."""

    now: datetime
    command_id: UUID
    frames: tuple[str, ...]
    replies: tuple[str | None, ...]


@dataclass(frozen=True)
class Probe:
    """What a frozen meter said when it was asked anew; `earlier_kwh`: purchases before the last, newest first."""

    count: int
    purchased_kwh: Decimal
    last_purchase_kwh: Decimal | None
    earlier_kwh: tuple[Decimal | None, ...] = ()
    account_opened: bool | None = None

    @classmethod
    def from_facts(cls, facts: Mapping[str, str]) -> Self:
        """Read the facts that the PROBE command ended with."""

        def energy(name: str) -> Decimal | None:
            return Decimal(facts[name]) if name in facts else None

        earlier = tuple(
            energy(f"purchase_{nth}_kwh") for nth in range(2, 11) if f"purchase_{nth}_kwh" in facts
        )
        opened = facts.get("account_opened")
        return cls(
            count=int(facts["count"]),
            purchased_kwh=Decimal(facts["purchased_kwh"]),
            last_purchase_kwh=energy("last_purchase_kwh"),
            earlier_kwh=earlier,
            account_opened=None if opened is None else opened == "True",
        )


@dataclass(frozen=True)
class Resolved:
    """A person ends a freeze by `way`, on the evidence of `probe`; what the evidence does not allow changes nothing."""

    now: datetime
    way: Way
    probe: Probe


Event = Rung | LoggedIn | Answered | CancelAsked | PhoneCame | PhoneSaid | Resolved


@dataclass(frozen=True)
class Step:
    """Change a command's state, if it still is where a step to `to` is allowed from; write the event row."""

    command_id: UUID
    to: CommandState
    note: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    next_at: datetime | None = None
    refused: bool = False


@dataclass(frozen=True)
class StoreFrames:
    """Give a credit its number and keep its bytes with the inputs they were made of; once, for ever."""

    command_id: UUID
    number: int
    frames: tuple[str, ...]
    purchased_before_kwh: Decimal
    customer_no: str
    device_epoch: int


@dataclass(frozen=True)
class SendLetter:
    """Write a letter and, after commit, hand it to the gateway. What it brings back speaks of `device_epoch`."""

    command_id: UUID
    attempt: int
    device_epoch: int
    purpose: Purpose
    gateway: str
    epoch: int
    frames: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    deadline_at: datetime
    timeout_s: int


@dataclass(frozen=True)
class CloseLetter:
    """The question is no longer open: it was answered (with `replies`), or lost."""

    command_id: UUID
    attempt: int
    answered: bool
    outcome: str
    replies: tuple[str | None, ...]
    at: datetime


@dataclass(frozen=True)
class LearnCount:
    """The meter's count and cumulative purchased energy, proved by a read."""

    count: int
    purchased_kwh: Decimal
    customer_no: str
    at: datetime


@dataclass(frozen=True)
class NoteShown:
    """What a read showed of count and cumulative purchased energy, whatever was proved before.

    `differs` says that it is not what was proved, or that a credit's read-back contradicts itself for the first
    time; None while a numbered credit is open, whose own proof follows.
    """

    count: int
    purchased_kwh: Decimal
    differs: bool | None
    at: datetime


@dataclass(frozen=True)
class Freeze:
    """No further credit leaves for this meter until a person has looked at `evidence`."""

    reason: Frozen
    evidence: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class Thaw:
    """A person has looked: credits leave again."""

    at: datetime


@dataclass(frozen=True)
class NotePower:
    """What the status word says: of the relay and why it is open, of keeping power, of the lamp, of the account."""

    on: bool
    reason: PowerReason
    at: datetime
    kept: bool
    lamp_on: bool
    account_opened: bool


@dataclass(frozen=True)
class NoteClock:
    """By how many seconds the meter's clock is ahead (behind is negative), read a moment ago."""

    ahead_s: int
    at: datetime


@dataclass(frozen=True)
class BeginBody:
    """The next body of a meter begins, because a reset may leave now: nothing read from here on is held against
    what was before. Keeps `closing`, the last proof of the old body, with the command; None where a person says that it
    is another body. Count and purchased energy are UNKNOWN until read.
    """

    command_id: UUID | None
    device_epoch: int
    closing: dict[str, str]
    at: datetime


@dataclass(frozen=True)
class NoteReading:
    """This letter's answer holds registers worth a reading; the layer above pulls it."""

    command_id: UUID
    attempt: int


@dataclass(frozen=True)
class Finished:
    """A credit has ended; whoever opened it may want to know at once."""

    command_id: UUID


Effect = (
    Step
    | StoreFrames
    | SendLetter
    | CloseLetter
    | LearnCount
    | NoteShown
    | Freeze
    | Thaw
    | NotePower
    | NoteClock
    | NoteReading
    | BeginBody
    | Finished
)
