"""What we have on record for a bill's day: payments, refunds, credits, meters; and the bill held against it."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet, Sum

from apps.common.platforms import BEIJING
from apps.income import postings
from apps.income.models import BillDay, BillRow, CollectionAccount, Payment, Recharge, Refund
from apps.income.platforms.base import Bill, LineKind
from apps.income.reconciliation import (
    CreditSeen,
    Finding,
    MeterSeen,
    PaymentSeen,
    RefundSeen,
    hold_together,
)
from apps.income.services.ledger import balance
from apps.income.states import HOLDS_MONEY, PaymentState, RechargeState, RefundState, RefundWay
from apps.meters.models import Command, Meter
from apps.meters.states import CREDIT_KINDS, OPEN, CommandState

# Energy that is younger than this may still be on its way.
_DELIVERED_WITHIN = timedelta(hours=1)
_FEN = Decimal("0.01")


def compared(
    account: CollectionAccount, bill: BillDay, told: Bill, now: datetime, fresh: frozenset[UUID] = frozenset()
) -> list[Finding]:
    """Return what differs between a bill and our records; inside the landlord's scope, writes nothing.

    :param fresh: payments booked just now, whose energy is only beginning its way.
    """
    payments = payments_of(account, told)
    seen = [_seen(payment, told.day) for payment in payments]
    belonging = [payment for payment in payments if belongs_to(payment, told.day)]
    return hold_together(
        merchant_id=account.merchant_id,
        lines=told.lines,
        payments=seen,
        refunds=refunds_of(account, bill, told),
        credits=_credits(belonging),
        meters=_meters(belonging, told.day),
        strangers_are_expected=not account.can.funds_direct,
        too_young=fresh | _young(belonging, now),
    )


def _young(belonging: list[Payment], now: datetime) -> set[UUID]:
    """Payments that were told, or whose energy set out, only just now."""
    since = now - _DELIVERED_WITHIN
    young = Recharge.objects.filter(payment__in=belonging, created_at__gt=since).values_list(
        "payment_id", flat=True
    )
    just_paid = {payment.pk for payment in belonging if payment.paid_at and payment.paid_at > since}
    return just_paid | {payment_id for payment_id in young if payment_id}


def of_merchant(account: CollectionAccount) -> Q:
    """Rows of every key set of the same merchant: keys change, the account at the platform does not."""
    return Q(
        account__channel=account.channel,
        account__merchant_id=account.merchant_id,
        account__strategy=account.strategy,
    )


def payments_of(account: CollectionAccount, told: Bill) -> list[Payment]:
    """Return the payments a bill names, and those that were paid on its day."""
    since, until = _bounds(told.day)
    numbers = {line.out_trade_no for line in told.lines}
    asked = Q(out_trade_no__in=numbers) | Q(state=PaymentState.PAID, paid_at__gte=since, paid_at__lt=until)
    return list(
        Payment.objects.filter(of_merchant(account), asked)
        .select_related("order", "account")
        .annotate(
            giving_yuan=Sum("refunds__amount_yuan", filter=Q(refunds__state__in=sorted(HOLDS_MONEY))),
            paid_for_order=Count(
                "order__payments",
                filter=Q(order__payments__state=PaymentState.PAID),
                distinct=True,
            ),
            has_recharge=Count("recharge", distinct=True),
        )
        .order_by("id")
    )


def _bounds(day: date) -> tuple[datetime, datetime]:
    since = datetime(day.year, day.month, day.day, tzinfo=BEIJING)
    return since, since + timedelta(days=1)


def belongs_to(payment: Payment, day: date) -> bool:
    """Say whether it was paid on this day of Beijing's."""
    return payment.paid_at is not None and payment.paid_at.astimezone(BEIJING).date() == day


def _seen(payment: Any, day: date) -> PaymentSeen:
    return PaymentSeen(
        id=payment.pk,
        out_trade_no=payment.out_trade_no,
        transaction_id=payment.transaction_id,
        state=payment.state,
        amount_yuan=payment.amount_yuan,
        belongs=belongs_to(payment, day),
        is_second=payment.paid_for_order > 1 and not payment.has_recharge,
        is_given_back=(payment.giving_yuan or 0) >= payment.amount_yuan,
    )


