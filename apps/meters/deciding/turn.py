"""The decision in the making: the state so far, the effects so far, and what any of the rules may ask for.

Everything here is written into `effects` and into the state at once, so that a later rule of the same decision
sees what an earlier one has done.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.meters.deciding.events import (
    BeginBody,
    Effect,
    Finished,
    Freeze,
    LearnCount,
    NoteClock,
    NoteReading,
    NoteShown,
    SendLetter,
    Step,
    Thaw,
)
from apps.meters.deciding.state import LetterOut, MeterState, OpenCommand
from apps.meters.evidence import Evidence
from apps.meters.states import FINAL, CommandKind, CommandState, Frozen, Purpose

_RETRY_MAX_S = 60


class Turn:
    """Lives for one call of `decide`."""

    def __init__(self, state: MeterState, now: datetime) -> None:
        self.state = state
        self.now = now
        self.effects: list[Effect] = []

    def do(self, effect: Effect) -> None:
        self.effects.append(effect)

    def step(
        self,
        command: OpenCommand,
        to: CommandState,
        note: str = "",
        *,
        retry_in_s: int | None = None,
        refused: bool = False,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        """Move a command on; `retry_in_s` sets when it is looked at again."""
        next_at = None if retry_in_s is None else self.now + timedelta(seconds=retry_in_s)
        self.do(Step(command.id, to, note, dict(facts or {}), next_at, refused))
        if to in FINAL:
            self.state = self.state.without_command(command.id)
            if command.kind == CommandKind.CREDIT:
                self.do(Finished(command.id))
            return
        self.state = self.state.with_command(
            command.id,
            state=to,
            next_at=next_at or command.next_at,
            refusals=command.refusals + (1 if refused else 0),
        )

    def later(self, command: OpenCommand, note: str, *, facts: Mapping[str, str] | None = None) -> None:
        """Nobody knows whether it was done: UNKNOWN, and again after a growing pause."""
        pause = min(2 ** min(command.attempts, 6), _RETRY_MAX_S)
        if command.state == CommandState.QUEUED:
            again_at = self.now + timedelta(seconds=pause)
            self.do(Step(command.id, command.state, note, dict(facts or {}), again_at))
            self.state = self.state.with_command(command.id, next_at=again_at)
        else:
            self.step(command, CommandState.UNKNOWN, note, retry_in_s=pause, facts=facts)

    def send(self, command: OpenCommand, purpose: Purpose, hex_frames: tuple[str, ...]) -> None:
        """Put the one letter on its way over the present session."""
        session = self.state.session
        assert session is not None
        profile = self.state.profile
        life_s = max(self.state.letter_life_s, 2 * profile.answer_timeout_s)
        deadline_at = self.now + timedelta(seconds=life_s)
        attempt = command.attempts + 1
        letter = SendLetter(
            command_id=command.id,
            attempt=attempt,
            device_epoch=self.state.device_epoch,
            purpose=purpose,
            gateway=session.gateway,
            epoch=session.epoch,
            frames=hex_frames,
            created_at=self.now,
            expires_at=deadline_at,
            deadline_at=deadline_at,
            timeout_s=profile.answer_timeout_s,
        )
        self.do(letter)
        self.state = replace(
            self.state.with_command(command.id, attempts=attempt),
            letter=LetterOut(
                command.id, attempt, purpose, session.gateway, session.epoch, hex_frames, deadline_at
            ),
        )

    def begin_body(self, command: OpenCommand | None, closing: Mapping[str, str]) -> None:
        """Let the meter's next body begin, whose count nobody knows yet."""
        device_epoch = self.state.device_epoch + 1
        self.do(BeginBody(command.id if command else None, device_epoch, dict(closing), self.now))
        state = self.state.with_command(command.id, closing=dict(closing)) if command else self.state
        self.state = replace(
            state,
            device_epoch=device_epoch,
            count=None,
            purchased_kwh=None,
            differs=False,
        )

    def note_clock(self, ahead_s: int) -> None:
        """Note how far the meter's clock was off when it was read just now."""
        self.do(NoteClock(ahead_s, self.now))

    def tell_reading(self, command: OpenCommand) -> None:
        """Let the layer above make a reading of the answer that has just come in."""
        self.do(NoteReading(command.id, command.attempts))

    def freeze(self, reason: Frozen, **evidence: Any) -> None:
        if not self.state.frozen:
            self.do(Freeze(reason, {key: str(value) for key, value in evidence.items()}, self.now))
            self.state = replace(self.state, frozen=reason)

    def thaw(self) -> None:
        self.do(Thaw(self.now))
        self.state = replace(self.state, frozen="")

    def learn(self, count: int, purchased_kwh: Decimal, customer_no: str) -> None:
        """Take over a count and purchased energy as proved."""
        self.do(LearnCount(count, purchased_kwh, customer_no, self.now))
        self.state = replace(
            self.state, count=count, purchased_kwh=purchased_kwh, customer_no=customer_no, differs=False
        )

    def learn_count(self, evidence: Evidence) -> None:
        """Take over count and purchased energy that a read has just proved."""
        if evidence.count is None or evidence.purchased_kwh is None:
            return
        customer_no = evidence.customer_no or self.state.customer_no
        self.learn(evidence.count, evidence.purchased_kwh, customer_no)

    def note_shown(self, evidence: Evidence, *, differs: bool | None) -> None:
        """Note what a read shows of count and purchased energy; it proves nothing and stops nothing."""
        if evidence.count is None or evidence.purchased_kwh is None:
            return
        self.do(NoteShown(evidence.count, evidence.purchased_kwh, differs, self.now))
        if differs is not None:
            self.state = replace(self.state, differs=differs)
