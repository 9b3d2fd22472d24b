"""Hand back what is left over of an ended lease, exactly once."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Sum
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict
from apps.income import postings
from apps.income.models import Payout
from apps.income.services.ledger import balance, book
from apps.meters.models import Lease, Meter
from apps.meters.services.commands import ReasonMissing
from apps.tariffs.pricing import handed_back_yuan


class LeaseRuns(Conflict):
    code = "lease_runs"
    detail = _("This lease has not ended yet; what is left over goes into its next recharge.")


def pay_out_remainder(*, lease: Lease, reason: str, by_id: UUID, now: datetime) -> Payout | None:
    """Book that the carried remainder of an ended lease was handed back in cash, rounded up to the fen. Audited.

    None where nothing is left, so it may run twice and by two members at once: it locks the meter, as each recharge
    does, and the second finds nothing. Money that comes in later is a turn of its own.

    :raises LeaseRuns: before the lease's end. :raises ReasonMissing: without a reason.
    """
    if not reason.strip():
        raise ReasonMissing(fields={"reason": _("Required.")})
    with transaction.atomic():
        Meter.objects.select_for_update(of=("self",)).get(pk=lease.meter_id)
        lease = Lease.objects.get(pk=lease.pk)
        if lease.ends_at is None or lease.ends_at > now:
            raise LeaseRuns()
        holder = postings.holder_of(lease_id=lease.pk, meter_id=lease.meter_id)
        remainder_yuan = balance(postings.Asset.CNY, postings.remainder(holder))
        if remainder_yuan <= 0:
            return None
        amount_yuan = handed_back_yuan(remainder_yuan)
        earlier = Payout.objects.filter(lease=lease).aggregate(last=Max("turn"))["last"] or 0
        payout = Payout.objects.create(
            lease=lease,
            turn=earlier + 1,
            remainder_yuan=remainder_yuan,
            amount_yuan=amount_yuan,
            reason=reason.strip(),
            made_by_id=by_id,
            paid_at=now,
        )
        moves = postings.paid_out(holder=holder, remainder_yuan=remainder_yuan, amount_yuan=amount_yuan)
        book(reference=f"lease:{lease.pk}:payout:{payout.turn}", kind="payout", moves=moves, now=now)
        audit.record(
            "lease.payout", on=lease, by_id=by_id, now=now, amount_yuan=amount_yuan, reason=reason.strip()
        )
    return payout


def handed_back(lease: Lease) -> tuple[Decimal, Decimal]:
    """Return what was left over of a lease and has gone back (six places), and the cash handed over for it (two)."""
    sums = Payout.objects.filter(lease=lease).aggregate(left=Sum("remainder_yuan"), cash=Sum("amount_yuan"))
    return sums["left"] or Decimal(0), sums["cash"] or Decimal("0.00")
