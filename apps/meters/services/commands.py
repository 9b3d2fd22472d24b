"""Ask something of a meter: a row first, bytes later. Each returns at once; the command's life is on its row."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit, hours
from apps.accounts.models import Landlord
from apps.common.errors import Conflict, Gone, Refused
from apps.common.queue import ring_after_commit
from apps.common.scoping import current_landlord_id
from apps.meters import deciding as d
from apps.meters.models import Command, CommandEvent, Meter
from apps.meters.post import Post
from apps.meters.services.delivery import take_turn
from apps.meters.states import OPEN, CommandKind, CommandState
from apps.meters.store import PostgresStore
from meter_gateway.protocol.profiles import load_profile

READ_LIFE = timedelta(seconds=60)
POWER_LIFE = timedelta(minutes=10)
FREEZE_LIFE = timedelta(hours=12)


class MeterArchived(Gone):
    code = "meter_archived"
    detail = _("This meter has been removed; nothing can be asked of it.")


class ReasonMissing(Refused):
    code = "reason_missing"
    status = 400
    detail = _("Say why; the renter will see it.")


class ZeroBalance(Conflict):
    code = "zero_balance"
    detail = _(
        "There is no energy left in this meter. Recharge it and the light comes on by itself, or lend some: name how "
        "much as a grace."
    )


class PowerKept(Conflict):
    code = "power_kept"
    detail = _("This meter keeps its power on and refuses to switch off; end that first, then switch off.")


class ProtectedHours(Conflict):
    code = "protected_hours"


def ask_read(*, meter: Meter, by_id: UUID | None, now: datetime) -> Command:
    """Return the read that is under way for this meter, or a new one; expires after a minute (longer by NB-IoT)."""
    refuse_archived(meter)
    open_read = Command.objects.filter(meter=meter, kind=CommandKind.READ, state__in=sorted(OPEN)).first()
    if open_read is not None:
        return open_read
    return queue(meter, CommandKind.READ, by_id=by_id, now=now, expires_at=now + life(meter, READ_LIFE))


def ask_freeze(*, meter: Meter, freeze_date: date, now: datetime) -> Command | None:
    """Return the read of the midnight that closes a local date, None if the model keeps none.

    None too if this body of the meter was asked before and answered, or still may; one that expired is asked anew.
    Locks the meter's row: two who close the same day ask once.
    """
    if not load_profile(meter.profile).freeze_di:
        return None
    Meter.objects.select_for_update().get(pk=meter.pk)
    asked = Command.objects.filter(
        meter=meter,
        kind=CommandKind.READ_FREEZE,
        freeze_date=freeze_date,
        device_epoch=meter.device_epoch,
    )
    if asked.exclude(state__in=[CommandState.EXPIRED, CommandState.CANCELLED]).exists():
        return None
    return queue(
        meter,
        CommandKind.READ_FREEZE,
        by_id=None,
        now=now,
        expires_at=now + FREEZE_LIFE,
        freeze_date=freeze_date,
    )


def ask_power(
    *, meter: Meter, on: bool, reason: str, by_id: UUID, now: datetime, remaining_kwh: Decimal | None
) -> Command:
    """Return the command that wishes the power on or off; the newest wish wins, an old one dies unsent.

    `remaining_kwh` is what the meter said last. Audited.

    :raises ReasonMissing: without a reason.
    :raises ZeroBalance: on, with nothing left to give; a grace is lent above this layer.
    :raises PowerKept: off, while the meter keeps its power on and would refuse.
    :raises ProtectedHours: off, in the hours in which the landlord lets nobody be switched off.
    """
    refuse_archived(meter)
    said_reason = said(reason)
    if on and remaining_kwh is not None and remaining_kwh <= 0:
        raise ZeroBalance(fields={"grace_kwh": _("Nothing is left in the meter: say how much you lend.")})
    if not on and meter.power_kept:
        raise PowerKept(fields={"state": _("Power is kept on.")})
    if not on:
        _refuse_protected(meter, now)
    kind = CommandKind.POWER_ON if on else CommandKind.POWER_OFF
    command = wish(meter=meter, kind=kind, reason=said_reason, by_id=by_id, now=now)
    audit.record("meter.power_on" if on else "meter.power_off", on=meter, by_id=by_id, now=now, reason=reason)
    return command


def _refuse_protected(meter: Meter, now: datetime) -> None:
    start, until = Landlord.objects.values_list("protected_from", "protected_until").get(
        pk=current_landlord_id()
    )
    if hours.are_protected(now, zone=meter.room.site.time_zone, start=start, until=until):
        said_hours = {"start": f"{start:%H:%M}", "until": f"{until:%H:%M}"}
        raise ProtectedHours(
            _(
                "From %(start)s to %(until)s nobody is switched off here; the settings say so. Try again at %(until)s; "
                "in danger, use the breaker beside the meter."
            )
            % said_hours,
            fields={"state": _("Protected hours.")},
        )


def wish(*, meter: Meter, kind: CommandKind, reason: str, by_id: UUID, now: datetime) -> Command:
    """Return a wish about the relay with the next version; every wish of an older one dies unsent."""
    version = next_wish(meter)
    expires_at = now + life(meter, POWER_LIFE)
    return queue(
        meter, kind, by_id=by_id, now=now, expires_at=expires_at, reason=reason, wish_version=version
    )


def next_wish(meter: Meter) -> int:
    """Return the version of a wish that is being made now; whatever was wished before dies unsent."""
    Meter.objects.filter(pk=meter.pk).update(wish_version=F("wish_version") + 1)
    return Meter.objects.values_list("wish_version", flat=True).get(pk=meter.pk)


def said(reason: str) -> str:
    """Return a reason without its margins. :raises ReasonMissing: if nothing is left."""
    if not reason.strip():
        raise ReasonMissing(fields={"reason": _("Required.")})
    return reason.strip()


def ask_credit(
    *, meter: Meter, energy_kwh: Decimal, by_id: UUID | None, reason: str, now: datetime
) -> Command:
    """Return the command that brings `energy_kwh` into the meter; it never expires. Numbered only at the head.

    Called in the transaction of whatever paid for it.

    :raises Refused: if the energy is not a positive multiple of the meter's credit step.
    """
    profile = load_profile(meter.profile)
    if energy_kwh <= 0 or energy_kwh % profile.credit_step_kwh != 0:
        raise Refused(
            _("The energy must be a positive multiple of %(step)s kWh.") % {"step": profile.credit_step_kwh},
            code="energy_step",
            fields={"energy_kwh": _("Not a multiple of the meter's step.")},
        )
    return queue(
        meter, CommandKind.CREDIT, by_id=by_id, now=now, expires_at=None, reason=reason, energy_kwh=energy_kwh
    )


def cancel_credit(*, post: Post, meter_id: UUID, command_id: UUID, now: datetime) -> bool:
    """Take a credit back while no frame of it was stored; say whether that was still possible."""
    take_turn(
        store=PostgresStore(),
        post=post,
        meter_id=meter_id,
        event=d.CancelAsked(now=now, command_id=command_id),
    )
    return Command.objects.filter(pk=command_id, state=CommandState.CANCELLED).exists()


def ring(meter: Meter) -> None:
    """After commit, have a worker take this meter's turn."""
    ring_after_commit(
        "meters.take_turn", queue_name="delivery", landlord_id=meter.landlord_id, meter_id=meter.pk
    )


def queue(
    meter: Meter,
    kind: CommandKind,
    *,
    by_id: UUID | None,
    now: datetime,
    expires_at: datetime | None,
    reason: str = "",
    energy_kwh: Decimal | None = None,
    wish_version: int | None = None,
    freeze_date: date | None = None,
) -> Command:
    """Return the command's row with its first event, and ring for the meter's turn after commit."""
    command = Command.objects.create(
        meter=meter,
        kind=kind,
        reason=reason,
        requested_by_id=by_id,
        created_at=now,
        expires_at=expires_at,
        next_at=now,
        device_epoch=meter.device_epoch,
        energy_kwh=energy_kwh,
        wish_version=wish_version,
        freeze_date=freeze_date,
    )
    CommandEvent.objects.create(command=command, at=now, state=CommandState.QUEUED, note="asked")
    ring(meter)
    return command


def life(meter: Meter, life: timedelta) -> timedelta:
    """How long a command may wait: longer on a bearer whose devices sleep."""
    return life * load_profile(meter.profile).expiry_factor


def refuse_archived(meter: Meter) -> None:
    if meter.archived_at is not None:
        raise MeterArchived()
