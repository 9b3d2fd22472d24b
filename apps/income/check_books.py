"""The books, held against themselves and against the meters; what is wrong is said in words."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum

from apps.income import postings
from apps.income.models import (
    CollectionAccount,
    Grace,
    Payment,
    Payout,
    Posting,
    Recharge,
    Refund,
    Settlement,
)
from apps.income.postings import Asset
from apps.income.services.ledger import balance
from apps.income.states import (
    DEBTS,
    HOLDS_MONEY,
    TRANSFER_UNDER_WAY,
    GraceState,
    PaymentState,
    RechargeKind,
    RechargeState,
    RefundState,
    RefundWay,
    SettlementState,
)
from apps.meters.models import Meter
from apps.meters.states import CommandState


def check_books() -> list[str]:
    """Return what is wrong with the books of the landlord in scope, one sentence each; empty means they hold."""
    return [
        *_recharges(),
        *_payments(),
        *_refunds(),
        *_settlements(),
        *_fees(),
        *_advances(),
        *_remainders(),
        *_energy(),
        *_graces(),
    ]


def _recharges() -> Iterator[str]:
    for recharge in Recharge.objects.select_related("command", "payment").iterator():
        paid = recharge.payment is None or recharge.payment.state == PaymentState.PAID
        if not paid:
            yield f"Recharge {recharge.pk} stands on payment {recharge.payment}, which is not paid."
        done = recharge.command.state == CommandState.DONE
        if recharge.state == RechargeState.CREDITED and not done:
            yield f"Recharge {recharge.pk} is booked as credited, but no meter proved it."
        if recharge.energy_kwh != recharge.command.energy_kwh:
            yield f"Recharge {recharge.pk} and its command name different energies."


def _payments() -> Iterator[str]:
    for payment in Payment.objects.filter(state=PaymentState.PAID, recharge=None, refunds=None).iterator():
        yield f"Payment {payment.out_trade_no} is paid, but nothing was recharged for it."
    taken: dict[str, Decimal] = defaultdict(Decimal)
    for payment in Payment.objects.filter(state=PaymentState.PAID).iterator():
        taken[postings.channel_account(payment.account_id)] += payment.amount_yuan
    through = Refund.objects.filter(state=RefundState.DONE, way=RefundWay.CHANNEL)
    for refund in through.select_related("payment").iterator():
        taken[postings.channel_account(refund.payment.account_id)] -= refund.amount_yuan
    for account, amount in taken.items():
        booked = -balance(Asset.CNY, account)
        if booked != amount:
            yield f"{account}: payments less refunds come to {amount} yuan, the ledger has {booked}."


def _refunds() -> Iterator[str]:
    given: dict[UUID, Decimal] = defaultdict(Decimal)
    holding: dict[UUID, Decimal] = defaultdict(Decimal)
    touched: dict[UUID, Payment] = {}
    for refund in Refund.objects.exclude(state=RefundState.WAITING).select_related("payment").iterator():
        touched[refund.payment_id] = refund.payment
        if refund.state == RefundState.DONE:
            given[refund.payment_id] += refund.amount_yuan
        if refund.state in HOLDS_MONEY:
            holding[refund.payment_id] += refund.amount_yuan
    stands = Recharge.objects.filter(payment_id__in=touched).exclude(state=RechargeState.CANCELLED)
    bought = dict(stands.values_list("payment_id", "amount_yuan"))
    for pk, payment in touched.items():
        no, kept = payment.out_trade_no, bought.get(pk, Decimal(0))
        if holding[pk] + kept > payment.amount_yuan:
            yield (
                f"Payment {no} has a refund, but its energy is not taken back: {holding[pk]} yuan go back and "
                f"energy stands for {kept}, of {payment.amount_yuan} paid."
            )
        waits, left = balance(Asset.CNY, postings.owed(pk)), payment.amount_yuan - given[pk] - kept
        if waits != left:
            yield f"Payment {no}: {left} yuan are to go back by its refunds, {waits} by the ledger."
    for recharge in Recharge.objects.filter(state=RechargeState.CANCELLED).exclude(payment=None).iterator():
        if recharge.payment_id not in touched:
            yield f"Recharge {recharge.pk} was taken back, but its payment has no refund."


def _settlements() -> Iterator[str]:
    sent: dict[UUID, Decimal] = defaultdict(Decimal)
    for settlement in Settlement.objects.iterator():
        under_way = settlement.state in TRANSFER_UNDER_WAY
        waits = balance(Asset.CNY, postings.in_transfer(settlement.pk))
        if waits != (settlement.amount_yuan if under_way else 0):
            yield f"Transfer {settlement.number} is {settlement.state}, and {waits} yuan are on its way by the ledger."
        if under_way or settlement.state == SettlementState.DONE:
            sent[settlement.account_id] += settlement.amount_yuan
    for account in CollectionAccount.objects.filter(strategy="S3"):
        paid = Payment.objects.filter(account=account, state=PaymentState.PAID)
        back = Refund.objects.filter(payment__account=account, state=RefundState.DONE, way=RefundWay.CHANNEL)
        owed = (
            _sum(paid, "amount_yuan") - _sum(paid, "fee_yuan") - _sum(back, "amount_yuan") - sent[account.pk]
        )
        booked = balance(Asset.CNY, postings.payable(account.pk))
        if booked != owed:
            yield f"{account}: {owed} yuan are owed to the payee by payments and transfers, {booked} by the ledger."


def _fees() -> Iterator[str]:
    for account in CollectionAccount.objects.all():
        kept = _sum(Payment.objects.filter(account=account), "fee_yuan")
        booked = -balance(Asset.CNY, postings.channel_fee(account.pk))
        if kept != booked:
            yield f"{account}: the channel kept {kept} yuan by its payments, {booked} by the ledger."


def _sum(rows: QuerySet[Any], field: str) -> Decimal:
    return rows.aggregate(sum=Sum(field))["sum"] or Decimal(0)


def _advances() -> Iterator[str]:
    waiting: dict[str, Decimal] = defaultdict(Decimal)
    for recharge in Recharge.objects.filter(state=RechargeState.OPEN).iterator():
        spent = recharge.amount_yuan + recharge.carried_in_yuan - recharge.carried_out_yuan
        waiting[postings.advance(recharge.holder)] += spent
    for holder in Recharge.objects.values_list("holder", flat=True).distinct():
        account = postings.advance(holder)
        if balance(Asset.CNY, account) != waiting[account]:
            yield f"{account}: {balance(Asset.CNY, account)} yuan wait, open recharges explain {waiting[account]}."


def _remainders() -> Iterator[str]:
    """What recharges left over, less what was handed back of it, is what is still carried: exact to 10^-6 yuan."""
    left: dict[str, Decimal] = defaultdict(Decimal)
    for recharge in Recharge.objects.exclude(state=RechargeState.CANCELLED).iterator():
        left[recharge.holder] += recharge.carried_out_yuan - recharge.carried_in_yuan
    for recharge in Recharge.objects.filter(state=RechargeState.CANCELLED).iterator():
        left[recharge.holder] += 0
    for payout in Payout.objects.select_related("lease").iterator():
        holder = postings.holder_of(lease_id=payout.lease_id, meter_id=payout.lease.meter_id)
        left[holder] -= payout.amount_yuan
        if payout.lease.ends_at is None or payout.lease.ends_at > payout.paid_at:
            yield f"The remainder of {holder} was handed back before the lease ended."
    for holder, rest in left.items():
        account = postings.remainder(holder)
        rounded = Posting.objects.filter(
            asset=Asset.CNY, source=postings.ROUNDING, destination=account
        ).aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
        carried = balance(Asset.CNY, account)
        if carried < 0:
            yield f"The remainder of {holder} is below zero."
        if carried != rest + rounded:
            yield f"The remainder of {holder} is {carried} yuan, recharges and payouts explain {rest + rounded}."


def _energy() -> Iterator[str]:
    for meter in Meter.objects.exclude(purchased_kwh=None):
        booked = balance(Asset.KWH, postings.meter_energy(meter.pk, meter.device_epoch))
        assert meter.purchased_kwh is not None
        assert meter.opening_purchased_kwh is not None
        proved = meter.purchased_kwh - meter.opening_purchased_kwh
        in_meter = Recharge.objects.filter(
            meter=meter,
            state=RechargeState.OPEN,
            command__state=CommandState.DONE,
            command__device_epoch=meter.device_epoch,
        ).aggregate(sum=Sum("energy_kwh"))["sum"] or Decimal(0)
        if booked + in_meter != proved:
            yield f"Meter {meter}: it proved {proved} kWh, the ledger has {booked + in_meter} kWh."


# What a grace may be while the recharge that brought it is on its way, in the meter, or taken back.
_GRACE_MAY_BE = {
    RechargeState.OPEN: frozenset({GraceState.GIVEN}),
    RechargeState.CREDITED: frozenset(GraceState) - {GraceState.GIVEN, GraceState.CANCELLED},
    RechargeState.CANCELLED: frozenset({GraceState.CANCELLED}),
}
_REPAID_BY = {GraceState.REPAYING: RechargeState.OPEN, GraceState.REPAID: RechargeState.CREDITED}


def _graces() -> Iterator[str]:
    """What was lent and is not repaid is what the ledger says is owed, in kWh and in what it was worth."""
    owed_kwh: dict[str, Decimal] = defaultdict(Decimal)
    worth_yuan: dict[str, Decimal] = defaultdict(Decimal)
    repaid: dict[UUID, Decimal] = {}
    for grace in Grace.objects.select_related("recharge", "repaid_by").iterator():
        lent, by, state = grace.recharge, grace.repaid_by, GraceState(grace.state)
        is_debt = state in DEBTS
        owed_kwh[grace.holder] += grace.energy_kwh if is_debt else 0
        worth_yuan[grace.holder] += grace.worth_yuan if is_debt else 0
        if state not in _GRACE_MAY_BE[RechargeState(lent.state)] or lent.holder != grace.holder:
            yield f"Grace {grace.pk} is {state}, but the recharge that brought it is {lent.state} of {lent.holder}."
        if by is not None:
            repaid[by.pk] = grace.energy_kwh
            if by.state != _REPAID_BY[state] or by.holder != grace.holder:
                yield f"Grace {grace.pk} is {state}, but recharge {by.pk} that repays it is {by.state} of {by.holder}."
    for holder, kwh in owed_kwh.items():
        account = postings.grace(holder)
        booked_kwh, booked_yuan = balance(Asset.KWH, account), balance(Asset.CNY, account)
        if (booked_kwh, booked_yuan) != (kwh, worth_yuan[holder]):
            yield (
                f"{account}: {kwh} kWh worth {worth_yuan[holder]} yuan are owed by its graces, the ledger has "
                f"{booked_kwh} kWh and {booked_yuan} yuan."
            )
    repaying = Recharge.objects.exclude(state=RechargeState.CANCELLED).filter(repaid_kwh__gt=0)
    claimed = dict(repaying.values_list("pk", "repaid_kwh"))
    for pk in claimed.keys() | repaid.keys():
        if claimed.get(pk) != repaid.get(pk):
            yield f"Recharge {pk} repays {claimed.get(pk, 0)} kWh of a grace; graces say {repaid.get(pk, 0)}."
    unlent = Recharge.objects.filter(kind=RechargeKind.GRACE, grace=None)
    for pk in unlent.values_list("pk", flat=True):
        yield f"Recharge {pk} brought a grace that nobody lent."
