"""What a payer may keep of a payment: a receipt, which is not a fapiao; pure.

Everything on it is as it was on its day: the price of the order, the place's name when it was ordered.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class RefundLine:
    """Money that went back, or is on its way (`done_at` None)."""

    number: str
    amount_yuan: Decimal
    done_at: datetime | None


@dataclass(frozen=True)
class Fapiao:
    """What was asked for; `number` and `issued_at` once the landlord has made it."""

    buyer_title: str
    buyer_tax_no: str
    number: str
    requested_at: datetime
    issued_at: datetime | None


@dataclass(frozen=True)
class Receipt:
    """One paid payment. Instants are aware UTC, to be shown in `time_zone`.

    :param credited_at: when the meter proved the energy; None while it is on its way.
    :param energy_kwh: what was bought; 0 for a second payment of one order, and where the energy was taken back.
        `repaid_kwh` of it repays energy that was lent before, the rest went into the meter.
    :param carried_in_yuan: the remainder of earlier recharges used here; `carried_out_yuan` what was left for the next.
    :param platform_number: the platform's own number of the payment, by which its bill names it.
    """

    number: str
    platform_number: str
    channel: str
    landlord_name: str
    place: str
    meter_serial: str
    time_zone: str
    ordered_at: datetime
    paid_at: datetime
    credited_at: datetime | None
    amount_yuan: Decimal
    price_yuan_per_kwh: Decimal
    energy_kwh: Decimal
    carried_in_yuan: Decimal
    carried_out_yuan: Decimal
    repaid_kwh: Decimal = Decimal("0.00")
    refunds: tuple[RefundLine, ...] = ()
    fapiao: Fapiao | None = None

    @property
    def spent_yuan(self) -> Decimal:
        """What the energy cost, exact to a millionth of a yuan."""
        return self.energy_kwh * self.price_yuan_per_kwh

    @property
    def refunded_yuan(self) -> Decimal:
        """What has gone back already."""
        return sum((line.amount_yuan for line in self.refunds if line.done_at), Decimal("0.00"))
