"""What a channel keeps: booked with the payment at the account's rate, given back with refunds, and put right by what
its bill says. Income less fees is what arrives at the bank."""

from datetime import datetime
from decimal import Decimal

from apps.income import postings
from apps.income.models import Payment
from apps.income.services.ledger import Booking, book_all
from apps.income.strategies import fee_of


def fee_at_payment(payment: Payment) -> Decimal:
    """Return what the channel keeps of a payment at its account's rate, to the fen."""
    return fee_of(payment.amount_yuan, payment.account.fee_rate)


def fee_bookings(*, payment: Payment, fee_yuan: Decimal, reference: str) -> list[Booking]:
    """Return what is to be booked so that the fee of a payment becomes `fee_yuan`; nothing where it is that already."""
    change_yuan = fee_yuan - (payment.fee_yuan or Decimal(0))
    moves = postings.fee_kept(account_id=payment.account_id, fee_yuan=change_yuan)
    if moves and not payment.account.can.funds_direct:
        moves += postings.held_for_payee(account_id=payment.account_id, amount_yuan=-change_yuan)
    return [Booking(reference, "fee", moves)] if moves else []


def kept_at_payment(payment: Payment) -> str:
    """Return the reference of the entry by which a channel keeps its fee of a payment."""
    return f"payment:{payment.pk}:fee"


def keep_fee(*, payment: Payment, now: datetime) -> None:
    """Book the fee of a payment that has just been paid; in the payment's own transaction, under its lock."""
    set_fee(payment=payment, fee_yuan=fee_at_payment(payment), reference=kept_at_payment(payment), now=now)


def give_fee_back(*, payment: Payment, refunded_yuan: Decimal, reference: str, now: datetime) -> None:
    """Book that the fee is now that of what is left of a payment; in the refund's transaction, under its lock. Nothing
    for a payment from before fees were kept.

    :param refunded_yuan: all that has gone back of it by now.
    """
    if payment.fee_yuan is None:
        return
    left_yuan = payment.amount_yuan - refunded_yuan
    set_fee(
        payment=payment, fee_yuan=fee_of(left_yuan, payment.account.fee_rate), reference=reference, now=now
    )


def set_fee(*, payment: Payment, fee_yuan: Decimal, reference: str, now: datetime) -> None:
    """Make the fee of a payment what a platform or its bill says; books the difference. The caller holds its lock.

    :param reference: of the entry, after what said so: "payment:<id>:fee", "refund:<id>:fee", "payment:<id>:fee:bill".
    :raises django.db.IntegrityError: if that was booked with a difference before.
    """
    if bookings := fee_bookings(payment=payment, fee_yuan=fee_yuan, reference=reference):
        book_all(bookings, now=now)
    Payment.objects.filter(pk=payment.pk).update(fee_yuan=fee_yuan)
    payment.fee_yuan = fee_yuan
