"""A renter moves out: her lease ends, the meter is asked for its closing figures, what is left is named."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from apps.income import postings
from apps.income.services.ledger import balance
from apps.meters.models import Command, Lease
from apps.meters.services import commands
from apps.meters.services.registry import end_lease
from apps.readings.selectors import latest


@dataclass(frozen=True)
class Closing:
    """An ended lease and what is left of it.

    `carried_yuan`: paid, too little for a step of energy; `on_its_way_yuan`: paid for energy the meter has not
    proved yet; `remaining_kwh`: in the meter as it said last, at `read_at`. `closing_read` asks it once more;
    None where the lease ends later.
    """

    lease: Lease
    carried_yuan: Decimal
    on_its_way_yuan: Decimal
    remaining_kwh: Decimal | None
    read_at: datetime | None
    closing_read: Command | None


def move_out(*, lease: Lease, ends_at: datetime, by_id: UUID, now: datetime) -> Closing:
    """End a lease and say what is left of it. May run twice: an ended lease keeps its end.

    :raises Refused: `lease_end_invalid`.
    """
    end_lease(lease=lease, ends_at=ends_at, by_id=by_id, now=now)
    lease = Lease.objects.select_related("meter__room", "renter").get(pk=lease.pk)
    holder = postings.holder_of(lease_id=lease.pk, meter_id=lease.meter_id)
    reading = latest(lease.meter)
    asks = lease.ends_at is not None and lease.ends_at <= now and lease.meter.archived_at is None
    return Closing(
        lease=lease,
        carried_yuan=balance(postings.Asset.CNY, postings.remainder(holder)),
        on_its_way_yuan=balance(postings.Asset.CNY, postings.advance(holder)),
        remaining_kwh=reading.remaining_kwh if reading else None,
        read_at=reading.taken_at if reading else None,
        closing_read=commands.ask_read(meter=lease.meter, by_id=by_id, now=now) if asks else None,
    )
