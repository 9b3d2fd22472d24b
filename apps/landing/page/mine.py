"""What is told to who lives here and to nobody else: daily use, the warning, and her own things.

The QR code hangs on a wall, so it opens none of this: a login does, with a lease that runs at this very meter.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import codes, logins, messaging
from apps.accounts.doors import Found
from apps.accounts.selectors import memberships_of
from apps.common.errors import Refused
from apps.common.scoping import landlord_scope
from apps.income.states import Channel
from apps.landing import rented
from apps.landing.page.edge import page
from apps.landing.page.payer import payer_of
from apps.landing.selectors import find_meter
from apps.meters.models import Lease
from apps.meters.selectors import own_leases
from apps.meters.services.sharing import accept_share, can_take_up, shared_qr_token, take_up_lease

_DAYS = 30
_BAR, _HEIGHT = 20, 100
_PHONE = "page_phone"
_LOGIN_BACKEND = "apps.accounts.backends.LoginBackend"


@dataclass(frozen=True)
class Bar:
    """One day of the drawing; `is_gap` is a day nobody can vouch for, which is not a day without use."""

    x: int
    y: int
    height: int
    said: str
    is_gap: bool


@require_safe
@page
def use(request: HttpRequest, token: str) -> HttpResponse:
    """Show what each day of the present lease used, newest first under a drawing of a month."""
    now = timezone.now()
    found = find_meter(token, now)
    users = _users(request)
    lease = _lease_here(users, found, now)
    if lease is None:
        return _asked_in(request, token, "use")
    days: list[dict[str, Any]] = []
    for user in users:
        days = days or rented.days_of(user, lease_id=lease.pk, before=None, days=_DAYS, now=now)[0]
    context = {
        "token": token,
        "meter_name": str(lease.meter),
        "bars": _bars(list(reversed(days))),
        "width": max(len(days), 1) * _BAR,
        "days": [{"date": _date(day), "used": _used(day)} for day in days],
        "total": f"{sum((day['used_kwh'] for day in days if day['used_kwh'] is not None), Decimal(0)):.2f}",
    }
    return render(request, "landing/use.html", context)


@require_safe
@page
def warning(request: Any, token: str) -> HttpResponse:
    """Show the form that has low-balance messages sent; the browser asks REST, where subscriptions live."""
    now = timezone.now()
    found = find_meter(token, now)
    lease = _lease_here([request.user] if request.user.is_authenticated else [], found, now)
    if lease is None:
        return _asked_in(request, token, "warning")
    context = {
        "token": token,
        "meter_name": str(lease.meter),
        "lease": lease.pk,
        "low_below": f"{lease.meter.low_below_kwh:.2f}",
        "phone": lease.renter.phone if lease.renter else "",
    }
    return render(request, "landing/warning.html", context)


@require_safe
@page
def mine(request: Any, token: str) -> HttpResponse:
    """Show the way to one's own orders and receipts, the language, and out."""
    now = timezone.now()
    found = find_meter(token, now)
    context = {
        "token": token,
        "lives_here": _lease_here(_users(request), found, now) is not None,
        "has_desk": request.user.is_authenticated and bool(memberships_of(request.user)),
    }
    return render(request, "landing/mine.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def enter(request: Any, token: str) -> HttpResponse:
    """Log a renter in by a code sent to her phone: first the number, then the code."""
    now = timezone.now()
    found = find_meter(token, now)
    if request.method != "POST":
        if "other" in request.GET:
            request.session.pop(_PHONE, None)
        return _asked_in(request, token, request.GET.get("next", ""), status=200)
    phone, code = request.POST.get("phone", "")[:20].strip(), request.POST.get("code", "")[:12].strip()
    try:
        if not code:
            _send_code(phone)
            request.session[_PHONE] = phone
            return _asked_in(request, token, request.POST.get("next", ""), status=200)
        user = logins.with_code(phone=request.session.get(_PHONE) or phone, code=code, now=now)
    except Refused as refusal:
        return _asked_in(request, token, request.POST.get("next", ""), refusal=refusal)
    request.session.pop(_PHONE, None)
    login(request, user, backend=_LOGIN_BACKEND)
    with landlord_scope(found.landlord_id):
        take_up_lease(meter_id=found.object_id, user=user, now=now)
    return redirect(_next(request.POST.get("next", "")), token=token)


@require_POST
@page
def live_here(request: Any, token: str) -> HttpResponse:
    """Let who is logged in take up the lease: by the link she came by, or by the phone the landlord named."""
    now = timezone.now()
    found = find_meter(token, now)
    if not request.user.is_authenticated:
        return _asked_in(request, token, "mine")
    if _lease_here([request.user], found, now) is None:
        if shared_qr_token(token):
            accept_share(token=token, user=request.user, now=now)
        else:
            with landlord_scope(found.landlord_id):
                if not take_up_lease(meter_id=found.object_id, user=request.user, now=now):
                    return _asked_in(request, token, "mine")
    return redirect("page:mine", token=token)


@require_safe
@page
def rented_meters(request: Any) -> HttpResponse:
    """The renter's view of a login that may have a desk too: the meters it rents, and nothing of what it lets."""
    if not request.user.is_authenticated:
        return redirect(f"{reverse('admin:login')}?{urlencode({'next': request.path})}")
    now = timezone.now()
    rents = rented.meters_of(request.user, now)
    meters = [each for each in rents if _runs(each["starts_at"], each["ends_at"], now)]
    context = {"meters": meters, "has_desk": bool(memberships_of(request.user))}
    return render(request, "landing/rented.html", context)


@require_POST
@page
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """Log out; the list of recharges in this browser stays, it is the browser's own."""
    logout(request)
    return redirect("page:meter", token=token)


def _users(request: Any) -> list[Any]:
    """Whoever this browser has proved to be: by a login here, or as the payer a platform named."""
    users = [request.user] if request.user.is_authenticated else []
    for channel in Channel:
        payer = payer_of(request, channel)
        if payer is not None and payer.user is not None:
            users.append(payer.user)
    return users


def _lease_here(users: list[Any], found: Found, now: datetime) -> Lease | None:
    for user in users:
        for lease in own_leases(user):
            if _runs(lease.starts_at, lease.ends_at, now) and lease.meter_id == found.object_id:
                return lease
    return None


def _runs(starts_at: datetime, ends_at: datetime | None, now: datetime) -> bool:
    return starts_at <= now and (ends_at is None or now < ends_at)


def _can_take_up(request: Any, token: str) -> bool:
    """Whether pressing "I live here" would help: by a link of the landlord's, or by the phone she named."""
    now = timezone.now()
    if not request.user.is_authenticated:
        return False
    if shared_qr_token(token):
        return True
    found = find_meter(token, now)
    with landlord_scope(found.landlord_id):
        return can_take_up(meter_id=found.object_id, user=request.user, now=now)


def _asked_in(
    request: Any, token: str, to: str, *, refusal: Refused | None = None, status: int = 403
) -> HttpResponse:
    """Ask who she is; to a login without a lease here say what to do."""
    context = {
        "token": token,
        "next": to if to in ("use", "warning", "mine") else "mine",
        "refusal": refusal,
        "errors": refusal.fields if refusal else {},
        "phone": request.session.get(_PHONE, "") or request.POST.get("phone", "")[:20],
        # A session that ended between the number and the code takes neither away.
        "is_sent": bool(request.session.get(_PHONE) or request.POST.get("code"))
        and not (refusal and "phone" in refusal.fields),
        "is_stranger": request.user.is_authenticated,
        "can_take_up": _can_take_up(request, token),
    }
    return render(request, "landing/enter.html", context, status=refusal.status if refusal else status)


def _next(to: str) -> str:
    return f"page:{to}" if to in ("use", "warning", "mine") else "page:mine"


def _send_code(phone: str) -> None:
    try:
        codes.send_code(phone=phone, now=timezone.now())
    except messaging.MessageNotSent:
        said = _("The message could not be sent just now. Try again in a minute.")
        raise Refused(said, code="code_not_sent", fields={"phone": said}) from None


def _bars(days: list[dict[str, Any]]) -> list[Bar]:
    largest = max((day["used_kwh"] for day in days if day["used_kwh"] is not None), default=Decimal(0))
    bars = []
    for place, day in enumerate(days):
        used = day["used_kwh"]
        height = int(used * _HEIGHT / largest) if used and largest else 0
        bars.append(
            Bar(
                x=place * _BAR + 3,
                y=_HEIGHT - height,
                height=height,
                said=f"{_date(day)}: {_used(day)}",
                is_gap=used is None,
            )
        )
    return bars


def _date(day: dict[str, Any]) -> str:
    return f"{day['date']:%Y-%m-%d}"


def _used(day: dict[str, Any]) -> str:
    return _("not known") if day["used_kwh"] is None else f"{day['used_kwh']:.2f} {_('kWh')}"
