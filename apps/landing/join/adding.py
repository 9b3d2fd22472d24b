"""Add a meter: claim, room and price together or not at all."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts import doors
from apps.common.scoping import landlord_scope
from apps.landing.desk.once import do_once
from apps.landing.join.typed import MeterForm, plain
from apps.meters.models import Meter, StockedMeter
from apps.meters.services import claiming
from apps.meters.services.registry import MeterTaken
from apps.tariffs.services import set_price


def add_meter(*, landlord_id: UUID, by_id: UUID, form: MeterForm, key: str, now: datetime) -> str:
    """Return the QR token of the landlord's new meter, with its room and its price from now on.

    The claim code is checked before any scope, because wrong ones are counted whatever happens; the rest is one
    transaction. A form with the same key and meter, sent again, changes nothing.

    :raises Refused: and nothing was written.
    """
    form.check()
    price_yuan_per_kwh = form.price()
    token, serial = form.device()
    stocked = claiming.find_claimable(
        qr_token=token, serial=serial, claim_code=plain(form.claim_code), now=now
    )

    def act() -> None:
        _refuse_hung(stocked, landlord_id)
        room = claiming.find_or_make_room(
            site=None, site_name=form.site, building=form.building, floor=form.floor, name=form.room
        )
        meter = claiming.claim_meter(stocked=stocked, room=room, by_id=by_id, now=now)
        set_price(meter=meter, price_yuan_per_kwh=price_yuan_per_kwh, active_from=now, by_id=by_id, now=now)

    with landlord_scope(landlord_id):
        do_once(user_id=by_id, key=f"{key}:{stocked.serial}", act=act, now=now)
    return stocked.qr_token


def _refuse_hung(stocked: StockedMeter, landlord_id: UUID) -> None:
    """Say what became of a meter that was claimed before; only its own landlord hears where it hangs."""
    found = doors.open_one(doors.Kind.QR, stocked.qr_token)
    if found is None:
        return
    field = {"number": _("Already added.")}
    if found.landlord_id != landlord_id:
        raise MeterTaken(fields=field)
    meter = Meter.objects.select_related("room").get(pk=found.object_id)
    if meter.archived_at is not None:
        raise MeterTaken(
            _("You removed this meter earlier. Ask the operator to put it back into stock."), fields=field
        )
    raise MeterTaken(
        _("This meter is yours already: room %(room)s. Nothing was changed.") % {"room": meter.room},
        fields=field,
    )
