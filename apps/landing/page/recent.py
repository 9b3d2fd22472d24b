"""The orders this browser opened, kept by the browser itself in a signed cookie; we keep no list of visitors."""

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_COOKIE = "recharges"
_KEPT = 20
_YEAR_S = 365 * 86_400


def remember(request: HttpRequest, response: HttpResponse, token: str, no: str) -> None:
    """Add an order to the browser's list; the oldest beyond twenty are forgotten."""
    entries = [entry for entry in _entries(request) if entry != [token, no]]
    response.set_signed_cookie(
        _COOKIE,
        json.dumps([*entries, [token, no]][-_KEPT:], separators=(",", ":")),
        max_age=_YEAR_S,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def order_numbers(request: HttpRequest, token: str) -> list[str]:
    """Return the numbers of this browser's orders at one meter, newest first; none if the cookie was changed."""
    return [no for at, no in reversed(_entries(request)) if at == token]


def _entries(request: HttpRequest) -> list[list[str]]:
    entries: list[list[str]] = json.loads(request.get_signed_cookie(_COOKIE, default="[]") or "[]")
    return entries
