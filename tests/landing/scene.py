"""What happens to a meter and an order, told in one line each; through services where there is one."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount, Payment
from apps.income.platforms.base import PlatformResult
from apps.income.services.channels import open_account
from apps.income.services.payments import Applied, apply_payment_result
from apps.income.services.recharge_ends import settle
from apps.income.states import Channel
from apps.meters.models import Command, CommandEvent, Lease, Meter
from apps.meters.states import CommandState
from apps.readings.models import Reading
from tests.people import House


def read(house: House, *, at: datetime, remaining: str = "12.40", total: str = "1520.25") -> None:
    """The meter said this at `at`."""
    with landlord_scope(house.landlord.pk):
        Reading.objects.create(
            meter=house.meter,
            taken_at=at,
            received_at=at,
            source=Reading.Source.NETWORK,
            device_epoch=1,
            total_kwh=Decimal(total),
            remaining_kwh=Decimal(remaining),
        )


def used_a_day(house: House, *, kwh: str, at: datetime, remaining: str = "12.40") -> None:
    """Two readings a day apart, with so much used between them, by who lives there for longer."""
    with landlord_scope(house.landlord.pk):
        Lease.objects.filter(pk=house.lease.pk).update(starts_at=at - timedelta(days=30))
    read(house, at=at - timedelta(days=1), remaining="99.00", total="1000.00")
    read(house, at=at, remaining=remaining, total=str(Decimal("1000.00") + Decimal(kwh)))


def power(house: House, *, on: bool, at: datetime, reason: str = "") -> None:
    with landlord_scope(house.landlord.pk):
        Meter.objects.filter(pk=house.meter.pk).update(power_on=on, power_reason=reason, power_at=at)


def archive(house: House, *, at: datetime) -> None:
    with landlord_scope(house.landlord.pk):
        Meter.objects.filter(pk=house.meter.pk).update(archived_at=at)


def takes_payments(house: House, book: dict[str, Any], owner: str, *channels: Channel, at: datetime) -> None:
    """The landlord's accounts at the pretend platforms."""
    with landlord_scope(house.landlord.pk):
        for channel in channels:
            entry = next(one for one in book[channel] if one["owner"] == owner)
            open_account(
                channel=channel,
                merchant_id=entry["mchid" if channel == Channel.WECHAT else "seller_id"],
                credentials=entry,
                by_id=house.owner.pk,
                now=at,
            )


def pay(house: House, no: str, *, at: datetime) -> None:
    """The platform proves that this order was paid."""
    with landlord_scope(house.landlord.pk):
        payment = Payment.objects.select_related("account").get(order__no=no)
        account = CollectionAccount.objects.get(pk=payment.account_id)
        result = PlatformResult(
            channel=payment.channel,
            merchant_id=account.merchant_id,
            app_id="",
            out_trade_no=payment.out_trade_no,
            transaction_id=f"T{payment.out_trade_no}",
            state="PAID",
            amount_yuan=payment.amount_yuan,
            currency="CNY",
            paid_at=at,
            payer_id=None,
            evidence={},
        )
        assert apply_payment_result(account=account, result=result, now=at) is Applied.PAID


def send(house: House, *, at: datetime) -> None:
    """The credit's bytes are stored and leave."""
    with landlord_scope(house.landlord.pk):
        command = Command.objects.get(meter=house.meter, kind="CREDIT")
        Command.objects.filter(pk=command.pk).update(
            state=CommandState.SENT, number=1, frames=["68"], purchased_before_kwh=Decimal("0.00")
        )
        CommandEvent.objects.create(command=command, at=at, state=CommandState.SENT, note="credit 1 sent")


def prove(house: House, *, at: datetime, relay_open: bool = False) -> None:
    """The meter's read-back shows the credit, and whether its relay is open."""
    with landlord_scope(house.landlord.pk):
        command = Command.objects.get(meter=house.meter, kind="CREDIT")
        Command.objects.filter(pk=command.pk).update(
            state=CommandState.DONE, final_at=at, result={"relay_open": str(relay_open)}
        )
        settle(command_id=command.pk, now=at)
    power(house, on=not relay_open, at=at, reason="OTHER" if relay_open else "")
