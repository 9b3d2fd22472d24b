"""A receipt in words, once for the page, the desk and the PDF alike."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from apps.accounts.doors import Found
from apps.common.errors import NotFound
from apps.common.scoping import landlord_scope
from apps.income.models import Order, Payment
from apps.income.receipts import Receipt
from apps.income.selectors import payment_shown, receipt_of
from apps.income.services.fapiao import request_fapiao
from apps.income.states import Channel


@dataclass(frozen=True)
class Line:
    name: str
    value: str


def receipt_of_order(found: Found) -> Receipt:
    """Return the receipt of the payment that stands for an order; opens its scope.

    :raises NotFound: while it is not paid.
    """
    with landlord_scope(found.landlord_id):
        return _receipt(payment_shown(Order.objects.get(pk=found.object_id)))


def receipt_of_payment(payment_id: UUID) -> Receipt:
    """Return the receipt of one payment of the landlord in scope."""
    return _receipt(get_object_or_404(Payment.objects.all(), pk=payment_id))


def ask_for_fapiao(found: Found, *, buyer_title: str, buyer_tax_no: str, now: datetime) -> Receipt:
    """Ask for the fapiao of an order, as whoever holds its number; opens its scope.

    :raises Refused: as the service does.
    """
    with landlord_scope(found.landlord_id):
        payment = payment_shown(Order.objects.get(pk=found.object_id))
        request_fapiao(payment=payment, buyer_title=buyer_title, buyer_tax_no=buyer_tax_no, now=now)
        return _receipt(payment)


def _receipt(payment: Payment) -> Receipt:
    receipt = receipt_of(payment)
    if receipt is None:
        raise NotFound(_("There is no such order."))
    return receipt


def receipt_lines(receipt: Receipt) -> list[Line]:
    """Return the lines of a receipt from top to bottom, in the language in force."""
    name = _("WeChat Pay") if receipt.channel == Channel.WECHAT else _("Alipay")
    credited = moment(receipt, receipt.credited_at) if receipt.credited_at else _("not in the meter yet")
    lines = [
        Line(_("Receipt number"), receipt.number),
        Line(_("Paid"), moment(receipt, receipt.paid_at)),
        Line(_("In the meter"), credited),
        Line(_("Paid through"), name),
        Line(_("Platform's number"), receipt.platform_number),
        Line(_("Landlord"), receipt.landlord_name),
        Line(_("Place"), receipt.place),
        Line(_("Meter"), receipt.meter_serial),
        Line(_("Price"), f"{receipt.price_yuan_per_kwh:.4f} {_('yuan/kWh')}"),
        Line(_("Energy"), f"{receipt.energy_kwh:.2f} {_('kWh')}"),
    ]
    if receipt.repaid_kwh:
        lines.append(Line(_("Of it repays what was lent"), f"{receipt.repaid_kwh:.2f} {_('kWh')}"))
    if receipt.carried_in_yuan:
        lines.append(Line(_("Remainder of earlier recharges"), _yuan6(receipt.carried_in_yuan)))
    lines.append(Line(_("Remainder for the next recharge"), _yuan6(receipt.carried_out_yuan)))
    for refund in receipt.refunds:
        when = moment(receipt, refund.done_at) if refund.done_at else _("on its way back")
        lines.append(Line(_("Gone back to you"), f"{refund.amount_yuan:.2f} {_('yuan')} · {when}"))
    return lines


def fapiao_words(receipt: Receipt) -> str:
    """Return where the fapiao stands, in one sentence; empty if nobody asked."""
    asked = receipt.fapiao
    if asked is None:
        return ""
    if asked.issued_at:
        return _("Fapiao %(number)s was made on %(when)s.") % {
            "number": asked.number,
            "when": moment(receipt, asked.issued_at),
        }
    return _("A fapiao was asked for on %(when)s; the landlord makes it.") % {
        "when": moment(receipt, asked.requested_at)
    }


def amount(receipt: Receipt) -> str:
    return f"{receipt.amount_yuan:.2f}"


def receipt_context(receipt: Receipt) -> dict[str, Any]:
    """Return what a template of a receipt shows."""
    return {
        "receipt": receipt,
        "amount": amount(receipt),
        "lines": receipt_lines(receipt),
        "fapiao_words": fapiao_words(receipt),
    }


def moment(receipt: Receipt, at: datetime) -> str:
    """Return an instant as a document says it: the full date and time, in the site's own zone."""
    return f"{at.astimezone(ZoneInfo(receipt.time_zone)):%Y-%m-%d %H:%M:%S}"


def _yuan6(amount_yuan: Decimal) -> str:
    """A remainder is smaller than a fen, so all its six places are told."""
    return f"{amount_yuan:.6f} {_('yuan')}"
