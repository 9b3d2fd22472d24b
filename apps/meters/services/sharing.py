"""Share links: the QR page by another token, which can be revoked, and by which a renter takes up her lease.

Where the landlord has named her phone, proving that phone at the meter's own code does the same.

The token stands in clear in the link alone; we keep the hash that opens its door.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit, doors
from apps.accounts.doors import Found
from apps.accounts.models import Renter, User
from apps.accounts.services import register_renter
from apps.common.errors import Conflict, Gone, NotFound
from apps.common.ids import secret_token
from apps.common.scoping import landlord_scope
from apps.meters.models import Lease, Meter, Share
from apps.meters.services.commands import MeterArchived

TOKEN_BITS = 160


class ShareGone(Gone):
    code = "share_gone"
    detail = _("This link is no longer good; ask the landlord for a new one.")


class ShareTaken(Conflict):
    code = "share_taken"
    detail = _("Somebody has taken up this lease already; ask the landlord.")


class LeaseMissing(Conflict):
    code = "lease_missing"
    detail = _("Nobody rents this meter by this link; you can recharge it all the same.")


def share_meter(*, meter: Meter, by_id: UUID, now: datetime) -> tuple[str, Share]:
    """Return the token of a new link in clear, this once, and its row, for the lease in force. Audited.

    :raises MeterArchived: if it was removed.
    """
    if meter.archived_at is not None:
        raise MeterArchived()
    lease = _in_force(meter.pk, now).first()
    token = secret_token(TOKEN_BITS)
    share = Share.objects.create(meter=meter, lease=lease, created_at=now, created_by_id=by_id)
    doors.hang(doors.Kind.SHARE, token, object_id=share.pk)
    audit.record("share.make", on=meter, by_id=by_id, now=now, share=share.pk)
    return token, share


def revoke_share(*, share: Share, by_id: UUID, now: datetime) -> None:
    """End a link; a renter who took up her lease by it keeps it. Audited. May run twice."""
    if Share.objects.filter(pk=share.pk, revoked_at=None).update(revoked_at=now):
        audit.record("share.revoke", on=share, by_id=by_id, now=now, meter=share.meter_id)


def find_shared_meter(token: str, *, now: datetime) -> Found | None:
    """Return the meter behind a share token, None for a token nobody made; opens its own scope.

    :raises ShareGone: if it was revoked, or its lease has ended.
    """
    found = doors.open_one(doors.Kind.SHARE, token)
    if found is None:
        return None
    with landlord_scope(found.landlord_id):
        share = Share.objects.select_related("lease").get(pk=found.object_id)
        _refuse_gone(share, now)
    return Found(found.landlord_id, share.meter_id)


def shared_qr_token(token: str) -> str:
    """Return the QR token of the meter a share link was made for, also one that is no longer good; empty for none."""
    found = doors.open_one(doors.Kind.SHARE, token)
    if found is None:
        return ""
    with landlord_scope(found.landlord_id):
        return Share.objects.select_related("meter").get(pk=found.object_id).meter.qr_token


def accept_share(*, token: str, user: User, now: datetime) -> Lease:
    """Make this login the renter of the lease the landlord shared; opens its own scope. Audited. May run twice.

    Locks the lease: of two who press at once, one has it.

    :raises ShareGone, ShareTaken, LeaseMissing, NotFound: as they say.
    """
    found = doors.open_one(doors.Kind.SHARE, token)
    if found is None:
        raise NotFound(_("There is no such link."))
    with landlord_scope(found.landlord_id):
        share = Share.objects.select_related("lease").get(pk=found.object_id)
        _refuse_gone(share, now)
        if share.lease_id is None:
            raise LeaseMissing()
        lease: Lease = Lease.objects.select_for_update(of=("self",)).get(pk=share.lease_id)
        if names := _take_up(lease, user):
            audit.record("share.accept", on=lease, by_id=user.pk, now=now, **names)
        return Lease.objects.select_related("meter__room__site", "renter").get(pk=lease.pk)


def can_take_up(*, meter_id: UUID, user: User, now: datetime) -> bool:
    """Say whether the lease in force at a meter waits for this login: its landlord named the phone it was proved by."""
    lease = _in_force(meter_id, now).select_related("renter").first()
    return lease is not None and _is_named(lease, user)


def take_up_lease(*, meter_id: UUID, user: User, now: datetime) -> bool:
    """Make this login the renter of the lease in force at a meter, if its landlord named the login's proved phone.

    False if she named another one, or somebody has it. Locks the lease. Audited. May run twice.
    """
    with transaction.atomic():
        lease = _in_force(meter_id, now).select_for_update(of=("self",)).select_related("renter").first()
        if lease is None or not _is_named(lease, user):
            return False
        audit.record("lease.take_up", on=lease, by_id=user.pk, now=now, **_take_up(lease, user))
    return True


def accept_lease(*, meter_id: UUID, user: User, now: datetime) -> Lease:
    """Return the lease in force at a meter, this login its renter: since before, or taken up now by the phone its
    landlord named. May run twice.

    :raises LeaseMissing: nobody rents there, or she named another phone; the answer does not say which.
    """
    is_mine = take_up_lease(meter_id=meter_id, user=user, now=now)
    lease = _in_force(meter_id, now).select_related("meter__room__site", "renter").first()
    if lease is None or lease.renter is None or not (is_mine or lease.renter.user_id == user.pk):
        raise LeaseMissing(
            _(
                "This login rents nothing at this meter just now. Ask your landlord to enter your phone in the lease, "
                "or for the link to it."
            )
        )
    return lease


def _in_force(meter_id: UUID, now: datetime) -> QuerySet[Lease]:
    return Lease.objects.filter(Q(ends_at=None) | Q(ends_at__gt=now), meter_id=meter_id, starts_at__lte=now)


def _is_named(lease: Lease, user: User) -> bool:
    """A login is called by the phone its owner proved with a code."""
    named = lease.renter
    return named is not None and named.user_id is None and named.phone == user.username


def _take_up(lease: Lease, user: User) -> dict[str, Renter]:
    """Return who has the lease now and whom the landlord had named; empty where that is the same."""
    named = lease.renter
    renter = register_renter(name=named.name, phone=named.phone, user=user)
    if named.pk == renter.pk:
        return {}
    if named.user_id is not None:
        raise ShareTaken()
    Lease.objects.filter(pk=lease.pk).update(renter=renter)
    doors.hang(doors.Kind.RENTER, str(renter.pk), object_id=lease.pk)
    return {"name": renter, "was_name": named}


def _refuse_gone(share: Share, now: datetime) -> None:
    ended_at = share.lease.ends_at if share.lease else None
    if share.revoked_at is not None or (ended_at is not None and ended_at <= now):
        raise ShareGone()
