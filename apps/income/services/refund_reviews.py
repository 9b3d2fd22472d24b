"""What a member decides of a refund: ask the platform again, give the money back by hand, withdraw what waits."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, NotFound
from apps.income import postings
from apps.income.models import Recharge, Refund
from apps.income.refundable import NOT_IN_THE_METER
from apps.income.services.ledger import book
from apps.income.services.refunds import SOME_WENT_BACK, WITHDRAWN, ring
from apps.income.states import RefundState, RefundWay
from apps.meters.models import Meter
from apps.meters.services.commands import ReasonMissing


class NotInReview(Conflict):
    code = "not_in_review"
    detail = _("This refund is not waiting for a person.")


class NotWaiting(Conflict):
    code = "not_waiting"
    detail = _("This refund does not wait for the meter any more; it cannot be withdrawn.")


class SomeWentBack(Conflict):
    code = "some_went_back"
    detail = _(
        "The platform says that money went back for this refund, though not the amount that was asked. "
        "Compare with the platform's own pages before you hand out anything."
    )


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
    ring(refund)
    return refund


def withdraw_refund(*, refund_id: UUID | None, by_id: UUID, now: datetime) -> Refund:
    """Take back a refund that still waits for the meter: nothing goes back, and the energy has its way. Audited.

    No money was asked for and the credit was left alone, so only the refund's own row changes. Locks the meter: once
    its word has freed the money no new credit waits for it any more, and it goes, whoever has heard of it yet.

    :raises NotFound, NotWaiting: and nothing was written.
    """
    with transaction.atomic():
        rows = Refund.objects.filter(pk=refund_id)
        meters = Recharge.objects.filter(payment__refunds=refund_id).values("meter_id")
        Meter.objects.select_for_update(of=("self",)).filter(pk__in=meters).first()
        freed = Recharge.objects.filter(
            payment__refunds=refund_id, command__state__in=sorted(NOT_IN_THE_METER)
        ).exists()
        if freed or not rows.filter(state=RefundState.WAITING).update(
            state=RefundState.CLOSED, review_reason=WITHDRAWN, next_at=None
        ):
            if rows.exists() or refund_id is None:
                raise NotWaiting()
            raise NotFound(_("There is no such refund."))
        refund = rows.get()
        audit.record("refund.withdraw", on=refund, by_id=by_id, now=now, amount_yuan=refund.amount_yuan)
    return refund


def note_given_by_hand(*, refund_id: UUID, note: str, by_id: UUID, now: datetime) -> Refund:
    """End a refund that its platform cannot make: a member gave the money back by hand and says how. Audited.

    For a closed card (ABNORMAL) or a platform's refusal. The money stays in the channel and leaves the cash. May be
    asked twice: the state changes conditionally, and the second finds nothing in review.

    :raises NotFound, ReasonMissing, NotInReview: and nothing was written.
    :raises SomeWentBack: the platform says that some of it moved.
    """
    if not note.strip():
        raise ReasonMissing(fields={"note": _("Required.")})
    with transaction.atomic():
        refund = Refund.objects.select_for_update(of=("self",)).filter(pk=refund_id).first()
        if refund is None:
            raise NotFound(_("There is no such refund."))
        if refund.state != RefundState.REVIEW:
            raise NotInReview()
        if refund.review_reason.endswith(SOME_WENT_BACK):
            raise SomeWentBack()
        Refund.objects.filter(pk=refund.pk, state=RefundState.REVIEW).update(
            state=RefundState.DONE,
            way=RefundWay.HAND,
            done_at=now,
            next_at=None,
            evidence={**refund.evidence, "by_hand": note.strip()[:200], "was": refund.review_reason},
            review_reason="",
        )
        moves = postings.refunded(
            payment_id=refund.payment_id, destination=postings.CASH, amount_yuan=refund.amount_yuan
        )
        book(reference=f"refund:{refund.pk}:done", kind="refunded_by_hand", moves=moves, now=now)
        audit.record(
            "refund.by_hand",
            on=refund,
            by_id=by_id,
            now=now,
            amount_yuan=refund.amount_yuan,
            reason=note.strip()[:200],
        )
        refund.refresh_from_db()
    return refund
