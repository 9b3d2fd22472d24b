"""Who she is: phone, code, name and password; or the login she has already."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts import codes, logins, messaging, selectors, services
from apps.accounts.changes import change_user
from apps.accounts.models import User
from apps.common.errors import Refused
from apps.landing.join.kept import enter, keep, kept
from apps.landing.join.meters import go_on, kept_form
from apps.landing.join.typed import plain, text_of
from apps.landing.page.edge import page

SEND_AGAIN_AFTER = timedelta(minutes=1)
_LONGEST_PASSWORD = 128
_form = require_http_methods(["GET", "HEAD", "POST"])


class CodeNotSent(Refused):
    code = "code_not_sent"
    status = 503


@_form
@page
def register(request: HttpRequest) -> HttpResponse:
    """Ask for her phone and send it a code; whoever works for a landlord already goes on to the meter."""
    if _works_already(request):
        return redirect("join:claim")
    if request.method != "POST":
        return _phone_screen(request)
    phone = plain(text_of(request.POST, "phone", 20))
    name = text_of(request.POST, "name", 60)
    try:
        phone = codes.checked_phone(phone)
        _send_code(phone)
    except codes.TooManyCodes as refusal:
        # A code is under way to this phone: whoever asked for it here can still type it.
        if kept(request).get("phone") == phone:
            return _account_screen(request, refusal)
        return _phone_screen(request, refusal)
    except Refused as refusal:
        return _phone_screen(request, refusal)
    keep(request, phone=phone, sent_at=timezone.now().isoformat(), name=name)
    return redirect("join:account")


@_form
@page
def account(request: HttpRequest) -> HttpResponse:
    """Take code, name and password and open her account; with an account's own password she is simply in."""
    if _works_already(request):
        return redirect("join:claim")
    phone = kept(request).get("phone")
    if not phone:
        return redirect("join:register")
    if request.method != "POST":
        return _account_screen(request)
    password = request.POST.get("password", "")[:_LONGEST_PASSWORD]
    try:
        user = _landlord_already(request, phone, password)
        if user is None:
            user, _landlord = services.register_landlord(
                phone=phone,
                code=plain(text_of(request.POST, "code", 12)),
                password=password,
                name=text_of(request.POST, "name", 60),
                now=timezone.now(),
            )
    except Refused as refusal:
        return _account_screen(request, refusal)
    change_user(user=user, language=get_language())
    enter(request, user)
    return redirect("join:claim")


@_form
@page
def log_in(request: HttpRequest) -> HttpResponse:
    """Let in who has a login; a meter's form that was sent before the session ended is sent again."""
    if _works_already(request):
        return go_on(request)
    if request.method != "POST":
        return _login_screen(request)
    phone = plain(text_of(request.POST, "phone", 64)).replace(" ", "")
    try:
        user = _known(request, phone, request.POST.get("password", "")[:_LONGEST_PASSWORD])
    except Refused as refusal:
        return _login_screen(request, refusal)
    enter(request, user)
    return go_on(request)


def _send_code(phone: str) -> None:
    try:
        codes.send_code(phone=phone, now=timezone.now())
    except messaging.MessageNotSent:
        raise CodeNotSent(
            _("The message could not be sent just now. Try again in a minute."),
            fields={"phone": _("Not reached.")},
        ) from None


def _known(request: HttpRequest, phone: str, password: str) -> User:
    address = request.META.get("REMOTE_ADDR", "")
    return logins.with_password(phone=phone, password=password, address=address, now=timezone.now())


def _landlord_already(request: HttpRequest, phone: str, password: str) -> User | None:
    """The landlord who comes a second time, or whose form was sent twice: no second account is opened for her."""
    try:
        user = _known(request, phone, password)
    except Refused:
        return None
    return user if selectors.memberships_of(user) else None


def _works_already(request: Any) -> bool:
    return request.user.is_authenticated and bool(selectors.memberships_of(request.user))


def _phone_screen(request: Any, refusal: Refused | None = None) -> HttpResponse:
    context = {"phone": request.POST.get("phone", "")[:20] or kept(request).get("phone", "")}
    if request.user.is_authenticated:
        context["no_landlord"] = str(request.user)
    return _screen(request, "join/register.html", context, refusal)


def _account_screen(request: HttpRequest, refusal: Refused | None = None) -> HttpResponse:
    waiting = kept(request)
    sent_at = parse_datetime(waiting["sent_at"])
    left = SEND_AGAIN_AFTER - (timezone.now() - sent_at) if sent_at else timedelta(0)
    context = {
        "phone": waiting["phone"],
        "code": request.POST.get("code", "")[:12],
        "name": request.POST.get("name", waiting.get("name", ""))[:60],
        "wait_s": (refusal and refusal.retry_after_s) or max(int(left.total_seconds()), 0),
    }
    return _screen(request, "join/account.html", context, refusal)


def _login_screen(request: HttpRequest, refusal: Refused | None = None) -> HttpResponse:
    context = {"phone": request.POST.get("phone", "")[:64], "is_sent": kept(request).get("is_sent", False)}
    return _screen(request, "join/login.html", context, refusal)


def _screen(
    request: HttpRequest, template: str, context: dict[str, Any], refusal: Refused | None
) -> HttpResponse:
    errors = dict(refusal.fields) if refusal else {}
    if refusal and refusal.code == "password_weak":
        # Django's own sentences say it again, and not in every language.
        errors["password"] = _("At least 8 characters.")
    shared = {
        "refusal": refusal,
        "errors": errors,
        "waiting": kept_form(request),
    }
    return render(request, template, context | shared, status=refusal.status if refusal else 200)
