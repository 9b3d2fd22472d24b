"""The daily proof: which meters it compares, on which evidence, and when it leaves them alone."""

import threading
import time
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from apps.common.scoping import everything, landlord_scope
from apps.income import postings
from apps.income.models import ProofFinding, ProofRun
from apps.income.postings import Asset, Move
from apps.income.services import proving
from apps.income.services.ledger import book
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.income.sweeping import close_proofs
from apps.meters import deciding as d
from apps.meters.models import Gateway, Meter, Presence
from apps.meters.services import commands
from apps.meters.states import Frozen
from tests.meters.simulated_line import SimulatedLine
from tests.people import NOON, House, Street

NIGHT = NOON + timedelta(hours=15)
FIVE_KWH = Decimal("5.00")


def _were_read(at: datetime) -> None:
    """Every meter was given 5 kWh before us, and says so."""
    with everything("this test"):
        Meter.objects.update(
            opening_purchased_kwh=FIVE_KWH,
            purchase_count=1,
            purchased_kwh=FIVE_KWH,
            shown_purchased_kwh=FIVE_KWH,
            shown_count=1,
            shown_at=at,
        )


def _is(meter: Meter, **changes: Any) -> None:
    with everything("this test"):
        Meter.objects.filter(pk=meter.pk).update(**changes)


def _give(meter: Meter, body: int, energy_kwh: str) -> None:
    account = postings.meter_energy(meter.pk, body)
    book(
        reference=f"test:{account}",
        kind="credited",
        moves=[Move(Asset.KWH, postings.ISSUED, account, Decimal(energy_kwh))],
        now=NOON,
    )


def _proved() -> ProofRun:
    run = proving.open_run(by_hand=True, now=NIGHT)
    return proving.close_run(run_id=run.pk, now=NIGHT + timedelta(minutes=1))


def test_each_meter_is_judged_by_its_present_body_a_frozen_one_stays_as_it_is_and_an_old_read_says_nothing(
    street: Street,
) -> None:
    _were_read(NIGHT + timedelta(seconds=1))
    with landlord_scope(street.li.landlord.pk):
        _give(street.li.meter, 1, "99.00")
        _give(street.li.meter, 2, "10.00")
    _is(street.li.meter, device_epoch=2, shown_purchased_kwh=Decimal("15.00"))
    known = {"meter_count": "6"}
    more = FIVE_KWH + Decimal("0.01")
    _is(
        street.li.vacant_meter,
        frozen="REFUSED",
        frozen_at=NOON,
        frozen_evidence=known,
        shown_purchased_kwh=more,
    )
    _is(street.wang.meter, shown_purchased_kwh=FIVE_KWH - Decimal("0.01"))
    _is(street.wang.vacant_meter, shown_at=NOON, shown_purchased_kwh=Decimal("50.00"))
    run = _proved()
    assert (run.compared, run.differing, run.unreachable, run.is_alarm) == (3, 2, 1, False)
    assert run.oldest_at == NOON
    with everything("this test"):
        acts = dict(ProofFinding.objects.values_list("meter_id", "act"))
        assert acts == {street.li.vacant_meter.pk: "WAS_FROZEN", street.wang.meter.pk: "FROZEN"}
        before = Meter.objects.get(pk=street.li.vacant_meter.pk)
        assert (before.frozen, before.frozen_at, before.frozen_evidence) == ("REFUSED", NOON, known)
        less = Meter.objects.get(pk=street.wang.meter.pk)
        assert (less.frozen, less.frozen_evidence["difference_kwh"]) == (Frozen.CONTRADICTION, "-0.01")


def test_a_meter_out_of_use_is_neither_asked_nor_compared(street: Street) -> None:
    _were_read(NIGHT + timedelta(seconds=1))
    gateway = Gateway.objects.create(name="gw", node="n", stream="s", hello_at=NIGHT)
    gone = street.wang.vacant_meter
    Presence.objects.create(
        serial=gone.serial, gateway=gateway, epoch=1, is_online=True, since=NIGHT, seen_at=NIGHT
    )
    _is(gone, archived_at=NIGHT, shown_at=NOON)
    run = proving.open_run(by_hand=False, now=NIGHT)
    assert proving.waits_for(run) == 0
    _is(gone, shown_at=NIGHT + timedelta(seconds=1), shown_purchased_kwh=Decimal("50.00"))
    assert close_proofs(NIGHT + timedelta(minutes=1)) == 1
    run.refresh_from_db()
    assert (run.compared, run.differing, run.unreachable) == (3, 0, 0)


