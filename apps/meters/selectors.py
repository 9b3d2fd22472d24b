"""Which leases are somebody's own."""

from contextlib import AbstractContextManager
from typing import cast
from uuid import UUID

from apps.accounts import doors
from apps.accounts.models import Renter, User
from apps.common.scoping import landlord_scope
from apps.meters.models import Lease


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
