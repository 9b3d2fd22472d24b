"""Let a payer pay an unpaid order through the other channel: the old payment is closed first, then a second made."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts.doors import Found
from apps.accounts.models import PayerIdentity
from apps.common.errors import Conflict
from apps.common.scoping import landlord_scope
from apps.income.models import Order, Payment
from apps.income.services import channels
from apps.income.services.cancelling import AlreadyPaid, InReview, cancel_order
from apps.income.services.orders import Opened, ask_platform, quote_of
from apps.income.services.payments import POLL_AFTER
from apps.income.states import Channel, PaymentState


class OrderExpired(Conflict):
    code = "order_expired"
    detail = _("The time to pay this order is over; start again.")


def switch_channel(
    *, found: Found, channel: Channel, payer: PayerIdentity | None, payer_ip: str | None, now: datetime
) -> Opened:
    """Return an unpaid order ready to be paid through `channel`; opens short scopes of its own. May run twice.

    Closing comes first, so two payments live at once only where a platform cannot close (an Alipay code nobody has
    scanned). If both are paid all the same, the second goes back by itself.

    :raises AlreadyPaid, InReview, OrderExpired, ChannelMissing: and the order is as it was.
    :raises CloseUnknown: nobody knows yet whether the old payment was paid; ask again.
    :raises Refused: as `ask_platform`.
    """
    payment = _payment(found, channel, now)
    with landlord_scope(found.landlord_id):
        order = Order.objects.select_related("meter__room").get(pk=found.object_id)
        opened = Opened(order, payment, quote_of(order))
    return ask_platform(found=found, opened=opened, payer=payer, payer_ip=payer_ip, now=now)


def _payment(found: Found, channel: Channel, now: datetime) -> Payment:
    with landlord_scope(found.landlord_id):
        order = Order.objects.get(pk=found.object_id)
        newest = order.payments.latest("id")
        if newest.channel == channel and newest.state in (PaymentState.CREATED, PaymentState.PENDING):
            return newest
        if now >= order.expires_at:
            raise OrderExpired()
        channels.active_account(channel)
    cancel_order(found=found, now=now)
    with landlord_scope(found.landlord_id), transaction.atomic():
        order = Order.objects.select_for_update(of=("self",)).get(pk=found.object_id)
        payments = list(order.payments.order_by("id"))
        if any(payment.state == PaymentState.PAID for payment in payments):
            raise AlreadyPaid()
        if any(payment.state == PaymentState.REVIEW for payment in payments):
            raise InReview()
        if payments[-1].pk != newest.pk:
            return payments[-1]
        Order.objects.filter(pk=order.pk).update(channel=channel)
        account = channels.active_account(channel)
        return Payment.objects.create(
            order=order,
            account=account,
            strategy=account.strategy,
            payee_print=account.payee_print,
            channel=channel,
            out_trade_no=f"{order.no}{len(payments) + 1:02}",
            amount_yuan=order.amount_yuan,
            created_at=now,
            poll_at=now + POLL_AFTER[0],
        )
