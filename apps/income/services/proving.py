"""The daily proof: open a run, let every meter be read, compare, freeze what differs or raise one alarm."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Min, Q, Sum
from django.db.models.query import QuerySet

from apps.common.scoping import everything, landlord_scope
from apps.income import postings
from apps.income.models import Posting, ProofFinding, ProofRun, Recharge
from apps.income.postings import Asset
from apps.income.proof import Figures, is_our_own_fault
from apps.income.states import RechargeState
from apps.meters import deciding as d
from apps.meters.models import Command, Meter, Presence
from apps.meters.services import commands
from apps.meters.states import OPEN, CommandKind, CommandState, Frozen
from apps.meters.store import PostgresStore

log = logging.getLogger(__name__)

# Readings by the clock bring every meter along within an interval of its model; then whoever is missing is missing.
CLOSE_AFTER = timedelta(hours=2)
# Two beats of one night open one run.
SAME_NIGHT = timedelta(hours=12)
_Sums = dict[str, Decimal]


def open_run(*, by_hand: bool, now: datetime) -> ProofRun:
    """Return a new run; the nightly one of this night if there is one already."""
    if not by_hand:
        recent = ProofRun.objects.filter(by_hand=False, started_at__gt=now - SAME_NIGHT).first()
        if recent is not None:
            return recent
    return ProofRun.objects.create(started_at=now, by_hand=by_hand)


def ask_all(*, run: ProofRun, now: datetime) -> int:
    """Ask every meter that is online and was not read since the run began; returns how many. May run twice."""
    with everything("daily proof: meters to read"):
        waiting = list(_unread(run).values_list("landlord_id", "pk"))
    for landlord_id, meter_id in waiting:
        with landlord_scope(landlord_id):
            commands.ask_read(meter=Meter.objects.get(pk=meter_id), by_id=None, now=now)
    return len(waiting)


def waits_for(run: ProofRun) -> int:
    """Return how many meters are online and were not read since the run began."""
    with everything("daily proof: meters to read"):
        return _unread(run).count()


def _unread(run: ProofRun) -> "QuerySet[Meter]":
    online = Presence.objects.filter(is_online=True).values("serial")
    before = Q(shown_at=None) | Q(shown_at__lt=run.started_at)
    return Meter.objects.filter(before, archived_at=None, serial__in=online)


def close_run(*, run_id: UUID, now: datetime) -> ProofRun:
    """Compare what was read since the run began, freeze what differs, and keep the result. May run twice.

    Opens short scopes of its own. Every difference is looked at again under the meter's lock before it counts, since
    a credit may have been booked while the others were summed up. More than `MOST_PERCENT` of the compared meters,
    and more than one: one alarm, and nothing is frozen.
    """
    run = ProofRun.objects.get(pk=run_id)
    if run.closed_at is not None:
        return run
    with everything("daily proof: all meters against the ledger"):
        present = Meter.objects.filter(archived_at=None)
        reached = present.filter(shown_at__gte=run.started_at).exclude(opening_purchased_kwh=None)
        figures = list(_figures(reached, None))
        missing = present.exclude(pk__in=reached.values("pk")).aggregate(oldest=Min("shown_at"))
        unreachable = present.count() - len(figures)
    differing = [found for found in figures if found.difference_kwh and _still_differs(found)]
    new = sum(not found.is_frozen for found in differing)
    is_alarm = is_our_own_fault(compared=len(figures), differing=new)
    for found in differing:
        _keep(run, found, is_alarm=is_alarm, now=now)
    ProofRun.objects.filter(pk=run.pk, closed_at=None).update(
        closed_at=now,
        compared=len(figures),
        differing=len(differing),
        unreachable=unreachable,
        oldest_at=missing["oldest"],
        is_alarm=is_alarm,
    )
    run.refresh_from_db()
    if is_alarm:
        log.error("daily proof: %d of %d meters differ; nothing was frozen", new, run.compared)
    elif differing:
        log.error("daily proof: %d of %d meters differ from the ledger", run.differing, run.compared)
    return run


def _figures(meters: "QuerySet[Meter]", only: Meter | None) -> Iterator[Figures]:
    booked, unbooked, under_way = _booked(only), _unbooked(only), _under_way(only)
    for meter in meters.iterator():
        assert meter.landlord_id is not None
        assert meter.shown_purchased_kwh is not None
        assert meter.opening_purchased_kwh is not None
        account = postings.meter_energy(meter.pk, meter.device_epoch)
        yield Figures(
            meter_id=meter.pk,
            landlord_id=meter.landlord_id,
            shown_kwh=meter.shown_purchased_kwh,
            opening_kwh=meter.opening_purchased_kwh,
            booked_kwh=booked[account] + unbooked[account],
            under_way_kwh=under_way[account],
            is_frozen=bool(meter.frozen),
        )


def _booked(only: Meter | None) -> _Sums:
    accounts: _Sums = defaultdict(Decimal)
    of_meters = "meter:" if only is None else postings.meter_energy(only.pk, only.device_epoch)
    rows = Posting.objects.filter(asset=Asset.KWH).order_by()
    for side, sign in (("destination", 1), ("source", -1)):
        sums = rows.filter(**{f"{side}__startswith": of_meters}).values_list(side).annotate(sum=Sum("amount"))
        for account, amount in sums:
            accounts[account] += sign * amount
    return accounts


def _unbooked(only: Meter | None) -> _Sums:
    rows = Recharge.objects.filter(state=RechargeState.OPEN, command__state=CommandState.DONE)
    rows = rows if only is None else rows.filter(meter=only)
    return _by_account(rows.values_list("meter_id", "command__device_epoch", "energy_kwh"))


def _under_way(only: Meter | None) -> _Sums:
    rows = Command.objects.filter(kind=CommandKind.CREDIT, number__isnull=False, state__in=sorted(OPEN))
    rows = rows if only is None else rows.filter(meter=only)
    return _by_account(rows.values_list("meter_id", "device_epoch", "energy_kwh"))


def _by_account(rows: Iterable[tuple[UUID, int, Decimal | None]]) -> _Sums:
    accounts: _Sums = defaultdict(Decimal)
    for meter_id, device_epoch, energy_kwh in rows:
        accounts[postings.meter_energy(meter_id, device_epoch)] += energy_kwh or Decimal(0)
    return accounts


def figures_of(meter_id: UUID) -> Figures | None:
    """Return one meter's figures as they are now, None if nothing is known of it; inside its landlord's scope.

    Locks the meter and its open recharges until the transaction ends, so that nothing is booked in between.
    """
    meter = Meter.objects.select_for_update(of=("self",)).get(pk=meter_id)
    list(Recharge.objects.select_for_update(of=("self",)).filter(meter=meter, state=RechargeState.OPEN))
    if meter.shown_purchased_kwh is None or meter.opening_purchased_kwh is None:
        return None
    return next(_figures(Meter.objects.filter(pk=meter.pk), meter))


def _still_differs(found: Figures) -> bool:
    with landlord_scope(found.landlord_id), transaction.atomic():
        again = figures_of(found.meter_id)
        return again is not None and again.difference_kwh != 0


def _keep(run: ProofRun, found: Figures, *, is_alarm: bool, now: datetime) -> None:
    """Write a finding and freeze the meter, in one transaction."""
    with landlord_scope(found.landlord_id), transaction.atomic():
        again = figures_of(found.meter_id)
        if again is None or not again.difference_kwh:
            return
        meter = Meter.objects.get(pk=found.meter_id)
        act = ProofFinding.Act.WAS_FROZEN if meter.frozen else ProofFinding.Act.FROZEN
        act = ProofFinding.Act.LEFT if is_alarm and not meter.frozen else act
        _row, is_new = ProofFinding.objects.get_or_create(
            run=run,
            meter=meter,
            defaults={
                "device_epoch": meter.device_epoch,
                "shown_kwh": again.shown_kwh,
                "opening_kwh": again.opening_kwh,
                "booked_kwh": again.booked_kwh,
                "difference_kwh": again.difference_kwh,
                "act": act,
            },
        )
        if is_new and act is ProofFinding.Act.FROZEN:
            more = again.difference_kwh > 0
            reason = Frozen.FOREIGN_PURCHASE if more else Frozen.CONTRADICTION
            evidence = {
                "known_count": meter.purchase_count,
                "known_purchased_kwh": meter.purchased_kwh,
                "meter_count": meter.shown_count,
                "meter_purchased_kwh": again.shown_kwh,
                "ledger_kwh": again.booked_kwh,
                "difference_kwh": again.difference_kwh,
            }
            said = {name: str(value) for name, value in evidence.items()}
            PostgresStore().freeze(meter.pk, d.Freeze(reason, said, now))
