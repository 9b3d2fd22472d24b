"""Ask rarer things of a meter: keep its power, light its lamp, set its clock, open its account, reset it.

What a model cannot do is refused with a sentence, before there is a command.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, Refused
from apps.meters.models import Command, Meter
from apps.meters.services import commands
from apps.meters.states import CREDIT_KINDS, OPEN, RESET_KINDS, CommandKind
from meter_gateway.protocol.profiles import load_profile

CLOCK_LIFE = timedelta(minutes=10)
RESET_LIFE = timedelta(minutes=10)

_ABILITY = {
    CommandKind.KEEP_POWER: "keep_power",
    CommandKind.RELEASE_KEEP: "keep_power",
    CommandKind.LAMP_ON: "alarm_lamp",
    CommandKind.LAMP_OFF: "alarm_lamp",
    CommandKind.SET_CLOCK: "set_clock",
    CommandKind.OPEN_ACCOUNT: "open_account",
    CommandKind.RESET_ENERGY: "reset_energy",
    CommandKind.INIT_PURSE: "init_purse",
}


class ModelCannot(Refused):
    code = "model_cannot"
    detail = _("This model of meter cannot do that.")


class AccountOpen(Conflict):
    code = "account_open"
    detail = _("This meter's account is open already; it takes recharges.")


class SerialMismatch(Refused):
    code = "confirm_mismatch"
    detail = _("That is not this meter's serial number. Read it off the meter and type all twelve digits.")


class CreditUnderWay(Conflict):
    code = "energy_on_its_way"
    detail = _("Energy is on its way into this meter. Wait until it has arrived, then reset.")


class FramesOutstanding(Conflict):
    """Whoever kept the frame of an earlier credit could bring it again once the count is back at its number."""

    code = "frames_outstanding"
    detail = _(
        "This meter has taken recharges. With a new purse it would count from zero and could be given the old "
        "recharges once more. Reset its energy instead, or have the meter replaced."
    )


class ResetUnderWay(Conflict):
    code = "reset_under_way"
    detail = _("A reset of this meter is under way; wait for its outcome.")


class StillNumbered(Conflict):
    """A frozen queue holds a credit that nobody has settled yet."""

    code = "queue_frozen"
    detail = _("This meter's recharges are frozen; the platform has to settle that first.")


def can(meter: Meter, kind: CommandKind) -> bool:
    """Say whether the meter's model can do this at all; pure but for the profile's file."""
    ability = _ABILITY.get(kind)
    return ability is None or ability in load_profile(meter.profile).abilities


def ask_keep_power(*, meter: Meter, keep: bool, reason: str, by_id: UUID, now: datetime) -> Command:
    """Return the command that keeps the power on whatever remains (3AH), or ends that (3BH). Audited.

    A wish like on and off, and of all of them the newest wins. While power is kept, what is drawn below zero is
    owed to the meter and paid off by the next recharge; a release at zero lets it trip at once.

    :raises ReasonMissing, ModelCannot: as they say.
    """
    kind = CommandKind.KEEP_POWER if keep else CommandKind.RELEASE_KEEP
    _refuse_unable(meter, kind)
    said = commands.said(reason)
    command = commands.wish(meter=meter, kind=kind, reason=said, by_id=by_id, now=now)
    audit.record(
        "meter.keep_power" if keep else "meter.release_power", on=meter, by_id=by_id, now=now, reason=said
    )
    return command


def ask_lamp(*, meter: Meter, on: bool, by_id: UUID, now: datetime) -> Command:
    """Return the command that forces the alarm lamp on or off until the next recharge; the newest wins. Audited.

    :raises ModelCannot: if the model has no such lamp.
    """
    kind = CommandKind.LAMP_ON if on else CommandKind.LAMP_OFF
    _refuse_unable(meter, kind)
    life = commands.life(meter, commands.POWER_LIFE)
    command = commands.queue(meter, kind, by_id=by_id, now=now, expires_at=now + life)
    audit.record("meter.lamp_on" if on else "meter.lamp_off", on=meter, by_id=by_id, now=now)
    return command


def ask_clock(*, meter: Meter, by_id: UUID | None, now: datetime) -> Command:
    """Return the command that sets the meter's clock, the open one if there is one. Audited.

    The time is put in when the bytes are made. :raises ModelCannot: if the model's clock cannot be written.
    """
    _refuse_unable(meter, CommandKind.SET_CLOCK)
    under_way = _open(meter, {CommandKind.SET_CLOCK})
    if under_way is not None:
        return under_way
    command = commands.queue(
        meter,
        CommandKind.SET_CLOCK,
        by_id=by_id,
        now=now,
        expires_at=now + commands.life(meter, CLOCK_LIFE),
    )
    audit.record("meter.set_clock", on=meter, by_id=by_id, now=now)
    return command


def ask_opening(*, meter: Meter, by_id: UUID | None, now: datetime) -> Command:
    """Return the command that opens the meter's account, the open one if there is one. Audited.

    It goes before any recharge, takes a purchase count like one, and never expires: without it no recharge is
    taken. A meter whose account proves to be open is left as it is.

    :raises ModelCannot: if the model knows no opening. :raises AccountOpen: if the meter has said so already.
    """
    _refuse_unable(meter, CommandKind.OPEN_ACCOUNT)
    under_way = _open(meter, {CommandKind.OPEN_ACCOUNT})
    if under_way is not None:
        return under_way
    if meter.account_opened:
        raise AccountOpen()
    command = commands.queue(
        meter, CommandKind.OPEN_ACCOUNT, by_id=by_id, now=now, expires_at=None, energy_kwh=Decimal(0)
    )
    audit.record("meter.open_account", on=meter, by_id=by_id, now=now)
    return command


def open_account_where_wanted(*, meter: Meter, by_id: UUID | None, now: datetime) -> Command | None:
    """Open the account of a meter whose model is delivered without one; None for the others."""
    if not can(meter, CommandKind.OPEN_ACCOUNT) or meter.account_opened:
        return None
    return ask_opening(meter=meter, by_id=by_id, now=now)


def ask_reset(
    *, meter: Meter, kind: CommandKind, reason: str, typed_serial: str, by_id: UUID, now: datetime
) -> Command:
    """Return the command that sets a meter's energy to zero (RESET_ENERGY) or makes its purse as new (INIT_PURSE).

    The closing reading is taken first, then the meter's next body begins: its count is UNKNOWN until read, and no
    day is counted across. The frame leaves once, whatever becomes of its answer. Locks the meter, so that no
    credit slips in between. Audited.

    :raises ReasonMissing, SerialMismatch, ModelCannot, ResetUnderWay: as they say.
    :raises FramesOutstanding: a new purse for a meter of which a credit's bytes were ever stored, and whose count
        is all that keeps them from being taken again.
    :raises CreditUnderWay: while a credit or an opening has not ended. :raises StillNumbered: if that one is frozen.
    """
    assert kind in RESET_KINDS
    _refuse_unable(meter, kind)
    said = commands.said(reason)
    if typed_serial.strip() != meter.serial:
        raise SerialMismatch(fields={"confirm": _("Not this meter's serial.")})
    meter = Meter.objects.select_for_update(of=("self",)).get(pk=meter.pk)
    if _open(meter, RESET_KINDS) is not None:
        raise ResetUnderWay()
    if _open(meter, CREDIT_KINDS) is not None:
        raise StillNumbered() if meter.frozen else CreditUnderWay()
    if kind == CommandKind.INIT_PURSE and _takes_old_frames_again(meter):
        raise FramesOutstanding()
    command = commands.queue(
        meter,
        kind,
        by_id=by_id,
        now=now,
        expires_at=now + commands.life(meter, RESET_LIFE),
        reason=said,
    )
    facts = {"reason": said, "body": meter.device_epoch}
    if kind == CommandKind.RESET_ENERGY:
        audit.record("meter.reset_energy", on=meter, by_id=by_id, now=now, **facts)
    else:
        audit.record("meter.init_purse", on=meter, by_id=by_id, now=now, **facts)
    return command


def _refuse_unable(meter: Meter, kind: CommandKind) -> None:
    commands.refuse_archived(meter)
    if not can(meter, kind):
        raise ModelCannot()


def _takes_old_frames_again(meter: Meter) -> bool:
    # A model that knows no credit from another would take a kept frame with its old purse just as well.
    if load_profile(meter.profile).dedupe == "none":
        return False
    return Command.objects.filter(meter=meter, kind=CommandKind.CREDIT, number__isnull=False).exists()


def _open(meter: Meter, kinds: frozenset[CommandKind] | set[CommandKind]) -> Command | None:
    return Command.objects.filter(meter=meter, kind__in=sorted(kinds), state__in=sorted(OPEN)).first()
