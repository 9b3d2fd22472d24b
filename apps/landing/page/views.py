"""The meter's page: what is left, and the form that opens an order."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.doors import Found
from apps.common.errors import Refused
from apps.common.ids import secret_token
from apps.income.services.orders import open_order, parse_amount
from apps.income.states import Channel
from apps.landing.page import payer, recent
from apps.landing.page.edge import page
from apps.landing.page.screens import meter_screen
from apps.landing.selectors import find_meter, meter_page


@require_safe
@page
def meter(request: HttpRequest, token: str) -> HttpResponse:
    """Show the meter; in WeChat's or Alipay's own browser log the payer in first, once."""
    found = find_meter(token, timezone.now())
    channel = payer.login_due(request, found)
    if channel:
        return redirect("page:log_in", token=token, channel=channel)
    return _meter_screen(request, token, found)


@require_POST
@page
def order(request: HttpRequest, token: str) -> HttpResponse:
    """Open an order out of the form and go to its page; a refusal comes back on the form, in words.

    The form carries a key, so that sending it twice opens one order.
    """
    found = find_meter(token, timezone.now())
    try:
        channel = _channel(request.POST.get("channel", ""))
        chosen = request.POST.get("amount", "")
        amount = parse_amount(request.POST.get("other", "").strip() if chosen == "other" else chosen)
        opened = open_order(
            found=found,
            amount_yuan=amount,
            channel=channel,
            payer=payer.payer_of(request, channel),
            payer_ip=request.META.get("REMOTE_ADDR"),
            caller="page",
            idempotency_key=_key(request, token, amount, channel),
            now=timezone.now(),
            on_phone=payer.is_on_phone(request),
        )
    except Refused as refusal:
        return _meter_screen(request, token, found, refusal)
    response = redirect("page:order", token=token, no=opened.order.no)
    recent.remember(request, response, token, opened.order.no)
    # The fragment asks the script to open the app's own payment at once; it is never sent to a server.
    response["Location"] += "#pay"
    return response


def _meter_screen(
    request: HttpRequest, token: str, found: Found, refusal: Refused | None = None
) -> HttpResponse:
    now = timezone.now()
    shown = meter_page(found, now)
    context: dict[str, Any] = meter_screen(shown, app=payer.app_that_opened(request), now=now)
    context |= {
        "token": token,
        "key": secret_token(),
        "login_failed": request.GET.get("login") == "failed",
        "refusal": refusal,
        "other": request.POST.get("other", "")[:12],
        "chosen": request.POST.get("amount", ""),
    }
    return render(request, "landing/meter.html", context, status=refusal.status if refusal else 200)


def _channel(text: str) -> Channel:
    try:
        return Channel(text)
    except ValueError:
        raise Refused(_("Choose WeChat Pay or Alipay."), code="channel_invalid") from None


def _key(request: HttpRequest, token: str, amount: object, channel: str) -> str:
    form_key = request.POST.get("key", "")[:64]
    return f"{form_key}:{token}:{amount}:{channel}" if form_key else ""
