"""What is known about a meter when a decision is made: frozen values, loaded under the meter's row lock."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.meters.states import (
    CREDIT_KINDS,
    LAMP_KINDS,
    POWER_KINDS,
    RESET_KINDS,
    CommandKind,
    CommandState,
    Purpose,
)
from meter_gateway.protocol.profiles import Profile


@dataclass(frozen=True)
class Session:
    """The granted login a letter may travel on."""

    gateway: str
    epoch: int


@dataclass(frozen=True)
class LetterOut:
    """The one question that is awaiting its answer."""

    command_id: UUID
    attempt: int
    purpose: Purpose
    gateway: str
    epoch: int
    frames: tuple[str, ...]
    deadline_at: datetime


@dataclass(frozen=True)
class OpenCommand:
    """A command that has not ended. `frames` are stored bytes (hex) once `number` is set.

    `closing` is what a reset's meter showed last, and when the reset left.
    """

    id: UUID
    kind: CommandKind
    state: CommandState
    next_at: datetime
    expires_at: datetime | None = None
    attempts: int = 0
    refusals: int = 0
    energy_kwh: Decimal | None = None
    number: int | None = None
    frames: tuple[str, ...] = ()
    purchased_before_kwh: Decimal | None = None
    wish_version: int | None = None
    freeze_date: date | None = None
    closing: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_switch(self) -> bool:
        """Whether it is a wish that a function of the relay command (1CH) fulfils."""
        return self.kind in POWER_KINDS or self.kind in LAMP_KINDS

    @property
    def is_credit(self) -> bool:
        return self.kind in CREDIT_KINDS

    @property
    def is_reset(self) -> bool:
        return self.kind in RESET_KINDS

    @property
    def wants_on(self) -> bool:
        return self.kind == CommandKind.POWER_ON


@dataclass(frozen=True)
class MeterState:
    """One meter. `commands` are the open ones, oldest first; `count` None means UNKNOWN.

    `differs` is noted by a plain read that showed another count or purchased energy than was proved.
    """

    serial: str
    profile: Profile
    device_epoch: int
    count: int | None
    purchased_kwh: Decimal | None
    customer_no: str
    frozen: str
    wish_version: int
    wished_on: bool | None
    session: Session | None
    letter: LetterOut | None
    commands: tuple[OpenCommand, ...]
    letter_life_s: int = 20
    differs: bool = False

    def command(self, command_id: UUID) -> OpenCommand | None:
        return next((c for c in self.commands if c.id == command_id), None)

    def with_command(self, command_id: UUID, **changes: Any) -> "MeterState":
        """Return the state with one command changed."""
        commands = tuple(replace(c, **changes) if c.id == command_id else c for c in self.commands)
        return replace(self, commands=commands)

    def without_command(self, command_id: UUID) -> "MeterState":
        return replace(self, commands=tuple(c for c in self.commands if c.id != command_id))

    @property
    def head_credit(self) -> OpenCommand | None:
        """The credit whose turn it is; no other moves before it has ended.

        A numbered one, else the account's opening, without which no meter takes a recharge, else the oldest.
        """
        credits = (c for c in self.commands if c.is_credit)
        return min(credits, key=lambda c: (c.number is None, c.kind == CommandKind.CREDIT), default=None)

    @property
    def reset_on_its_way(self) -> OpenCommand | None:
        """A reset that may have left and is not settled: what counts and credits mean hangs on it."""
        return next((c for c in self.commands if c.is_reset and c.state != CommandState.QUEUED), None)
