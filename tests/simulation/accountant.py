"""The money's witness: plain SQL over what was booked, and arithmetic of its own; no rule of the product's is asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

from apps.accounts import chain
from apps.accounts.models import AuditLine, AuditSeal
from apps.common.scoping import landlord_scope

STANDING = """
    SELECT coalesce(payment_id, former_payment_id)::text, amount_yuan, carried_in_yuan, carried_out_yuan,
           price_yuan_per_kwh, energy_kwh + repaid_kwh, id::text
    FROM income_recharge WHERE state <> 'CANCELLED' AND kind IN ('PAYMENT', 'CASH') ORDER BY id
"""
REPAID = """
    SELECT holder, sum(repaid_kwh), sum(energy_kwh) FILTER (WHERE kind = 'GRACE' AND state = 'CREDITED')
    FROM income_recharge WHERE state <> 'CANCELLED' GROUP BY holder ORDER BY holder
"""
NUMBERS = "SELECT channel, transaction_id FROM income_payment WHERE transaction_id <> '' ORDER BY id"

FALLEN = """
    SELECT meter_id::text, device_epoch, taken_at::text FROM (
        SELECT meter_id, device_epoch, taken_at, total_kwh, max(total_kwh) OVER (
            PARTITION BY meter_id, device_epoch ORDER BY taken_at
            RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL '8 s' PRECEDING
        ) AS before_kwh
        FROM readings_reading
    ) AS each WHERE total_kwh < before_kwh ORDER BY taken_at
"""


def wrong_readings() -> Iterator[tuple[str, str]]:
    """Yield where the energy a meter has counted falls within one body, inside a landlord's scope (I16).

    Two workers' clocks are up to eight seconds apart, and what they took within that may stand the other way round.
    """
    with connection.cursor() as cursor:
        cursor.execute(FALLEN)
        for meter, body, at in cursor.fetchall():
            yield "I16", f"the energy of meter {meter} fell in body {body} at {at}"


def broken_seals(landlord_id: UUID, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield where the audit is not what was sealed while the world went on, outside of any scope (I19)."""
    while chain.seal_one(landlord_id=landlord_id, now=now):
        pass
    with landlord_scope(landlord_id):
        if broken := chain.first_break():
            yield "I19", broken
        if AuditSeal.objects.count() != AuditLine.objects.count():
            yield "I19", "a line of the audit has no seal"


def wrong_sums() -> Iterator[tuple[str, str]]:
    """Yield the invariant and what is wrong with it, inside a landlord's scope.

    I2: a number of the platform's is one payment, and a payment buys once. I3: what was paid and carried in is the
    energy at its price and what is carried on, to the last 10⁻⁶ yuan; and less is carried than one step costs. Nobody
    repays more than a meter has proved to be lent to her.
    """
    with connection.cursor() as cursor:
        cursor.execute(NUMBERS)
        numbers = cursor.fetchall()
        cursor.execute(STANDING)
        recharges = cursor.fetchall()
        cursor.execute(REPAID)
        repaid = cursor.fetchall()
    for holder, repaid_kwh, lent_kwh in repaid:
        if repaid_kwh > (lent_kwh or 0):
            yield "I3", f"{holder} repays {repaid_kwh} kWh, lent were {lent_kwh}"
    for number in sorted({number for number in numbers if numbers.count(number) > 1}):
        yield "I2", f"{' '.join(number)} is {numbers.count(number)} payments"
    bought: set[str] = set()
    for payment, amount, carried_in, carried_out, price, energy_kwh, recharge in recharges:
        if payment is not None and payment in bought:
            yield "I2", f"payment {payment} bought more than once"
        bought.add(payment)
        if amount + carried_in != energy_kwh * price + carried_out:
            became = f"{energy_kwh} kWh at {price} and {carried_out}"
            yield "I3", f"recharge {recharge}: {amount} and {carried_in} yuan became {became}"
        if not 0 <= carried_out < price * Decimal("0.01"):
            yield "I3", f"recharge {recharge} carries {carried_out} yuan at a price of {price}"
