"""Give money back: only what no meter has or may still get, at most what arrived, and under one number.

The row first, committed; then the call, outside any scope; then what the platform proved. Energy decides whether a
refund is possible at all: its credit is taken back by a conditional update, and once bytes are stored nobody can know
without the meter whether it has them, so the refund waits for its word.
"""

import logging
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max, Sum
from django.utils.translation import gettext_lazy as _

from apps.common.errors import Conflict
from apps.common.queue import ring_after_commit
from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.models import CollectionAccount, Payment, Refund
from apps.income.platforms import base as platforms
from apps.income.services.channels import notify_url, platform_of
from apps.income.services.fees import give_fee_back
from apps.income.services.ledger import book
from apps.income.services.settlement import note_given_back
from apps.income.states import UNDER_WAY, FinishWay, RefundState, RefundWay

log = logging.getLogger(__name__)

# A refund takes from a second to days; after the first tries there is no hurry.
_ASK_AFTER = tuple(timedelta(seconds=s) for s in (5, 60, 120, 300, 900, 3600))
PAID_TWICE = "the order was paid twice"
SOME_WENT_BACK = "went back by the platform's word"
WITHDRAWN = "withdrawn before the meter had spoken"
METER_HAS_IT = "the meter proved that it has the energy; nothing goes back"
CARD_TAKES_NOTHING = "ABNORMAL: the payer's account cannot take the money back"
OTHER_WAY_HALTED = "ABNORMAL still: sent another way, and not arrived by the platform's word"
WITH_THE_MERCHANT = "RETURNED: the money is in the merchant's own bank account, and the payer has none of it"
BOOKED_AND_RETURNED = (
    "booked as gone back, and the platform says now that it went to the merchant's bank account"
)
BY_HAND_AND_BY_CHANNEL = "given back by hand, and the platform says now that it gave it back too"
# WeChat Pay: so many parts of one payment, and at least a minute between two.
MOST_REFUNDS = 50
APART = timedelta(minutes=1)


class TooManyRefunds(Conflict):
    code = "too_many_refunds"
    detail = _("This payment has gone back in as many parts as the platforms allow.")


def make_refund(
    payment: Payment, amount_yuan: Decimal, reason: str, by_id: UUID | None, now: datetime, *, is_free: bool
) -> Refund:
    made = Refund.objects.filter(payment=payment)
    number = made.count() + 1
    if number > MOST_REFUNDS:
        raise TooManyRefunds()
    last = made.aggregate(at=Max("done_at"))["at"]
    refund = Refund.objects.create(
        payment=payment,
        out_refund_no=f"{payment.out_trade_no}F{number:02}",
        amount_yuan=amount_yuan,
        state=RefundState.CREATED if is_free else RefundState.WAITING,
        reason=reason,
        made_by_id=by_id,
        created_at=now,
        next_at=(max(now, last + APART) if last else now) if is_free else None,
    )
    if is_free:
        ring(refund)
    return refund


def give_unused_back(*, payment: Payment, reason: str, now: datetime) -> Refund:
    """Return the refund of a payment that bought nothing, all of it; in the transaction that made it PAID.

    :param reason: why nothing can be bought with it, as the landlord and the platform read it.
    """
    book_unused(payment, now)
    return make_refund(payment, payment.amount_yuan, reason, None, now, is_free=True)


def book_unused(payment: Payment, now: datetime) -> None:
    """Book what arrived with a payment as owed back; in the transaction that made it PAID."""
    moves = postings.surplus(
        source=postings.channel_account(payment.account_id),
        payment_id=payment.pk,
        amount_yuan=payment.amount_yuan,
    )
    book(reference=f"payment:{payment.pk}:surplus", kind="surplus", moves=moves, now=now)


def ring(refund: Refund) -> None:
    """After commit, have a worker ask the platform."""
    ring_after_commit(
        "income.send_refund", queue_name="money", landlord_id=refund.landlord_id, refund_id=refund.pk
    )


def send_refund(*, landlord_id: UUID, refund_id: UUID, now: datetime) -> None:
    """Ask the platform for a refund, or how it is, and take in the answer; opens short scopes of its own.

    Claims its turn first, so that two callers ask once. Safe to run at any time: the number makes a repeat report the
    same refund. An unknown result stays under way and is asked about again.
    """
    with landlord_scope(landlord_id):
        refund = Refund.objects.select_related("payment__account").filter(pk=refund_id).first()
        if refund is None or refund.state not in UNDER_WAY or refund.next_at is None or refund.next_at > now:
            return
        pause = _ASK_AFTER[min(refund.tries, len(_ASK_AFTER) - 1)]
        rows = Refund.objects.filter(pk=refund.pk, tries=refund.tries, state__in=sorted(UNDER_WAY))
        if not rows.update(tries=F("tries") + 1, next_at=now + pause):
            return
        payment, account = refund.payment, refund.payment.account
        platform = platform_of(account)
    request = platforms.RefundRequest(
        out_trade_no=payment.out_trade_no,
        out_refund_no=refund.out_refund_no,
        refund_yuan=refund.amount_yuan,
        paid_yuan=payment.amount_yuan,
        reason=refund.reason,
        notify_url=notify_url(account),
    )
    try:
        result = _asked(platform, request, refund.state)
    except platforms.PlatformRefused as refusal:
        with landlord_scope(landlord_id):
            _review(refund, f"the platform refused it: {refusal.code}")
        return
    except platforms.PlatformError as error:
        log.info("refund %s: the result is unknown (%s)", refund_id, type(error).__name__)
        return
    with landlord_scope(landlord_id):
        apply_refund_result(account=account, result=result, now=now, is_answer=True)


