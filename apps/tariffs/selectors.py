"""Which price holds."""

from datetime import datetime

from apps.meters.models import Meter
from apps.tariffs.models import Price


def price_at(meter: Meter, moment: datetime) -> Price | None:
    """Return the price that holds at `moment`, or None for a meter without one."""
    return Price.objects.filter(meter=meter, active_from__lte=moment).order_by("-active_from").first()


def next_price(meter: Meter, moment: datetime) -> Price | None:
    """Return the price that follows the one of `moment`, or None where none is announced."""
    return Price.objects.filter(meter=meter, active_from__gt=moment).order_by("active_from").first()
