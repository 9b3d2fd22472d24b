"""The books, held against themselves and against the meters; what is wrong is said in words."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Sum

from apps.income import postings
from apps.income.models import Payment, Recharge
from apps.income.postings import Asset
from apps.income.services.ledger import balance
from apps.income.states import PaymentState, RechargeState
from apps.meters.models import Meter
from apps.meters.states import CommandState


def check_books() -> list[str]:
    """Return what is wrong with the books of the landlord in scope, one sentence each; empty means they hold."""
    return [*_recharges(), *_payments(), *_advances(), *_energy()]


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
    for payment in Payment.objects.filter(state=PaymentState.PAID, recharge=None).iterator():
        yield f"Payment {payment.out_trade_no} is paid, but nothing was recharged for it."
    taken: dict[str, Decimal] = defaultdict(Decimal)
    for payment in Payment.objects.filter(state=PaymentState.PAID).iterator():
        taken[postings.channel_account(payment.account_id)] += payment.amount_yuan
    for account, amount in taken.items():
        booked = -balance(Asset.CNY, account)
        if booked != amount:
            yield f"{account}: payments come to {amount} yuan, the ledger has {booked}."


def _advances() -> Iterator[str]:
    waiting: dict[str, Decimal] = defaultdict(Decimal)
    for recharge in Recharge.objects.filter(state=RechargeState.OPEN).iterator():
        spent = recharge.amount_yuan + recharge.carried_in_yuan - recharge.carried_out_yuan
        waiting[postings.advance(recharge.holder)] += spent
    for holder in Recharge.objects.values_list("holder", flat=True).distinct():
        account = postings.advance(holder)
        if balance(Asset.CNY, account) != waiting[account]:
            yield f"{account}: {balance(Asset.CNY, account)} yuan wait, open recharges explain {waiting[account]}."
        if balance(Asset.CNY, postings.remainder(holder)) < 0:
            yield f"The remainder of {holder} is below zero."


def _energy() -> Iterator[str]:
    for meter in Meter.objects.exclude(purchased_kwh=None):
        booked = balance(Asset.KWH, postings.meter_energy(meter.pk, meter.device_epoch))
        assert meter.purchased_kwh is not None
        assert meter.opening_purchased_kwh is not None
        proved = meter.purchased_kwh - meter.opening_purchased_kwh
        in_meter = Recharge.objects.filter(
            meter=meter, state=RechargeState.OPEN, command__state=CommandState.DONE
        ).aggregate(sum=Sum("energy_kwh"))["sum"] or Decimal(0)
        if booked + in_meter != proved:
            yield f"Meter {meter}: it proved {proved} kWh, the ledger has {booked + in_meter} kWh."
