"""What PostgreSQL committed, told to the checker; and the in-memory store held against it at every load.

Each decision's effects are also written into the in-memory form. When the meter is loaded again, PostgreSQL must
show what the in-memory form says: the two forms of the store are compared in every history of this mode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.meters import deciding as d
from apps.meters.memory_store import MemoryStore
from apps.meters.states import CommandState
from apps.meters.store import PostgresStore, write

WRITES = (
    "step", "store_frames", "send", "close_letter", "learn_count", "freeze", "note_power", "note_clock",
    "begin_body", "tell", "note_shown", "thaw",
)  # fmt: skip
load_unseen = PostgresStore.load
Committed = Callable[[UUID, d.MeterState, d.MeterState, list[d.Effect]], None]


class Witness:
    """Listens to every PostgresStore of this process while `watching`."""

    def __init__(self, on_commit: Committed) -> None:
        self._on_commit = on_commit
        self._expected: dict[UUID, d.MeterState] = {}
        self._open: set[UUID] = set()
        self.found: Exception | None = None
        self.compared = 0

    def watch(self, place: Callable[[object, str, object], None]) -> None:
        """Put itself into the store's methods by `place(owner, name, instead)`."""
        witness = self
        effects_of: dict[int, list[Any]] = {}

        def load(store: PostgresStore, meter_id: UUID) -> d.MeterState:
            state = load_unseen(store, meter_id)
            effects: list[Any] = []
            effects_of[id(store)] = effects
            witness.loaded(meter_id, state)
            transaction.on_commit(lambda: witness.committed(meter_id, state, effects))
            return state

        def noted(original: Callable[..., None]) -> Callable[..., None]:
            def call(store: PostgresStore, meter_id: UUID, effect: Any, *more: Any) -> None:
                original(store, meter_id, effect, *more)
                effects_of[id(store)].append((effect, *more))

            return call

        place(PostgresStore, "load", load)
        for name in WRITES:
            place(PostgresStore, name, noted(getattr(PostgresStore, name)))

    def begin(self) -> None:
        """A new piece of work: whatever was not committed before never will be."""
        self._open.clear()

    def loaded(self, meter_id: UUID, state: d.MeterState) -> None:
        if meter_id not in self._open and meter_id in self._expected:
            expected = _grown(self._expected[meter_id], state)
            self.compared += 1
            if expected != state:
                self._find(AssertionError(f"the stores differ: {_difference(expected, state)}"))
        self._open.add(meter_id)

    def committed(self, meter_id: UUID, before: d.MeterState, noted: list[Any]) -> None:
        self._open.discard(meter_id)
        mirror = MemoryStore()
        mirror.meters[meter_id] = before
        try:
            for effect, *more in noted:
                write(mirror, meter_id, [effect], more[0] if more else None)  # type: ignore[arg-type]
            after = self._expected[meter_id] = mirror.meters[meter_id]
            if noted:
                self._on_commit(meter_id, before, after, [effect for effect, *_ in noted])
        except Exception as error:  # noqa: BLE001 - the services around would swallow it
            self._find(error)

    def _find(self, error: Exception) -> None:
        self.found = self.found or error


def _grown(expected: d.MeterState, now: d.MeterState) -> d.MeterState:
    """What the memory form says, with what others than decisions write: sessions, wishes, new commands, an end."""
    known = {command.id for command in expected.commands}
    new = [c for c in now.commands if c.id not in known and c.state == CommandState.QUEUED and not c.attempts]
    ends = {command.id: command.expires_at for command in now.commands}
    still = [_ended_by_removal(command, ends.get(command.id)) for command in expected.commands]
    commands = tuple(sorted([*still, *new], key=lambda command: command.id))
    return replace(
        expected,
        session=now.session,
        wish_version=now.wish_version,
        commands=commands,
        wished_on=now.wished_on,
    )


def _ended_by_removal(command: d.OpenCommand, ends_at: datetime | None) -> d.OpenCommand:
    """Removing a meter brings forward the end of what waits for it, and never puts one off."""
    if command.expires_at is None or ends_at is None or ends_at >= command.expires_at:
        return command
    return replace(command, expires_at=ends_at)


def _difference(expected: d.MeterState, state: d.MeterState) -> str:
    names = [name for name in vars(expected) if getattr(expected, name) != getattr(state, name)]
    return "; ".join(f"{name}: {getattr(expected, name)} is {getattr(state, name)}" for name in names)
