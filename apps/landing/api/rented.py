"""What a renter rents, over all landlords: each lease is read in its own landlord's scope."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.accounts import doors
from apps.accounts.models import Renter, User
from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.models import Recharge
from apps.landing.selectors import MeterGone, MeterPage, meter_page
from apps.meters.models import Lease


@dataclass(frozen=True)
class Rented:
    """One lease of a renter: which meter, from when to when."""

    found: doors.Found
    qr_token: str
    starts_at: datetime
    ends_at: datetime | None


def leases_of(user: User) -> list[Rented]:
    """Return the leases behind this login, newest first; none for a login that rents nothing."""
    leases = [_lease(found) for found in _lease_doors(user)]
    return sorted(leases, key=lambda rented: rented.starts_at, reverse=True)


def meters_of(user: User, now: datetime) -> list[dict[str, Any]]:
    """Return what the QR codes of the renter's meters show; a meter its landlord removed is left out."""
    shown = []
    for rented in leases_of(user):
        try:
            page = meter_page(rented.found, now)
        except MeterGone:
            continue
        shown.append({**_fields(page), **_fields(rented)})
    return shown


def recharges_of(user: User, *, before: UUID | None, limit: int) -> list[Recharge]:
    """Return up to `limit` recharges of the renter's own leases, newest first, older than `before`.

    A meter's recharges under another lease are somebody else's.
    """
    mine: list[Recharge] = []
    for found in _lease_doors(user):
        with landlord_scope(found.landlord_id):
            rows = Recharge.objects.filter(
                holder=postings.holder_of(lease_id=found.object_id, meter_id=found.object_id)
            )
            if before is not None:
                rows = rows.filter(pk__lt=before)
            mine += rows.select_related("meter__room", "payment__order").order_by("-id")[:limit]
    return sorted(mine, key=lambda recharge: recharge.pk, reverse=True)[:limit]


def _lease_doors(user: User) -> list[doors.Found]:
    renter = Renter.objects.filter(user=user).first()
    return doors.open_all(doors.Kind.RENTER, str(renter.pk)) if renter else []


def _lease(found: doors.Found) -> Rented:
    with landlord_scope(found.landlord_id):
        lease = Lease.objects.select_related("meter").get(pk=found.object_id)
    return Rented(
        found=doors.Found(found.landlord_id, lease.meter_id),
        qr_token=lease.meter.qr_token,
        starts_at=lease.starts_at,
        ends_at=lease.ends_at,
    )


def _fields(record: MeterPage | Rented) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
