"""Add a meter out of the form: what was typed is checked first, and a form sent twice adds one meter."""

from datetime import datetime

from apps.accounts.models import Member
from apps.accounts.selectors import scope_of
from apps.landing.adding import NamedRoom, add_meter
from apps.landing.desk.once import do_once
from apps.landing.join.typed import MeterForm, plain
from apps.meters.services import claiming
from apps.meters.services.registry import MeterTaken


def add_typed_meter(*, member: Member, form: MeterForm, key: str, now: datetime) -> str:
    """Return the QR token of the landlord's new meter. A form with the same key and meter, sent again, changes nothing.

    :raises Refused: and nothing was written.
    """
    form.check()
    price_yuan_per_kwh = form.price()
    token, serial = form.device()
    by_id = member.user_id
    stocked = claiming.find_claimable(
        qr_token=token, serial=serial, claim_code=plain(form.claim_code), now=now
    )
    room = NamedRoom(name=form.room, building=form.building, floor=form.floor, site_name=form.site)

    def act() -> None:
        add_meter(stocked=stocked, room=room, price_yuan_per_kwh=price_yuan_per_kwh, by_id=by_id, now=now)

    try:
        with scope_of(member):
            do_once(user_id=by_id, key=f"{key}:{stocked.serial}", act=act, now=now)
    except MeterTaken as refusal:
        # The form's field for the device is the number people type.
        raise MeterTaken(refusal.detail, fields={"number": next(iter(refusal.fields.values()))}) from None
    return stocked.qr_token
