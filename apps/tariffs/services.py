"""Set a price."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, Refused
from apps.meters.models import Meter
from apps.tariffs.models import Price
from apps.tariffs.pricing import PRICE_STEP

HIGHEST_PRICE = Decimal("99.9999")


class PriceInvalid(Refused):
    code = "price_invalid"
    status = 400
    detail = _("A price is more than 0, at most 99.9999 yuan per kWh, with at most four decimals.")


class PriceStartsInThePast(Refused):
    code = "price_starts_in_the_past"
    detail = _("A price cannot start in the past; leave the start empty for now.")


def refuse_past_start(active_from: datetime, *, now: datetime) -> None:
    """Let a start pass that a member may ask for; a minute is what a form takes on its way.

    :raises PriceStartsInThePast: if the price would have held already.
    """
    if active_from < now - timedelta(minutes=1):
        raise PriceStartsInThePast(fields={"active_from": _("In the past.")})


def set_price(
    *, meter: Meter, price_yuan_per_kwh: Decimal, active_from: datetime, by_id: UUID | None, now: datetime
) -> Price:
    """Return the price that holds from `active_from` on; energy bought before keeps its price. Audited.

    :raises PriceInvalid: if the price is not one. :raises Conflict: if one starts at that instant already.
    """
    exact = price_yuan_per_kwh.is_finite() and price_yuan_per_kwh == price_yuan_per_kwh.quantize(PRICE_STEP)
    if not exact or not 0 < price_yuan_per_kwh <= HIGHEST_PRICE:
        raise PriceInvalid(fields={"price_yuan_per_kwh": _("Not a price.")})
    try:
        with transaction.atomic():
            price = Price.objects.create(
                meter=meter,
                price_yuan_per_kwh=price_yuan_per_kwh,
                active_from=active_from,
                set_by_id=by_id,
                set_at=now,
            )
    except IntegrityError:
        raise Conflict(
            _("Another price starts at that very moment; choose another start."),
            code="price_exists",
            fields={"active_from": _("Taken.")},
        ) from None
    audit.record(
        "price.set", on=meter, by_id=by_id, now=now, price=price_yuan_per_kwh, active_from=active_from
    )
    return price
