"""Give money back: only what no meter has or may still get, at most what was paid, and under one number.

The row first, committed; then the call, outside any scope; then what the platform proved. Energy decides whether a
refund is possible at all: its credit is taken back by a conditional update, and once bytes are stored nobody can know
without the meter whether it has them.
"""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Sum
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, NotFound
from apps.common.queue import ring_after_commit
from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.models import CollectionAccount, Payment, Recharge, Refund
from apps.income.platforms import base as platforms
from apps.income.services.channels import notify_url, platform_of
from apps.income.services.fees import give_fee_back
from apps.income.services.ledger import book
from apps.income.services.recharges import take_back
from apps.income.services.settlement import note_given_back
from apps.income.states import HOLDS_MONEY, UNDER_WAY, PaymentState, RechargeState, RefundState
from apps.meters.post import Post
from apps.meters.services import commands
from apps.meters.states import CommandState

log = logging.getLogger(__name__)

# A refund takes from a second to days; after the first tries there is no hurry.
_ASK_AFTER = tuple(timedelta(seconds=s) for s in (5, 60, 120, 300, 900, 3600))
PAID_TWICE = "the order was paid twice"
# The meter does not have the energy and will not get it.
_NOT_IN_THE_METER = frozenset({CommandState.CANCELLED, CommandState.REJECTED})


class NotPaid(Conflict):
    code = "not_paid"
    detail = _("This payment was never paid, so there is nothing to give back.")


class EnergyDelivered(Conflict):
    code = "energy_delivered"
    detail = _("The energy of this payment is in the meter. What is in a meter cannot be taken out again.")


class EnergyOnItsWay(Conflict):
    code = "energy_on_its_way"
    detail = _(
        "The energy of this payment has left for the meter, and nobody can tell yet whether it arrived. "
        "It can be given back only once the meter has proved that it did not."
    )


class NothingLeft(Conflict):
    code = "nothing_left"
    detail = _("All of this payment has gone back already.")


class NotInReview(Conflict):
    code = "not_in_review"
    detail = _("This refund is not waiting for a person.")


def ask_refund(*, post: Post, payment_id: UUID, reason: str, by_id: UUID | None, now: datetime) -> Refund:
    """Return the refund of all that is left of a payment; the platform is asked after commit. Audited.

    A refund that is under way is returned as it is, so a second click gives nothing more back. Locks the payment, then
    the meter. Without a recharge (a second payment of one order) there is no energy to ask about.

    :raises NotFound, ReasonMissing, NotPaid, NothingLeft: and nothing was written.
    :raises EnergyDelivered: the meter proved the credit. :raises EnergyOnItsWay: its bytes are stored.
    """
    if not reason.strip():
        raise commands.ReasonMissing(fields={"reason": _("Required.")})
    with transaction.atomic():
        payment = Payment.objects.select_for_update(of=("self",)).filter(pk=payment_id).first()
        if payment is None:
            raise NotFound(_("There is no such payment."))
        if payment.state != PaymentState.PAID:
            raise NotPaid()
        waiting = Refund.objects.filter(payment=payment, state__in=sorted(UNDER_WAY | {RefundState.REVIEW}))
        under_way = waiting.first()
        if under_way is not None:
            return under_way
        left_yuan = payment.amount_yuan - (
            Refund.objects.filter(payment=payment, state__in=sorted(HOLDS_MONEY)).aggregate(
                sum=Sum("amount_yuan")
            )["sum"]
            or 0
        )
        if left_yuan <= 0:
            raise NothingLeft()
        recharge = Recharge.objects.select_related("command").filter(payment=payment).first()
        if recharge is not None:
            _take_energy_back(post, recharge, now)
        refund = Refund.objects.create(
            payment=payment,
            out_refund_no=f"{payment.out_trade_no}F{Refund.objects.filter(payment=payment).count() + 1:02}",
            amount_yuan=left_yuan,
            reason=reason.strip()[:200],
            made_by_id=by_id,
            created_at=now,
            next_at=now,
        )
        audit.record(
            "payment.refund", on=payment, by_id=by_id, now=now, amount_yuan=left_yuan, reason=refund.reason
        )
        _ring(refund)
    return refund


