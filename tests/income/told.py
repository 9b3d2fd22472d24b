"""A payment of one house that waits, and what a platform says of it: without any platform, for tests of the books."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from apps.income.models import CollectionAccount, Order, Payment
from apps.income.platforms.base import PlatformResult
from apps.income.services.channels import open_account
from apps.income.services.orders import quote_for
from apps.income.services.payments import Applied, apply_payment_result
from apps.income.states import Channel, PaymentState
from tests.people import NOON, House

SOON = NOON + timedelta(seconds=8)


def account_of(house: House) -> CollectionAccount:
    found = CollectionAccount.objects.filter(is_active=True).first()
    return found or open_account(
        channel=Channel.WECHAT,
        merchant_id=f"16000000{house.meter.serial[-4:]}",
        credentials={"mchid": "1"},
        by_id=house.owner.pk,
        now=NOON,
    )


def waiting_payment(house: House, no: str, amount: str = "50.00") -> Payment:
    account = account_of(house)
    order = Order.objects.create(
        no=no,
        meter=house.meter,
        lease=house.lease,
        channel=Channel.WECHAT,
        amount_yuan=Decimal(amount),
        price_yuan_per_kwh=Decimal("0.6500"),
        quoted_energy_kwh=quote_for(house.meter, Decimal(amount), NOON).energy_kwh,
        created_at=NOON,
        expires_at=NOON + timedelta(minutes=30),
    )
    return Payment.objects.create(
        order=order,
        account=account,
        channel=Channel.WECHAT,
        out_trade_no=f"{no}01",
        amount_yuan=Decimal(amount),
        state=PaymentState.PENDING,
        created_at=NOON,
    )


def told_of(payment: Payment, **changes: Any) -> PlatformResult:
    paid = PlatformResult(
        channel="wechat",
        merchant_id=payment.account.merchant_id,
        app_id="wx1",
        out_trade_no=payment.out_trade_no,
        transaction_id=f"42{payment.out_trade_no}",
        state="PAID",
        amount_yuan=payment.amount_yuan,
        currency="CNY",
        paid_at=SOON,
        payer_id=None,
        evidence={},
    )
    return replace(paid, **changes)


def tell(payment: Payment, **changes: Any) -> Applied:
    """The platform says that it was paid, or whatever `changes` make of that."""
    return apply_payment_result(account=payment.account, result=told_of(payment, **changes), now=SOON)
