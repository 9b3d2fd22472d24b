"""What of a payment has gone back, is on its way and can still go; and what a renter is told of it."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from apps.income.models import Payment, Recharge, Refund
from apps.income.refundable import Energy, Possible, arrival, idle_yuan, what_is_possible
from apps.income.states import HOLDS_MONEY, NOT_ENDED, PaymentState, RefundState

_ZERO = Decimal("0.00")


@dataclass(frozen=True)
class Refundable:
    """`arrived_yuan` is what the platform proved, which need not be what was ordered; `can_go_yuan` may be asked for
    now, though it may have to wait for the meter.
    """

    possible: Possible
    arrived_yuan: Decimal
    gone_yuan: Decimal
    on_its_way_yuan: Decimal
    can_go_yuan: Decimal


def refundable_of(payment: Payment) -> Refundable:
    """Return what of a payment of the landlord in scope can go back."""
    by_state = dict(
        Refund.objects.filter(payment=payment)
        .order_by()
        .values_list("state")
        .annotate(sum=Sum("amount_yuan"))
    )
    gone_yuan = by_state.get(RefundState.DONE, _ZERO)
    on_its_way_yuan = sum((by_state.get(state, _ZERO) for state in NOT_ENDED), _ZERO)
    proved = arrival(payment.evidence, merchant_id=payment.account.merchant_id)
    arrived_yuan = payment.amount_yuan
    if payment.state == PaymentState.REVIEW:
        arrived_yuan = proved.amount_yuan if proved else _ZERO
    left_yuan = arrived_yuan - gone_yuan - on_its_way_yuan
    energy = energy_of(Recharge.objects.select_related("command").filter(payment=payment).first())
    possible = what_is_possible(
        payment=payment.state,
        is_proved=proved is not None,
        left_yuan=left_yuan,
        has_open_refund=on_its_way_yuan > 0,
        energy=energy,
    )
    can_go_yuan = idle_yuan(left_yuan, energy) if possible == Possible.THE_REST_NOW else left_yuan
    return Refundable(
        possible=possible,
        arrived_yuan=arrived_yuan,
        gone_yuan=gone_yuan,
        on_its_way_yuan=on_its_way_yuan,
        can_go_yuan=can_go_yuan if possible in CAN_BE_ASKED else _ZERO,
    )


def energy_of(recharge: Recharge | None) -> Energy | None:
    """Return what stands for a payment, of its recharge with its command; None where there is none."""
    if recharge is None:
        return None
    return Energy(recharge.state, recharge.amount_yuan, recharge.command.state, recharge.command.number)


CAN_BE_ASKED = frozenset(
    {Possible.NOW, Possible.NOW_AND_REST_RECHARGED, Possible.AFTER_THE_METER, Possible.THE_REST_NOW}
)


def refund_told(payment: Payment) -> str | None:
    """Return the state of refunds as a renter is told it: DONE only once nothing is left to go back."""
    refunds = list(payment.refunds.order_by("id").values_list("state", "amount_yuan"))
    if not refunds:
        return None
    gone_yuan = sum((amount for state, amount in refunds if state == RefundState.DONE), _ZERO)
    if gone_yuan >= payment.amount_yuan:
        return RefundState.DONE
    newest = refunds[-1][0]
    return RefundState.PROCESSING if newest == RefundState.DONE else newest


def held_yuan(payment: Payment) -> Decimal:
    """Return what has gone back of a payment or is on its way."""
    held = Refund.objects.filter(payment=payment, state__in=sorted(HOLDS_MONEY))
    return held.aggregate(sum=Sum("amount_yuan"))["sum"] or _ZERO
