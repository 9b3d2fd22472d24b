"""An order of fifty yuan as the renter's page leaves it, without asking any platform."""

from datetime import datetime
from decimal import Decimal

from apps.income.models import Order
from tests.people import House


def order_of_fifty(house: House, no: str, *, at: datetime) -> Order:
    """For the meter of this house, at 0.65 yuan; in the open scope of its landlord."""
    return Order.objects.create(
        no=no,
        meter=house.meter,
        lease=house.lease,
        channel="wechat",
        amount_yuan=Decimal("50.00"),
        price_yuan_per_kwh=Decimal("0.6500"),
        quoted_energy_kwh=Decimal("76.92"),
        created_at=at,
        expires_at=at,
    )