def test_a_run_whose_meters_do_not_answer_is_closed_when_its_time_is_over(street: Street) -> None:
    _were_read(NOON)
    gateway = Gateway.objects.create(name="gw", node="n", stream="s", hello_at=NIGHT)
    Presence.objects.create(
        serial=street.li.meter.serial, gateway=gateway, epoch=1, is_online=True, since=NIGHT, seen_at=NIGHT
    )
    run = proving.open_run(by_hand=False, now=NIGHT)
    assert close_proofs(NIGHT + proving.CLOSE_AFTER - timedelta(seconds=1)) == 0
    assert close_proofs(NIGHT + proving.CLOSE_AFTER) == 1
    run.refresh_from_db()
    assert (run.compared, run.unreachable, run.oldest_at) == (0, 4, NOON)


def _read(house: House, now: datetime) -> SimulatedLine:
    """Li's meter, read once, and asked for ten kWh more; inside her scope."""
    line = SimulatedLine(house.meter, now)
    commands.ask_read(meter=house.meter, by_id=None, now=now)
    line.go_on(now)
    recharge_by_member(
        meter=line.row,
        kind=RechargeKind.GIFT,
        amount_yuan=None,
        energy_kwh=Decimal("10.00"),
        reason="a gift",
        by_id=house.owner.pk,
        now=now,
    )
    return line


def test_a_credit_that_left_and_is_not_proved_may_be_in_the_meter(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        line = _read(street.li, NIGHT)
        line.happen(d.Rung(line.now))
        has_kwh = line.meter.purchased_kwh
    for more, differing in (("0.00", 0), ("10.00", 0), ("10.01", 1)):
        _is(
            street.li.meter,
            shown_purchased_kwh=has_kwh + Decimal(more),
            shown_at=NIGHT + timedelta(seconds=1),
        )
        run = _proved()
        assert (run.compared, run.differing) == (1, differing), more


def test_what_is_booked_while_the_proof_adds_up_is_no_difference(real_street: Street) -> None:
    _were_read(NIGHT + timedelta(seconds=1))
    meter = real_street.li.meter
    _is(meter, shown_purchased_kwh=FIVE_KWH + Decimal("10.00"))
    runs: list[ProofRun] = []

    def prove() -> None:
        runs.append(_proved())
        connection.close()

    thread = threading.Thread(target=prove)
    with landlord_scope(real_street.li.landlord.pk), transaction.atomic():
        Meter.objects.select_for_update(of=("self",)).get(pk=meter.pk)
        thread.start()
        _wait_until_somebody_waits()
        _give(meter, 1, "10.00")
    thread.join()
    assert (runs[0].compared, runs[0].differing) == (4, 0)


def _wait_until_somebody_waits() -> None:
    deadline = time.monotonic() + 60
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            # A transaction keeps the first look it took.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody came to the lock")


def test_the_command_ends_with_status_one_on_an_alarm_and_says_that_nothing_was_frozen(
    street: Street, caplog: pytest.LogCaptureFixture
) -> None:
    _were_read(timezone.now() + timedelta(minutes=1))
    for house in (street.li, street.wang):
        _is(house.meter, shown_purchased_kwh=Decimal("50.00"))
    said = StringIO()
    with pytest.raises(CommandError, match="nothing was frozen") as ended:
        call_command("prove_meters", wait=0, stdout=said)
    assert ended.value.returncode == 1
    assert said.getvalue().count("left alone: too many differed at once") == 2
    assert "2 of 4 meters differ; nothing was frozen" in caplog.text
    with everything("this test"):
        assert not Meter.objects.exclude(frozen="").exists()
