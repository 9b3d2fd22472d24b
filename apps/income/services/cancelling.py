"""Take an order back while nothing is paid."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from apps.accounts.doors import Found
from apps.common.errors import Conflict, Refused
from apps.common.scoping import landlord_scope
from apps.income.models import Payment
from apps.income.platforms import base as platforms
from apps.income.services.channels import platform_of
from apps.income.services.payments import apply_payment_result, in_closing
from apps.income.states import PaymentState


class AlreadyPaid(Conflict):
    code = "already_paid"
    detail = _("This order is paid and its energy is on its way; it cannot be cancelled here any more.")


class InReview(Conflict):
    code = "in_review"
    detail = _("A person is looking at this payment; it cannot be cancelled meanwhile.")


class CloseUnknown(Refused):
    code = "platform_busy"
    status = 503
    detail = _("The payment platform does not answer just now; please try again in a moment.")


def cancel_order(*, found: Found, now: datetime) -> None:
    """Close an unpaid order at its platform, then in our books; opens short scopes of its own. May run twice.

    The platform decides: what it found paid on closing is applied as paid, and the order goes on.

    :raises AlreadyPaid, InReview: and nothing was closed. :raises CloseUnknown: nobody knows yet; ask again.
    """
    with landlord_scope(found.landlord_id):
        payment = Payment.objects.select_related("account").filter(order_id=found.object_id).latest("id")
        if Payment.objects.filter(order_id=found.object_id, state=PaymentState.PAID).exists():
            raise AlreadyPaid()
        _refuse_decided(payment)
        if payment.state == PaymentState.CLOSED:
            return
        account = payment.account
        platform = platform_of(account)
    try:
        result = in_closing(platform.close(payment.out_trade_no))
    except platforms.PlatformError:
        raise CloseUnknown() from None
    with landlord_scope(found.landlord_id):
        apply_payment_result(account=account, result=result, now=now)
        payment.refresh_from_db()
    _refuse_decided(payment)
    if payment.state != PaymentState.CLOSED:
        raise CloseUnknown()


def _refuse_decided(payment: Payment) -> None:
    if payment.state == PaymentState.PAID:
        raise AlreadyPaid()
    if payment.state == PaymentState.REVIEW:
        raise InReview()
