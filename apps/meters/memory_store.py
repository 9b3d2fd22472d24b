"""The store's in-memory form: the same conditions, no database. For simulation and for tests of decisions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from apps.meters import deciding as d
from apps.meters.states import FINAL, WISHES_ON, CommandKind, CommandState, Purpose, allowed_from
from apps.meters.store import Raced


@dataclass
class Told:
    """What the layers above would have been rung for."""

    readings: list[d.NoteReading] = field(default_factory=list)
    finished: list[UUID] = field(default_factory=list)
    frozen: list[d.Freeze] = field(default_factory=list)
    shown: list[d.NoteShown] = field(default_factory=list)
    power: list[d.NotePower] = field(default_factory=list)
    clocks: list[d.NoteClock] = field(default_factory=list)
    steps: list[tuple[UUID, CommandState, str]] = field(default_factory=list)


class MemoryStore:
    """Meters by id. A transaction that raises leaves everything as it was."""

    def __init__(self) -> None:
        self.meters: dict[UUID, d.MeterState] = {}
        self.letters: dict[tuple[UUID, int], d.SendLetter] = {}
        self.ended: dict[UUID, CommandState] = {}
        self.numbers: set[tuple[UUID, int, int]] = set()
        self.told = Told()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before = (dict(self.meters), dict(self.letters), dict(self.ended), set(self.numbers))
        try:
            yield
        except BaseException:
            self.meters, self.letters, self.ended, self.numbers = before
            raise

    def after_commit(self, act: Callable[[], None]) -> None:
        act()

    def load(self, meter_id: UUID) -> d.MeterState:
        return self.meters[meter_id]

    def queue(self, meter_id: UUID, command: d.OpenCommand) -> None:
        """Add a command, as the services do with a row."""
        is_whole = bool(command.energy_kwh and command.energy_kwh > 0) and command.expires_at is None
        if command.kind == CommandKind.CREDIT and not is_whole:
            raise Raced("a credit has energy and no expiry")
        state = self.meters[meter_id]
        self.meters[meter_id] = replace(state, commands=(*state.commands, command))

    def step(self, meter_id: UUID, effect: d.Step, now: datetime) -> None:
        state = self.meters[meter_id]
        command = state.command(effect.command_id)
        stay = set() if effect.to in FINAL else {effect.to}
        if command is None or command.state not in allowed_from(effect.to) | stay:
            raise Raced("a command's state")
        if command.is_credit and effect.to == CommandState.EXPIRED:
            raise Raced("a credit never expires")
        if command.number is not None and effect.to == CommandState.CANCELLED:
            raise Raced("no cancel after bytes")
        self.told.steps.append((effect.command_id, effect.to, effect.note))
        if effect.to in FINAL:
            self.ended[effect.command_id] = effect.to
            state = state.without_command(effect.command_id)
            if effect.to == CommandState.DONE and command.kind in WISHES_ON:
                state = replace(state, wished_on=WISHES_ON[command.kind])
            self.meters[meter_id] = state
            return
        self.meters[meter_id] = state.with_command(
            effect.command_id,
            state=effect.to,
            next_at=effect.next_at or command.next_at,
            refusals=command.refusals + (1 if effect.refused else 0),
        )

    def store_frames(self, meter_id: UUID, effect: d.StoreFrames) -> None:
        command = self.meters[meter_id].command(effect.command_id)
        if command is None or command.number is not None or command.state != CommandState.QUEUED:
            raise Raced("a credit's number")
        taken = (meter_id, effect.device_epoch, effect.number)
        if taken in self.numbers or not effect.frames:
            raise Raced("a number once, and with its bytes")
        others = [c for c in self.meters[meter_id].commands if c.is_credit and c.number is not None]
        if command.is_credit and others:
            raise Raced("one unproved credit")
        self.numbers.add(taken)
        self.meters[meter_id] = self.meters[meter_id].with_command(
            effect.command_id,
            number=effect.number,
            frames=effect.frames,
            purchased_before_kwh=effect.purchased_before_kwh,
        )

    def send(self, meter_id: UUID, effect: d.SendLetter) -> None:
        state = self.meters[meter_id]
        if state.letter is not None or (effect.command_id, effect.attempt) in self.letters:
            raise Raced("one question at a time")
        self.letters[(effect.command_id, effect.attempt)] = effect
        out = d.LetterOut(
            effect.command_id,
            effect.attempt,
            Purpose(effect.purpose),
            effect.gateway,
            effect.epoch,
            effect.frames,
            effect.deadline_at,
        )
        self.meters[meter_id] = replace(
            state.with_command(effect.command_id, attempts=effect.attempt), letter=out
        )

    def close_letter(self, meter_id: UUID, effect: d.CloseLetter) -> None:
        letter = self.meters[meter_id].letter
        if letter is None or (letter.command_id, letter.attempt) != (effect.command_id, effect.attempt):
            raise Raced("a letter")
        self.meters[meter_id] = replace(self.meters[meter_id], letter=None)

    def learn_count(self, meter_id: UUID, effect: d.LearnCount) -> None:
        self.meters[meter_id] = replace(
            self.meters[meter_id],
            count=effect.count,
            purchased_kwh=effect.purchased_kwh,
            customer_no=effect.customer_no,
            differs=False,
        )

    def note_shown(self, meter_id: UUID, effect: d.NoteShown) -> None:
        self.told.shown.append(effect)
        if effect.differs is not None:
            self.meters[meter_id] = replace(self.meters[meter_id], differs=effect.differs)

    def freeze(self, meter_id: UUID, effect: d.Freeze) -> None:
        if not self.meters[meter_id].frozen:
            self.told.frozen.append(effect)
            self.meters[meter_id] = replace(self.meters[meter_id], frozen=effect.reason)

    def thaw(self, meter_id: UUID, effect: d.Thaw) -> None:
        if not self.meters[meter_id].frozen:
            raise Raced("a meter's freeze")
        self.meters[meter_id] = replace(self.meters[meter_id], frozen="")

    def note_power(self, meter_id: UUID, effect: d.NotePower) -> None:
        self.told.power.append(effect)

    def note_clock(self, meter_id: UUID, effect: d.NoteClock) -> None:
        self.told.clocks.append(effect)

    def begin_body(self, meter_id: UUID, effect: d.BeginBody) -> None:
        state = self.meters[meter_id]
        if state.device_epoch != effect.device_epoch - 1:
            raise Raced("a meter's body")
        if effect.command_id is not None:
            state = state.with_command(effect.command_id, closing=effect.closing)
        self.meters[meter_id] = replace(
            state,
            device_epoch=effect.device_epoch,
            count=None,
            purchased_kwh=None,
            differs=False,
        )

    def tell(self, meter_id: UUID, effect: d.NoteReading | d.Finished) -> None:
        if isinstance(effect, d.NoteReading):
            self.told.readings.append(effect)
        else:
            self.told.finished.append(effect.command_id)
