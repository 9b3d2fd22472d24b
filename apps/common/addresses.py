"""Where a request comes from."""

from typing import Any

from django.conf import settings


def address_of(request: Any) -> str:
    """Return the caller's address; behind our own proxy, the one the proxy saw."""
    if settings.SECURE_PROXY:
        seen = str(request.headers.get("X-Forwarded-For", "")).rpartition(",")[2].strip()
        if seen:
            return seen
    return str(request.META.get("REMOTE_ADDR", ""))
