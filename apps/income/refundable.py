"""What of a payment can go back, and when; pure.

Only money that no meter has turned into energy can go back, in full or in part:

    bought nothing             a second payment of one order, one that came too late, one that did not agree with its
                               order and that a person looked at: any part of it, now; the rest stays owed
    energy has not left        any part of it, now: the credit is taken back, and the rest is recharged anew
    its bytes have left        the meter alone can say whether it took them: the refund waits. If it did, nothing goes
                               back; if its number holds another purchase, the refund goes by itself and the rest
                               stays owed
    energy is in the meter     what bought none of it, where the platform gave up an earlier refund of a part. Else
                               nothing: what a recharge left over (less than one step of energy) is carried to the
                               next one, and is handed back in cash at the end of the lease
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from apps.income.states import PaymentState, RechargeState
from apps.meters.states import CommandState

# The meter does not have the energy and will not get it.
NOT_IN_THE_METER = frozenset({CommandState.CANCELLED, CommandState.REJECTED})


class Possible(StrEnum):
    """What asking for a refund comes to just now."""

    NOW = "NOW"
    NOW_AND_REST_RECHARGED = "NOW_AND_REST_RECHARGED"
    AFTER_THE_METER = "AFTER_THE_METER"
    THE_REST_NOW = "THE_REST_NOW"
    UNDER_WAY = "UNDER_WAY"
    IN_THE_METER = "IN_THE_METER"
    NOTHING_LEFT = "NOTHING_LEFT"
    NOT_PAID = "NOT_PAID"
    NOT_PROVED = "NOT_PROVED"


@dataclass(frozen=True)
class Energy:
    """The recharge that stands for a payment, what it was made of, and its credit."""

    recharge: str
    amount_yuan: Decimal
    command: str
    number: int | None


@dataclass(frozen=True)
class Arrival:
    """Money that a platform has proved to be in an account, though it does not agree with its order."""

    transaction_id: str
    amount_yuan: Decimal
    paid_at: datetime | None


def arrival(evidence: Mapping[str, Any], *, merchant_id: str) -> Arrival | None:
    """Return what the evidence of a payment in REVIEW proves to have arrived with this merchant; None if nothing."""
    proved = evidence.get("proved") or {}
    number, amount_yuan = proved.get("transaction_id"), Decimal(proved.get("amount_yuan") or 0)
    if proved.get("merchant_id") != merchant_id or proved.get("currency") != "CNY":
        return None
    if not number or amount_yuan <= 0:
        return None
    paid_at = proved.get("paid_at")
    return Arrival(number, amount_yuan, datetime.fromisoformat(paid_at) if paid_at else None)


def idle_yuan(left_yuan: Decimal, energy: Energy | None) -> Decimal:
    """Return what of the money that is left of a payment buys nothing, energy or no energy."""
    if energy is None or energy.recharge == RechargeState.CANCELLED:
        return left_yuan
    return left_yuan - energy.amount_yuan


def what_is_possible(
    *,
    payment: str,
    is_proved: bool,
    left_yuan: Decimal,
    has_open_refund: bool,
    energy: Energy | None,
) -> Possible:
    """Return what a refund of this payment comes to.

    :param is_proved: for a payment in REVIEW, whether its platform proved what arrived in this account.
    :param left_yuan: what arrived less what has gone back or is on its way.
    :param has_open_refund: one is under way, waits for the meter or for a person.
    """
    if payment == PaymentState.REVIEW:
        return Possible.NOW if is_proved else Possible.NOT_PROVED
    if payment != PaymentState.PAID:
        return Possible.NOT_PAID
    if has_open_refund:
        return Possible.UNDER_WAY
    if left_yuan <= 0:
        return Possible.NOTHING_LEFT
    if energy is None or energy.recharge == RechargeState.CANCELLED or energy.command in NOT_IN_THE_METER:
        return Possible.NOW
    if energy.recharge == RechargeState.CREDITED or energy.command == CommandState.DONE:
        return Possible.THE_REST_NOW if idle_yuan(left_yuan, energy) > 0 else Possible.IN_THE_METER
    return Possible.NOW_AND_REST_RECHARGED if energy.number is None else Possible.AFTER_THE_METER
