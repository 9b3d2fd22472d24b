"""Alipay's own page, for a payer in a phone's browser outside both apps: the way there, and the way back."""

from datetime import datetime, timedelta

from django.db.models import Q

from apps.accounts.doors import Found
from apps.common.scoping import landlord_scope
from apps.income.models import Payment
from apps.income.platforms import base as platforms
from apps.income.services.channels import platform_of
from apps.income.services.orders import charge_request
from apps.income.services.payments import Applied, apply_payment_result
from apps.income.states import UNDECIDED

ASKED_APART = timedelta(seconds=3)


def page_address(*, found: Found, return_url: str, now: datetime) -> str:
    """Return the address of the page that takes the money of an order, signed now; empty where there is none to pay.

    Opens a short scope of its own, calls nobody, and may run as often as the payer goes there.
    """
    with landlord_scope(found.landlord_id):
        payment = _newest(found)
        order = payment.order
        if not payment.by_page or payment.state not in UNDECIDED or now >= order.expires_at:
            return ""
        platform = platform_of(payment.account)
        request = charge_request(payment.account, order, payment, return_url=return_url)
    return platform.page_address(request)


def ask_returned(*, found: Found, now: datetime) -> Applied:
    """Ask the platform about the order of a payer whom its page sent back, and apply the answer.

    Her coming back, and whatever her browser brings along, proves nothing. Asks at most every three seconds, counts
    as no poll, and opens short scopes of its own; a platform that does not answer is left to the polls.
    """
    with landlord_scope(found.landlord_id):
        payment = _newest(found)
        long_ago = Q(returned_at=None) | Q(returned_at__lte=now - ASKED_APART)
        rows = Payment.objects.filter(long_ago, pk=payment.pk, by_page=True, state__in=sorted(UNDECIDED))
        if not rows.update(returned_at=now):
            return Applied.NOTHING
        account = payment.account
        platform = platform_of(account)
    try:
        result = platform.query(payment.out_trade_no)
    except platforms.PlatformError:
        return Applied.NOTHING
    with landlord_scope(found.landlord_id):
        return apply_payment_result(account=account, result=result, now=now)


def _newest(found: Found) -> Payment:
    payments = Payment.objects.select_related("account", "order")
    newest: Payment = payments.filter(order_id=found.object_id).latest("id")
    return newest
