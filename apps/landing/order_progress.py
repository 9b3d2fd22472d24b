"""Where an order stands: read once here, shown by REST and by the page alike."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.accounts.doors import Found
from apps.accounts.models import Landlord
from apps.common.scoping import landlord_scope
from apps.income.models import Order, Payment, Recharge
from apps.income.refund_selectors import refund_told, refundable_of
from apps.income.selectors import payment_shown
from apps.income.states import UNDECIDED, OrderState, RefundState, order_state
from apps.landing.lending import Repays, repaid_with
from apps.landing.progress import PROOF_EXPECTED, Facts, ask_again_in_s, sentence
from apps.landing.selectors import Power, masked_name, power_of
from apps.meters.models import Command, CommandEvent, Meter
from apps.meters.selectors import is_online
from apps.meters.services.phone import can_be_carried
from apps.meters.states import CommandState


@dataclass(frozen=True)
class Steps:
    """When each step was reached; None for those still ahead."""

    created_at: datetime
    paid_at: datetime | None
    delivering_at: datetime | None
    credited_at: datetime | None
    light_on_at: datetime | None


@dataclass(frozen=True)
class OrderProgress:
    """Where an order stands. `detail` is one sentence in the caller's language. `energy_kwh` is what it buys; the part
    that `repays` what was lent does not go into the meter.

    `ask_again_in_s` is None once nothing more will happen. `is_late`: paid, and no proof after 15 seconds.
    `can_carry`: a phone could bring the energy, because the meter is not heard just now and has Bluetooth;
    `is_carried`: one says that it has.
    `bridge`, `qr_text` and `by_page` (Alipay's own page takes the money) are only there while it can be paid.
    """

    no: str
    out_trade_no: str
    qr_token: str
    meter_name: str
    site_name: str
    landlord_name: str
    contact_phone: str
    time_zone: str
    state: OrderState
    channel: str
    amount_yuan: Decimal
    energy_kwh: Decimal
    repays: Repays | None
    price_yuan_per_kwh: Decimal
    steps: Steps
    detail: str
    power: Power
    is_online: bool
    is_late: bool
    can_cancel: bool
    can_carry: bool
    is_carried: bool
    ask_again_in_s: int | None
    bridge: dict[str, Any] | None
    qr_text: str
    by_page: bool
    expires_at: datetime


def order_progress(found: Found, now: datetime) -> OrderProgress:
    """Return where an order stands, for whoever holds its number; opens its own scope."""
    landlord = Landlord.objects.get(pk=found.landlord_id)
    with landlord_scope(found.landlord_id):
        order = Order.objects.select_related("meter__room__site", "lease").get(pk=found.object_id)
        payment = payment_shown(order)
        refund = refund_told(payment)
        is_wanted_back = payment.refunds.filter(state=RefundState.WAITING).exists()
        given_back_yuan = refundable_of(payment).gone_yuan if refund else None
        recharge = Recharge.objects.select_related("command").filter(payment=payment).first()
        repays = repaid_with(order, recharge)
        power = power_of(order.meter, order.lease)
        is_heard = is_online(order.meter)
        steps = _steps(order, payment, recharge)
    state = order_state(
        payment.state,
        recharge.state if recharge else None,
        recharge.command.number if recharge else None,
        refund,
    )
    unproved_since = payment.paid_at if steps.credited_at is None else None
    is_late = unproved_since is not None and now - unproved_since >= PROOF_EXPECTED
    is_acked = recharge is not None and recharge.command.state == CommandState.ACKED
    is_carried = is_acked and not is_heard
    facts = Facts(
        state=state,
        is_expired=now >= order.expires_at,
        is_late=is_late,
        is_frozen=bool(order.meter.frozen),
        power_reason=power.reason,
        power_note=power.note,
        is_light_on=steps.light_on_at is not None,
        is_carried=is_carried,
        is_wanted_back=is_wanted_back,
        given_back_yuan=given_back_yuan,
        is_asked=payment.returned_at is not None,
    )
    is_payable = payment.state in UNDECIDED and now < order.expires_at
    return OrderProgress(
        no=order.no,
        out_trade_no=payment.out_trade_no,
        qr_token=order.meter.qr_token,
        meter_name=str(order.meter),
        site_name=order.meter.room.site.name,
        landlord_name=masked_name(landlord.name),
        contact_phone=landlord.phone,
        time_zone=order.meter.room.site.time_zone,
        state=state,
        channel=order.channel,
        amount_yuan=order.amount_yuan,
        energy_kwh=recharge.bought_kwh if recharge else order.quoted_energy_kwh,
        repays=repays,
        price_yuan_per_kwh=order.price_yuan_per_kwh,
        steps=steps,
        detail=sentence(facts),
        power=power,
        is_online=is_heard,
        is_late=is_late,
        can_cancel=payment.state in UNDECIDED,
        can_carry=state in (OrderState.PAID, OrderState.DELIVERING)
        and (is_late or not is_heard)
        and not order.meter.frozen
        and can_be_carried(order.meter),
        is_carried=is_carried,
        ask_again_in_s=ask_again_in_s(facts, _moved_at(steps), now),
        bridge=payment.bridge if is_payable else None,
        qr_text=payment.qr_text if is_payable else "",
        by_page=payment.by_page and is_payable,
        expires_at=order.expires_at,
    )


def _steps(order: Order, payment: Payment, recharge: Recharge | None) -> Steps:
    if recharge is None:
        return Steps(order.created_at, payment.paid_at, None, None, None)
    command = recharge.command
    sent = CommandEvent.objects.filter(command=command, state=CommandState.SENT).order_by("id").first()
    credited_at = command.final_at if command.state == CommandState.DONE else None
    return Steps(
        created_at=order.created_at,
        paid_at=payment.paid_at,
        delivering_at=sent.at if sent else None,
        credited_at=credited_at,
        light_on_at=_light_on_at(order.meter, command, credited_at),
    )


def _light_on_at(meter: Meter, command: Command, credited_at: datetime | None) -> datetime | None:
    """When the meter showed a closed relay after this credit: in its very proof, or when asked again."""
    if credited_at is None:
        return None
    if command.result.get("relay_open") == str(False):
        return credited_at
    if meter.power_on and meter.power_at is not None:
        return max(meter.power_at, credited_at)
    return None


def _moved_at(steps: Steps) -> datetime:
    reached = (steps.created_at, steps.paid_at, steps.delivering_at, steps.credited_at)
    return max(moment for moment in reached if moment is not None)
