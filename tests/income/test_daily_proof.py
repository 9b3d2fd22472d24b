"""The daily proof: what each meter says it was ever given, against the ledger."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from apps.alerts.models import Alert
from apps.alerts.sweeping import sweep as sweep_alerts
from apps.common.ids import uuid7
from apps.common.scoping import everything, landlord_scope
from apps.income.check_books import check_books
from apps.income.models import ProofFinding, ProofRun, Recharge
from apps.income.proof import Figures, is_our_own_fault
from apps.income.services import proving
from apps.income.services.recharge_ends import settle
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.income.sweeping import close_proofs
from apps.meters import deciding as d
from apps.meters.deciding.events import LearnCount
from apps.meters.models import Command, Meter
from apps.meters.services import commands
from apps.meters.states import Frozen
from apps.meters.store import PostgresStore
from tests.income.lending import cash, prove
from tests.meters.simulated_line import SimulatedLine
from tests.people import NOON, House, Street


@pytest.mark.parametrize(
    ("compared", "differing", "is_alarm"),
    [(1, 1, False), (2, 2, True), (100, 5, False), (100, 6, True), (10_000, 500, False), (10_000, 501, True)],
)
def test_more_than_one_meter_in_twenty_at_once_is_our_own_fault(
    compared: int, differing: int, is_alarm: bool
) -> None:
    assert is_our_own_fault(compared=compared, differing=differing) is is_alarm


@pytest.mark.parametrize(
    ("shown", "booked", "under_way", "difference"),
    [
        ("160.00", "60.00", "0", "0"),
        ("160.01", "60.00", "0", "0.01"),
        ("159.99", "60.00", "0", "-0.01"),
        ("170.00", "60.00", "10.00", "0"),
        ("160.00", "60.00", "10.00", "0"),
        ("170.01", "60.00", "10.00", "10.01"),
    ],
)
def test_a_credit_under_way_may_be_in_the_meter_or_not_and_nothing_else_may(
    shown: str, booked: str, under_way: str, difference: str
) -> None:
    figures = Figures(
        uuid7(),
        uuid7(),
        Decimal(shown),
        Decimal("100.00"),
        Decimal(booked),
        Decimal(under_way),
        False,
    )
    assert figures.difference_kwh == Decimal(difference)


def _line(house: House, now: datetime = NOON) -> SimulatedLine:
    """Li's meter, read once and recharged once; inside her scope."""
    line = SimulatedLine(house.meter, now)
    commands.ask_read(meter=house.meter, by_id=None, now=now)
    line.go_on(now)
    recharge_by_member(
        meter=house.meter,
        kind=RechargeKind.GIFT,
        amount_yuan=None,
        energy_kwh=Decimal("10.00"),
        reason="a gift",
        by_id=house.owner.pk,
        now=now,
    )
    line.go_on(line.now)
    return line


def _read(line: SimulatedLine, now: datetime) -> None:
    commands.ask_read(meter=line.row, by_id=None, now=now)
    line.go_on(now)


def test_a_hundredth_that_appeared_by_itself_is_named_and_freezes_the_meter(street: Street) -> None:
    night = NOON + timedelta(hours=15)
    with landlord_scope(street.li.landlord.pk):
        line = _line(street.li)
    first = proving.open_run(by_hand=False, now=night)
    assert proving.open_run(by_hand=False, now=night + timedelta(minutes=1)) == first
    assert close_proofs(night) == 0
    with landlord_scope(street.li.landlord.pk):
        _read(line, night + timedelta(minutes=9))
    # The recharge is proved and not in the books yet; that is no difference.
    assert close_proofs(night + timedelta(minutes=10)) == 1
    first.refresh_from_db()
    assert (first.compared, first.differing, first.unreachable) == (1, 0, 3)
    with landlord_scope(street.li.landlord.pk):
        assert settle(command_id=Recharge.objects.get().command_id, now=night)
        line.meter.put_purchased(line.meter.purchased_kwh + Decimal("0.01"), line.now)
        later = night + timedelta(days=1)
        second = proving.open_run(by_hand=False, now=later)
        _read(line, later + timedelta(seconds=5))
        assert (line.row.frozen, line.row.differs_since is not None) == ("", True)
    assert close_proofs(later + timedelta(minutes=1)) == 1
    second.refresh_from_db()
    assert (second.compared, second.differing, second.is_alarm) == (1, 1, False)
    with landlord_scope(street.li.landlord.pk):
        finding = ProofFinding.objects.get()
        assert (finding.meter_id, finding.difference_kwh) == (street.li.meter.pk, Decimal("0.01"))
        assert line.row.frozen == Frozen.FOREIGN_PURCHASE
        assert Decimal(line.row.frozen_evidence["difference_kwh"]) == Decimal("0.01")
    with landlord_scope(street.wang.landlord.pk):
        assert not ProofFinding.objects.exists()


