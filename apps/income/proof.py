"""The daily proof: what a meter says it was ever given, against what the ledger gave it; pure."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

# Above this part of a fleet it is our own reading that is wrong, not the meters.
MOST_PERCENT = 5


@dataclass(frozen=True)
class Figures:
    """One meter's side and ours, in kWh, for its present body.

    :param shown_kwh: its cumulative purchased energy, as read. :param opening_kwh: the same when we first knew it.
    :param booked_kwh: what the ledger has given it, with what is proved and not booked yet.
    :param under_way_kwh: the numbered credit that is not proved, which may be in the meter or not; 0 for none.
    """

    meter_id: UUID
    landlord_id: UUID
    shown_kwh: Decimal
    opening_kwh: Decimal
    booked_kwh: Decimal
    under_way_kwh: Decimal
    is_frozen: bool

    @property
    def difference_kwh(self) -> Decimal:
        """What the meter has more than the ledger; below zero if it has less, 0 if they agree."""
        more = self.shown_kwh - self.opening_kwh - self.booked_kwh
        return Decimal(0) if more == self.under_way_kwh else more


def is_our_own_fault(*, compared: int, differing: int) -> bool:
    """Say whether so many of a fleet differ at once that nothing may be frozen on it.

    :param differing: those that were not frozen before.
    """
    return differing > 1 and differing * 100 > compared * MOST_PERCENT
