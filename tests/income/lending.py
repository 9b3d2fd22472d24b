"""Li lends energy to her renter, meters prove it or do not, and what is left of it is asked; one line each."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from apps.income import postings
from apps.income.models import Grace, Recharge
from apps.income.postings import Asset
from apps.income.services.ledger import balance
from apps.income.services.recharge_ends import settle
from apps.income.services.recharges import recharge_by_member
from apps.income.services.switching import switch
from apps.income.states import RechargeKind
from apps.meters.models import Command, Meter
from tests.people import NOON, House

NOTHING = (Decimal(0), Decimal(0))


def switched_on(
    house: House,
    grace_kwh: str | None = "2.00",
    *,
    remaining_kwh: str = "0.00",
    reason: str = "the shop is closed",
    now: datetime = NOON,
    by_id: UUID | None = None,
    meter: Meter | None = None,
) -> Command:
    return switch(
        meter=meter or house.meter,
        on=True,
        reason=reason,
        by_id=by_id or house.owner.pk,
        now=now,
        remaining_kwh=Decimal(remaining_kwh),
        grace_kwh=None if grace_kwh is None else Decimal(grace_kwh),
    )


def prove(command_id: UUID, *, now: datetime = NOON) -> None:
    """The meter shows the credit in its purchase record."""
    Command.objects.filter(pk=command_id).update(state="DONE", final_at=now)
    settle(command_id=command_id, now=now)


def lent(house: House, grace_kwh: str = "2.00", *, now: datetime = NOON) -> Grace:
    """A grace that the meter has proved."""
    command = switched_on(house, grace_kwh, now=now)
    prove(command.pk, now=now)
    return Grace.objects.get(recharge__command=command)


def cash(house: House, amount_yuan: str, *, now: datetime = NOON) -> Recharge:
    return recharge_by_member(
        meter=house.meter,
        kind=RechargeKind.CASH,
        amount_yuan=Decimal(amount_yuan),
        energy_kwh=None,
        reason="at the door",
        by_id=house.owner.pk,
        now=now,
    )


def owed(holder: str) -> tuple[Decimal, Decimal]:
    """What the ledger says is owed: kWh, and what it was worth in yuan."""
    account = postings.grace(holder)
    return balance(Asset.KWH, account), balance(Asset.CNY, account)
