"""What a person sees whose form carries no CSRF token, or one from before she logged in anew elsewhere."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from apps.landing.desk import typed
from apps.landing.page.edge import content_security_policy


def refuse(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that nothing was done and what to do; a desk's form is kept, if our own page has sent it."""
    is_ours = _came_from_here(request)
    is_kept = is_ours and _is_of_a_desk(request) and typed.keep_old(request, now=timezone.now())
    detail = _(
        "Nothing was sent and nothing was done: the page had been open too long, or you logged in anew."
    )
    advice = _("Open it again and send it once more.")
    if is_kept:
        advice = _("Open it again: what you typed is there. Look it over and send it.")
    elif reason == REASON_NO_CSRF_COOKIE and not request.COOKIES:
        detail = _("Nothing was sent and nothing was done: your browser keeps no cookies of this site.")
        advice = _("Allow cookies for this site, then open the page again.")
    context = {
        "title": _("Please open this page again"),
        "detail": detail,
        "advice": advice,
        "link": {"href": page_of_form(request) if is_ours else "/admin/", "words": _("Open it again")},
        "has_no_choices": True,
    }
    response = render(request, "landing/refused.html", context, status=403)
    add_never_cache_headers(response)
    response["Content-Security-Policy"] = content_security_policy()
    return response


def _came_from_here(request: HttpRequest) -> bool:
    own = {f"{request.scheme}://{request.get_host()}", settings.PUBLIC_BASE_URL}
    return request.headers.get("Origin", "") in own


def _is_of_a_desk(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and bool({"admin", "ops"} & set(match.namespaces))


def page_of_form(request: HttpRequest) -> str:
    """Return where the form stood: an act without a page of its own is sent from another one."""
    parts = urlsplit(request.headers.get("Referer", ""))
    if f"{parts.scheme}://{parts.netloc}" != request.headers.get("Origin"):
        return request.path
    return parts.path + (f"?{parts.query}" if parts.query else "")
