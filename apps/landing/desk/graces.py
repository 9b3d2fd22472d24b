"""Energy that was lent, at the desk: what is owed, by whom, and the form that ends it by hand."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.income import postings
from apps.income.models import Grace
from apps.income.services.graces import end_grace, grace_of
from apps.income.services.switching import MOST_GRACE_KWH, withdraw_grace
from apps.income.states import OPEN_GRACES, GraceState
from apps.landing.desk import words
from apps.landing.desk.forms import ActForm, GraceEndForm
from apps.meters.models import Lease, Meter
from apps.meters.post import ValkeyPost
from apps.meters.selectors import current_lease
from apps.tariffs.pricing import taken_yuan


def explains_lending() -> str:
    """Return what the form of switching on says where nothing is left in the meter."""
    return _(
        "Nothing is left in this meter, so it can only be switched on with energy that you lend, at most %(most)s kWh. "
        "It switches off by itself when that is used up. It is no income; the renter owes it, and her next recharge "
        "repays it first."
    ) % {"most": MOST_GRACE_KWH}


def lines_of(meter: Meter, now: datetime) -> list[dict[str, Any]]:
    """Return what is lent through a meter and not repaid, whoever owes it, each with the thing whose page ends it."""
    rows = Grace.objects.filter(recharge__meter=meter, state__in=sorted(OPEN_GRACES))
    graces = list(rows.select_related("recharge__made_by", "recharge__command").order_by("-id"))
    leases = {
        postings.holder_of(lease_id=lease.pk, meter_id=meter.pk): lease
        for lease in Lease.objects.filter(meter=meter).select_related("renter")
    }
    return [line_of(grace, leases.get(grace.holder), meter, now) for grace in graces]


def line_of(grace: Grace, lease: Lease | None, meter: Meter, now: datetime) -> dict[str, Any]:
    """Return one grace as a row shows it; `thing` is the lease that owes it, or the vacant meter."""
    by = str(lease.renter) if lease else _("nobody rents here")
    said = {
        GraceState.GIVEN: _("on its way to the meter"),
        GraceState.REPAYING: _("a recharge that repays it is on its way"),
    }.get(GraceState(grace.state), _("owed; the next recharge repays it"))
    return {
        "energy": words.energy(grace.energy_kwh),
        "worth": words.money(grace.worth_yuan),
        "by": by,
        "state": said,
        "when": words.moment(grace.recharge.created_at, now),
        "reason": grace.recharge.reason,
        "made_by": grace.recharge.made_by or "",
        "can_end": grace.state == GraceState.OWED,
        "can_withdraw": grace.state == GraceState.GIVEN and grace.recharge.command.number is None,
        "thing": lease or meter,
    }


def holder_of(thing: Any, now: datetime) -> str:
    """Return who owes what a lease's or a meter's page ends: the lease, or the meter while nobody rents it."""
    if isinstance(thing, Lease):
        return postings.holder_of(lease_id=thing.pk, meter_id=thing.meter_id)
    lease = current_lease(thing, now)
    return postings.holder_of(lease_id=lease.pk if lease else None, meter_id=thing.pk)


def withdraw_of(meter: Meter, *, by_id: Any, now: datetime) -> str:
    """Withdraw what is on its way into this meter, and return what to tell. :raises Refused: as `withdraw_grace`."""
    on_its_way = Grace.objects.filter(recharge__meter=meter, state=GraceState.GIVEN).first()
    gone = withdraw_grace(
        post=ValkeyPost(), grace_id=on_its_way.pk if on_its_way else None, by_id=by_id, now=now
    )
    return _("Withdrawn: %(energy)s are not lent, and nothing is owed for them.") % {
        "energy": words.energy(gone.energy_kwh)
    }


def explains_end(holder: str, now: datetime) -> str:
    """Return what is owed, and what each way of ending it books."""
    grace = grace_of(holder)
    if grace is None:
        return _("Nothing that was lent is owed here.")
    return _(
        "%(energy)s lent (%(when)s), worth %(worth)s that day. Cash: you took %(taken)s, which is income. Write off: "
        "nobody will pay it, and nothing is booked as income."
    ) % {
        "energy": words.energy(grace.energy_kwh),
        "when": words.moment(grace.recharge.created_at, now),
        "worth": f"{grace.worth_yuan:.6f} {_('yuan')}",
        "taken": words.money(taken_yuan(grace.worth_yuan)),
    }


def end_by_form(form: ActForm, *, holder: str, by_id: Any, now: datetime) -> str:
    """End the grace of this holder as the form says, and return what to tell."""
    grace = grace_of(holder)
    if grace is None:
        return _("Nothing that was lent is owed here.")
    was_paid = form.cleaned_data["how"] == GraceEndForm.PAID
    ended = end_grace(
        grace_id=grace.pk, was_paid=was_paid, reason=form.cleaned_data["reason"], by_id=by_id, now=now
    )
    if was_paid:
        return _("%(taken)s in cash are in the books.") % {"taken": words.money(ended.paid_yuan)}
    return _("%(energy)s are written off.") % {"energy": words.energy(ended.energy_kwh)}
