"""The money's witness: plain SQL over what was booked, and arithmetic of its own; no rule of the product's is asked."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from django.db import connection

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
