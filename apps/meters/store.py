"""Where a meter's state is kept between decisions: the shape of a store, and its PostgreSQL form.

A decision is made under the meter's row lock and written through these few methods, each a conditional write.
The in-memory form for simulation has the same shape (`memory_store`).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.common.queue import ring_after_commit
from apps.meters import deciding as d
from apps.meters.models import Command, CommandEvent, Letter, Meter, Presence
from apps.meters.states import FINAL, OPEN, WISHES_ON, CommandKind, CommandState, Purpose, allowed_from
from meter_gateway.protocol.profiles import load_profile


class Raced(RuntimeError):
    """A conditional write found the row changed; the decision is thrown away and made again."""


class Store(Protocol):
    """What a decision needs. Every write is conditional and raises `Raced` if its condition no longer holds."""

    def transaction(self) -> AbstractContextManager[None]: ...

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do this once what was written is safe; never if it is rolled back."""

    def load(self, meter_id: UUID) -> d.MeterState:
        """Return the meter's state and lock the meter until the transaction ends."""

    def step(self, meter_id: UUID, effect: d.Step, now: datetime) -> None: ...

    def store_frames(self, meter_id: UUID, effect: d.StoreFrames) -> None: ...

    def send(self, meter_id: UUID, effect: d.SendLetter) -> None: ...

    def close_letter(self, meter_id: UUID, effect: d.CloseLetter) -> None: ...

    def learn_count(self, meter_id: UUID, effect: d.LearnCount) -> None: ...

    def note_shown(self, meter_id: UUID, effect: d.NoteShown) -> None: ...

    def freeze(self, meter_id: UUID, effect: d.Freeze) -> None: ...

    def thaw(self, meter_id: UUID, effect: d.Thaw) -> None: ...

    def note_power(self, meter_id: UUID, effect: d.NotePower) -> None: ...

    def note_clock(self, meter_id: UUID, effect: d.NoteClock) -> None: ...

    def begin_body(self, meter_id: UUID, effect: d.BeginBody) -> None: ...

    def tell(self, meter_id: UUID, effect: d.NoteReading | d.Finished) -> None:
        """Let the layers above know, after commit, by a task's name."""


def write(store: Store, meter_id: UUID, effects: list[d.Effect], now: datetime) -> None:
    """Write a decision's effects in their order; all or none, in the caller's transaction."""
    for effect in effects:
        match effect:
            case d.Step():
                store.step(meter_id, effect, now)
            case d.StoreFrames():
                store.store_frames(meter_id, effect)
            case d.SendLetter():
                store.send(meter_id, effect)
            case d.CloseLetter():
                store.close_letter(meter_id, effect)
            case d.LearnCount():
                store.learn_count(meter_id, effect)
            case d.NoteShown():
                store.note_shown(meter_id, effect)
            case d.Freeze():
                store.freeze(meter_id, effect)
            case d.Thaw():
                store.thaw(meter_id, effect)
            case d.NotePower():
                store.note_power(meter_id, effect)
            case d.NoteClock():
                store.note_clock(meter_id, effect)
            case d.BeginBody():
                store.begin_body(meter_id, effect)
            case d.NoteReading() | d.Finished():
                store.tell(meter_id, effect)


