"""A frozen meter and each way out of it: with a simulated meter, the database, and books that hold afterwards."""

from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.accounts.models import AuditLine
from apps.common.scoping import landlord_scope
from apps.income.check_books import check_books
from apps.income.models import Recharge
from apps.income.services import freezes
from apps.income.services.recharge_ends import settle
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind, RechargeState
from apps.meters import deciding as d
from apps.meters.deciding.ways_out import WhyNot
from apps.meters.models import Meter
from apps.meters.services import commands
from apps.meters.states import Frozen, Way
from tests.meters.simulated_line import SimulatedLine
from tests.people import NOON, House, Street


def _known(house: House, now: datetime = NOON, **meter_is: object) -> SimulatedLine:
    """Li's meter, read once: count 3, 160 kWh before us."""
    line = SimulatedLine(house.meter, now, dict(meter_is))
    commands.ask_read(meter=house.meter, by_id=None, now=now)
    line.go_on(now)
    return line


def _read(line: SimulatedLine) -> None:
    commands.ask_read(meter=line.row, by_id=None, now=line.now)
    line.go_on(line.now)


def _pay(house: House, line: SimulatedLine) -> Recharge:
    """Ten yuan's worth in cash, on its way."""
    return recharge_by_member(
        meter=line.row,
        kind=RechargeKind.CASH,
        amount_yuan=Decimal("6.50"),
        energy_kwh=None,
        reason="paid in cash",
        by_id=house.owner.pk,
        now=line.now,
    )


def _probe(line: SimulatedLine) -> None:
    freezes.ask_probe(meter=line.row, by_id=None, who="test", now=line.now)
    line.go_on(line.now)


def _resolve(line: SimulatedLine, way: Way) -> freezes.Resolution:
    return freezes.resolve(
        post=line,  # type: ignore[arg-type]
        meter_id=line.pk,
        way=way,
        reason="looked at it",
        by_id=None,
        who="test",
        now=line.now,
    )


def _closed(line: SimulatedLine, way: Way) -> WhyNot:
    with pytest.raises(freezes.WayClosed) as refusal:
        _resolve(line, way)
    return refusal.value.why


def _arrived(line: SimulatedLine, recharge: Recharge) -> None:
    """What was paid for is in the meter, once, and the books hold."""
    line.go_on(line.now)
    command = Recharge.objects.get(pk=recharge.pk).command
    settle(command_id=command.pk, now=line.now)
    assert Recharge.objects.get(pk=recharge.pk).state == RechargeState.CREDITED
    assert line.row.purchased_kwh == line.meter.purchased_kwh
    assert line.row.frozen == ""
    assert check_books() == []


