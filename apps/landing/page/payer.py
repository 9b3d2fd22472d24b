"""Which app opened the page, and whom it has named as the payer.

The User-Agent is only a hint for the screen. Who pays is decided by the login alone.
"""

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.accounts import identity
from apps.accounts.doors import Found
from apps.accounts.models import PayerIdentity
from apps.accounts.services import know_payer
from apps.common.errors import NotFound
from apps.common.ids import secret_token
from apps.common.platforms import PlatformError
from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount
from apps.income.services.channels import payer_login_of
from apps.income.states import Channel
from apps.landing.page.edge import page
from apps.landing.selectors import find_meter

_PENDING = "login"


@dataclass(frozen=True)
class LoginApp:
    """The app through which a landlord's payers log in on one channel."""

    channel: str
    app_id: str
    credentials: dict[str, Any]


def app_that_opened(request: HttpRequest) -> str:
    """Return the channel of the app whose browser this is, or an empty text."""
    agent = request.headers.get("User-Agent", "")
    if "MicroMessenger" in agent:
        return Channel.WECHAT
    return Channel.ALIPAY if "AlipayClient" in agent else ""


def is_on_phone(request: HttpRequest) -> bool:
    """Return whether the page seems to be on a phone whose browser may open Alipay's page; WeChat's may not."""
    agent = request.headers.get("User-Agent", "")
    return "MicroMessenger" not in agent and ("Mobile" in agent or "Android" in agent)


def payer_of(request: HttpRequest, channel: str) -> PayerIdentity | None:
    """Return whom the platform has named in this session, or None; never what a request's body claims."""
    known = request.session.get(f"payer:{channel}")
    if not known:
        return None
    return PayerIdentity.objects.filter(pk=UUID(str(known)), channel=channel).first()


def login_due(request: HttpRequest, found: Found) -> str:
    """Return the channel to log in at before the page is shown, or an empty text.

    Only in the app's own browser, only where the landlord takes payments there, once per app and session. A
    browser that keeps no cookies comes back with `?login` in its address and is not sent again.
    """
    channel = app_that_opened(request)
    if not channel or "login" in request.GET:
        return ""
    app = _login_app(found, channel)
    if app is None or app.app_id in request.session.get("logins_tried", []):
        return ""
    payer = payer_of(request, channel)
    return "" if payer and payer.app_id == app.app_id else channel


@require_GET
@page
def log_in(request: HttpRequest, token: str, channel: str) -> HttpResponse:
    """Send the app's browser to its platform, which sends it back with a code and our state."""
    app = _login_app(find_meter(token, timezone.now()), channel)
    if app is None:
        raise NotFound(_("There is no login here."))
    state = secret_token()
    request.session[_PENDING] = {"state": state, "channel": channel, "token": token}
    tried = [*request.session.get("logins_tried", []), app.app_id]
    request.session["logins_tried"] = tried[-20:]
    back_to = settings.PUBLIC_BASE_URL + reverse("page_return", args=[channel])
    base_url = settings.SANDBOX_URL or None
    if channel == Channel.WECHAT:
        return redirect(identity.wechat_authorize_url(app.credentials, back_to, state, base_url=base_url))
    return redirect(identity.alipay_authorize_url(app.app_id, back_to, state, base_url=base_url))


@require_GET
@page
def come_back(request: HttpRequest, channel: str) -> HttpResponse:
    """Exchange the platform's code, outside any scope, and remember the payer in this session.

    A state that is not this session's changes nothing; a state is good for one return.
    """
    pending = request.session.pop(_PENDING, None)
    state = request.GET.get("state", "")
    if (
        not pending
        or pending["channel"] != channel
        or not secrets.compare_digest(str(pending["state"]).encode(), state.encode())
    ):
        context = {
            "title": _("Please scan again"),
            "detail": _("This login was not begun in this browser, or it was used already."),
            "advice": _("Nothing was paid. Scan the code on the meter again."),
        }
        return render(request, "landing/refused.html", context, status=400)
    token = pending["token"]
    app = _login_app(find_meter(token, timezone.now()), channel)
    code = request.GET.get("code") or request.GET.get("auth_code") or ""
    outcome = "failed"
    if app is not None and code:
        try:
            open_id = _exchange(app, code)
        except PlatformError:
            open_id = ""
        if open_id:
            payer = know_payer(channel=channel, app_id=app.app_id, open_id=open_id)
            request.session.cycle_key()
            request.session[f"payer:{channel}"] = str(payer.pk)
            outcome = "done"
    return redirect(f"{reverse('page:meter', args=[token])}?login={outcome}")


def _exchange(app: LoginApp, code: str) -> str:
    base_url = settings.SANDBOX_URL or None
    if app.channel == Channel.WECHAT:
        return identity.wechat_openid(code, app.credentials, base_url=base_url)
    return identity.alipay_open_id(code, app.credentials, base_url=base_url)


def _login_app(found: Found, channel: str) -> LoginApp | None:
    with landlord_scope(found.landlord_id):
        account = CollectionAccount.objects.filter(channel=channel, is_active=True).first()
        if account is None:
            return None
        credentials = payer_login_of(account)
    if channel == Channel.ALIPAY:
        return LoginApp(channel, str(credentials.get("app_id", "")), credentials)
    app_id = str(credentials.get("appid", ""))
    if app_id == settings.WECHAT_APP_ID and settings.WECHAT_APP_SECRET:
        credentials = credentials | {"app_secret": settings.WECHAT_APP_SECRET}
    return LoginApp(channel, app_id, credentials) if credentials.get("app_secret") else None