def test_the_landlord_is_told_once_and_told_when_it_is_over(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(pk=street.li.meter.pk).update(frozen="CONTRADICTION", frozen_at=NOON)
    assert sweep_alerts(NOON) == 1
    assert sweep_alerts(NOON) == 0
    with landlord_scope(street.li.landlord.pk):
        assert Alert.objects.get().kind == Alert.Kind.FROZEN
        Meter.objects.filter(pk=street.li.meter.pk).update(frozen="", frozen_at=None)
    assert sweep_alerts(NOON) == 1
    with landlord_scope(street.li.landlord.pk):
        assert Alert.objects.get().cleared_at == NOON
    with landlord_scope(street.wang.landlord.pk):
        assert not Alert.objects.exists()


def test_when_much_of_a_fleet_differs_there_is_one_alarm_and_nobody_is_frozen(street: Street) -> None:
    with everything("this test"):
        Meter.objects.update(
            opening_purchased_kwh=Decimal("5.00"),
            purchase_count=1,
            purchased_kwh=Decimal("5.00"),
            shown_purchased_kwh=Decimal("5.00"),
            shown_count=1,
            shown_at=NOON,
        )
        wrong = [street.li.meter.pk, street.wang.meter.pk]
        Meter.objects.filter(pk__in=wrong).update(shown_purchased_kwh=Decimal("50.00"))
    run = proving.close_run(run_id=proving.open_run(by_hand=True, now=NOON).pk, now=NOON)
    assert (run.compared, run.differing, run.is_alarm) == (4, 2, True)
    with everything("this test"):
        assert not Meter.objects.exclude(frozen="").exists()
        assert set(ProofFinding.objects.values_list("act", flat=True)) == {"LEFT"}
    again = proving.close_run(run_id=run.pk, now=NOON + timedelta(minutes=1))
    assert again.closed_at == run.closed_at


@contextmanager
def _answering(line: SimulatedLine, house: House) -> Iterator[None]:
    """The meter answers from a thread of its own, as the gateway and its worker would."""
    stop = threading.Event()

    def answer() -> None:
        while not stop.wait(0.02):
            with landlord_scope(house.landlord.pk):
                line.now = timezone.now()
                line.happen(d.Rung(line.now))
                while line.answer():
                    line.now = timezone.now()
        connection.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_the_command_names_the_meter_and_ends_with_status_one(
    real_street: Street, quiet_doorbells: None
) -> None:
    with landlord_scope(real_street.li.landlord.pk):
        line = _line(real_street.li, timezone.now() - timedelta(minutes=1))
    said = StringIO()
    with _answering(line, real_street.li):
        call_command("prove_meters", wait=10, stdout=said)
        assert "1 compared, 0 differ" in said.getvalue()
        line.meter.put_purchased(line.meter.purchased_kwh + Decimal("0.01"), timezone.now())
        with pytest.raises(CommandError) as ended:
            call_command("prove_meters", wait=10, stdout=said)
    assert ended.value.returncode == 1
    assert f"Li Rooms: meter {real_street.li.meter.serial}" in said.getvalue()
    assert "a difference of 0.01 kWh: frozen." in said.getvalue()
    assert ProofRun.objects.filter(differing=1).count() == 1


def test_a_meter_first_proved_by_our_own_credit_had_before_us_what_it_had_before_it(street: Street) -> None:
    """A phone's word numbered it, so its read-back is the first thing that proves anything."""
    li = street.li
    with landlord_scope(li.landlord.pk):
        credit = cash(li, "10.00")
        Command.objects.filter(pk=credit.command_id).update(
            number=1, frames=["68"], purchased_before_kwh=Decimal("160.00")
        )
        said = LearnCount(1, Decimal("160.00") + credit.energy_kwh, "", NOON)
        PostgresStore().learn_count(li.meter.pk, said)
        prove(credit.command_id)
        assert Meter.objects.get(pk=li.meter.pk).opening_purchased_kwh == Decimal("160.00")
        assert check_books() == []
