"""Credit a payment in REVIEW after all: a member asks for it, and the platform's fresh word decides.

Nobody can credit against the platform. What it says anew goes the one way in (`apply_payment_result`); where that still
does not agree with the order, the payment keeps what was answered, for the person who asked.
"""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, NotFound
from apps.common.queue import ring_after_commit
from apps.common.scoping import landlord_scope
from apps.income.models import Payment
from apps.income.platforms import base as platforms
from apps.income.services.channels import platform_of
from apps.income.services.payments import Applied, apply_payment_result
from apps.income.states import PaymentState
from apps.meters.services.commands import ReasonMissing

log = logging.getLogger(__name__)

# Somebody waits at the screen: soon at first, and after the last it is her turn again.
_ASK_AGAIN_AFTER = tuple(timedelta(seconds=s) for s in (5, 30, 60, 300))
NO_ANSWER = "the platform did not answer"
OTHER_ORDER = "the platform answered about another order"
REFUSED = "the platform refused the question: "
SAID = {
    "PENDING": "the platform says that it is not paid",
    "CLOSED": "the platform says that it was closed unpaid",
    "UNKNOWN_ORDER": "the platform has no such payment in this account",
    "REFUNDED": "the platform says that it went back",
}


class NotSetAside(Conflict):
    code = "not_set_aside"
    detail = _("This payment is not set aside any more; its page says what became of it.")


def ask_to_credit(*, payment_id: UUID, reason: str, by_id: UUID, now: datetime) -> Payment:
    """Have the platform asked anew about a payment in REVIEW, to credit it if every field agrees now. Audited.

    The same again while the question is out changes nothing. Locks the payment.

    :raises NotFound, ReasonMissing, NotSetAside: and nothing was written.
    """
    if not reason.strip():
        raise ReasonMissing(fields={"reason": _("Required.")})
    with transaction.atomic():
        payment = Payment.objects.select_for_update(of=("self",)).filter(pk=payment_id).first()
        if payment is None:
            raise NotFound(_("There is no such payment."))
        if payment.state != PaymentState.REVIEW:
            raise NotSetAside()
        if payment.poll_at is not None:
            return payment
        payment.credit_reason, payment.credit_by_id, payment.credit_answer = reason.strip()[:200], by_id, ""
        payment.polls, payment.poll_at = 0, now
        payment.save(update_fields=["credit_reason", "credit_by", "credit_answer", "polls", "poll_at"])
        audit.record("payment.credit_asked", on=payment, by_id=by_id, now=now, reason=payment.credit_reason)
        ring_after_commit(
            "income.credit_reviewed",
            queue_name="money",
            landlord_id=payment.landlord_id,
            payment_id=payment.pk,
        )
    return payment


def credit_reviewed(*, landlord_id: UUID, payment_id: UUID, now: datetime) -> Applied:
    """Ask the platform about a payment that somebody wants credited, and credit it if it agrees; opens short scopes.

    Claims its turn first, so that two callers ask once. A platform that is silent is asked again, and after the last
    time the page says so. Safe to run at any time: what was credited or given back meanwhile stays as it is.
    """
    with landlord_scope(landlord_id):
        payment = Payment.objects.select_related("account").filter(pk=payment_id).first()
        if payment is None or not _is_due(payment, now):
            return Applied.NOTHING
        is_last = payment.polls >= len(_ASK_AGAIN_AFTER)
        pause = _ASK_AGAIN_AFTER[min(payment.polls, len(_ASK_AGAIN_AFTER) - 1)]
        mine = Payment.objects.filter(pk=payment.pk, state=PaymentState.REVIEW, poll_at=payment.poll_at)
        if not mine.update(polls=F("polls") + 1, poll_at=now + pause):
            return Applied.NOTHING
        account = payment.account
        platform = platform_of(account)
    try:
        result = platform.query(payment.out_trade_no, by_qr=payment.bridge is None)
    except platforms.PlatformRefused as refusal:
        return _answered(payment, f"{REFUSED}{refusal.code}")
    except platforms.PlatformError as error:
        log.info("payment %s could not be asked about: %s", payment_id, type(error).__name__)
        return _answered(payment, NO_ANSWER) if is_last else Applied.NOTHING
    if result.out_trade_no != payment.out_trade_no:
        return _answered(payment, OTHER_ORDER)
    with landlord_scope(landlord_id):
        return _apply(payment, result, now)


def _is_due(payment: Payment, now: datetime) -> bool:
    return payment.state == PaymentState.REVIEW and payment.poll_at is not None and payment.poll_at <= now


def _apply(payment: Payment, result: platforms.PlatformResult, now: datetime) -> Applied:
    with transaction.atomic():
        applied = apply_payment_result(
            account=payment.account, result=result, now=now, also_from=PaymentState.REVIEW
        )
        seen = Payment.objects.get(pk=payment.pk)
        if applied is Applied.REVIEW and seen.state == PaymentState.REVIEW:
            return _answered(payment, seen.review_reason)
        if applied is Applied.NOTHING:
            return _answered(payment, SAID.get(result.state, NO_ANSWER))
        if applied in (Applied.PAID, Applied.PAID_TWICE, Applied.GIVEN_BACK):
            audit.record(
                "payment.credit",
                on=seen,
                by_id=payment.credit_by_id,
                now=now,
                amount_yuan=seen.amount_yuan,
                reason=payment.credit_reason,
                was=payment.review_reason,
            )
    return applied


def _answered(payment: Payment, said: str) -> Applied:
    """Write down why it was not credited; the person who asked reads it, and may ask again."""
    assert payment.landlord_id is not None
    with landlord_scope(payment.landlord_id):
        rows = Payment.objects.filter(pk=payment.pk, state=PaymentState.REVIEW)
        rows.update(credit_answer=said[:200], poll_at=None)
    return Applied.REVIEW