def refunds_of(account: CollectionAccount, bill: BillDay, told: Bill) -> list[RefundSeen]:
    """Refunds the bill names, and those that ended on its day: the platform's moment lies between asking and ending."""
    since, until = _bounds(told.day)
    numbers = {line.out_refund_no for line in told.lines if line.out_refund_no}
    rows = Refund.objects.filter(
        Q(out_refund_no__in=numbers)
        | Q(state=RefundState.DONE, way=RefundWay.CHANNEL, done_at__gte=since, done_at__lt=until),
        payment__in=Payment.objects.filter(of_merchant(account)).values("pk"),
    ).select_related("payment")
    earlier = _bills_of(account).exclude(pk=bill.pk).filter(state=BillDay.State.TAKEN)
    on_earlier = set(
        BillRow.objects.filter(bill__in=earlier.values("pk"), kind=LineKind.REFUND)
        .values_list("out_refund_no", flat=True)
        .filter(out_refund_no__in=[row.out_refund_no for row in rows])
    )
    compared = set(earlier.values_list("day", flat=True))
    seen = []
    for row in rows:
        first = row.created_at.astimezone(BEIJING).date()
        asked_days = {first + timedelta(days=n) for n in range(max((told.day - first).days, 0))}
        ended = row.done_at is not None and since <= row.done_at < until
        belongs = ended and row.out_refund_no not in on_earlier and asked_days <= compared
        seen.append(
            RefundSeen(
                id=row.pk,
                payment_id=row.payment_id,
                out_trade_no=row.payment.out_trade_no,
                out_refund_no=row.out_refund_no,
                state=row.state,
                amount_yuan=row.amount_yuan,
                belongs=belongs,
                is_held=bool(row.finish_way) or row.evidence.get("status") == "ABNORMAL",
            )
        )
    return seen


def _bills_of(account: CollectionAccount) -> "QuerySet[BillDay]":
    return BillDay.objects.filter(of_merchant(account))


def _credits(belonging: list[Payment]) -> list[CreditSeen]:
    rows = Recharge.objects.filter(payment__in=belonging).select_related("command", "meter")
    return [
        CreditSeen(
            payment_id=row.payment_id,
            meter_id=row.meter_id,
            state=row.state,
            is_proved=row.state == RechargeState.CREDITED or row.command.state == CommandState.DONE,
            why="FROZEN" if row.meter.frozen else row.command.state,
        )
        for row in rows
        if row.payment_id is not None
    ]


def _meters(belonging: list[Payment], day: date) -> list[MeterSeen]:
    """Meters whose newest payment, of any account, is one of these: so each difference is told on one bill only."""
    since, until = _bounds(day)
    paid_through = {payment.order.meter_id for payment in belonging}
    newest = dict(
        Payment.objects.filter(
            order__meter__in=paid_through, state=PaymentState.PAID, paid_at__lt=until, paid_at__gte=since
        )
        .values_list("order__meter")
        .annotate(Max("paid_at"))
    )
    seen = []
    for payment in belonging:
        meter = Meter.objects.get(pk=payment.order.meter_id)
        if newest.get(meter.pk) != payment.paid_at:
            continue
        if meter.purchased_kwh is None or meter.opening_purchased_kwh is None or _unproved(meter):
            continue
        waiting = Recharge.objects.filter(
            meter=meter,
            state=RechargeState.OPEN,
            command__state=CommandState.DONE,
            command__device_epoch=meter.device_epoch,
        ).aggregate(sum=Sum("energy_kwh"))["sum"] or Decimal(0)
        booked = balance(postings.Asset.KWH, postings.meter_energy(meter.pk, meter.device_epoch)) + waiting
        seen.append(
            MeterSeen(
                meter_id=meter.pk,
                payment_id=payment.pk,
                proved_kwh=meter.purchased_kwh - meter.opening_purchased_kwh,
                booked_kwh=booked.quantize(_FEN),
            )
        )
    return seen


def _unproved(meter: Meter) -> bool:
    """Whether a credit's bytes are stored and its end is not known: until then nobody can compare."""
    return Command.objects.filter(
        meter=meter, kind__in=sorted(CREDIT_KINDS), state__in=sorted(OPEN), number__isnull=False
    ).exists()
