"""Switch a meter on or off; on at zero only with an energy that a member lends, and never without an end."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, NotFound, Refused
from apps.income import postings
from apps.income.models import Grace, Recharge
from apps.income.services.graces import grace_of
from apps.income.services.recharge_ends import settle
from apps.income.services.recharges import lend
from apps.income.states import GraceState, RechargeState
from apps.meters.models import Command, Meter
from apps.meters.post import Post
from apps.meters.selectors import current_lease
from apps.meters.services import commands
from meter_gateway.protocol.profiles import load_profile

# About a day of a small flat: enough to reach a shop or the landlord, too little to live on.
MOST_GRACE_KWH = Decimal("5.00")


class GraceInvalid(Refused):
    code = "grace_invalid"
    status = 400


class GraceOpen(Conflict):
    code = "grace_open"


class EnergyOnItsWay(Conflict):
    code = "energy_on_its_way"
    detail = _("Energy is on its way into this meter. Wait until it has arrived, then switch on.")


class GraceLeft(Conflict):
    code = "grace_left"
    detail = _(
        "This energy has left for the meter, and only the meter can say whether it took it, so it cannot be withdrawn "
        "any more. Once it is owed you can write it off."
    )


class CreditsFrozen(Conflict):
    code = "queue_frozen"
    detail = _("This meter's recharges are frozen; the platform has to settle that first.")


def is_at_zero(remaining_kwh: Decimal | None) -> bool:
    """Say whether a meter that said this last has nothing left; one that never spoke is not known to be empty."""
    return remaining_kwh is not None and remaining_kwh <= 0


def switch(
    *,
    meter: Meter,
    on: bool,
    reason: str,
    by_id: UUID,
    now: datetime,
    remaining_kwh: Decimal | None,
    grace_kwh: Decimal | None = None,
) -> Command:
    """Return the command that switches the power; on with nothing left, the credit that brings the grace first.

    `remaining_kwh` is what the meter said last. `grace_kwh` counts only for on at zero, where it must be named; with
    energy left nothing is lent, whatever was named. The rest is as in `commands.ask_power`. Audited.

    :raises ZeroBalance: on at zero without a grace. :raises GraceInvalid: with off, or not an amount that may be lent.
    :raises GraceOpen, EnergyOnItsWay, CreditsFrozen, PriceMissing: and nothing is lent.
    """
    if not on and grace_kwh is not None:
        raise GraceInvalid(
            _("A grace is lent only when switching on."), fields={"grace_kwh": _("Only with on.")}
        )
    if on and grace_kwh is not None and is_at_zero(remaining_kwh):
        return _give(meter=meter, energy_kwh=grace_kwh, reason=reason, by_id=by_id, now=now).recharge.command
    return commands.ask_power(
        meter=meter, on=on, reason=reason, by_id=by_id, now=now, remaining_kwh=remaining_kwh
    )


def _give(*, meter: Meter, energy_kwh: Decimal, reason: str, by_id: UUID, now: datetime) -> Grace:
    """Lend an energy: a credit like any other, so the meter takes it once and trips at its end, link or no link.

    Locks the meter, so that two members at once lend once; the database holds one open grace of a holder besides. It is
    owed when the meter has proved it, and then the power is switched on.
    """
    said = commands.said(reason)
    _refuse_amount(meter, energy_kwh)
    with transaction.atomic():
        meter = Meter.objects.select_for_update(of=("self",)).get(pk=meter.pk)
        commands.refuse_archived(meter)
        lease = current_lease(meter, now)
        holder = postings.holder_of(lease_id=lease.pk if lease else None, meter_id=meter.pk)
        already = grace_of(holder)
        if already is not None:
            raise GraceOpen(
                _(
                    "%(energy)s kWh are lent to this meter already. One grace at a time: the next recharge repays it, "
                    "or record it as paid or forgiven."
                )
                % {"energy": already.energy_kwh},
                fields={"grace_kwh": _("One at a time.")},
            )
        if meter.frozen:
            raise CreditsFrozen()
        if Recharge.objects.filter(meter=meter, state=RechargeState.OPEN).exists():
            raise EnergyOnItsWay()
        recharge = lend(meter=meter, holder=holder, energy_kwh=energy_kwh, reason=said, by_id=by_id, now=now)
        grace = Grace.objects.create(recharge=recharge, holder=holder, wish_version=commands.next_wish(meter))
        audit.record(
            "meter.grace",
            on=meter,
            by_id=by_id,
            now=now,
            energy_kwh=energy_kwh,
            worth_yuan=grace.worth_yuan,
            reason=said,
        )
    return grace


def withdraw_grace(*, post: Post, grace_id: UUID | None, by_id: UUID, now: datetime) -> Grace:
    """Take back a grace of which nothing has left for the meter: nothing is lent, and nothing owed. Audited.

    Its credit is taken back by a conditional update under the meter's lock, and its recharge with it. May run twice:
    the second finds it withdrawn. What the member wished of the power dies with it.

    :raises NotFound, GraceLeft: and nothing was written.
    """
    with transaction.atomic():
        grace = Grace.objects.select_related("recharge__meter").filter(pk=grace_id).first()
        if grace is None:
            raise NotFound(_("There is no such grace."))
        recharge = grace.recharge
        if grace.state == GraceState.CANCELLED:
            return grace
        if not commands.cancel_credit(
            post=post, meter_id=recharge.meter_id, command_id=recharge.command_id, now=now
        ):
            raise GraceLeft()
        if settle(command_id=recharge.command_id, now=now):
            audit.record(
                "meter.grace_withdrawn", on=recharge.meter, by_id=by_id, now=now, energy_kwh=grace.energy_kwh
            )
        grace.refresh_from_db()
    return grace


def _refuse_amount(meter: Meter, energy_kwh: Decimal) -> None:
    step_kwh = load_profile(meter.profile).credit_step_kwh
    fits = energy_kwh.is_finite() and 0 < energy_kwh <= MOST_GRACE_KWH and energy_kwh % step_kwh == 0
    if not fits:
        raise GraceInvalid(
            _("A grace is at most %(most)s kWh, in steps of %(step)s kWh.")
            % {"most": MOST_GRACE_KWH, "step": step_kwh},
            fields={"grace_kwh": _("Not an energy that may be lent.")},
        )
