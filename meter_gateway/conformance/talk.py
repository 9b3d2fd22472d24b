"""What a clause may say on the link and hear there, and how it ends: no sockets, no clock."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Write:
    """Bring these bytes to the meter, as one portion."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Listen:
    """Hand over what the meter says; at the latest after so many seconds, then with nothing."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of an operation. ``data`` is None once the link is closed; ``now`` is aware."""

    data: bytes | None
    now: datetime


Operation = Write | Listen
Talk = Generator[Operation, Heard, T]


class Failed(Exception):
    """The meter does not keep the clause; the message is one sentence about what it did instead."""


class NotApplicable(Exception):
    """This model cannot be held to the clause; the message says why."""


class Unjudged(Exception):
    """The clause could not be played here; the message says what would make it possible."""


@dataclass(frozen=True, slots=True)
class Said:
    """Bytes of one side, as they passed; ``ours`` are those of the kit."""

    ours: bool
    raw: bytes

    def __str__(self) -> str:
        return f"{'>' if self.ours else '<'} {self.raw.hex(' ').upper()}"
