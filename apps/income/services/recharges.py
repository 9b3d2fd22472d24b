"""Make a recharge and its credit command together: of a payment, by a member's hand, as a grace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, Refused
from apps.income import postings
from apps.income.models import Grace, Order, Payment, Recharge
from apps.income.services import graces
from apps.income.services.ledger import Booking, balance, book_all
from apps.income.states import RechargeKind
from apps.meters.models import Lease, Meter
from apps.meters.selectors import current_lease
from apps.meters.services import commands
from apps.tariffs.pricing import Quote, amount_for_yuan, quote
from apps.tariffs.selectors import price_at
from meter_gateway.protocol.profiles import load_profile

LARGEST_CASH_YUAN = Decimal("100000.00")
METER_REMOVED = "the meter was removed before the payment arrived"
LEASE_ENDED = "the lease ended before the payment arrived"


class PriceMissing(Conflict):
    code = "price_missing"
    detail = _("This meter has no price yet; set one first.")


class AmountInvalid(Refused):
    code = "amount_invalid"
    status = 400
    detail = _("The amount must be a positive number of yuan with at most two decimals.")


@dataclass(frozen=True)
class Destination:
    """The meter an order's energy goes to, locked, and the lease it is for; or why it can go nowhere."""

    meter: Meter
    lease: Lease | None
    undeliverable: str


def where_it_goes(*, order: Order, now: datetime) -> Destination:
    """Say where an order's energy goes, or that nobody is left to get it.

    Nobody is left when the meter was removed, or the payer's lease ended and she rents there no more: the energy
    would light up nobody, or the next renter. Locks the meter until the end of the transaction, so that neither
    happens meanwhile, and two payments of one lease cannot carry the same remainder in.
    """
    meter = Meter.objects.select_for_update(of=("self",)).get(pk=order.meter_id)
    lease = _lease_of(order, now)
    if meter.archived_at is not None:
        return Destination(meter, lease, METER_REMOVED)
    return Destination(meter, lease, LEASE_ENDED if order.lease_id and lease is None else "")


def _lease_of(order: Order, now: datetime) -> Lease | None:
    """The lease an order's energy is for: its own while that lasts, else the one that renewed it."""
    if order.lease is None:
        return None
    hers = Lease.objects.filter(meter_id=order.meter_id, renter_id=order.lease.renter_id)
    # At most one, since leases of a meter never overlap.
    return next(iter(hers.filter(starts_at__lte=now).exclude(ends_at__lte=now)), None)


def recharge_from_payment(
    *, payment: Payment, where: Destination, arrived: Sequence[Booking], now: datetime
) -> Recharge:
    """Return the recharge of a payment that has just become PAID, in the payment's own transaction.

    It repays the grace that its order named, if that is owed still and something is left for the meter; a debt that
    its payer was not told of waits for her next order.

    :param arrived: what the payment itself has to be booked with; written together with the recharge's entry.
    """
    order, meter, lease = payment.order, where.meter, where.lease
    holder = postings.holder_of(lease_id=lease.pk if lease else None, meter_id=meter.pk)
    bought = _quote(meter, holder, payment.amount_yuan, order.price_yuan_per_kwh)
    return _make(
        meter=meter,
        kind=RechargeKind.PAYMENT,
        payment=payment,
        holder=holder,
        source=postings.channel_account(payment.account_id),
        bought=bought,
        repays=graces.hold(order.repays_id, holder=holder),
        reason="",
        by_id=None,
        now=now,
        besides=arrived,
    )


