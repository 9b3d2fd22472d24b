"""A landlord makes a device hers: the QR code says which, the card in the box proves that it is hers to claim."""

import hashlib
import hmac
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from apps.common.errors import Forbidden, Refused
from apps.common.ids import readable_code
from apps.common.scoping import sees_all_sites
from apps.meters.models import Meter, Room, Site, StockedMeter, StockEvent
from apps.meters.services import acts, commands, registry

TRIES = 10
BLOCKED_FOR = timedelta(hours=1)
CODE_LENGTH = 10


class ClaimRefused(Refused):
    """Unknown, barred or wrong code: one answer for all three, so that guessing learns nothing."""

    code = "claim_refused"
    status = 404
    detail = _("No meter fits this number and claim code. Check both; the code is on the card in the box.")


class SiteNotSeen(Forbidden):
    """She sees some sites only, and this is none of them: there, or yet to be made."""

    code = "sites_limited"
    detail = _("This is none of the sites you may see; choose one of them, or ask the owner.")

    def __init__(self) -> None:
        super().__init__(fields={"site": _("None of yours.")})


class ClaimBlocked(Refused):
    code = "claim_blocked"
    status = 429
    detail = _("Too many wrong codes for this meter; try again in an hour.")


def set_claim_code(*, stocked: StockedMeter, now: datetime, by_id: UUID | None = None) -> str:
    """Give a stocked device a new claim code and return it, this once; it goes on the card in the box. A line says who
    did.
    """
    code = readable_code(CODE_LENGTH)
    with transaction.atomic():
        StockedMeter.objects.filter(pk=stocked.pk).update(
            claim_code_hash=code_hash(stocked.serial, code), claim_tries=0, claim_blocked_until=None
        )
        registry.note_stock([stocked], StockEvent.Act.CARD, by_id=by_id, now=now)
    return code


def find_claimable(*, qr_token: str, serial: str, claim_code: str, now: datetime) -> StockedMeter:
    """Return the stocked device behind a QR token or a serial, if the claim code is its own.

    A wrong code is counted outside any scope, so that the count survives the refusal; ten block for an hour.

    :raises ClaimRefused, ClaimBlocked: as they say.
    """
    rows = StockedMeter.objects.filter(barred_at=None).exclude(claim_code_hash="")
    stocked = (rows.filter(qr_token=qr_token) if qr_token else rows.filter(serial=serial)).first()
    if stocked is None:
        raise ClaimRefused(fields={"claim_code": _("Does not fit.")})
    if stocked.claim_blocked_until and stocked.claim_blocked_until > now:
        raise ClaimBlocked(fields={"claim_code": _("Blocked for a while.")})
    plain = claim_code.strip().upper().replace("-", "").replace(" ", "")
    if hmac.compare_digest(code_hash(stocked.serial, plain), stocked.claim_code_hash):
        return stocked
    StockedMeter.objects.filter(pk=stocked.pk).update(claim_tries=F("claim_tries") + 1)
    StockedMeter.objects.filter(pk=stocked.pk, claim_tries__gte=TRIES).update(
        claim_tries=0, claim_blocked_until=now + BLOCKED_FOR
    )
    raise ClaimRefused(fields={"claim_code": _("Does not fit.")})


def claim_meter(*, stocked: StockedMeter, room: Room, by_id: UUID, now: datetime) -> Meter:
    """Return the landlord's meter made of a device whose claim was checked, and ask it for its first reading.

    That reading proves count, purchased energy and opening registers before any credit is numbered. A model that
    is delivered without an account has it opened, before any recharge. Audited.

    Locks the device first, so that it is either claimed or barred, never both.

    :raises MeterTaken: if it is somebody's already, also this landlord's. :raises ClaimRefused: barred meanwhile.
    """
    if not StockedMeter.objects.filter(pk=stocked.pk, barred_at=None).update(claim_tries=0):
        raise ClaimRefused(fields={"claim_code": _("Does not fit.")})
    meter = registry.hang_meter(stocked=stocked, room=room, by_id=by_id, now=now)
    commands.ask_read(meter=meter, by_id=by_id, now=now)
    acts.open_account_where_wanted(meter=meter, by_id=by_id, now=now)
    return meter


def find_or_make_room(*, site: Site | None, site_name: str, building: str, floor: str, name: str) -> Room:
    """Return the room of this name, made if it is new; without a site it goes to the landlord's first, or a new one.

    :raises SiteNotSeen: if a new one would be made by who sees some sites only.
    """
    name = name.strip()
    if not name:
        raise Refused(
            _("Say which room the meter is in."), code="room_missing", fields={"room": _("Required.")}
        )
    if site is None:
        site = Site.objects.filter(name=site_name.strip()).first() if site_name.strip() else None
        site = site or (None if site_name.strip() else Site.objects.order_by("id").first())
        if site is None and not sees_all_sites():
            raise SiteNotSeen()
        site = site or Site.objects.create(name=site_name.strip() or str(_("My rooms")))
    room, _is_new = Room.objects.get_or_create(
        site=site, building=building.strip(), name=name, defaults={"floor": floor.strip()}
    )
    return room


def code_hash(serial: str, code: str) -> str:
    """Return what is kept of a claim code: keyed, so that the table alone does not let anybody try codes."""
    return hmac.new(
        settings.SECRET_KEY.encode(), f"claim:{serial}:{code}".encode(), hashlib.sha256
    ).hexdigest()
