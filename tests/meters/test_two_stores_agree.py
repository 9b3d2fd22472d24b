"""Any sequence of effects: the in-memory store and PostgreSQL end in the same state and refuse the same."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.common.scoping import landlord_scope
from apps.meters import deciding as d
from apps.meters.memory_store import MemoryStore
from apps.meters.models import Command, Gateway, Meter, Presence
from apps.meters.states import POWER_KINDS, CommandKind, CommandState, Frozen, PowerReason, Purpose
from apps.meters.store import PostgresStore, Raced, write
from tests.people import NOON, Street

KINDS = [
    CommandKind.CREDIT, CommandKind.CREDIT, CommandKind.OPEN_ACCOUNT, CommandKind.POWER_ON,
    CommandKind.POWER_OFF, CommandKind.READ, CommandKind.RESET_ENERGY,
]  # fmt: skip
# A command of ours by its place, mostly a young one; past the end it is nobody's.
PLACE = st.integers(0, 4)


class Stores(RuleBasedStateMachine):
    """Both stores hold one meter; each rule is one transaction of one to three effects."""

    street: Street

    def __init__(self) -> None:
        super().__init__()
        house = self.street.li
        self._scope = landlord_scope(house.landlord.pk)
        self._scope.__enter__()
        self.now, self.ids, self.effects = NOON, [], []
        self.real, self.memory = PostgresStore(), MemoryStore()
        Gateway.objects.get_or_create(name="gw-1", node="gw", defaults={"hello_at": NOON, "is_alive": True})
        Presence.objects.get_or_create(
            serial=house.meter.serial,
            defaults={"gateway_id": "gw-1", "epoch": 1, "is_online": True, "since": NOON, "seen_at": NOON},
        )
        self.meter_id = house.meter.pk
        self.memory.meters[self.meter_id] = self.real.load(self.meter_id)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._scope.__exit__(None, None, None)

    @rule(kind=st.sampled_from(KINDS), energy=st.sampled_from(["0", "3.50"]), expires=st.booleans())
    def queue(self, kind: CommandKind, energy: str, expires: bool) -> None:
        state = self.memory.meters[self.meter_id]
        version = None
        if kind in POWER_KINDS:
            version = state.wish_version + 1
            Meter.objects.filter(pk=self.meter_id).update(wish_version=version)
            self.memory.meters[self.meter_id] = replace(state, wish_version=version)
        facts: dict[str, Any] = {
            "kind": kind,
            "state": CommandState.QUEUED,
            "next_at": self.now,
            "expires_at": self.now + timedelta(minutes=1) if expires else None,
            "energy_kwh": Decimal(energy) if kind in (CommandKind.CREDIT, CommandKind.OPEN_ACCOUNT) else None,
            "wish_version": version,
        }
        row = Command(meter_id=self.meter_id, created_at=self.now, device_epoch=state.device_epoch, **facts)
        refused = self._refused(row.save)
        assert refused == self._refused(
            lambda: self.memory.queue(self.meter_id, d.OpenCommand(id=row.pk, **facts))
        )
        if not refused:
            self.ids.append(row.pk)

    # What a decision may consist of

    @precondition(lambda self: self.ids)
    @rule(place=PLACE, to=st.sampled_from(list(CommandState)), refused=st.booleans(), waits=st.booleans())
    def step(self, place: int, to: CommandState, refused: bool, waits: bool) -> None:
        next_at = self.now + timedelta(seconds=5) if waits else None
        self._also(d.Step(self._id(place), to, "noted" if waits else "", {"count": "1"}, next_at, refused))

    @precondition(lambda self: self.ids)
    @rule(place=PLACE, number=st.integers(1, 4), with_bytes=st.booleans(), ago=st.integers(0, 1))
    def store_frames(self, place: int, number: int, with_bytes: bool, ago: int) -> None:
        epoch = max(1, self.memory.meters[self.meter_id].device_epoch - ago)
        self._also(
            d.StoreFrames(
                self._id(place), number, ("AB",) if with_bytes else (), Decimal("160.00"), "1", epoch
            )
        )

    @precondition(lambda self: self.ids)
    @rule(place=PLACE, attempt=st.integers(1, 3), purpose=st.sampled_from(list(Purpose)))
    def send(self, place: int, attempt: int, purpose: Purpose) -> None:
        until = self.now + timedelta(seconds=20)
        self._also(
            d.SendLetter(self._id(place), attempt, 1, purpose, "gw-1", 1, ("AB",), self.now, until, until, 8)
        )

    @precondition(lambda self: self.ids)
    @rule(place=PLACE, attempt=st.integers(1, 3), answered=st.booleans())
    def close_letter(self, place: int, attempt: int, answered: bool) -> None:
        self._also(d.CloseLetter(self._id(place), attempt, answered, "", (), self.now))

    @precondition(lambda self: self.memory.meters[self.meter_id].letter)
    @rule(answered=st.booleans())
    def close_the_letter_that_is_out(self, answered: bool) -> None:
        out = self.memory.meters[self.meter_id].letter
        assert out is not None
        self._also(d.CloseLetter(out.command_id, out.attempt, answered, "", (), self.now))

    @precondition(lambda self: self.ids)
    @rule(place=PLACE, ahead=st.integers(0, 2))
    def begin_body(self, place: int, ahead: int) -> None:
        epoch = self.memory.meters[self.meter_id].device_epoch + ahead
        self._also(d.BeginBody(self._id(place), epoch, {"count": "3"}, self.now))

    @rule(count=st.integers(0, 9_999), reason=st.sampled_from(list(Frozen)), freezes=st.booleans())
    def learn_or_freeze(self, count: int, reason: Frozen, freezes: bool) -> None:
        learned = d.LearnCount(count, Decimal(count), "000000000007", self.now)
        self._also(d.Freeze(reason, {"count": str(count)}, self.now) if freezes else learned)

    @rule(on=st.booleans())
    def note(self, on: bool) -> None:
        self._also(
            d.NotePower(on, PowerReason.NONE, self.now, kept=False, lamp_on=False, account_opened=True)
        )
        self._also(d.NoteClock(3, self.now))

    @rule(count=st.integers(0, 9_999), differs=st.sampled_from([True, False, None]))
    def note_shown(self, count: int, differs: bool | None) -> None:
        self._also(d.NoteShown(count, Decimal(count), differs, self.now))

    @rule(new_body=st.booleans())
    def a_person_ends_a_freeze(self, new_body: bool) -> None:
        self._also(d.Thaw(self.now))
        if new_body:
            epoch = self.memory.meters[self.meter_id].device_epoch + 1
            self._also(d.BeginBody(None, epoch, {}, self.now))

    @precondition(lambda self: self.effects)
    @rule()
    def commit(self) -> None:
        effects, self.effects = self.effects, []
        self.now += timedelta(seconds=1)
        refused = {
            name: self._refused(lambda store=store: self._write(store, effects))
            for name, store in (("memory", self.memory), ("postgres", self.real))
        }
        assert refused["memory"] == refused["postgres"], effects

    @invariant()
    def both_show_the_same(self) -> None:
        assert self.memory.load(self.meter_id) == self.real.load(self.meter_id)

    def _also(self, effect: d.Effect) -> None:
        self.effects.append(effect)
        if len(self.effects) >= 3:
            self.commit()

    def _id(self, place: int) -> Any:
        return self.ids[-1 - place % len(self.ids)]

    def _write(self, store: Any, effects: list[d.Effect]) -> None:
        with store.transaction():
            write(store, self.meter_id, effects, self.now)

    @staticmethod
    def _refused(act: Any) -> bool:
        try:
            with transaction.atomic():
                act()
        except (Raced, IntegrityError):
            return True
        return False


def _run(street: Street, examples: int) -> None:
    Stores.street = street
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    run_state_machine_as_test(
        Stores,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=checks,
        ),
    )


@pytest.mark.usefixtures("quiet_doorbells")
def test_both_stores_show_and_refuse_the_same(street: Street) -> None:
    _run(street, 8)


@pytest.mark.thorough
@pytest.mark.usefixtures("quiet_doorbells")
def test_both_stores_show_and_refuse_the_same_in_dozens_of_histories(street: Street) -> None:
    _run(street, 60)
