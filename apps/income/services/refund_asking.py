"""Ask for money back: what of it can go, and the energy that has to be freed first."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit, doors
from apps.common.errors import Conflict, NotFound
from apps.income import postings
from apps.income.models import Payment, Recharge, Refund
from apps.income.refund_selectors import energy_of, held_yuan
from apps.income.refundable import NOT_IN_THE_METER, arrival, idle_yuan
from apps.income.services.fees import keep_fee
from apps.income.services.recharge_ends import take_back
from apps.income.services.recharges import AmountInvalid, recharge_the_rest
from apps.income.services.refunds import METER_HAS_IT, book_unused, make_refund, ring
from apps.income.services.settlement import note_collected
from apps.income.states import NOT_ENDED, PaymentState, RechargeState, RefundState
from apps.meters.post import Post
from apps.meters.services import commands
from apps.meters.states import CommandState
from apps.tariffs.pricing import FEN_YUAN


class NotPaid(Conflict):
    code = "not_paid"
    detail = _("This payment was never paid, so there is nothing to give back.")


class EnergyDelivered(Conflict):
    code = "energy_delivered"
    detail = _("The energy of this payment is in the meter. What is in a meter cannot be taken out again.")


class NotProved(Conflict):
    code = "not_proved"
    detail = _(
        "The platform has not proved that this money is in your account, so it cannot be given back from here. "
        "Look for it on the platform's own pages, by the payment's number."
    )


class RefundUnderWay(Conflict):
    code = "refund_under_way"
    detail = _("A refund of this payment is under way; wait for its end before you give another part back.")


class NothingLeft(Conflict):
    code = "nothing_left"
    detail = _("All of this payment has gone back already.")


def ask_refund(
    *,
    post: Post,
    payment_id: UUID,
    reason: str,
    by_id: UUID | None,
    now: datetime,
    amount_yuan: Decimal | None = None,
) -> Refund:
    """Return the refund of a payment, all that is left of it or a part; the platform is asked after commit. Audited.

    `apps.income.refundable` says what can go back. Money that buys nothing goes first and leaves all energy alone.
    Where its bytes have left, the refund is WAITING until the meter has spoken. Where a part goes back of energy that
    has not left, the rest is recharged anew in the same breath. A payment in REVIEW becomes PAID with what its
    platform proved to have arrived, and buys nothing.

    The same again while one is not ended returns that one, so a second click gives nothing more back. Locks the
    payment, then the meter.

    :param amount_yuan: None gives all back that is left; where the meter has the energy, all that bought none.
    :raises NotFound, ReasonMissing, NotPaid, NotProved, NothingLeft, TooManyRefunds: and nothing was written.
    :raises RefundUnderWay: another amount is on its way.
    :raises AmountInvalid: no amount, more than is left, or it leaves a rest that buys no energy.
    :raises EnergyDelivered: the meter proved the credit.
    """
    if not reason.strip():
        raise commands.ReasonMissing(fields={"reason": _("Required.")})
    with transaction.atomic():
        payment = Payment.objects.select_for_update(of=("self",)).filter(pk=payment_id).first()
        if payment is None:
            raise NotFound(_("There is no such payment."))
        if payment.state == PaymentState.REVIEW:
            take_in_reviewed(payment=payment, now=now)
        if payment.state != PaymentState.PAID:
            raise NotPaid()
        not_ended = Refund.objects.filter(payment=payment, state__in=sorted(NOT_ENDED)).first()
        if not_ended is not None:
            if amount_yuan not in (None, not_ended.amount_yuan):
                raise RefundUnderWay(fields={"amount_yuan": _("Another amount is on its way.")})
            return not_ended
        left_yuan = payment.amount_yuan - held_yuan(payment)
        if left_yuan <= 0:
            raise NothingLeft()
        recharge = Recharge.objects.select_related("command").filter(payment=payment).first()
        idle = idle_yuan(left_yuan, energy_of(recharge))
        most_yuan = idle if idle > 0 and recharge and _is_in_the_meter(recharge) else left_yuan
        wanted_yuan = most_yuan if amount_yuan is None else _checked(amount_yuan, most_yuan)
        is_free = (
            recharge is None
            or wanted_yuan <= idle
            or _take_energy_back(post, recharge, left_yuan - wanted_yuan, now)
        )
        refund = make_refund(payment, wanted_yuan, reason.strip()[:200], by_id, now, is_free=is_free)
        audit.record(
            "payment.refund",
            on=payment,
            by_id=by_id,
            now=now,
            amount_yuan=wanted_yuan,
            reason=refund.reason,
            waits=not is_free,
        )
    return refund


def _is_in_the_meter(recharge: Recharge) -> bool:
    return recharge.state == RechargeState.CREDITED or recharge.command.state == CommandState.DONE


def _checked(amount_yuan: Decimal, left_yuan: Decimal) -> Decimal:
    if not amount_yuan.is_finite() or amount_yuan <= 0:
        raise AmountInvalid(fields={"amount_yuan": _("Not an amount.")})
    if amount_yuan > left_yuan:
        raise AmountInvalid(
            _("At most %(left)s yuan of this payment can go back.") % {"left": f"{left_yuan:.2f}"},
            fields={"amount_yuan": _("More than is left.")},
        )
    if amount_yuan != amount_yuan.quantize(FEN_YUAN):
        raise AmountInvalid(fields={"amount_yuan": _("At most two decimals.")})
    return amount_yuan.quantize(FEN_YUAN)


def _take_energy_back(post: Post, recharge: Recharge, keep_yuan: Decimal, now: datetime) -> bool:
    """Free the money of a recharge, and recharge what is kept of it; False if only the meter can say.

    :raises EnergyDelivered, AmountInvalid: and the caller's transaction is undone.
    """
    if recharge.state == RechargeState.CANCELLED:
        return True
    assert recharge.payment_id is not None
    owed = postings.owed(recharge.payment_id)
    if recharge.command.state in NOT_IN_THE_METER:
        # Nobody knows whether this meter takes the rest, so it is not sent there; it stays owed.
        take_back(recharge=recharge, source=owed, now=now)
        return True
    if recharge.command.state == CommandState.DONE:
        raise EnergyDelivered()
    taken = commands.cancel_credit(
        post=post, meter_id=recharge.meter_id, command_id=recharge.command_id, now=now
    )
    if not taken:
        # The meter's row was waited for: its freeze may have been resolved meanwhile, or the credit proved.
        seen = Recharge.objects.select_related("command").get(pk=recharge.pk)
        ended = seen.command.state in NOT_IN_THE_METER or seen.command.state == CommandState.DONE
        is_another = seen.command_id != recharge.command_id
        return _take_energy_back(post, seen, keep_yuan, now) if ended or is_another else False
    take_back(recharge=recharge, source=owed, now=now)
    if keep_yuan > 0:
        recharge_the_rest(recharge=recharge, keep_yuan=keep_yuan, source=owed, now=now)
    return True


def hear_of_credit(*, command_id: UUID, now: datetime) -> Refund | None:
    """Let a refund that waits for the meter go on, or end it, once its credit has ended; None if there is none.

    The meter has the energy: CLOSED. Its number holds another purchase: the recharge is taken back and the platform
    is asked. Safe to run twice and in parallel: locks the payment, then the meter.
    """
    with transaction.atomic():
        recharge = (
            Recharge.objects.select_related("command", "payment")
            .filter(command_id=command_id, payment__refunds__state=RefundState.WAITING)
            .first()
        )
        if recharge is None:
            return None
        Payment.objects.select_for_update(of=("self",)).get(pk=recharge.payment_id)
        waiting = Refund.objects.filter(payment=recharge.payment, state=RefundState.WAITING)
        refund = waiting.first()
        if refund is None:
            return None
        if recharge.command.state == CommandState.DONE:
            waiting.update(state=RefundState.CLOSED, review_reason=METER_HAS_IT)
        elif recharge.command.state in NOT_IN_THE_METER:
            take_back(recharge=recharge, source=postings.owed(refund.payment_id), now=now)
            waiting.update(state=RefundState.CREATED, next_at=now)
            ring(refund)
        else:
            return None
        refund.refresh_from_db()
    return refund


def take_in_reviewed(*, payment: Payment, now: datetime) -> None:
    """Make a payment in REVIEW PAID, with what its platform proved to have arrived; it buys nothing and is owed back.

    In the transaction that gives it back, under the payment's lock. What it said before stays in its evidence.

    :raises NotProved: nothing is proved to have arrived in this account.
    """
    proved = arrival(payment.evidence, merchant_id=payment.account.merchant_id)
    if proved is None:
        raise NotProved()
    key = f"{payment.channel}:{proved.transaction_id}"
    if not doors.hang(doors.Kind.PLATFORM_TRANSACTION, key, object_id=payment.pk):
        raise NotProved()
    rows = Payment.objects.filter(pk=payment.pk, state=PaymentState.REVIEW)
    rows.update(
        state=PaymentState.PAID,
        transaction_id=proved.transaction_id,
        amount_yuan=proved.amount_yuan,
        paid_at=proved.paid_at or now,
        evidence={**payment.evidence, "looked_at": payment.review_reason},
        review_reason="",
        poll_at=None,
    )
    payment.refresh_from_db()
    keep_fee(payment=payment, now=now)
    note_collected(payment=payment, now=now)
    book_unused(payment, now)
