"""What the sweeper does for money: finds due rows in PostgreSQL, with no broker's help."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

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
from apps.income.selectors import WARN_BEFORE
from apps.income.services import (
    account_checks,
    account_messages,
    crediting,
    payments,
    proving,
    recharge_ends,
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


def _each(rows: Iterable[tuple[UUID, UUID]], what: str, act: Callable[[UUID, UUID], object]) -> None:
    """Act on every row of every landlord; one that fails is told of, and holds up no other."""
    for landlord_id, pk in rows:
        try:
            act(landlord_id, pk)
        except Exception:
            log.exception("the sweep of %s %s failed", what, pk)


def _scoped(act: Callable[[UUID], object]) -> Callable[[UUID, UUID], None]:
    def inside(landlord_id: UUID, pk: UUID) -> None:
        with landlord_scope(landlord_id):
            act(pk)

    return inside


def sweep(now: datetime) -> int:
    """Poll what is due, settle recharges whose doorbell was lost, send refunds; returns how many were touched."""
    with everything("sweeper: payments and refunds to ask about, recharges to settle"):
        due = list(
            Payment.objects.filter(state__in=sorted(MAY_BECOME_PAID), poll_at__lte=now)
            .order_by("poll_at", "pk")
            .values_list("landlord_id", "pk")[:_BATCH]
        )
        wanted = list(
            Payment.objects.filter(state=PaymentState.REVIEW, poll_at__lte=now)
            .order_by("poll_at", "pk")
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
            .order_by("next_at", "pk")
            .values_list("landlord_id", "pk")[:_BATCH]
        )
    # Nobody's energy waits for a platform that is slow to answer.
    _each(sorted(ended), "credit", _scoped(lambda pk: recharge_ends.settle(command_id=pk, now=now)))
    _each(
        sorted(answered), "credit", _scoped(lambda pk: refund_asking.hear_of_credit(command_id=pk, now=now))
    )
    _each(due, "payment", lambda owner, pk: payments.poll_payment(landlord_id=owner, payment_id=pk, now=now))
    _each(
        wanted,
        "payment set aside",
        lambda owner, pk: crediting.credit_reviewed(landlord_id=owner, payment_id=pk, now=now),
    )
    _each(to_give, "refund", lambda owner, pk: refunds.send_refund(landlord_id=owner, refund_id=pk, now=now))
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
                certificate_ends_at__lte=now + WARN_BEFORE,
            ).values_list("landlord_id", flat=True)[:_BATCH]
        )
        to_send = list(
            AccountMessage.objects.filter(state=AccountMessage.State.WAITING, next_at__lte=now).values_list(
                "landlord_id", "pk"
            )[:_BATCH]
        )
    _each(
        to_check,
        "collection account",
        lambda owner, pk: account_checks.check_account(landlord_id=owner, account_id=pk, now=now),
    )
    for landlord_id in ending:
        with landlord_scope(landlord_id):
            account_messages.warn_of_certificates(now=now)
    _each(
        to_send,
        "message about an account",
        lambda owner, pk: account_messages.send_account_message(landlord_id=owner, message_id=pk, now=now),
    )
    return len(to_check) + len(ending) + len(to_send)


def sweep_settlements(now: datetime) -> int:
    """Begin transfers of what is owed, and ask how those under way are; returns how many were touched."""
    with everything("sweeper: money collected for landlords, to be sent on"):
        paid = Payment.objects.filter(account=OuterRef("pk"), state=PaymentState.PAID)
        # Whether one owes anything its books say. With more of them than a batch, each gets its turn by chance.
        collecting = list(
            CollectionAccount.objects.filter(Exists(paid), strategy="S3", settling_stopped="")
            .order_by("?")
            .values_list("landlord_id", "pk")[:_BATCH]
        )
    _each(
        collecting,
        "collecting account",
        _scoped(lambda pk: settlement.begin_settlement(account_id=pk, now=now)),
    )
    with everything("sweeper: transfers to send or to ask about"):
        due = list(
            Settlement.objects.filter(state__in=sorted(TRANSFER_UNDER_WAY), next_at__lte=now)
            .order_by("next_at", "pk")
            .values_list("landlord_id", "pk")[:_BATCH]
        )
    _each(
        due,
        "transfer",
        lambda owner, pk: settlement.send_settlement(landlord_id=owner, settlement_id=pk, now=now),
    )
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
