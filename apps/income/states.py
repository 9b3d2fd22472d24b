"""The lives of a payment and of a recharge, and what a renter is told of both.

payment   CREATED ──► PENDING ──► PAID            PAID beats CLOSED: money that arrived, arrived
             └───────────┴──► CLOSED ──► PAID
          any but PAID ──► REVIEW                  something does not agree; nothing is credited

recharge  OPEN ──► CREDITED     the meter proved it
            └──► CANCELLED      its command was taken back before any byte was stored
"""

from enum import StrEnum


class Channel(StrEnum):
    WECHAT = "wechat"
    ALIPAY = "alipay"


class PaymentState(StrEnum):
    CREATED = "CREATED"
    PENDING = "PENDING"
    PAID = "PAID"
    CLOSED = "CLOSED"
    REVIEW = "REVIEW"


MAY_BECOME_PAID = frozenset({PaymentState.CREATED, PaymentState.PENDING, PaymentState.CLOSED})
UNDECIDED = frozenset({PaymentState.CREATED, PaymentState.PENDING})


class RechargeKind(StrEnum):
    PAYMENT = "PAYMENT"
    CASH = "CASH"
    GIFT = "GIFT"
    CORRECTION = "CORRECTION"


class RechargeState(StrEnum):
    OPEN = "OPEN"
    CREDITED = "CREDITED"
    CANCELLED = "CANCELLED"


class OrderState(StrEnum):
    """What a renter is told; derived from payment and recharge, stored nowhere."""

    CREATED = "created"
    PAID = "paid"
    DELIVERING = "delivering"
    CREDITED = "credited"
    CLOSED = "closed"
    REVIEW = "review"


def order_state(payment: str, recharge: str | None, credit_number: int | None) -> OrderState:
    """Return what a renter is told; `credit_number` is set once the credit's bytes are stored."""
    if payment == PaymentState.PAID:
        if recharge == RechargeState.CREDITED:
            return OrderState.CREDITED
        return OrderState.PAID if credit_number is None else OrderState.DELIVERING
    if payment == PaymentState.REVIEW:
        return OrderState.REVIEW
    return OrderState.CLOSED if payment == PaymentState.CLOSED else OrderState.CREATED
