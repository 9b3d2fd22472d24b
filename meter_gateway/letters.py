"""Letters from Django as types: what one says, and why a bad one is not acted on."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from meter_gateway.protocol.frames import Frame

FRAMES_LIMIT = 32
TIMEOUT_LIMIT_S = 60.0


class LetterError(ValueError):
    """A letter that must not be acted on: not in the agreed shape, or its frames are not for its meter."""


class Outcome(StrEnum):
    """How a letter ended. Its replies hold one entry per frame, in order.

    A frame with a reply was written. With NO_ANSWER the first frame without a reply may have been written too,
    and what the meter did is unknown; with every other outcome a frame without a reply never left this process.
    """

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    NOT_CONNECTED = "not_connected"
    STALE_EPOCH = "stale_epoch"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Question:
    """One frame to ask: exactly the bytes that were stored, and the frame they hold."""

    raw: bytes
    frame: Frame


@dataclass(frozen=True, slots=True)
class Ask:
    """Frames to ask one after another on one meter's session, each answered within ``timeout_s`` seconds.

    No frame is written at or after ``expires_at`` (aware, UTC), nor on a session of another epoch.
    """

    command: str
    attempt: int
    serial: str
    epoch: int
    expires_at: datetime
    questions: tuple[Question, ...]
    timeout_s: float

    @property
    def key(self) -> tuple[str, int]:
        return self.command, self.attempt


@dataclass(frozen=True, slots=True)
class Grant:
    """This session may carry letters of this epoch."""

    serial: str
    session: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """This session's socket is to be closed."""

    serial: str
    session: str
    reason: str


def parse_letter(text: str | bytes) -> Ask | Grant | Refuse:
    """Read one entry of the stream; raises LetterError. Fields nobody knows yet are ignored."""
    try:
        fields = json.loads(text)
        kind = fields["kind"]
        if kind == "ask":
            return _ask(fields)
        if kind == "grant":
            return Grant(_text(fields, "serial"), _text(fields, "session"), _count(fields, "epoch"))
        if kind == "refuse":
            return Refuse(_text(fields, "serial"), _text(fields, "session"), _text(fields, "reason"))
    except LetterError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise LetterError(f"not a letter: {type(error).__name__}") from None
    raise LetterError("a letter of an unknown kind")


def _ask(fields: dict[str, Any]) -> Ask:
    serial = _text(fields, "serial")
    expires_at = datetime.fromisoformat(_text(fields, "expires_at"))
    if expires_at.tzinfo is None:
        raise LetterError("expires_at has no offset")
    frames = fields["frames"]
    if not isinstance(frames, list) or not 0 < len(frames) <= FRAMES_LIMIT:
        raise LetterError(f"an ask holds 1 to {FRAMES_LIMIT} frames")
    timeout_s = float(fields["timeout_s"])
    if not 0 < timeout_s <= TIMEOUT_LIMIT_S:
        raise LetterError(f"timeout_s is more than 0 and at most {TIMEOUT_LIMIT_S:g}")
    return Ask(
        command=_text(fields, "command"),
        attempt=_count(fields, "attempt"),
        serial=serial,
        epoch=_count(fields, "epoch"),
        expires_at=expires_at.astimezone(UTC),
        questions=tuple(_question(text, serial) for text in frames),
        timeout_s=timeout_s,
    )


def _question(text: str, serial: str) -> Question:
    raw = bytes.fromhex(text)
    frame = Frame.decode(raw)
    if frame.address != serial:
        raise LetterError("a frame is addressed to another meter")
    return Question(raw, frame)


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise LetterError(f"{name} is not text")
    return value


def _count(fields: dict[str, Any], name: str) -> int:
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise LetterError(f"{name} is not a whole number")
    return value