def _take_energy_back(post: Post, recharge: Recharge, now: datetime) -> None:
    if recharge.state == RechargeState.CANCELLED:
        return
    if recharge.command.state not in _NOT_IN_THE_METER:
        if recharge.command.state == CommandState.DONE:
            raise EnergyDelivered()
        taken = commands.cancel_credit(
            post=post, meter_id=recharge.meter_id, command_id=recharge.command_id, now=now
        )
        if not taken:
            state = type(recharge.command).objects.values_list("state", flat=True).get(pk=recharge.command_id)
            raise EnergyDelivered() if state == CommandState.DONE else EnergyOnItsWay()
    assert recharge.payment_id is not None
    take_back(recharge=recharge, source=postings.owed(recharge.payment_id), now=now)


def give_unused_back(*, payment: Payment, reason: str, now: datetime) -> Refund:
    """Return the refund of a payment that bought nothing, all of it; in the transaction that made it PAID.

    :param reason: why nothing can be bought with it, as the landlord and the platform read it.
    """
    moves = postings.surplus(
        source=postings.channel_account(payment.account_id),
        payment_id=payment.pk,
        amount_yuan=payment.amount_yuan,
    )
    book(reference=f"payment:{payment.pk}:surplus", kind="surplus", moves=moves, now=now)
    refund = Refund.objects.create(
        payment=payment,
        out_refund_no=f"{payment.out_trade_no}F01",
        amount_yuan=payment.amount_yuan,
        reason=reason,
        created_at=now,
        next_at=now,
    )
    _ring(refund)
    return refund


def retry_refund(*, refund_id: UUID, by_id: UUID | None, now: datetime) -> Refund:
    """Ask the platform again for a refund a person has looked at; the number stays. Audited.

    :raises NotFound, NotInReview: and nothing was written.
    """
    refund = Refund.objects.filter(pk=refund_id).first()
    if refund is None:
        raise NotFound(_("There is no such refund."))
    rows = Refund.objects.filter(pk=refund_id, state=RefundState.REVIEW)
    if not rows.update(state=RefundState.CREATED, review_reason="", tries=0, next_at=now):
        raise NotInReview()
    refund.refresh_from_db()
    audit.record("refund.retry", on=refund, by_id=by_id, now=now)
    _ring(refund)
    return refund


def _ring(refund: Refund) -> None:
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
        apply_refund_result(account=account, result=result, now=now)


def _asked(
    platform: platforms.Platform, request: platforms.RefundRequest, state: str
) -> platforms.RefundResult:
    if state == RefundState.PROCESSING:
        result = platform.query_refund(request.out_trade_no, request.out_refund_no)
        if result.state != "UNKNOWN_REFUND":
            return result
    return platform.refund(request)


def apply_refund_result(
    *, account: CollectionAccount, result: platforms.RefundResult, now: datetime
) -> Refund | None:
    """Take in what a platform has proved about one refund of this account; inside the landlord's scope.

    None for a number that is not ours. Safe to run twice and in parallel: locks the refund, books by a reference that
    exists once. DONE beats REVIEW; what does not agree goes to REVIEW and moves nothing.
    """
    with transaction.atomic():
        refund = (
            Refund.objects.select_for_update(of=("self",))
            .select_related("payment")
            .filter(payment__account=account, out_refund_no=result.out_refund_no)
            .first()
        )
        if refund is None or refund.state == RefundState.DONE:
            return refund
        rows = Refund.objects.filter(pk=refund.pk)
        if result.state == "DONE" and refund.state == RefundState.CLOSED:
            rows.update(review_reason="the platform closed it, and says now that it is done")
        elif result.state == "DONE" and result.refund_yuan != refund.amount_yuan:
            _review(refund, f"{result.refund_yuan} yuan went back instead of {refund.amount_yuan}")
        elif result.state == "DONE":
            rows.update(
                state=RefundState.DONE,
                done_at=now,
                evidence=result.evidence,
                next_at=None,
                review_reason="",
            )
            _book(refund, account, now)
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
        elif result.state == "ABNORMAL":
            rows.update(evidence=result.evidence)
            _review(refund, "ABNORMAL: the payer's account cannot take the money back")
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
    gone = Refund.objects.filter(payment=payment, state=RefundState.DONE).aggregate(sum=Sum("amount_yuan"))
    note_given_back(refund=refund, account=account, now=now)
    give_fee_back(payment=payment, refunded_yuan=gone["sum"], reference=f"refund:{refund.pk}:fee", now=now)


def _review(refund: Refund, reason: str) -> None:
    rows = Refund.objects.filter(pk=refund.pk, state__in=sorted(UNDER_WAY))
    rows.update(state=RefundState.REVIEW, review_reason=reason[:200], next_at=None)
    log.warning("refund %s needs a look: %s", refund.pk, reason)
