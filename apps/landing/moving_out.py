"""A renter moves out: her lease ends, the meter is asked for its closing figures, what is left is named."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.income import postings
from apps.income.models import Grace
from apps.income.services.graces import grace_of
from apps.income.services.ledger import balance
from apps.income.services.payouts import handed_back, pay_out_remainder
from apps.meters.models import Command, Lease
from apps.meters.services import commands
from apps.meters.services.registry import end_lease
from apps.readings.selectors import latest, nearest


@dataclass(frozen=True)
class Closing:
    """An ended lease and what is left of it.

    `carried_yuan`: paid, too little for a step of energy, what has been handed back of it included;
    `handed_back_yuan`: the cash the renter gets for it, rounded up to the fen, booked once; zero while the lease
    runs. `on_its_way_yuan`: paid for energy the meter has not proved yet; `remaining_kwh`: in the meter as it said
    nearest to the end, at `read_at`. `grace` is energy that was lent and is neither repaid nor given up; it stays with
    this lease. `closing_read` asks it once more; None where nothing was asked.
    """

    lease: Lease
    carried_yuan: Decimal
    handed_back_yuan: Decimal
    on_its_way_yuan: Decimal
    remaining_kwh: Decimal | None
    read_at: datetime | None
    grace: Grace | None
    closing_read: Command | None

    @property
    def owed_kwh(self) -> Decimal:
        """Lent, in the meter and not repaid."""
        return self.grace.energy_kwh if self.grace and self.grace.is_debt else Decimal("0.00")

    @property
    def owed_yuan(self) -> Decimal:
        """What that was worth on its day, six places."""
        return self.grace.worth_yuan if self.grace and self.grace.is_debt else Decimal("0.00")


def move_out(*, lease: Lease, ends_at: datetime, reason: str, by_id: UUID, now: datetime) -> Closing:
    """End a lease, book what is handed back to its renter, and say what is left. One transaction.

    May run twice and by two members at once: an ended lease keeps its end, and a remainder is handed back once. Of a
    lease that ends later nothing is handed back yet: run it again when that day has come.

    :param reason: why money goes out of the landlord's hands; empty says that the lease ended.
    :raises Refused: `lease_end_invalid`.
    """
    with transaction.atomic():
        end_lease(lease=lease, ends_at=ends_at, by_id=by_id, now=now)
        lease = Lease.objects.select_related("meter__room__site", "renter").get(pk=lease.pk)
        has_ended = lease.ends_at is not None and lease.ends_at <= now
        if has_ended:
            pay_out_remainder(lease=lease, reason=reason.strip() or _("Lease ended"), by_id=by_id, now=now)
        asks = has_ended and lease.meter.archived_at is None
        read = commands.ask_read(meter=lease.meter, by_id=by_id, now=now) if asks else None
    return closing_of(lease, closing_read=read)


def closing_of(lease: Lease, *, closing_read: Command | None = None) -> Closing:
    """Return what is left of a lease, running or ended."""
    holder = postings.holder_of(lease_id=lease.pk, meter_id=lease.meter_id)
    reading = nearest(lease.meter, lease.ends_at) if lease.ends_at else latest(lease.meter)
    handed_back_of_yuan, handed_back_yuan = handed_back(lease)
    carried_yuan = balance(postings.Asset.CNY, postings.remainder(holder))
    return Closing(
        lease=lease,
        carried_yuan=carried_yuan + handed_back_of_yuan,
        handed_back_yuan=handed_back_yuan,
        on_its_way_yuan=balance(postings.Asset.CNY, postings.advance(holder)),
        remaining_kwh=reading.remaining_kwh if reading else None,
        read_at=reading.taken_at if reading else None,
        grace=grace_of(holder),
        closing_read=closing_read,
    )
