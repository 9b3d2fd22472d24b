"""Which leases are somebody's own, which one is in force, and whether a meter is heard."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import cast
from uuid import UUID

from django.db.models import Exists, OuterRef

from apps.accounts import doors
from apps.accounts.models import Renter, User
from apps.common.scoping import landlord_scope
from apps.meters.models import Lease, Meter, Presence


def own_leases(user: User) -> list[Lease]:
    """Return the leases behind this login with meter, room and site, newest first; each in its landlord's scope.

    A door alone is not enough: the lease itself has to name her.
    """
    renter = Renter.objects.filter(user=user).first()
    if renter is None:
        return []
    leases: list[Lease] = []
    for found in doors.open_all(doors.Kind.RENTER, str(renter.pk)):
        with landlord_scope(found.landlord_id):
            rows = Lease.objects.filter(pk=found.object_id, renter=renter)
            leases += rows.select_related("meter__room__site")
    return sorted(leases, key=lambda lease: (lease.starts_at, lease.pk), reverse=True)


def scope_of(lease: Lease) -> AbstractContextManager[None]:
    """Return the scope of a lease's own landlord, to be opened."""
    return landlord_scope(cast(UUID, lease.landlord_id))


def current_lease(meter: Meter, now: datetime) -> Lease | None:
    """Return the lease in force, None while the meter is vacant."""
    return (
        Lease.objects.filter(meter=meter, starts_at__lte=now)
        .exclude(ends_at__lte=now)
        .order_by("-starts_at")
        .first()
    )


def is_online(meter: Meter) -> bool:
    """Return whether a gateway holds a session of this meter now."""
    return Presence.objects.filter(serial=meter.serial, is_online=True).exists()


def online_by_serial() -> Exists:
    """Return the same for every row of a list, by its `serial`."""
    return Exists(Presence.objects.filter(serial=OuterRef("serial"), is_online=True))
