"""Doorbells for money: load, one service, safe to run twice."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.common.queue import LandlordTask
from apps.income.services import recharges, refunds


@shared_task(base=LandlordTask, name="income.settle_recharge")
def settle_recharge(*, command_id: str, **_: Any) -> None:
    """Post the energy of the recharge whose credit has ended."""
    recharges.settle(command_id=UUID(command_id), now=timezone.now())


@shared_task(name="income.send_refund")
def send_refund(*, landlord_id: str, refund_id: str, **_: Any) -> None:
    """Ask the platform for a refund; opens short scopes of its own, since a platform is called."""
    refunds.send_refund(landlord_id=UUID(landlord_id), refund_id=UUID(refund_id), now=timezone.now())