def recharge_the_rest(*, recharge: Recharge, keep_yuan: Decimal, source: str, now: datetime) -> Recharge:
    """Return a new recharge of what is kept of a payment whose recharge was just taken back, at its order's price.

    In the transaction of the refund that gives the other part back. Locks the meter. The one that was taken back
    stands for the payment no more.

    :raises AmountInvalid: the rest buys no energy, or nobody is left to get it: all of it has to go back.
    """
    payment = recharge.payment
    assert payment is not None
    order = Order.objects.select_related("lease").get(pk=payment.order_id)
    if where_it_goes(order=order, now=now).undeliverable:
        raise AmountInvalid(
            _(
                "The lease has ended or the meter is gone, so the rest would reach nobody. Give all of it back."
            ),
            fields={"amount_yuan": _("Only all of it.")},
        )
    meter = Meter.objects.select_for_update(of=("self",)).get(pk=order.meter_id)
    lease = _lease_of(order, now)
    holder = postings.holder_of(lease_id=lease.pk if lease else None, meter_id=meter.pk)
    bought = _quote(meter, holder, keep_yuan, order.price_yuan_per_kwh)
    Recharge.objects.filter(pk=recharge.pk).update(payment=None, former_payment=payment)
    return _make(
        meter=meter,
        kind=RechargeKind.PAYMENT,
        payment=payment,
        holder=holder,
        source=source,
        bought=bought,
        repays=graces.hold(order.repays_id, holder=holder),
        reason="",
        by_id=None,
        now=now,
    )


def lend(
    *, meter: Meter, holder: str, energy_kwh: Decimal, reason: str, by_id: UUID, now: datetime
) -> Recharge:
    """Return the recharge that brings a grace: energy only, at the price of this day. The caller locks the meter.

    :raises PriceMissing: nobody could say what is owed.
    """
    return _make(
        meter=meter,
        kind=RechargeKind.GRACE,
        payment=None,
        holder=holder,
        source=postings.CASH,
        bought=_unpaid(meter, energy_kwh, now),
        reason=reason,
        by_id=by_id,
        now=now,
    )


def _unpaid(meter: Meter, energy_kwh: Decimal, now: datetime) -> Quote:
    price = price_at(meter, now)
    if price is None:
        raise PriceMissing()
    zero = Decimal("0")
    return Quote(zero, zero, price.price_yuan_per_kwh, energy_kwh, zero, zero)


def recharge_by_member(
    *,
    meter: Meter,
    kind: RechargeKind,
    amount_yuan: Decimal | None,
    energy_kwh: Decimal | None,
    reason: str,
    by_id: UUID,
    now: datetime,
) -> Recharge:
    """Return a recharge a member makes by hand: cash (an amount, or energy at today's price), a gift or a correction
    (energy only). Never channel income. Cash repays a grace that is owed. Audited. Locks the meter.

    :raises Refused: naming the field that is missing or wrong; `below_minimum` where cash would repay a grace and leave
        nothing for the meter. :raises PriceMissing: without a price.
    """
    if meter.archived_at is not None:
        raise commands.MeterArchived()
    if kind not in (RechargeKind.CASH, RechargeKind.GIFT, RechargeKind.CORRECTION):
        raise Refused(
            _("Choose cash, a gift or a correction."),
            code="kind_invalid",
            fields={"kind": _("Cash, gift or correction.")},
        )
    if not reason.strip():
        raise commands.ReasonMissing(fields={"reason": _("Required.")})
    if (amount_yuan is None) == (energy_kwh is None):
        raise Refused(
            _("Give either an amount or an energy."),
            code="amount_or_energy",
            fields={"amount_yuan": _("One of two.")},
        )
    meter = Meter.objects.select_for_update(of=("self",)).get(pk=meter.pk)
    if meter.archived_at is not None:
        raise commands.MeterArchived()
    lease = current_lease(meter, now)
    holder = postings.holder_of(lease_id=lease.pk if lease else None, meter_id=meter.pk)
    price = price_at(meter, now)
    if price is None:
        raise PriceMissing()
    repays = None
    if kind is RechargeKind.CASH:
        amount = (
            amount_yuan if amount_yuan is not None else _cost(energy_kwh, price.price_yuan_per_kwh, holder)
        )
        bought = _quote(meter, holder, _checked(amount), price.price_yuan_per_kwh)
        repays = graces.hold_for_cash(holder, bought=bought)
    else:
        if energy_kwh is None:
            said = _("A gift or a correction is given in kWh.")
            raise Refused(said, code="energy_missing", fields={"energy_kwh": _("Required.")})
        bought = _unpaid(meter, energy_kwh, now)
    recharge = _make(
        meter=meter,
        kind=kind,
        payment=None,
        holder=holder,
        source=postings.CASH,
        bought=bought,
        repays=repays,
        reason=reason.strip(),
        by_id=by_id,
        now=now,
    )
    audit.record(
        "meter.recharge",
        on=meter,
        by_id=by_id,
        now=now,
        kind=kind,
        energy_kwh=bought.energy_kwh,
        repaid_kwh=recharge.repaid_kwh,
        reason=reason,
    )
    return recharge


