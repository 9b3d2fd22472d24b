"""How long the energy will last; pure."""

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

# Half a day of use says little about a night; more than a year ahead nobody plans.
SHORTEST_SPAN = timedelta(hours=12)
LONGEST_DAYS = 365
_DAY_S = 86_400


def days_left(
    *,
    remaining_kwh: Decimal,
    total_kwh: Decimal,
    read_at: datetime,
    earlier_total_kwh: Decimal,
    earlier_read_at: datetime,
) -> int | None:
    """Return for how many whole days the energy lasts at the pace between two readings.

    None where nothing honest can be said: too short a span, nothing used, nothing left, or more than a year.
    """
    span = read_at - earlier_read_at
    used_kwh = total_kwh - earlier_total_kwh
    if span < SHORTEST_SPAN or used_kwh <= 0 or remaining_kwh <= 0:
        return None
    span_s = Decimal(span // timedelta(seconds=1))
    days = int((remaining_kwh * span_s / (used_kwh * _DAY_S)).to_integral_value(ROUND_DOWN))
    return days if days <= LONGEST_DAYS else None
