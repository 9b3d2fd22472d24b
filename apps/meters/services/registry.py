"""Hang a meter, lease it out: the standing facts of a landlord's rooms."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit, doors
from apps.accounts.models import Landlord, Renter
from apps.common.errors import Conflict, Refused, Words
from apps.common.ids import secret_token
from apps.common.queue import ring_after_commit
from apps.common.scoping import current_landlord_id
from apps.common.sentences import in_a_row
from apps.meters.models import Command, Lease, Meter, Room, StockedMeter, StockEvent
from apps.meters.services.commands import MeterArchived
from apps.meters.states import OPEN, RESET_KINDS, CommandKind
from meter_gateway.protocol.profiles import load_profile


class MeterTaken(Conflict):
    code = "meter_taken"
    detail = _(
        "This meter belongs to a landlord already. If that is you, look among your meters, also the removed ones; if "
        "not, ask who sold it to you."
    )


class MeterInUse(Conflict):
    """`fields` names every reason: lease, credit, and what the layers above know."""

    code = "meter_in_use"
    detail = _("This meter is still in use, so it cannot be removed.")


class LeaseOverlaps(Conflict):
    code = "lease_overlaps"
    detail = _("There is a lease on this meter in that time already; end it first.")


def note_stock(
    rows: Iterable[StockedMeter], act: StockEvent.Act, *, by_id: UUID | None, now: datetime, reason: str = ""
) -> None:
    """Write who did what to these devices, and why, in the act's own transaction."""
    StockEvent.objects.bulk_create(
        StockEvent(stocked=row, at=now, by_id=by_id, act=act, reason=reason) for row in rows
    )


def stock_meter(*, serial: str, profile: str, now: datetime, by_id: UUID | None = None) -> StockedMeter:
    """Return the operator's stock row of a device, with its QR token; may run twice. A line says who took it in.

    :raises Refused: if the serial is not 12 digits or nobody knows the profile.
    """
    if len(serial) != 12 or not serial.isascii() or not serial.isdigit():
        raise Refused(_("A serial has 12 digits."), code="serial_invalid", fields={"serial": _("12 digits.")})
    load_profile(profile)
    with transaction.atomic():
        row, is_new = StockedMeter.objects.get_or_create(
            serial=serial, defaults={"profile": profile, "qr_token": secret_token(128)}
        )
        if is_new:
            note_stock([row], StockEvent.Act.TAKEN_IN, by_id=by_id, now=now)
    if is_new:
        ring_after_commit("meters.publish_serials", queue_name="delivery")
    return row


def hang_meter(*, stocked: StockedMeter, room: Room, by_id: UUID | None, now: datetime) -> Meter:
    """Return the landlord's meter made of a stocked device: its row and its doors, in one transaction. Audited.

    It warns at the landlord's threshold of the day.

    :raises MeterTaken: if a landlord has it, also this one.
    """
    try:
        with transaction.atomic():
            meter = Meter.objects.create(
                serial=stocked.serial,
                profile=stocked.profile,
                qr_token=stocked.qr_token,
                room=room,
                low_below_kwh=Landlord.objects.values_list("low_below_kwh", flat=True).get(
                    pk=current_landlord_id()
                ),
                claimed_at=now,
            )
            for kind, key in ((doors.Kind.SERIAL, stocked.serial), (doors.Kind.QR, stocked.qr_token)):
                if not doors.hang(kind, key, object_id=meter.pk):
                    raise MeterTaken(fields={"qr_token": _("Taken.")})
            audit.record("meter.hang", on=meter, by_id=by_id, now=now, serial=stocked.serial, room=room)
    except IntegrityError:
        raise MeterTaken(fields={"qr_token": _("Taken.")}) from None
    return meter


def change_meter(
    *,
    meter: Meter,
    room: Room | None,
    note: str | None,
    low_below_kwh: Decimal | None,
    by_id: UUID,
    now: datetime,
) -> None:
    """Move a meter to another room, note where it hangs, or warn at another level; None leaves things. Audited.

    The audit keeps what was there before.

    :raises MeterArchived: if it was removed.
    """
    given = {"room": room, "note": note, "low_below_kwh": low_below_kwh}
    present = Meter.objects.select_related("room").get(pk=meter.pk)
    changes = {
        name: value for name, value in given.items() if value is not None and value != getattr(present, name)
    }
    if not changes:
        return
    if not Meter.objects.filter(pk=meter.pk, archived_at=None).update(**changes):
        raise MeterArchived()
    was = {f"was_{name}": getattr(present, name) for name in changes}
    audit.record("meter.change", on=meter, by_id=by_id, now=now, **changes, **was)


def archive_meter(
    *, meter: Meter, in_use_above: Callable[[Meter], Mapping[str, Words]], by_id: UUID, now: datetime
) -> None:
    """Take a meter out of use. Its records and its doors stay, so that who holds its QR code hears of it. Audited.

    Locks the meter, so that no lease, order or credit slips in between; `in_use_above` is asked under that lock
    for what keeps it in use beyond this app. Readings and switches that still wait are too late from now on. May run
    twice: a removed meter stays as it is.

    :raises MeterInUse: naming all that keeps it.
    """
    with transaction.atomic():
        locked = Meter.objects.select_for_update(of=("self",)).select_related("room").get(pk=meter.pk)
        if locked.archived_at is not None:
            return
        reasons = {**_in_use(locked, now), **in_use_above(locked)}
        if reasons:
            sentences = [MeterInUse.detail, *reasons.values()]
            raise MeterInUse(in_a_row(sentences), fields=reasons)
        Meter.objects.filter(pk=locked.pk).update(archived_at=now)
        # The device may hang in somebody else's house next; nothing this landlord asked may wait for it.
        waiting = Command.objects.filter(meter=locked, state__in=sorted(OPEN))
        waiting.filter(expires_at__gt=now).update(expires_at=now)
        audit.record("meter.archive", on=locked, by_id=by_id, now=now, serial=locked.serial, room=locked.room)


def _in_use(meter: Meter, now: datetime) -> dict[str, Words]:
    reasons: dict[str, Words] = {}
    if Lease.objects.filter(meter=meter).exclude(ends_at__lte=now).exists():
        reasons["lease"] = _("Somebody rents it; end the lease first.")
    still_open = Command.objects.filter(meter=meter, state__in=sorted(OPEN))
    if still_open.filter(kind=CommandKind.CREDIT).exists():
        reasons["credit"] = _("Energy is on its way to it.")
    if still_open.filter(kind=CommandKind.OPEN_ACCOUNT).exists():
        reasons["opening"] = _("Its account is being opened.")
    if still_open.filter(kind__in=sorted(RESET_KINDS)).exists():
        reasons["reset"] = _("It is being reset.")
    return reasons


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

    :raises LeaseOverlaps: if somebody else rents then. :raises MeterArchived: if the meter was removed.
    """
    try:
        with transaction.atomic():
            lease = Lease.objects.create(meter=meter, renter=renter, starts_at=starts_at)
            # Asked only now: the new row has waited for whoever was removing the meter.
            if Meter.objects.filter(pk=meter.pk, archived_at__isnull=False).exists():
                raise MeterArchived()
    except IntegrityError:
        raise LeaseOverlaps(fields={"starts_at": _("Overlaps with a lease.")}) from None
    doors.hang(doors.Kind.RENTER, str(renter.pk), object_id=lease.pk)
    audit.record("lease.begin", on=lease, by_id=by_id, now=now, meter=meter.pk, starts_at=starts_at)
    return lease
