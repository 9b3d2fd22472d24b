"""Hang a meter, lease it out: the standing facts of a landlord's rooms."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit, doors
from apps.accounts.models import Renter
from apps.common.errors import Conflict, Refused
from apps.common.ids import secret_token
from apps.meters.models import Lease, Meter, Room, StockedMeter
from meter_gateway.protocol.profiles import load_profile


class MeterTaken(Conflict):
    code = "meter_taken"
    detail = _("This meter belongs to a landlord already.")


class LeaseOverlaps(Conflict):
    code = "lease_overlaps"
    detail = _("There is a lease on this meter in that time already; end it first.")


def stock_meter(*, serial: str, profile: str) -> StockedMeter:
    """Return the operator's stock row of a device, with its QR token; may run twice.

    :raises Refused: if the serial is not 12 digits or nobody knows the profile.
    """
    if len(serial) != 12 or not serial.isascii() or not serial.isdigit():
        raise Refused(_("A serial has 12 digits."), code="serial_invalid", fields={"serial": _("12 digits.")})
    load_profile(profile)
    row, _made = StockedMeter.objects.get_or_create(
        serial=serial, defaults={"profile": profile, "qr_token": secret_token(128)}
    )
    return row


def hang_meter(*, stocked: StockedMeter, room: Room, by_id: UUID | None, now: datetime) -> Meter:
    """Return the landlord's meter made of a stocked device: its row and its doors, in one transaction. Audited.

    :raises MeterTaken: if a landlord has it, also this one.
    """
    try:
        with transaction.atomic():
            meter = Meter.objects.create(
                serial=stocked.serial,
                profile=stocked.profile,
                qr_token=stocked.qr_token,
                room=room,
                claimed_at=now,
            )
            for kind, key in ((doors.Kind.SERIAL, stocked.serial), (doors.Kind.QR, stocked.qr_token)):
                if not doors.hang(kind, key, object_id=meter.pk):
                    raise MeterTaken(fields={"qr_token": _("Taken.")})
            audit.record("meter.hang", on=meter, by_id=by_id, now=now, serial=stocked.serial, room=room)
    except IntegrityError:
        raise MeterTaken(fields={"qr_token": _("Taken.")}) from None
    return meter


def end_lease(*, lease: Lease, ends_at: datetime, by_id: UUID | None, now: datetime) -> None:
    """End a lease; from `ends_at` on its renter sees nothing new, and the next one nothing of hers. Audited.

    May run twice: an ended lease stays as it is.

    :raises Refused: if it would end before it began.
    """
    if ends_at <= lease.starts_at:
        raise Refused(
            _("A lease ends after it began."), code="lease_end_invalid", fields={"ends_at": _("Too early.")}
        )
    if Lease.objects.filter(pk=lease.pk, ends_at=None).update(ends_at=ends_at):
        audit.record("lease.end", on=lease, by_id=by_id, now=now, ends_at=ends_at)


def begin_lease(
    *, meter: Meter, renter: Renter, starts_at: datetime, by_id: UUID | None, now: datetime
) -> Lease:
    """Return a lease from `starts_at` on, open-ended. Audited.

    :raises LeaseOverlaps: if somebody else rents then.
    """
    try:
        with transaction.atomic():
            lease = Lease.objects.create(meter=meter, renter=renter, starts_at=starts_at)
    except IntegrityError:
        raise LeaseOverlaps(fields={"starts_at": _("Overlaps with a lease.")}) from None
    doors.hang(doors.Kind.RENTER, str(renter.pk), object_id=lease.pk)
    audit.record("lease.begin", on=lease, by_id=by_id, now=now, meter=meter.pk, starts_at=starts_at)
    return lease