def _quote(meter: Meter, holder: str, amount_yuan: Decimal, price_yuan_per_kwh: Decimal) -> Quote:
    bought = quote(
        amount_yuan=amount_yuan,
        carried_in_yuan=balance(postings.Asset.CNY, postings.remainder(holder)),
        price_yuan_per_kwh=price_yuan_per_kwh,
        step_kwh=load_profile(meter.profile).credit_step_kwh,
    )
    if bought.energy_kwh <= 0:
        raise AmountInvalid(
            _("This amount does not buy the meter's smallest step of energy."),
            fields={"amount_yuan": _("Too small.")},
        )
    return bought


def _cost(energy_kwh: Decimal | None, price_yuan_per_kwh: Decimal, holder: str) -> Decimal:
    """The cash to take for an energy: its price less what is carried, rounded up to the fen; the rest is carried."""
    if energy_kwh is None or not energy_kwh.is_finite() or energy_kwh <= 0:
        raise AmountInvalid(fields={"energy_kwh": _("Must be positive.")})
    return amount_for_yuan(
        energy_kwh=energy_kwh,
        carried_in_yuan=balance(postings.Asset.CNY, postings.remainder(holder)),
        price_yuan_per_kwh=price_yuan_per_kwh,
    )


def _checked(amount_yuan: Decimal) -> Decimal:
    if not amount_yuan.is_finite() or not 0 < amount_yuan <= LARGEST_CASH_YUAN:
        raise AmountInvalid(fields={"amount_yuan": _("Not an amount.")})
    if amount_yuan != amount_yuan.quantize(Decimal("0.01")):
        raise AmountInvalid(fields={"amount_yuan": _("At most two decimals.")})
    return amount_yuan.quantize(Decimal("0.01"))


def _make(
    *,
    meter: Meter,
    kind: RechargeKind,
    payment: Payment | None,
    holder: str,
    source: str,
    bought: Quote,
    reason: str,
    by_id: UUID | None,
    now: datetime,
    besides: Sequence[Booking] = (),
    repays: Grace | None = None,
) -> Recharge:
    repaid_kwh = graces.repaid_of(bought.energy_kwh, repays)
    into_meter_kwh = bought.energy_kwh - repaid_kwh
    command = commands.ask_credit(meter=meter, energy_kwh=into_meter_kwh, by_id=by_id, reason=reason, now=now)
    recharge = Recharge.objects.create(
        meter=meter,
        command=command,
        payment=payment,
        kind=kind,
        holder=holder,
        amount_yuan=bought.amount_yuan,
        carried_in_yuan=bought.carried_in_yuan,
        carried_out_yuan=bought.carried_out_yuan,
        price_yuan_per_kwh=bought.price_yuan_per_kwh,
        energy_kwh=into_meter_kwh,
        repaid_kwh=repaid_kwh,
        reason=reason,
        made_by_id=by_id,
        created_at=now,
    )
    if repays is not None and repaid_kwh:
        graces.begin_repaying(repays, by=recharge)
    bookings = [*besides]
    if bought.amount_yuan > 0:
        moves = postings.paid(source=source, holder=holder, quote=bought)
        bookings.append(Booking(f"recharge:{recharge.pk}:paid", f"paid_{kind.lower()}", moves))
    if bookings:
        book_all(bookings, now=now)
    return recharge
