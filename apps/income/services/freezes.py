"""Ends of a freeze: what is held, what the meter says when it is probed, and the ways a person may take."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Sum
from django.db.models.query import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, Words
from apps.income import postings
from apps.income.models import Recharge, Refund
from apps.income.services.ledger import book
from apps.income.states import RechargeKind, RechargeState, RefundState
from apps.meters import deciding as d
from apps.meters.deciding.ways_out import Plan, WhyNot, plan
from apps.meters.models import Command, CommandEvent, Meter
from apps.meters.post import Post
from apps.meters.services import commands, delivery
from apps.meters.states import CREDIT_KINDS, OPEN, CommandKind, CommandState, Way
from apps.meters.store import PostgresStore

# What a meter said longer ago may be over: a phone can still carry a credit's bytes to it.
PROBE_LASTS = timedelta(minutes=10)

WHY_NOT: dict[WhyNot, Words] = {
    WhyNot.NOT_FROZEN: _("This meter is not frozen; there is nothing to resolve."),
    WhyNot.NO_PROBE: _(
        "There is no fresh answer of the meter. Probe it first; a probe counts for ten minutes."
    ),
    WhyNot.BUSY: _("The meter is offline, being asked something or being reset. Try again in a few seconds."),
    WhyNot.NOT_TAKEN: _(
        "The meter has not taken this credit: its count is one below. Send the same bytes again."
    ),
    WhyNot.TAKEN: _("The meter has given this credit's number to a purchase. Adopt the meter's word."),
    WhyNot.NOTHING_NUMBERED: _("No credit has left for this meter, so there are no bytes to send again."),
    WhyNot.SETTLE_FIRST: _("A credit of ours is not settled. Adopt the meter's word or send it again first."),
    WhyNot.IMPORT_FIRST: _("The meter was given more energy than the ledger knows. Import that purchase."),
    WhyNot.NOTHING_TO_IMPORT: _("The meter has no more than the ledger knows. Adopt the meter's word."),
    WhyNot.CONTRADICTS_ITSELF: _(
        "A counter fell, or count, record and energy of the meter do not fit together. Start a device epoch."
    ),
    WhyNot.OTHER_WAY: _(
        "The meter counts on from where it stood; a new epoch would hide what differs. Take the way that is open."
    ),
    WhyNot.COUNT_FULL: _(
        "The meter's purchase count is at its end. Reset or swap the meter on site, then probe."
    ),
}


class WayClosed(Conflict):
    """`why` says which evidence is missing or against it."""

    code = "way_closed"
    detail = _("The evidence does not allow this.")

    def __init__(self, why: WhyNot) -> None:
        super().__init__(WHY_NOT[why])
        self.why = why


@dataclass(frozen=True)
class Held:
    """A frozen meter, what waits behind it, its newest fresh probe, and each way: a plan, or why it is closed."""

    meter: Meter
    waiting: int
    waiting_kwh: Decimal
    head: Command | None
    probe: Command | None
    ways: dict[Way, Plan | WhyNot]


@dataclass(frozen=True)
class Resolution:
    """What was done; `requeued` is the credit that a rejected one's energy waits in now."""

    plan: Plan
    still_frozen: str
    requeued: Command | None
    imported: Recharge | None


def frozen_meters() -> QuerySet[Meter]:
    """Return the meters that wait for a person. One that was removed while it was frozen waits for nobody."""
    return Meter.objects.filter(archived_at=None).exclude(frozen="")


def held(meter: Meter, *, now: datetime) -> Held:
    """Return a meter with its ways out as of `now`; locks it for a moment, inside its landlord's scope."""
    with transaction.atomic():
        state = PostgresStore().load(meter.pk)
    fresh = Meter.objects.select_related("room__site", "landlord").get(pk=meter.pk)
    credits = Command.objects.filter(meter=meter, kind__in=sorted(CREDIT_KINDS), state__in=sorted(OPEN))
    waits = credits.aggregate(n=Count("pk"), sum=Sum("energy_kwh"))
    probe = probe_of(fresh, now=now)
    said = _said(probe)
    return Held(
        meter=fresh,
        waiting=waits["n"],
        waiting_kwh=waits["sum"] or Decimal(0),
        head=credits.filter(number__isnull=False).first(),
        probe=probe,
        ways={way: plan(state, said, way) for way in Way},
    )


def ask_probe(*, meter: Meter, by_id: UUID | None, who: str, now: datetime) -> Command:
    """Return the probe that is under way, or a new one: count, purchases and energy, asked now. Audited.

    :raises WayClosed: if the meter is not frozen. :raises MeterArchived: as it says.
    """
    commands.refuse_archived(meter)
    if not meter.frozen:
        raise WayClosed(WhyNot.NOT_FROZEN)
    waiting = Command.objects.filter(meter=meter, kind=CommandKind.PROBE, state__in=sorted(OPEN)).first()
    if waiting is not None:
        return waiting
    life = commands.life(meter, commands.READ_LIFE)
    probe = commands.queue(meter, CommandKind.PROBE, by_id=by_id, now=now, expires_at=now + life)
    audit.record("meter.probe", on=meter, by_id=by_id, now=now, who=who)
    return probe


