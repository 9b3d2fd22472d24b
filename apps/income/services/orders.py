"""Open an order: the row first, then the platform, then what the payer's screen needs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from apps.accounts import doors
from apps.accounts.doors import Found
from apps.accounts.models import Landlord, PayerIdentity
from apps.common.errors import Conflict, Gone, NotFound, Refused
from apps.common.ids import readable_code
from apps.common.scoping import current_landlord_id, landlord_scope
from apps.income import postings
from apps.income.models import CollectionAccount, Order, Payment
from apps.income.platforms import base as platforms
from apps.income.services import channels
from apps.income.services.account_checks import doubt_account
from apps.income.services.graces import owed_by, refuse_too_little
from apps.income.services.ledger import balance
from apps.income.services.payments import POLL_AFTER
from apps.income.services.recharges import AmountInvalid, PriceMissing
from apps.income.states import Channel, PaymentState
from apps.meters.models import Meter
from apps.meters.selectors import current_lease
from apps.tariffs.pricing import Quote, quote
from apps.tariffs.selectors import price_at
from meter_gateway.protocol.profiles import load_profile

ORDER_LIFE = timedelta(minutes=30)
LARGEST_ORDER_YUAN = Decimal("5000.00")
NO_CHARGE = platforms.Charge(bridge=None, qr_text=None)


class BelowMinimum(Refused):
    code = "below_minimum"
    status = 400


class PlatformBusy(Refused):
    code = "platform_busy"
    status = 503
    detail = _(
        "The payment platform does not answer just now. Nothing was paid; please try again in a moment."
    )


@dataclass(frozen=True)
class Opened:
    """An order and the payment to be made for it, with what the payer's app needs."""

    order: Order
    payment: Payment
    quote: Quote


def parse_amount(text: Any) -> Decimal:
    """Return an amount of yuan out of a request: digits, a point and at most two decimals, nothing else.

    :raises AmountInvalid: for everything else, "1e2" and "NaN" included.
    """
    if not isinstance(text, str) or len(text) > 12:
        raise AmountInvalid(fields={"amount_yuan": _('Send the amount as text, like "50.00".')})
    whole, point, fraction = text.partition(".")
    plain = whole.isascii() and whole.isdigit() and len(fraction) <= 2 and (not point or fraction.isdigit())
    if not plain or (fraction and not fraction.isascii()):
        raise AmountInvalid(fields={"amount_yuan": _("Digits with at most two decimals.")})
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise AmountInvalid(fields={"amount_yuan": _("Not an amount.")}) from None
    if not 0 < amount <= LARGEST_ORDER_YUAN:
        raise AmountInvalid(
            _("The amount must be between 0.01 and %(most)s yuan.") % {"most": LARGEST_ORDER_YUAN},
            fields={"amount_yuan": _("Out of range.")},
        )
    return amount.quantize(Decimal("0.01"))


def quote_for(meter: Meter, amount_yuan: Decimal, now: datetime) -> Quote:
    """Return what an amount buys at this meter now, the renter's remainder included.

    :raises PriceMissing: without a price. :raises AmountInvalid: if it buys nothing.
    """
    price = price_at(meter, now)
    if price is None:
        raise PriceMissing()
    lease = current_lease(meter, now)
    if amount_yuan < price.price_yuan_per_kwh * load_profile(meter.profile).credit_step_kwh:
        raise AmountInvalid(
            _("This amount does not buy the meter's smallest step of energy."),
            fields={"amount_yuan": _("Too small.")},
        )
    return _quote(meter, amount_yuan, price.price_yuan_per_kwh, lease.pk if lease else None)


def _quote(meter: Meter, amount_yuan: Decimal, price_yuan_per_kwh: Decimal, lease_id: UUID | None) -> Quote:
    holder = postings.holder_of(lease_id=lease_id, meter_id=meter.pk)
    return quote(
        amount_yuan=amount_yuan,
        carried_in_yuan=balance(postings.Asset.CNY, postings.remainder(holder)),
        price_yuan_per_kwh=price_yuan_per_kwh,
        step_kwh=load_profile(meter.profile).credit_step_kwh,
    )


def open_order(
    *,
    found: Found,
    amount_yuan: Decimal,
    channel: Channel,
    payer: PayerIdentity | None,
    payer_ip: str | None,
    caller: str,
    idempotency_key: str,
    now: datetime,
    on_phone: bool = False,
) -> Opened:
    """Return an order for the meter behind an opened door, ready to be paid; opens short scopes of its own.

    The same caller and key give the same order again; with another body they are refused. Rows are committed
    before the platform is called, and a platform that does not answer leaves an order that can be asked again.

    :param on_phone: the payer is in a phone's browser, where a code on the screen cannot be scanned.
    :raises Refused: `below_minimum`, `amount_invalid`, `price_missing`, `channel_missing`, `meter_archived`,
        `idempotency_mismatch`, `platform_busy`.
    """
    with landlord_scope(found.landlord_id):
        meter = Meter.objects.select_related("room__site").get(pk=found.object_id)
        opened = _existing(caller, idempotency_key, meter, amount_yuan, channel, now) or _new(
            meter, amount_yuan, channel, caller, idempotency_key, now
        )
    return ask_platform(
        found=found, opened=opened, payer=payer, payer_ip=payer_ip, now=now, on_phone=on_phone
    )


