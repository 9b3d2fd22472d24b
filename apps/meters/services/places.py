"""Sites and rooms: where a landlord's meters hang."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict
from apps.meters.models import Room, Site


class SiteExists(Conflict):
    code = "site_exists"
    detail = _("You have a site with this name already.")


class RoomExists(Conflict):
    code = "room_exists"
    detail = _("There is a room with this name in this building already.")


def add_site(*, name: str, kind: str, by_id: UUID, now: datetime) -> Site:
    """Return a new site. Audited.

    :raises SiteExists: if one has this name.
    """
    site = Site(name=name, kind=kind)
    _save(site, SiteExists(fields={"name": _("Taken.")}))
    audit.record("site.add", on=site, by_id=by_id, now=now, name=site)
    return site


def change_site(*, site: Site, changes: dict[str, Any], by_id: UUID, now: datetime) -> Site:
    """Return the site with its `name` or `kind` changed; the audit keeps what was there before.

    :raises SiteExists: if another one has this name.
    """
    _change("site.change", site, changes, SiteExists(fields={"name": _("Taken.")}), by_id, now)
    return site


def add_room(*, site: Site, building: str, floor: str, name: str, by_id: UUID, now: datetime) -> Room:
    """Return a new room. Audited.

    :raises RoomExists: if the building has one of this name.
    """
    room = Room(site=site, building=building, floor=floor, name=name)
    _save(room, RoomExists(fields={"name": _("Taken.")}))
    audit.record("room.add", on=room, by_id=by_id, now=now, name=room)
    return room


def change_room(*, room: Room, changes: dict[str, Any], by_id: UUID, now: datetime) -> Room:
    """Return the room with `name`, `building` or `floor` changed; the audit keeps what was there before.

    :raises RoomExists: if the building has another one of this name.
    """
    _change("room.change", room, changes, RoomExists(fields={"name": _("Taken.")}), by_id, now)
    return room


def _change(
    act: str, place: Any, changes: dict[str, Any], clash: Conflict, by_id: UUID, now: datetime
) -> None:
    new = {name: value for name, value in changes.items() if value != getattr(place, name)}
    if not new:
        return
    was = {f"was_{name}": getattr(place, name) for name in new}
    for name, value in new.items():
        setattr(place, name, value)
    _save(place, clash, fields=list(new))
    audit.record(act, on=place, by_id=by_id, now=now, **new, **was)


def _save(place: Any, clash: Conflict, fields: list[str] | None = None) -> None:
    try:
        with transaction.atomic():
            place.save(update_fields=fields)
    except IntegrityError:
        raise clash from None