def _asked(
    platform: platforms.Platform, request: platforms.RefundRequest, state: str
) -> platforms.RefundResult:
    if state == RefundState.PROCESSING:
        result = platform.query_refund(request.out_trade_no, request.out_refund_no)
        if result.state != "UNKNOWN_REFUND":
            return result
    return platform.refund(request)


def apply_refund_result(
    *, account: CollectionAccount, result: platforms.RefundResult, now: datetime, is_answer: bool = False
) -> Refund | None:
    """Take in what a platform has proved about one refund of this account; inside the landlord's scope.

    None for a number that is not ours. Safe to run twice and in parallel: locks the refund, books by a reference that
    exists once. DONE beats REVIEW; what does not agree goes to REVIEW and moves nothing. Neither does RETURNED: the
    merchant has the money as before, and the payer is owed it until somebody has handed it over.

    :param is_answer: the platform said it when it was asked just now. A notify is repeated for a day, so one that is
        ABNORMAL may speak of a card that was replaced since.
    """
    with transaction.atomic():
        refund = (
            Refund.objects.select_for_update(of=("self",))
            .select_related("payment")
            .filter(payment__account=account, out_refund_no=result.out_refund_no)
            .first()
        )
        if refund is None or refund.state == RefundState.DONE:
            if refund is not None:
                _say_if_it_went_otherwise(refund, result)
            return refund
        rows = Refund.objects.filter(pk=refund.pk)
        if result.state == "DONE" and refund.state == RefundState.CLOSED:
            rows.update(review_reason="the platform closed it, and says now that it is done")
        elif result.state in ("DONE", "RETURNED") and result.refund_yuan != refund.amount_yuan:
            _review(refund, f"{result.refund_yuan} yuan of {refund.amount_yuan} {SOME_WENT_BACK}")
        elif result.state == "DONE":
            rows.update(
                state=RefundState.DONE,
                done_at=now,
                evidence=result.evidence,
                next_at=None,
                review_reason="",
            )
            _book(refund, account, now)
        elif result.state == "RETURNED":
            rows.filter(state__in=sorted(UNDER_WAY | {RefundState.REVIEW})).update(
                state=RefundState.REVIEW,
                finish_way=FinishWay.MERCHANT,
                review_reason=WITH_THE_MERCHANT,
                evidence=result.evidence,
                next_at=None,
            )
        elif result.state == "PROCESSING":
            rows.filter(state=RefundState.CREATED).update(
                state=RefundState.PROCESSING, evidence=result.evidence
            )
        elif result.state == "CLOSED":
            rows.exclude(state=RefundState.CLOSED).update(
                state=RefundState.CLOSED,
                evidence=result.evidence,
                next_at=None,
                review_reason="the platform gave this refund up; no money moved",
            )
        elif result.state == "ABNORMAL" and (is_answer or not refund.finish_way):
            rows.update(evidence=result.evidence)
            _review(refund, OTHER_WAY_HALTED if refund.finish_way else CARD_TAKES_NOTHING)
        refund.refresh_from_db()
    return refund


def _book(refund: Refund, account: CollectionAccount, now: datetime) -> None:
    moves = postings.refunded(
        payment_id=refund.payment_id,
        destination=postings.channel_account(account.pk),
        amount_yuan=refund.amount_yuan,
    )
    book(reference=f"refund:{refund.pk}:done", kind="refunded", moves=moves, now=now)
    payment = (
        Payment.objects.select_for_update(of=("self",)).select_related("account").get(pk=refund.payment_id)
    )
    through = Refund.objects.filter(payment=payment, state=RefundState.DONE, way=RefundWay.CHANNEL)
    gone = through.aggregate(sum=Sum("amount_yuan"))
    note_given_back(refund=refund, account=account, now=now)
    give_fee_back(payment=payment, refunded_yuan=gone["sum"], reference=f"refund:{refund.pk}:fee", now=now)


def _say_if_it_went_otherwise(refund: Refund, result: platforms.RefundResult) -> None:
    by_hand = refund.way == RefundWay.HAND
    said = {(True, "DONE"): BY_HAND_AND_BY_CHANNEL, (False, "RETURNED"): BOOKED_AND_RETURNED}.get(
        (by_hand, result.state)
    )
    if said:
        Payment.objects.filter(pk=refund.payment_id).update(review_reason=said)
        log.warning("refund %s: %s", refund.pk, said)


def _review(refund: Refund, reason: str) -> None:
    rows = Refund.objects.filter(pk=refund.pk, state__in=sorted(UNDER_WAY))
    rows.update(state=RefundState.REVIEW, review_reason=reason[:200], next_at=None)
    log.warning("refund %s needs a look: %s", refund.pk, reason)
