"""What stands beside a meter's figures: its commands' lives, its last recharges, its QR code, its next price."""

from typing import Any

import segno
from django.conf import settings
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.income.models import Recharge
from apps.landing.desk import words
from apps.meters.models import Meter
from apps.meters.states import OPEN
from apps.tariffs.selectors import next_price


def told(command: Any, events: list[Any], is_online: bool, now: Any) -> dict[str, Any]:
    return {
        "id": command.pk,
        "is_open": command.state in OPEN,
        "kind": words.command_kind(command.kind),
        "energy": words.energy(command.energy_kwh) if command.energy_kwh is not None else "",
        "by": command.requested_by or "",
        "when": words.moment(command.created_at, now),
        "reason": command.reason,
        "steps": words.command_life(command.state, command.created_at, events, is_online),
    }


def recharges(meter: Meter, now: Any) -> list[dict[str, Any]]:
    rows = Recharge.objects.filter(meter=meter).order_by("-id")[:5]
    return [
        {
            "when": words.moment(row.created_at, now),
            "kind": row.get_kind_display(),
            "amount": words.money(row.amount_yuan) if row.amount_yuan else "",
            "energy": words.energy(row.bought_kwh),
            "repaid": words.energy(row.repaid_kwh) if row.repaid_kwh else "",
            "state": row.get_state_display(),
        }
        for row in rows
    ]


def coming_price(meter: Meter, now: Any) -> str:
    coming = next_price(meter, now)
    if coming is None:
        return ""
    return _("%(price)s from %(when)s") % {
        "price": words.price(coming.price_yuan_per_kwh),
        "when": words.moment(coming.active_from, now),
    }


def qr(meter: Meter) -> dict[str, Any]:
    address = f"{settings.PUBLIC_BASE_URL}/q/{meter.qr_token}"
    drawing = segno.make(address, error="m", micro=False).svg_inline(scale=4, border=2, omitsize=True)
    return {
        "svg": SafeString(drawing),
        "address": address,
        "svg_url": f"/api/v1/meters/{meter.pk}/qr.svg",
        "png_url": f"/api/v1/meters/{meter.pk}/qr.png",
        "label_url": f"/api/v1/meters/labels.pdf?ids={meter.pk}",
    }
