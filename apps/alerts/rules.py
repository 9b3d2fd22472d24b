"""When to speak and when to stay silent; pure."""

from decimal import Decimal
from enum import Enum

# Energy must rise this far above the threshold before another crossing counts, or a meter that hovers on the
# line would send a message at every half-hour.
MARGIN_KWH = Decimal("1.00")


class Verdict(Enum):
    RAISE = "raise"
    CLEAR = "clear"
    NOTHING = "nothing"


def low_balance(*, remaining_kwh: Decimal, threshold_kwh: Decimal, is_open: bool) -> Verdict:
    """Say what a reading means for the low-balance alert: one message per crossing, armed again after recovery."""
    if not is_open and remaining_kwh < threshold_kwh:
        return Verdict.RAISE
    if is_open and remaining_kwh >= threshold_kwh + MARGIN_KWH:
        return Verdict.CLEAR
    return Verdict.NOTHING


def switched_off(*, power_on: bool | None, is_zero: bool, is_open: bool) -> Verdict:
    """Say what the relay means for the "switched off at zero" alert."""
    if not is_open and power_on is False and is_zero:
        return Verdict.RAISE
    if is_open and power_on:
        return Verdict.CLEAR
    return Verdict.NOTHING
