"""Doorbells for money: load, one service, safe to run twice."""

from datetime import date
from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.common.queue import LandlordTask, ring_after_commit
from apps.income.services import (
    account_checks,
    account_messages,
    bills,
    crediting,
    proving,
    recharge_ends,
    refund_asking,
    refunds,
    settlement,
)


@shared_task(base=LandlordTask, name="income.settle_recharge")
def settle_recharge(*, command_id: str, **_: Any) -> None:
    """Post the energy of the recharge whose credit has ended, and end the waiting of its refund."""
    now = timezone.now()
    recharge_ends.settle(command_id=UUID(command_id), now=now)
    refund_asking.hear_of_credit(command_id=UUID(command_id), now=now)


@shared_task(name="income.ring_due_bills")
def ring_due_bills(**_: Any) -> None:
    """Ring for every daily bill that is due; beat asks every few minutes, so that a morning it slept is made up."""
    for due in bills.due_bills(timezone.now()):
        ring_after_commit(
            "income.take_bill",
            queue_name="money",
            landlord_id=due.landlord_id,
            account_id=due.account_id,
            day=due.day.isoformat(),
        )


@shared_task(name="income.take_bill")
def take_bill(*, landlord_id: str, account_id: str, day: str, **_: Any) -> None:
    """Fetch one bill and compare it; opens short scopes of its own, since a platform is called."""
    bills.take_bill(
        landlord_id=UUID(landlord_id),
        account_id=UUID(account_id),
        day=date.fromisoformat(day),
        now=timezone.now(),
    )


@shared_task(name="income.send_refund")
def send_refund(*, landlord_id: str, refund_id: str, **_: Any) -> None:
    """Ask the platform for a refund; opens short scopes of its own, since a platform is called."""
    refunds.send_refund(landlord_id=UUID(landlord_id), refund_id=UUID(refund_id), now=timezone.now())


@shared_task(name="income.credit_reviewed")
def credit_reviewed(*, landlord_id: str, payment_id: str, **_: Any) -> None:
    """Ask about a payment somebody wants credited; opens short scopes of its own, since a platform is called."""
    crediting.credit_reviewed(landlord_id=UUID(landlord_id), payment_id=UUID(payment_id), now=timezone.now())


@shared_task(name="income.check_account")
def check_account(*, landlord_id: str, account_id: str, **_: Any) -> None:
    """Have a platform prove the keys of an account; opens short scopes of its own, since a platform is called."""
    account_checks.check_account(
        landlord_id=UUID(landlord_id), account_id=UUID(account_id), now=timezone.now()
    )


@shared_task(name="income.send_account_message")
def send_account_message(*, landlord_id: str, message_id: str, **_: Any) -> None:
    """Send a message about an account; opens short scopes of its own, since a message leaves the house."""
    account_messages.send_account_message(
        landlord_id=UUID(landlord_id), message_id=UUID(message_id), now=timezone.now()
    )


@shared_task(name="income.send_settlement")
def send_settlement(*, landlord_id: str, settlement_id: str, **_: Any) -> None:
    """Ask a platform for a transfer; opens short scopes of its own, since a platform is called."""
    settlement.send_settlement(
        landlord_id=UUID(landlord_id), settlement_id=UUID(settlement_id), now=timezone.now()
    )


@shared_task(name="income.prove_meters")
def prove_meters(**_: Any) -> None:
    """Open tonight's proof; readings by the clock bring the meters along, the sweeper closes it."""
    proving.open_run(by_hand=False, now=timezone.now())
