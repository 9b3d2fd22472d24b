"""What the sweeper does for money: finds due rows in PostgreSQL, with no broker's help."""

import logging
from datetime import datetime

from django.db.models import Q

from apps.common.scoping import everything, landlord_scope
from apps.income.models import (
    AccountMessage,
    CollectionAccount,
    Payment,
    ProofRun,
    Recharge,
    Refund,
    Settlement,
)
from apps.income.services import (
    account_messages,
    accounts,
    crediting,
    payments,
    proving,
    recharges,
    refund_asking,
    refunds,
    settlement,
)
from apps.income.states import (
    MAY_BECOME_PAID,
    TRANSFER_UNDER_WAY,
    UNDER_WAY,
    PaymentState,
    RechargeKind,
    RechargeState,
    RefundState,
)
from apps.meters.states import FINAL, CommandState

log = logging.getLogger(__name__)

_BATCH = 200


def sweep(now: datetime) -> int:
    """Poll what is due, settle recharges whose doorbell was lost, send refunds; returns how many were touched."""
    with everything("sweeper: payments and refunds to ask about, recharges to settle"):
        due = list(
            Payment.objects.filter(state__in=sorted(MAY_BECOME_PAID), poll_at__lte=now)
            .order_by("poll_at")
            .values_list("landlord_id", "pk")[:_BATCH]
        )
        wanted = list(
            Payment.objects.filter(state=PaymentState.REVIEW, poll_at__lte=now)
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
        answered = list(
            Refund.objects.filter(
                state=RefundState.WAITING, payment__recharge__command__state__in=sorted(FINAL)
            ).values_list("landlord_id", "payment__recharge__command_id")[:_BATCH]
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
    for landlord_id, payment_id in wanted:
        try:
            crediting.credit_reviewed(landlord_id=landlord_id, payment_id=payment_id, now=now)
        except Exception:
            log.exception("payment %s could not be asked about", payment_id)
    for landlord_id, refund_id in to_give:
        try:
            refunds.send_refund(landlord_id=landlord_id, refund_id=refund_id, now=now)
        except Exception:
            log.exception("refund %s could not be sent", refund_id)
    for landlord_id, command_id in ended:
        with landlord_scope(landlord_id):
            recharges.settle(command_id=command_id, now=now)
    for landlord_id, command_id in answered:
        with landlord_scope(landlord_id):
            refund_asking.hear_of_credit(command_id=command_id, now=now)
    return len(due) + len(wanted) + len(to_give) + len(ended) + len(answered)


def sweep_accounts(now: datetime) -> int:
    """Check accounts that wait for it, warn of certificates that end soon, send messages; returns how many."""
    with everything("sweeper: accounts to check, certificates that end, messages to send"):
        to_check = list(
            CollectionAccount.objects.filter(check_at__lte=now).values_list("landlord_id", "pk")[:_BATCH]
        )
        ending = set(
            CollectionAccount.objects.filter(
                is_active=True,
                warned_at=None,
                certificate_ends_at__lte=now + account_messages.WARN_BEFORE,
            ).values_list("landlord_id", flat=True)[:_BATCH]
        )
        to_send = list(
            AccountMessage.objects.filter(state=AccountMessage.State.WAITING, next_at__lte=now).values_list(
                "landlord_id", "pk"
            )[:_BATCH]
        )
    for landlord_id, account_id in to_check:
        accounts.check_account(landlord_id=landlord_id, account_id=account_id, now=now)
    for landlord_id in ending:
        with landlord_scope(landlord_id):
            account_messages.warn_of_certificates(now=now)
    for landlord_id, message_id in to_send:
        account_messages.send_account_message(landlord_id=landlord_id, message_id=message_id, now=now)
    return len(to_check) + len(ending) + len(to_send)


def sweep_settlements(now: datetime) -> int:
    """Begin transfers of what is owed, and ask how those under way are; returns how many were touched."""
    with everything("sweeper: money collected for landlords, to be sent on"):
        collecting = list(
            CollectionAccount.objects.filter(strategy="S3", settling_stopped="", payments__state="PAID")
            .distinct()
            .values_list("landlord_id", "pk")[:_BATCH]
        )
    for landlord_id, account_id in collecting:
        with landlord_scope(landlord_id):
            settlement.begin_settlement(account_id=account_id, now=now)
    with everything("sweeper: transfers to send or to ask about"):
        due = list(
            Settlement.objects.filter(state__in=sorted(TRANSFER_UNDER_WAY), next_at__lte=now)
            .order_by("next_at")
            .values_list("landlord_id", "pk")[:_BATCH]
        )
    for landlord_id, settlement_id in due:
        try:
            settlement.send_settlement(landlord_id=landlord_id, settlement_id=settlement_id, now=now)
        except Exception:
            log.exception("transfer %s could not be sent", settlement_id)
    return len(due)


def close_proofs(now: datetime) -> int:
    """Close the daily proofs whose meters were all read, or whose time is over; returns how many."""
    closed = 0
    for run in ProofRun.objects.filter(closed_at=None).order_by("id"):
        is_over = now - run.started_at >= proving.CLOSE_AFTER
        # One by hand is closed by whoever waits for it, or here if she went away.
        if is_over or (not run.by_hand and not proving.waits_for(run)):
            proving.close_run(run_id=run.pk, now=now)
            closed += 1
    return closed