def ask_platform(
    *,
    found: Found,
    opened: Opened,
    payer: PayerIdentity | None,
    payer_ip: str | None,
    now: datetime,
    on_phone: bool = False,
) -> Opened:
    """Return the order with what the payer's app needs, asked of the platform unless it was before.

    Alipay's own page is not asked for here: its address is signed when the payer goes there (`page_paying`).

    :raises Refused: `platform_busy`, `platform_refused`; the rows stay, and the same may be asked again.
    """
    payment = opened.payment
    with landlord_scope(found.landlord_id):
        account = payment.account
        platform = channels.platform_of(account)
    if payment.state != PaymentState.CREATED:
        return opened
    channel, app_id = payment.channel, platform.app_id
    payer_id = payer.open_id if payer and (payer.channel, payer.app_id) == (channel, app_id) else None
    by_page = on_phone and channel == Channel.ALIPAY and payer_id is None
    charge = NO_CHARGE if by_page else _charge(platform, account, opened, payer_id, payer_ip, now)
    with landlord_scope(found.landlord_id):
        Payment.objects.filter(pk=payment.pk, state=PaymentState.CREATED).update(
            state=PaymentState.PENDING,
            bridge=charge.bridge,
            qr_text=charge.qr_text or "",
            by_page=by_page,
            poll_at=now + POLL_AFTER[0],
        )
        payment.refresh_from_db()
    return opened


def _charge(
    platform: platforms.Platform,
    account: CollectionAccount,
    opened: Opened,
    payer_id: str | None,
    payer_ip: str | None,
    now: datetime,
) -> platforms.Charge:
    request = charge_request(account, opened.order, opened.payment, payer_id=payer_id, payer_ip=payer_ip)
    try:
        return platform.create_charge(request)
    except platforms.PlatformUnreachable:
        raise PlatformBusy() from None
    except platforms.PlatformRefused as refusal:
        doubt_account(account=account, code=refusal.code, now=now)
        raise Conflict(
            _("The payment platform refused this order (%(code)s); the landlord has to check the account.")
            % {"code": refusal.code},
            code="platform_refused",
        ) from None


def charge_request(
    account: CollectionAccount,
    order: Order,
    payment: Payment,
    *,
    payer_id: str | None = None,
    payer_ip: str | None = None,
    return_url: str = "",
) -> platforms.ChargeRequest:
    """Return what a platform is told of an order: the same words however often and in whatever language it is asked
    for, since a platform refuses changed terms under one number.
    """
    with override(settings.LANGUAGE_CODE):
        description = f"{_('Electricity')} {order.place}".strip()
    return platforms.ChargeRequest(
        out_trade_no=payment.out_trade_no,
        amount_yuan=payment.amount_yuan,
        description=description,
        payer_id=payer_id,
        notify_url=channels.notify_url(account),
        expires_at=order.expires_at,
        payer_ip=payer_ip,
        return_url=return_url,
    )


def _existing(
    caller: str, key: str, meter: Meter, amount_yuan: Decimal, channel: Channel, now: datetime
) -> Opened | None:
    if not key:
        return None
    order = Order.objects.filter(caller=caller, idempotency_key=key).first()
    if order is None:
        return None
    if (order.meter_id, order.amount_yuan, order.channel) != (meter.pk, amount_yuan, channel):
        raise Refused(_("This Idempotency-Key was used for another order."), code="idempotency_mismatch")
    payment = order.payments.select_related("account").order_by("id").first()
    return Opened(order, payment, quote_of(order))


def quote_of(order: Order) -> Quote:
    """Return what an order buys now, at the price it was made at."""
    return _quote(order.meter, order.amount_yuan, order.price_yuan_per_kwh, order.lease_id)


def _new(
    meter: Meter, amount_yuan: Decimal, channel: Channel, caller: str, key: str, now: datetime
) -> Opened:
    if meter.archived_at is not None:
        raise Gone(_("This meter has been removed."), code="meter_archived")
    minimum = Landlord.objects.values_list("minimum_recharge_yuan", flat=True).get(pk=current_landlord_id())
    if amount_yuan < minimum:
        raise BelowMinimum(
            _("The smallest recharge here is %(minimum)s yuan.") % {"minimum": minimum},
            fields={"amount_yuan": _("Below the minimum.")},
        )
    account = channels.active_account(channel)
    bought = quote_for(meter, amount_yuan, now)
    lease = current_lease(meter, now)
    owed = owed_by(postings.holder_of(lease_id=lease.pk if lease else None, meter_id=meter.pk))
    refuse_too_little(owed, bought=bought)
    try:
        with transaction.atomic():
            no = f"R{now:%y%m%d}{readable_code(10)}"
            order = Order.objects.create(
                no=no,
                meter=meter,
                lease=lease,
                place=f"{meter.room.site.name} {meter.room}",
                channel=channel,
                amount_yuan=amount_yuan,
                price_yuan_per_kwh=bought.price_yuan_per_kwh,
                quoted_energy_kwh=bought.energy_kwh,
                repays=owed,
                caller=caller,
                idempotency_key=key,
                created_at=now,
                expires_at=now + ORDER_LIFE,
            )
            payment = Payment.objects.create(
                order=order,
                account=account,
                strategy=account.strategy,
                payee_print=account.payee_print,
                channel=channel,
                out_trade_no=f"{no}01",
                amount_yuan=amount_yuan,
                created_at=now,
                poll_at=now + POLL_AFTER[0],
            )
    except IntegrityError:
        raise Conflict(_("This order is being made already; ask again."), code="order_in_flight") from None
    # Asked again: the order's row has waited for whoever was removing the meter meanwhile.
    if Meter.objects.filter(pk=meter.pk, archived_at__isnull=False).exists():
        raise Gone(_("This meter has been removed."), code="meter_archived")
    doors.hang(doors.Kind.ORDER, order.no, object_id=order.pk)
    return Opened(order, payment, bought)


def find_order(no: str) -> Found:
    """Return what an order number opens on.

    :raises NotFound: for a number nobody has.
    """
    found = doors.open_one(doors.Kind.ORDER, no)
    if found is None:
        raise NotFound(_("There is no such order."))
    return found
