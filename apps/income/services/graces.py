"""Energy that was lent: what is owed, which recharge repays it, and how else it ends.

A grace is owed once the meter has proved it. It is repaid whole or not at all, by one recharge of its holder: claimed
when that recharge is made, booked when the meter has proved it, free again if it is taken back.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, NotFound, Refused
from apps.income import postings
from apps.income.models import Grace, Recharge
from apps.income.services.ledger import book
from apps.income.states import OPEN_GRACES, GraceState, RechargeKind
from apps.meters.models import Meter
from apps.meters.services import commands
from apps.meters.states import CommandKind
from apps.tariffs.pricing import Quote, amount_for_yuan, repaid_kwh, taken_yuan
from meter_gateway.protocol.profiles import load_profile


class GraceNotOwed(Conflict):
    code = "grace_not_owed"
    detail = _("This grace is not owed just now: it is on its way, being repaid, or settled already.")


def grace_of(holder: str) -> Grace | None:
    """Return the grace of this holder that is neither repaid nor given up; at most one."""
    return _graces().filter(holder=holder, state__in=sorted(OPEN_GRACES)).first()


def owed_by(holder: str) -> Grace | None:
    """Return the grace that the next recharge of this holder repays; None while it is on its way or being repaid."""
    return _graces().filter(holder=holder, state=GraceState.OWED).first()


def _graces() -> "QuerySet[Grace]":
    return Grace.objects.select_related("recharge__meter")


def hold(grace_id: UUID | None, *, holder: str) -> Grace | None:
    """Return a grace if it is owed by this holder still, locked until the transaction's end; else None."""
    rows = _graces().select_for_update(of=("self",))
    return rows.filter(pk=grace_id, holder=holder, state=GraceState.OWED).first() if grace_id else None


def hold_for_cash(holder: str, *, bought: Quote) -> Grace | None:
    """Return what cash repays, locked. :raises BelowGrace: if that would leave the meter nothing."""
    owed = owed_by(holder)
    refuse_too_little(owed, bought=bought)
    return hold(owed.pk, holder=holder) if owed else None


def lock_for_proof(recharge: Recharge) -> None:
    """Lock the meter of a grace before its proof, which may switch it on; taking a recharge back locks it first too."""
    if recharge.kind == RechargeKind.GRACE:
        Meter.objects.select_for_update(of=("self",)).get(pk=recharge.meter_id)


def repaid_of(bought_kwh: Decimal, grace: Grace | None) -> Decimal:
    """Return how much of what is bought repays the grace: all of it, or nothing."""
    if grace is None:
        return Decimal(0)
    step_kwh = load_profile(grace.recharge.meter.profile).credit_step_kwh
    return repaid_kwh(bought_kwh=bought_kwh, owed_kwh=grace.energy_kwh, step_kwh=step_kwh)


def least_yuan(grace: Grace, *, price_yuan_per_kwh: Decimal, carried_in_yuan: Decimal) -> Decimal:
    """Return the least amount that repays the grace and leaves the meter a step of energy."""
    step_kwh = load_profile(grace.recharge.meter.profile).credit_step_kwh
    return amount_for_yuan(
        energy_kwh=grace.energy_kwh + step_kwh,
        carried_in_yuan=carried_in_yuan,
        price_yuan_per_kwh=price_yuan_per_kwh,
    )


def begin_repaying(grace: Grace, *, by: Recharge) -> None:
    """Claim a grace that is held (`hold`) for the recharge that repays it; in that recharge's transaction.

    :raises GraceNotOwed: if another has claimed it, which the lock does not allow.
    """
    rows = Grace.objects.filter(pk=grace.pk, state=GraceState.OWED)
    if not rows.update(state=GraceState.REPAYING, repaid_by=by):
        raise GraceNotOwed()


def hear_of_proof(recharge: Recharge, now: datetime) -> list[postings.Move]:
    """Take in that a recharge's energy was proved; what is to be booked with it is returned.

    Of a grace: it is owed from now on, and the power is switched on unless somebody has wished otherwise since. Of one
    that repays a grace: it is repaid. Called once, by whoever changed the recharge's state.
    """
    if recharge.kind == RechargeKind.GRACE:
        grace = _graces().get(recharge=recharge)
        if not Grace.objects.filter(pk=grace.pk, state=GraceState.GIVEN).update(state=GraceState.OWED):
            return []
        _switch_on(grace, now)
        return postings.lent(holder=grace.holder, energy_kwh=grace.energy_kwh, worth_yuan=grace.worth_yuan)
    if recharge.repaid_kwh:
        grace = _graces().get(repaid_by=recharge)
        rows = Grace.objects.filter(pk=grace.pk, state=GraceState.REPAYING)
        if rows.update(state=GraceState.REPAID, ended_at=now):
            return postings.no_longer_owed(
                holder=grace.holder, energy_kwh=grace.energy_kwh, worth_yuan=grace.worth_yuan
            )
    return []


