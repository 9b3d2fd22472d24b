"""What every view of the page shares: the language asked for, a strict policy, refusals in words."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from apps.accounts.changes import change_user
from apps.common.errors import Refused
from apps.common.scoping import own_scopes
from apps.landing.selectors import MeterBarred, MeterGone, MeterUnclaimed

View = Callable[..., HttpResponse]

LARGE_TYPE = "large_type"
_YEAR_S = 365 * 86_400


def page(view: View) -> View:
    """Make a view one of the page's: it opens scopes itself, is never cached, and refuses in words.

    `?lang=en` and `?type=large` are remembered in cookies and leave the address again.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = _remember_choice(request)
        if response is None:
            try:
                response = view(request, *args, **kwargs)
            except Refused as refusal:
                response = refused(request, refusal)
        add_never_cache_headers(response)
        response["Content-Security-Policy"] = content_security_policy()
        return response

    marked: View = own_scopes(answer)
    return marked


def content_security_policy() -> str:
    """Return the policy: only our own files; forms go home, or to the pretend platforms where in use."""
    parts = urlsplit(settings.SANDBOX_URL)
    form_targets = f"'self' {parts.scheme}://{parts.netloc}" if settings.SANDBOX_URL else "'self'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action {form_targets}; frame-ancestors 'none'; base-uri 'none'"
    )


def refused(request: HttpRequest, refusal: Refused) -> HttpResponse:
    """Return the page that says what is wrong and what to do next."""
    title, advice, phone = _("This did not work"), "", ""
    status = refusal.status
    if isinstance(refusal, MeterGone):
        title = _("Meter removed")
        advice = _(
            "If you still live here, ask your landlord; the money of earlier recharges stays on record."
        )
        phone = refusal.contact_phone
    elif isinstance(refusal, MeterUnclaimed):
        title, status = _("Is this your meter?"), 200
        advice = _("Landlords add it with the claim code from its box. Renters: please ask your landlord.")
    elif isinstance(refusal, MeterBarred):
        title = _("Meter out of service")
        advice = _(
            "If it hangs at your door, tell your landlord; who bought it asks the seller to allow it again."
        )
    elif refusal.status == 404:
        title = _("Not found")
        advice = _("Scan the code on the meter again, or ask your landlord for the link.")
    context: dict[str, Any] = {"title": title, "detail": refusal.detail, "advice": advice, "phone": phone}
    if isinstance(refusal, MeterUnclaimed):
        address = f"{reverse('join:claim')}?{urlencode({'token': refusal.token})}"
        context["link"] = {"href": address, "words": _("Register and add it")}
    return render(request, "landing/refused.html", context, status=status)


def _remember_choice(request: HttpRequest) -> HttpResponse | None:
    language, type_size = request.GET.get("lang"), request.GET.get("type")
    if request.method != "GET" or (language is None and type_size is None):
        return None
    response = redirect(request.path)
    if language in dict(settings.LANGUAGES):
        if request.user.is_authenticated:
            change_user(user=request.user, language=language)
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, max_age=_YEAR_S, samesite="Lax")
    if type_size in ("large", "normal"):
        response.set_cookie(LARGE_TYPE, "1" if type_size == "large" else "", max_age=_YEAR_S, samesite="Lax")
    return response
