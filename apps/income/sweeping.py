"""What the sweeper does for money: finds due rows in PostgreSQL, with no broker's help."""

import logging
from datetime import datetime

from django.db.models import Q

from apps.common.scoping import everything, landlord_scope
from apps.income.models import Payment, Recharge, Refund
from apps.income.services import payments, recharges, refunds
from apps.income.states import UNDECIDED, UNDER_WAY, RechargeKind, RechargeState
from apps.meters.states import CommandState

log = logging.getLogger(__name__)

_BATCH = 200


def sweep(now: datetime) -> int:
    """Poll what is due, settle recharges whose doorbell was lost, send refunds; returns how many were touched."""
    with everything("sweeper: payments and refunds to ask about, recharges to settle"):
        due = list(
            Payment.objects.filter(state__in=sorted(UNDECIDED), poll_at__lte=now)
            .order_by("poll_at")
            .values_list("landlord_id", "pk")[:_BATCH]
        )
        ended = list(
            Recharge.objects.filter(state=RechargeState.OPEN)
            .filter(
                Q(command__state=CommandState.DONE)
                | Q(command__state=CommandState.CANCELLED) & ~Q(kind=RechargeKind.PAYMENT)
            )
            .values_list("landlord_id", "command_id")[:_BATCH]
        )
        to_give = list(
            Refund.objects.filter(state__in=sorted(UNDER_WAY), next_at__lte=now)
            .order_by("next_at")
            .values_list("landlord_id", "pk")[:_BATCH]
        )
    for landlord_id, payment_id in due:
        try:
            payments.poll_payment(landlord_id=landlord_id, payment_id=payment_id, now=now)
        except Exception:
            log.exception("payment %s could not be polled", payment_id)
    for landlord_id, refund_id in to_give:
        try:
            refunds.send_refund(landlord_id=landlord_id, refund_id=refund_id, now=now)
        except Exception:
            log.exception("refund %s could not be sent", refund_id)
    for landlord_id, command_id in ended:
        with landlord_scope(landlord_id):
            recharges.settle(command_id=command_id, now=now)
    return len(due) + len(to_give) + len(ended)
