"""Add a meter out of the form: what was typed is checked first, and a form sent twice adds one meter."""

from datetime import datetime
from uuid import UUID

from apps.common.scoping import landlord_scope
from apps.landing.adding import NamedRoom, add_meter
from apps.landing.desk.once import do_once
from apps.landing.join.typed import MeterForm, plain
from apps.meters.services import claiming
from apps.meters.services.registry import MeterTaken


def add_typed_meter(*, landlord_id: UUID, by_id: UUID, form: MeterForm, key: str, now: datetime) -> str:
    """Return the QR token of the landlord's new meter. A form with the same key and meter, sent again, changes nothing.

    :raises Refused: and nothing was written.
    """
    form.check()
    price_yuan_per_kwh = form.price()
    token, serial = form.device()
    stocked = claiming.find_claimable(
        qr_token=token, serial=serial, claim_code=plain(form.claim_code), now=now
    )
    room = NamedRoom(name=form.room, building=form.building, floor=form.floor, site_name=form.site)

    def act() -> None:
        add_meter(stocked=stocked, room=room, price_yuan_per_kwh=price_yuan_per_kwh, by_id=by_id, now=now)

    try:
        with landlord_scope(landlord_id):
            do_once(user_id=by_id, key=f"{key}:{stocked.serial}", act=act, now=now)
    except MeterTaken as refusal:
        # The form's field for the device is the number people type.
        raise MeterTaken(refusal.detail, fields={"number": next(iter(refusal.fields.values()))}) from None
    return stocked.qr_token