class PostgresStore:
    """The real form. It works inside the landlord's scope that is open."""

    def transaction(self) -> AbstractContextManager[None]:
        return transaction.atomic()

    def after_commit(self, act: Callable[[], None]) -> None:
        transaction.on_commit(act)

    def load(self, meter_id: UUID) -> d.MeterState:
        meter = Meter.objects.select_for_update(of=("self",)).get(pk=meter_id)
        presence = Presence.objects.filter(serial=meter.serial, is_online=True).first()
        letter = Letter.objects.filter(meter=meter, state=Letter.State.OUT).first()
        commands = Command.objects.filter(meter=meter, state__in=sorted(OPEN)).order_by("id")
        return d.MeterState(
            serial=meter.serial,
            profile=load_profile(meter.profile),
            device_epoch=meter.device_epoch,
            count=meter.purchase_count,
            purchased_kwh=meter.purchased_kwh,
            customer_no=meter.customer_no,
            frozen=meter.frozen,
            wish_version=meter.wish_version,
            wished_on=meter.wished_on,
            session=d.Session(presence.gateway_id, presence.epoch)
            if presence and presence.gateway_id
            else None,
            letter=_letter_out(letter) if letter else None,
            commands=tuple(_open_command(c) for c in commands),
            letter_life_s=settings.LETTER_DEADLINE_S,
            differs=meter.differs_since is not None,
        )

    def step(self, meter_id: UUID, effect: d.Step, now: datetime) -> None:
        stay = set() if effect.to in FINAL else {effect.to}
        changes: dict[str, object] = {"state": effect.to}
        if effect.next_at is not None:
            changes["next_at"] = effect.next_at
        if effect.refused:
            changes["refusals"] = F("refusals") + 1
        if effect.to in FINAL:
            changes |= {"final_at": now, "result": effect.facts}
        rows = Command.objects.filter(pk=effect.command_id, state__in=sorted(allowed_from(effect.to) | stay))
        _one(rows.update(**changes), "a command's state")
        if effect.note:
            CommandEvent.objects.create(
                command_id=effect.command_id, at=now, state=effect.to, note=effect.note, facts=effect.facts
            )
        if effect.to == CommandState.DONE:
            kind = Command.objects.values_list("kind", flat=True).get(pk=effect.command_id)
            if kind in WISHES_ON:
                Meter.objects.filter(pk=meter_id).update(wished_on=WISHES_ON[CommandKind(kind)])

    def store_frames(self, meter_id: UUID, effect: d.StoreFrames) -> None:
        rows = Command.objects.filter(pk=effect.command_id, number=None, state=CommandState.QUEUED)
        _one(
            rows.update(
                number=effect.number,
                frames=list(effect.frames),
                purchased_before_kwh=effect.purchased_before_kwh,
                customer_no=effect.customer_no,
                device_epoch=effect.device_epoch,
            ),
            "a credit's number",
        )

    def send(self, meter_id: UUID, effect: d.SendLetter) -> None:
        Letter.objects.create(
            command_id=effect.command_id,
            meter_id=meter_id,
            attempt=effect.attempt,
            device_epoch=effect.device_epoch,
            purpose=effect.purpose,
            gateway=effect.gateway,
            epoch=effect.epoch,
            frames=list(effect.frames),
            created_at=effect.created_at,
            expires_at=effect.expires_at,
            deadline_at=effect.deadline_at,
        )
        Command.objects.filter(pk=effect.command_id).update(attempts=effect.attempt)

    def close_letter(self, meter_id: UUID, effect: d.CloseLetter) -> None:
        rows = Letter.objects.filter(
            command_id=effect.command_id, attempt=effect.attempt, state=Letter.State.OUT
        )
        state = Letter.State.ANSWERED if effect.answered else Letter.State.LOST
        _one(
            rows.update(
                state=state, outcome=effect.outcome, replies=list(effect.replies), answered_at=effect.at
            ),
            "a letter",
        )

    def learn_count(self, meter_id: UUID, effect: d.LearnCount) -> None:
        meter = Meter.objects.filter(pk=meter_id)
        meter.update(
            purchase_count=effect.count,
            purchased_kwh=effect.purchased_kwh,
            customer_no=effect.customer_no,
            count_proved_at=effect.at,
            shown_count=effect.count,
            shown_purchased_kwh=effect.purchased_kwh,
            shown_at=effect.at,
            differs_since=None,
        )
        # A credit that was numbered after a phone's word may be the first thing that proves anything: what it brought
        # is ours already.
        ours = Command.objects.filter(
            meter_id=meter_id,
            device_epoch=F("meter__device_epoch"),
            number=effect.count,
            purchased_before_kwh=effect.purchased_kwh - F("energy_kwh"),
        )
        before_kwh = ours.values_list("purchased_before_kwh", flat=True).first()
        opening_kwh = effect.purchased_kwh if before_kwh is None else before_kwh
        meter.filter(opening_purchased_kwh=None).update(opening_purchased_kwh=opening_kwh)

    def note_shown(self, meter_id: UUID, effect: d.NoteShown) -> None:
        meter = Meter.objects.filter(pk=meter_id)
        over = {"differs_since": None} if effect.differs is False else {}
        meter.update(
            shown_count=effect.count, shown_purchased_kwh=effect.purchased_kwh, shown_at=effect.at, **over
        )
        if effect.differs:
            meter.filter(differs_since=None).update(differs_since=effect.at)

    def freeze(self, meter_id: UUID, effect: d.Freeze) -> None:
        rows = Meter.objects.filter(pk=meter_id, frozen="")
        rows.update(frozen=effect.reason, frozen_at=effect.at, frozen_evidence=effect.evidence)

    def thaw(self, meter_id: UUID, effect: d.Thaw) -> None:
        rows = Meter.objects.filter(pk=meter_id).exclude(frozen="")
        _one(rows.update(frozen="", frozen_at=None, frozen_evidence={}), "a meter's freeze")

    def note_power(self, meter_id: UUID, effect: d.NotePower) -> None:
        rows = Meter.objects.filter(pk=meter_id)
        rows.exclude(power_on=effect.on).update(power_at=effect.at)
        rows.filter(power_on=None).update(power_at=effect.at)
        rows.update(
            power_on=effect.on,
            power_reason=effect.reason,
            power_kept=effect.kept,
            lamp_on=effect.lamp_on,
            account_opened=effect.account_opened,
        )

    def note_clock(self, meter_id: UUID, effect: d.NoteClock) -> None:
        serial = Meter.objects.values_list("serial", flat=True).get(pk=meter_id)
        Presence.objects.filter(serial=serial).update(clock_drift_s=effect.ahead_s, clock_seen_at=effect.at)

    def begin_body(self, meter_id: UUID, effect: d.BeginBody) -> None:
        rows = Meter.objects.filter(pk=meter_id, device_epoch=effect.device_epoch - 1)
        _one(
            rows.update(
                device_epoch=effect.device_epoch,
                purchase_count=None,
                purchased_kwh=None,
                opening_purchased_kwh=None,
                count_proved_at=None,
                shown_count=None,
                shown_purchased_kwh=None,
                shown_at=None,
                differs_since=None,
            ),
            "a meter's body",
        )
        if effect.command_id is not None:
            Command.objects.filter(pk=effect.command_id).update(closing=effect.closing)

    def tell(self, meter_id: UUID, effect: d.NoteReading | d.Finished) -> None:
        landlord_id = Meter.objects.values_list("landlord_id", flat=True).get(pk=meter_id)
        if isinstance(effect, d.NoteReading):
            ring_after_commit(
                "readings.pull_letter",
                queue_name="readings",
                landlord_id=landlord_id,
                command_id=effect.command_id,
                attempt=effect.attempt,
            )
        else:
            ring_after_commit(
                "income.settle_recharge",
                queue_name="money",
                landlord_id=landlord_id,
                command_id=effect.command_id,
            )


def _one(rows_changed: int, what: str) -> None:
    if rows_changed != 1:
        raise Raced(f"{what} was changed by somebody else")


def _letter_out(letter: Letter) -> d.LetterOut:
    return d.LetterOut(
        command_id=letter.command_id,
        attempt=letter.attempt,
        purpose=Purpose(letter.purpose),
        gateway=letter.gateway,
        epoch=letter.epoch,
        frames=tuple(letter.frames),
        deadline_at=letter.deadline_at,
    )


def _open_command(command: Command) -> d.OpenCommand:
    return d.OpenCommand(
        id=command.id,
        kind=CommandKind(command.kind),
        state=CommandState(command.state),
        next_at=command.next_at,
        expires_at=command.expires_at,
        attempts=command.attempts,
        refusals=command.refusals,
        energy_kwh=command.energy_kwh,
        number=command.number,
        frames=tuple(command.frames),
        purchased_before_kwh=command.purchased_before_kwh,
        wish_version=command.wish_version,
        freeze_date=command.freeze_date,
        closing=command.closing,
    )
