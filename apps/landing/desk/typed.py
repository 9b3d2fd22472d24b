"""What a member had typed when her session ended, kept until she is in again, so that nothing is typed twice."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.http import HttpRequest

View = TypeVar("View", bound=Callable[..., Any])

KEPT_FOR = timedelta(hours=1)
_KEY = "desk_typed"
_LONGEST, _MOST = 500, 20
_NEVER = {"csrfmiddlewaretoken", "key"}


def keeps_typed(view: View) -> View:
    """Mark a page whose form survives the end of a session; never one that takes a password."""
    view.keeps_typed = True  # type: ignore[attr-defined]
    return view


def keep(request: HttpRequest, *, now: datetime) -> None:
    """Keep the form of a request that came without a login; the newest one only."""
    fields = [(name, value) for name, value in request.POST.items() if name not in _NEVER]
    request.session[_KEY] = {
        "path": request.path,
        "at": now.isoformat(),
        "fields": {name[:60]: str(value)[:_LONGEST] for name, value in fields[:_MOST]},
    }


def taken_out(request: HttpRequest, *, now: datetime) -> dict[str, str]:
    """Return what was typed on this very page before the session ended, once; empty where nothing was."""
    kept = request.session.get(_KEY)
    if not kept or kept["path"] != request.path:
        return {}
    del request.session[_KEY]
    if now - datetime.fromisoformat(kept["at"]) > KEPT_FOR:
        return {}
    fields: dict[str, str] = kept["fields"]
    return fields
