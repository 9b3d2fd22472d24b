"""A renter moves in: who she is, and from when on the meter is hers."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.accounts.codes import PhoneInvalid, checked_phone
from apps.accounts.models import Renter
from apps.accounts.services import register_renter
from apps.common.errors import Conflict, Refused
from apps.meters.models import Lease, Meter
from apps.meters.services.registry import LeaseOverlaps, begin_lease


class PhoneUsed(Conflict):
    code = "phone_used"


def move_in(
    *, meter: Meter, renter_name: str, renter_phone: str, starts_at: datetime, by_id: UUID, now: datetime
) -> Lease:
    """Return the open-ended lease of a renter from `starts_at` on. Audited. A phone is optional.

    Who rents from this landlord already, by the same name and phone, is the same renter. A phone that a lease which
    has not ended knows under another name is refused: messages of one household would reach another.

    :raises Refused: `name_missing`, `phone_invalid`, `phone_used`, `lease_overlaps`, `meter_archived`.
    """
    name = renter_name.strip()
    if not name:
        raise Refused(_("Say who moves in."), code="name_missing", fields={"renter_name": _("Required.")})
    phone = _phone(renter_phone)
    renter = _known(name, phone, now) or register_renter(name=name, phone=phone, user=None)
    try:
        return begin_lease(meter=meter, renter=renter, starts_at=starts_at, by_id=by_id, now=now)
    except LeaseOverlaps as refusal:
        there = Lease.objects.filter(meter=meter).exclude(ends_at__lte=starts_at).select_related("renter")
        first = there.order_by("starts_at").first()
        if first is None:
            raise
        raise LeaseOverlaps(
            _(
                "%(name)s rents this meter in that time, so nothing was changed. "
                "End that lease first, or let the new one start later."
            )
            % {"name": first.renter},
            fields=refusal.fields,
        ) from None


def _known(name: str, phone: str, now: datetime) -> Renter | None:
    if not phone:
        return None
    leases = Lease.objects.filter(renter__phone=phone).select_related("renter", "meter__room")
    for lease in leases.exclude(ends_at__lte=now).order_by("-starts_at"):
        if lease.renter.name != name:
            raise PhoneUsed(
                _(
                    "%(name)s in %(room)s has this phone. Use that name if it is the same person, "
                    "or another phone; nothing was changed."
                )
                % {"name": lease.renter, "room": lease.meter},
                fields={"renter_phone": _("Used by another renter of yours.")},
            )
    same = leases.filter(renter__name=name).order_by("-starts_at").first()
    return same.renter if same else None


def _phone(text: str) -> str:
    """A renter's phone, or none; named as the field it came in."""
    try:
        return checked_phone(text) if text.strip() else ""
    except PhoneInvalid as refusal:
        raise PhoneInvalid(fields={"renter_phone": refusal.fields["phone"]}) from None
