"""What the sweeper does for money: finds due rows in PostgreSQL, with no broker's help."""

import logging
from datetime import datetime

from django.db.models import Q

from apps.common.scoping import everything, landlord_scope
from apps.income.models import Payment, Recharge
from apps.income.services import payments, recharges
from apps.income.states import UNDECIDED, RechargeKind, RechargeState
from apps.meters.states import CommandState

log = logging.getLogger(__name__)

_BATCH = 200


def sweep(now: datetime) -> int:
    """Poll payments that are due and settle recharges whose doorbell was lost; returns how many were touched."""
    with everything("sweeper: payments to poll and recharges to settle"):
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
    for landlord_id, payment_id in due:
        try:
            payments.poll_payment(landlord_id=landlord_id, payment_id=payment_id, now=now)
        except Exception:
            log.exception("payment %s could not be polled", payment_id)
    for landlord_id, command_id in ended:
        with landlord_scope(landlord_id):
            recharges.settle(command_id=command_id, now=now)
    return len(due) + len(ended)
