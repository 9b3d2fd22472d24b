"""An order's own page: how far it is, what to do when it is still dark, and the recharges of this browser."""

from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.common.errors import NotFound, Refused
from apps.income.services.cancelling import cancel_order
from apps.income.services.orders import find_order
from apps.income.services.page_paying import ask_returned, page_address
from apps.landing.order_progress import OrderProgress, order_progress
from apps.landing.page.edge import page
from apps.landing.page.payer import app_that_opened
from apps.landing.page.recent import order_numbers
from apps.landing.page.screens import order_screen
from apps.landing.selectors import find_meter
from apps.meters.services.sharing import shared_qr_token

_LISTED = 10


@require_safe
@page
def order(request: HttpRequest, token: str, no: str) -> HttpResponse:
    """Show where the order stands; the script fills the steps, without it the page loads itself again."""
    return _show(request, "landing/order.html", _progress(token, no))


@require_safe
@page
def still_dark(request: HttpRequest, token: str, no: str) -> HttpResponse:
    """Answer "Paid, still dark?": the number to name, what is happening, what to do."""
    return _show(request, "landing/help.html", _progress(token, no))


@require_safe
@page
def pay(request: HttpRequest, token: str, no: str) -> HttpResponse:
    """Send the payer on to Alipay's own page, its address signed now; an order nobody can pay shows where it stands."""
    _progress(token, no)
    back_to = settings.PUBLIC_BASE_URL + reverse("page:came_back", args=[token, no])
    address = page_address(found=find_order(no), return_url=back_to, now=timezone.now())
    return redirect(address or reverse("page:order", args=[token, no]))


@require_safe
@page
def came_back(request: HttpRequest, token: str, no: str) -> HttpResponse:
    """Take a payer back from Alipay's page. What her browser brings along is not read: the platform is asked."""
    _progress(token, no)
    ask_returned(found=find_order(no), now=timezone.now())
    return redirect("page:order", token=token, no=no)


@require_POST
@page
def cancel(request: HttpRequest, token: str, no: str) -> HttpResponse:
    """Take the order back while nothing is paid; too late is said on the order's page."""
    _progress(token, no)
    try:
        cancel_order(found=find_order(no), now=timezone.now())
    except Refused as refusal:
        return _show(request, "landing/order.html", _progress(token, no), refusal)
    return redirect("page:order", token=token, no=no)


@require_safe
@page
def recent(request: HttpRequest, token: str) -> HttpResponse:
    """List the recharges that this browser made at this meter, newest first; nobody else's."""
    now = timezone.now()
    found = find_meter(token, now)
    orders = []
    for no in order_numbers(request, token)[:_LISTED]:
        order_found = find_order(no)
        if order_found.landlord_id == found.landlord_id:
            progress = replace(order_progress(order_found, now), qr_token=token)
            orders.append(order_screen(progress, app="", now=now))
    return render(request, "landing/recent.html", {"token": token, "orders": orders})


def _progress(token: str, no: str) -> OrderProgress:
    """Return the order, if it is one of the meter in the address; foreign and missing are alike.

    Who came by a share link stays on it; that it was revoked since does not hide what she has paid.
    """
    progress = order_progress(find_order(no), timezone.now())
    if progress.qr_token not in (token, shared_qr_token(token)):
        raise NotFound(_("There is no such order."))
    return replace(progress, qr_token=token)


def _show(
    request: HttpRequest, template: str, progress: OrderProgress, refusal: Refused | None = None
) -> HttpResponse:
    context = order_screen(progress, app=app_that_opened(request), now=timezone.now())
    context |= {"token": progress.qr_token, "refusal": refusal}
    return render(request, template, context, status=refusal.status if refusal else 200)
