"""Energy that was lent, as the renter's page and the order's page tell it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.income.models import Grace, Order, Recharge
from apps.income.services.graces import grace_of, least_yuan
from apps.income.states import GraceState


@dataclass(frozen=True)
class Lent:
    """Energy lent to whoever rents now: OWED: the next recharge repays it; GIVEN: on its way; REPAYING: coming back."""

    state: str
    energy_kwh: Decimal
    lent_at: datetime

    @property
    def is_owed(self) -> bool:
        return self.state == GraceState.OWED


@dataclass(frozen=True)
class Repays:
    """The part of an order's energy that repays what was lent, and the moment it was lent."""

    energy_kwh: Decimal
    lent_at: datetime


def lent_to(holder: str) -> Lent | None:
    """Return what this holder was lent and has not repaid."""
    return _lent(grace_of(holder))


def _lent(grace: Grace | None) -> Lent | None:
    if grace is None:
        return None
    return Lent(grace.state, grace.energy_kwh, grace.recharge.created_at)


def least_of(
    holder: str, *, minimum_yuan: Decimal, price_yuan_per_kwh: Decimal | None, carried_yuan: Decimal
) -> Decimal:
    """Return the least a renter can pay now: the landlord's minimum, or what repays a debt and leaves some energy."""
    grace = grace_of(holder)
    if grace is None or grace.state != GraceState.OWED or price_yuan_per_kwh is None:
        return minimum_yuan
    least = least_yuan(
        grace, price_yuan_per_kwh=price_yuan_per_kwh, carried_in_yuan=max(carried_yuan, Decimal(0))
    )
    return max(minimum_yuan, least)


def repaid_with(order: Order, recharge: Recharge | None) -> Repays | None:
    """Return what of an order's energy repays: decided once it is paid, before that as quoted, if it still holds."""
    if recharge is not None:
        grace = Grace.objects.select_related("recharge").filter(repaid_by=recharge).first()
        if grace is None:
            return None
        return Repays(grace.energy_kwh, grace.recharge.created_at)
    grace = Grace.objects.select_related("recharge").filter(pk=order.repays_id, state=GraceState.OWED).first()
    return Repays(grace.energy_kwh, grace.recharge.created_at) if grace else None
