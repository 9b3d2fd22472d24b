"""The rarer commands in the database: who is refused and why, and a reset from the closing reading to the new body."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.accounts.models import AuditLine
from apps.common.errors import Refused
from apps.common.scoping import landlord_scope
from apps.income.check_books import check_books
from apps.meters import deciding as d
from apps.meters.models import Command, CommandEvent, Gateway, Letter, Meter, Presence
from apps.meters.services import acts, commands, delivery, registry
from apps.meters.states import CommandKind, CommandState, Outcome
from apps.meters.store import PostgresStore
from apps.readings.models import Reading
from apps.readings.selectors import latest
from apps.readings.services import pull_letter
from meter_gateway.simulator.port import Port
from tests.meter_gateway.simulator.bench import PROFILE, meter_on_bench
from tests.people import NOON, Street


@dataclass
class Line:
    """A simulated meter with Li's meter's number; what is posted to it is answered at once."""

    street: Street
    port: Port = field(init=False)

    def __post_init__(self) -> None:
        serial = self.street.li.meter.serial
        meter = meter_on_bench(load_kw="0", now=NOON)
        meter.state = replace(meter.state, serial=serial)
        self.port = Port(meter, PROFILE)
        gateway = Gateway.objects.create(name="gw", node="n", stream="s", hello_at=NOON)
        Presence.objects.create(
            serial=serial, gateway=gateway, epoch=1, is_online=True, since=NOON, seen_at=NOON
        )

    def ask(self, serial: str, letter: d.SendLetter) -> None:
        """A letter leaves after a commit that never comes here; it is taken from its row."""

    def go_on(self, seconds: int) -> None:
        """Take a turn and answer every letter that leaves, until none does; inside the scope."""
        meter_id, now = self.street.li.meter.pk, NOON + timedelta(seconds=seconds)
        delivery.take_turn(store=PostgresStore(), post=self, meter_id=meter_id, event=d.Rung(now))  # type: ignore[arg-type]
        while letter := Letter.objects.filter(meter_id=meter_id, state=Letter.State.OUT).first():
            now += timedelta(seconds=1)
            replies: list[Any] = [
                self.port.receive(bytes.fromhex(frame), now)[0].raw.hex() for frame in letter.frames
            ]
            delivery.take_answer(
                post=self,  # type: ignore[arg-type]
                meter_id=meter_id,
                command_id=letter.command_id,
                attempt=letter.attempt,
                epoch=1,
                outcome=Outcome.ANSWERED,
                replies=replies,
                now=now,
            )


@pytest.fixture
def line(street: Street) -> Line:
    return Line(street)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (CommandKind.RESET_ENERGY, "reset"),
        (CommandKind.OPEN_ACCOUNT, "opening"),
        (CommandKind.CREDIT, "credit"),
    ],
)
def test_a_meter_with_one_of_these_open_is_not_removed(
    street: Street, kind: CommandKind, reason: str
) -> None:
    with landlord_scope(street.li.landlord.pk):
        meter = street.li.vacant_meter
        energy_kwh = Decimal("1.00") if kind == CommandKind.CREDIT else None
        commands.queue(meter, kind, by_id=None, now=NOON, expires_at=None, energy_kwh=energy_kwh)
        with pytest.raises(registry.MeterInUse) as refusal:
            registry.archive_meter(meter=meter, in_use_above=lambda _: {}, by_id=street.li.owner.pk, now=NOON)
        assert list(refusal.value.fields) == [reason]


def _reset(street: Street, kind: CommandKind = CommandKind.RESET_ENERGY, **changes: Any) -> Command:
    meter = Meter.objects.get(pk=street.li.meter.pk)
    given = {"reason": "new tenants", "typed_serial": meter.serial, "by_id": street.li.owner.pk, "now": NOON}
    return acts.ask_reset(meter=meter, kind=kind, **{**given, **changes})


def _refusal(street: Street, **changes: Any) -> str:
    with pytest.raises(Refused) as refused:
        _reset(street, **changes)
    return refused.value.code


def test_a_reset_wants_reason_serial_and_no_credit_under_way_and_is_asked_once(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        assert _refusal(street, reason=" ") == "reason_missing"
        assert _refusal(street, typed_serial="000000000000") == "confirm_mismatch"
        credit = commands.ask_credit(
            meter=street.li.meter, energy_kwh=Decimal(10), by_id=None, reason="", now=NOON
        )
        assert _refusal(street) == "energy_on_its_way"
        Meter.objects.filter(pk=street.li.meter.pk).update(frozen="REFUSED")
        assert _refusal(street) == "queue_frozen"
        Command.objects.filter(pk=credit.pk).update(state=CommandState.CANCELLED)
        assert _reset(street).state == CommandState.QUEUED
        assert _refusal(street, kind=CommandKind.INIT_PURSE) == "reset_under_way"
        assert AuditLine.objects.filter(act__in=["meter.reset_energy", "meter.init_purse"]).count() == 1


def test_a_meter_whose_credits_were_ever_numbered_gets_no_new_purse_for_a_kept_frame_would_fit_again(
    street: Street,
) -> None:
    with landlord_scope(street.li.landlord.pk):
        credit = commands.ask_credit(
            meter=street.li.meter, energy_kwh=Decimal(10), by_id=None, reason="", now=NOON
        )
        Command.objects.filter(pk=credit.pk).update(
            state=CommandState.DONE, number=1, frames=["68"], purchased_before_kwh=Decimal(0)
        )
        assert _refusal(street, kind=CommandKind.INIT_PURSE) == "frames_outstanding"
        assert _reset(street, kind=CommandKind.RESET_ENERGY).state == CommandState.QUEUED


def test_what_a_model_cannot_do_is_refused_with_a_sentence_and_leaves_no_command(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(pk=street.li.meter.pk).update(profile="ddsy-4g-write")
        meter, who = Meter.objects.get(pk=street.li.meter.pk), street.li.owner.pk
        for ask in (
            lambda: acts.ask_keep_power(meter=meter, keep=True, reason="works", by_id=who, now=NOON),
            lambda: acts.ask_opening(meter=meter, by_id=who, now=NOON),
        ):
            with pytest.raises(acts.ModelCannot) as refused:
                ask()
            assert str(refused.value)
        Meter.objects.filter(pk=meter.pk).update(profile="ddsy-4g-order")
        with pytest.raises(acts.ModelCannot):
            _reset(street, kind=CommandKind.INIT_PURSE)
        assert not Command.objects.filter(meter=meter).exists()


def test_a_model_that_takes_any_frame_again_has_its_purse_cleared_after_recharges_too(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(pk=street.li.meter.pk).update(profile="ddsy-4g-write")
        credit = commands.ask_credit(
            meter=street.li.meter, energy_kwh=Decimal(10), by_id=None, reason="", now=NOON
        )
        assert _refusal(street, kind=CommandKind.INIT_PURSE) == "energy_on_its_way"
        Command.objects.filter(pk=credit.pk).update(
            state=CommandState.DONE, number=1, frames=["68"], purchased_before_kwh=Decimal(0)
        )
        assert _refusal(street, kind=CommandKind.INIT_PURSE, typed_serial="0") == "confirm_mismatch"
        assert _reset(street, kind=CommandKind.INIT_PURSE).state == CommandState.QUEUED


def test_a_sleepy_model_is_given_longer_for_every_command(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        lives = []
        for profile in ("dtsy-4g-ble", "dtsy-nb"):
            Meter.objects.filter(pk=street.li.meter.pk).update(profile=profile)
            meter, who = Meter.objects.get(pk=street.li.meter.pk), street.li.owner.pk
            asked = [
                commands.ask_power(
                    meter=meter, on=False, reason="x", by_id=who, now=NOON, remaining_kwh=None
                ),
                acts.ask_keep_power(meter=meter, keep=True, reason="x", by_id=who, now=NOON),
                acts.ask_lamp(meter=meter, on=True, by_id=who, now=NOON),
                acts.ask_clock(meter=meter, by_id=who, now=NOON),
                commands.ask_read(meter=meter, by_id=who, now=NOON),
                _reset(street),
            ]
            lives.append([(c.expires_at or NOON) - NOON for c in asked])
            Command.objects.filter(meter=meter).update(state=CommandState.CANCELLED)
        assert lives[1] == [36 * life for life in lives[0]]
        assert all(lives[0])


def test_a_meter_known_to_keep_its_power_is_not_asked_to_switch_off(street: Street, line: Line) -> None:
    with landlord_scope(street.li.landlord.pk):
        meter, who = street.li.meter, street.li.owner.pk
        acts.ask_keep_power(meter=meter, keep=True, reason="dialysis", by_id=who, now=NOON)
        line.go_on(1)
        kept = Meter.objects.get(pk=meter.pk)
        assert (kept.power_kept, kept.wished_on, kept.lamp_on) == (True, True, False)
        with pytest.raises(commands.PowerKept):
            commands.ask_power(meter=kept, on=False, reason="x", by_id=who, now=NOON, remaining_kwh=None)


def test_a_reset_leaves_a_closing_reading_in_the_old_body_and_counts_anew_in_the_next(
    street: Street, line: Line
) -> None:
    with landlord_scope(street.li.landlord.pk):
        commands.ask_read(meter=street.li.meter, by_id=None, now=NOON)
        line.go_on(1)
        reset = _reset(street, kind=CommandKind.INIT_PURSE)
        line.go_on(60)
        reset.refresh_from_db()
        meter = Meter.objects.get(pk=street.li.meter.pk)
        assert (reset.state, reset.device_epoch, meter.device_epoch) == (CommandState.DONE, 1, 2)
        assert reset.closing["remaining_kwh"] == "12.40"
        assert (meter.purchase_count, meter.purchased_kwh, meter.opening_purchased_kwh) == (0, 0, 0)
        life = CommandEvent.objects.filter(command=reset).order_by("id").values_list("state", flat=True)
        assert list(life) == ["QUEUED", "SENT", "DONE"]
        # The doorbells come late, when the next body has long begun.
        for letter in Letter.objects.filter(meter=meter).order_by("id"):
            pull_letter(command_id=letter.command_id, attempt=letter.attempt)
        by_body = list(Reading.objects.order_by("taken_at").values_list("device_epoch", "remaining_kwh"))
        assert by_body[-2:] == [(1, Decimal("12.40")), (2, Decimal("0.00"))]
        newest = latest(meter)
        assert newest is not None
        assert newest.device_epoch == 2
        credit = commands.ask_credit(
            meter=street.li.meter, energy_kwh=Decimal(10), by_id=None, reason="", now=NOON
        )
        assert credit.device_epoch == 1
        line.go_on(120)
        credit.refresh_from_db()
        assert (credit.state, credit.number, credit.device_epoch) == (CommandState.DONE, 1, 2)
    with landlord_scope(street.wang.landlord.pk):
        assert Meter.objects.get(pk=street.wang.meter.pk).device_epoch == 1
        assert check_books() == []
