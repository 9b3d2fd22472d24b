"""A second payment of one order, through the other channel, while the first can still be paid.

No screen makes one; the books hold all the same when two arrive.
"""

from datetime import datetime

from apps.accounts.doors import Found
from apps.common.scoping import landlord_scope
from apps.income.models import Order, Payment
from apps.income.services import channels, orders
from apps.income.services.payments import POLL_AFTER
from apps.income.states import Channel


def pay_otherwise(order: Found, channel: Channel, now: datetime) -> Payment:
    """Return the second payment, which its platform knows; :raises Refused: as `ask_platform`."""
    with landlord_scope(order.landlord_id):
        row = Order.objects.select_related("meter__room").get(pk=order.object_id)
        account = channels.active_account(channel)
        payment = Payment.objects.create(
            order=row,
            account=account,
            strategy=account.strategy,
            payee_print=account.payee_print,
            channel=channel,
            out_trade_no=f"{row.no}{row.payments.count() + 1:02}",
            amount_yuan=row.amount_yuan,
            created_at=now,
            poll_at=now + POLL_AFTER[0],
        )
        opened = orders.Opened(row, payment, orders.quote_of(row))
    return orders.ask_platform(found=order, opened=opened, payer=None, payer_ip=None, now=now).payment