def probe_of(meter: Meter, *, now: datetime) -> Command | None:
    """Return the newest answered probe of this body since it froze, None if there is none or it is too old."""
    if meter.frozen_at is None:
        return None
    since = max(now - PROBE_LASTS, meter.frozen_at)
    answered = Command.objects.filter(
        meter=meter,
        kind=CommandKind.PROBE,
        state=CommandState.DONE,
        device_epoch=meter.device_epoch,
        final_at__gte=since,
    )
    return answered.order_by("-id").first()


def _said(probe: Command | None) -> d.Probe | None:
    return None if probe is None else d.Probe.from_facts(probe.result)


def resolve(
    *, post: Post, meter_id: UUID, way: Way, reason: str, by_id: UUID | None, who: str, now: datetime
) -> Resolution:
    """End a freeze by `way`, in one transaction, on the newest fresh probe. Audited; inside the landlord's scope.

    Locks the meter. A second run finds it thawed and is refused (NOT_FROZEN) with nothing written. A credit the
    meter never took and never can is REJECTED, and its recharge waits in a new credit, which may still be given
    back; but where a refund has waited for this proof, it goes by itself. An imported purchase is a recharge without
    money, so that the ledger is the meter's again.

    :param who: the person, where she has no login here (`by_id` None).
    :raises ReasonMissing, WayClosed: and nothing was written.
    """
    said = commands.said(reason)
    with transaction.atomic():
        store = PostgresStore()
        state = store.load(meter_id)
        meter = Meter.objects.get(pk=meter_id)
        cause, frozen_at = meter.frozen, meter.frozen_at
        probe = probe_of(meter, now=now)
        told = _said(probe)
        planned = plan(state, told, way)
        if isinstance(planned, WhyNot):
            raise WayClosed(planned)
        assert probe is not None
        assert told is not None
        head = state.head_credit if planned.head is not None else None
        delivery.take_turn(store=store, post=post, meter_id=meter_id, event=d.Resolved(now, way, told))
        # What is left unexplained stays frozen on the same evidence, and since the same moment.
        Meter.objects.filter(pk=meter_id).exclude(frozen="").update(frozen_at=frozen_at)
        meter = Meter.objects.get(pk=meter_id)
        imported = requeued = None
        if way is Way.IMPORT:
            imported = _import(meter, planned.foreign_kwh, said, probe, now)
        if head is not None and planned.head is CommandState.REJECTED:
            requeued = _requeue(meter, head.id, now)
        facts = {f"meter_{name}": value for name, value in probe.result.items()}
        audit.record(
            "meter.resolve",
            on=meter,
            by_id=by_id,
            now=now,
            way=way,
            reason=said,
            who=who,
            cause=cause,
            became=planned.head or "",
            imported_kwh=planned.foreign_kwh if imported else "",
            body=meter.device_epoch,
            probe=probe.pk,
            **facts,
        )
    return Resolution(planned, meter.frozen, requeued, imported)


def _requeue(meter: Meter, command_id: UUID, now: datetime) -> Command | None:
    recharge = Recharge.objects.filter(command_id=command_id, state=RechargeState.OPEN).first()
    if recharge is None or _is_wanted_back(recharge):
        return None
    fresh = commands.ask_credit(
        meter=meter, energy_kwh=recharge.energy_kwh, by_id=None, reason=recharge.reason, now=now
    )
    rows = Recharge.objects.filter(pk=recharge.pk, command_id=command_id, state=RechargeState.OPEN)
    rows.update(command=fresh)
    return fresh


def _is_wanted_back(recharge: Recharge) -> bool:
    """A refund waits for just this proof: the money goes back, and no energy for it."""
    waiting = Refund.objects.filter(payment_id=recharge.payment_id, state=RefundState.WAITING)
    return recharge.payment_id is not None and waiting.exists()


def _import(meter: Meter, energy_kwh: Decimal, reason: str, probe: Command, now: datetime) -> Recharge:
    """Book a purchase somebody else sold: a credit that was done without us, and a recharge without money."""
    command = Command.objects.create(
        meter=meter,
        kind=CommandKind.CREDIT,
        state=CommandState.DONE,
        reason=reason,
        created_at=now,
        next_at=now,
        final_at=now,
        device_epoch=meter.device_epoch,
        energy_kwh=energy_kwh,
        result=probe.result,
    )
    CommandEvent.objects.create(
        command=command, at=now, state=CommandState.DONE, note="bought elsewhere", facts=probe.result
    )
    nothing = Decimal(0)
    recharge = Recharge.objects.create(
        meter=meter,
        command=command,
        kind=RechargeKind.IMPORT,
        state=RechargeState.CREDITED,
        holder=postings.holder_of(lease_id=None, meter_id=meter.pk),
        amount_yuan=nothing,
        carried_in_yuan=nothing,
        carried_out_yuan=nothing,
        price_yuan_per_kwh=nothing,
        energy_kwh=energy_kwh,
        reason=reason,
        created_at=now,
        credited_at=now,
    )
    moves = postings.credited(
        holder=recharge.holder,
        spent_yuan=nothing,
        energy_kwh=energy_kwh,
        meter_id=meter.pk,
        device_epoch=meter.device_epoch,
    )
    book(reference=f"recharge:{recharge.pk}:credited", kind="imported", moves=moves, now=now)
    return recharge


def by_cause(rows: Iterable[Any]) -> dict[str, list[Any]]:
    """Group frozen meters by their cause, each group oldest first."""
    groups: dict[str, list[Any]] = {}
    for row in sorted(rows, key=lambda row: (row.frozen, row.frozen_at)):
        groups.setdefault(row.frozen, []).append(row)
    return groups
