"""Add a meter: claim, room and price together or not at all; the same for a form and for REST."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts import doors
from apps.common.scoping import current_landlord_id
from apps.meters.models import Meter, Room, Site, StockedMeter
from apps.meters.services import claiming
from apps.meters.services.registry import MeterTaken
from apps.tariffs.services import set_price


@dataclass(frozen=True, kw_only=True)
class NamedRoom:
    """A room by its name, made if it is new; without a site it goes to the landlord's first, or to a new one."""

    name: str
    building: str = ""
    floor: str = ""
    site: Site | None = None
    site_name: str = ""


def add_meter(
    *,
    stocked: StockedMeter,
    room: Room | NamedRoom,
    price_yuan_per_kwh: Decimal,
    by_id: UUID,
    now: datetime,
) -> Meter:
    """Return the landlord's new meter in its room, with its price from now on; in the landlord's transaction.

    The claim was checked before (`claiming.find_claimable`), outside any scope, because wrong codes are counted
    whatever happens. Audited. Asks the meter for its first reading.

    :raises MeterTaken: if it hangs already; only its own landlord hears where.
    :raises Refused: for a room without a name or a price that is none.
    """
    _refuse_hung(stocked)
    meter = claiming.claim_meter(stocked=stocked, room=_room(room), by_id=by_id, now=now)
    set_price(meter=meter, price_yuan_per_kwh=price_yuan_per_kwh, active_from=now, by_id=by_id, now=now)
    return meter


def _room(room: Room | NamedRoom) -> Room:
    if isinstance(room, Room):
        return room
    return claiming.find_or_make_room(
        site=room.site, site_name=room.site_name, building=room.building, floor=room.floor, name=room.name
    )


def _refuse_hung(stocked: StockedMeter) -> None:
    found = doors.open_one(doors.Kind.QR, stocked.qr_token)
    if found is None:
        return
    field = {"qr_token": _("Already added.")}
    if found.landlord_id != current_landlord_id():
        raise MeterTaken(fields=field)
    meter = Meter.objects.select_related("room").filter(pk=found.object_id).first()
    if meter is None:
        # At a site this member does not see.
        raise MeterTaken(fields=field)
    if meter.archived_at is not None:
        raise MeterTaken(
            _("You removed this meter earlier. Ask the operator to put it back into stock."), fields=field
        )
    raise MeterTaken(
        _("This meter is yours already: room %(room)s. Nothing was changed.") % {"room": meter.room},
        fields=field,
    )
