"""The in-memory store as the simulated office has it: it may die of a commit, and tells of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from apps.meters import deciding as d
from apps.meters.memory_store import MemoryStore
from apps.meters.states import CommandKind, CommandState
from tests.simulation.faults import Fault, Faults, WorkerDied


class SimulatedStore(MemoryStore):
    """The memory store, with the join over presence of the real one, and with places where a worker may die."""

    def __init__(self, faults: Faults, session_of: Callable[[str], d.Session | None]) -> None:
        super().__init__()
        self._faults = faults
        self._session_of = session_of
        self.on_commit: Callable[[UUID, d.MeterState, d.MeterState, list[d.Effect]], None]
        self._written: list[tuple[UUID, d.Effect]] = []
        self._loaded: d.MeterState | None = None
        self.probes: dict[UUID, tuple[datetime, int, d.Probe]] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._written = []
        with super().transaction():
            yield
            if self._written and self._faults.hits(Fault.CRASH_BEFORE_COMMIT):
                raise WorkerDied
        if self._written and self._loaded is not None:
            meter_id = self._written[0][0]
            effects = [effect for _, effect in self._written]
            self.on_commit(meter_id, self._loaded, self.meters[meter_id], effects)

    def after_commit(self, act: Callable[[], None]) -> None:
        if self._faults.hits(Fault.CRASH_BEFORE_POST):
            raise WorkerDied
        act()

    def load(self, meter_id: UUID) -> d.MeterState:
        state = super().load(meter_id)
        self._loaded = state
        return replace(state, session=self._session_of(state.serial))

    def step(self, meter_id: UUID, effect: d.Step, now: datetime) -> None:
        command = self.meters[meter_id].command(effect.command_id)
        super().step(meter_id, effect, now)
        if command is not None and command.kind == CommandKind.PROBE and effect.to == CommandState.DONE:
            body = self.meters[meter_id].device_epoch
            self.probes[meter_id] = (now, body, d.Probe.from_facts(effect.facts))
        self._written.append((meter_id, effect))

    def store_frames(self, meter_id: UUID, effect: d.StoreFrames) -> None:
        super().store_frames(meter_id, effect)
        self._written.append((meter_id, effect))

    def send(self, meter_id: UUID, effect: d.SendLetter) -> None:
        super().send(meter_id, effect)
        self._written.append((meter_id, effect))

    def close_letter(self, meter_id: UUID, effect: d.CloseLetter) -> None:
        super().close_letter(meter_id, effect)
        self._written.append((meter_id, effect))

    def learn_count(self, meter_id: UUID, effect: d.LearnCount) -> None:
        super().learn_count(meter_id, effect)
        self._written.append((meter_id, effect))

    def freeze(self, meter_id: UUID, effect: d.Freeze) -> None:
        super().freeze(meter_id, effect)
        self._written.append((meter_id, effect))

    def thaw(self, meter_id: UUID, effect: d.Thaw) -> None:
        super().thaw(meter_id, effect)
        self._written.append((meter_id, effect))

    def begin_body(self, meter_id: UUID, effect: d.BeginBody) -> None:
        super().begin_body(meter_id, effect)
        self._written.append((meter_id, effect))

    def tell(self, meter_id: UUID, effect: d.NoteReading | d.Finished) -> None:
        super().tell(meter_id, effect)
        self._written.append((meter_id, effect))
