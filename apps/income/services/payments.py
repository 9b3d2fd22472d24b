"""One way in: whatever a notify, a poll, a return page or a bill says of a payment ends in `apply_payment_result`."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from apps.accounts import doors
from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount, Payment
from apps.income.platforms import base as platforms
from apps.income.services.account_checks import note_seal
from apps.income.services.channels import platform_of
from apps.income.services.fees import fee_at_payment, fee_bookings, kept_at_payment
from apps.income.services.ledger import book_all
from apps.income.services.recharges import recharge_from_payment, where_it_goes
from apps.income.services.refunds import PAID_TWICE, apply_refund_result, give_unused_back
from apps.income.services.settlement import collected_bookings
from apps.income.states import MAY_BECOME_PAID, UNDECIDED, PaymentState

log = logging.getLogger(__name__)

# After the order: 5 s, 30 s, 1, 3, 5, 10, 30 min (WeChat Pay 4012075249); then close, then one last query.
POLL_AFTER = tuple(timedelta(seconds=s) for s in (5, 30, 60, 180, 300, 600, 1800))
# Then, where the platform gives no answer, an hour, two, four, and so on.
_LONGEST_PAUSE = timedelta(days=1)
# After an order's time is over, the last word on one that was closed before.
LAST_LOOK_AFTER = timedelta(minutes=1)


class Applied(Enum):
    """What a result did to our books."""

    PAID = "paid"
    ALREADY_PAID = "already paid"
    CLOSED = "closed"
    REVIEW = "review"
    PAID_TWICE = "paid, though the order was"
    GIVEN_BACK = "paid, and given back: there is nobody left to get the energy"
    NOTHING = "nothing"
    UNKNOWN_ORDER = "unknown order"


def apply_payment_result(
    *,
    account: CollectionAccount,
    result: platforms.PlatformResult,
    now: datetime,
    also_from: PaymentState | None = None,
) -> Applied:
    """Take in what a platform has proved about one order of this account; inside the landlord's scope.

    Safe to run twice and in parallel: locks the payment and its order, changes states conditionally, and the platform's
    transaction id opens one door only. A result that does not agree with the order goes to REVIEW and credits
    nothing. PAID beats CLOSED. The second payment of one order buys nothing and is given back by itself, and so
    is one that arrives after its meter was removed or its lease ended: all the money, and no energy.

    :param also_from: REVIEW where a person asked for it, and this is the platform's fresh word; else a payment that
        was put aside stays so, whatever arrives.
    """
    # The scope is a transaction already, and whoever is in it either keeps all of this or nothing.
    with transaction.atomic(savepoint=False):
        try:
            # Two payments of one order may arrive at once: the order's row decides which was first.
            payment = (
                Payment.objects.select_for_update(of=("self", "order"))
                .select_related("order__lease")
                .get(account=account, out_trade_no=result.out_trade_no)
            )
        except Payment.DoesNotExist:
            return Applied.UNKNOWN_ORDER
        payment.account = account
        if result.state == "PAID":
            return _paid(payment, result, now, also_from)
        if result.refund is not None:
            if apply_refund_result(account=account, result=result.refund, now=now) is None:
                return _review(payment, "a refund we know nothing of was made at the platform", result)
            return Applied.NOTHING
        if result.state == "REFUNDED" and payment.state in UNDECIDED:
            return _review(payment, "paid and given back at the platform before we saw it", result)
        if result.state == "CLOSED":
            return _closed(payment, now)
        return Applied.NOTHING


def _closed(payment: Payment, now: datetime) -> Applied:
    """Close it, and have its platform asked once more when the order's time is over.

    A code that nobody has scanned is no order at Alipay yet: it cannot be closed there, and can be paid until it
    dies at its expiry.
    """
    if payment.state not in MAY_BECOME_PAID:
        return Applied.NOTHING
    expires_at = payment.order.expires_at
    poll_at = expires_at + LAST_LOOK_AFTER if now < expires_at else None
    Payment.objects.filter(pk=payment.pk, state__in=sorted(MAY_BECOME_PAID)).update(
        state=PaymentState.CLOSED, poll_at=poll_at
    )
    return Applied.CLOSED if payment.state in UNDECIDED else Applied.NOTHING


def _paid(
    payment: Payment, result: platforms.PlatformResult, now: datetime, also_from: PaymentState | None
) -> Applied:
    account = payment.account
    if payment.state == PaymentState.PAID:
        return (
            Applied.ALREADY_PAID
            if payment.transaction_id == result.transaction_id
            else _review(payment, "paid a second time under another platform number", result)
        )
    problem = _disagreement(payment, account, result)
    if problem:
        return _review(payment, problem, result)
    assert result.transaction_id is not None
    key = f"{result.channel}:{result.transaction_id}"
    if not doors.hang(doors.Kind.PLATFORM_TRANSACTION, key, object_id=payment.pk):
        return _review(payment, "the platform's number belongs to another payment", result)
    fee_yuan = fee_at_payment(payment)
    arrived = [
        *fee_bookings(payment=payment, fee_yuan=fee_yuan, reference=kept_at_payment(payment)),
        *collected_bookings(payment),
    ]
    proved: dict[str, Any] = {
        "state": PaymentState.PAID,
        "fee_yuan": fee_yuan,
        "transaction_id": result.transaction_id,
        "paid_at": result.paid_at or now,
        "evidence": result.evidence,
        "poll_at": None,
    }
    if payment.state == also_from:
        proved |= {"evidence": {**result.evidence, "looked_at": payment.review_reason}, "review_reason": ""}
    allowed = MAY_BECOME_PAID if also_from is None else MAY_BECOME_PAID | {also_from}
    rows = Payment.objects.filter(pk=payment.pk, state__in=sorted(allowed))
    if not rows.update(**proved):
        return Applied.NOTHING
    for name, value in proved.items():
        setattr(payment, name, value)
    if (
        Payment.objects.filter(order_id=payment.order_id, state=PaymentState.PAID)
        .exclude(pk=payment.pk)
        .exists()
    ):
        book_all(arrived, now=now)
        give_unused_back(payment=payment, reason=PAID_TWICE, now=now)
        return Applied.PAID_TWICE
    where = where_it_goes(order=payment.order, now=now)
    if where.undeliverable:
        book_all(arrived, now=now)
        give_unused_back(payment=payment, reason=where.undeliverable, now=now)
        return Applied.GIVEN_BACK
    recharge_from_payment(payment=payment, where=where, arrived=arrived, now=now)
    return Applied.PAID


def _disagreement(payment: Payment, account: CollectionAccount, result: platforms.PlatformResult) -> str:
    if result.merchant_id != account.merchant_id:
        return "paid to another merchant"
    if result.currency != "CNY":
        return "paid in another currency"
    if result.amount_yuan != payment.amount_yuan:
        return f"paid {result.amount_yuan} instead of {payment.amount_yuan} yuan"
    if not result.transaction_id:
        return "the platform named no number of its own"
    return ""


def _review(payment: Payment, reason: str, result: platforms.PlatformResult) -> Applied:
    """Put a payment aside for a person; a payment that is PAID keeps its state and gets the reason."""
    rows = Payment.objects.filter(pk=payment.pk)
    put_aside = rows.exclude(state=PaymentState.PAID)
    # Set aside already: a member's question about it may be out.
    put_aside.exclude(state=PaymentState.REVIEW).update(poll_at=None)
    put_aside.update(state=PaymentState.REVIEW, evidence={**result.evidence, "proved": _proved(result)})
    rows.update(review_reason=reason[:200])
    log.warning("payment %s needs a look: %s", payment.pk, reason)
    return Applied.REVIEW


def _proved(result: platforms.PlatformResult) -> dict[str, str]:
    """What a platform proved of money that does not agree with its order; enough to give it back. Empty if it says
    that nothing is there.
    """
    if result.state != "PAID":
        return {}
    said = {
        "merchant_id": result.merchant_id,
        "currency": result.currency,
        "transaction_id": result.transaction_id,
        "amount_yuan": result.amount_yuan,
        "paid_at": result.paid_at.isoformat() if result.paid_at else None,
    }
    return {name: str(value) for name, value in said.items() if value is not None}


def take_notify(
    *, channel: str, account_id: UUID, headers: dict[str, str], body: bytes, now: datetime
) -> tuple[int, str, bytes]:
    """Return the answer to a platform's notify: success only after the result has been committed.

    Opens one short scope of its own; reading a notify asks nobody. Whatever is not proved to come from this account's
    platform changes nothing.
    """
    found = doors.open_one(doors.Kind.ACCOUNT, str(account_id))
    if found is None:
        return 404, "application/json", b"{}"
    try:
        with landlord_scope(found.landlord_id):
            account = CollectionAccount.objects.get(pk=found.object_id)
            platform = platform_of(account)
            if account.channel != channel:
                return 404, "application/json", b"{}"
            try:
                result = platform.read_notify(headers, body, now)
            except platforms.NotifyRefused as refusal:
                log.warning("notify of account %s refused: %s", account_id, refusal.code)
                if refusal.code == "DECRYPTION":
                    note_seal(account=account, opened=False)
                if refusal.out_trade_no:
                    _set_aside(account, refusal)
                return platform.notify_answer(False)
            note_seal(account=account, opened=True)
            applied = apply_payment_result(account=account, result=result, now=now)
    except IntegrityError:
        # Another delivery of the same notify won the race; the next one finds it applied.
        return platform.notify_answer(False)
    return platform.notify_answer(applied not in (Applied.REVIEW, Applied.UNKNOWN_ORDER))


def _set_aside(account: CollectionAccount, refusal: platforms.NotifyRefused) -> None:
    rows = Payment.objects.filter(account=account, out_trade_no=refusal.out_trade_no)
    rows.filter(state__in=sorted(MAY_BECOME_PAID)).update(
        state=PaymentState.REVIEW, review_reason=str(refusal)[:200], poll_at=None
    )


def in_closing(result: platforms.PlatformResult) -> platforms.PlatformResult:
    """Read what a platform says to a close: an order it never heard of is closed, since nobody has its code."""
    return replace(result, state="CLOSED") if result.state == "UNKNOWN_ORDER" else result


def _is_asked_about(payment: Payment) -> bool:
    return payment.state in UNDECIDED or (
        payment.state == PaymentState.CLOSED and payment.poll_at is not None
    )


def _pause(polls: int) -> timedelta:
    """How long a platform is left alone that has not answered the last of the planned polls, or none after it."""
    hours = 2 ** min(max(polls - len(POLL_AFTER) + 1, 0), 5)
    return min(timedelta(hours=hours), _LONGEST_PAUSE)


def poll_payment(*, landlord_id: UUID, payment_id: UUID, now: datetime) -> Applied:
    """Ask the platform how an undecided payment is and apply the answer; opens short scopes of its own.

    Claims its turn first, so that two pollers ask once. After the last poll the order is closed at the
    platform, and what closing finds out is applied too. One that was closed before its time was over is asked about
    once more after it. A platform that does not answer is asked ever more rarely, at last once a day.
    """
    with landlord_scope(landlord_id):
        payment = Payment.objects.select_related("account").filter(pk=payment_id).first()
        if payment is None or not _is_asked_about(payment):
            return Applied.NOTHING
        last = payment.state == PaymentState.CLOSED or payment.polls >= len(POLL_AFTER) - 1
        next_at = now + _pause(payment.polls) if last else payment.created_at + POLL_AFTER[payment.polls + 1]
        claimed = Payment.objects.filter(pk=payment.pk, polls=payment.polls, state=payment.state).update(
            polls=F("polls") + 1, poll_at=max(next_at, now + timedelta(seconds=1))
        )
        account = payment.account
        platform = platform_of(account)
    if not claimed:
        return Applied.NOTHING
    try:
        result = platform.query(payment.out_trade_no, by_qr=payment.bridge is None)
        if last and result.state in ("PENDING", "UNKNOWN_ORDER"):
            result = in_closing(platform.close(payment.out_trade_no))
    except platforms.PlatformError as error:
        log.info("payment %s could not be polled: %s", payment_id, type(error).__name__)
        return Applied.NOTHING
    with landlord_scope(landlord_id):
        return apply_payment_result(account=account, result=result, now=now)
