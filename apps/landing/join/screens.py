"""What the page after adding a meter shows, in words."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.models import Member
from apps.accounts.roles import Act, may
from apps.income.selectors import can_be_paid
from apps.landing.page import wording
from apps.meters.models import Meter
from apps.meters.selectors import current_lease, is_online
from apps.readings.selectors import latest
from apps.tariffs.selectors import price_at


def added_screen(meter: Meter, member: Member, now: datetime) -> dict[str, Any]:
    """Return the context of the page; inside the landlord's scope."""
    may_let = may(member.role, Act.ARRANGE) and current_lease(meter, now) is None
    reading = latest(meter)
    price = price_at(meter, now)
    zone = meter.room.site.time_zone
    return {
        "room": str(meter.room),
        "site": meter.room.site.name,
        "serial": meter.serial,
        "price": f"{price.price_yuan_per_kwh:.4f}" if price else "",
        "has_company": Meter.objects.filter(room=meter.room, archived_at=None).count() > 1,
        "can_be_paid": can_be_paid(),
        "may_govern": may(member.role, Act.GOVERN),
        "lease_url": reverse("admin:meters_meter_lease", args=[meter.pk]) if may_let else "",
        "is_read": reading is not None,
        "remaining": f"{reading.remaining_kwh:.2f}" if reading else "",
        "total": f"{reading.total_kwh:.2f}" if reading else "",
        "age": wording.age(reading.taken_at, now, zone) if reading else "",
        "state": _state(reading is not None, is_online(meter)),
    }


def _state(is_read: bool, is_heard: bool) -> str:
    if is_read:
        return _("The meter has reported. It is ready.")
    if is_heard:
        return _("The meter is connected and is being read.")
    return _(
        "The meter is not connected yet. Switch it on; its first reading comes by itself, mostly within a minute."
    )
