"""What the templates show: facts turned into words once, so that a template decides nothing."""

import json
from dataclasses import astuple, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import segno
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.income.states import Channel, GraceState, OrderState
from apps.landing.lending import Lent, Repays
from apps.landing.order_progress import OrderProgress
from apps.landing.page import wording
from apps.landing.selectors import MeterPage, Power
from apps.meters.states import PowerReason
from apps.tariffs.pricing import quote


@dataclass(frozen=True)
class Preset:
    """One amount to choose; `value` is what the form sends."""

    value: str
    label: str
    energy_kwh: str
    is_chosen: bool


@dataclass(frozen=True)
class Step:
    """One of the four steps after paying; `state` is done, now or ahead."""

    name: str
    at: str
    state: str


def channel_name(channel: str) -> str:
    return _("WeChat Pay") if channel == Channel.WECHAT else _("Alipay")


def power_words(power: Power) -> tuple[str, str]:
    """Return the state of the power in two or three words, and a sentence with the reason and what to do."""
    if power.state == "on":
        return _("Power is on"), ""
    if power.state == "unknown":
        return _("Power not known yet"), ""
    if power.reason == PowerReason.ZERO_BALANCE:
        return _("Power is off: no energy left"), _("It comes back by itself after a recharge.")
    if power.reason == PowerReason.FORCED_OFF:
        advice = _("A recharge does not switch it on again. Call the landlord.")
        if power.note:
            reason = _("Reason: %(reason)s") % {"reason": power.note}
            advice = f"{reason} · {advice}"
        return _("Power is off: switched off by the landlord"), advice
    return _("Power is off"), _("Press the button on the meter. If it stays dark, call the landlord.")


def presets_of(shown: MeterPage) -> list[Preset]:
    """Return the amounts to choose from, each with what it buys; 50 yuan is chosen where it is offered."""
    usual = Decimal("50.00")
    chosen = usual if usual in shown.presets_yuan else shown.presets_yuan[0]
    return [
        Preset(
            value=f"{amount:.2f}",
            label=wording.short_amount(amount),
            energy_kwh=_buys(shown, amount),
            is_chosen=amount == chosen,
        )
        for amount in shown.presets_yuan
    ]


def _buys(shown: MeterPage, amount_yuan: Decimal) -> str:
    if shown.price_yuan_per_kwh is None:
        return ""
    bought = quote(
        amount_yuan=amount_yuan,
        carried_in_yuan=max(shown.carried_yuan, Decimal(0)),
        price_yuan_per_kwh=shown.price_yuan_per_kwh,
        step_kwh=shown.credit_step_kwh,
    )
    return f"{bought.energy_kwh:.2f}"


def meter_screen(shown: MeterPage, *, app: str, now: datetime) -> dict[str, Any]:
    """Return the context of the meter's page. `app` is the channel of the app that opened it, or empty."""
    zone = shown.time_zone
    power, power_advice = power_words(shown.power)
    offered = [channel for channel in shown.channels if app in ("", channel)]
    is_empty = shown.remaining_kwh is not None and shown.remaining_kwh <= 0
    return {
        "shown": shown,
        "remaining": f"{shown.remaining_kwh:.2f}" if shown.remaining_kwh is not None else "",
        "tone": "stale" if shown.is_stale else "empty" if is_empty else "low" if shown.is_low else "",
        "days": _days(shown),
        "age": wording.age(shown.read_at, now, zone) if shown.read_at else "",
        "balance_words": _balance_words(shown, now),
        "power": power,
        "power_advice": power_advice,
        "price": f"{shown.price_yuan_per_kwh:.4f}" if shown.price_yuan_per_kwh is not None else "",
        "price_since": wording.day(shown.price_since, now, zone) if shown.price_since else "",
        "next_price": _next_price(shown, now),
        "lent": _lent(shown, now),
        "repays": _repays(shown.lent, now, zone) if shown.lent and shown.lent.is_owed else "",
        "carried": wording.left_over(shown.carried_yuan) if shown.carried_yuan > 0 else "",
        "presets": presets_of(shown),
        "minimum": wording.short_amount(shown.minimum_recharge_yuan),
        "channels": [{"value": channel, "name": channel_name(channel)} for channel in offered],
        "cannot_pay": _cannot_pay(shown, offered, app),
        "sums": {
            "price": f"{shown.price_yuan_per_kwh or 0:.4f}",
            "step": f"{shown.credit_step_kwh:.2f}",
            "carried": f"{max(shown.carried_yuan, Decimal(0)):.6f}",
        },
    }


def _lent(shown: MeterPage, now: datetime) -> str:
    """What the landlord lent, in one sentence."""
    if shown.lent is None:
        return ""
    said = {
        GraceState.GIVEN: _("Your landlord lends you %(energy)s kWh. They are on their way to the meter."),
        GraceState.REPAYING: _(
            "Your recharge repays the %(energy)s kWh that your landlord lent you on %(day)s."
        ),
    }.get(
        GraceState(shown.lent.state),
        _("Your landlord lent you %(energy)s kWh on %(day)s. Your next recharge repays them."),
    )
    return said % {
        "energy": f"{shown.lent.energy_kwh:.2f}",
        "day": wording.day(shown.lent.lent_at, now, shown.time_zone),
    }


def _repays(part: Lent | Repays | None, now: datetime, time_zone: str) -> str:
    """Which part of what is bought repays what was lent."""
    if part is None:
        return ""
    return _("%(energy)s kWh of it repay what was lent on %(day)s") % {
        "energy": f"{part.energy_kwh:.2f}",
        "day": wording.day(part.lent_at, now, time_zone),
    }