def _switch_on(grace: Grace, now: datetime) -> None:
    """A meter that tripped by itself has closed; one that was switched off needs to be told."""
    recharge = grace.recharge
    meter = Meter.objects.get(pk=recharge.meter_id)
    if meter.power_on is True or meter.wish_version != grace.wish_version:
        return
    assert recharge.made_by_id is not None
    commands.wish(
        meter=meter, kind=CommandKind.POWER_ON, reason=recharge.reason, by_id=recharge.made_by_id, now=now
    )


def hear_of_taking_back(recharge: Recharge, now: datetime) -> None:
    """Take in that a recharge was taken back: a grace was not given after all, one it repaid is owed again."""
    given = Grace.objects.filter(recharge=recharge, state=GraceState.GIVEN)
    given.update(state=GraceState.CANCELLED, ended_at=now)
    repaying = Grace.objects.filter(repaid_by=recharge, state=GraceState.REPAYING)
    repaying.update(state=GraceState.OWED, repaid_by=None)


def end_grace(*, grace_id: UUID, was_paid: bool, reason: str, by_id: UUID, now: datetime) -> Grace:
    """Return the grace with its end: the member took cash for it, or writes it off. Booked once. Audited.

    Cash is what it was worth on its day, rounded down to the fen, and is income; a grace that is written off is none.
    May run twice and by two members at once: the same end again changes nothing.

    :raises NotFound, ReasonMissing: and nothing was written. :raises GraceNotOwed: it is on its way, being repaid, or
        has ended otherwise.
    """
    reason = commands.said(reason)
    to = GraceState.PAID if was_paid else GraceState.FORGIVEN
    with transaction.atomic():
        grace = _graces().select_for_update(of=("self",)).filter(pk=grace_id).first()
        if grace is None:
            raise NotFound(_("There is no such grace."))
        if grace.state == to:
            return grace
        paid_yuan = taken_yuan(grace.worth_yuan) if was_paid else Decimal("0.00")
        rows = Grace.objects.filter(pk=grace.pk, state=GraceState.OWED)
        if not rows.update(
            state=to, paid_yuan=paid_yuan, ended_at=now, ended_by_id=by_id, ended_reason=reason[:200]
        ):
            raise GraceNotOwed()
        moves = postings.no_longer_owed(
            holder=grace.holder,
            energy_kwh=grace.energy_kwh,
            worth_yuan=grace.worth_yuan,
            is_forgiven=not was_paid,
        )
        moves += postings.grace_paid(amount_yuan=paid_yuan)
        book(reference=f"grace:{grace.pk}:ended", kind=f"grace_{to.lower()}", moves=moves, now=now)
        audit.record(
            "meter.grace_ended",
            on=grace.recharge.meter,
            by_id=by_id,
            now=now,
            how=to.lower(),
            energy_kwh=grace.energy_kwh,
            paid_yuan=paid_yuan,
            reason=reason,
        )
        grace.refresh_from_db()
    return grace


class BelowGrace(Refused):
    """The amount would repay what is lent and leave nothing for the meter."""

    code = "below_minimum"
    status = 400


def refuse_too_little(grace: Grace | None, *, bought: Quote) -> None:
    """Refuse a purchase that cannot repay what is owed. :raises BelowGrace: naming the least amount."""
    if grace is None or repaid_of(bought.energy_kwh, grace):
        return
    least = least_yuan(
        grace, price_yuan_per_kwh=bought.price_yuan_per_kwh, carried_in_yuan=bought.carried_in_yuan
    )
    raise BelowGrace(
        _(
            "%(energy)s kWh were lent to this meter and are repaid first. The smallest recharge that brings energy now "
            "is %(least)s yuan."
        )
        % {"energy": grace.energy_kwh, "least": least},
        fields={"amount_yuan": _("Below the minimum.")},
    )