def test_a_purchase_made_elsewhere_is_imported_without_money(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        line = _known(street.li)
        line.meter.credit(Decimal("5.00"), purchase_count=4, customer_no="000000000001", now=line.now)
        _read(line)
        recharge = _pay(street.li, line)
        line.go_on(line.now)
        assert line.row.frozen == Frozen.FOREIGN_PURCHASE
        assert _closed(line, Way.IMPORT) is WhyNot.NO_PROBE
        _probe(line)
        assert _closed(line, Way.ADOPT) is WhyNot.IMPORT_FIRST
        done = _resolve(line, Way.IMPORT)
        assert done.imported is not None
        assert (done.imported.energy_kwh, done.imported.amount_yuan) == (Decimal("5.00"), 0)
        assert check_books() == []
        assert _closed(line, Way.IMPORT) is WhyNot.NOT_FROZEN
        assert Recharge.objects.filter(kind=RechargeKind.IMPORT).count() == 1
        _arrived(line, recharge)
        line_of_audit = AuditLine.objects.get(act="meter.resolve")
        assert (line_of_audit.facts["reason"], line_of_audit.facts["who"]) == ("looked at it", "test")
        assert line_of_audit.facts["cause"] == Frozen.FOREIGN_PURCHASE


def test_a_credit_whose_number_went_to_another_purchase_is_asked_anew(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        line = _known(street.li)
        recharge = _pay(street.li, line)
        # Somebody else is faster: number 4 is hers before our bytes are read.
        line.happen(d.Rung(line.now))
        line.meter.credit(Decimal("5.00"), purchase_count=4, customer_no="000000000001", now=line.now)
        line.go_on(line.now)
        assert line.row.frozen == Frozen.CONTRADICTION
        _probe(line)
        assert _closed(line, Way.RESEND) is WhyNot.TAKEN
        first = _resolve(line, Way.ADOPT)
        assert first.requeued is not None
        assert (first.still_frozen, first.plan.foreign_kwh) == (Frozen.FOREIGN_PURCHASE, Decimal("5.00"))
        assert check_books() == []
        assert _closed(line, Way.ADOPT) is WhyNot.IMPORT_FIRST
        _resolve(line, Way.IMPORT)
        _arrived(line, recharge)
        assert line.meter.state.purchase_count == 5


def test_a_meter_that_was_too_full_gets_the_same_bytes_once_there_is_room(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        line = _known(street.li, remaining_kwh="995.00")
        recharge = _pay(street.li, line)
        for _ in range(12):
            line.go_on(line.now)
            line.now += commands.READ_LIFE
        assert line.row.frozen == Frozen.REFUSED
        _probe(line)
        assert _closed(line, Way.ADOPT) is WhyNot.NOT_TAKEN
        assert _closed(line, Way.EPOCH) is WhyNot.OTHER_WAY
        line.meter.put_remaining(Decimal("1.00"), line.now)
        _resolve(line, Way.RESEND)
        _arrived(line, recharge)
        assert line.meter.state.purchase_count == 4


def test_a_meter_whose_counters_fell_begins_another_body(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        line = _known(street.li)
        line.meter.put_purchased(Decimal("12.00"), line.now)
        _read(line)
        recharge = _pay(street.li, line)
        line.go_on(line.now)
        assert line.row.frozen == Frozen.FOREIGN_PURCHASE
        _probe(line)
        assert _closed(line, Way.IMPORT) is WhyNot.CONTRADICTS_ITSELF
        _resolve(line, Way.EPOCH)
        assert (line.row.device_epoch, line.row.opening_purchased_kwh) == (2, Decimal("12.00"))
        _arrived(line, recharge)


def test_a_probe_of_an_earlier_freeze_opens_no_way(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        line = _known(street.li)
        Meter.objects.filter(pk=line.pk).update(frozen=Frozen.FOREIGN_PURCHASE, frozen_at=line.now)
        _probe(line)
        _resolve(line, Way.ADOPT)
        line.now += timedelta(minutes=1)
        line.meter.put_purchased(line.meter.purchased_kwh + Decimal("0.01"), line.now)
        Meter.objects.filter(pk=line.pk).update(frozen=Frozen.FOREIGN_PURCHASE, frozen_at=line.now)
        assert _closed(line, Way.ADOPT) is WhyNot.NO_PROBE
        _probe(line)
        assert _closed(line, Way.ADOPT) is WhyNot.IMPORT_FIRST


def test_a_probe_is_asked_once_of_a_frozen_meter_in_use_and_counts_for_ten_minutes_and_one_body(
    street: Street,
) -> None:
    with landlord_scope(street.li.landlord.pk):
        line = _known(street.li)
        with pytest.raises(freezes.WayClosed) as refusal:
            freezes.ask_probe(meter=line.row, by_id=None, who="test", now=line.now)
        assert refusal.value.why is WhyNot.NOT_FROZEN
        Meter.objects.filter(pk=line.pk).update(frozen=Frozen.FOREIGN_PURCHASE, frozen_at=line.now)
        first = freezes.ask_probe(meter=line.row, by_id=None, who="test", now=line.now)
        assert freezes.ask_probe(meter=line.row, by_id=None, who="test", now=line.now) == first
        assert AuditLine.objects.get(act="meter.probe").facts["who"] == "test"
        line.go_on(line.now)
        answered_at = freezes.held(line.row, now=line.now).probe.final_at
        assert freezes.held(line.row, now=answered_at + timedelta(minutes=10)).probe == first
        assert freezes.held(line.row, now=answered_at + timedelta(minutes=10, seconds=1)).probe is None
        Meter.objects.filter(pk=line.pk).update(device_epoch=2)
        assert freezes.held(line.row, now=line.now).probe is None
        Meter.objects.filter(pk=line.pk).update(archived_at=line.now)
        with pytest.raises(commands.MeterArchived):
            freezes.ask_probe(meter=line.row, by_id=None, who="test", now=line.now)


def test_no_way_is_taken_without_a_reason_and_what_is_left_stays_frozen_since_the_same_moment(
    street: Street,
) -> None:
    with landlord_scope(street.li.landlord.pk):
        line = _known(street.li)
        _pay(street.li, line)
        line.happen(d.Rung(line.now))
        line.meter.credit(Decimal("5.00"), purchase_count=4, customer_no="000000000001", now=line.now)
        line.go_on(line.now)
        since = line.row.frozen_at
        line.now += timedelta(minutes=5)
        _probe(line)
        with pytest.raises(commands.ReasonMissing):
            freezes.resolve(
                post=line,  # type: ignore[arg-type]
                meter_id=line.pk,
                way=Way.ADOPT,
                reason="  ",
                by_id=None,
                who="test",
                now=line.now,
            )
        assert not AuditLine.objects.filter(act="meter.resolve").exists()
        assert _resolve(line, Way.ADOPT).still_frozen == Frozen.FOREIGN_PURCHASE
        assert line.row.frozen_at == since


def test_the_shell_lists_refuses_and_resolves_and_a_second_run_does_nothing(street: Street) -> None:
    now, serial, said = timezone.now(), street.li.meter.serial, StringIO()
    with landlord_scope(street.li.landlord.pk):
        line = _known(street.li, now)
        line.meter.credit(Decimal("5.00"), purchase_count=4, customer_no="000000000001", now=line.now)
        _read(line)
        _pay(street.li, line)
        line.go_on(line.now)
    call_command("frozen", "list", stdout=said)
    assert "FOREIGN_PURCHASE: 1" in said.getvalue()
    assert f"{serial}  Li Rooms, Li Court" in said.getvalue()
    assert "waiting: 1 credits, 10.00 kWh" in said.getvalue()
    assert f"next: manage.py frozen probe {serial}" in said.getvalue()
    with pytest.raises(CommandError, match="Probe it first"):
        call_command("frozen", "resolve", serial, by="import", reason="sold by card")
    with landlord_scope(street.li.landlord.pk):
        _probe(line)
    call_command("frozen", "list", stdout=said)
    assert "import: open. 5.00 kWh bought elsewhere go into the books" in said.getvalue()
    for _ in range(2):
        call_command("frozen", "resolve", serial, by="import", reason="sold by card", stdout=said)
    assert "This meter is not frozen; nothing was done." in said.getvalue()
    call_command("frozen", "list", stdout=said)
    assert said.getvalue().endswith("No meter is frozen.\n")
    with landlord_scope(street.li.landlord.pk):
        assert AuditLine.objects.get(act="meter.resolve").facts["who"].startswith("shell: ")
        assert Recharge.objects.filter(kind=RechargeKind.IMPORT).count() == 1
        assert check_books() == []


def test_the_audit_names_the_operators_login_and_no_other_login_is_taken(street: Street) -> None:
    serial = street.li.meter.serial
    with landlord_scope(street.li.landlord.pk):
        line = _known(street.li, timezone.now())
        Meter.objects.filter(pk=line.pk).update(frozen=Frozen.FOREIGN_PURCHASE, frozen_at=line.now)
        _probe(line)
    for nobody in (street.li.owner.username, "nobody"):
        with pytest.raises(CommandError, match="no operator of this name"):
            call_command("frozen", "resolve", serial, by="adopt", reason="agrees again", username=nobody)
    call_command("frozen", "resolve", serial, by="adopt", reason="agrees again", username="operator")
    with landlord_scope(street.li.landlord.pk):
        assert AuditLine.objects.get(act="meter.resolve").by_id == street.operator.pk