def _next_price(shown: MeterPage, now: datetime) -> str:
    """The price that is announced, and from when: the day where it starts at midnight, else the minute."""
    if shown.next_price_yuan_per_kwh is None or shown.next_price_from is None:
        return ""
    local = shown.next_price_from.astimezone(ZoneInfo(shown.time_zone))
    say = wording.day if (local.hour, local.minute) == (0, 0) else wording.when
    return _("from %(when)s: %(price)s yuan/kWh") % {
        "when": say(shown.next_price_from, now, shown.time_zone),
        "price": f"{shown.next_price_yuan_per_kwh:.4f}",
    }


def _days(shown: MeterPage) -> str:
    return wording.days(shown.days_left) if shown.days_left is not None and not shown.is_stale else ""


def _balance_words(shown: MeterPage, now: datetime) -> str:
    """The one sentence that the figure needs, if it needs one."""
    if shown.read_at is None:
        return _(
            "The meter has not reported yet. You can recharge already; the energy comes with its first call."
        )
    if shown.is_stale:
        when = wording.when(shown.read_at, now, shown.time_zone)
        return _("No signal from the meter. This is what it showed at %(when)s.") % {"when": when}
    if shown.remaining_kwh is not None and shown.remaining_kwh <= 0:
        # The power line below says the rest; a landlord's switch is not undone by a recharge.
        return "" if shown.power.state == "off" else _("Nothing left. Recharge, and the light comes back.")
    return _("Running low. Recharge soon.") if shown.is_low else ""


def _cannot_pay(shown: MeterPage, offered: list[str], app: str) -> str:
    if shown.price_yuan_per_kwh is None:
        return _("The landlord has not set a price for this meter yet, so it cannot be recharged here.")
    if not shown.channels:
        return _("The landlord does not take payments here yet. Ask them how to recharge.")
    if not offered:
        other = channel_name(shown.channels[0])
        return _("The landlord takes no %(this)s here. Scan the code with %(other)s instead.") % {
            "this": channel_name(app),
            "other": other,
        }
    return ""


def steps_of(progress: OrderProgress) -> list[Step]:
    """Return the four steps after paying, each with its time once it is reached."""
    reached = progress.steps
    named = (
        (_("Paid"), reached.paid_at),
        (_("Sending"), reached.delivering_at or reached.credited_at),
        (_("In meter"), reached.credited_at),
        (_("Light on"), reached.light_on_at),
    )
    steps: list[Step] = []
    is_next = reached.paid_at is not None
    for name, at in named:
        state = "done" if at else "now" if is_next else "ahead"
        is_next = is_next and at is not None
        steps.append(Step(name, wording.clock(at, progress.time_zone) if at else "", state))
    return steps


def order_screen(progress: OrderProgress, *, app: str, now: datetime) -> dict[str, Any]:
    """Return the context of an order's page and of its "Paid, still dark?" page."""
    paths = [progress.qr_token, progress.no]
    is_open = progress.state == OrderState.CREATED and now < progress.expires_at
    qr_text = progress.qr_text if is_open else ""
    here = settings.PUBLIC_BASE_URL + reverse("page:order", args=paths)
    power, power_advice = power_words(progress.power)
    return {
        "progress": progress,
        "is_open": is_open,
        "is_paid": progress.steps.paid_at is not None,
        "is_over": progress.ask_again_in_s is None,
        "is_bright": progress.steps.light_on_at is not None,
        "can_restart": progress.state in (OrderState.CLOSED, OrderState.CREATED) and not is_open,
        "amount": f"{progress.amount_yuan:.2f}",
        "energy": f"{progress.energy_kwh:.2f}",
        "price": f"{progress.price_yuan_per_kwh:.4f}",
        "repays": _repays(progress.repays, now, progress.time_zone),
        "number": wording.grouped(progress.no),
        "ordered": wording.when(progress.steps.created_at, now, progress.time_zone),
        "expires": wording.when(progress.expires_at, now, progress.time_zone),
        "channel": channel_name(progress.channel),
        "steps": steps_of(progress),
        "state_words": _state_words(progress.state),
        "seen": f"{progress.state} {_reached(progress)} {progress.detail}",
        "bridge_parameters": json.dumps(progress.bridge) if progress.bridge else "",
        "power": power,
        "power_advice": power_advice if progress.state == OrderState.CREDITED else "",
        "qr_image": qr_image(qr_text) if qr_text else "",
        "qr_link": qr_text if app == "" and _opens_an_app(qr_text) else "",
        "pay_path": reverse("page:pay", args=paths) if progress.by_page else "",
        "cashier": f"{settings.SANDBOX_URL}/cashier/{progress.out_trade_no}?back={here}"
        if settings.SANDBOX_URL and is_open and not progress.by_page
        else "",
    }


def _reached(progress: OrderProgress) -> int:
    """How many steps were reached, the order itself among them; the script draws anew when this changes."""
    return sum(moment is not None for moment in astuple(progress.steps))


def _state_words(state: OrderState) -> str:
    return {
        OrderState.CREATED: _("not paid"),
        OrderState.PAID: _("paid"),
        OrderState.DELIVERING: _("on its way"),
        OrderState.CREDITED: _("in the meter"),
        OrderState.CLOSED: _("closed"),
        OrderState.REVIEW: _("being looked at"),
        OrderState.REFUNDING: _("going back to you"),
        OrderState.REFUNDED: _("gone back to you"),
    }[state]


def qr_image(text: str) -> str:
    """Return a QR code as an SVG data address; dark on white in every colour scheme, with its quiet zone."""
    code = segno.make(text, error="m", micro=False)
    return code.svg_data_uri(scale=4, border=4, dark="#000", light="#fff", omitsize=True)


def _opens_an_app(text: str) -> bool:
    """Whether a payer on this very phone may open the code as a link; Alipay's codes are such addresses."""
    return text.startswith("https://")
