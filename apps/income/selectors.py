"""What came in, from the books."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, DecimalField, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from apps.accounts.models import Landlord
from apps.common.scoping import current_landlord_id
from apps.income import postings
from apps.income.models import CollectionAccount, FapiaoRequest, Order, Payment, Posting, Recharge, Refund
from apps.income.receipts import Fapiao, Receipt, RefundLine
from apps.income.states import (
    GOES_BACK,
    HOLDS_MONEY,
    Channel,
    CheckState,
    PaymentState,
    RechargeState,
    RefundState,
    Seal,
)

_FEN = Decimal("0.01")

# Of the end of an account's certificate.
WARN_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class ChannelIncome:
    """What payers paid through one channel, in how many payments, and what of it reaches the bank.

    Net is gross less what went back to payers and less what the channel kept.
    """

    channel: str
    gross_yuan: Decimal
    payments: int
    refunded_yuan: Decimal
    fee_yuan: Decimal

    @property
    def net_yuan(self) -> Decimal:
        return self.gross_yuan - self.refunded_yuan - self.fee_yuan


@dataclass(frozen=True)
class Income:
    """The income of a period `[since, until)`; cash a member took by hand is told apart from channels."""

    since: datetime | None
    until: datetime | None
    channels: tuple[ChannelIncome, ...]
    gross_yuan: Decimal
    cash_yuan: Decimal

    @property
    def refunded_yuan(self) -> Decimal:
        return sum((channel.refunded_yuan for channel in self.channels), Decimal("0.00"))

    @property
    def fee_yuan(self) -> Decimal:
        return sum((channel.fee_yuan for channel in self.channels), Decimal("0.00"))

    @property
    def net_yuan(self) -> Decimal:
        return sum((channel.net_yuan for channel in self.channels), Decimal("0.00"))


def income_of(since: datetime | None, until: datetime | None) -> Income:
    """Return what the books say came in within `[since, until)`, exact to the fen; every channel is named.

    An event belongs to the moment it was booked. None leaves an end open.
    """
    accounts = {
        postings.channel_account(pk): channel
        for pk, channel in CollectionAccount.objects.values_list("pk", "channel")
    }
    gross = dict.fromkeys((channel.value for channel in Channel), (Decimal(0), 0))
    for source, amount_yuan, entries in _came_in(accounts, since, until):
        so_far_yuan, so_many = gross[accounts[source]]
        gross[accounts[source]] = (so_far_yuan + amount_yuan, so_many + entries)
    fees = {
        postings.channel_fee(pk): channel
        for pk, channel in CollectionAccount.objects.values_list("pk", "channel")
    }
    back = _by_channel(accounts, "destination", since, until)
    kept = _by_channel(fees, "source", since, until)
    given = _by_channel(fees, "destination", since, until)
    nothing = Decimal(0)
    channels = tuple(
        ChannelIncome(
            channel=channel,
            gross_yuan=amount_yuan.quantize(_FEN),
            payments=entries,
            refunded_yuan=back.get(channel, nothing).quantize(_FEN),
            fee_yuan=(kept.get(channel, nothing) - given.get(channel, nothing)).quantize(_FEN),
        )
        for channel, (amount_yuan, entries) in gross.items()
    )
    cash_yuan = sum((row[1] for row in _came_in([postings.CASH], since, until)), Decimal(0))
    return Income(
        since=since,
        until=until,
        channels=channels,
        gross_yuan=sum((channel.gross_yuan for channel in channels), Decimal("0.00")),
        cash_yuan=cash_yuan.quantize(_FEN),
    )


def _by_channel(
    accounts: dict[str, str], side: str, since: datetime | None, until: datetime | None
) -> dict[str, Decimal]:
    """Return what moved out of (`source`) or into (`destination`) these accounts of the books, by channel."""
    rows = Posting.objects.filter(asset=postings.Asset.CNY, **{f"{side}__in": list(accounts)})
    rows = _within(rows, since, until)
    found: dict[str, Decimal] = {}
    for account, amount_yuan in rows.values(side).annotate(sum=Sum("amount")).values_list(side, "sum"):
        channel = accounts[account]
        found[channel] = found.get(channel, Decimal(0)) + amount_yuan
    return found


def _within(rows: "QuerySet[Posting]", since: datetime | None, until: datetime | None) -> "QuerySet[Posting]":
    if since is not None:
        rows = rows.filter(entry__happened_at__gte=since)
    return rows if until is None else rows.filter(entry__happened_at__lt=until)


def _came_in(
    sources: Iterable[str], since: datetime | None, until: datetime | None
) -> "QuerySet[Posting, tuple[str, Decimal, int]]":
    rows = Posting.objects.filter(asset=postings.Asset.CNY, source__in=list(sources))
    rows = _within(rows, since, until)
    return (
        rows.values("source")
        .annotate(sum=Sum("amount"), entries=Count("entry", distinct=True))
        .values_list("source", "sum", "entries")
    )


def payment_shown(order: Order) -> Payment:
    """Return the payment that stands for an order: the one that bought energy, else the newest."""
    payment: Payment = order.payments.order_by(F("recharge").asc(nulls_last=True), "-id")[0]
    return payment


def receipt_of(payment: Payment) -> Receipt | None:
    """Return the receipt of a payment, None while it is not paid."""
    if payment.state != PaymentState.PAID or payment.paid_at is None:
        return None
    order = Order.objects.select_related("meter__room__site").get(pk=payment.order_id)
    recharge = Recharge.objects.exclude(state=RechargeState.CANCELLED).filter(payment=payment).first()
    asked = FapiaoRequest.objects.filter(payment=payment).first()
    nothing = Decimal("0")
    return Receipt(
        number=payment.out_trade_no,
        platform_number=payment.transaction_id,
        channel=payment.channel,
        landlord_name=Landlord.objects.values_list("name", flat=True).get(pk=current_landlord_id()),
        place=order.place or f"{order.meter.room.site.name} {order.meter.room}",
        meter_serial=order.meter.serial,
        time_zone=order.meter.room.site.time_zone,
        ordered_at=order.created_at,
        paid_at=payment.paid_at,
        credited_at=recharge.credited_at if recharge else None,
        amount_yuan=payment.amount_yuan,
        price_yuan_per_kwh=order.price_yuan_per_kwh,
        energy_kwh=recharge.bought_kwh if recharge else nothing,
        repaid_kwh=recharge.repaid_kwh if recharge else nothing,
        carried_in_yuan=recharge.carried_in_yuan if recharge else nothing,
        carried_out_yuan=recharge.carried_out_yuan if recharge else nothing,
        refunds=tuple(
            RefundLine(refund.out_refund_no, refund.amount_yuan, refund.done_at)
            for refund in payment.refunds.filter(state__in=sorted(GOES_BACK)).order_by("id")
        ),
        fapiao=Fapiao(
            asked.buyer_title, asked.buyer_tax_no, asked.number, asked.requested_at, asked.issued_at
        )
        if asked
        else None,
    )


def payments_in_review() -> QuerySet[Payment]:
    """Return the payments a person has to look at, oldest first: they do not agree with their order, and nothing was
    credited for them; or their refund came to no end of its own, or was given up by its platform, and nobody has
    asked for that money again.
    """
    stuck = Refund.objects.filter(payment=OuterRef("pk"), state=RefundState.REVIEW)
    given_up = Refund.objects.filter(payment=OuterRef("pk"), state=RefundState.CLOSED)
    return (
        Payment.objects.annotate(
            idle_yuan=F("amount_yuan")
            - _sum_of(Refund.objects.filter(state__in=sorted(HOLDS_MONEY)))
            - _sum_of(Recharge.objects.exclude(state=RechargeState.CANCELLED))
        )
        .filter(
            Q(state=PaymentState.REVIEW)
            | ~Q(review_reason="")
            | Exists(stuck)
            | (Exists(given_up) & Q(state=PaymentState.PAID, idle_yuan__gt=0))
        )
        .select_related("order__meter__room")
        .order_by("id")
    )


def _sum_of(rows: "QuerySet[Any]") -> Coalesce:
    """What these rows of a payment come to, yuan, 0 where there are none; for use within a question about payments."""
    sums = rows.filter(payment=OuterRef("pk")).order_by().values("payment").annotate(sum=Sum("amount_yuan"))
    return Coalesce(Subquery(sums.values("sum")), Value(Decimal(0)), output_field=DecimalField())


def can_be_paid() -> bool:
    """Say whether a renter has any channel to pay through."""
    return CollectionAccount.objects.filter(is_active=True).exists()


def accounts_to_look_at(now: datetime) -> list[CollectionAccount]:
    """Return the accounts a landlord has to do something about: one in force whose keys do not match, whose transfers
    stand still, or whose certificate ends within 30 days.
    """
    rows = CollectionAccount.objects.filter(
        Q(is_active=True)
        & (
            Q(check_state=CheckState.MISMATCH)
            | Q(check_said=Seal.WRONG)
            | ~Q(settling_stopped="")
            | Q(certificate_ends_at__lte=now + WARN_BEFORE)
        )
    )
    return list(rows.order_by("id"))
