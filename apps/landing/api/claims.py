"""What a body about a meter means: the device it claims, the room it names, what it changes."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from apps.common.scoping import ScopedModel
from apps.landing.adding import NamedRoom, add_meter
from apps.landing.api.selectors import meters_with_figures
from apps.meters.models import Meter, Room, Site, StockedMeter
from apps.meters.services import claiming, places, registry


def find_claimable(given: dict[str, Any]) -> StockedMeter:
    """Return the device that is claimed. Outside any scope, so that wrong codes are counted whatever happens."""
    return claiming.find_claimable(
        qr_token=given["qr_token"],
        serial=given["serial"],
        claim_code=given["claim_code"],
        now=timezone.now(),
    )


def claim(*, stocked: StockedMeter, given: dict[str, Any], by_id: UUID) -> Meter:
    """Return the landlord's new meter with its figures."""
    now = timezone.now()
    meter = add_meter(
        stocked=stocked,
        room=_room(given),
        price_yuan_per_kwh=given["price_yuan_per_kwh"],
        by_id=by_id,
        now=now,
    )
    return meters_with_figures(now).get(pk=meter.pk)


def mine(model: type[ScopedModel], object_id: UUID, field: str) -> Any:
    """Return a thing of this landlord's that a body names; a foreign one is as missing as none."""
    found = model.objects.filter(pk=object_id).first()
    if found is None:
        raise ValidationError({field: _("There is no such thing among yours.")})
    return found


def _room(given: dict[str, Any]) -> Room | NamedRoom:
    if "room" in given:
        room: Room = mine(Room, given["room"], "room")
        return room
    return NamedRoom(
        name=given["location"],
        building=given["building"],
        floor=given["floor"],
        site=mine(Site, given["site"], "site") if "site" in given else None,
    )


def change(meter: Meter, given: dict[str, Any], *, by_id: UUID) -> None:
    """Rename the room a meter hangs in, or move it, note it, set where it warns; together or not at all."""
    now, name = timezone.now(), given.pop("name", None)
    room = mine(Room, given.pop("room"), "room") if "room" in given else None
    note, low_below_kwh = given.get("note"), given.get("low_below_kwh")
    registry.change_meter(
        meter=meter, room=room, note=note, low_below_kwh=low_below_kwh, by_id=by_id, now=now
    )
    if name is not None:
        places.change_room(room=room or meter.room, changes={"name": name}, by_id=by_id, now=now)
