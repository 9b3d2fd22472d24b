"""What may lie between two standings of a meter's counter; pure. Counters are absolute, energy is a difference."""

from datetime import timedelta
from decimal import Decimal

from meter_gateway.protocol.profiles import Profile

# The register shows six digits before the point, then begins anew (DL/T 645-2007, XXXXXX.XX kWh).
REGISTER_TURNS_AT_KWH = Decimal("1000000.00")
# Two answers a moment apart may have been read further apart than they arrived.
SHORTEST = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


def most_kwh(profile: Profile, elapsed: timedelta) -> Decimal:
    """Return what can pass through this model in that time at most: Imax on every phase at 1.15 Un."""
    counted = max(elapsed, SHORTEST)
    return (
        profile.max_power_kw
        * Decimal(counted // timedelta(seconds=1))
        / Decimal(_HOUR // timedelta(seconds=1))
    )


def used_kwh(before_kwh: Decimal, after_kwh: Decimal, most: Decimal) -> Decimal | None:
    """Return what was used between two standings of one body, at most `most`; a turned register counts on.

    None where nobody can say: the counter was reset, or jumped further than physics allows.
    """
    used = after_kwh - before_kwh
    if used < 0:
        used += REGISTER_TURNS_AT_KWH
    return used if used <= most else None


def jumped(before_kwh: Decimal, after_kwh: Decimal, most: Decimal) -> bool:
    """Say whether a counter rose by more than can have passed. One that fell was reset, and did not jump."""
    return after_kwh > before_kwh and used_kwh(before_kwh, after_kwh, most) is None
